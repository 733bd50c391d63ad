"""Attribution in words: a share always comes with its interval, and unknown is never 0.

Use that the logs of this machine do not explain is called exactly that: hidden tokens, chat and deleted logs look alike.
"""

from __future__ import annotations  # the types of answers are named here, and imported only by type checkers

import math
from collections.abc import Callable

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.queries.estimates import constants as of
from tachograph.text.format import plural

if TYPE_CHECKING:
    from tachograph.model.estimates.attribution import Estimate
    from tachograph.queries.estimates.attribution import Attribution, Evidence, Part

Clock = Callable[[int], str]  # writes a moment (epoch ms) for people

CLEAR_SIGN = 0.05  # of what is used: less than that unexplained is within the reach of the method
WIDE = 0.3  # an interval this wide is written as a range, without a value
CLAUDE_CODE = "claude_code"  # the service's name of it in its breakdown
_ROUNDED = 2.0  # points by which a breakdown of rounded rows may be off
_NEVER = 1 << 62
_SAME_COST = 0.15  # as a logarithm: work costs as much of the week as before
DIFFERENT = 0.05  # quota share and dollar share differ from here on
CAUSES = " Chat, other machines, hidden tokens, deleted logs or a changed limit look alike from here."


def percent(share: float) -> str:
    """A share of 0 to 1 as a whole percent in a sentence; more than nothing is never "0 %". Tables have `<1 %`
    (text/format.py)."""
    return "under 1 %" if 0 < share < 0.005 else f"{share * 100:.0f} %"


def interval(estimate: Estimate, scale: float = 100.0) -> str:
    """`68–78`; one number if both ends round to it."""
    low, high = round(estimate.low * scale), round(estimate.high * scale)
    return f"{low}–{high}" if low != high else f"{low}"


def with_interval(estimate: Estimate) -> str:
    """`73 % (68–78)`; a wide one is `somewhere between 10 and 55 %`."""
    if estimate.high - estimate.low >= WIDE:
        return f"somewhere between {round(estimate.low * 100)} and {round(estimate.high * 100)} %"
    return f"{percent(estimate.value)} ({interval(estimate)})"


def period_words(found: Attribution) -> str:
    """The period in words: `your week so far`, `that week`, `this 5-hour window`, `the 4 weeks of that month`."""
    if found.weeks == 0:
        return "that month"
    if found.weeks > 1:
        return f"those {found.weeks} weeks"
    is_over = found.resets_at is not None and found.resets_at <= found.at
    if found.limit == FIVE_HOUR:
        return "that 5-hour window" if is_over else "this 5-hour window"
    return "that week" if is_over else "your week so far"


def logs_owner(machines: int) -> str:
    """The owners of the logs: this machine, or all that exchange what they know."""
    return "this machine's" if machines < 2 else f"your {machines} machines'"


def why_words(found: Attribution) -> str:
    """The answer in a sentence: the model that used most, or the reason why there is no answer."""
    period = period_words(found)
    if found.account == 0:
        return "These readings belong to an unknown account, so no messages can be compared with them."
    if found.used is None:
        return f"There is no reading of {period.removesuffix(' so far')}, so there is nothing to break down."
    if found.method == of.NOTHING:
        return (
            f"{_used(found.used)} of {period} is used, and {logs_owner(found.machines)} logs hold no message from it."
        )
    if found.method == of.LITTLE:
        return little_words(found.evidence.fit, period)
    if found.limit not in (FIVE_HOUR, SEVEN_DAY):
        return _measured_words(found)
    if found.method == of.LIST_PRICE:
        top = found.by_model[0]
        return f"By list price, not by quota: {top.name} is {percent(top.list_price or 0.0)} of {logs_owner(found.machines)} work in {period}."
    if found.used < 0.5:
        return f"Next to nothing of {period} is used."
    top = found.by_model[0]
    if top.share is None or top.share.value < CLEAR_SIGN:
        return f"No model of {'this machine' if found.machines < 2 else 'your machines'} used a clear part of {period}."
    return f"{top.name} burned {with_interval(top.share)} of {period}."


def little_words(fit: float, period: str = "this limit") -> str:
    """The reason why there is no split: the logs explain too little."""
    return (
        f"Your logs explain little of {period} (about {percent(fit)} of what was read lately), so a split of it would say"
        " little." + CAUSES
    )


