"""The parser of arguments. Only the command that was called gets its flags: the others cost nothing but a name."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from tachograph import __version__
from tachograph.errors import UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ui.cli.commands import ALIASES, COMMANDS, GROUPS, HIDDEN

if TYPE_CHECKING:
    from typing import Any, NoReturn


# argparse looks for translations of its own words, which Python does not ship: a search of the disk that costs 1.5 ms
argparse._ = str  # type: ignore[attr-defined]


class _Parser(argparse.ArgumentParser):
    # argparse makes a formatter for every flag that is added; left alone, each asks for the terminal's size
    columns = 100

    def add_argument(self, *names: Any, **declared: Any) -> argparse.Action:  # argparse knows its mark by identity
        marked = {key: argparse.SUPPRESS for key, value in declared.items() if value == HIDDEN}
        return super().add_argument(*names, **{**declared, **marked})

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(self.prog, width=self.columns)

    def format_help(self) -> str:
        import shutil

        self.columns = min(100, shutil.get_terminal_size().columns - 2)
        text = super().format_help()
        return _with_groups(text) if self.prog == "tachograph" else text

    def error(self, message: str) -> NoReturn:
        raise UsageError(_sentence(message), f"See {self.prog} --help.")


_OF_ACCOUNT = ("now", "limits", "why", "forecast", "guard", "next", "what-if", "reconcile", "watch", "statusline")
_EVERY_MACHINE = (
    "A limit belongs to an account, whichever machine used it: `tachograph why` lists the part of each machine, and"
    " `tachograph daily --by machine` its usage."
)


_HEADING = "positional arguments:\n  COMMAND\n"


def _with_groups(text: str) -> str:
    """The help of all commands, with a heading per group instead of one list."""
    head, _, rest = text.partition(_HEADING)
    rows, _, tail = rest.partition("\n\n")
    starts = {command.name: command.group for command in COMMANDS}
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    group = GROUPS[0]
    for row in rows.splitlines():
        words = row.split()
        if row.startswith("    ") and row[4:5] != " " and words[0] in starts:
            group = starts[words[0]]
        groups[group].append(row[2:])  # a row that continues a summary stays with it
    blocks = [f"{group}:\n" + "\n".join(lines) for group, lines in groups.items() if lines]
    return head + "\n\n".join([*blocks, tail])


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line. Raises UsageError; --help and --version end the program."""
    names = {command.name for command in COMMANDS}
    if argv and argv[0] == "version":
        argv = ["--version", *argv[1:]]
    if "--version" in argv and "--verbose" in argv:
        return argparse.Namespace(command=None, module="version")
    if argv and argv[0] == "help":
        argv = [*argv[1:], "--help"]
    called = _called(argv)
    if called in ALIASES:
        argv = [ALIASES[word] if word == called else word for word in argv]
        called = ALIASES[called]
    if called is not None and called not in names:
        raise UsageError(
            f"Unknown command {called!r}.{_suggestion(called, names)}", "List the commands with `tachograph --help`."
        )
    try:
        return parser(called).parse_args(argv)
    except UsageError as error:
        if called and error.hint == "See tachograph --help.":  # argparse leaves unknown flags to the outer parser
            is_of_account = "--machine" in error.message and called in _OF_ACCOUNT
            hint = _EVERY_MACHINE if is_of_account else f"See tachograph {called} --help."
            raise UsageError(error.message, hint) from None
        raise


def parser(called: str | None, *, all_flags: bool = False) -> argparse.ArgumentParser:
    """The parser, with the flags of one command, or (for shell completion) of all."""
    made = _Parser(
        prog="tachograph",
        description="Show how much of your Claude plan is used, and where it went. Without a command: an overview.",
        epilog="Nothing leaves this machine unless you turn it on (`tachograph sources`). `tachograph COMMAND --help` shows the flags of a command.",
        allow_abbrev=False,
    )
    words = "show the version; with --verbose also system, Python, scanner and files"
    made.add_argument("--version", action="version", version=f"tachograph {__version__}", help=words)
    made.set_defaults(command=None, module="overview")
    # also before the command; a command's own flags of these names are without a default, so as not to undo them
    made.add_argument(
        "--no-ingest", action="store_true", help="show what the ledger holds without reading new transcripts"
    )
    made.add_argument("--timezone", metavar="ZONE", help="cut days in this zone (default: the system's)")
    # naming prog spares argparse working it out, for which it would import shutil (2 ms)
    commands = made.add_subparsers(metavar="COMMAND", parser_class=_Parser, prog="tachograph")
    for command in COMMANDS:
        if command.name == called or all_flags or called is None:
            sub = commands.add_parser(
                command.name, help=command.help, description=f"{command.help}.", allow_abbrev=False
            )
            sub.set_defaults(command=command.name, module=command.module)
            if command.name == called or all_flags:
                importlib.import_module(f"tachograph.ui.cli.{command.module}").add_flags(sub, command.name)
    return made


def _called(argv: Sequence[str]) -> str | None:
    """The command in a command line: the first word that is neither a flag nor the value of one."""
    words = iter(argv)
    for word in words:
        if word == "--timezone":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def _suggestion(word: str, names: set[str]) -> str:
    """A sentence that names the command with the most similar name; "" without one."""
    import difflib

    close = difflib.get_close_matches(word, sorted(names), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _sentence(message: str) -> str:
    message = message[0].upper() + message[1:]
    return message if message.endswith((".", "?")) else f"{message}."
