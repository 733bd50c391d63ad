"""Claude Code's own sum of sessions beside ours: a witness for what the messages in transcripts do not show."""

from __future__ import annotations

from collections.abc import Iterable

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.usage import messages, sessions
from tachograph.ledger.usage.sessions import CostState
from tachograph.model.usage.model_names import spelled_model
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import PICODOLLARS, PriceBook
from tachograph.queries.usage.pricing import price_sums
from tachograph.queries.usage.rows import Spend, total

_NANODOLLARS = 1_000_000_000
_LEAST = 1000  # nanodollars that are more than rounding


class Witness(NamedTuple):
    """Claude Code's own sum of some sessions, US dollars; `ours`: what their messages come to.

    `unseen_usd`: the part of it that no message shows: side calls such as titles, and outputs that were never completed.
    `unseen_models` are the models of which it counted more than any message shows, as logged, the dearest first.
    """

    sessions: int
    counted_usd: float
    ours: Spend
    unseen_usd: float
    unseen_models: tuple[str, ...]


def witness(db: sqlite3.Connection, book: PriceBook, ids: Iterable[int] | None = None) -> Witness | None:
    """The witness of some sessions (ids), or of all that have one; None where none has."""
    states = sessions.cost_states(db, ids)
    if not states:
        return None
    spans: list[Span | None] = [Span(None, None), None]
    sums = messages.sums(db, ("session", "model"), spans, {"session": states.keys()}, book.changes())
    priced = [(key, used) for _, key, used in price_sums(db, book, sums)]
    names = sessions.names(db, {model for (_, model), _ in priced})
    ours: dict[int, dict[str, Spend]] = {session: {} for session in states}
    for (session, model), used in priced:
        of_session, name = ours[session], spelled_model(names[model])
        of_session[name] = of_session[name] + used if name in of_session else used
    unseen: dict[str, int] = {}
    unnamed = 0
    for session, state in states.items():
        by_model, rest = _unseen(state, ours[session])
        unnamed += rest
        for name, cost in by_model.items():
            unseen[name] = unseen.get(name, 0) + cost
    more = sorted((name for name, cost in unseen.items() if cost > _LEAST), key=lambda name: -unseen[name])
    counted = sum(state.cost for state in states.values()) / _NANODOLLARS
    whole = total(used for of_session in ours.values() for used in of_session.values())
    return Witness(len(states), counted, whole, (sum(unseen.values()) + unnamed) / _NANODOLLARS, tuple(more))


def _unseen(state: CostState, ours: dict[str, Spend]) -> tuple[dict[str, int], int]:
    """What a session's messages do not show, nanodollars: by model as logged, and of what is said without a model.

    One model's messages show nothing of another's. A message without a price shows all that was counted of its model.
    """
    left = {name: (used.cost or 0) // (PICODOLLARS // _NANODOLLARS) for name, used in ours.items()}
    unseen: dict[str, int] = {}
    for model, cost in state.by_model.items():
        name = spelled_model(model)
        shown = cost if name in ours and ours[name].unpriced else min(cost, left.get(name, 0))
        left[name] = left.get(name, 0) - shown
        unseen[model] = cost - shown
    rest = state.cost - sum(state.by_model.values()) - sum(max(0, cost) for cost in left.values())
    return unseen, max(0, rest)
