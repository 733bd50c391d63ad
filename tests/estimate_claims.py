"""Claims of sentences about estimates: for each sentence a pattern, and the condition on the values that produced it."""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from estimate_values import HOUR, NOW
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.limits.limits import FIVE_HOUR
from tachograph.queries.estimates import constants as of
from tachograph.queries.estimates.attribution import Attribution, Evidence
from tachograph.text.chances import SMALL, SURE

Check = Callable[[Any, re.Match[str]], bool]


class Claim(NamedTuple):
    """A pattern of a whole sentence, and the condition on the values that produced it."""

    pattern: str
    holds: Check


def clock(moment: int) -> str:
    return f"{9 + (moment - NOW) // HOUR:02d}:00"


def near(text: str, value: float) -> bool:
    return abs(float(text) - value) <= 0.5 + 1e-9


def is_percent(words: str, share: float) -> bool:
    """`under 1 %` or a rounded percent."""
    return 0 < share < 0.005 if words == "under 1 %" else near(words.removesuffix(" %"), 100 * share)


def is_between(words: str, estimate: Estimate, scale: float = 100.0) -> bool:
    low, _, high = words.partition("–")
    return near(low, scale * estimate.low) and near(high or low, scale * estimate.high)


def is_share(words: str, estimate: Estimate) -> bool:
    if wide := re.fullmatch(r"somewhere between (\d+) and (\d+) %", words):
        return near(wide[1], 100 * estimate.low) and near(wide[2], 100 * estimate.high) and estimate.high - estimate.low >= 0.3 - 1e-9  # fmt: skip
    value, _, ends = words.partition(" (")
    return is_percent(value, estimate.value) and is_between(ends.removesuffix(")"), estimate)


def is_end(words: str, end: Estimate) -> bool:
    if words == "the limit, before it resets":
        return end.low > 100
    found = re.fullmatch(r"about (\d+) %(?: \((\d+)–(\d+)\))?", words)
    if found is None or end.low > 100:
        return False
    low, high = found[2] or found[1], found[3] or found[1]
    return near(found[1], min(end.value, 100)) and (near(low, end.low) or not found[2]) and (near(high, min(end.high, 100)) or not found[2])  # fmt: skip


def is_period(words: str, found: Attribution) -> bool:
    if found.weeks != 1:
        return words == ("that month" if found.weeks == 0 else f"those {found.weeks} weeks")
    is_over = (found.resets_at or 0) <= found.at
    names = ("that 5-hour window", "this 5-hour window") if found.limit == FIVE_HOUR else ("that week", "your week so far")  # fmt: skip
    return words == names[0 if is_over else 1]


def is_factor(words: str, factor: float) -> bool:
    """`2.0 times as much`, `2.0 times less`, `about 24 % more`."""
    if found := re.fullmatch(r"([\d.]+) times (as much|less)", words):
        return abs(float(found[1]) - max(factor, 1 / factor)) <= 0.051 and (found[2] == "less") == (factor < 1)
    found = re.fullmatch(r"about (\d+) % (more|less)", words)
    return found is not None and near(found[1], 100 * abs(factor - 1)) and (found[2] == "more") == (factor > 1)


def is_size(words: str, factor: float) -> bool:
    number = re.match(r"[\d.]+", words)
    assert number is not None
    return abs(float(number[0]) - factor) <= 0.051 if words.endswith("times") else near(number[0], 100 * factor)


def is_money_of_week(found: Attribution) -> float:
    return 1 - (found.unexplained.value if found.unexplained is not None else 0.0)


WINDOW = Claim(
    r"One full 5-hour window costs about (\d+) points of your week(?: \((.+)\))?\.",
    lambda v, m: near(m[1], v.window_points.value) and (not m[2] or is_between(m[2], v.window_points, 1.0)),
)
LITTLE = r"Your logs explain little of (.+) \(about (.+) of what was read lately\), so a split of it would say little\. Chat, .+"
CAUSES = r" Chat, other machines, hidden tokens, deleted logs or a changed limit look alike from here\."


