"""Attribution of a month: its weekly windows together."""

from collections.abc import Sequence

from tachograph.lean_sqlite import sqlite3
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.attribution import Attribution, Part, attribution
from tachograph.queries.estimates.constants import LEARNED, LIST_PRICE, LITTLE, NOTHING
from tachograph.queries.estimates.learning import LearnedState, load
from tachograph.queries.estimates.periods import all_resets
from tachograph.queries.limits.current import NowAccount

_HALF_WEEK_MS = 302_400_000


def month_attribution(
    db: sqlite3.Connection,
    book: PriceBook,
    account: NowAccount,
    at: int,
    month: Span,
    state: LearnedState | None = None,
) -> Attribution:
    """Attribution of the weekly windows that lie in a month with their middle. `used` is the sum of their percentages."""
    state = load(db, book, account.id, at) if state is None else state
    resets = [
        reset
        for reset in all_resets(db, account.id, SEVEN_DAY, at)
        if (month.start or 0) <= reset - _HALF_WEEK_MS < (month.end or at + 1)
    ]
    weeks = [attribution(db, book, account, at, SEVEN_DAY, 0, state, reset) for reset in sorted(resets)]
    if not weeks:
        empty = attribution(db, book, account, at, SEVEN_DAY, 0, state, 0)
        return empty._replace(since=month.start, resets_at=month.end, weeks=0)
    return together(weeks)


def together(weeks: Sequence[Attribution]) -> Attribution:
    """Several windows of a limit as one: shares are of all that was used in them."""
    last = weeks[-1]
    read = [week for week in weeks if week.used]
    used = sum(week.used or 0.0 for week in read)
    methods = {week.method for week in read}
    split = [week for week in read if week.method == LEARNED]
    method = LEARNED if split else next((one for one in (LIST_PRICE, LITTLE) if one in methods), NOTHING)
    if method == LEARNED:
        read, used = split, sum(week.used or 0.0 for week in split)
    unexplained = None
    if method == LEARNED and used:
        known = [(week.used or 0.0, week.unexplained) for week in read if week.unexplained is not None]
        unexplained = _sum([(points / used, estimate) for points, estimate in known])

    def merge(rows: Sequence[tuple[float, tuple[Part, ...]]]) -> tuple[Part, ...]:
        by_name: dict[str, list[tuple[float, Part]]] = {}
        for points, parts in rows:
            for part in parts:
                by_name.setdefault(part.full or part.name, []).append((points, part))
        made = []
        for found in by_name.values():
            one = found[-1][1]
            share = None
            if method == LEARNED and used:
                share = _sum([(points / used, part.share) for points, part in found if part.share is not None])
            cost = None if share is None else Estimate(share.value * used, share.low * used, share.high * used)
            price = one.list_price
            if used:
                price = sum(weight * (part.list_price or 0.0) for weight, part in found) / used
            made.append(Part(one.name, one.full, share, cost, price))
        return tuple(
            sorted(made, key=lambda part: (-(part.share.value if part.share else part.list_price or 0.0), part.name))
        )

    evidence = last.evidence._replace(
        messages=sum(week.evidence.messages for week in weeks),
        unattributed=sum(week.evidence.unattributed for week in weeks),
        unpriced=tuple(sorted({model for week in weeks for model in week.evidence.unpriced})),
    )
    return last._replace(
        method=method,
        used=used if any(week.used is not None for week in weeks) else None,
        since=weeks[0].since,
        by_model=merge([(week.used or 0.0, week.by_model) for week in read]),
        by_project=merge([(week.used or 0.0, week.by_project) for week in read]),
        by_session=merge([(week.used or 0.0, week.by_session) for week in read]),
        by_pull=merge([(week.used or 0.0, week.by_pull) for week in read]),
        unexplained=unexplained,
        evidence=evidence,
        measured=(),
        breakdown=(),
        weeks=len(read) or len(weeks),
    )


def _sum(parts: Sequence[tuple[float, Estimate]]) -> Estimate:
    """A weighted sum of estimates. Their errors have the same causes, so their widths add up."""
    value, low, high = (sum(weight * one[place] for weight, one in parts) for place in range(3))
    return Estimate(value, low, high)
