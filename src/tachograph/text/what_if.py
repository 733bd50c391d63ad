"""What-if in words: an end of a week always comes with its interval, and silence with its reason."""

from __future__ import annotations  # the types of answers are named here, and imported only by type checkers

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.estimates import constants as of
from tachograph.text.attribution import interval, little_words, model_name, percent, window_words
from tachograph.text.format import UNKNOWN

if TYPE_CHECKING:
    from tachograph.model.estimates.attribution import Estimate
    from tachograph.queries.estimates.what_if import WhatIf
    from tachograph.queries.estimates.what_if_table import MixRow, SessionRow, WhatIfTable

OVER = "over 100 %"
TOKENS = "Tokens stay the same in this: another model may need more or fewer for the same work."
_CHANGES = 1.0  # points by which an end differs at least from the present one, before it is worth a sentence


def why_no_what_if(why_not: str, fit: float | None = None) -> str:
    """The reason why no end of a week can be given."""
    if why_not == of.LITTLE and fit is not None:
        return little_words(fit)
    return {
        of.NO_WEEK: "No running week has been read, so its end is unknown.",
        of.NO_WORK: "This machine's logs hold no work of the last week that could move to another model.",
        of.LITTLE: "Your logs explain little of this limit, so another model here would change little that we can tell.",
    }.get(
        why_not,
        "The weights of your models are not known well enough yet; `tachograph why` shows what is missing.",
    )


def what_if_words(found: WhatIf) -> list[str]:
    """`If the rest of the week ran on sonnet-4-6, the weekly limit would end at about 71 % (60–80); as now 94 % (80–110).`"""
    made = []
    if found.why_not or found.next_as_is is None or found.next_changed is None:
        made.append(why_no_what_if(found.why_not))
    else:
        name = model_name(found.model)
        if found.as_is is not None and found.changed is not None:
            part = "the rest of the week" if found.share >= 0.995 else f"{percent(found.share)} of the rest of the week"
            made.append(
                f"If {part} ran on {name}, the weekly limit would end at {end_words(found.changed)};"
                f" as it goes now at {end_words(found.as_is)}."
            )
        part = "a whole week" if found.share >= 0.995 else f"{percent(found.share)} of a whole week"
        made.append(
            f"If {part} like the last ones ran on it, that week would end at {end_words(found.next_changed)};"
            f" as it goes now at {end_words(found.next_as_is)}."
            if made
            else f"If {part} like the last ones ran on {name}, it would end at {end_words(found.next_changed)};"
            f" as it goes now at {end_words(found.next_as_is)}."
        )
        made.append(TOKENS)
    if (words := window_words(found.window_points)) != "":
        made.append(words)
    return made


def table_words(found: WhatIfTable) -> list[str]:
    """Sentences below the table of all models."""
    made = []
    if found.why_not:
        made.append(why_no_what_if(found.why_not, found.fit))
    elif not found.rows and not found.sessions:
        made.append("That session lies in no week of this account's weekly limit that was read.")
    else:
        if any(not row.is_used for row in found.singles):
            made.append(
                "Models in parentheses were not used here in the last seven days, so their weights are less certain."
            )
        ends = [end for row in found.rows for end in (row.this_week, row.next_week)]
        if any("over 100" in cell for end in ends for cell in end_cell(end)):
            made.append("Over 100 %: the limit would be reached before the week resets.")
        made.append(TOKENS)
    if (words := window_words(found.window_points)) != "":
        made.append(words)
    return made


def best_words(found: WhatIfTable) -> str:
    """The models in use on which the running week would end lower, in one sentence; "" if none changes it clearly."""
    as_is = found.as_is
    if as_is is None or as_is.this_week is None:
        return ""
    now = as_is.this_week
    lower = [
        (row.this_week, row.shares[0][0])
        for row in found.singles
        if row.is_used and row.this_week is not None and row.this_week.value < now.value - _CHANGES
    ]
    if not lower:
        return ""
    ends = [f"at {end_words(end)} on {model_name(model)}" for end, model in sorted(lower, key=lambda one: one[0].value)]
    return (
        f"If the rest of the week ran on one model, the weekly limit would end {listed(ends[:3])};"
        f" as it goes now at {end_words(now)}."
    )


def mix_name(row: MixRow) -> str:
    """`as it goes now`, `sonnet-5-5`, `half opus-5-5, half haiku-5-5`, `20 % opus-5-5, 80 % sonnet-5-5`."""
    if not row.shares:
        return "as it goes now"
    if len(row.shares) == 1:
        name = model_name(row.shares[0][0])
        return name if row.is_used else f"({name})"
    if all(abs(share - 0.5) < 0.005 for _, share in row.shares):
        return ", ".join(f"half {model_name(model)}" for model, _ in row.shares)
    return ", ".join(f"{percent(share)} {model_name(model)}" for model, share in row.shares)


def end_cell(end: Estimate | None) -> tuple[str, str]:
    """An end of a week and its interval for a table: `48 %` and `34–72`, `over 100 %` and `90 to over 100`; unknown is a
    dash."""
    if end is None:
        return UNKNOWN, ""
    if round(end.low) > 100:
        return OVER, ""
    value = OVER if round(end.value) > 100 else f"{end.value:.0f} %"
    if round(end.high) > 100:
        return value, f"{end.low:.0f} to over 100"
    between = interval(end, 1.0)
    return value, between if "–" in between else ""


def session_words(row: SessionRow, name: str = "This session") -> str:
    """`This session used 12 (10–14) points of its week; on sonnet-5-5 it would have used 5 (4–6).`"""
    others = [
        f"{points_words(points)} on {model_name(model)}" for model, points in row.on if _differs(points, row.points)
    ]
    start = f"{name} used {points_words(row.points)} points of its week"
    return (
        f"{start}; with the same tokens it would have used {listed(others)}."
        if others
        else f"{start}; no model in the table would change that clearly."
    )


def _differs(a: Estimate, b: Estimate) -> bool:
    return abs(a.value - b.value) >= 0.5 or (a.high < b.low or a.low > b.high)


def points_words(points: Estimate) -> str:
    """`12 (10–14)`; a small one with a digit more; less than a tenth is called that."""
    if points.value < 0.05:
        return "under 0.1"
    if points.value < 9.5:
        low, high = f"{points.low:.1f}", f"{points.high:.1f}"
        return f"{points.value:.1f}" + (f" ({low}–{high})" if low != high else "")
    between = interval(points, 1.0)
    return f"{points.value:.0f}" + (f" ({between})" if "–" in between else "")


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def end_words(estimate: Estimate) -> str:
    """An end of the week; one that is beyond the limit for certain is only called that."""
    if estimate.low > 100:
        return "the limit, before it resets"
    low, high = f"{estimate.low:.0f}", f"{min(estimate.high, 100):.0f}"
    return f"about {min(estimate.value, 100):.0f} %{f' ({low}–{high})' if low != high else ''}"
