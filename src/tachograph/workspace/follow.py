"""A ledger that follows its file, and the settings theirs: for what stays open while others write."""

import os

from tachograph.ledger.storage.connection import Ledger, changes_by_others, open_ledger, translated, wait_at_most
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load as load_book
from tachograph.paths import Paths
from tachograph.settings import load as load_settings


class Followed:
    """`calendar` and `book` are those of the settings as `read_settings` last found them.

    `zone`: instead of the one in the settings. `wait_ms`: how long a ledger that is held is waited for, None for as long
    as anywhere.
    """

    def __init__(self, paths: Paths, zone: str | None = None, wait_ms: int | None = None) -> None:
        self._paths, self._zone, self._wait_ms = paths, zone, wait_ms
        self.ledger: Ledger | None = None
        self._opened: tuple[int, int] | None = None
        self._version = -1
        self._mark: tuple[int, int] | None = None
        self.calendar, self.book = Calendar(*parsed_zone(zone or "local")), load_book({})[0]

    @property
    def is_there(self) -> bool:
        """Whether there is a file."""
        return self._standing() is not None

    def look(self, now_ms: int) -> tuple[Ledger, bool]:
        """The ledger, opened anew where the file is another one, and whether it may say something else than at the last
        look. Raises LedgerError."""
        if self.ledger is not None and self._standing() != self._opened:
            self.close()  # restored, rescued or deleted meanwhile
        if self.ledger is None:
            self.ledger = open_ledger(self._paths, now_ms)
            self._opened, self._version = self._standing(), -1
            if self._wait_ms is not None:
                with translated(self.ledger.path):
                    wait_at_most(self.ledger.db, self._wait_ms)
        before = self._version
        with translated(self.ledger.path):
            self._version = changes_by_others(self.ledger.db)
        return self.ledger, self._version != before

    def read_settings(self) -> None:
        """Zone and prices, read again where the file changed."""
        try:
            status = os.stat(self._paths.settings)
            mark = (status.st_mtime_ns, status.st_size)  # two saves may fall into one tick of the file system's clock
        except OSError:
            mark = (0, 0)
        if mark != self._mark:
            settings = load_settings(self._paths.settings)
            self.calendar = Calendar(*parsed_zone(self._zone or settings.timezone), settings.week_start)
            self.book, self._mark = load_book(settings.prices)[0], mark

    def close(self) -> None:
        ledger, self.ledger = self.ledger, None
        if ledger is not None:
            ledger.close()

    def _standing(self) -> tuple[int, int] | None:
        """Which file the ledger is: another inode is another ledger."""
        try:
            status = os.stat(self._paths.ledger)
        except OSError:
            return None
        return status.st_dev, status.st_ino
