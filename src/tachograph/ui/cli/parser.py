"""The one parser of arguments. Only the command that was called gets its flags: the others cost nothing but a name."""

import argparse
import importlib
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from tachograph import __version__
from tachograph.errors import UsageError


class Command(NamedTuple):
    """A command, its summary, the module in this folder that adds its flags and runs it, and its group in --help."""

    name: str
    help: str
    module: str
    group: str


GROUPS = ("Meter", "Reports", "Estimates", "Screens", "Setup", "Data")
ALIASES = {"alarms": "notifications"}  # earlier names of commands
COMMANDS = (
    Command("now", "Show how much of each limit is used, and when it resets", "now", "Meter"),
    Command("guard", "Tell a script or agent loop by exit code to go on or stop", "guard", "Meter"),
    Command("statusline", "Print a line for Claude Code's status line, or install it", "statusline", "Meter"),
    Command("limits", "List past windows of each limit, and when it was reached", "limits", "Meter"),
    Command("notifications", "Turn notifications on or off, dismiss or test them", "notifications", "Meter"),
    Command("mcp", "Serve limits and usage to an agent over MCP", "mcp.command", "Meter"),
    Command("daily", "Show usage per day", "reports", "Reports"),
    Command("weekly", "Show usage per week", "reports", "Reports"),
    Command("monthly", "Show usage per month", "reports", "Reports"),
    Command("hourly", "Show usage per hour", "reports", "Reports"),
    Command("sessions", "Show usage per session", "reports", "Reports"),
    Command("session", "Show one session by model, day, branch and pull request", "session", "Reports"),
    Command("projects", "Show usage per project", "reports", "Reports"),
    Command("models", "Show usage per model", "reports", "Reports"),
    Command("branches", "Show usage per git branch", "reports", "Reports"),
    Command("prs", "Show usage per pull request", "reports", "Reports"),
    Command("windows", "Show usage per 5-hour window", "reports", "Reports"),
    Command("drivers", "Show what drives usage: subagents, skills, long context …", "drivers", "Reports"),
    Command("prices", "Show the API prices that costs are computed with", "prices", "Reports"),
    Command("why", "Show what used up your week", "why", "Estimates"),
    Command("forecast", "Show the chance of reaching each limit before it resets", "forecast", "Estimates"),
    Command("next", "Estimate if another session like your last ones still fits", "forecast", "Estimates"),
    Command("what-if", "Estimate where the week would end on another model", "what_if", "Estimates"),
    Command("reconcile", "Compare your spend with the 5-hour and weekly percent", "reconcile", "Estimates"),
    Command("watch", "Open a live screen in the terminal", "watch", "Screens"),
    Command("tray", "Show the two percentages in the desktop's tray", "tray", "Screens"),
    Command("dashboard", "Open the local page in your browser", "dashboard", "Screens"),
    Command("demo", "Try everything with sixty invented days", "demo.command", "Screens"),
    Command("setup", "Detect what is here and choose the sources you want", "setup", "Setup"),
    Command("sources", "List the sources of readings, turn one on or off", "sources", "Setup"),
    Command("pair", "Pair a browser extension that sends readings", "pair", "Setup"),
    Command("accounts", "List accounts; name, hide or choose one", "accounts", "Setup"),
    Command("hub", "Serve a hub for several machines, or invite one", "hub.serve", "Setup"),
    Command("join", "Join a hub or a shared folder with this machine", "hub.join", "Setup"),
    Command("leave", "Leave the hub", "hub.members", "Setup"),
    Command("sync", "Exchange usage with your other machines now", "hub.members", "Setup"),
    Command("machines", "List your machines in the hub", "hub.members", "Setup"),
    Command("start", "Start the recorder in the background", "recorder", "Setup"),
    Command("stop", "Stop the recorder", "recorder", "Setup"),
    Command("status", "Show the state of the recorder", "recorder", "Setup"),
    Command("autostart", "Start recorder and tray at login", "autostart", "Setup"),
    Command("doctor", "Check the installation and explain how to fix problems", "doctor", "Setup"),
    Command("completion", "Print a completion script for your shell", "completion", "Setup"),
    Command("export", "Write messages, sessions, readings or windows to a file", "export", "Data"),
    Command("backup", "Copy the ledger into a file", "ledger", "Data"),
    Command("restore", "Replace the ledger with a backup", "ledger", "Data"),
    Command("purge", "Delete the ledger, after asking", "ledger", "Data"),
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
        text = super().format_help()
        return _with_groups(text) if self.prog == "tachograph" else text

    def error(self, message: str) -> NoReturn:
        raise UsageError(_sentence(message), f"See {self.prog} --help.")


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
            raise UsageError(error.message, f"See tachograph {called} --help.") from None
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
