"""*Limits*: every window of every account with its peak, the walls that were hit, how fast it filled, and what the logs say
was used in it."""

from collections.abc import Mapping
from typing import Any

from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.queries.limits.window_history import Walls, walls
from tachograph.text.attribution import left_out_words
from tachograph.text.format import MONTHS, UNKNOWN, duration, iso, plural, safe, tokens
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.pages.estimates import calibrated
from tachograph.ui.dashboard.pages.now import source_words
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, as_json, cost_cell, moment, named
from tachograph.ui.documents import limits as words

_DAY = 86_400_000
_MOST = 300


def _since(view: View) -> tuple[int, int]:
    """From when on, and how many days that is; a year where the range is open."""
    span = view.asked.span(view.calendar, view.now)
    since = span.start if span.start is not None else view.now - 3 * 365 * _DAY
    return since, max(1, round((view.now - since) / _DAY))


def _found(view: View) -> Walls:
    look = view.look
    since, _ = _since(view)
    found = walls(look.db, look.book, look.calendar, look.now, since, _MOST)
    end = view.asked.span(view.calendar, view.now).end
    if end is not None and end < look.now:
        found = found._replace(windows=tuple(w for w in found.windows if (w.window.resets_at or 0) <= end))
    return found


def _habits(view: View) -> Mapping[str, Any] | None:
    found = _found(view)
    if not found.habits:
        return None
    _, days = _since(view)
    return {
        "sentences": [words.said(habit, days) for habit in found.habits],
        "hits": sum(habit.hits for habit in found.habits),
    }


def _weeks(view: View) -> Mapping[str, Any] | None:
    """One line for each limit, a point a week: the highest that it reached."""
    found = _found(view)
    if not found.weeks:
        return None
    names = {habit.key: safe(habit.name) for habit in found.habits}
    weeks = sorted({week.week for week in found.weeks})
    by_place = {(week.key, week.week): week for week in found.weeks}
    labels = [f"{int(week[8:])} {MONTHS[int(week[5:7]) - 1]} {week[:4]}" for week in weeks]
    series = [
        {
            "label": name,
            "colour": place % 10,
            "values": [one.peak if (one := by_place.get((key, week))) else None for week in weeks],
        }
        for place, (key, name) in enumerate(names.items())
    ]
    full = [week for week in found.weeks if week.hits]
    title = f"{plural(len({week.week for week in full}), 'week')} of {len(weeks)} with a limit that was hit"
    lines = tuple(
        Line(
            f"{week.week}-{week.key}",
            (
                Cell(labels[weeks.index(week.week)], week.week),
                Cell(names.get(week.key, safe(week.key))),
                Cell(str(week.windows), week.windows, "num"),
                Cell(UNKNOWN if week.peak is None else f"{week.peak:.0f} %", week.peak, "num"),
                Cell(str(week.hits) if week.hits else "", week.hits, "num"),
            ),
        )
        for week in reversed(found.weeks)
    )
    columns = (
        Column("Week of"),
        Column("Limit"),
        Column("Windows", "num"),
        Column("Peak", "num"),
        Column("Hits", "num"),
    )
    return {
        "figure": {
            "key": "weeks",
            "title": title,
            "summary": "The highest that each limit reached in each week.",
            "chart": as_json({"kind": "weeks", "labels": labels, "series": series, "unit": "%", "max": 100}),
            "legend": [(name, place % 10, "") for place, name in enumerate(names.values())],
            "table": Table("t-weeks", "The highest of each week", columns, lines),
        }
    }


def _windows(view: View) -> Mapping[str, Any]:
    found = _found(view)
    several = len({wall.window.account for wall in found.windows}) > 1
    lines = []
    for wall in found.windows:
        window = wall.window
        used = wall.used if window.key in (FIVE_HOUR, SEVEN_DAY) else None  # what is here is of all models
        hit = window.hit_at is not None
        peak = 100.0 if hit and window.peak is None else window.peak
        reached = UNKNOWN if peak is None else f"{round(peak)} %{' ■' if hit else ' ▲' if peak >= 90 else ''}"
        running = " (running)" if window.is_running else ""
        name = f"{safe(window.name)}{f', {named(window.label)}' if several else ''}"
        cells = (
            Cell(f"{name}{running}", window.key),
            moment(wall.starts_at, view.calendar, view.now) if wall.starts_at is not None else Cell(UNKNOWN, ""),
            moment(window.resets_at, view.calendar, view.now),
            Cell(reached, window.peak, "num", title=f"by {source_words(window.source)}"),
            moment(window.hit_at, view.calendar, view.now) if hit else Cell("", ""),
            Cell(UNKNOWN if wall.half_ms is None else f"half in {duration(wall.half_ms / 1000)}", wall.half_ms, "num"),
            Cell(
                tokens(used.tokens.total) if used else UNKNOWN,
                used.tokens.total if used else "",
                "num",
            ),
            cost_cell(used) if used else Cell(UNKNOWN, "", "num"),
        )
        lines.append(Line(f"{window.account}-{window.key}-{iso(window.resets_at)}", cells, kind="hit" if hit else ""))
    columns = (
        Column("Limit"),
        Column("From", drop=3),
        Column("Reset"),
        Column("Reached", "num"),
        Column("Hit", drop=4),
        Column("Filled", "num", 5),
        Column("Tokens here", "num", 2),
        Column("Cost here*", "num", 1),
    )
    empty = (
        "The windows of your limits appear with the first reading: `tachograph sources` says where readings come from."
    )
    hits = sum(wall.window.hit_at is not None for wall in found.windows)
    return {
        "title": f"{plural(len(lines), 'window')}, {plural(hits, 'hit')}"
        if lines
        else "No window was seen in this time",
        "summary": " ".join(
            (
                "What the logs of this machine say the account used in each; chat and other machines draw from the same limits.",
                left_out_words(found.nobodys),
            )
        ).rstrip(),
        "table": Table("windows", "Windows, the newest first", columns, tuple(lines), empty=empty),
    }


def _calibration(view: View) -> Mapping[str, Any] | None:
    """How forecasts did, where there is anything that they could have been about."""
    made = calibrated(view)
    return made if made["table"].lines or _found(view).windows else None


PAGE = Page(
    "limits",
    "/limits",
    "Limits",
    (
        Block("habits", "limits_habits.html", _habits),
        Block("weeks", "usage_figure.html", _weeks),
        Block("windows", "running.html", _windows),
        Block("calibration", "running.html", _calibration),
    ),
    filters="range",
)
