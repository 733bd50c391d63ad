"""A workspace that stays open while others write: the ledger, and the settings with calendar and prices."""

from contextlib import AbstractContextManager

from tachograph.ledger.storage.connection import Ledger, translate_errors
from tachograph.ledger.storage.following import LedgerFollower
from tachograph.model.usage.periods import Calendar
from tachograph.model.usage.prices import PriceBook
from tachograph.paths import Paths
from tachograph.settings import SettingsFollower


class WorkspaceFollower:
    """The ledger and settings of a screen that stays open.

    `zone`: instead of the one in the settings. `wait_ms`: longest wait for a ledger that another program holds.
    """

    def __init__(self, paths: Paths, zone: str | None = None, wait_ms: int | None = None) -> None:
        self._ledger = LedgerFollower(paths, wait_ms)
        self._settings = SettingsFollower(paths.settings, zone)

    @property
    def is_there(self) -> bool:
        """True while there is a ledger file."""
        return self._ledger.is_there

    @property
    def ledger(self) -> Ledger | None:
        """The open ledger; None before the first `current` and after `close`."""
        return self._ledger.ledger

    def current(self, now_ms: int) -> tuple[Ledger, bool]:
        """The open ledger, and True if it may hold something else than at the last call. Raises LedgerError."""
        return self._ledger.current(now_ms)

    def refresh_settings(self) -> None:
        """Read zone and prices again if the settings file changed."""
        self._settings.refresh()

    @property
    def calendar(self) -> Calendar:
        return self._settings.calendar

    @property
    def shows_left(self) -> bool:
        """True if limits show percent left."""
        return self._settings.settings.shows_left

    @property
    def book(self) -> PriceBook:
        return self._settings.book

    def close(self) -> None:
        self._ledger.close()


def ledger_errors(ledger: Ledger) -> AbstractContextManager[None]:
    """Turn SQLite's errors into LedgerError while a screen reads the ledger."""
    return translate_errors(ledger.path)
