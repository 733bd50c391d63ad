"""`tachograph session ID`: one session in full."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.usage.problems import NO_PROBLEMS
from tachograph.queries.usage.rows import SessionKey, SpendReport
from tachograph.queries.usage.session import PARTS, Session, session
from tachograph.text.certainty import witness_words
from tachograph.text.format import UNKNOWN, day_and_time, duration, safe
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import add_question_flags, ask_ledger
from tachograph.ui.cli.reports import BY, print_csv, print_json
from tachograph.ui.documents.report_footer import footer
from tachograph.ui.documents.reports import Report, document, table, witness_document
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse

_NOUNS = {
    "model": "model",
    "day": "day",
    "project": "project",
    "branch": "branch",
    "pr": "pull request",
    "agent": "agent",
    "skill": "skill",
    "mcp": "MCP server",
}


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("id", metavar="ID", help="the session's id, or the start of it")
    parser.add_argument(
        "--by", choices=[by for by in BY if by != "session"], help="sub-rows in --json and --csv (default: model)"
    )
    add_question_flags(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--csv", action="store_true", help="for spreadsheets")


def run(arguments: argparse.Namespace, context: Context) -> int:
    def ask(now: Snapshot) -> tuple[Session, Report]:
        found = session(now.db, now.book, now.calendar, arguments.id, arguments.by or "model")
        whole = Report("session", found.whole, now.calendar, now.now, None, None, now.problems, "session")
        return found, whole

    found, report = ask_ledger(arguments, context, ask)
    if arguments.json:
        print_json({**document(report), "claude_code": witness_document(found.witness)}, context)
    elif arguments.csv:
        print_csv(report, context)
    else:
        for line in _text(found, report, context):
            print(line, file=context.out)
    return 0


def _text(found: Session, report: Report, context: Context) -> list[str]:
    key: SessionKey = found.whole.rows[0].key
    style, calendar = context.style, report.calendar
    now = calendar.local(report.now)
    made = [f"{style.bold}{safe(key.title or 'Session without a title')}{style.end}", safe(key.session or "")]
    made.append(f"{safe(key.project or UNKNOWN)}, {safe(key.branch or UNKNOWN)}")
    if key.started_at is not None and key.ended_at is not None:
        lasted = duration((key.ended_at - key.started_at) / 1000)
        start, end = (day_and_time(calendar.local(at), now) for at in (key.started_at, key.ended_at))
        made.append(f"{start} – {end}  ({lasted})")
    else:
        made.append(UNKNOWN)
    for part in PARTS:
        answer: SpendReport = found.parts[part]
        if part != "model" and len(answer.rows) == 1:
            continue  # it stands above, or there is nothing to tell apart
        made.append("")
        made += table(report._replace(answer=answer, noun=_NOUNS[part]), context.columns, style)
    note = "" if found.witness is None else witness_words(found.witness)
    return [*made, "", *footer(found.whole.totals, found.whole.unpriced_models, NO_PROBLEMS, context.columns, note)]