def _measured_words(found: Attribution) -> str:
    """A limit that the service counts for one model: by project."""
    label = found.measured[0].label if found.measured else "This week"
    top = found.by_project[0]
    counted = f"{label} is at {_used(found.used or 0.0)}, as the service itself counts it"
    if top.share is None:
        return f"{counted}; by list price {top.name} is {percent(top.list_price or 0.0)} of {logs_owner(found.machines)} part."
    if found.unexplained is None:
        return f"{counted}; {top.name} is {with_interval(top.share)} of {logs_owner(found.machines)} part."
    return f"{counted}; {top.name} burned {with_interval(top.share)} of that."


def unexplained_words(found: Attribution) -> str:
    """The use that this machine's logs do not explain; "" if unknown."""
    left = found.unexplained
    if left is None:
        return ""
    if left.value < CLEAR_SIGN and left.high - left.low < WIDE:
        # the upper end of an 80 % interval is a bound that holds in nine of ten cases
        most = max(1, math.ceil(left.high * 100))
        return f"Not explained by {logs_owner(found.machines)} logs: no clear sign of other use (in nine of ten such cases at most {most} %)."
    return f"Not explained by {logs_owner(found.machines)} logs: {with_interval(left)}.{CAUSES}"


def weight_words(part: Part, explained: float, machines: int = 1) -> str:
    """Quota share beside dollar share of a part of this machine's work; "" if they are about the same, or unknown."""
    if part.share is None or part.list_price is None or explained <= 0:
        return ""
    weight = part.share.value / explained
    if abs(weight - part.list_price) < DIFFERENT:
        return ""
    return (
        f"{part.name} is {percent(part.list_price)} of {logs_owner(machines)} work by price and {percent(min(1.0, weight))} by what it"
        " weighs against the limit."
    )


def weights_words(found: Attribution) -> str:
    """The line that explains why quota shares and dollar shares differ; "" if they do not."""
    if found.method != of.LEARNED or not found.by_model:
        return ""
    explained = 1 - (found.unexplained.value if found.unexplained is not None else 0.0)
    return weight_words(found.by_model[0], explained, found.machines)


def part_words(found: Attribution, part: Part, kind: str) -> str:
    """One session, project or pull request in a sentence."""
    period = period_words(found)
    if part.share is None:
        return f"By list price, not by quota: {kind} {part.name} is {percent(part.list_price or 0.0)} of {logs_owner(found.machines)} work in {period}."
    price = (
        ""
        if part.list_price is None
        else f" It is {percent(part.list_price)} of {logs_owner(found.machines)} work by price."
    )
    return f"{kind.capitalize()} {part.name} burned {with_interval(part.share)} of {period}.{price}"


def evidence_words(evidence: Evidence, method: str, clock: Clock) -> list[str]:
    """The evidence for an answer, and messages and models that were left out."""
    made = []
    unit = "day of the week" if evidence.by_days else "5-hour window"
    units = "days of the week" if evidence.by_days else ""
    seen = f"{plural(evidence.windows, unit, units)} over {plural(int(evidence.days), 'day')}"
    if method == of.LEARNED:
        made.append(f"Learned from {seen}.")
    elif method == of.LIST_PRICE and (
        evidence.windows < evidence.needed_windows or evidence.days < evidence.needed_days
    ):
        made.append(
            f"Too little to learn from yet: {seen}; it takes {plural(evidence.needed_windows, unit, units)} over"
            f" {plural(round(evidence.needed_days), 'day')} with readings of your limits."
        )
    elif method == of.LIST_PRICE:
        made.append(f"Too little to learn from yet: {seen}, but hardly a reading after which both limits had risen.")
    if method == of.LEARNED and (words := drift_words(evidence, clock)):
        made.append(words)
    if evidence.unattributed:
        made.append(left_out_words(evidence.unattributed))
    if evidence.unpriced:
        names = ", ".join(model_name(model) for model in evidence.unpriced)
        made.append(f"Without a price, and so left out: {names}.")
    return made


def left_out_words(messages: int) -> str:
    """Messages of unknown accounts that belong to no limit; "" without any."""
    return f"{plural(messages, 'message')} of an unknown account {'is' if messages == 1 else 'are'} left out." if messages else ""  # fmt: skip


