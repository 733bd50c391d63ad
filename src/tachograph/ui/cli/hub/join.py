"""`tachograph join`: join a hub or a shared folder, after showing what would leave this machine."""

from __future__ import annotations

import json
import secrets
import sys

from tachograph.errors import TachographError, UsageError
from tachograph.hub import membership as memberships
from tachograph.hub.membership import FOLDER, Membership
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import Paths, own_paths
from tachograph.text.format import count, safe
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.hub.exchange import exchange_now
from tachograph.ui.cli.question import ask_ledger

if TYPE_CHECKING:
    import argparse

_LEVELS = ("mine", "names", "counts")
_WHAT_LEAVES = {
    "mine": "everything the ledger keeps: counts, models, folders, branches, session titles, limits. No prompts, no answers",
    "names": "time, counts, model, the project's folder name, the pull request's address, plan and limits; the rest only"
    " encrypted, for your own machines",
    "counts": "time, counts, model, plan and limits; project and pull request only as codes; the rest only encrypted, for"
    " your own machines",
}


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Joins a hub (`tachograph hub invite` prints the address and a code) or a shared folder (folder:/path)."
        " Shows what would leave this machine, asks, and then exchanges usage with your other machines."
    )
    parser.add_argument("url", nargs="?", metavar="URL", help="address of the hub, or folder:/path")
    parser.add_argument("code", nargs="?", metavar="CODE", help="code of the invitation")
    parser.add_argument("--as", dest="name", metavar="NAME", help="name of this machine (default: its host name)")
    parser.add_argument("--share", choices=_LEVELS, help="what the hub may read (default: mine; names in a team)")
    parser.add_argument(
        "--key", metavar="-", help="read the key of your machines from standard input (-); without it, join asks"
    )
    parser.add_argument("--ca", metavar="FILE", default="", help="certificate of a hub that no authority signed")
    parser.add_argument("--history", choices=("all", "none"), help="also share usage from before now, or not")
    parser.add_argument("--show", action="store_true", help="print ten rows exactly as they would leave; join nothing")
    parser.add_argument("--yes", action="store_true", help="give consent without being asked")


def run(arguments: argparse.Namespace, context: Context) -> int:
    return _join(arguments, context, own_paths(context.env))


# -- join


