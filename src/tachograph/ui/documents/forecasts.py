"""Forecasts as screens and JSON. Formats only: the sentences are those of text/chances.py."""

from __future__ import annotations

from collections.abc import Sequence

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.periods import Calendar
from tachograph.queries.estimates.forecast import LimitForecast
from tachograph.queries.estimates.next_session import NextSession
from tachograph.queries.estimates.scoring import Calibration
from tachograph.queries.limits.current import NowAccount
from tachograph.text.chances import (
    NO_FORECAST,
    bin_words,
    calibration_words,
    forecast_words,
    next_words,
    sizes_words,
    source_words,
)
from tachograph.text.format import fold, iso, safe
from tachograph.text.limits import clocks as clock_of
from tachograph.ui.documents.estimates import estimate
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    from typing import Any


def forecast_screen(
    made: Sequence[LimitForecast], following: NextSession, calendar: Calendar, at: int, room: int | None
) -> list[str]:
    words = clock_of(calendar, at)
    lines = []
    for one in made:
        lines += fold(safe(forecast_words(one, words)), room)
    if not made:
        lines += fold(NO_FORECAST, room)
    if following.is_enough and following.left is not None:
        lines += fold(next_words(following), room)
    if source := source_words(made):
        lines += ["", *fold(source, room)]
    return lines


def forecast_document(
    made: Sequence[LimitForecast], following: NextSession, account: NowAccount, at: int
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generated_at": iso(at),
        "account": account.label or account.uuid or None,
        "limits": [limit_forecast(one) for one in made],
        "next_session": next_document(following),
    }


def limit_forecast(made: LimitForecast) -> dict[str, Any]:
    return {
        "limit": made.key,
        "label": made.label,
        "of": made.of,
        "percent": made.percent,
        "resets_at": iso(made.resets_at),
        "state": made.state,
        "chance": made.chance,
        "prior_chance": made.prior,
        "if_so": None if made.p50 is None else {"p10": iso(made.p10), "p50": iso(made.p50), "p90": iso(made.p90)},
        "ends_at_percent": estimate(made.ends),
        "own_windows": made.windows,
        "why_not": made.why_not or None,
    }


def next_document(found: NextSession) -> dict[str, Any]:
    return {
        "left_percent": found.left,
        "sessions": found.sessions,
        "used_more": found.more if found.left is not None else None,
        "median_points": found.median,
        "p90_points": found.p90,
        "most_points": found.most,
        "is_enough": found.is_enough,
        "why_not": found.why_not or None,
        "says": next_words(found),
    }


def next_screen(found: NextSession, room: int | None) -> list[str]:
    return fold(next_words(found), room) + (fold(sizes, room) if (sizes := sizes_words(found)) else [])


def score_screen(found: Calibration) -> list[str]:
    made = calibration_words(found)
    for limit in found.limits:
        made += ["", f"{limit.label}:", *(f"  {bin_words(one)}" for one in limit.bins)]
    return made


def score_document(found: Calibration, at: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generated_at": iso(at),
        "since": iso(found.since),
        "forecasts": found.forecasts,
        "windows": found.windows,
        "brier": found.brier,
        "base_brier": found.base_brier,
        "bins": [
            {"from": b.low, "to": b.high, "forecasts": b.forecasts, "mean_chance": b.mean, "came_true": b.came_true}
            for b in found.bins
        ],
        "limits": [
            {
                "limit": one.key,
                "label": one.label,
                "forecasts": one.forecasts,
                "windows": one.windows,
                "hit_rate": one.hit_rate,
                "brier": one.brier,
                "base_brier": one.base_brier,
                "is_enough": one.is_enough,
                "bins": [
                    {
                        "from": b.low,
                        "to": b.high,
                        "forecasts": b.forecasts,
                        "windows": b.windows,
                        "mean_chance": b.mean,
                        "share_of_windows_reached": b.windows_true / b.windows if b.windows else None,
                    }
                    for b in one.bins
                ],
            }
            for one in found.limits
        ],
    }
