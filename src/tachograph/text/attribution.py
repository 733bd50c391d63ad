"""Attribution and what-if in words: a share always comes with its interval, and unknown is never 0.

Use that the logs of this machine do not explain is called exactly that: hidden tokens, chat and deleted logs look alike.
"""

from __future__ import annotations  # the types of answers are named here, and imported only by type checkers

from collections.abc import Callable
from typing import TYPE_CHECKING

from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.queries.estimates import constants as of
from tachograph.text.format import plural

if TYPE_CHECKING:
    from tachograph.model.estimates.attribution import Estimate
    from tachograph.queries.estimates.attribution import Attribution, Evidence
    from tachograph.queries.estimates.what_if import WhatIf

Clock = Callable[[int], str]  # writes a moment (epoch ms) for people

CLEAR_SIGN = 0.05  # of what is used: below it, what is not explained is within the reach of the method
WIDE = 0.3  # an interval this wide is written as a range, without a value


def percent(share: float) -> str:
    """A share of 0 to 1 as a whole percent; something never as nothing. In a sentence: tables, which may not be asked
    for from here, have `<1 %` (text/format.py)."""
    return "under 1 %" if 0 < share < 0.005 else f"{share * 100:.0f} %"


def interval(estimate: Estimate, scale: float = 100.0) -> str:
    """`68–78`; one number where both ends round to it."""
    low, high = round(estimate.low * scale), round(estimate.high * scale)
    return f"{low}–{high}" if low != high else f"{low}"


def with_interval(estimate: Estimate) -> str:
    """`73 % (68–78)`; a wide one is `somewhere between 10 and 55 %`."""
    if estimate.high - estimate.low >= WIDE:
        return f"somewhere between {round(estimate.low * 100)} and {round(estimate.high * 100)} %"
    return f"{percent(estimate.value)} ({interval(estimate)})"


def stretch_words(found: Attribution) -> str:
    """What is being shared out: `your week so far`, `that week`, `this 5-hour window`."""
    is_over = found.resets_at is not None and found.resets_at <= found.at
    if found.limit == FIVE_HOUR:
        return "that 5-hour window" if is_over else "this 5-hour window"
    return "that week" if is_over else "your week so far"


def why_words(found: Attribution) -> str:
    """The answer in a sentence: who used most of it, or why that cannot be said."""
    stretch = stretch_words(found)
    if found.account == 0:
        return "These readings belong to an account that nobody is known for, so no messages can be held against them."
    if found.used is None:
        return f"No reading of {stretch.removesuffix(' so far')} is there, so there is nothing to share out."
    if found.method == of.NOTHING:
        return f"{_used(found.used)} of {stretch} is used, and this machine's logs hold no message from it."
    if found.limit not in (FIVE_HOUR, SEVEN_DAY):
        return _measured_words(found)
    if found.method == of.LIST_PRICE:
        top = found.by_model[0]
        return f"By list price, not by quota: {top.name} is {percent(top.list_price or 0.0)} of this machine's work in {stretch}."
    if found.used < 0.5:
        return f"Next to nothing of {stretch} is used."
    top = found.by_model[0]
    if top.share is None or top.share.value < CLEAR_SIGN:
        return f"No model of this machine used a clear part of {stretch}."
    return f"{top.name} burned {with_interval(top.share)} of {stretch}."


def _measured_words(found: Attribution) -> str:
    """A limit that the service measures for one model: only what this machine did of it is split."""
    label = found.measured[0].label if found.measured else "This week"
    top = found.by_project[0]
    how = with_interval(top.share) if top.share is not None else f"{percent(top.list_price or 0.0)} by list price"
    return f"{label} is at {_used(found.used or 0.0)}, as the service itself counts it; of this machine's part of it {top.name} is {how}."


