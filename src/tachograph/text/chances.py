"""Forecasts in words: a probability always comes with its limit, a time never without its probability."""

from __future__ import annotations  # the types of answers are named here, and imported only by type checkers

import math
from collections.abc import Callable, Mapping, Sequence

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.estimates import constants as of
from tachograph.text.format import UNKNOWN, limit_name, plural

if TYPE_CHECKING:
    from tachograph.queries.estimates.forecast import LimitForecast
    from tachograph.queries.estimates.next_session import NextSession
    from tachograph.queries.estimates.scoring import Bin, Calibration, LimitScore

Clock = Callable[[int], str]  # writes a moment (epoch ms) for people

SMALL, SURE = 0.05, 0.95  # chances beyond these are not told apart


def chance_percent(chance: float) -> str:
    """`38 %`, `under 5 %`, `over 95 %`."""
    if chance < SMALL:
        return "under 5 %"
    return "over 95 %" if chance > SURE else f"{round(chance * 100)} %"


TEAM_FORECAST = (
    "Chance: to reach the limit before its reset. At reset: the range that eight of ten such cases end in. Both come from the"
    " person's own machine."
)


def chance_cell(chance: float | None) -> str:
    """A chance in a column of chances."""
    return UNKNOWN if chance is None else chance_percent(chance)


def ends_cell(ends: Mapping[str, float] | None) -> str:
    """`40–62 %`: the interval of the percentage at the reset, in a column."""
    if ends is None:
        return UNKNOWN
    low, high = (min(100, round(ends[name])) for name in ("low", "high"))
    return f"{low} %" if low == high else f"{low}–{high} %"


def chance_word(chance: float) -> str:
    """unlikely, possible, likely, very likely."""
    if chance < 0.15:
        return "unlikely"
    return "possible" if chance < of.EVEN else "likely" if chance < 0.85 else "very likely"


def chance_short(chance: float) -> str:
    """`38 % chance to hit the limit`, for a row of a limit; "" if it is too small to matter."""
    return "" if chance < SMALL else f"{chance_percent(chance)} chance to hit the limit"


def chance_before(chance: float, resets_at: int, clock: Clock) -> str:
    """`38 % chance to hit the limit before 14:05`, for a row of its own."""
    return f"{chance_percent(chance)} chance to hit the limit before {clock(resets_at)}"


def status_chance(chance: float | None) -> str:
    """`limit likely 62 %`, for a status line; "" below even odds."""
    return "" if chance is None or chance < of.EVEN else f"limit {chance_word(chance)} {chance_percent(chance)}"


def guard_chance(why: str, chance: float) -> str:
    """`it is at 60 % with a 62 % chance to be reached before it resets`."""
    return f"{why} with a chance of {chance_percent(chance)} to be reached before it resets"


def alarm_words(label: str, chance: float, resets_at: int, clock: Clock) -> tuple[str, str]:
    """Title and text of a notification at even odds."""
    text = f"{chance_percent(chance)} chance that the {label} limit is reached before it resets {clock(resets_at)}."
    return f"Claude: {label} may run out", text


def forecast_words(made: LimitForecast, clock: Clock) -> str:
    """`38 % chance to reach the 5-hour limit before 17:40; if so, most likely 16:20–17:10.`"""
    what = "spending cap" if made.of == of.CAP_OF else limit_name(made.label)
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
    until = ""
    if made.resets_at is not None:
        until = "; its reset has passed" if made.resets_at <= made.at else f"; it resets {clock(made.resets_at)}"
        if made.resets_at <= made.at and made.percent is not None and made.why_not == of.NO_READING:
            return f"The {what}: its reset has passed, the service still reports it, so its chance is unknown."
    return {
        of.AT_WALL: f"The {what} is reached{until}.",
        of.NO_RESET: f"The {what}: no source says when it resets, so its chance is unknown.",
        of.OLD: f"The {what}: the last reading is too old for a chance.",
        of.NO_CAP: "The limit is reached and metered use goes on; no spending cap is known.",
    }.get(made.why_not, f"The {what}: it has not been read since it last reset, so its chance is unknown.")