def outside(found: Attribution, *inside: str) -> float:
    return sum(share.percent for share in found.breakdown if share.key not in inside)


def drift(e: Evidence) -> list[float | None]:
    return [e.changed_by, e.larger_by]


WHY = [
    Claim("These readings belong to an unknown account, so no .+", lambda v, m: v.account == 0),
    Claim(r"There is no reading of (.+), so there is nothing to break down\.", lambda v, m: v.used is None),
    Claim(r"(.+) of (.+) is used, and this machine's logs hold no message from it\.", lambda v, m: v.method == of.NOTHING and (m[1] == "Under 1 %" or near(m[1][:-2], v.used)) and is_period(m[2], v)),
    Claim(LITTLE, lambda v, m: v.method == of.LITTLE and is_period(m[1], v) and is_percent(m[2], v.evidence.fit)),
    Claim(r".+ is at (.+), as the service itself counts it; by list price (\S+) is (.+) of this machine's part\.", lambda v, m: v.method == of.LIST_PRICE and m[2] == v.by_project[0].name and is_percent(m[3], v.by_project[0].list_price)),
    Claim(r".+ is at (.+), as the service itself counts it; (\S+) is (.+) of this machine's part\.", lambda v, m: v.unexplained is None and is_share(m[3], v.by_project[0].share)),
    Claim(r".+ is at (.+), as the service itself counts it; (\S+) burned (.+) of that\.", lambda v, m: v.unexplained is not None and is_share(m[3], v.by_project[0].share)),
    Claim(r"By list price, not by quota: (\S+) is (.+) of this machine's work in (.+)\.", lambda v, m: v.method == of.LIST_PRICE and m[1] == v.by_model[0].name and is_percent(m[2], v.by_model[0].list_price) and is_period(m[3], v)),
    Claim(r"Next to nothing of (.+) is used\.", lambda v, m: v.used < 0.5),
    Claim(r"No model of this machine used a clear part of (.+)\.", lambda v, m: v.by_model[0].share.value < 0.05),
    Claim(r"(\S+) burned (.+) of (.+?)\.", lambda v, m: m[1] == v.by_model[0].name and is_share(m[2], v.by_model[0].share) and is_period(m[3], v)),
]  # fmt: skip
UNEXPLAINED = [
    Claim(r"Not explained by this machine's logs: no clear sign of other use \(in nine of ten such cases at most (\d+) %\)\.", lambda v, m: v.unexplained.value < 0.05 and 100 * v.unexplained.high <= int(m[1]) < 100 * v.unexplained.high + 1.001),
    Claim(r"Not explained by this machine's logs: (.+?)\." + CAUSES, lambda v, m: is_share(m[1], v.unexplained)),
]  # fmt: skip
BREAKDOWN = [
    Claim(r"Anthropic's breakdown contradicts this estimate: it counts (\d+) % outside of Claude Code and Cowork, where the estimate leaves at most (\d+) %\. Believe .+", lambda v, m: near(m[1], outside(v, "claude_code", "cowork")) and 100 * v.unexplained.high <= int(m[2]) < int(m[1])),
    Claim(r"Anthropic's breakdown counts only (\d+) % outside of Claude Code: (\d+) % or more would be Claude Code itself, .+", lambda v, m: near(m[1], outside(v, "claude_code")) and 2 <= int(m[2]) <= 100 * v.unexplained.low - outside(v, "claude_code")),
]  # fmt: skip
WEIGHTS = [
    Claim(r"(\S+) is (.+) of this machine's work by price and (.+) by what it weighs against the limit\.", lambda v, m: is_percent(m[2], v.by_model[0].list_price) and is_percent(m[3], min(1.0, v.by_model[0].share.value / is_money_of_week(v)))),
]  # fmt: skip
PART = [
    Claim(r"By list price, not by quota: session (\S+) is (.+) of this machine's work in (.+)\.", lambda v, m: is_percent(m[2], v.by_session[0].list_price) and is_period(m[3], v)),
    Claim(r"Session (\S+) burned (.+) of (.+?)\. It is (.+) of this machine's work by price\.", lambda v, m: is_share(m[2], v.by_session[0].share) and is_period(m[3], v) and is_percent(m[4], v.by_session[0].list_price)),
]  # fmt: skip
EVIDENCE = [
    Claim(r"Learned from (\d+) (?:5-hour windows?|days? of the week) over (\d+) days?\.", lambda e, m: int(m[1]) == e.windows and int(m[2]) <= e.days),
    Claim(r"Too little to learn from yet: (\d+) .+ over (\d+) days?; it takes (\d+) .+ over (\d+) days with .+", lambda e, m: int(m[1]) < int(m[3]) or int(m[2]) < int(m[4])),
    Claim(r"Too little to learn from yet: (\d+) .+ over (\d+) days?, but hardly a reading after which both limits had risen\.", lambda e, m: int(m[1]) >= 10 and int(m[2]) >= 7),
    Claim(r"(\d+) messages? of an unknown account (?:is|are) left out\.", lambda e, m: int(m[1]) == e.unattributed > 0),
    Claim(r"Without a price, and so left out: new-1\.", lambda e, m: bool(e.unpriced)),
    Claim(r"Since 09:00 the same work seems to cost (.+?) of your (.+?): a limit or a weight may have changed, or (.+)\.", lambda e, m: e.larger_by is None and is_factor(m[1], e.changed_by) and (m[2] == "week") == e.by_days and ("ended" in m[3]) == (e.changed_by < 1)),
    Claim(r"Since \d\d:00 a full 5-hour window seems to be (.+?)(?: of)? what it was of your week: the weekly limit may have changed, or .+", lambda e, m: e.changed_by is None and is_size(m[1], e.larger_by)),
    Claim(r"Since 09:00 a full 5-hour window seems to be (.+?)(?: of)? what it was of your week, and the same work to cost (.+) of it: the 5-hour limit may have changed, or .+", lambda e, m: is_size(m[1], e.larger_by) and is_factor(m[2], e.changed_by) and abs(math.log(e.changed_by * e.larger_by)) < 0.15),
    Claim(r"Since 09:00 a full 5-hour window seems to be (.+?)(?: of)? what it was of your week, and the same work to cost (.+) of it: both limits may have changed, or a weight\.", lambda e, m: is_size(m[1], e.larger_by) and is_factor(m[2], e.changed_by) and abs(math.log(e.changed_by * e.larger_by)) >= 0.15),
]  # fmt: skip
NAME = r"(?:5-hour limit|spending cap|Monthly spend limit)"
WHAT = r"The " + NAME
FORECAST = [
    Claim(WHAT + r" is unlikely to be reached before 14:00 \(under 5 %\)\.", lambda v, m: v.chance < SMALL),
    Claim(r"over 95 % chance to reach .+", lambda v, m: v.chance > SURE),
    Claim(r"(\d+) % chance to reach the " + NAME + r" before 14:00\.", lambda v, m: near(m[1], 100 * v.chance) and v.p10 is None),
    Claim(r"(\d+) % chance to reach the " + NAME + r" before 14:00; if so, most likely (\d\d):00–(\d\d):00\.", lambda v, m: near(m[1], 100 * v.chance) and (clock(v.p10)[:2], clock(v.p90)[:2]) == (m[2], m[3])),
    Claim(r"(\d+) % chance to reach the " + NAME + r" before 14:00; if so, about (\d\d):00\.", lambda v, m: near(m[1], 100 * v.chance) and v.p10 == v.p90),
    Claim(WHAT + r" is reached(?:; (it resets 14:00|its reset has passed))?\.", lambda v, m: v.why_not == of.AT_WALL and (m[1] or "") == ("" if v.resets_at is None else "it resets 14:00" if v.resets_at > NOW else "its reset has passed")),
    Claim(WHAT + r": no source says when it resets, so its chance is unknown\.", lambda v, m: v.why_not == of.NO_RESET),
    Claim(WHAT + r": the last reading is too old for a chance\.", lambda v, m: v.why_not == of.OLD),
    Claim(r"The limit is reached and metered use goes on; no spending cap is known\.", lambda v, m: v.why_not == of.NO_CAP),
    Claim(WHAT + r": its reset has passed, the service still reports it, so its chance is unknown\.", lambda v, m: v.resets_at <= NOW and v.percent is not None),
    Claim(WHAT + r": it has not been read since it last reset, so its chance is unknown\.", lambda v, m: v.chance is None or v.resets_at is None),
]  # fmt: skip
SCORE = [
    Claim(r"No forecast of this machine is over yet\. .+", lambda v, m: v.forecasts == 0),
    Claim(r"([\d,]+) forecasts about ([\d,]+) windows? that are over\.", lambda v, m: int(m[1].replace(",", "")) == v.forecasts and int(m[2].replace(",", "")) == v.windows),
]  # fmt: skip
HEAD = r"7-day: (\d+) windows?, (.+?) of them reached the limit; "
LIMIT_SCORE = [
    Claim(HEAD + r"too few to judge: .+", lambda v, m: int(m[1]) == v.windows < 20),
    Claim(HEAD + r"nothing to compare with: all ended the same way\.", lambda v, m: v.hit_rate in (0, 1)),
    Claim(HEAD + r"squared error (\d+) % smaller than always saying (.+)\.", lambda v, m: near(m[3], 100 * (1 - v.brier / v.base_brier)) and v.brier < v.base_brier and is_percent(m[2], v.hit_rate) and m[4] == m[2]),
    Claim(HEAD + r"no better than always saying (.+)\.", lambda v, m: v.brier >= 0.995 * v.base_brier and m[3] == m[2]),
]  # fmt: skip
BIN = [
    Claim(r"Forecasts of about (\d+) %, in (\d+) windows?: (\d+) % of them reached the limit\.", lambda v, m: near(m[1], 100 * v.mean) and int(m[2]) == v.windows and near(m[3], 100 * v.windows_true / v.windows)),
    Claim(r"Forecasts of about (\d+) %: (\d+) of (\d+) came true \((\d+) %\)\.", lambda v, m: near(m[1], 100 * v.mean) and near(m[4], 100 * v.came_true / v.forecasts)),
]  # fmt: skip
NEXT = [
    Claim(r"The rest of the 5-hour limit is unknown: there is no reading of it\.", lambda v, m: v.left is None),
    Claim(r"(\d+) % of the 5-hour limit is left\. Your logs explain little of this limit, so .+", lambda v, m: v.why_not == of.LITTLE and near(m[1], v.left)),
    Claim(r"(\d+) % of the 5-hour limit is left\. Too few of your sessions are known to compare with it\.", lambda v, m: not v.is_enough and near(m[1], v.left)),
    Claim(r"Nothing is left of the 5-hour limit\.", lambda v, m: v.left < 0.5),
    Claim(r"None of your last (\d+) sessions used more than the (\d+) % left\.", lambda v, m: v.more == 0 and int(m[1]) == v.sessions and near(m[2], v.left)),
    Claim(r"(\d+) of your last (\d+) sessions used more than the (\d+) % left\.", lambda v, m: (int(m[1]), int(m[2])) == (v.more, v.sessions) and near(m[3], v.left)),
]  # fmt: skip
SIZES = [
    Claim(r"In points of a 5-hour window, half of them used at most (\d+), nine of ten (\d+), the largest (\d+)( \(it went on into another window\))?\.", lambda v, m: v.median <= int(m[1]) < v.median + 1 and v.p90 <= int(m[2]) < v.p90 + 1 and near(m[3], v.most) and bool(m[4]) == (v.most > 100)),
]  # fmt: skip
SOURCE = [
    Claim(r"Based on typical use, adjusted by (\d+) windows? of this account\. .+", lambda v, m: int(m[1]) == max(one.windows for one in v) > 0),
    Claim(r"Based on typical use; this account's own past does not count yet\. .+", lambda v, m: not any(one.windows for one in v)),
]  # fmt: skip
NO_WHAT_IF = [
    Claim(r"No running week has been read, so its end is unknown\.", lambda v, m: v.why_not == of.NO_WEEK),
    Claim(r"This machine's logs hold no work of the last week .+", lambda v, m: v.why_not == of.NO_WORK),
    Claim(r"The weights of your models are not known well enough yet; .+", lambda v, m: v.why_not == of.NO_WEIGHTS),
]  # fmt: skip
WHAT_IF = [
    *NO_WHAT_IF,
    WINDOW,
    Claim(r"Your logs explain little of this limit, so another model here .+", lambda v, m: v.why_not == of.LITTLE),
    Claim(r"If (.*?)the rest of the week ran on sonnet-5-5, the weekly limit would end at (.+); as it goes now at (.+)\.", lambda v, m: is_end(m[2], v.changed) and is_end(m[3], v.as_is) and bool(m[1]) == (v.share < 0.995)),
    Claim(r"If (.*?)a whole week like the last ones ran on it, that week would end at (.+); as it goes now at (.+)\.", lambda v, m: v.as_is is not None and is_end(m[2], v.next_changed) and is_end(m[3], v.next_as_is)),
    Claim(r"If (.*?)a whole week like the last ones ran on sonnet-5-5, it would end at (.+); as it goes now at (.+)\.", lambda v, m: v.as_is is None and is_end(m[2], v.next_changed) and is_end(m[3], v.next_as_is)),
    Claim(r"Tokens stay the same in this: .+", lambda v, m: not v.why_not),
]  # fmt: skip
TABLE = [
    *NO_WHAT_IF,
    Claim(LITTLE, lambda v, m: v.why_not == of.LITTLE and is_percent(m[2], v.fit)),
    Claim(r"That session lies in no week of this account's weekly limit that was read\.", lambda v, m: not v.rows and not v.sessions),
    Claim(r"Models in parentheses were not used here in the last seven days, .+", lambda v, m: any(not row.is_used for row in v.singles)),
    Claim(r"Over 100 %: the limit would be reached before the week resets\.", lambda v, m: any(end is not None and end.high > 100 for row in v.rows for end in (row.this_week, row.next_week))),
    Claim(r"Tokens stay the same in this: .+", lambda v, m: not v.why_not),
]  # fmt: skip


