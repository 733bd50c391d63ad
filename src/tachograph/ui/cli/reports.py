"""`daily`, `weekly`, `monthly`, `hourly`, `sessions`, `projects`, `models`, `branches`, `prs`, `windows`."""

from __future__ import annotations

import io

from tachograph.errors import UsageError
from tachograph.lean_datetime import date, timedelta
from tachograph.lean_typing import TYPE_CHECKING, NamedTuple
from tachograph.model.usage.periods import DAY, HOUR, Calendar, Span, parsed_day
from tachograph.queries.usage.rows import (
    PERIODS,
    WAY_KEYS,
    BranchKey,
    ModelKey,
    PeriodKey,
    ProjectKey,
    PullRequestKey,
    Row,
    SessionKey,
    SpendQuery,
    WindowKey,
    by_cost,
    period_order,
)
from tachograph.queries.usage.spend import spend
from tachograph.recorder.prepared import ledger_mark
from tachograph.text.format import safe
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import add_question_flags, ask_ledger
from tachograph.ui.documents.reports import Report, csv_cell, document, table_rows, text
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from tachograph.recorder.ingest import Pass

ALONG = {
    "daily": ("day", "day"),
    "weekly": ("week", "week"),
    "monthly": ("month", "month"),
    "hourly": ("hour", "hour"),
    "sessions": ("session", "session"),
    "projects": ("project", "project"),
    "models": ("model", "model"),
    "branches": ("branch", "branch"),
    "prs": ("pr", "pull request"),
    "windows": ("window", "window"),
}
BY = ("model", "project", "session", "branch", "pr", "day", "speed", "machine", *WAY_KEYS)
SORTS = ("cost", "tokens", "messages", "name", "time")
_EMPTY_KEYS = {
    **{period: PeriodKey(None) for period in PERIODS},
    "session": SessionKey(None, None, None, None, None, None),
    "project": ProjectKey(None, None),
    "model": ModelKey(""),
    "branch": BranchKey(None, None),
    "pr": PullRequestKey(*[None] * 4),
    "window": WindowKey(None, None),
}
_WAY_HELP = {
    "agent": "this type of subagent; `main` for the main chain, `subagents` for all others",
    "skill": "this skill; `none` where no record names one",
    "plugin": "this plugin",
    "mcp": "this MCP server",
    "effort": "this reasoning effort",
    "entrypoint": "this program: cli, ide, sdk, headless, desktop, cowork",
}
_WINDOW_NOTE = "Estimated from the logs here; chat and other machines open windows too."


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--since", metavar="DAY", help="from this day on: 2026-11-21, today, yesterday, 7d")
    parser.add_argument("--until", metavar="DAY", help="up to and including this day")
    along, noun = ALONG[name]
    if along in PERIODS:
        last = f"the last N {noun}s, including this one"
    else:
        last = "the last N windows" if along == "window" else "the last N days, including today"
    parser.add_argument("--last", metavar="N", type=positive_number, help=last)
    add_question_flags(parser)
    parser.add_argument("--week-start", metavar="DAY", help="weeks begin on this day (default: monday)")
    add_name_filters(parser)
    parser.add_argument(
        "--by",
        choices=[by for by in BY if by != along and (along, by) != ("hour", "day")],
        help="sub-rows for each row",
    )
    default = "time" if along in (*PERIODS, "window") else "cost"
    parser.add_argument("--sort", choices=SORTS, default=default, help=f"order of the rows (default: {default})")
    if name == "projects":
        from tachograph.ui.cli import project_aliases

        project_aliases.add_flags(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--csv", action="store_true", help="for spreadsheets")


def add_name_filters(parser: argparse.ArgumentParser) -> None:
    """Filters by project, model, machine and the way that messages were asked for."""
    parser.add_argument(
        "--project", metavar="NAME", action="append", default=[], help="only this project (may be repeated)"
    )
    parser.add_argument(
        "--model", metavar="NAME", action="append", default=[], help="only this model, or all with this in their name"
    )
    parser.add_argument(
        "--machine",
        metavar="NAME",
        action="append",
        default=[],
        help="only this machine of yours (`machines` lists them)",
    )
    for name, meaning in _WAY_HELP.items():
        parser.add_argument(f"--{name}", metavar="NAME", action="append", default=[], help=f"only {meaning}")
    parser.add_argument(
        "--speed",
        choices=("fast", "standard", "batch", "credits"),
        help="only this speed; `credits` is work that went on after a limit",
    )


def asked_ways(arguments: argparse.Namespace) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The filters of ways, as a query takes them."""
    asked = [(name, tuple(getattr(arguments, name))) for name in _WAY_HELP if getattr(arguments, name)]
    return (*asked, ("speed", (arguments.speed,))) if arguments.speed else tuple(asked)


def run(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.command == "projects":
        from tachograph.ui.cli import project_aliases

        if project_aliases.is_asked(arguments):
            project_aliases.change(arguments, context)
    before = ledger_mark(context.env) if context.question is not None else None
    report, done = ask_ledger(arguments, context, lambda now: (_report(arguments, now), _pass(now)))
    if arguments.json:
        print_json(document(report), context)
    elif arguments.csv:
        print_csv(report, context)
    else:
        lines = [f"{line}\n" for line in text(report, context.columns, context.style)]
        context.out.writelines(lines)
        if context.question is not None and done is not None and not done.read:
            from tachograph.recorder.preparing import keep

            keep(context.question, "".join(lines), context.env, done, before, report.calendar, report.now)
    return 0


def _report(arguments: argparse.Namespace, now: Snapshot) -> Report:
    along, noun = ALONG[arguments.command]
    newest = arguments.last if along == "window" else None
    if newest is not None and not (arguments.since or arguments.until):
        asked = Range(Span(None, None), None, None)
    else:
        asked = asked_range(arguments, now.calendar, now.now, along if along in PERIODS else DAY)
    question = SpendQuery(
        along,
        asked.span,
        arguments.by,
        tuple(arguments.project),
        tuple(arguments.model),
        last=newest,
        machines=tuple(arguments.machine),
        ways=asked_ways(arguments),
    )
    if along == "window":
        from tachograph.queries.usage.session_windows import windows

        answer = windows(now.db, now.book, now.calendar, question)
    else:
        answer = spend(now.db, now.book, now.calendar, question)
    answer = answer._replace(rows=sorted_rows(answer.rows, arguments.sort))
    return Report(
        arguments.command,
        answer,
        now.calendar,
        now.now,
        asked.since,
        asked.until,
        now.problems,
        noun,
        _WINDOW_NOTE if along == "window" and any(row.key.estimated for row in answer.rows) else "",
        _EMPTY_KEYS[along],
    )


def _pass(now: Snapshot) -> Pass | None:
    """The pass before a report, if nothing was said beside it: only then may the text be given again."""
    return None if now.settings.problems or now.price_problems else now.done


class Range(NamedTuple):
    """The span of --since, --until and --last; days as ISO, None for an open end."""

    span: Span
    since: str | None
    until: str | None


def asked_range(arguments: argparse.Namespace, calendar: Calendar, now: int, period: str) -> Range:
    """The range that the flags ask for, both ends included. Raises UsageError."""
    today = calendar.day(now)
    if arguments.last is not None:
        if arguments.since or arguments.until:
            raise UsageError("--last can't be combined with --since or --until.", "Give one or the other.")
        start = calendar.back(period, now, arguments.last)
        _, span = calendar.period(period, now)
        end = calendar.start_of(today + timedelta(days=1)) if period == DAY else span.end
        if period == HOUR:
            return Range(Span(start, end), calendar.period(HOUR, start)[0], calendar.period(HOUR, now)[0])
        return Range(Span(start, end), calendar.day(start).isoformat(), today.isoformat())
    since = parsed_day(arguments.since, today) if arguments.since else None
    until = parsed_day(arguments.until, today) if arguments.until else None
    if since and until and since > until:
        raise UsageError(f"--since {since} is later than --until {until}.")
    return Range(
        Span(_start(calendar, since), _start(calendar, until + timedelta(days=1)) if until else None),
        since.isoformat() if since else None,
        until.isoformat() if until else None,
    )


def _start(calendar: Calendar, day: date | None) -> int | None:
    return calendar.start_of(day) if day else None


def sorted_rows(rows: tuple[Row, ...], sort: str) -> tuple[Row, ...]:
    """Rows in the order of --sort: largest or oldest first, unknown last."""
    if sort == "time":
        return tuple(sorted(rows, key=_time))
    if sort == "cost":
        return tuple(sorted(rows, key=by_cost))
    if sort == "name":
        return tuple(sorted(rows, key=_name))
    field = "total" if sort == "tokens" else "messages"
    return tuple(sorted(rows, key=lambda row: (-getattr(row.spend.tokens, field), str(row.key))))


def _name(row: Row) -> list[tuple[bool, str]]:
    key = row.key
    parts = (key.title, key.session) if isinstance(key, SessionKey) else key
    return [(part is None, str(part).lower()) for part in parts]


def _time(row: Row) -> tuple[Any, ...]:
    """Sort key by time: periods and windows oldest first, sessions and pull requests newest first."""
    key = row.key
    if isinstance(key, PeriodKey):
        return period_order(key.period)
    if isinstance(key, WindowKey):
        return key.starts_at is None, key.starts_at or 0
    newest = key.ended_at if isinstance(key, SessionKey) else key.linked_at if isinstance(key, PullRequestKey) else 0
    return newest is None, -(newest or 0)


def print_json(made: object, context: Context) -> None:
    import json

    print(json.dumps(made, indent=2, ensure_ascii=True, allow_nan=False), file=context.out)


def print_csv(report: Report, context: Context) -> None:
    print_rows(*table_rows(report), context)


def print_rows(headings: list[str], rows: list[list[object]], context: Context) -> None:
    """CSV as in RFC 4180; on a terminal control characters are shown as escapes."""
    import csv

    shown = safe if context.is_terminal else str
    if isinstance(context.out, io.TextIOWrapper):
        context.out.reconfigure(newline="")  # the line ends are the writer's: Windows would double them
    writer = csv.writer(context.out, lineterminator="\r\n")
    writer.writerow(headings)
    for row in rows:
        cells = [csv_cell(cell) for cell in row]
        writer.writerow([shown(cell) if isinstance(cell, str) else cell for cell in cells])


def positive_number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 100_000:
        import argparse

        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
