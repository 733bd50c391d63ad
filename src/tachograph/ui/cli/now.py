"""`tachograph now`: the limits of every account, with source and age."""

from __future__ import annotations

from tachograph.errors import UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.paths import own_paths
from tachograph.queries.limits.current import Now
from tachograph.queries.limits.current import now as now_question
from tachograph.settings import load
from tachograph.text.table import PLAIN
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import add_question_flags, ask_ledger
from tachograph.ui.documents import now as surface
from tachograph.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    import argparse

FORMATS = ("long", "medium", "compact", "plain", "waybar", "tmux", "i3blocks", "xbar", "prometheus")
_COLOURS = {"high": "#DB7620", "wall": "#D73A49", "overage": "#DB7620", "stale": "#888888"}


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "--format",
        metavar="FORM",
        help=f"one line for a bar: {', '.join(FORMATS)}, or a template such as '{{five_hour}}%% {{five_hour_reset}}'",
    )
    parser.add_argument("--refresh", action="store_true", help="ask the usage endpoint first, if you turned that on")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_question_flags(parser)


def run(arguments: argparse.Namespace, context: Context) -> int:
    def ask(now: Snapshot) -> tuple[Now, Snapshot]:
        return now_question(now.db, now.now, left=now.settings.shows_left), now

    refused = _refreshed(context) if arguments.refresh else []
    found, asked = ask_ledger(arguments, context, ask, limits=True)
    problems = [*refused, *asked.limit_problems]
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(surface.document(found, problems), context)
        return 0
    if arguments.format:
        print(_line(arguments.format, found, asked), file=context.out)
        return 0
    if found.accounts:
        blocks = context.can_show("█")
        lines = surface.screen(found, asked.calendar, context.columns, context.style, blocks=blocks)
    else:
        lines = [
            "No reading of your limits yet.",
            "  tachograph setup      detect what is here and choose sources",
            "  tachograph sources    list the sources of limits",
        ]
    for line in [*lines, *problems]:
        print(line, file=context.out)
    return 0


def _refreshed(context: Context) -> list[str]:
    from tachograph.ui.cli.refresh import refresh

    paths = own_paths(context.env)
    return refresh(paths, Calendar(*parsed_zone(load(paths.settings).timezone)), context)


def _line(form: str, now: Now, asked: Snapshot) -> str:
    if form in surface.TITLES:
        return surface.title(now, form)
    if form == "plain":
        return surface.title(now, "medium").replace(" · ", " ")
    if form == "prometheus":
        from tachograph.ui.documents.now_formats import prometheus

        return prometheus(now)
    text, colour = surface.title(now, "medium"), _COLOURS.get(surface.level(now), "")
    if form == "waybar":
        import json

        tooltip = "\n".join(surface.screen(now, asked.calendar, 90, PLAIN, blocks=True))
        return json.dumps({"text": text, "class": surface.level(now), "tooltip": tooltip})
    if form == "tmux":
        return f"#[fg={colour}]{text}#[default]" if colour else text
    if form == "i3blocks":
        return f"{text}\n{surface.title(now, 'compact')}\n{colour}".rstrip()
    if form == "xbar":
        rows = surface.screen(now, asked.calendar, 90, PLAIN, blocks=False)
        return "\n".join([f"{text} | color={colour}" if colour else text, "---", *(row.strip() for row in rows if row)])
    if "{" not in form:
        raise UsageError(f"Unknown format {form!r}.", f"Known: {', '.join(FORMATS)}, or a template with {{five_hour}}.")
    from tachograph.ui.documents.now_formats import fields

    known = fields(now, asked.calendar)
    try:
        return form.format_map(known)
    except (KeyError, ValueError, IndexError, AttributeError):
        raise UsageError(f"The template {form!r} has an unknown field.", f"Known: {', '.join(known)}.") from None
