"""A finding of doctor, as a value; ui/documents/doctor.py words it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

OK, NOTE, WRONG = "ok", "note", "wrong"
Facts = dict[str, Any]


class Finding(NamedTuple):
    """One thing that was looked at. `kind` ok, note or wrong; `what` says which sentence fits, `facts` what fills it.

    Times among the facts are epoch milliseconds, None where unknown; paths are text that can be printed.
    """

    kind: str
    subject: str
    what: str
    facts: Mapping[str, Any]
