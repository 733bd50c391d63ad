"""The exceptions that reach a person.

    TachographError            exit code 1
    ├── UsageError             exit code 2   a wrong flag, date, zone or name: what was asked cannot be understood
    ├── NotFound               exit code 1   what was asked for is not in the ledger
    └── LedgerError            exit code 3   the ledger cannot be used as it is
        ├── LedgerBusy                       another program holds it for longer than we wait
        ├── LedgerDamaged                    its integrity check fails
        └── LedgerNewer                      a newer version of Tachograph wrote it

Bad input in logs and settings is never an exception: it is collected as problems, counted and shown.
"""


class TachographError(Exception):
    """A failure that a person can act on: `message` says what happened, `hint` what to do next."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TachographError):
    exit_code = 2


class NotFound(TachographError):
    pass


class LedgerError(TachographError):
    exit_code = 3


class LedgerBusy(LedgerError):
    pass


class LedgerDamaged(LedgerError):
    pass


class LedgerNewer(LedgerError):
    pass
