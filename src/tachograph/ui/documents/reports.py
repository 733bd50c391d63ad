"""An answer about spending as a table, JSON or CSV. Formats only; every number comes from `questions`."""

from __future__ import annotations

from tachograph.lean_datetime import datetime
from tachograph.lean_typing import TYPE_CHECKING, Mapping, NamedTuple, Sequence
from tachograph.model.usage.model_names import display_name as shown_model
from tachograph.model.usage.periods import Calendar
from tachograph.model.usage.prices import PICODOLLARS
from tachograph.queries.usage.problems import Problems
from tachograph.queries.usage.rows import (
    BranchKey,
    MachineKey,
    ModelKey,
    PeriodKey,
    ProjectKey,
    PullRequestKey,
    Row,
    SessionKey,
    SpeedKey,
    Spend,
    SpendReport,
    WayKey,
    WindowKey,
)
from tachograph.queries.usage.rows import total as sum_of
from tachograph.text.format import UNKNOWN, count, day_and_time, iso, plural, safe, tokens, usd, weekday, width
from tachograph.text.table import Column, Style, lines
from tachograph.ui.documents.report_footer import footer, problem_lines

if TYPE_CHECKING:
    from typing import Any

    from tachograph.queries.usage.witness import Witness

FORMAT = 1


SESSION = "Session"  # a title: which session it is, the ID beside it tells


class Names(NamedTuple):
    """Names of the models and sessions of a table, as short as they stay different."""

    models: Mapping[str, str]
    id_length: int | None  # characters of a session's id; None: all of them

    def model(self, model: str) -> str:
        return safe(self.models.get(model, model))

    def id(self, session: str | None) -> str:
        return safe((session or UNKNOWN)[: self.id_length])


def _names(rows: Sequence[Row], room: int | None) -> Names:
    keys = [row.key for row in rows] + [sub.key for row in rows for sub in row.by]
    models = {key.model for key in keys if isinstance(key, ModelKey)}
    shown: dict[str, list[str]] = {}
    for model in models:
        shown.setdefault(shown_model(model), []).append(model)
    ids = {key.session for key in keys if isinstance(key, SessionKey) and key.session}
    length = None if room is None else 8  # nothing is cut where nobody's screen is too narrow
    while length is not None and len({id[:length] for id in ids}) < len(ids):
        length += 4
    return Names({m: name if len(same) == 1 else m for name, same in shown.items() for m in same}, length)


class Report(NamedTuple):
    """An answer with its span, noun and remarks. `since`, `until`: ISO days or None."""

    name: str
    answer: SpendReport
    calendar: Calendar
    now: int
    since: str | None
    until: str | None
    problems: Problems
    noun: str  # what a row is: "day", "project" …
    note: str = ""
    empty_key: Any = None  # a key without values, for headings where there are no rows


# -- JSON ------------------------------------------------------------------------------------------------------


def document(report: Report) -> dict[str, Any]:
    """The envelope that every report has for programs; docs/json.md describes it."""
    return {
        "format": FORMAT,
        "report": report.name,
        "generated_at": iso(report.now),
        "timezone": report.calendar.zone_name,
        "range": {"since": report.since, "until": report.until},
        "rows": [_row_document(row) for row in report.answer.rows],
        "totals": spend_document(report.answer.totals),
        "problems": report.problems.document(),
    }


def _by_branch(row: Row) -> dict[str, Any]:
    """The part of a pull request's row that belongs to it by branch alone."""
    if not isinstance(row.key, PullRequestKey):
        return {}
    return {"by_branch": {"messages": row.by_branch.tokens.messages, "cost_usd": row.by_branch.usd}}


def _row_document(row: Row) -> dict[str, Any]:
    made = {**_key_document(row.key), **_by_branch(row), **spend_document(row.spend)}
    if row.by:
        made["by"] = [_row_document(sub) for sub in row.by]
    return made


def spend_document(used: Spend) -> dict[str, Any]:
    """The measures of a row."""
    t = used.tokens
    return {
        "messages": t.messages,
        "unfinished": used.unfinished,
        "tokens": {
            "input": t.input,
            "output": t.output,
            "cache_write_5m": t.cache_write_5m,
            "cache_write_1h": t.cache_write_1h,
            "cache_read": t.cache_read,
        },
        "web_searches": t.web_searches,
        "cost_usd": used.usd,
        "unpriced_messages": used.unpriced,
        "billed_usd": used.billed_usd,
        "billed_after_limit_usd": used.after_limit / PICODOLLARS,
        "missing_output_at_least": used.missing_output,
    }


