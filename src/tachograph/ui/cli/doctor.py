"""`tachograph doctor`: check the installation and explain how to fix problems."""

from __future__ import annotations

from tachograph.errors import LedgerError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.paths import own_paths
from tachograph.settings import load
from tachograph.setup.doctor import examine, repair, versions
from tachograph.setup.findings import WRONG
from tachograph.ui.cli.commands import HIDDEN
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.reports import print_json
from tachograph.ui.documents.doctor import document, said, screen

if TYPE_CHECKING:
    import argparse


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    words = "check the ledger without reading new transcripts"
    parser.add_argument("--no-ingest", action="store_true", help=words, default=HIDDEN)
    parser.add_argument("--repair", action="store_true", help="repair a damaged ledger or wrong totals; a copy is kept")
    parser.add_argument("--json", action="store_true", help="for programs: docs/json.md")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Returns exit code 0 if all is well, else 1."""
    paths, now = own_paths(context.env), context.clock.now_ms()
    if arguments.repair:
        try:
            for sentence in repair(paths, now) or ("There is nothing to repair.",):
                context.say(f"tachograph: {sentence}")
        except LedgerError as trouble:  # the findings say it again, with everything around it
            context.say(f"tachograph: {trouble.message} {trouble.hint}".rstrip())
    found = examine(paths, context.env, now, read=not arguments.no_ingest)
    findings = said(found, _calendar(load(paths.settings).timezone), now)
    if arguments.json:
        print_json(document(findings, versions(), now), context)
    else:
        for line in screen(findings, context.columns, context.style, signs=context.can_show("▲·")):
            print(line, file=context.out)
    return int(any(finding.kind == WRONG for finding in findings))


def _calendar(zone: str) -> Calendar:
    try:
        return Calendar(*parsed_zone(zone))
    except UsageError:  # a zone that this system does not know: the settings' own finding says so
        return Calendar(*parsed_zone("UTC"))
