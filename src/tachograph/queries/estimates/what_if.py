"""The end of the week if the rest of it ran on another model: at the present pace, and at that model's weight.

The pace is that of this week and of the weeks before; the weights are the learned ones (model/estimates/weights.py). Tokens
stay the same: another model may need more or fewer for the same work.
"""

import math
import sqlite3
from typing import NamedTuple

from tachograph.errors import NotFound
from tachograph.model.estimates import weights
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.estimates.training_windows import WEEK, Work
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.model.usage.model_names import display_name as shown_model
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.attribution import attribution
from tachograph.queries.estimates.constants import LEARNED, LITTLE, NO_WEEK, NO_WEIGHTS, NO_WORK
from tachograph.queries.estimates.forecast import past_weeks
from tachograph.queries.estimates.learning import LearnedState, dollars, load, sum_by_model, work_for
from tachograph.queries.limits.current import RESET, NowAccount

_LOOK_BACK_MS = 7 * 86_400_000
_PACE_SD = 0.45  # of the logarithm of a whole week's pace
_SURE_WEEKS = 2.0


class WhatIf(NamedTuple):
    """`as_is` and `changed`: percent of the week at its end, with 80 % intervals (beyond 100: the limit is reached before);
    None if unknown, then `why_not` has the reason. `model` as logged, `share` of the remaining work that moves to it.
    `window_points`: percent of the week that a full 5-hour window costs."""

    account: int
    model: str
    share: float
    used: float | None
    resets_at: int | None
    as_is: Estimate | None
    changed: Estimate | None
    window_points: Estimate | None
    days: float
    why_not: str = ""


def what_if(
    db: sqlite3.Connection,
    book: PriceBook,
    account: NowAccount,
    at: int,
    model: str,
    share: float = 1.0,
    state: LearnedState | None = None,
) -> WhatIf:
    """The end of the week if a share of the remaining work ran on a model. Raises NotFound for a model without a price."""
    state = load(db, book, account.id, at) if state is None else state
    work = work_for(db, book, account.id, at - _LOOK_BACK_MS, at)
    name = find_model(book, model, [row.model for row in reversed(work.rows)], state)
    limit = account.limit(SEVEN_DAY)
    weight = state.learned.weights
    why = attribution(db, book, account, at, SEVEN_DAY, 0, state)
    base = WhatIf(account.id, name, share, None, None, None, None, why.window_points, state.days)
    if limit is None or limit.percent is None or limit.resets_at is None or limit.state == RESET:
        return base._replace(why_not=NO_WEEK)
    base = base._replace(used=limit.percent, resets_at=limit.resets_at)
    if why.method == LITTLE:
        return base._replace(why_not=LITTLE)
    if weight is None or not state.is_enough() or why.method != LEARNED:
        return base._replace(why_not=NO_WEIGHTS)
    if not work.rows:
        return base._replace(why_not=NO_WORK)
    left = (limit.resets_at - at) / 1000 / WEEK
    rest = pace(limit.percent, left, past_weeks(db, account.id, at)) * left
    # This machine's part of the remaining use is as it was; the rest does not change its model.
    mine = 1 - (why.unexplained.value if why.unexplained is not None else 0.0)
    before = sum_by_model(Work("", m.model, m.dollars) for m in work.messages)
    after = sum_by_model(Work("", name, cost) for row in work.rows if (cost := dollars(book, row, name)) is not None)
    points, moved = (sum(weights.points(weight, works).values()) for works in (before, after))
    ratio = moved / points if points else 1.0
    factor = 1 - mine * share * (1 - ratio)
    sd = _PACE_SD * math.sqrt(max(left, 0.05))
    ratio_sd = math.sqrt(weights.points_var(weight, after) / max(moved, 1e-9) ** 2) if moved else 0.0
    changed_sd = math.hypot(sd * factor, mine * share * ratio * ratio_sd) / factor if factor > 0 else sd
    return base._replace(as_is=_end(limit.percent, rest, sd), changed=_end(limit.percent, rest * factor, changed_sd))


def pace(used: float, left: float, before: list[float]) -> float:
    """Percent that a whole week is expected to use: from this week's pace and the weeks before."""
    gone = max(1 - left, 0.02)
    now = used / gone
    if not before:
        return now
    usual = sum(before) / len(before)
    trust = gone / (gone + _SURE_WEEKS / 7)
    return trust * now + (1 - trust) * usual


def _end(used: float, rest: float, sd: float) -> Estimate:
    wide = math.exp(weights.Z80 * sd)
    return Estimate(used + rest, used + rest / wide, used + rest * wide)


def find_model(book: PriceBook, word: str, recent: list[str], state: LearnedState) -> str:
    """The model of a name: the one used last here, else one with a price. Raises NotFound."""
    known_models = [
        *dict.fromkeys(recent),
        *(state.learned.weights.models if state.learned.weights is not None else ()),
    ]
    wanted = word.strip().lower()
    for model in known_models:
        if wanted in (model.lower(), shown_model(model).lower()):
            return model
    for model in known_models:
        if wanted in model.lower():
            return model
    priced = [name for entry in book.entries() for name in entry.names]
    for name in [*(n for n in priced if wanted in (n.lower(), shown_model(n).lower())), *(n for n in priced if wanted and wanted in n.lower())]:  # fmt: skip
        return name
    raise NotFound(f"No model called {word!r} has a price.", "Known: `tachograph prices` lists them.")
