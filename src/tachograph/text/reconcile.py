"""Spend, 5-hour percent and weekly percent side by side, in words."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.estimates import constants as of
from tachograph.text.attribution import left_out_words, little_words, unexplained_words, weights_words, window_words
from tachograph.text.certainty import witness_words

if TYPE_CHECKING:
    from tachograph.queries.estimates.reconcile import Reconciled


def reconcile_words() -> list[tuple[str, str, str]]:
    """For each number its name, what it counts, and what it cannot see."""
    return [
        (
            "API-equivalent spend",
            "every message in this machine's logs, of all accounts, at public API prices",
            "chat, other machines, logs deleted before they were read; a subscription does not bill it",
        ),
        (
            "5-hour limit",
            "all use of the account, wherever it is, since the window opened with the first message",
            "the model and the machine; weights and hours are the service's own",
        ),
        (
            "Weekly limit",
            "all use of the account in seven days; a model's own week counts only that model",
            "the weight of each model's tokens, which is not their price; hidden tokens count and are in no log",
        ),
    ]


def reconcile_differences(found: Reconciled) -> list[str]:
    """Reasons for the difference of the numbers now."""
    made = [] if found.witness is None else [witness_words(found.witness)]
    if (
        found.week is not None
        and found.week.percent is not None
        and found.five is not None
        and found.five.percent is not None
    ):
        if found.five.percent >= found.week.percent + 20:
            made.append("The 5-hour window fills faster than the week: a few full windows do not fill a week.")
        elif found.week.percent >= found.five.percent + 20:
            made.append("The week is fuller than the window: it remembers seven days, the window five hours.")
    if found.why is not None and (words := window_words(found.why.window_points)):
        made.append(words)
    if found.why is not None and found.why.method == of.LEARNED:
        made.append(unexplained_words(found.why))
        if words := weights_words(found.why):
            made.append(words)
    elif found.why is not None and found.why.method == of.LITTLE:
        made.append(little_words(found.why.evidence.fit))
    elif found.why is not None and found.why.used is not None:
        made.append(
            "The weight of each model against the limit is not known yet, so spend and percent cannot be compared."
        )
    if found.unattributed:
        made.append(left_out_words(found.unattributed))
    if found.model_week is not None and found.model_week.percent is not None:
        made.append(f"{found.model_week.label} is a limit of its own, and blocks that model alone.")
    return made


def budget_words(spent: float | None, budget: float | None, usual_week: float | None, week: float | None) -> str:
    """Spend against a budget a month, or this week's against the usual one."""
    if spent is None and week is None:
        return "no priced message yet"
    if budget is not None and budget > 0 and spent is not None:
        return f"${spent:,.2f} this month, {spent / budget * 100:.0f} % of the budget of ${budget:,.2f}"
    if week is None:
        return f"${spent:,.2f} this month"
    if usual_week is None or usual_week < 0.005:
        return f"${week:,.2f} in seven days; there are no weeks before to compare with"
    change = round((week / usual_week - 1) * 100)
    than = "as much as" if change == 0 else f"{abs(change)} % {'more' if change > 0 else 'less'} than"
    return f"${week:,.2f} in seven days, {than} the mean of the four weeks before"
