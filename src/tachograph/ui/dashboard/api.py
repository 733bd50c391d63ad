"""JSON routes for programs and for our own pages: answers of `queries` in the shape of docs/json.md, without the envelope
(envelope.py)."""

from collections.abc import Mapping
from typing import Any

from tachograph.errors import UsageError
from tachograph.model.usage.model_names import display_name
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import PICODOLLARS
from tachograph.queries.limits.current import now as current_limits
from tachograph.queries.limits.curves import curves
from tachograph.queries.limits.history import history
from tachograph.queries.limits.source_health import health
from tachograph.queries.limits.window_history import walls
from tachograph.queries.usage import totals
from tachograph.queries.usage.active_sessions import active_sessions
from tachograph.queries.usage.problems import NO_PROBLEMS
from tachograph.queries.usage.pull_requests import pull_requests
from tachograph.queries.usage.rows import PERIODS, SpendQuery, SpendReport
from tachograph.queries.usage.session_details import session_id
from tachograph.queries.usage.session_timeline import timeline
from tachograph.queries.usage.session_windows import windows
from tachograph.queries.usage.spend import spend
from tachograph.text.format import cut, iso, safe
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.page_query import PRESETS, WAYS, WEEKS, PageQuery
from tachograph.ui.documents import limits as limit_documents
from tachograph.ui.documents import now as now_documents
from tachograph.ui.documents.reports import Report, document, spend_document
from tachograph.workspace.session_tools import session_tools

_DAY = 86_400_000
_PLACES, _PLACES_SECONDS = 60, 20.0
ALONG = (*PERIODS, "project", "model", "branch", "session", "pr", "window", *WAYS)
_VIEW = frozenset(PageQuery._fields) - {"week_reset", "unknown_range"}  # parameters of a page's address
_PARAMETERS: dict[str, frozenset[str]] = {
    "now": frozenset(),
    "curves": frozenset({"days"}),
    "running": frozenset(),
    "totals": _VIEW,
    "spend": _VIEW | {"along", "by"},
    "caching": _VIEW,
    "hours": _VIEW,
    "pulls": _VIEW,
    "limits": frozenset({"days"}),
    "windows": frozenset({"days"}),
    "session": frozenset({"id"}),
    "sources": frozenset(),
    "places": frozenset({"q"}),
    "version": frozenset(),
}
ROUTES = tuple(_PARAMETERS)


def is_known(name: str) -> bool:
    """True for the name of a route."""
    return name in _PARAMETERS


def answer(path: str, view: View, parameters: Mapping[str, str]) -> object:
    """The data of a route. Raises UsageError or NotFound."""
    name = path.removeprefix("/api/")
    if unknown := sorted(parameters.keys() - _PARAMETERS[name]):
        known = ", ".join(sorted(_PARAMETERS[name])) or "none"
        raise UsageError(f"/api/{name} has no parameter {safe(unknown[0])!r}.", f"Parameters: {known}.")
    if view.query.unknown_range:
        raise UsageError(
            f"There is no range {safe(view.query.unknown_range)!r}.", f"Ranges: {', '.join((*PRESETS, *WEEKS))}."
        )
    return _ROUTES[name](view, parameters)


def _now(view: View, parameters: Mapping[str, str]) -> object:
    made = now_documents.document(
        current_limits(view.snapshot.db, view.now, left=view.snapshot.settings.shows_left), []
    )
    return {key: made[key] for key in ("accounts", "headline")}


def _curves(view: View, parameters: Mapping[str, str]) -> object:
    days = _number(parameters.get("days", "7"), 1, 400)
    made = []
    for account in current_limits(view.snapshot.db, view.now).accounts:
        keys = [limit.key for limit in account.limits]
        found = curves(view.snapshot.db, account.id, view.now - days * _DAY, view.now, keys)
        made.append(
            {
                "account": account.label or None,
                "limits": [
                    {
                        "key": one.key,
                        "label": one.label,
                        "points": [{"at": iso(p.at), "percent": p.percent, "source": p.source or None} for p in one.points],
                        "resets": [iso(at) for at in one.resets],
                        "walls": [iso(at) for at in one.walls],
                    }
                    for one in found
                ],
            }
        )  # fmt: skip
    return {"days": days, "accounts": made}


def _running(view: View, parameters: Mapping[str, str]) -> object:
    snapshot = view.snapshot
    found = active_sessions(snapshot.db, snapshot.book, snapshot.calendar, snapshot.now)
    answer = SpendReport(tuple(one.row for one in found), totals.sum_spends(one.row.spend for one in found))
    rows = _report(view, answer, "session")["rows"]
    for row, one in zip(rows, found, strict=True):
        row |= {"context_tokens": one.last.prompt if one.last else None, "agents": one.agents}
    return {"rows": rows}


