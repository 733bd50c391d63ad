"""`tachograph mcp`: serve limits, forecast and usage to an agent over standard input and output."""

from __future__ import annotations

import io
import os
import sys

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import get_preference, set_preference
from tachograph.paths import own_paths
from tachograph.ui.cli.context import Context

if TYPE_CHECKING:
    import argparse

NAMES = "mcp:names"  # a preference: "on" once the person shares names of other projects and titles


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Serves read-only tools over the Model Context Protocol (stdio): limits, forecast, usage of the current folder's"
        " project, budget_check. Register it: claude mcp add tachograph -- tachograph mcp"
    )
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--allow", choices=["names"], help="also share other projects' names and session titles")
    either.add_argument("--deny", choices=["names"], help="share the current folder's project only (default)")


def run(arguments: argparse.Namespace, context: Context) -> int:
    if arguments.allow or arguments.deny:
        return _choose(bool(arguments.allow), context)
    from tachograph.ui.cli.mcp.protocol import serve
    from tachograph.ui.cli.mcp.tools import INSTRUCTIONS, Access, tools

    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # the transport's encoding, whatever the system's is
    access = Access(context, os.path.realpath(os.getcwd()), lambda: _allows_names(context))
    serve(tools(access), INSTRUCTIONS, sys.stdin, context.out)
    return 0


def _choose(is_allowed: bool, context: Context) -> int:
    now = context.clock.now_ms()
    with open_ledger(own_paths(context.env), now) as ledger, ledger.transaction() as db:
        set_preference(db, NAMES, "on" if is_allowed else "off", now)
    if is_allowed:
        print(
            "Agents may see names of all projects and session titles. Undo: tachograph mcp --deny names",
            file=context.out,
        )
    else:
        print("Agents see the current folder's project only.", file=context.out)
    return 0


def _allows_names(context: Context) -> bool:
    with open_ledger(own_paths(context.env), context.clock.now_ms()) as ledger:
        return get_preference(ledger.db, NAMES) == "on"