def is_best(v: Any, m: re.Match[str]) -> bool:
    now = v.as_is.this_week
    rows = {row.shares[0][0].removeprefix("claude-"): row for row in v.singles}
    named = re.findall(r"at ((?:about \d+ %(?: \([\d–]+\))?)|the limit, before it resets) on (\S+?)(?=,| and|$)", m[1])
    return bool(named) and is_end(m[2], now) and all(is_end(end, rows[name].this_week) and rows[name].is_used and rows[name].this_week.value < now.value for end, name in named)  # fmt: skip


BEST = [Claim(r"If the rest of the week ran on one model, the weekly limit would end (.+); as it goes now at (.+)\.", is_best)]  # fmt: skip


def is_points(words: str, points: Estimate) -> bool:
    if words == "under 0.1":
        return points.value < 0.05
    value, _, ends = words.partition(" (")
    small = points.value < 9.5
    low, _, high = ends.removesuffix(")").partition("–")
    slack = 0.0501 if small else 0.501
    near_by = [(value, points.value), *([(low, points.low), (high or low, points.high)] if ends else [])]
    return all(abs(float(shown) - true) <= slack for shown, true in near_by)


def is_session(v: Any, m: re.Match[str]) -> bool:
    named = re.findall(r"((?:under 0\.1|[\d.]+(?: \([\d.–]+\))?)) on (\S+?)(?=,| and|$)", m[2])
    on = {model.removeprefix("claude-"): points for model, points in v.on}
    return bool(named) and is_points(m[1], v.points) and all(is_points(points, on[name]) for points, name in named)


SESSION = [
    Claim(r"This session used (.+) points of its week; with the same tokens it would have used (.+)\.", is_session),
    Claim(r"This session used (.+) points of its week; no model in the table would change that clearly\.", lambda v, m: is_points(m[1], v.points) and all(abs(points.value - v.points.value) < 0.5 for _, points in v.on)),
]  # fmt: skip
