"""Forecasts: the chance to reach a limit (Now), and how past chances turned out (Limits)."""

from collections.abc import Callable

from tachograph.queries.estimates.forecast import LimitForecast, forecast
from tachograph.queries.estimates.scoring import calibration
from tachograph.queries.limits.current import NowAccount
from tachograph.text.chances import calibration_words, forecast_words
from tachograph.text.format import percent, plural, safe
from tachograph.text.limits import clock
from tachograph.ui.dashboard.figures import Fan, TableBlock
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, share_cell

CACHE_SECONDS = 30.0  # the next message hardly moves an estimate


def clock_of(view: View) -> Callable[[int], str]:
    """Words for a moment, seen from now."""
    return lambda moment: clock(moment, view.now, view.calendar)


def forecasts(view: View, account: NowAccount) -> tuple[LimitForecast, ...]:
    """The forecasts of an account."""
    snapshot = view.snapshot
    return snapshot.cache.answer(
        ("forecast", account.id), CACHE_SECONDS, lambda: forecast(snapshot.db, snapshot.book, account, snapshot.now)
    )


def words_of(view: View, made: LimitForecast) -> str:
    """A forecast as sentences."""
    return safe(forecast_words(made, clock_of(view)))


def fan_of(made: LimitForecast | None) -> Fan | None:
    """The part of a chart ahead of now; None without a forecast."""
    if made is None or made.chance is None or made.percent is None or made.resets_at is None:
        return None
    times = tuple(at // 1000 for at in (made.p10, made.p50, made.p90) if at is not None)
    ends = None
    if made.ends is not None:
        ends = (round(made.ends.low, 1), round(made.ends.value, 1), round(made.ends.high, 1))
    return Fan(made.percent, times, made.resets_at // 1000, round(made.chance, 3), ends)


def calibration_table(view: View) -> TableBlock:
    """Past chances of each limit by size, with the share of windows that reached it."""
    snapshot = view.snapshot
    found = snapshot.cache.answer(("calibration",), CACHE_SECONDS, lambda: calibration(snapshot.db))
    lines = tuple(
        Line(
            f"{limit.key}-{one.low}",
            (
                Cell(safe(limit.label), limit.key),
                Cell(f"{round(100 * one.low)} to {round(100 * one.high)} %"),
                Cell(str(one.windows), one.windows, "num"),
                Cell(str(one.forecasts), one.forecasts, "num"),
                Cell(percent(one.mean), one.mean, "num"),
                share_cell(one.windows_true / one.windows),
            ),
        )
        for limit in found.limits
        for one in limit.bins
        if one.windows
    )
    columns = (
        Column("Limit"),
        Column("Chance"),
        Column("Windows", "num"),
        Column("Forecasts", "num", 2),
        Column("Mean", "num", 1),
        Column("Windows that reached it", "num"),
    )
    title = f"How {plural(found.forecasts, 'forecast')} turned out" if found.forecasts else "No forecast scored yet"
    summary = " ".join(safe(words) for words in calibration_words(found))
    empty = "The recorder makes forecasts while it runs; each is scored after its window."
    return TableBlock(title, summary, Table("calibration", "Chances and outcomes", columns, lines, empty=empty))
