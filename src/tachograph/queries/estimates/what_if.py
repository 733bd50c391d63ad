"""The end of this week and of the next one if the work ran on other models: at the usual pace, and at their weights.

The pace is that of this week and of the weeks before; the weights are the learned ones (model/estimates/weights.py). Tokens
stay the same: another model may need more or fewer for the same work. `tachograph what-if` and the pages ask the same query.
"""

import math
from collections.abc import Iterable, Sequence

from tachograph.errors import NotFound
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.estimates.training_data import MessageRow
from tachograph.model.estimates import weights
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.estimates.training_windows import FIVE_HOURS, WEEK, Dollars
from tachograph.model.estimates.training_windows import Work as Priced
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.model.usage.model_names import display_name as shown_model
from tachograph.model.usage.prices import PICODOLLARS, PriceBook, tariff
from tachograph.queries.estimates.attribution import Attribution, attribution
from tachograph.queries.estimates.constants import LEARNED, LITTLE, NO_WEEK, NO_WEIGHTS, NO_WORK, NOTHING
from tachograph.queries.estimates.forecast import past_weeks
from tachograph.queries.estimates.learning import LearnedState, Work, load, sum_by_model, work_for
from tachograph.queries.limits.current import RESET, NowAccount

_LOOK_BACK_MS = 7 * 86_400_000
_PACE_SD = 0.45  # of the logarithm of a whole week's pace
_SURE_WEEKS = 2.0
_YOUNG = 5.0  # percent of the week below which the week before tells better what the logs explain


class TokenSum(NamedTuple):
    """Tokens of one model's answers."""

    model: str
    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int


class WhatIf(NamedTuple):
    """`as_is` and `changed`: percent of the week at its end, with 80 % intervals (beyond 100: the limit is reached before);
    None if unknown, then `why_not` has the reason. `next_as_is`, `next_changed`: the same for the next whole week. `model` as
    logged, `share` of the work that moves to it. `window_points`: percent of the week that a full 5-hour window costs."""

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
    next_as_is: Estimate | None = None
    next_changed: Estimate | None = None


class Basis(NamedTuple):
    """Everything that a what-if is computed from, or `why_not` with the reason why there is nothing to compute.

    `used` percent of the running week (None: none runs), of which `left` (0 to 1) is ahead; `whole`: percent that a whole week is
    expected to use; `mine`: this machine's share of it. `tokens`: the last seven days of work, `before` its cost by model;
    `work`: messages of the running week, its first window included.
    """

    why: Attribution
    state: LearnedState
    used: float | None
    resets_at: int | None
    left: float
    whole: float
    mine: float
    tokens: tuple[TokenSum, ...]
    before: tuple[Priced, ...]
    work: Work
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
    """The end of the week if a share of the work ran on a model. Raises NotFound for a model without a price."""
    found = basis(db, book, account, at, state)
    name = find_model(book, model, [one.model for one in reversed(found.tokens)], found.state)
    base = WhatIf(
        account.id, name, share, found.used, found.resets_at, None, None, found.why.window_points, found.state.days,
        found.why_not,
    )  # fmt: skip
    if found.why_not:
        return base
    ratio = on_model(book, found.state, found.tokens, found.before, name, at)
    as_is, next_as_is = ends(found, [])
    changed, next_changed = ends(found, [(share, ratio)])
    return base._replace(as_is=as_is, changed=changed, next_as_is=next_as_is, next_changed=next_changed)


