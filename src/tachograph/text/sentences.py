"""What numbers and outcomes mean, in words: the one place for every sentence about an estimate or a failure.

An estimate is never said without its interval, a time never without its chance, and what is not known never as 0. What
this machine's logs do not explain is called that, and nothing more: hidden tokens, chat, deleted logs look alike.
"""

from __future__ import annotations  # the answers' types are named here, and imported by nobody who only says an outcome

from collections.abc import Callable
from typing import TYPE_CHECKING

from tachograph.model.limits.limits import (
    BLOCKED,
    BROWSER,
    COOKIES,
    DENIED,
    EXPIRED,
    FIVE_HOUR,
    FORBIDDEN,
    LIMITED,
    NO_LOGIN,
    OFFLINE,
    OK,
    PORTAL,
    SERVER,
    SEVEN_DAY,
    SHAPE,
    TIMEOUT,
    TLS,
)
from tachograph.queries.estimates import constants as of

if TYPE_CHECKING:
    from tachograph.model.estimates.attribution import Estimate
    from tachograph.queries.estimates.attribution import Attribution, Evidence
    from tachograph.queries.estimates.forecast import Bin, Calibration, LimitForecast, NextSession
    from tachograph.queries.estimates.reconcile import Reconciled
    from tachograph.queries.estimates.what_if import WhatIf

Clock = Callable[[int], str]  # writes a moment (epoch ms) for people

CLEAR_SIGN = 0.05  # of what is used: below it, what is not explained is within the reach of the method
WIDE = 0.3  # an interval from here on is said as one, not as a number with one
SMALL, SURE = 0.05, 0.95  # chances beyond these are not told apart

_WORDS = {
    OK: "answered",
    NO_LOGIN: "nobody is signed in to a Claude plan here; run `claude` and sign in",
    DENIED: "this computer does not hand the login out; allow it, or live with the other sources",
    EXPIRED: "the sign-in has expired; Claude Code renews it when it next runs",
    FORBIDDEN: "this login may not read usage (a token of `claude setup-token` cannot); sign in with `claude`",
    LIMITED: "asked too often, by anybody with this login; it is asked again when the service allows it",
    SERVER: "the service has trouble of its own; it is asked again later",
    TIMEOUT: "no answer in time; it is asked again later",
    OFFLINE: "no connection; it is asked again when there is one",
    TLS: "no connection that can be trusted: a network that reads along, or a wrong clock on this computer",
    PORTAL: "a network in between answers instead of the service; sign in to that network",
    BLOCKED: "a challenge page stands before the service: blocked for now, not signed out",
    SHAPE: "an answer that this version does not understand; a newer version may",
}


_OF_A_BROWSER = {
    EXPIRED: "signed out of claude.ai in that browser; sign in there, and it goes on",
    FORBIDDEN: "claude.ai does not let that account read its usage",
    BLOCKED: "claude.ai shows that browser a challenge page: blocked for now, not signed out; open claude.ai in it once",
}
_OF_COOKIES = {
    NO_LOGIN: "no session of claude.ai is in that browser; sign in to claude.ai there",
    DENIED: "that browser's cookies cannot be read here; its extension needs no cookies: tachograph pair --open",
    EXPIRED: "the session in that browser is no longer good; sign in to claude.ai there",
    FORBIDDEN: "claude.ai does not let that account read its usage",
    BLOCKED: "claude.ai shows a challenge page to what is no browser; the extension is not stopped by it:"
    " tachograph pair --open",
}
_BY_SOURCE = {BROWSER: _OF_A_BROWSER, COOKIES: _OF_COOKIES}


def outcome_words(outcome: str, source: str = "") -> str:
    """What an outcome of model.limits means for a source, and its remedy; the outcome itself where we have no words."""
    return _BY_SOURCE.get(source, _WORDS).get(outcome) or _WORDS.get(outcome, outcome)


# -- whose a limit is ------------------------------------------------------------------------------------------------


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
    seen = f"{_count(evidence.windows, '5-hour window')} over {_count(round(evidence.days), 'day')}"
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
    return f"{_count(nobodys, 'message')} of an unknown account {'is' if nobodys == 1 else 'are'} left out." if nobodys else ""  # fmt: skip


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


# -- will it be reached ----------------------------------------------------------------------------------------------


def chance_percent(chance: float) -> str:
    """`38 %`, `under 5 %`, `over 95 %`."""
    if chance < SMALL:
        return "under 5 %"
    return "over 95 %" if chance > SURE else f"{round(chance * 100)} %"


def chance_word(chance: float) -> str:
    if chance < 0.15:
        return "unlikely"
    return "possible" if chance < of.EVEN else "likely" if chance < 0.85 else "very likely"


def chance_short(chance: float) -> str:
    """`38 % chance of the wall`, for a row; "" where it does not matter."""
    return "" if chance < SMALL else f"{chance_percent(chance)} chance of the wall"


def chance_before(chance: float, resets_at: int, clock: Clock) -> str:
    """`38 % chance of the wall before 14:05`, for a row of its own."""
    return f"{chance_percent(chance)} chance of the wall before {clock(resets_at)}"


def status_chance(chance: float | None) -> str:
    """`wall likely 62 %`, for a status line; "" below even odds, where nothing is shouted."""
    return "" if chance is None or chance < of.EVEN else f"wall {chance_word(chance)} {chance_percent(chance)}"


def guard_chance(why: str, chance: float) -> str:
    """`it is at 60 % with a 62 % chance to be reached before it resets`."""
    return f"{why} with a chance of {chance_percent(chance)} to be reached before it resets"