NO_FORECAST = (
    "No limit of this account was read, so there is nothing to forecast. `tachograph sources` lists the sources."
)


def calibration_words(found: Calibration) -> list[str]:
    """The score of past forecasts, each limit apart."""
    if not found.forecasts or found.brier is None or found.base_brier is None:
        return ["No forecast of this machine is over yet. The recorder stores them as it runs (`tachograph start`)."]
    made = [f"{plural(found.forecasts, 'forecast')} about {plural(found.windows, 'window')} that are over."]
    return made + [limit_score_words(one) for one in found.limits]


def limit_score_words(found: LimitScore) -> str:
    """`5-hour: 202 windows, 6 % of them reached the limit; squared error 27 % smaller than always saying 6 %.`"""
    start = f"{found.label}: {plural(found.windows, 'window')}, {_rate(found.hit_rate)} of them reached the limit"
    if not found.is_enough:
        return f"{start}; too few to judge: forecasts of one window are one observation."
    if found.base_brier <= 0:
        return f"{start}; nothing to compare with: all ended the same way."
    better = 0 if found.brier >= found.base_brier else round((1 - found.brier / found.base_brier) * 100)
    base = f"always saying {_rate(found.hit_rate)}"
    return (
        f"{start}; squared error {better} % smaller than {base}." if better > 0 else f"{start}; no better than {base}."
    )


def _rate(rate: float) -> str:
    return "under 1 %" if 0 < rate < 0.005 else f"{rate * 100:.0f} %"


def bin_words(found: Bin) -> str:
    """`Forecasts of 71 %: 14 of 20 came true (70 %).` Counts windows if they are known."""
    if found.windows:
        came = round(found.windows_true / found.windows * 100)
        return f"Forecasts of about {round(found.mean * 100)} %, in {plural(found.windows, 'window')}: {came} % of them reached the limit."
    came = round(found.came_true / found.forecasts * 100) if found.forecasts else 0
    return (
        f"Forecasts of about {round(found.mean * 100)} %: {found.came_true} of {found.forecasts} came true ({came} %)."
    )


def next_words(found: NextSession) -> str:
    """`8 of your last 60 sessions used more than the 34 % left.`"""
    if found.left is None:
        return "The rest of the 5-hour limit is unknown: there is no reading of it."
    if found.left < 0.5:
        return "Nothing is left of the 5-hour limit."
    left = f"{found.left:.0f} %"
    if found.why_not == of.LITTLE:
        return f"{left} of the 5-hour limit is left. Your logs explain little of this limit, so sessions here say little of it."
    if not found.is_enough:
        return f"{left} of the 5-hour limit is left. Too few of your sessions are known to compare with it."
    if not found.more:
        return f"None of your last {found.sessions} sessions used more than the {left} left."
    return f"{found.more} of your last {found.sessions} sessions used more than the {left} left."


def sizes_words(found: NextSession) -> str:
    """Points of a 5-hour window that past sessions used: half, nine of ten, the largest; "" if too few are known."""
    if not found.is_enough or found.median is None or found.p90 is None or found.most is None:
        return ""
    over = " (it went on into another window)" if found.most > 100 else ""
    return (
        f"In points of a 5-hour window, half of them used at most {math.ceil(found.median)}, nine of ten"
        f" {math.ceil(found.p90)}, the largest {found.most:.0f}{over}."
    )


def source_words(made: Sequence[LimitForecast]) -> str:
    """The base of some chances: typical use, and the account's own windows; "" without a chance."""
    if not any(one.chance is not None for one in made):
        return ""
    own = max(one.windows for one in made)
    source = (
        f"Based on typical use, adjusted by {plural(own, 'window')} of this account."
        if own
        else "Based on typical use; this account's own past does not count yet."
    )
    return f"{source} `tachograph forecast --score` compares past forecasts with their outcome."
