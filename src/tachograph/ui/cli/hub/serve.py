"""`tachograph hub`: serve a hub, invite machines, list and revoke them."""

from __future__ import annotations

import os
from typing import Any

from tachograph.errors import NotFound, TachographError, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.paths import Paths, own_paths
from tachograph.text.format import duration, iso, safe
from tachograph.ui.cli.context import Context
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    import argparse

_HOUR_MS = 3_600_000


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "A hub is a Tachograph that other machines of yours send their usage to and fetch each other's from. It keeps"
        " one SQLite file, and never sees a prompt or an answer."
    )
    parser.add_argument("what", choices=("serve", "invite", "members", "revoke", "status", "backup"), help="the action")
    parser.add_argument("name", nargs="?", metavar="NAME", help="invite: a person; revoke: a machine; backup: a file")
    parser.add_argument(
        "--db", metavar="FILE|URL", help="the hub's database: a file or postgresql://… (default: hub.sqlite3 in the data"
        " folder, or TACHOGRAPH_HUB_DB)",
    )  # fmt: skip
    parser.add_argument(
        "--listen", metavar="ADDRESS", default="127.0.0.1:47620", help="address and port (default: 127.0.0.1:47620)"
    )
    parser.add_argument("--public", metavar="URL", default="", help="the https address of a proxy before the hub")
    parser.add_argument("--cert", metavar="FILE", default="", help="certificate for TLS")
    parser.add_argument("--key", metavar="FILE", default="", help="private key of the certificate")
    parser.add_argument(
        "--for", dest="lasting", metavar="TIME", default="24h", help="how long an invitation lasts (24h)"
    )
    parser.add_argument(
        "--owner-agrees", action="store_true", help="invite a second person though the hub stores paths and titles"
    )
    parser.add_argument("--json", action="store_true", help="with members and status: for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    paths = own_paths(context.env)
    if arguments.what == "serve":
        return _serve(arguments, context, paths)
    store, api = _open(arguments, context, paths)
    try:
        if arguments.what == "invite":
            return _invite(arguments, context, store, api)
        if arguments.what == "revoke":
            return _revoke(arguments, context, store)
        if arguments.what == "backup":
            return _backup(arguments, context, store)
        return _members(arguments, context, store)
    finally:
        store.close()


def _database(arguments: argparse.Namespace, context: Context, paths: Paths) -> str:
    from tachograph.hub.store.postgres import is_address

    where = arguments.db or context.env.get("TACHOGRAPH_HUB_DB", "")
    if is_address(where):
        return str(where)
    return os.path.abspath(where) if where else os.path.join(paths.data, "hub.sqlite3")


def _open(arguments: argparse.Namespace, context: Context, paths: Paths) -> tuple[Any, Any]:
    from tachograph.hub.api import HubApi
    from tachograph.hub.store import open_store

    store = open_store(_database(arguments, context, paths), context.clock.now_ms())
    return store, HubApi(store, context.clock)


def _address(arguments: argparse.Namespace) -> Any:
    from tachograph.hub.server import parse_address

    return parse_address(arguments.listen, arguments.public, arguments.cert, arguments.key)


def _serve(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    import gc

    from tachograph.hub.server import HubApp, serve

    address = _address(arguments)
    store, api = _open(arguments, context, paths)
    gc.enable()

    def log(text: str) -> None:
        context.say(f"{iso(context.clock.now_ms())}  {safe(text)}")

    def ready(port: int) -> None:
        found = address._replace(port=port)
        store.set_setting("address", found.url, context.clock.now_ms())
        context.out.write(f"The hub listens on {address.host}:{port}. Invite a machine: tachograph hub invite NAME\n")
        context.out.flush()

    try:
        serve(HubApp(api, address, log), address, ready)
    finally:
        store.close()
    return 0


def _known_address(arguments: argparse.Namespace, store: Any) -> str:
    if arguments.public:
        return str(arguments.public).rstrip("/")
    return store.setting("address") or str(_address(arguments).url)


def _invite(arguments: argparse.Namespace, context: Context, store: Any, api: Any) -> int:
    if not arguments.name:
        raise UsageError("hub invite needs the name of a person.", "For example: tachograph hub invite ada")
    holder = api.may_invite(arguments.name)
    if holder and not arguments.owner_agrees:
        raise TachographError(
            f"This hub stores folder names, branches and titles of {safe(holder)} in the clear.",
            "Let them change that first (`tachograph join --share names`), or give --owner-agrees.",
        )
    code = api.invite(arguments.name, lasting_ms=_lasting(arguments.lasting))
    url = _known_address(arguments, store)
    context.out.write(f"tachograph join {url} {code}\n")
    context.say(f"Run this on a machine of {safe(arguments.name)}. The code works once, for {arguments.lasting}.")
    return 0


def _lasting(text: str) -> int:
    unit = {"m": 60_000, "h": _HOUR_MS, "d": 24 * _HOUR_MS}.get(text[-1:], 0)
    if not unit or not text[:-1].isdecimal() or not 0 < int(text[:-1]) * unit <= 90 * 24 * _HOUR_MS:
        raise UsageError(f"--for {text!r} is not a duration.", "Give one such as 30m, 24h or 7d.")
    return int(text[:-1]) * unit


def _revoke(arguments: argparse.Namespace, context: Context, store: Any) -> int:
    found = [one for one in store.machines() if arguments.name and arguments.name in (one.id, one.name)]
    found = [one for one in found if one.revoked_at is None]
    if len(found) != 1:
        raise NotFound(
            f"{'No' if not found else 'More than one'} machine is named {arguments.name!r}.",
            "List them with their ids: tachograph hub members",
        )
    with store.transaction():
        store.revoke(found[0].id, context.clock.now_ms())
    context.out.write(f"{safe(found[0].name)} is revoked. What it sent stays.\n")
    return 0


def _backup(arguments: argparse.Namespace, context: Context, store: Any) -> int:
    if not arguments.name:
        raise UsageError("hub backup needs a file.", "For example: tachograph hub backup hub.backup")
    if os.path.exists(arguments.name):
        raise TachographError(f"{arguments.name} already exists.", "Name another file.")
    store.back_up(arguments.name)
    context.out.write(f"Saved to {safe(arguments.name)}.\n")
    return 0


def _members(arguments: argparse.Namespace, context: Context, store: Any) -> int:
    now = context.clock.now_ms()
    document = {
        "format": FORMAT, "generated_at": iso(now), "hub": store.id,
        "members": [
            {
                "name": member.name, "role": member.role, "joined_at": iso(member.joined_at),
                "erased_at": iso(member.erased_at), "facts": store.counts(member.id),
                "machines": [
                    {
                        "id": one.id, "name": one.name, "share": one.share, "seen_at": iso(one.seen_at or None),
                        "skew_seconds": round(one.skew_ms / 1000), "revoked_at": iso(one.revoked_at),
                    }
                    for one in store.machines(member.id)
                ],
            }
            for member in store.members()
        ],
    }  # fmt: skip
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(document, context)
        return 0
    if not store.members():
        context.out.write("No members yet.  Invite the first: tachograph hub invite NAME\n")
    for member in store.members():
        gone = "  (erased)" if member.erased_at else ""
        context.out.write(f"{safe(member.name)}  {member.role}{gone}\n")
        for one in store.machines(member.id):
            seen = f"{duration((now - one.seen_at) / 1000)} ago" if one.seen_at else "never"
            state = "revoked" if one.revoked_at else f"last contact {seen}"
            context.out.write(f"  {one.id}  {safe(one.name)}  shares {one.share}, {state}\n")
    return 0