def alarm_words(label: str, chance: float, resets_at: int, clock: Clock) -> tuple[str, str]:
    """The title and the text of a notice at even odds."""
    text = f"{chance_percent(chance)} chance that the {label} limit is reached before it resets {clock(resets_at)}."
    return f"Claude: {label} may run out", text


def forecast_words(made: LimitForecast, clock: Clock) -> str:
    """`38 % chance to reach the 5-hour limit before 17:40; if so, most likely 16:20–17:10.`"""
    what = "spending cap" if made.of == of.CAP_OF else f"{made.label} limit"
    if made.chance is None or made.resets_at is None:
        return _why_no_chance(made, what, clock)
    before = clock(made.resets_at)
    if made.chance < SMALL:
        return f"The {what} is unlikely to be reached before {before} ({chance_percent(made.chance)})."
    when = ""
    if made.p10 is not None and made.p90 is not None:
        early, late = clock(made.p10), clock(made.p90)
        when = f"; if so, most likely {early}–{late}" if early != late else f"; if so, about {early}"
    return f"{chance_percent(made.chance)} chance to reach the {what} before {before}{when}."


def _why_no_chance(made: LimitForecast, what: str, clock: Clock) -> str:
    until = f"; it resets {clock(made.resets_at)}" if made.resets_at is not None else ""
    return {
        of.AT_WALL: f"The {what} is reached{until}.",
        of.NO_RESET: f"The {what}: nobody says when it resets, so no chance can be said.",
        of.OLD: f"The {what}: the last reading is too old for a chance.",
        of.NO_CAP: "The limit is reached and metered use goes on; no cap is known that it could come to.",
    }.get(made.why_not, f"The {what}: it has not been read since it last reset, so no chance can be said.")


def calibration_words(found: Calibration) -> list[str]:
    """How our chances did, without praise."""
    if not found.forecasts or found.brier is None or found.base_brier is None:
        return ["No forecast of this machine is over yet. The recorder keeps them as it runs (`tachograph start`)."]
    made = [f"{_count(found.forecasts, 'forecast')} about {_count(found.windows, 'window')} that are over."]
    if found.windows < 20:
        made.append("Forecasts of one window are one observation: these are too few to judge by.")
    elif found.base_brier > 0:
        better = round((1 - found.brier / found.base_brier) * 100)
        made.append(
            f"Squared error {better} % smaller than always saying how often it usually comes."
            if better > 0
            else "No better so far than always saying how often it usually comes."
        )
    return made


def bin_words(found: Bin) -> str:
    """`We said 71 %: it came 14 times of 20 (70 %).`"""
    came = round(found.came_true / found.forecasts * 100) if found.forecasts else 0
    times = "once" if found.came_true == 1 else f"{found.came_true} times"
    return f"We said {round(found.mean * 100)} %: it came {times} of {found.forecasts} ({came} %)."


def next_words(found: NextSession) -> str:
    """`8 of your last 60 sessions used more than the 34 % left.`"""
    if found.left is None:
        return "How much is left of the 5-hour limit is not known: there is no reading of it."
    left = f"{found.left:.0f} %"
    if not found.is_enough:
        return f"{left} of the 5-hour limit is left. Too few sessions of yours are known to compare with it."
    if found.left < 0.5:
        return "Nothing is left of the 5-hour limit."
    if not found.more:
        return f"None of your last {found.sessions} sessions used more than the {left} left."
    return f"{found.more} of your last {found.sessions} sessions used more than the {left} left."


# -- what if ---------------------------------------------------------------------------------------------------------


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


# -- three numbers side by side --------------------------------------------------------------------------------------


def reconcile_words() -> list[tuple[str, str, str]]:
    """By number: its name, what it counts, what it cannot see."""
    return [
        (
            "API-equivalent spend",
            "every message in this machine's logs, of all accounts, at public API prices",
            "chat, other machines, logs deleted before they were read; a subscription does not bill it",
        ),
        (
            "5-hour limit",
            "all use of the account, wherever it is, since the window opened with the first message",
            "which model or machine it was; weights and time of day are the service's own",
        ),
        (
            "Weekly limit",
            "all use of the account in seven days; a model's own week only that model",
            "what a token of each model weighs, which is not its price; hidden tokens count and are in no log",
        ),
    ]


def reconcile_differences(found: Reconciled) -> list[str]:
    """Why the numbers differ now, as far as is known."""
    made = []
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
        top = found.why.by_model[0] if found.why.by_model else None
        if top is not None and top.share is not None and top.list_price is not None:
            explained = 1 - (found.why.unexplained.value if found.why.unexplained is not None else 0.0)
            weight = top.share.value / explained if explained > 0 else 0.0
            if abs(weight - top.list_price) >= 0.05:
                made.append(
                    f"{top.name} is {percent(top.list_price)} of this machine's work by price and {percent(weight)} by"
                    " what it weighs against the limit."
                )
    elif found.why is not None and found.why.used is not None:
        made.append(
            "What each model weighs against the limit is not known yet, so spend and percent cannot be held together."
        )
    if found.nobodys:
        made.append(left_out_words(found.nobodys))
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


def _used(value: float) -> str:
    return "Under 1 %" if 0 < value < 0.5 else f"{value:.0f} %"


def _count(n: int, one: str) -> str:
    return f"{n:,} {one}{'' if n == 1 else 's'}"


def _shown(model: str) -> str:
    from tachograph.model.usage.prices import shown  # only by those who name a model: a status line has no time for it

    return shown(model)
