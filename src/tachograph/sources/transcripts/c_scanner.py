"""The compiled twin of the loop in decode.py, and rows of a first pass in memory (_scan.c), where it could be compiled.

It costs a third of a millisecond to import and reads four times as fast; it says nothing that decode.py does not say.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from tachograph.sources.transcripts.decoders import Scan

_LAYOUT = 11  # shape of what we give and expect; a library left over from an older version has another

SCAN: Scan | None
PLAIN_MESSAGES: Any  # makes the `PlainMessages` of model/usage/plain_messages.py
KEPT_ROWS: Any  # makes the `KeptRows` of ledger/usage/kept_rows.py; None without a compiled reader
IDENTITIES: Any  # makes a set of the identities of messages, of which a first pass meets a million
try:
    from tachograph.sources.transcripts import _scan
except ImportError:  # no compiler when it was installed
    _is_ours = False
else:
    _is_ours = getattr(_scan, "LAYOUT", 1) == _LAYOUT
if _is_ours:
    SCAN, PLAIN_MESSAGES = _scan.scan, _scan.PlainMessages
    KEPT_ROWS, IDENTITIES = _scan.KeptRows, _scan.Identities
else:
    SCAN, PLAIN_MESSAGES, KEPT_ROWS, IDENTITIES = None, None, None, set
