"""`tachograph demo`: sixty invented days in a temporary home, the reports over them, and then it goes away."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tachograph.clock import FixedClock, ShiftedClock
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.text.format import count, size
from tachograph.ui import cli
from tachograph.ui.cli.context import Context

if TYPE_CHECKING:
    import argparse

_DEFAULT_TOUR = (
    (),
    ("daily", "--last", "7"),
    ("models", "--last", "30"),
    ("sessions", "--last", "4"),
    ("prs", "--last", "14"),
    ("why",),
    ("forecast",),
)

_WEEK_RESETS_IN = 17 * 3600 + 35 * 60  # seconds from the demo's moment: Saturday at nine


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = "Write invented transcripts into a temporary home and show the reports over them. Your own logs and ledger are not touched."
    parser.add_argument("--days", type=int, default=60, metavar="N", help="number of days to invent (default: 60)")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="random seed (default: 7)")
    parser.add_argument(
        "--keep", metavar="FOLDER", help="write the home into FOLDER and keep it, to try other commands on it"
    )
    parser.add_argument(
        "--scenario",
        choices=("tuesday", "tuesday-max", "friday", "sunday"),
        help="play a workday at the limits instead: tuesday (a refusal at 11:00), tuesday-max (three limits in one afternoon), friday (the Opus week), sunday (extra usage)",
    )
    parser.add_argument(
        "--at", metavar="HH:MM", default="", help="with --scenario: stop the clock of that day at this time (UTC)"
    )
    parser.add_argument(
        "--machines",
        type=int,
        metavar="N",
        help="deal the days to N machines that exchange them through a shared folder",
    )
    parser.add_argument("--team", type=int, metavar="N", help="invent N people (3 to 8) on one hub")
    parser.add_argument("--no-open", action="store_true", help="show the reports only; do not open a browser")
    parser.add_argument(
        "command_line",
        nargs="...",
        metavar="COMMAND …",
        help="run this command instead: tachograph demo weekly --by model",
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    from tachograph.demo import transcripts
    from tachograph.demo.workdays import last_friday
    from tachograph.errors import UsageError
    from tachograph.model.usage.periods import system_zone

    if not 1 <= arguments.days <= 3650:
        raise UsageError(f"--days {arguments.days}: give a number from 1 to 3650.")
    if arguments.machines is not None and not 2 <= arguments.machines <= 6:
        raise UsageError(f"--machines {arguments.machines}: give a number from 2 to 6.")
    if arguments.team is not None and not 3 <= arguments.team <= 8:
        raise UsageError(f"--team {arguments.team}: give a number from 3 to 8.")
    if arguments.command_line:
        from tachograph.ui.cli.parser import parsed

        parsed(arguments.command_line)  # report a mistake in it before anything is written
    if arguments.at and not arguments.scenario:
        raise UsageError("--at needs --scenario.", "tachograph demo --scenario friday --at 15:25 now")
    home = _home(arguments.keep)
    if arguments.scenario:
        return _scenario(arguments, home, context)
    try:
        if arguments.team is not None:
            from tachograph.ui.cli.demo import team

            fixed = context._replace(clock=FixedClock(context.clock.now_ms()))
            is_kept_open = context.is_terminal and not arguments.no_open
            return team.play(home, fixed, arguments.team, min(arguments.days, 35), arguments.seed, is_kept_open)
        zone, _ = system_zone(context.env)
        now = context.clock.now_ms()
        end = last_friday(datetime.fromtimestamp(now / 1000, UTC).astimezone(zone))
        end_ms = int(end.timestamp() * 1000)
        made = transcripts.write(Path(home, ".claude"), end=end, days=arguments.days, seed=arguments.seed)
        context.say(
            f"Invented: {count(made.messages)} messages in {count(made.sessions)} sessions over the {arguments.days} days"
            f" up to {end:%A %d %B, %H:%M} ({count(made.files)} transcripts, {size(made.bytes)}), under {home}"
        )
        env = {**context.env, **_demo_environment(home)}
        inner = context._replace(env=env, clock=FixedClock(end_ms))
        invent_limits(inner, arguments.days, arguments.seed)
        if arguments.machines is not None:
            from tachograph.ui.cli.demo import machines

            return machines.play(home, inner, arguments.machines, arguments.seed)
        code = _show(arguments.command_line, inner)
        if not arguments.command_line and not arguments.no_open and context.is_terminal:
            _open(home, inner._replace(clock=ShiftedClock(context.clock, end_ms - now)))
        if arguments.keep:
            known = {**_demo_environment(home), "TACHOGRAPH_NOW": str(end_ms)}
            assigned = " ".join(f"{key}={shlex.quote(value)}" for key, value in known.items())
            context.say(f"\nIt stays there, and so does its clock. Try more: env {assigned} tachograph sessions")
        else:
            context.say("\nThe invented home is gone again. Keep one to play with: tachograph demo --keep FOLDER")
        return code
    finally:
        if not arguments.keep:
            shutil.rmtree(home, ignore_errors=True)


def invent_limits(context: Context, days: int, seed: int) -> None:
    """An account, and readings of its limits that fit the messages: what the meter and estimates are about. Before the
    messages are read, so that they are its account's. The service's breakdown is that of the same hidden story."""
    from tachograph.demo.limits import Story
    from tachograph.ledger.limits import readings
    from tachograph.ledger.storage.open import open_ledger
    from tachograph.ledger.usage.strings import Strings
    from tachograph.model.limits.limits import CLAUDE_JSON, AccountId, ExtraUsage, Limit, Money, Reading, Share
    from tachograph.model.usage.prices import load
    from tachograph.paths import own_paths
    from tachograph.queries.limits.current import now as now_question
    from tachograph.ui.cli.demo import limits

    now = context.clock.now_ms()
    reset = now / 1000 + _WEEK_RESETS_IN
    with open_ledger(own_paths(context.env), now) as ledger:
        folder, story = context.env["CLAUDE_CONFIG_DIR"], Story(week_reset=reset, families=("fable",))
        made = limits.invent(ledger, load()[0], context.env, folder, now, min(days, 70), seed=seed, story=story)
        found = now_question(ledger.db, now).accounts
        if not found:
            return
        known = tuple(Limit(one.key, one.label, one.group, one.percent, one.resets_at) for one in found[0].limits)
        elsewhere = round(100 * made.elsewhere(reset))
        chat = round(elsewhere * 0.7)
        shares = (
            Share("claude_code", "Claude Code", 100.0 - elsewhere),
            Share("chat", "Chat", float(chat)),
            Share("cowork", "Cowork", float(elsewhere - chat)),
        )
        who = AccountId(limits.ADA.uuid, limits.ADA.organization)
        at = max(now - 14_000, *(one.observed_at + 1 for one in found[0].limits))  # the newest of them all
        extra = ExtraUsage(True, Money(1234, "USD"), Money(5000, "USD"), 24.7)
        said = Reading(CLAUDE_JSON, at, account=who, limits=known, extra=extra, breakdown=shares)
        with ledger.transaction() as db:
            readings.append(db, Strings(db), said)


def _open(home: str, context: Context) -> None:
    """Serve the invented home's dashboard and open it; a session goes on in it until Ctrl-C."""
    from tachograph.paths import own_paths
    from tachograph.server import access_keys
    from tachograph.ui.cli.dashboard import address, open_browser
    from tachograph.ui.cli.demo import life
    from tachograph.ui.dashboard.server import LazyServer, free_port

    known = access_keys.renew(own_paths(context.env), free_port())
    listener = LazyServer(context.env, context.clock, known)
    try:
        ticket = known.ticket(context.clock.now_ms())
        if not open_browser(own_paths(context.env), known, ticket, context.env):
            context.say(f"\nNo browser could be opened. Within a minute: {address(known)}#t={ticket}")
        context.say(f"\nThe invented home is served at {address(known)}, where a session goes on. Ctrl-C ends it.")
        life.go_on(home, context)
    finally:
        listener.stop()


