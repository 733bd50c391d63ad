"""Spend, 5-hour percent and weekly percent side by side: three numbers that are easily confused.

They measure different things over different periods. This query collects them; text/reconcile.py writes why they differ.
"""

from tachograph.clock import DAY_MS, WEEK_MS
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.usage import rollups
from tachograph.model.limits.limits import FIVE_HOUR, SESSION_MS, SEVEN_DAY
from tachograph.model.usage.periods import MONTH, Calendar, Span
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.attribution import Attribution, attribution
from tachograph.queries.estimates.constants import LEARNED
from tachograph.queries.estimates.learning import LearnedState
from tachograph.queries.limits.current import NowAccount, NowLimit
from tachograph.queries.usage.rows import Spend
from tachograph.queries.usage.spend import exact_spend_in_spans, spend_in_spans
from tachograph.queries.usage.witness import Witness, witness

SKEW_MS = 300_000


class Money(NamedTuple):
    """API-equivalent spend since the month began, beside a monthly budget (US dollars; None if none is set), and in seven days,
    beside the mean of the four weeks before, of those that the ledger reaches back to: a week without work counts as $0, a week
    with unpriced work does not count."""

    month: Spend
    budget: float | None
    week: Spend
    usual_week: float | None


class Reconciled(NamedTuple):
    """`five` and `week`: the limits as in `now`, None without a reading; `model_week`: the most pressing weekly limit of one
    model, None without one. `why`: attribution of the week. `five_dollars` and `week_dollars`: API-equivalent work of the
    account on this machine in the same periods as the two percentages, US dollars, None without a price or an account.
    `unattributed`: messages of unknown accounts in the longer of them, left out."""

    at: int
    account: int
    label: str
    money: Money
    five: NowLimit | None
    week: NowLimit | None
    model_week: NowLimit | None
    five_dollars: float | None
    week_dollars: float | None
    why: Attribution | None
    is_learned: bool
    unattributed: int = 0
    witness: Witness | None = None  # Claude Code's own sum of the sessions that have one


def reconcile(
    db: sqlite3.Connection,
    book: PriceBook,
    calendar: Calendar,
    account: NowAccount | None,
    at: int,
    budget: float | None = None,
    state: LearnedState | None = None,
) -> Reconciled:
    """The three numbers at a moment (epoch ms). Spend is of every account on this machine, as a bill would be."""
    month = calendar.period(MONTH, at)[1].start
    spans = [Span(month, at + SKEW_MS), Span(at - 7 * DAY_MS, at + SKEW_MS)]
    weeks = [Span(at - (7 * n + 14) * DAY_MS, at - (7 * n + 7) * DAY_MS) for n in range(4)]
    this_month, this_week, *before = spend_in_spans(db, book, spans + weeks)
    used = _known_weeks(weeks, before, rollups.next_moment(db, Span(None, at)))
    money = Money(this_month, budget, this_week, sum(used) / len(used) if used else None)
    if account is None:
        empty = Reconciled(at, 0, "", money, None, None, None, None, None, None, False)
        return empty._replace(witness=witness(db, book))
    five, week = account.limit(FIVE_HOUR), account.limit(SEVEN_DAY)
    scoped = [limit for limit in account.limits if limit.group == "weekly" and limit.key != SEVEN_DAY]
    model_week = max(scoped, key=lambda limit: limit.percent or -1.0, default=None)
    why = attribution(db, book, account, at, SEVEN_DAY, 0, state)
    ends = [limit.resets_at if limit is not None else None for limit in (five, week)]
    open_ends = [end if end is not None and end > at else None for end in ends]
    lengths = (SESSION_MS, WEEK_MS)
    stretches = [
        Span(end - long, at + SKEW_MS) for end, long in zip(open_ends, lengths, strict=True) if end is not None
    ]
    others = exact_spend_in_spans(db, book, stretches, 0)
    unattributed = max((spend.tokens.messages for spend in others), default=0)
    own = iter(exact_spend_in_spans(db, book, stretches, account.id) if account.id else ())
    dollars = [next(own).usd if account.id and end is not None else None for end in open_ends]
    is_learned = why.method == LEARNED
    return Reconciled(
        at, account.id, account.label, money, five, week, model_week, dollars[0], dollars[1], why, is_learned,
        unattributed, witness(db, book),
    )  # fmt: skip


def _known_weeks(weeks: list[Span], used: list[Spend], first: int | None) -> list[float]:
    """Spend in weeks since the ledger's first moment, US dollars."""
    made = []
    for week, one in zip(weeks, used, strict=True):
        if first is None or (week.end or 0) <= first:
            continue  # before the ledger began
        if one.usd is not None:
            made.append(one.usd)
        elif not one.tokens.messages:
            made.append(0.0)
    return made
