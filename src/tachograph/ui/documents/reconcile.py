"""Reconcile as screens and JSON. Formats only: the sentences are those of text/."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.periods import Calendar
from tachograph.queries.estimates.reconcile import Reconciled
from tachograph.queries.limits.current import NowLimit
from tachograph.text.format import fold, iso, safe, usd
from tachograph.text.limits import countdown
from tachograph.text.limits import percent as percent_of
from tachograph.text.reconcile import budget_words, reconcile_differences, reconcile_words
from tachograph.text.table import Style
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    from typing import Any


def reconcile_screen(found: Reconciled, calendar: Calendar, room: int | None, style: Style) -> list[str]:
    money = found.money
    values = [
        budget_words(money.month.usd, money.budget, money.usual_week, money.week.usd),
        _limit(found.five, found.five_dollars, found.at, calendar),
        _limit(found.week, found.week_dollars, found.at, calendar),
    ]
    if found.model_week is not None:
        values[2] += f"; {safe(found.model_week.label)} {percent_of(found.model_week)}"
    made = []
    for (name, counts, unseen), value in zip(reconcile_words(), values, strict=True):
        first, *more = fold(f"{name}   {value}", room)
        made += [f"{style.bold}{name}{style.end}{first.removeprefix(name)}", *more]
        made += [f"  {line}" for line in fold(f"counts {counts}", None if room is None else room - 2)]
        made += [f"  {line}" for line in fold(f"cannot see {unseen}", None if room is None else room - 2)]
        made.append("")
    for words in reconcile_differences(found):
        made += fold(safe(words), room)
    return made if made[-1] else made[:-1]


def _limit(limit: NowLimit | None, dollars: float | None, at: int, calendar: Calendar) -> str:
    if limit is None:
        return "no reading"
    made = percent_of(limit)
    if limit.resets_at is not None and limit.resets_at > at:
        made += f", resets {countdown(limit.resets_at, at, calendar)}"
    if dollars is not None:
        made += f"; {usd(dollars)} of work on this machine in the same stretch"
    return made


def reconcile_document(found: Reconciled) -> dict[str, Any]:
    money = found.money

    def limit(one: NowLimit | None, dollars: float | None) -> dict[str, Any] | None:
        if one is None:
            return None
        return {"key": one.key, "label": one.label, "percent": one.percent, "resets_at": iso(one.resets_at), "api_equivalent_usd": dollars}  # fmt: skip

    return {
        "format": FORMAT,
        "generated_at": iso(found.at),
        "account": found.label or None,
        "spend": {
            "month_usd": money.month.usd,
            "budget_usd": money.budget,
            "seven_days_usd": money.week.usd,
            "usual_week_usd": money.usual_week,
            "unpriced_messages": money.month.unpriced,
        },
        "five_hour": limit(found.five, found.five_dollars),
        "seven_day": limit(found.week, found.week_dollars),
        "model_week": limit(found.model_week, None),
        "counts": [
            {"number": name, "counts": counts, "cannot_see": unseen} for name, counts, unseen in reconcile_words()
        ],
        "unknown_account_messages": found.unattributed,
        "says": reconcile_differences(found),
    }
