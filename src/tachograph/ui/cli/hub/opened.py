"""An open hub for a command: its store, with the requests of machines and of members."""

import os
from typing import TYPE_CHECKING

from tachograph.errors import UsageError
from tachograph.paths import Paths
from tachograph.ui.cli.context import Context

if TYPE_CHECKING:
    from tachograph.hub.store import HubStore

TOMBSTONES = "hub-erased.jsonl"  # beside the database, never in it


class OpenHub:
    """Opens the database in `where`, or the usual one. Raises LedgerError, TachographError without a driver."""

    def __init__(self, where: str | None, context: Context, paths: Paths) -> None:
        from tachograph.hub.api import HubApi
        from tachograph.hub.store import open_store
        from tachograph.hub.team.administration import Administration
        from tachograph.hub.team.api import TeamApi
        from tachograph.hub.tombstones import Tombstones
        from tachograph.settings import SettingsFollower

        now = context.clock.now_ms()
        self.where = database_of(where, context, paths)
        self.store: HubStore = open_store(self.where, now)
        tombstones = Tombstones(os.path.join(paths.data, TOMBSTONES))
        if self.store.is_writable:
            tombstones.apply(self.store, now)
        settings = SettingsFollower(paths.settings)
        settings.refresh()
        self.machines: HubApi = HubApi(self.store, context.clock, tombstones)
        self.team: TeamApi = TeamApi(self.store, context.clock, settings.book, self.machines)
        self.admin: Administration = Administration(self.store, context.clock, self.machines)

    def __enter__(self) -> "OpenHub":
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()


def database_of(where: str | None, context: Context, paths: Paths) -> str:
    """File or address of the hub's database: --db, TACHOGRAPH_HUB_DB, or a file in the data folder. Raises UsageError."""
    from tachograph.hub.store.postgres import is_address

    found = where or context.env.get("TACHOGRAPH_HUB_DB", "")
    if is_address(found):
        return found
    if "://" in found:
        raise UsageError(
            f"A hub can't use {found.partition('://')[0]}://….", "Give a file or postgresql://USER@HOST/DATABASE."
        )
    return os.path.abspath(found) if found else os.path.join(paths.data, "hub.sqlite3")
