"""Anthropic's own reports on the hub's computer: `hub books` reads them now, `hub serve` once a day."""

from __future__ import annotations

import threading

from tachograph.errors import LedgerError, TachographError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.text.format import plural, safe
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.hub.opened import OpenHub

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from tachograph.hub.books.collect import Collector
    from tachograph.paths import Paths

LOOK_SECONDS = 60.0


def collector(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> Collector | None:
    """Reader of the reports; None without a key. Raises TachographError for a key that can't be used."""
    from tachograph.hub.books.collect import Collector
    from tachograph.sources import admin_reports

    key = admin_reports.load_key(arguments.admin_key, context.env)
    if key is None:
        return None
    return Collector(hub.store, lambda path: admin_reports.ask(key, path, context.env, context.clock), context.clock)


def run(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    """Read the days that are missing, now."""
    found = collector(arguments, context, hub)
    if found is None:
        raise TachographError(
            "Anthropic's reports need an Admin API key of your organization (Console or Enterprise).",
            "Put it into a file that only you can read, and give --admin-key FILE, or set TACHOGRAPH_HUB_ADMIN_KEY.",
        )
    done = found.run()
    context.out.write(f"{plural(done.days, 'day')} of Anthropic's reports read.\n")
    if done.problem:
        raise TachographError(f"The rest was not read: {safe(done.problem)}.", "Try again later: tachograph hub books")
    return 0


class DailyReader:
    """Reads the reports in a thread of its own while the hub serves. `log` gets problems, without the key."""

    def __init__(
        self, arguments: argparse.Namespace, context: Context, paths: Paths, log: Callable[[str], None]
    ) -> None:
        self._arguments, self._context, self._paths, self._log = arguments, context, paths, log
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="books", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()

    def _run(self) -> None:
        while not self._ends.is_set():
            try:
                self._read()
            except (LedgerError, TachographError) as error:  # the database is away: again with a new connection
                self._log(f"Anthropic's reports: {error.message}")
            self._ends.wait(LOOK_SECONDS)

    def _read(self) -> None:
        with OpenHub(self._arguments.db, self._context, self._paths) as hub:
            found = collector(self._arguments, self._context, hub)
            while found is not None and not self._ends.is_set():
                done = found.run_if_due()
                if done is not None and done.problem:
                    self._log(f"Anthropic's reports: {done.problem}")
                self._ends.wait(LOOK_SECONDS)


def note_email(arguments: argparse.Namespace, context: Context, hub: OpenHub) -> int:
    """Note a member's e-mail address in Anthropic's reports, as a mark that can't be read back."""
    from tachograph.errors import NotFound, UsageError
    from tachograph.hub.store.books import BookStore

    if not arguments.name or not (arguments.value or arguments.erase):
        raise UsageError(
            "hub email needs the name of a person and the address in Anthropic's reports.",
            "For example: tachograph hub email ada ada@example.com  (--erase removes it)",
        )
    member = hub.admin.find(arguments.name)
    if member is None:
        raise NotFound(f"There is no member {arguments.name!r}.", "List them: tachograph hub members")
    if not arguments.erase and ("@" not in arguments.value or len(arguments.value) > 320):
        raise UsageError("That is not an e-mail address.", "For example: tachograph hub email ada ada@example.com")
    now = context.clock.now_ms()
    with hub.store.transaction():
        BookStore(hub.store).set_email(member.id, None if arguments.erase else arguments.value)
        hub.store.note(member.id, now, "remove e-mail" if arguments.erase else "note e-mail", "", None)
    if arguments.erase:
        context.out.write(f"The address of {safe(member.name)} was removed.\n")
    else:
        context.out.write(
            f"{safe(member.name)} is named in Anthropic's reports of coming days, after their own yes:"
            " tachograph team allow books manager\n"
        )
    return 0
