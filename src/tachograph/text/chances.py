"""Forecasts in words: a probability always comes with its limit, a time never without its probability."""

from __future__ import annotations  # the types of answers are named here, and imported only by type checkers

from collections.abc import Callable
from typing import TYPE_CHECKING

from tachograph.queries.estimates import constants as of
from tachograph.text.format import plural

if TYPE_CHECKING:
    from tachograph.queries.estimates.forecast import Bin, Calibration, LimitForecast, NextSession

Clock = Callable[[int], str]  # writes a moment (epoch ms) for people

SMALL, SURE = 0.05, 0.95  # chances beyond these are not told apart


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
    made = [f"{plural(found.forecasts, 'forecast')} about {plural(found.windows, 'window')} that are over."]
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
