"""`sqlite3` without what it imports: `datetime` in Python, `functools` in C; together a third of an empty Python's start.

The C module `_sqlite3` is all that a ledger needs. The package around it adds adapters of dates, which we do not store.
The C module uses only `lru_cache` of `functools`, which is implemented in C too. If either module differs from what is
expected here, `sqlite3` itself is imported. Type checkers see `sqlite3`.
"""

from __future__ import annotations

import sys

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3 as sqlite3
else:

    class _Functools:
        """The part of `functools` that `_sqlite3` asks for while it is imported."""

        @staticmethod
        def lru_cache(maxsize):
            return lambda function: _lru_cache_wrapper(function, maxsize, False, tuple)

    try:
        from _functools import _lru_cache_wrapper

        if is_alone := "functools" not in sys.modules:
            sys.modules["functools"] = _Functools
        try:
            import _sqlite3 as sqlite3
        finally:
            if is_alone:
                del sys.modules["functools"]
        sqlite3.connect(":memory:").close()
    except Exception:  # noqa: BLE001 - whatever another Python does differently
        import sqlite3
