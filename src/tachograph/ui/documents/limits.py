"""Past windows of the limits as a table, JSON and CSV, and one sentence for each limit. Formats only."""

from collections.abc import Sequence
from typing import Any

from tachograph.model.usage.periods import Calendar
from tachograph.queries.limits.history import Habit, History, PastWindow
from tachograph.text.format import UNKNOWN, cut, day_and_time, iso, plural, safe
from tachograph.text.limits import SOURCE_WORDS
from tachograph.text.table import Column, Style, lines
from tachograph.ui.documents.reports import FORMAT

FIELDS = ("account", "limit", "first_seen_at", "resets_at", "peak_percent", "hit_at", "source", "running")


def screen(found: History, days: int, calendar: Calendar, now: int, room: int | None, style: Style) -> list[str]:
    several = len({window.account for window in found.windows}) > 1
    local = calendar.local(now)

    def moment(at: int | None) -> str:
        return UNKNOWN if at is None else day_and_time(calendar.local(at), local)

    shown = found.windows
    columns = (
        [Column("Account", [cut(safe(w.label or UNKNOWN), 24) for w in shown], right=False, drop=1)] if several else []
    )
    columns += [
        Column("Limit", [cut(safe(w.name), 24) for w in shown], right=False),
        Column("Resets", [moment(w.resets_at) for w in shown], right=False),
        Column("Reached", [_reached(w) for w in shown]),
        Column("Hit", [moment(w.hit_at) if w.hit_at else "" for w in shown], right=False),
        Column("First seen", [moment(w.first_at) for w in shown], right=False, drop=3),
        Column("By", [SOURCE_WORDS.get(w.source, w.source) for w in shown], right=False, drop=2),
    ]
    table = lines(columns, room, style, footer=False)
    return [*[said(habit, days) for habit in found.habits], "", *table]


def said(habit: Habit, days: int) -> str:
    """`5-hour: hit 6 times in 30 days, usually Tuesday afternoon (41 windows).`"""
    hit = "never hit" if not habit.hits else "hit once" if habit.hits == 1 else f"hit {habit.hits} times"
    usually = f", usually {habit.usually}" if habit.usually else ""
    return f"{safe(habit.name)}: {hit} in {plural(days, 'day')}{usually} ({plural(habit.windows, 'window')})."


def _reached(window: PastWindow) -> str:
    sign = " ■" if window.hit_at is not None else "  "
    if window.peak is None:
        return f"{'100 %' if window.hit_at is not None else UNKNOWN}{sign}"
    refused = "refused at " if window.hit_at is not None and window.peak < 100 else ""
    return f"{refused}{round(window.peak)} %{sign}"


def document(found: History, days: int, now: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generated_at": iso(now),
        "days": days,
        "limits": [
            {
                "key": habit.key,
                "label": habit.name,
                "windows": habit.windows,
                "hits": habit.hits,
                "usually": habit.usually,
            }
            for habit in found.habits
        ],
        "windows": [dict(zip(FIELDS, _fields(window), strict=True)) for window in found.windows],
    }


def table_rows(windows: Sequence[PastWindow]) -> tuple[list[str], list[list[object]]]:
    """Headings and rows for a spreadsheet."""
    return list(FIELDS), [_fields(window) for window in windows]


def _fields(window: PastWindow) -> list[object]:
    return [
        window.label or None,
        window.key,
        iso(window.first_at),
        iso(window.resets_at),
        window.peak,
        iso(window.hit_at),
        window.source,
        window.is_running,
    ]
