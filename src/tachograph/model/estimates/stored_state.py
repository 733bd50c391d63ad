"""Learned state as text for the ledger: nested lists in the order of the fields."""

from __future__ import annotations

from tachograph.lean_json import loads
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.estimates.learner import Learned
from tachograph.model.estimates.training_windows import Reading
from tachograph.model.estimates.week_scale import Rises, ScaleChange, WeekScale
from tachograph.model.estimates.weights import Change, Weights, WindowRatio

if TYPE_CHECKING:
    from typing import Any


def dump(learned: Learned, prices: str) -> str:
    """Text of a state; `prices` identifies the price list of its dollars."""
    import json  # only where something new was learned

    return json.dumps([prices, learned], separators=(",", ":"))


def parse(text: str, prices: str) -> Learned | None:
    """The state in a text; None if it cannot be read, or was learned in dollars of other prices."""
    try:
        digest, (five, week, scale, plan, until) = loads(text)
        if digest != prices:
            return None
        return Learned(_weights(five), _weights(week), _scale(scale), str(plan), float(until))
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _weights(fields: list[Any] | None) -> Weights | None:
    if fields is None:
        return None
    made = Weights(*fields)
    return made._replace(
        models=tuple(made.models),
        mean=tuple(made.mean),
        cov=tuple(tuple(row) for row in made.cov),
        reference=tuple(made.reference),
        odds=tuple(made.odds),
        recent=tuple(WindowRatio(*one) for one in made.recent),
        changes=tuple(Change(*one) for one in made.changes),
    )


def _scale(fields: list[Any] | None) -> WeekScale | None:
    if fields is None:
        return None
    made = WeekScale(*fields)
    return made._replace(
        cov=(made.cov[0], made.cov[1], made.cov[2]),
        level_cov=(made.level_cov[0], made.level_cov[1], made.level_cov[2]),
        last=None if made.last is None else Reading(*made.last),
        window=None if made.window is None else Rises(*made.window),
        recent=tuple(Rises(*one) for one in made.recent),
        changes=tuple(ScaleChange(*one) for one in made.changes),
    )