def drift_words(evidence: Evidence, clock: Clock) -> str:
    """A lasting change of what work costs, or of the size of a 5-hour window, as a possibility with its alternatives; ""
    without one."""
    since = min(one for one in (evidence.changed_at, evidence.larger_at, _NEVER) if one is not None)
    limit = "week" if evidence.by_days else "5-hour limit"
    if evidence.changed_by is None and evidence.larger_by is None:
        return ""
    if evidence.larger_by is None:
        factor = evidence.changed_by or 1.0
        other = "something else uses your account steadily" if factor > 1 else "steady use elsewhere may have ended"
        return (
            f"Since {clock(since)} the same work seems to cost {more_or_less(factor)} of your {limit}:"
            f" a limit or a weight may have changed, or {other}."
        )
    size = f"Since {clock(since)} a full 5-hour window seems to be {times(evidence.larger_by)} what it was of your week"
    if evidence.changed_by is None:
        return f"{size}: the weekly limit may have changed, or the hours at which you work count differently."
    of_week = evidence.changed_by * evidence.larger_by
    cost = f", and the same work to cost {more_or_less(evidence.changed_by)} of it"
    if abs(math.log(of_week)) < _SAME_COST:
        return f"{size}{cost}: the 5-hour limit may have changed, or a weight together with the weekly limit."
    return f"{size}{cost}: both limits may have changed, or a weight."


def more_or_less(factor: float) -> str:
    """`2.0 times as much`, `3.0 times less`, `about 24 % more`."""
    if factor >= 1.95 or factor <= 0.51:
        return f"{factor:.1f} times as much" if factor > 1 else f"{1 / factor:.1f} times less"
    return f"about {round(abs(factor - 1) * 100)} % {'more' if factor > 1 else 'less'}"


def times(factor: float) -> str:
    """`2.0 times`, `83 % of`."""
    return f"{factor:.1f} times" if factor >= 1.95 else f"{round(factor * 100)} % of"


def contradicts_breakdown(found: Attribution) -> bool:
    """True if the service counts more outside of Claude Code than the estimate leaves for it, rounding aside."""
    outside = _outside(found)
    return outside is not None and found.unexplained is not None and 100 * found.unexplained.high < outside - _ROUNDED


def _outside(found: Attribution) -> float | None:
    """Percent of the used week that no log of this machine can explain, by the service's breakdown; None if it does not say.
    Cowork keeps transcripts like Claude Code's, so these logs may hold it."""
    if not any(share.key == CLAUDE_CODE for share in found.breakdown):
        return None
    return sum(share.percent for share in found.breakdown if share.key not in (CLAUDE_CODE, "cowork"))


def breakdown_words(found: Attribution) -> str:
    """The service's own breakdown of the week held against the estimate: a sentence if they contradict each other, or if it
    narrows down the part that no log explains; "" if they agree."""
    left, outside = found.unexplained, _outside(found)
    if left is None or outside is None:
        return ""
    if contradicts_breakdown(found):
        return (
            f"Anthropic's breakdown contradicts this estimate: it counts {outside:.0f} % outside of Claude Code and Cowork,"
            f" where the estimate leaves at most {math.ceil(100 * left.high)} %. Believe the breakdown: the shares above are too large."
        )
    other = 100 - sum(share.percent for share in found.breakdown if share.key == CLAUDE_CODE)
    if 100 * left.low > other + _ROUNDED and left.value >= CLEAR_SIGN:
        return (
            f"Anthropic's breakdown counts only {other:.0f} % outside of Claude Code: {math.floor(100 * left.low - other)} % or"
            " more would be Claude Code itself, on another machine, in hidden tokens or in deleted logs."
        )
    return ""


def window_words(points: Estimate | None) -> str:
    """Points of the week that a full 5-hour window costs; "" if unknown."""
    if points is None:
        return ""
    between = interval(points, 1.0)
    return f"One full 5-hour window costs about {points.value:.0f} points of your week{f' ({between})' if '–' in between else ''}."


def _used(value: float) -> str:
    return "Under 1 %" if 0 < value < 0.5 else f"{value:.0f} %"


def model_name(model: str) -> str:
    """`opus-5-5`."""
    from tachograph.model.usage.model_names import display_name  # a status line has no time for it

    return display_name(model)
