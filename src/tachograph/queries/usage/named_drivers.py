"""Drivers that records name (subagents, skills, plugins, MCP servers, effort, programs, speed), from sums of quarter hours.

For ranges of so many messages that reading them one by one takes too long for a page. Long context, parallel sessions
and cache rebuilds need the messages themselves, and so do the sessions that caused a row (`drivers.py`).
"""

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import metered
from tachograph.ledger.usage import message_stream, messages, rollups, sessions
from tachograph.model.usage.messages import AGENT
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import FAST, PriceBook
from tachograph.queries.usage.drivers import DIMENSIONS, SPEED, SUBAGENTS, Driver, Drivers, Kind
from tachograph.queries.usage.filters import filter_ids
from tachograph.queries.usage.pricing import price_sums
from tachograph.queries.usage.rows import CREDITS, Spend, SpendQuery

_KEYS = ("way", "side", "model", "speed")


def named_drivers(db: sqlite3.Connection, book: PriceBook, question: SpendQuery) -> Drivers:
    """The rows of `drivers` that transcripts name, without sessions and cells."""
    filters = filter_ids(db, question)
    speeds = filters.pop("speed", None)
    spans: list[Span | None] = [question.span]
    if question.span == Span(None, None):
        spans.append(None)  # messages that no record dates
    table = messages if "folder" in filters else rollups  # quarter hours are not kept by config folder
    unpriced: set[str] = set()
    found: dict[tuple[int, ...], Spend] = {}
    for _, key, used in price_sums(db, book, table.sums(db, _KEYS, spans, filters, book.changes()), unpriced):
        found[key] = found.get(key, Spend()) + used
    if metered.is_any(db):
        from tachograph.queries.usage.credits import spend_on_credits  # most people never draw on credits

        for _, key, used in spend_on_credits(db, book, _KEYS, spans, filters):
            rest, own = found.pop(key) - used, (*key[:-1], CREDITS)
            if rest.tokens.messages:
                found[key] = rest
            found[own] = found.get(own, Spend()) + used + used.on_credits
    if speeds is not None:
        found = {key: used for key, used in found.items() if key[-1] in speeds}
    return _Rows(db, found, tuple(sorted(unpriced))).drivers()


class _Rows:
    """Rows from sums by way, chain, model and speed."""

    def __init__(
        self,
        db: sqlite3.Connection,
        found: dict[tuple[int, ...], Spend],
        unpriced: tuple[str, ...],
    ) -> None:
        self._found, self._unpriced = found, unpriced
        self._ways = message_stream.ways(db)
        models = {key[2] for key in found}
        self._names = sessions.names(db, models | {id for way in self._ways.values() for id in way})
        self._sums: dict[Kind, Spend] = {}
        self._by_model: dict[Kind, dict[int, int]] = {}

    def drivers(self) -> Drivers:
        """All rows, by cost."""
        whole = Spend()
        for key, used in self._found.items():
            whole = whole + used
            way, side, model, speed = key
            words: list[str | None] = [self._names[id] or None for id in self._ways.get(way, self._ways[0])]
            if not side:
                words[AGENT] = "main"
            for kind in zip(DIMENSIONS, words, strict=True):
                self._add(kind, model, used)
            if side:
                self._add((SUBAGENTS, None), model, used)
            if speed == CREDITS:
                self._add((SPEED, "credits"), model, used)
            elif speed & FAST:
                self._add((SPEED, "fast"), model, used)
        rows = [self._driver(kind, spend, whole) for kind, spend in self._sums.items()]
        rows.sort(key=lambda row: (-(row.spend.cost or 0), -row.spend.tokens.total, row.kind, row.name or ""))
        return Drivers(tuple(rows), whole, {}, self._unpriced)

    def _add(self, kind: Kind, model: int, used: Spend) -> None:
        self._sums[kind] = self._sums.get(kind, Spend()) + used
        by_model = self._by_model.setdefault(kind, {})
        by_model[model] = by_model.get(model, 0) + (used.cost or 0)

    def _driver(self, kind: Kind, spend: Spend, whole: Spend) -> Driver:
        share = spend.cost / whole.cost if spend.cost is not None and whole.cost else None
        model, cost = max(
            ((self._names[id], cost) for id, cost in self._by_model[kind].items()), key=lambda item: (item[1], item[0])
        )
        return Driver(*kind, spend, share, 0, (), (model, cost / spend.cost) if spend.cost else None)
