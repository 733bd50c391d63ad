"""Drivers of usage as a table, JSON and CSV. Formats only: numbers come from queries, sentences from text/drivers.py."""

from typing import Any, NamedTuple

from tachograph.model.estimates.attribution import Estimate
from tachograph.model.usage.periods import Calendar
from tachograph.model.usage.prices import PICODOLLARS
from tachograph.queries.estimates.driver_points import DriversWithPoints
from tachograph.queries.usage.drivers import REBUILDS, Driver
from tachograph.queries.usage.problems import Problems
from tachograph.text.attribution import interval
from tachograph.text.drivers import NOTHING, OVERLAP, advice_words, driver_name, not_named_words, points_heading
from tachograph.text.format import UNKNOWN, fold, iso, percent, safe, usd
from tachograph.text.table import Column, Style, lines
from tachograph.ui.documents.estimates import estimate
from tachograph.ui.documents.report_footer import footer, problem_lines
from tachograph.ui.documents.reports import FORMAT, spend_document

_MOST_OF_KIND = 3
_LEAST_SHARE, _WHOLE = 0.005, 0.995


class DriversReport(NamedTuple):
    """An answer with its span. `since`, `until`: ISO days or None; `account` that points are of, None without one."""

    answer: DriversWithPoints
    calendar: Calendar
    now: int
    since: str | None
    until: str | None
    problems: Problems
    account: str | None


def shown_rows(found: DriversWithPoints) -> list[Driver]:
    """The rows for people: of each kind the largest; not the rest of a dimension, nothing tiny, no dimension of one value, and
    of two rows about the same messages one."""
    rows = [row for row in found.drivers.rows if not row.is_rest]
    only = [row for row in rows if row.kind == "agent"]
    made: list[Driver] = []
    for row in rows:
        share = row.share or 0.0
        is_whole = share > _WHOLE and row.kind in ("effort", "entrypoint", "plugin")
        is_total = row.kind == "subagents" and len(only) == 1 and only[0].spend == row.spend
        is_twin = row.kind == "plugin" and any(one.kind == "skill" and one.spend == row.spend for one in rows)
        is_one_more = sum(one.kind == row.kind for one in made) >= _MOST_OF_KIND
        if share >= _LEAST_SHARE and not (is_whole or is_total or is_twin or is_one_more):
            made.append(row)
    return made


def points_words(points: Estimate | None) -> str:
    """`14 (11–17)`, `<1`; a dash where points are unknown."""
    if points is None:
        return UNKNOWN
    return "<1" if points.high < 0.5 else f"{points.value:.0f} ({interval(points, 1.0)})"


def drivers_document(report: DriversReport) -> dict[str, Any]:
    """All rows for programs, the rest of each dimension included."""
    found = report.answer
    return {
        "format": FORMAT,
        "report": "drivers",
        "generated_at": iso(report.now),
        "timezone": report.calendar.zone_name,
        "range": {"since": report.since, "until": report.until},
        "account": report.account,
        "weeks": found.weeks,
        "used_points": found.used if found.is_learned else None,
        "rows": [_row(row, found) for row in found.drivers.rows],
        "totals": spend_document(found.drivers.total),
        "problems": report.problems.document(),
    }


def _row(row: Driver, found: DriversWithPoints) -> dict[str, Any]:
    return {
        "driver": row.kind,
        "name": row.name,
        **spend_document(row.spend),
        "share": row.share,
        "sessions": row.sessions,
        "top_sessions": [part._asdict() for part in row.top],
        "model": None if row.model is None else row.model[0],
        "model_share": None if row.model is None else row.model[1],
        "saved_usd": row.saved / PICODOLLARS if row.kind == REBUILDS else None,
        "points": estimate(row.points),
        "advice": advice_words(row, found.drivers) or None,
    }


_CSV = ("driver", "name", "messages", "cost_usd", "share", "sessions", "model", "model_share", "saved_usd")


def drivers_table(report: DriversReport) -> tuple[list[str], list[list[object]]]:
    """Headings and rows for a spreadsheet."""
    rows = []
    for row in drivers_document(report)["rows"]:
        points = row["points"] or {}
        bounds = [points.get(name) for name in ("value", "low", "high")]
        rows.append([*(row[name] for name in _CSV), *bounds, row["advice"]])
    return [*_CSV, "points", "points_low", "points_high", "advice"], rows


def drivers_screen(report: DriversReport, room: int | None, style: Style) -> list[str]:
    """The ranked rows, each followed by what to do about it."""
    found = report.answer
    if not found.drivers.total.tokens.messages:
        return [NOTHING, *problem_lines(report.problems, room)]
    rows = shown_rows(found)
    total = found.drivers.total
    columns = [
        Column("Driver", [*(safe(driver_name(row)) for row in rows), "everything"], right=False, least=24),
        Column("Sessions", [*(str(row.sessions) for row in rows), ""], drop=3),
        Column("Cost*", [*(usd(row.spend.usd) for row in rows), usd(total.usd)]),
        Column("Share", [*(UNKNOWN if row.share is None else percent(row.share) for row in rows), ""], drop=2),
    ]
    if found.is_learned:
        used = f"{found.used:.0f}"
        columns.append(Column(points_heading(found.weeks), [*(points_words(row.points) for row in rows), used], drop=1))
    head, *body = lines(columns, room, style)
    made = [head]
    for row, line in zip([*rows, None], body, strict=True):
        made.append(line)
        words = advice_words(row, found.drivers) if row is not None else ""
        made += [f"{style.dim}{part}{style.end}" for part in (fold(f"  {safe(words)}", room, "  ") if words else ())]
    notes = " ".join(filter(None, (OVERLAP, not_named_words(found.drivers))))
    return [*made, "", *footer(total, found.drivers.unpriced_models, report.problems, room, notes)]
