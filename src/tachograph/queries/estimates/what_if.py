"""What if the rest of the week ran on another model: the end of the week at the present pace, and at that one's weight.

The pace is that of this week and of the weeks before; the weights are the learned ones (model/estimates/weights.py). Tokens stay
what they were: another model may need more or fewer for the same work, and nobody can know.
"""

import math
import sqlite3
from typing import NamedTuple

from tachograph.errors import NotFound
from tachograph.model.estimates import weights as learning
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.estimates.training_windows import WEEK, Work
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.model.usage.prices import PriceBook
from tachograph.model.usage.prices import display_name as shown_model
from tachograph.queries.estimates.attribution import attribution
from tachograph.queries.estimates.constants import LEARNED, NO_WEEK, NO_WEIGHTS, NO_WORK
from tachograph.queries.estimates.forecast import past_weeks
from tachograph.queries.estimates.learning import Known, dollars, known, worked
from tachograph.queries.limits.current import RESET, NowAccount

_LOOK_BACK_MS = 7 * 86_400_000
_PACE_SD = 0.45  # of the logarithm of a whole week's pace
_SURE_WEEKS = 2.0


class WhatIf(NamedTuple):
    """`as_is` and `changed`: percent of the week at its end, with 80 % intervals, as far as the plan lets it (they may
    pass 100: that is then the wall); None where it cannot be said and `why_not` says why. `model` as logged, `share` of
    the remaining work that moves to it. `window_points`: percent of the week that a full 5-hour window costs. `weight`:
    by model as logged, points of a 5-hour window per dollar at list price, relative to `model`."""

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
    found: Known | None = None,
) -> WhatIf:
    """The end of the week if a share of what is still to come ran on a model. Raises NotFound for a model without price."""
    found = known(db, book, account.id, at) if found is None else found
    work = worked(db, book, account.id, at - _LOOK_BACK_MS, at)
    name = meant_model(book, model, [row.model for row in reversed(work.rows)], found)
    limit = account.limit(SEVEN_DAY)
    weight = found.weights
    why = attribution(db, book, account, at, SEVEN_DAY, 0, found)
    base = WhatIf(account.id, name, share, None, None, None, None, why.window_points, found.days)
    if limit is None or limit.percent is None or limit.resets_at is None or limit.state == RESET:
        return base._replace(why_not=NO_WEEK)
    base = base._replace(used=limit.percent, resets_at=limit.resets_at)
    if weight is None or not found.is_enough or why.method != LEARNED:
        return base._replace(why_not=NO_WEIGHTS)
    if not work.rows:
        return base._replace(why_not=NO_WORK)
    left = (limit.resets_at - at) / 1000 / WEEK
    rest = pace(limit.percent, left, past_weeks(db, account.id, at)) * left
    # Of what is still to come, this machine's part is as it was; the rest does not change its model.
    mine = 1 - (why.unexplained.value if why.unexplained is not None else 0.0)
    before = [Work("", row.model, message.dollars) for message, row in zip(work.messages, work.rows, strict=True)]
    after = [Work("", name, cost) for row in work.rows if (cost := dollars(book, row, name)) is not None]
    points, moved = (sum(learning.points(weight, works).values()) for works in (before, after))
    ratio = moved / points if points else 1.0
    factor = 1 - mine * share * (1 - ratio)
    sd = _PACE_SD * math.sqrt(max(left, 0.05))
    ratio_sd = math.sqrt(learning.points_var(weight, after) / max(moved, 1e-9) ** 2) if moved else 0.0
    changed_sd = math.hypot(sd * factor, mine * share * ratio * ratio_sd) / factor if factor > 0 else sd
    return base._replace(as_is=_end(limit.percent, rest, sd), changed=_end(limit.percent, rest * factor, changed_sd))


def pace(used: float, left: float, before: list[float]) -> float:
    """Percent of a week that a whole week is expected to use: this one's pace and that of the weeks before."""
    gone = max(1 - left, 0.02)
    now = used / gone
    if not before:
        return now
    usual = sum(before) / len(before)
    trust = gone / (gone + _SURE_WEEKS / 7)
    return trust * now + (1 - trust) * usual


def _end(used: float, rest: float, sd: float) -> Estimate:
    wide = math.exp(learning.Z80 * sd)
    return Estimate(used + rest, used + rest / wide, used + rest * wide)


def meant_model(book: PriceBook, word: str, recent: list[str], found: Known) -> str:
    """The model that a person means: the one of that name used last here, else one that the book has a price for."""
    known_models = [*dict.fromkeys(recent), *(found.weights.models if found.weights is not None else ())]
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