def _totals(view: View, parameters: Mapping[str, str]) -> object:
    snapshot, question = view.snapshot, view.query.spend_query(view.calendar, view.now)
    earlier = totals.before(question.span)
    return {
        **_range(view),
        "totals": spend_document(totals.totals(snapshot.db, snapshot.book, question)),
        "before": None
        if earlier is None
        else spend_document(totals.totals(snapshot.db, snapshot.book, question._replace(span=earlier))),
    }


def _spend(view: View, parameters: Mapping[str, str]) -> object:
    along, by = parameters.get("along", "day"), parameters.get("by") or None
    if along not in ALONG or (by is not None and (by not in ALONG or by in ("window", "hour", "week", "month"))):
        raise UsageError("A report has no such dimension.", f"Give along= one of {', '.join(ALONG)}.")
    snapshot = view.snapshot
    question = view.query.spend_query(view.calendar, view.now)._replace(along=along, by=by)
    found = (windows if along == "window" else spend)(snapshot.db, snapshot.book, snapshot.calendar, question)
    made = _report(view, found, along)
    return {**_range(view), "along": along, "by": by, "rows": made["rows"], "totals": made["totals"]}


def _caching(view: View, parameters: Mapping[str, str]) -> object:
    found = totals.caching(view.snapshot.db, view.snapshot.book, view.query.spend_query(view.calendar, view.now))
    return {
        **_range(view),
        "prompt_tokens": found.prompt,
        "read_tokens": found.read,
        "written_tokens": found.written,
        "fresh_tokens": found.fresh,
        "hit_rate": found.hit_rate,
        "saved_usd": None if found.saved is None else found.saved / PICODOLLARS,
    }


def _hours(view: View, parameters: Mapping[str, str]) -> object:
    snapshot = view.snapshot
    grid = totals.hours_of_week(
        snapshot.db, snapshot.book, snapshot.calendar, view.query.spend_query(view.calendar, view.now)
    )
    return {
        **_range(view),
        "week_start": view.calendar.week_start,
        "days": [[spend_document(used) for used in day] for day in grid],
    }


def _pulls(view: View, parameters: Mapping[str, str]) -> object:
    snapshot = view.snapshot
    found = pull_requests(
        snapshot.db, snapshot.book, snapshot.calendar, view.query.spend_query(view.calendar, view.now)
    )
    rows = [
        {
            "pr": {"url": pull.key.url, "number": pull.key.number, "repository": pull.key.repository} if pull.key.url else None,
            "linked_at": iso(pull.key.linked_at),
            "by_branch": {"messages": pull.by_branch.tokens.messages, "cost_usd": pull.by_branch.usd},
            **spend_document(pull.spend),
            "sessions": [row.key.session for row in pull.sessions],
            "models": [row.key.model for row in pull.models],
            "days": list(pull.days),
        }
        for pull in (*found.rows, *([found.none] if found.none else []))
    ]  # fmt: skip
    weeks = [week._asdict() for week in found.weeks]
    return {
        **_range(view),
        "rows": rows,
        "totals": spend_document(found.totals),
        "median_usd": found.median_usd,
        "weeks": weeks,
    }


def _limits(view: View, parameters: Mapping[str, str]) -> object:
    days = _number(parameters.get("days", "30"), 1, 4000)
    found = history(view.snapshot.db, view.calendar, view.now, view.now - days * _DAY)
    made = limit_documents.document(found, days, view.now)
    return {key: made[key] for key in ("days", "limits", "windows")}


def _windows(view: View, parameters: Mapping[str, str]) -> object:
    days = _number(parameters.get("days", "30"), 1, 4000)
    snapshot = view.snapshot
    found = walls(snapshot.db, snapshot.book, snapshot.calendar, snapshot.now, snapshot.now - days * _DAY)
    keep = [wall.window for wall in found.windows]
    headings, rows = limit_documents.table_rows(keep)
    return {
        "days": days,
        "windows": [
            {
                **dict(zip(headings, row, strict=True)),
                "starts_at": iso(wall.starts_at),
                "half_full_after_seconds": None if wall.half_ms is None else wall.half_ms // 1000,
                "used": None if wall.used is None else spend_document(wall.used),
            }
            for row, wall in zip(rows, found.windows, strict=True)
        ],
        "unknown_account_messages": found.nobodys,
        "weeks": [week._asdict() for week in found.weeks],
    }


