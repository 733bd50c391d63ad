"""Every command by name: its summary, its module, and its group in --help."""

from __future__ import annotations

from tachograph.lean_typing import NamedTuple

HIDDEN = "==SUPPRESS=="  # argparse.SUPPRESS: a flag without help, or without a default


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
    Command("team", "Show spend and limits of your team", "hub.team", "Reports"),
    Command("hub", "Serve a hub for several machines or a team", "hub.serve", "Setup"),
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
