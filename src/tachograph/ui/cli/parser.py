"""The one parser of arguments. Only the command that was called gets its flags: the others cost nothing but a name."""

import argparse
import importlib
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from tachograph import __version__
from tachograph.errors import UsageError


class Command(NamedTuple):
    """A command, what it answers in a few words, and the module in this folder that adds its flags and runs it."""

    name: str
    help: str
    module: str


COMMANDS = (
    Command("now", "how much of each limit is used, and when it resets", "now"),
    Command("statusline", "one line for Claude Code's status line; install it", "statusline"),
    Command("guard", "for scripts and agent loops: an exit code, go on or stop", "guard"),
    Command("limits", "past windows of each limit, and when it was hit", "limits"),
    Command("why", "which model used up your week, and what is not explained", "why"),
    Command("forecast", "the chance to reach a limit before it resets; how ours did", "forecast"),
    Command("next", "will a session like your last ones still fit", "forecast"),
    Command("what-if", "where the week would end on another model", "what_if"),
    Command("reconcile", "spend, 5-hour and weekly percent: why they differ", "reconcile"),
    Command("daily", "what each day used", "reports"),
    Command("weekly", "what each week used", "reports"),
    Command("monthly", "what each month used", "reports"),
    Command("hourly", "what each hour used", "reports"),
    Command("sessions", "what each session used", "reports"),
    Command("session", "one session: its models, days, branches and pull requests", "session"),
    Command("projects", "what each project used", "reports"),
    Command("models", "what each model used", "reports"),
    Command("branches", "what each git branch used", "reports"),
    Command("prs", "what each pull request used", "reports"),
    Command("windows", "what each 5-hour window used", "reports"),
    Command("setup", "what is found here, and what you may switch on, in a minute", "setup"),
    Command("sources", "where readings of limits come from; on and off", "sources"),
    Command("pair", "let a browser's extension send readings; which may; take it back", "pair"),
    Command("accounts", "the accounts that were seen; name or forget one", "accounts"),
    Command("alarms", "notices near a limit: what was said, on, off, dismiss, test", "notifications"),
    Command("start", "start the recorder in the background", "recorder"),
    Command("stop", "stop the recorder", "recorder"),
    Command("status", "what the recorder does", "recorder"),
    Command("mcp", "serve limits and usage to an agent over MCP", "mcp.command"),
    Command("watch", "a live screen in the terminal: limits, burn, sessions at work", "watch"),
    Command("tray", "the two numbers in the desktop's tray, and a menu", "tray"),
    Command("dashboard", "open the local page: limits, usage, sessions, pull requests", "dashboard"),
    Command("export", "write messages, sessions, readings, windows as CSV, JSON Lines, Parquet", "export"),
    Command("autostart", "start recorder and tray at login, or no longer", "autostart"),
    Command("prices", "the price book that costs are worked out with", "prices"),
    Command("demo", "see it with sixty invented days", "demo.command"),
    Command("doctor", "what is read, what could not be, and what to do about it", "doctor"),
    Command("backup", "copy the ledger into a file", "ledger"),
    Command("restore", "put a backup in the place of the ledger", "ledger"),
    Command("purge", "delete the ledger, after asking", "ledger"),
    Command("completion", "shell completion for bash, zsh, fish and tcsh", "completion"),
)


# argparse looks for translations of its own words, which Python does not ship: a search of the disk that costs 1.5 ms
argparse._ = str  # type: ignore[attr-defined]


class _Parser(argparse.ArgumentParser):
    # argparse makes a formatter for every flag that is added; left alone, each asks for the terminal's size
    columns = 100

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(self.prog, width=self.columns)

    def format_help(self) -> str:
        import shutil

        self.columns = min(100, shutil.get_terminal_size().columns - 2)
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        raise UsageError(_sentence(message), f"See {self.prog} --help.")


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line. Raises UsageError; --help and --version end the program."""
    names = {command.name for command in COMMANDS}
    if argv and argv[0] == "help":
        argv = [*argv[1:], "--help"]
    called = _called(argv)
    if called is not None and called not in names:
        raise UsageError(f"There is no command {called!r}.{_meant(called, names)}", "tachograph --help lists them.")
    try:
        return parser(called).parse_args(argv)
    except UsageError as error:
        if called and error.hint == "See tachograph --help.":  # argparse leaves unknown flags to the outer parser
            raise UsageError(error.message, f"See tachograph {called} --help.") from None
        raise


def parser(called: str | None, *, all_flags: bool = False) -> argparse.ArgumentParser:
    """The parser, with the flags of one command, or (for shell completion) of all."""
    made = _Parser(
        prog="tachograph",
        description="How much of your Claude plan you have used, and where it went. Without a command: one screen.",
        epilog="Nothing leaves this machine unless you switch it on (`tachograph sources`). `tachograph COMMAND --help` shows flags.",
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"tachograph {__version__}")
    made.set_defaults(command=None, module="overview")
    # also before the command; a command's own flags of these names are without a default, so as not to undo them
    made.add_argument("--no-ingest", action="store_true", help="show what the ledger holds, read nothing new")
    made.add_argument("--timezone", metavar="ZONE", help="cut days in this zone (default: the system's)")
    # naming prog spares argparse working it out, for which it would import shutil (2 ms)
    commands = made.add_subparsers(metavar="COMMAND", parser_class=_Parser, prog="tachograph")
    for command in COMMANDS:
        if command.name == called or all_flags or called is None:
            sub = commands.add_parser(command.name, help=command.help, description=command.help, allow_abbrev=False)
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


def _meant(word: str, names: set[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, sorted(names), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _sentence(message: str) -> str:
    message = message[0].upper() + message[1:]
    return message if message.endswith((".", "?")) else f"{message}."
