"""An in-memory copy of the rows that a first pass writes, so that it does not have to read the whole ledger again.

Pull requests and totals are computed from all rows together, and reading the rows takes SQLite as long as writing them.
The compiled reader therefore keeps the columns that this needs, 64 bytes per row. Without a compiled reader, if a value
does not fit, or if another program writes to the ledger at the same time, SQL computes both instead (totals.py).
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.usage.messages import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Protocol

    from tachograph.model.usage.plain_messages import PlainMessages
    from tachograph.model.usage.pull_requests import Share

    # rows of a session that follow each other in one place: its number, SIDECHAIN or 0, and how many they are
    Run = tuple[int, int, int]
    # of an origin's id: model, tariff of a short prompt, folder, branch
    Tell = Callable[[int], tuple[int, int, int, int]]

    class RowIterator(Protocol):
        """Makes rows one at a time, each with the pull request that it has at that moment."""

        def __len__(self) -> int: ...
        def __iter__(self) -> Iterator[tuple[Any, ...]]: ...
        def __next__(self) -> tuple[Any, ...]: ...

    class KeptRows(Protocol):
        """Every row of `answer`, by id. `is_whole`: false since a value came that is not held here."""

        @property
        def is_whole(self) -> bool: ...
        def add(
            self,
            messages: PlainMessages,
            first_id: int,
            origins: Sequence[tuple[Any, int, int, int | None] | None],
            sessions: Sequence[int | None],
            ways: Sequence[int | None],
            follows: Callable[..., tuple[int, int, int, int, int]],
            touched: set[int],
            /,
        ) -> tuple[RowIterator, RowIterator]:
            """Keep the rows of new messages, as `NewRows._add` of new_rows.py makes them. Adds their sessions to `touched`.

            `origins`, `sessions` and `ways` have the values for each entry of `messages.tables()`; None for an unused
            entry. Returns the usual rows and the others. Raises ValueError if an entry in use has no values.
            """

        def put(self, rows: list[Row], /) -> None:
            """Keep rows, new or changed."""

        def drop(self, id: int, /) -> None: ...
        def assign(self, session: int, shares: Sequence[Share], /) -> list[tuple[int, int, int, int]]:
            """Give all rows of a session pull requests, in the order of `runs`; those after the last share have none.
            Returns what changed: pull request, whether by branch alone, and the first and last of ids that follow each
            other."""

        def assigned(self) -> list[int]:
            """Sessions with rows that have a pull request; a session may come twice."""

        def runs(self, session: int, places: dict[int, int], /) -> tuple[bytes, list[Run]]:
            """Rows of a session in order of time and identity, those of unknown time last: their times (64-bit integers of this
            machine, NO_TIME if unknown), and runs of them. `places`: their numbers by origin."""

        def sessions_of(self, is_asked: Callable[[int], bool], /) -> list[int]:
            """Sessions with billed rows of some origins, which `is_asked` tells by id; a session may come twice."""

        def sums(self, tell: Tell, /) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
            """Rows of `rollup` and of `hour`, in the order of their keys, that all rows add up to."""

    MakeKeptRows = Callable[[Sequence[int]], KeptRows]


_KEPT = (  # in the order that _scan.c takes them in
    *("id", "identity", "at", "input", "output", "cache_write_5m", "cache_write_1h", "cache_read"),
    *("web_searches", "logged_cost"),
    *("origin", "session", "flags", "account", "pull", "billed", "by_branch", "unfinished", "missing_output", "way"),
)


def kept_places(columns: Sequence[str]) -> tuple[int, ...]:
    """Places of the kept values in rows of some columns."""
    return tuple(map(columns.index, _KEPT))