def witness_document(found: Witness | None) -> dict[str, Any] | None:
    """Claude Code's own sum of a session; null where it wrote none."""
    if found is None:
        return None
    return {
        "cost_usd": found.counted_usd,
        "unseen_usd": found.unseen_usd,
        "unseen_models": list(found.unseen_models),
    }


def _key_document(key: Any) -> dict[str, Any]:
    if isinstance(key, PullRequestKey):
        pull = {"url": key.url, "number": key.number, "repository": key.repository} if key.url else None
        return {"pr": pull, "linked_at": iso(key.linked_at)}
    made = key._asdict()
    for field in ("started_at", "ended_at", "starts_at", "ends_at"):
        if field in made:
            made[field] = iso(made[field])
    return dict(made)


# -- CSV -------------------------------------------------------------------------------------------------------


def table_rows(report: Report) -> tuple[list[str], list[list[object]]]:
    """Headings and rows for a spreadsheet: one line per row or, if there are sub-rows, per sub-row."""
    flat = [(row, sub) for row in report.answer.rows for sub in (row.by or (None,))]
    keys: list[str] = [] if flat or not report.empty_key else list(_flat(_key_document(report.empty_key), ""))
    rows: list[dict[str, object]] = []
    for row, sub in flat:
        made = _flat(_key_document(row.key), "")
        if sub is not None:
            made |= _flat(_key_document(sub.key), "by_")
        keys += [key for key in made if key not in keys]
        spend = spend_document((sub or row).spend)
        rows.append({**made, **_flat({"messages": spend["messages"], **spend.pop("tokens"), **spend}, "")})
    numbers = [
        "messages",
        "unfinished",
        "input",
        "output",
        "cache_write_5m",
        "cache_write_1h",
        "cache_read",
        "web_searches",
    ]
    numbers += ["cost_usd", "unpriced_messages", "billed_usd", "missing_output_at_least"]
    return [*keys, *numbers], [[row.get(name) for name in (*keys, *numbers)] for row in rows]


def _flat(table: Mapping[str, Any], prefix: str) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in table.items():
        if key == "pr":
            made |= {f"{prefix}pr_{k}": (value or {}).get(k) for k in ("url", "number", "repository")}
        else:
            made[prefix + key] = value
    return made


