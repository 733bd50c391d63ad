"""The few things that a page may change, by the same functions as the commands: switches and names. Nothing is deleted."""

import sqlite3
from collections.abc import Callable
from typing import Any

from tachograph.errors import UsageError
from tachograph.ledger.limits import accounts, notifications
from tachograph.ledger.storage.preferences import CONSENT, set_preference
from tachograph.model.limits.limits import OAUTH
from tachograph.queries.limits.current import LEADS
from tachograph.queries.tray_state import ALARMS
from tachograph.setup import source_catalog

Act = Callable[[sqlite3.Connection, int], None]


def meant(said: Any) -> tuple[Act, str]:
    """What a page asks to be done, and the sentence that says it was. Raises UsageError."""
    if not isinstance(said, dict):
        raise UsageError("What is to be done?")
    kind, name, value = (said.get(key) for key in ("do", "name", "value"))
    if kind == "alarms" and value in ("on", "off"):
        return (lambda db, now: set_preference(db, ALARMS, str(value), now)), f"Notifications about limits are {value}."
    if kind == "dismiss":
        return (lambda db, now: _dismissed(db, now)), "What was said is silenced until the windows reset."
    if kind == "source" and value in ("on", "off"):
        found = source_catalog.source(str(name))
        if found is None or found.kind != source_catalog.ON_CONSENT or (value == "on" and found.name != OAUTH):
            raise UsageError("That source needs no yes.")
        return (lambda db, now: set_preference(db, CONSENT + found.name, str(value), now)), f"{found.title} is {value}."
    if kind == "lead":
        if name == "auto":
            return (lambda db, now: set_preference(db, LEADS, "", now)), "The account in use leads."
        id = _id(name)
        return (lambda db, now: set_preference(db, LEADS, str(_known(db, id)), now)), "That account leads."
    if kind == "label" and isinstance(value, str):
        id, label = _id(name), " ".join(value.split())[:80]
        return (lambda db, now: accounts.give_label(db, _known(db, id), label)), "The name is kept."
    raise UsageError("That is not done here.")


def _dismissed(db: sqlite3.Connection, now: int) -> None:
    notifications.dismiss(db, now)


def _id(name: object) -> int:
    if isinstance(name, str) and name.isdecimal() and len(name) < 10:
        return int(name)
    raise UsageError("Which account?")


def _known(db: sqlite3.Connection, id: int) -> int:
    if id not in {account.id for account in accounts.accounts(db)}:
        raise UsageError("There is no such account.")
    return id
