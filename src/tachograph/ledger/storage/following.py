"""Keep a ledger open while other programs write to it, replace it or damage it."""

from tachograph.errors import LedgerDamaged
from tachograph.lean_contextlib import contextmanager
from tachograph.lean_typing import Iterator
from tachograph.ledger.storage.connection import Ledger, data_version, file_identity, set_busy_timeout, translate_errors
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import Paths


class LedgerFollower:
    """One connection to the ledger's file, opened again when another file takes its place.

    `wait_ms`: longest wait for a program that holds the ledger; None for the usual one.
    """

    def __init__(self, paths: Paths, wait_ms: int | None = None) -> None:
        self._paths, self._wait_ms = paths, wait_ms
        self.ledger: Ledger | None = None
        self._version = -1

    def __enter__(self) -> "LedgerFollower":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_there(self) -> bool:
        """True while the file exists."""
        return file_identity(self._paths.ledger) is not None

    def current(self, now_ms: int) -> tuple[Ledger, bool]:
        """The open ledger, and True if it may hold something else than at the last call. Raises LedgerError."""
        if self.ledger is not None and self.ledger.is_replaced:
            self.close()
        if self.ledger is None:
            self.ledger = open_ledger(self._paths, now_ms)
            self._version = -1
            if self._wait_ms is not None:
                with translate_errors(self.ledger.path):
                    set_busy_timeout(self.ledger.db, self._wait_ms)
        before = self._version
        with translate_errors(self.ledger.path):
            self._version = data_version(self.ledger.db)
        return self.ledger, self._version != before

    @property
    def is_new(self) -> bool:
        """True before the first call of `current` and after `close`."""
        return self.ledger is None

    def close(self) -> None:
        ledger, self.ledger = self.ledger, None
        if ledger is not None:
            ledger.close()


@contextmanager
def damage_detection(ledger: Ledger) -> Iterator[None]:
    """Raise LedgerDamaged instead of the KeyError or TypeError that a flipped byte in the file can cause.

    The damaged file may have been set aside by another process meanwhile: this connection still holds it.
    """
    with translate_errors(ledger.path):
        try:
            yield
        except (KeyError, TypeError, IndexError) as error:
            from tachograph.ledger.storage.integrity import check_file, faults

            problem = check_file(ledger.path).problem or next(iter(faults(ledger.db)), "")
            if not problem and ledger.is_replaced:
                problem = "it was replaced while it was read"
            if problem:
                raise LedgerDamaged(
                    f"The ledger {ledger.path} is damaged: {problem}.", "Run `tachograph doctor`."
                ) from error
            raise