def basis(
    db: sqlite3.Connection, book: PriceBook, account: NowAccount, at: int, state: LearnedState | None = None
) -> Basis:
    """The basis of every what-if of an account at a moment (epoch ms)."""
    state = load(db, book, account.id, at) if state is None else state
    all_work = work_for(
        db, book, account.id, at - _LOOK_BACK_MS - FIVE_HOURS * 1000, at
    )  # with the week's first window
    work = all_work.between(at - _LOOK_BACK_MS, at)
    why = attribution(db, book, account, at, SEVEN_DAY, 0, state, all_work=all_work)
    limit = account.limit(SEVEN_DAY)
    tokens = sum_tokens(work.rows)
    before = tuple(sum_by_model(Priced("", m.model, m.dollars) for m in work.messages))
    found = Basis(why, state, None, None, 0.0, 0.0, 1.0, tokens, before, all_work)
    weeks = past_weeks(db, account.id, at)
    is_running = (
        limit is not None and limit.percent is not None and limit.resets_at is not None and limit.state != RESET
    )
    if is_running and limit is not None:
        left = max(0.0, ((limit.resets_at or at) - at) / 1000 / WEEK)
        whole = pace(limit.percent or 0.0, left, weeks)
        found = found._replace(used=limit.percent, resets_at=limit.resets_at, left=left, whole=whole)
    elif weeks:
        found = found._replace(whole=sum(weeks) / len(weeks))
    else:
        return found._replace(why_not=NO_WEEK)
    if why.method == NOTHING or (why.used or 0.0) < _YOUNG:
        earlier = attribution(db, book, account, at, SEVEN_DAY, 1, state)
        why = earlier if earlier.method in (LEARNED, LITTLE) else why
    if why.method == LITTLE:
        return found._replace(why_not=LITTLE)
    if state.learned.weights is None or not state.is_enough() or why.method not in (LEARNED, NOTHING):
        return found._replace(why_not=NO_WEIGHTS)
    if not work.rows or why.method == NOTHING:
        return found._replace(why_not=NO_WORK)
    # This machine's part of the use is as it was; the rest does not change its model.
    return found._replace(mine=1 - (why.unexplained.value if why.unexplained is not None else 0.0))


class Ratio(NamedTuple):
    """Points of a limit of some work on another model, as a multiple of what they are; `sd` relative."""

    value: float
    sd: float


def on_model(
    book: PriceBook, state: LearnedState, tokens: Iterable[TokenSum], before: Sequence[Priced], model: str, at: int
) -> Ratio:
    """Some work on one model, at the prices of a moment, beside what it costs as it is (`before`)."""
    weight = state.learned.weights
    assert weight is not None  # noqa: S101 - the caller's condition
    own = [one for one in before if one.model == model]
    moved = [
        Priced("", model, cost)
        for one in tokens
        if one.model != model and (cost := _cost(book, one, model, at)) is not None
    ]
    after = sum_by_model([*own, *moved])
    new, old = (sum(weights.points(weight, works).values()) for works in (after, before))
    if not new or not old:
        return Ratio(1.0, 0.0)
    return Ratio(new / old, math.sqrt(weights.ratio_var(weight, after, before)))


def ends(found: Basis, moved: Sequence[tuple[float, Ratio]]) -> tuple[Estimate | None, Estimate]:
    """The end of the running week (None: none runs) and of the next one with shares of the work moved."""
    factor = 1 - found.mine * sum(share * (1 - ratio.value) for share, ratio in moved)
    unsure = math.hypot(*(found.mine * share * ratio.value * ratio.sd for share, ratio in moved), 0.0)
    factor = max(factor, 1e-6)

    def end(used: float, rest: float, sd: float) -> Estimate:
        wide = math.exp(weights.Z80 * math.hypot(sd, unsure / factor))
        return Estimate(used + rest * factor, used + rest * factor / wide, used + rest * factor * wide)

    this = None
    if found.used is not None:
        this = end(found.used, found.whole * found.left, _PACE_SD * math.sqrt(max(found.left, 0.05)))
    return this, end(0.0, found.whole, _PACE_SD)


def sum_tokens(rows: Iterable[MessageRow]) -> tuple[TokenSum, ...]:
    """Messages summed by model, the one used last at the end: what another model would cost needs no more of them."""
    sums: dict[str, list[int]] = {}
    for row in rows:
        counts = row[5:10]
        known = sums.pop(row.model, [0] * len(counts))
        sums[row.model] = [a + b for a, b in zip(known, counts, strict=True)]
    return tuple(TokenSum(model, *counts) for model, counts in sums.items())


def _cost(book: PriceBook, tokens: TokenSum, model: str, at: int) -> Dollars | None:
    """Cost of tokens at a model's list prices by class; None without a price."""
    rates = book.rates(model, at, tariff("", "", 0))
    if rates is None:
        return None
    write = tokens.cache_write_5m * rates.cache_write_5m + tokens.cache_write_1h * rates.cache_write_1h
    sums = (tokens.input * rates.input, tokens.output * rates.output, write, tokens.cache_read * rates.cache_read)
    a, b, c, d = (value / PICODOLLARS for value in sums)
    return a, b, c, d


def pace(used: float, left: float, before: list[float]) -> float:
    """Percent that a whole week is expected to use: from this week's pace and the weeks before."""
    gone = max(1 - left, 0.02)
    now = used / gone
    if not before:
        return now
    usual = sum(before) / len(before)
    trust = gone / (gone + _SURE_WEEKS / 7)
    return trust * now + (1 - trust) * usual


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
