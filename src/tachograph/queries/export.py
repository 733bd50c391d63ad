"""All that is kept, as rows to carry away: messages with what they cost, sessions, readings of limits, windows."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger import export
from tachograph.model.usage.periods import Calendar, Span
from tachograph.model.usage.prices import PICODOLLARS, PriceBook
from tachograph.model.usage.prices import tariff as tariff_of
from tachograph.queries.usage.machines import Machines
from tachograph.queries.usage.pricing import cost_of
from tachograph.queries.usage.rows import SpendQuery
from tachograph.queries.usage.spend import spend

TEXT, WHOLE, NUMBER, MOMENT = "text", "whole", "number", "moment"  # MOMENT: epoch milliseconds


class Field(NamedTuple):
    name: str
    kind: str


class Everything(NamedTuple):
    """An export: its columns, and the function that yields its rows."""

    fields: tuple[Field, ...]
    rows: Callable[[sqlite3.Connection, PriceBook, Calendar, Sequence[str]], Iterator[tuple[Any, ...]]]
    has_machine: bool = True


_COUNTS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read", "web_searches")


class _Folders:
    """Config folders as machines: the names of folders, and the folders of machines that are asked for (None: all)."""

    def __init__(self, db: sqlite3.Connection, machines: Sequence[str]) -> None:
        """Raises NotFound for a machine that is not known."""
        found = Machines(db)
        self._name = found.of if found.are_several else lambda _: ""
        self.wanted = found.folders_of(machines) if machines else None

    def machine(self, *folders: int) -> str | None:
        """Names of the machines of some folders; None while there is only this one."""
        names = {self._name(folder) for folder in folders if self.wanted is None or folder in self.wanted}
        return ", ".join(sorted(names)) or None


def _messages(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, machines: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    folders = _Folders(db, machines)
    found = export.messages(db, folders.wanted)
    for at, session, project, branch, model, agent, flags, speed, geo, stop, request, account, pull, *rest in found:
        counts, (logged, unfinished, missing), way = rest[:6], rest[6:9], rest[9:-1]
        tariff = tariff_of(speed, geo, counts[0] + counts[2] + counts[3] + counts[4])
        cost, _ = cost_of(book, model, at, tariff, (1, *counts, 0 if logged is None else 1, logged or 0))
        usd = None if cost is None else cost / PICODOLLARS
        yield (
            at, session or None, project or None, branch or None, model, agent or None, 1 if flags & 2 else 0,
            stop or None, request or None, account or None, pull or None, *counts, usd,
            speed or None, unfinished, missing, *(text or None for text in way), folders.machine(rest[-1]),
        )  # fmt: skip


def _sessions(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, machines: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    folders, of_session = _Folders(db, machines), export.session_folders(db)
    for row in spend(db, book, calendar, SpendQuery("session", Span(None, None), machines=tuple(machines))).rows:
        key, used = row.key, row.spend
        yield (
            key.session, key.title, key.project, key.branch, key.started_at, key.ended_at, used.tokens.messages,
            *used.tokens[1:], used.usd, used.unpriced, used.unfinished, used.missing_output, used.billed_usd,
            folders.machine(*of_session.get(key.session or "", ())),
        )  # fmt: skip


def _readings(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, machines: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    folders = _Folders(db, machines)
    for *row, folder in export.readings(db, folders.wanted):
        yield (*(None if value == "" else value for value in row), folders.machine(folder))


def _windows(
    db: sqlite3.Connection, book: PriceBook, calendar: Calendar, machines: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    for row in export.windows(db):
        yield tuple(None if value == "" else value for value in row)


def _fields(text: str) -> tuple[Field, ...]:
    kinds = {"w": WHOLE, "n": NUMBER, "m": MOMENT, "t": TEXT}
    return tuple(Field(name, kinds[kind]) for name, _, kind in (word.rpartition(":") for word in text.split()))


EVERYTHING: dict[str, Everything] = {
    "messages": Everything(
        _fields(
            "at:m session:t project:t branch:t model:t agent:t is_sidechain:w stop_reason:t request:t account:t pr:t "
            + " ".join(f"{name}:w" for name in _COUNTS)
            + " cost_usd:n speed:t unfinished:w missing_output_at_least:w"
            " agent_type:t skill:t plugin:t mcp:t effort:t entrypoint:t machine:t"
        ),
        _messages,
    ),
    "sessions": Everything(
        _fields(
            "session:t title:t project:t branch:t started_at:m ended_at:m messages:w "
            + " ".join(f"{name}:w" for name in _COUNTS)
            + " cost_usd:n unpriced_messages:w unfinished:w missing_output_at_least:w billed_usd:n machine:t"
        ),
        _sessions,
    ),
    "readings": Everything(
        _fields(
            "account:t source:t observed_at:m last_at:m times:w outcome:t plan:t limit:t label:t percent:n resets_at:m"
            " severity:t extra_usage:t machine:t"
        ),
        _readings,
    ),
    "windows": Everything(
        _fields("account:t limit:t label:t first_seen_at:m resets_at:m peak_percent:n hit_at:m percent:n source:t"),
        _windows,
        has_machine=False,
    ),
}