def csv_cell(value: object) -> object:
    """A cell that a spreadsheet takes as text, never as a formula from a foreign name."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


# -- tables ----------------------------------------------------------------------------------------------------


def text(report: Report, room: int | None, style: Style) -> list[str]:
    """The report as lines for a person."""
    rows = report.answer.rows
    if not rows:
        return ["Nothing was used in this time.", *problem_lines(report.problems, room)]
    answer = report.answer
    said = footer(answer.totals, answer.unpriced_models, report.problems, room, report.note)
    return [*table(report, room, style), "", *said]


def table(report: Report, room: int | None, style: Style) -> list[str]:
    """The rows of a report, and their totals, as a table."""
    rows = report.answer.rows
    spends = [used for row in rows for used in (row.spend, *(sub.spend for sub in row.by))]
    spends.append(report.answer.totals)
    is_session = bool(rows) and isinstance(rows[0].key, SessionKey)
    columns = [*_key_columns(report, _names(rows, room)), *_number_columns(spends, is_session=is_session)]
    branch = [row.by_branch if at == 0 else Spend() for row in rows for at in range(1 + len(row.by))]
    if any(used.tokens.messages for used in branch):  # pull requests: of the cost, what is theirs by branch alone
        whole = sum_of(branch)
        cells = [usd(used.usd) if used.tokens.messages else "" for used in (*branch, whole)]
        columns.insert(-1, Column("By branch", cells, drop=8))
    return lines(columns, room, style)


def _key_columns(report: Report, called: Names) -> list[Column]:
    """The columns that say what a row is: headings by the kind of key, cells for rows, sub-rows and totals."""
    now = report.calendar.local(report.now)
    rows = report.answer.rows
    real = sum(not (isinstance(row.key, PullRequestKey | WayKey) and row.key[0] is None) for row in rows)
    total = plural(real, report.noun, "branches" if report.noun == "branch" else "")
    if real < len(rows):
        total = f"{total} and the rest"
    first = rows[0].key
    names: list[tuple[str, bool, int, int | None]]  # heading, right, drop, least
    if isinstance(first, SessionKey):
        names = [("Last active", False, 0, None), (SESSION, False, 0, 20), ("ID", False, 0, None)]
        names += [("Project", False, 0, 12), ("Branch", False, 9, 20)]
    elif isinstance(first, BranchKey):
        names = [("Branch", False, 0, 20), ("Project", False, 0, 12)]
    elif isinstance(first, PullRequestKey):
        names = [("Pull request", False, 0, None), ("Linked", False, 9, None)]
    elif isinstance(first, WindowKey):
        names = [("Window", False, 0, None), ("Reached", True, 0, None)]
    else:
        names = [(report.noun[0].upper() + report.noun[1:], False, 0, None)]
    cells: list[list[str]] = []
    for row in rows:
        cells.append(_cells(row.key, report.calendar, now, called))
        cells += [["  " + _sub_name(sub.key, report.calendar, now, called)] for sub in row.by]
    if isinstance(first, SessionKey):  # sub-rows stand in the widest column
        cells = [c if len(c) > 1 else ["", c[0]] for c in cells]
        cells.append(["", total])
    else:
        cells.append([total])
        if any(row.by for row in rows):  # a sub-row may be cut, as far as it still differs from the others
            least = max([24, *(width(c[0]) for c in cells if not c[0].startswith("  "))])
            names[0] = (*names[0][:3], least)
    padded = [c + [""] * (len(names) - len(c)) for c in cells]
    return [
        Column(heading, [row[place] for row in padded], right, drop, least, tells=heading != SESSION)
        for place, (heading, right, drop, least) in enumerate(names)
    ]


def _sub_name(key: Any, calendar: Calendar, now: datetime, called: Names) -> str:
    if isinstance(key, SessionKey):
        return f"{called.id(key.session)} {_name(key.title)}"
    return " · ".join(cell for cell in _cells(key, calendar, now, called) if cell not in ("", UNKNOWN)) or UNKNOWN


def _cells(key: Any, calendar: Calendar, now: datetime, called: Names) -> list[str]:
    if isinstance(key, PeriodKey):
        return [period_words(key.period)]
    if isinstance(key, ModelKey):
        return [called.model(key.model)]
    if isinstance(key, SpeedKey):
        return [key.speed]
    if isinstance(key, ProjectKey):
        return [_name(key.project)]
    if isinstance(key, WayKey):
        from tachograph.text.ways import way_words

        return [safe(way_words(key))]
    if isinstance(key, MachineKey):
        return [_name(key.machine)]
    if isinstance(key, BranchKey):
        return [_name(key.branch), _name(key.project)]
    if isinstance(key, PullRequestKey):
        return [pull_words(key), _moment(key.linked_at, calendar, now)]
    if isinstance(key, WindowKey):
        if key.starts_at is None or key.ends_at is None:
            return ["unknown time"]
        reached = UNKNOWN if key.peak_percent is None else f"{round(key.peak_percent)} %"
        bounds = f"{_moment(key.starts_at, calendar, now)} – {calendar.local(key.ends_at):%H:%M}"
        return [bounds, "estimated" if key.estimated else reached]
    title = _name(key.title) if key.session else "messages without a session"
    id = called.id(key.session) if key.session else ""
    project = _name(key.project) + (f" +{key.more_projects}" if key.more_projects else "")
    branch = _name(key.branch) + (f" +{key.more_branches}" if key.more_branches else "")
    return [_moment(key.ended_at, calendar, now), title, id, project, branch]


def _number_columns(spends: Sequence[Spend], *, is_session: bool) -> list[Column]:
    several = not is_session  # a session's row has enough to say
    columns = [Column("Messages", [count(s.tokens.messages) for s in spends], drop=2)]
    if spends[-1].unfinished:
        columns.append(Column("Unfinished", [count(s.unfinished) for s in spends], drop=8))
    if several:
        columns += [
            Column("Input", [tokens(s.tokens.input) for s in spends], drop=7),
            Column("Output", [tokens(s.tokens.output) for s in spends], drop=6),
            Column("Cache write", [tokens(s.tokens.cache_write_5m + s.tokens.cache_write_1h) for s in spends], drop=5),
            Column("Cache read", [tokens(s.tokens.cache_read) for s in spends], drop=4),
        ]
    columns.append(Column("Tokens", [tokens(s.tokens.total) for s in spends], drop=3))
    columns.append(Column("Cost*", [usd(s.usd) for s in spends]))
    return columns


def period_words(period: str | None) -> str:
    """2026-11-21 Sat; 2026-11; 2026-11-21 14:00 +01:00."""
    if period is None:
        return "unknown time"
    if len(period) == 10:
        return f"{period} {weekday(datetime.fromisoformat(period))}"
    return f"{period[:10]} {period[11:16]} {period[16:]}" if "T" in period else period


def pull_words(key: PullRequestKey) -> str:
    if key.url is None:
        return "no pull request"
    if key.repository and key.number:
        return safe(f"{key.repository}#{key.number}")
    return safe(key.url)


def _name(name: str | None) -> str:
    return safe(name) if name else UNKNOWN


def _moment(at: int | None, calendar: Calendar, now: datetime) -> str:
    return UNKNOWN if at is None else day_and_time(calendar.local(at), now)
