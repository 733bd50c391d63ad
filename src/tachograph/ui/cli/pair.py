"""`tachograph pair`: let a browser's extension post readings; which browsers may; take it back."""

from __future__ import annotations

from typing import Any

from tachograph import background
from tachograph.errors import NotFound, TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.limits import pairings
from tachograph.ledger.limits.pairings import Pairing
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import Paths, own_paths
from tachograph.recorder.extension_readings import offer_code
from tachograph.recorder.services import FAILED, RUNNING
from tachograph.settings import Settings, load
from tachograph.text.format import duration, iso, safe
from tachograph.ui.cli.bridge_service import NAME, PAIRING
from tachograph.ui.cli.context import Context
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    import argparse

_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 120.0  # a recorder that was just started reads all transcripts first


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "Shows a code for one browser. Type it into the extension's popup; then that browser sends the recorder a"
        " reading every minute. Its claude.ai session never leaves the browser."
    )
    parser.add_argument(
        "--open", action="store_true", help="first copy the extension into a folder and show how to load it"
    )
    parser.add_argument("--list", action="store_true", help="list the paired browsers with their last contact")
    parser.add_argument("--revoke", metavar="NAME", help="revoke a browser by name or id, or all")
    parser.add_argument("--no-wait", action="store_true", help="show the code without waiting for the browser")
    parser.add_argument("--json", action="store_true", help="with --list: for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    paths = own_paths(context.env)
    if arguments.list:
        return _list(arguments, context, paths)
    if arguments.json:
        raise UsageError("--json goes with --list.")
    if arguments.revoke:
        return _revoke(arguments.revoke, context, paths)
    if arguments.open:
        from tachograph.ui.cli.extension import hand_out

        for line in hand_out(paths, context):
            print(line, file=context.out)
    return _pair(arguments, context, paths)


def _pair(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    if background.running(paths) is None:
        background.start(paths, context.env)
        print("Recorder started: the browser sends readings to it.", file=context.out)
    settings = load(paths.settings)
    with open_ledger(paths, context.clock.now_ms()) as ledger:
        before = {one.id for one in pairings.pairings(ledger.db)}
        code = offer_code(ledger, context.clock.now_ms())
        _await_bridge(paths, ledger)
        print(
            f"Code  {shown(code, settings)}\n"
            "Type it into the extension's popup, under Pair. It is valid for 10 minutes and one browser.",
            file=context.out,
        )
        if not arguments.open:
            print("No extension in that browser yet?  tachograph pair --open", file=context.out)
        if arguments.no_wait:
            return 0
        context.out.flush()
        return _await_browser(ledger, before, context)


def shown(code: str, settings: Settings) -> str:
    """The code for people; another port than the usual one goes with it."""
    return code if settings.bridge_port == Settings().bridge_port else f"{code}:{settings.bridge_port}"


def _await_bridge(paths: Paths, ledger: Ledger) -> None:
    """Wait until the recorder listens. TachographError, after the code was taken back, where it cannot."""
    problem = "the recorder isn't listening yet"
    for _ in range(round(_PATIENCE_SECONDS / _LOOK_SECONDS)):
        found = background.running(paths)
        state, text = next(((s, t) for name, s, t in (found.services if found else ()) if name == NAME), ("", ""))
        if state == RUNNING and PAIRING in text:
            return
        if state == FAILED:
            problem = text
            break
        background.pause(_LOOK_SECONDS)
    with ledger.transaction() as db:
        pairings.withdraw(db)
    raise TachographError(f"Can't pair a browser now: {problem}.", "tachograph status shows what the recorder does.")


def _await_browser(ledger: Ledger, before: set[int], context: Context) -> int:
    """Wait until the code was used or is over; exit code 0 or 1."""
    try:
        for _ in range(round(pairings.OFFER_MS / 1000 / _LOOK_SECONDS)):
            for one in pairings.pairings(ledger.db):
                if one.id not in before:
                    print(f"{safe(one.browser)} is paired. It sends its first reading now.", file=context.out)
                    print("  tachograph now            the limits", file=context.out)
                    print("  tachograph pair --list    the paired browsers", file=context.out)
                    return 0
            if pairings.current_offer(ledger.db, context.clock.now_ms()) is None:
                break
            background.pause(_LOOK_SECONDS)
    except KeyboardInterrupt:
        pass
    with ledger.transaction() as db:
        pairings.withdraw(db)
    print("The code expired.  Get another: tachograph pair", file=context.out)
    return 1


def _list(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    now = context.clock.now_ms()
    with open_ledger(paths, now) as ledger:
        paired = pairings.pairings(ledger.db)
        seen = pairings.sightings(ledger.db)
    counts = {one.id: sum(1 for s in seen if s.pairing == one.id and s.gone_at is None) for one in paired}
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(_document(paired, counts, now), context)
        return 0
    if not paired:
        print("No paired browsers.  Pair one: tachograph pair", file=context.out)
    for one in paired:
        heard = f"heard {duration(max(0, now - one.seen_at) / 1000)} ago" if one.seen_at else "not heard yet"
        accounts = "1 account" if counts[one.id] == 1 else f"{counts[one.id]} accounts"
        print(f"{one.name[:8]}  {safe(one.browser):16}  {heard}, {accounts}", file=context.out)
    if paired:
        print("\n  tachograph pair --revoke NAME    revoke it", file=context.out)
    return 0


def _document(paired: list[Pairing], counts: dict[int, int], now: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generated_at": iso(now),
        "pairings": [
            {
                "id": one.name,
                "browser": one.browser,
                "paired_at": iso(one.paired_at),
                "heard_at": iso(one.seen_at or None),
                "accounts": counts[one.id],
            }
            for one in paired
        ],
    }


def _revoke(name: str, context: Context, paths: Paths) -> int:
    now = context.clock.now_ms()
    with open_ledger(paths, now) as ledger:
        paired = pairings.pairings(ledger.db)
        wanted = name.strip().lower()
        found = [
            one
            for one in paired
            if wanted == "all" or one.name.startswith(wanted) or one.browser.lower().startswith(wanted)
        ]
        if not found:
            raise NotFound(f"No paired browser is named {name!r}.", "tachograph pair --list shows them.")
        if len(found) > 1 and wanted != "all":
            raise UsageError(f"{name!r} may mean {len(found)} browsers.", "tachograph pair --list shows their ids.")
        with ledger.transaction() as db:
            for one in found:
                pairings.revoke(db, one.id, now)
    for one in found:
        print(f"{safe(one.browser)} ({one.name[:8]}) is revoked. Its readings stay.", file=context.out)
    return 0
