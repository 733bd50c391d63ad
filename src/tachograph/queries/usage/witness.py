"""Claude Code's own sum of sessions beside ours: a witness for what the messages in transcripts do not show."""

from __future__ import annotations

from collections.abc import Iterable

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.usage import messages, sessions
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import PICODOLLARS, PriceBook
from tachograph.queries.usage.pricing import price_sums
from tachograph.queries.usage.rows import Spend, total

_NANODOLLARS = 1_000_000_000


class Witness(NamedTuple):
    """Claude Code's own sum of some sessions, US dollars; `ours`: what their messages come to. `unseen_models` are the
    models of which it counted more than any message shows, as logged, the dearest first."""

    sessions: int
    counted_usd: float
    ours: Spend
    unseen_models: tuple[str, ...]

    @property
    def unseen_usd(self) -> float:
        """The part of it that no message shows: side calls such as titles, and outputs that were never completed."""
        return max(0.0, self.counted_usd - (self.ours.usd or 0.0))


def witness(db: sqlite3.Connection, book: PriceBook, ids: Iterable[int] | None = None) -> Witness | None:
    """The witness of some sessions (ids), or of all that have one; None where none has."""
    states = sessions.cost_states(db, ids)
    if not states:
        return None
    ours: dict[str, Spend] = {}
    spans: list[Span | None] = [Span(None, None), None]
    sums = messages.sums(db, ("model",), spans, {"session": states.keys()}, book.changes())
    priced = [(model, used) for _, (model,), used in price_sums(db, book, sums)]
    names = sessions.names(db, {model for model, _ in priced})
    for model, used in priced:
        name = names[model]
        ours[name] = ours[name] + used if name in ours else used
    theirs: dict[str, int] = {}
    for state in states.values():
        for name, cost in state.by_model.items():
            theirs[name] = theirs.get(name, 0) + cost
    unseen = {
        name: cost - (ours[name].cost or 0) // (PICODOLLARS // _NANODOLLARS) if name in ours else cost
        for name, cost in theirs.items()
    }
    more = sorted((name for name, cost in unseen.items() if cost > 1000), key=lambda name: -unseen[name])
    counted = sum(state.cost for state in states.values()) / _NANODOLLARS
    return Witness(len(states), counted, total(ours.values()), tuple(more))