def unexplained_words(found: Attribution) -> str:
    """What this machine's logs do not explain; "" where that is not known."""
    left = found.unexplained
    if left is None:
        return ""
    if left.value < CLEAR_SIGN and left.high - left.low < WIDE:
        return f"Not explained by this machine's logs: no clear sign of other use (at most about {max(1, round(left.high * 100))} %)."
    causes = " Chat, other machines, hidden tokens, deleted logs or a changed limit look alike from here."
    return f"Not explained by this machine's logs: {with_interval(left)}.{causes}"


def evidence_words(evidence: Evidence, method: str, clock: Clock) -> list[str]:
    """What an answer rests on, and what was left out of it."""
    made = []
    seen = f"{plural(evidence.windows, '5-hour window')} over {plural(round(evidence.days), 'day')}"
    if method == of.LEARNED:
        made.append(f"Learned from {seen}.")
    elif method == of.LIST_PRICE:
        made.append(
            f"Too little to learn from yet: {seen}; it takes {evidence.needed_windows} windows over"
            f" {evidence.needed_days:.0f} days with readings of both limits."
        )
    if method == of.LEARNED and evidence.changed_at is not None and evidence.changed_by is not None:
        made.append(changed_words(evidence.changed_at, evidence.changed_by, clock))
    if evidence.nobodys:
        made.append(left_out_words(evidence.nobodys))
    if evidence.unpriced:
        names = ", ".join(_shown(model) for model in evidence.unpriced)
        made.append(f"Without a price, and so left out: {names}.")
    return made


def left_out_words(nobodys: int) -> str:
    """That messages belong to nobody who is known, so they are held against no limit; "" without any."""
    return f"{plural(nobodys, 'message')} of an unknown account {'is' if nobodys == 1 else 'are'} left out." if nobodys else ""  # fmt: skip


def changed_words(since: int, factor: float, clock: Clock) -> str:
    """That work has cost more or less of the limits since a moment."""
    change = round(abs(factor - 1) * 100)
    return f"Since {clock(since)} the same work has cost about {change} % {'more' if factor > 1 else 'less'} of your limits than before."


def window_words(points: Estimate | None) -> str:
    """What a full 5-hour window is of the week; "" where that is not known."""
    if points is None:
        return ""
    between = interval(points, 1.0)
    return f"One full 5-hour window costs about {points.value:.0f} points of your week{f' ({between})' if '–' in between else ''}."


def what_if_words(found: WhatIf) -> list[str]:
    """`If the rest of the week ran on sonnet-4-6, the weekly limit would end at about 71 % (60–80); as now 94 % (80–110).`"""
    made = []
    if found.as_is is None or found.changed is None:
        made.append(
            {
                of.NO_WEEK: "No running week has been read, so its end cannot be said.",
                of.NO_WORK: "This machine's logs hold no work of the last week that could move to another model.",
            }.get(
                found.why_not,
                "Too little is known yet of what your models' work weighs; `tachograph why` says how much it takes.",
            )
        )
    else:
        part = "the rest of the week" if found.share >= 0.995 else f"{percent(found.share)} of the rest of the week"
        made.append(
            f"If {part} ran on {_shown(found.model)}, the weekly limit would end at {_end(found.changed)};"
            f" as it goes now at {_end(found.as_is)}."
        )
        made.append("Tokens are taken as they were: another model may need more or fewer for the same work.")
    if (words := window_words(found.window_points)) != "":
        made.append(words)
    return made


def _end(estimate: Estimate) -> str:
    """What passes the limit by far is only said to pass it: nobody gets there."""
    if estimate.low > 100:
        return "the limit, before it resets"
    low, high = f"{estimate.low:.0f}", f"{min(estimate.high, 100):.0f}"
    return f"about {min(estimate.value, 100):.0f} %{f' ({low}–{high})' if low != high else ''}"


def _used(value: float) -> str:
    return "Under 1 %" if 0 < value < 0.5 else f"{value:.0f} %"


def _shown(model: str) -> str:
    from tachograph.model.usage.prices import (
        display_name,
    )  # only by those who name a model: a status line has no time for it

    return display_name(model)
