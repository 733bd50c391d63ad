"""`datetime` for modules that fast commands load: the same classes from C, without running their twins in Python first.

Up to Python 3.11 importing `datetime` takes a millisecond. Type checkers see `datetime`.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import UTC as UTC
    from datetime import date as date
    from datetime import datetime as datetime
    from datetime import timedelta as timedelta
    from datetime import tzinfo as tzinfo
else:
    try:
        from _datetime import UTC, date, datetime, timedelta, tzinfo
    except ImportError:  # no CPython
        from datetime import UTC, date, datetime, timedelta, tzinfo  # noqa: F401