def _join(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    known = memberships.load(paths)
    if arguments.show:
        return _show(arguments, context, paths, known)
    if known is not None and not arguments.url and arguments.share:
        return _change_level(arguments, context, paths, known)
    if known is not None and not known.halted:
        raise TachographError(
            f"This machine has joined {safe(known.url)} as {safe(known.name)}.", "Leave it first: tachograph leave"
        )
    if not arguments.url:
        raise UsageError("join needs the address of a hub or a folder.", "tachograph join URL CODE, or folder:/path")
    ask_ledger(arguments, context, lambda _: None, limits=True)  # what was used a moment ago is shared too
    level = arguments.share or "mine"
    _consent(arguments, context, paths, level)
    since = _since(arguments, context, paths)
    if level != "mine":
        from tachograph.hub.sharing import PersonKey

        PersonKey.new().seal("", "")  # says now what is missing, not after the code was used
    if arguments.url.startswith(FOLDER):
        joined = _join_folder(arguments, context, level)
    else:
        joined = _join_hub(arguments, context, level)
    joined = joined._replace(since=since)
    memberships.save(paths, joined)
    outcome = exchange_now(context, paths, joined)
    joined = memberships.load(paths) or joined
    context.out.write(
        f"Joined as {safe(joined.name)}. Sent {count(outcome.sent)}, received {count(outcome.received)} facts.\n"
        "  tachograph machines             your machines\n"
        "  tachograph machines --invite    the command for the next one\n"
    )
    if outcome.problem:
        context.say(f"tachograph: {safe(outcome.problem)}.")
    return 0


def _consent(arguments: argparse.Namespace, context: Context, paths: Paths, level: str) -> None:
    """Show what would leave and ask. Raises UsageError without a terminal, TachographError for a no."""
    if arguments.yes:
        return
    if not (sys.stdin.isatty() and context.stderr.isatty()):
        raise UsageError(
            "join needs your consent, and there is no terminal.", "Read `tachograph join --show`, then give --yes."
        )
    context.out.write(f"Leaves this machine ({level}): {_WHAT_LEAVES[level]}.\nTen rows exactly as they would leave:\n")
    _write_rows(context, paths, level, None)
    context.stderr.write("Share this? [y/N] ")
    context.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise TachographError(
            "Nothing was shared.", "Choose another level with --share, or see more: tachograph join --show"
        )


def _since(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    """The moment from which usage is shared; 0 for all of it. Asks if the earlier usage is theirs."""
    if arguments.history == "none":
        return context.clock.now_ms()
    if arguments.history == "all" or arguments.yes or not sys.stdin.isatty():
        return 0
    context.stderr.write("This ledger holds earlier usage. Is all of it yours, to share as well? [Y/n] ")
    context.stderr.flush()
    return context.clock.now_ms() if sys.stdin.readline().strip().lower() in ("n", "no") else 0


def _join_folder(arguments: argparse.Namespace, context: Context, level: str) -> Membership:
    import os

    from tachograph.hub.folder import FolderTransport
    from tachograph.hub.sharing import PersonKey
    from tachograph.hub.transport import local_name
    from tachograph.ui.cli.hub.keys import asked_key, given_key

    folder = os.path.abspath(os.path.expanduser(arguments.url.removeprefix(FOLDER)))
    if not os.path.isdir(folder):
        raise UsageError(f"There is no folder {folder}.", "Create it first; your other machines have to see it too.")
    checks = {one["key_check"] for one in FolderTransport(folder, "", context.clock).machines()} - {""}
    key = given_key(arguments.key, context) or (asked_key(context) if checks else PersonKey.new())
    if checks and key.check not in checks:
        raise TachographError(
            "That is not the key of the machines in this folder.", "Show it on one of them: tachograph machines --key"
        )
    name = arguments.name or local_name()
    return Membership(f"{FOLDER}{folder}", secrets.token_hex(6), name, "", level, "", key.text)


def _join_hub(arguments: argparse.Namespace, context: Context, level: str) -> Membership:
    from tachograph.hub.sharing import PersonKey
    from tachograph.hub.transport import HttpTransport, local_name
    from tachograph.ui.cli.hub.keys import asked_key, given_key

    if not arguments.code:
        raise UsageError(
            "join needs the code of an invitation.", "Get one with `tachograph hub invite NAME` on the hub."
        )
    code, _, attached = arguments.code.partition(".")
    asked_level = level
    key = given_key(arguments.key or attached, context) or PersonKey.new()
    transport = HttpTransport(arguments.url, "", arguments.ca)
    while True:
        answer = transport.join(code, arguments.name or local_name(), asked_level, key.check)
        if answer.status != 409:
            break
        key = asked_key(context)
    transport.close()
    if not answer.is_ok:
        raise TachographError(
            f"Can't join {arguments.url}: {answer.problem.rstrip('.') or answer.status}.",
            "Check the address and the code.",
        )
    found = answer.body
    if found.get("members", 1) > 1 and not arguments.share and level == "mine":
        level = "names"
    joined = Membership(
        arguments.url, str(found["machine"]), str(found["name"]), str(found["member"]), level, str(found["token"]),
        key.text, str(found["hub"]), certificate=arguments.ca,
    )  # fmt: skip
    policy = str(found.get("policy", "self"))
    if policy != "self":
        seen_by = "managers and owners of this hub" if policy == "manager" else "all members of this hub"
        context.say(f"Your spend is visible to {seen_by}. Change it: tachograph team allow spend self")
    if level != asked_level:
        HttpTransport(joined.url, joined.token, joined.certificate).request("POST", "share", {"share": level})
        context.say("Others use this hub, so it may read names only (--share names).")
    return joined


def _change_level(arguments: argparse.Namespace, context: Context, paths: Paths, known: Membership) -> int:
    """Share at another level from now on; facts sent at a wider level are deleted and sent again."""
    from tachograph.hub.transport import HttpTransport
    from tachograph.ledger.exchange import tracking

    _consent(arguments, context, paths, arguments.share)
    if known.is_folder:
        raise TachographError("The level of a shared folder can't be changed.", "Leave with --erase, then join again.")
    answer = HttpTransport(known.url, known.token, known.certificate).request(
        "POST", "share", {"share": arguments.share}
    )
    if not answer.is_ok:
        raise TachographError(
            f"The hub did not change it: {answer.problem or answer.status}.", "Try again: tachograph sync"
        )
    with open_ledger(paths, context.clock.now_ms()) as ledger, ledger.transaction() as db:
        tracking.touch_everything(db)
    memberships.save(paths, known._replace(share=arguments.share))
    outcome = exchange_now(context, paths, known._replace(share=arguments.share))
    context.out.write(
        f"Shares {arguments.share} now. What was sent before was deleted and sent again ({outcome.sent}).\n"
    )
    return 0


def _show(arguments: argparse.Namespace, context: Context, paths: Paths, known: Membership | None) -> int:
    level = arguments.share or (known.share if known is not None else "mine")
    context.say(f"Level {level}: {_WHAT_LEAVES[level]}.")
    _write_rows(context, paths, level, known)
    return 0


def _write_rows(context: Context, paths: Paths, level: str, known: Membership | None) -> None:
    from tachograph.hub.client import shared_preview
    from tachograph.hub.sharing import PersonKey
    from tachograph.ledger.exchange.facts import preview

    key = known.person_key if known is not None else PersonKey.new()
    machine = known.machine if known is not None else "this"
    with open_ledger(paths, context.clock.now_ms()) as ledger:
        facts, sealed = shared_preview(preview(ledger.db, machine), level, key)
    for fact in facts:
        context.out.write(safe(json.dumps(list(fact), ensure_ascii=False)) + "\n")
    if sealed:
        context.say(
            f"The rest of these rows leaves in one text, encrypted under a key that only your machines have:\n{sealed}"
        )
