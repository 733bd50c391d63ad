"""`tachograph hub`: serve a hub; its other actions are in `administer.py`."""

from __future__ import annotations

from tachograph.errors import UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.paths import Paths, own_paths
from tachograph.text.format import iso, plural, safe
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.hub import administer
from tachograph.ui.cli.hub.books import DailyReader, collector
from tachograph.ui.cli.hub.opened import OpenHub, database_of

if TYPE_CHECKING:
    import argparse

    from tachograph.hub.site import ProxySignIn

LANES = 4  # connections to PostgreSQL: one for large pushes
ACTIONS = ("serve", "restore", *administer.ACTIONS)


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.description = (
        "A hub collects the usage of your machines, or of your team's, and hands each what it may see. It keeps one SQLite"
        " file or uses PostgreSQL, and never sees a prompt or an answer."
    )
    parser.add_argument("what", choices=ACTIONS, help="the action")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a person (invite, role, remove, rename, settle, email), a machine (revoke), a file"
        " (backup, restore), or a setting (policy)",
    )  # fmt: skip
    parser.add_argument(
        "value", nargs="?", metavar="VALUE", help="the new role, name, e-mail address, or level of the policy"
    )
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
        "--sign-in-header", metavar="NAME", default="", help="header in which a proxy names the member who is signed in"
    )
    parser.add_argument(
        "--role", choices=("owner", "manager", "member"), default="member", help="role of an invited person"
    )
    parser.add_argument(
        "--admin-key", metavar="FILE", default="", help="with serve and books: read Anthropic's own reports with the Admin API"
        " key in this file, which only you can read (or TACHOGRAPH_HUB_ADMIN_KEY)",
    )  # fmt: skip
    parser.add_argument(
        "--erase", action="store_true", help="with remove: delete everything of the person; with email: the address"
    )
    parser.add_argument(
        "--owner-agrees", action="store_true", help="invite a second person though the hub stores paths and titles"
    )
    parser.add_argument("--json", action="store_true", help="with members, status, settle and doctor: for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    paths = own_paths(context.env)
    if arguments.what == "serve":
        return _serve(arguments, context, paths)
    if arguments.what == "restore":
        return _restore(arguments, context, paths)
    with OpenHub(arguments.db, context, paths) as hub:
        return administer.run(arguments, context, hub)


def _restore(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    from tachograph.hub.store.postgres import is_address
    from tachograph.hub.store.restore import restore

    if not arguments.name:
        raise UsageError("hub restore needs a file.", "For example: tachograph hub restore hub.backup")
    where = database_of(arguments.db, context, paths)
    if is_address(where):
        raise UsageError("The hub's database is on PostgreSQL.", "Stop the hub, then restore it with pg_restore.")
    kept = restore(arguments.name, where, context.clock.now_ms())
    with OpenHub(arguments.db, context, paths) as hub:  # brings it up to date, and repeats later erasures
        messages, people = hub.store.size().messages, sum(one.erased_at is None for one in hub.store.members())
    context.out.write(
        f"Restored {plural(messages, 'message')} of {plural(people, 'person', 'people')} from {safe(arguments.name)}."
        " Start the hub: tachograph hub serve\n"
    )
    if kept:
        context.say(f"The database before is kept as {safe(kept)}. Delete it once all is well.")
    return 0


def _serve(arguments: argparse.Namespace, context: Context, paths: Paths) -> int:
    import gc
    from contextlib import ExitStack

    from tachograph.hub.server import HubApp, Lane, parse_address, serve
    from tachograph.hub.site import Site
    from tachograph.hub.store.postgres import is_address
    from tachograph.ui.dashboard.team.app import TeamPages

    address = parse_address(arguments.listen, arguments.public, arguments.cert, arguments.key)
    with OpenHub(arguments.db, context, paths) as hub:
        gc.enable()

        def log(text: str) -> None:
            context.say(f"{iso(context.clock.now_ms())}  {safe(text)}")

        def ready(port: int) -> None:
            found = address._replace(port=port)
            if hub.store.is_writable:
                hub.store.set_setting("address", found.url, context.clock.now_ms())
            context.out.write(
                f"The hub listens on {address.host}:{port}. Invite a machine: tachograph hub invite NAME\n"
            )
            context.out.flush()

        proxy, lanes = _proxy(arguments, context), [hub]
        with ExitStack() as stack:
            if is_address(hub.where):
                lanes += [stack.enter_context(OpenHub(arguments.db, context, paths)) for _ in range(LANES - 1)]
            found = [
                Lane(one.machines, one.team, Site(one.team, TeamPages(), address.is_secure, proxy)) for one in lanes
            ]
            token = context.env.get("TACHOGRAPH_HUB_METRICS_TOKEN", "")
            if collector(arguments, context, hub) is not None:
                reader = DailyReader(arguments, context, paths, log)
                reader.start()
                stack.callback(reader.stop)
            serve(HubApp(found, address, log, token), address, ready)
    return 0


def _proxy(arguments: argparse.Namespace, context: Context) -> ProxySignIn | None:
    """Sign-in by a proxy, if it was configured. Raises UsageError for a header without a secret."""
    from tachograph.hub.site import ProxySignIn

    if not arguments.sign_in_header:
        return None
    secret = context.env.get("TACHOGRAPH_HUB_PROXY_SECRET", "")
    if len(secret) < 16:
        raise UsageError(
            "--sign-in-header needs a secret of at least 16 characters that your proxy sends as X-Tachograph-Proxy.",
            "Set it in the environment: TACHOGRAPH_HUB_PROXY_SECRET=…",
        )
    return ProxySignIn(arguments.sign_in_header.lower(), secret)