def _session(view: View, parameters: Mapping[str, str]) -> object:
    if "id" not in parameters:
        raise UsageError(
            "/api/session needs the id of a session.",
            "Add ?id=… to the address; `tachograph sessions --json` lists the ids.",
        )
    snapshot, uuid = view.snapshot, parameters["id"]
    found = timeline(snapshot.db, snapshot.book, session_id(snapshot.db, uuid))
    tools = session_tools(snapshot, uuid, found.steps)
    return {
        "session": uuid,
        "totals": spend_document(found.totals),
        "messages": [
            {
                "at": iso(step.at),
                "model": step.model,
                "agent": step.agent or None,
                "context_tokens": step.prompt,
                "so_far_usd": None if step.so_far is None else step.so_far / PICODOLLARS,
                **spend_document(step.spend),
            }
            for step in found.steps
        ],
        "agents": [
            {
                "agent": agent.agent,
                "parent": words.parent or None if (words := tools.agents.get(agent.agent)) else None,
                "description": words.description or None if words else None,
                "models": list(agent.models),
                **spend_document(agent.spend),
            }
            for agent in found.agents
        ],
        "tools": [{"tool": tool.name, "calls": tool.calls, "cost_usd": tool.spend.usd} for tool in tools.tools]
        if tools.is_known
        else None,
    }


def _sources(view: View, parameters: Mapping[str, str]) -> object:
    found = health(view.snapshot.db, view.now)
    return {
        "sources": [
            {
                "source": one.source,
                "answered_at": iso(one.answered_at),
                "outcome": one.outcome,
                "outcome_at": iso(one.at),
                "problem": one.problem,
                "readings_24h": one.times,
                "next_at": iso(one.next_at),
            }
            for one in found.values()
        ]
    }


def _places(view: View, parameters: Mapping[str, str]) -> object:
    """Places for the palette: projects, models and sessions that match all words."""
    words = parameters.get("q", "").lower().split()
    known = view.snapshot.cache.answer("places", _PLACES_SECONDS, lambda: _all_places(view))
    found = [place for searched, place in known if all(word in searched for word in words)]
    return {"places": found[:_PLACES]}


def _all_places(view: View) -> list[tuple[str, dict[str, object]]]:
    """Every place of the last 400 days with its searchable words: projects and models by cost, then sessions, newest first."""
    snapshot = view.snapshot
    question = SpendQuery("project", Span(view.now - 400 * _DAY, None))
    made: list[tuple[str, dict[str, object]]] = []
    for row in spend(snapshot.db, snapshot.book, snapshot.calendar, question).rows:
        if row.key.path:
            place = {"kind": "project", "text": safe(row.key.project), "value": row.key.path, "aside": None}
            made.append((row.key.path.lower(), place))
    for row in spend(snapshot.db, snapshot.book, snapshot.calendar, question._replace(along="model")).rows:
        if row.key.model:
            place = {"kind": "model", "text": safe(display_name(row.key.model)), "value": row.key.model, "aside": None}
            made.append((row.key.model.lower(), place))
    rows = spend(snapshot.db, snapshot.book, snapshot.calendar, question._replace(along="session")).rows
    for row in sorted(rows, key=lambda row: -(row.key.ended_at or 0)):
        key = row.key
        if key.session:
            searched = " ".join(part for part in (key.title, key.session, key.project, key.branch) if part).lower()
            text, aside = cut(safe(key.title or key.session), 80), safe(key.project or "") or None
            made.append((searched, {"kind": "session", "text": text, "value": key.session, "aside": aside}))
    return made


def _version(view: View, parameters: Mapping[str, str]) -> object:
    from tachograph import __version__

    return {"version": __version__}


_ROUTES = {
    "now": _now,
    "curves": _curves,
    "running": _running,
    "totals": _totals,
    "spend": _spend,
    "caching": _caching,
    "hours": _hours,
    "pulls": _pulls,
    "limits": _limits,
    "windows": _windows,
    "session": _session,
    "sources": _sources,
    "places": _places,
    "version": _version,
}


def _report(view: View, found: SpendReport, along: str) -> dict[str, Any]:
    return document(Report(along, found, view.calendar, view.now, None, None, NO_PROBLEMS, along))


def _range(view: View) -> dict[str, object]:
    span = view.query.span(view.calendar, view.now)
    return {
        "range": {
            "since": view.calendar.day(span.start).isoformat() if span.start is not None else None,
            "until": view.calendar.day(span.end - 1).isoformat() if span.end is not None else None,
        }
    }


def _number(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text[:6]) <= most:
        raise UsageError(f"Give a number from {least} to {most}.")
    return int(text)