def _scenario(arguments: argparse.Namespace, home: str, context: Context) -> int:
    """Build the home of a workday; then run the command in it, or show the day's moments."""
    from tachograph.ui.cli.demo import scenario, story

    try:
        inner = context._replace(env={**context.env, **_demo_environment(home)})
        played, states, stopped = story.build(arguments.scenario, inner, arguments.seed, arguments.at)
        if arguments.command_line:
            code = cli.carry_out(arguments.command_line, stopped)
        else:
            scenario.show(played, states, stopped)
            code = 0
        if arguments.keep:
            made = {**_demo_environment(home), "TZ": "UTC", "TACHOGRAPH_NOW": stopped.env["TACHOGRAPH_NOW"]}
            assigned = " ".join(f"{key}={shlex.quote(value)}" for key, value in made.items())
            context.say(f"\nThe home stays. Its clock stands at that moment: env {assigned} tachograph limits")
        return code
    finally:
        if not arguments.keep:
            shutil.rmtree(home, ignore_errors=True)


def _home(keep: str | None) -> str:
    from tachograph.errors import UsageError

    if keep is None:
        return tempfile.mkdtemp(prefix="tachograph-demo-")
    folder = os.path.abspath(os.path.expanduser(keep))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.listdir(folder):
            raise UsageError(f"{folder} is not empty.", "The demo writes into a new or an empty folder only.")
    except OSError as error:
        raise UsageError(f"{folder} cannot be used: {error.strerror}.") from error
    return folder


def _demo_environment(home: str) -> dict[str, str]:
    return {
        "HOME": home,
        "CLAUDE_CONFIG_DIR": os.path.join(home, ".claude"),
        "TACHOGRAPH_HOME": os.path.join(home, ".tachograph"),
    }


def _show(command_line: list[str], context: Context) -> int:
    if command_line:
        return cli.carry_out(command_line, context)
    for words in _DEFAULT_TOUR:
        caption = f"\n{context.style.dim}$ tachograph {' '.join(words)}{context.style.end}"
        print(caption.rstrip(), file=context.out, flush=True)
        cli.carry_out([*words], context)
        context.out.flush()
    return 0
