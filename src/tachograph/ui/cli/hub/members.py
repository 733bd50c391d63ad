"""`tachograph leave`, `sync` and `machines`: a person's machines after they joined."""

from __future__ import annotations

import sys
from typing import Any

from tachograph.errors import TachographError
from tachograph.hub import membership as memberships
from tachograph.hub.membership import FOLDER, Membership
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import Paths, own_paths
from tachograph.text.format import count, iso, plural, safe
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.hub.exchange import exchange_now, require_membership
from tachograph.ui.cli.question import ask_ledger
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    import argparse


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    if name == "leave":
        parser.add_argument("--erase", action="store_true", help="delete what this machine sent")
        parser.add_argument("--drop", action="store_true", help="drop the usage of other machines from this ledger")
        parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    elif name == "machines":
        parser.add_argument("--key", action="store_true", help="show the key that your next machine needs")
        parser.add_argument(
            "--invite", action="store_true", help="print the command that joins another machine of yours"
        )
        parser.add_argument("--json", action="store_true", help="for programs")
    else:
        parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    paths = own_paths(context.env)
    act = {"leave": _leave, "machines": _machines, "sync": _sync}[arguments.command]
    return act(arguments, context, paths)


def _leave(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    known = require_membership(paths)
    if not arguments.yes and sys.stdin.isatty():
        context.stderr.write(f"Leave {safe(known.url)}? [y/N] ")
        context.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return 1
    problem = _take_leave(known, arguments.erase, context)
    from tachograph.ledger.exchange import apply, tracking

    with open_ledger(paths, context.clock.now_ms()) as ledger:
        if arguments.drop:
            apply.drop_others(ledger)
        with ledger.transaction() as db:
            tracking.remove(db)
    memberships.remove(paths)
    kept = (
        "The usage of other machines was dropped."
        if arguments.drop
        else "What came from other machines stays; drop it with --drop."
    )
    context.out.write(f"Left {safe(known.url)}. {kept}\n")
    if problem:
        context.say(f"tachograph: {problem}")
    return 0


def _take_leave(known: Membership, erase: bool, context: Context) -> str:
    """Tell the hub or clean up the folder; a problem as a sentence."""
    if known.is_folder:
        from tachograph.hub.folder import FolderTransport

        transport = FolderTransport(known.url.removeprefix(FOLDER), known.machine, context.clock)
        if erase:
            transport.remove_own()
        else:
            transport.note_departure()
        return ""
    from tachograph.hub.transport import HttpTransport

    answer = HttpTransport(known.url, known.token, known.certificate).request("POST", "leave", {"erase": erase})
    if answer.is_ok or answer.status == 401:
        return ""
    return f"The hub could not be told: {answer.problem or answer.status}. Revoke this machine there: tachograph hub revoke"


def _sync(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    known = require_membership(paths)
    ask_ledger(arguments, context, lambda _: None, limits=True)
    outcome = exchange_now(context, paths, known)
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        body = {"sent": outcome.sent, "received": outcome.received, "problem": outcome.problem or None}
        print_json({"format": FORMAT, "generated_at": iso(context.clock.now_ms()), **body}, context)
    else:
        context.out.write(f"Sent {plural(outcome.sent, 'fact')}, received {count(outcome.received)}.\n")
        if outcome.problem:
            context.say(f"tachograph: {safe(outcome.problem)}.")
    return 1 if outcome.problem else 0


def _machines(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    known = require_membership(paths)
    if arguments.key:
        context.out.write(f"{known.key}\n")
        context.say("Give it only to your own machines: it opens what they send each other.")
        return 0
    if arguments.invite:
        return _invite(context, known)
    from tachograph.queries.machines import MachineStates, machine_states
    from tachograph.text.machines import exchange_words, machine_words

    with open_ledger(paths, context.clock.now_ms()) as ledger:
        found = machine_states(ledger.db) or MachineStates((), 0, None, 0)
    now = context.clock.now_ms()
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(_document(known, found, now), context)
        return 0
    context.out.write(f"{safe(known.url)}, as {safe(known.name)}, shares {known.share}\n")
    for one in found.machines:
        if not one.is_this:
            gone = ", has left" if one.is_revoked else ""
            context.out.write(f"  {safe(one.name)}  {machine_words(one, now)}{gone}\n")
    context.out.write(f"{exchange_words(found, now)}\n")
    if known.halted:
        context.out.write(f"Stopped: {safe(known.halted)}.\n")
    return 0


def _document(known: Membership, found: Any, now: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generated_at": iso(now),
        "hub": known.url,
        "machine": known.machine,
        "name": known.name,
        "share": known.share,
        "waiting": found.waiting,
        "exchanged_at": iso(found.exchanged_at),
        "not_understood": found.not_understood,
        "halted": known.halted or None,
        "machines": [
            {
                "id": one.id,
                "name": one.name,
                "is_this": one.is_this,
                "seen_at": iso(one.seen_at),
                "skew_seconds": round(one.skew_ms / 1000),
                "version": one.version or None,
                "revoked": one.is_revoked,
            }
            for one in found.machines
        ],
    }


def _invite(context: Context, known: Membership) -> int:
    if known.is_folder:
        context.out.write(f"tachograph join {known.url}\n")
        context.say("Adapt the path if the folder has another one there.")
        _say_key(context, known)
        return 0
    from tachograph.hub.transport import HttpTransport

    answer = HttpTransport(known.url, known.token, known.certificate).request("POST", "invite", {})
    if not answer.is_ok:
        raise TachographError(
            f"The hub made no invitation: {answer.problem or answer.status}.", "Try again: tachograph sync"
        )
    context.out.write(f"tachograph join {known.url} {answer.body['code']}\n")
    context.say("Run this on another machine of yours within 24 hours.")
    _say_key(context, known)
    return 0


def _say_key(context: Context, known: Membership) -> None:
    context.say(
        f"It asks for the key of your machines: {known.key}\n"
        "Without a terminal there: tachograph machines --key | ssh HOST tachograph join … --yes"
    )
