"""Actions of a page: switches and names, by the same functions as the commands. Nothing is deleted."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tachograph.errors import NotFound, UsageError
from tachograph.lean_sqlite import sqlite3
from tachograph.model.limits.limits import OAUTH
from tachograph.queries.configuration import known_accounts
from tachograph.queries.limits.current import LEADS
from tachograph.queries.tray_state import ALARMS
from tachograph.setup import source_catalog
from tachograph.workspace.changes import dismiss_notifications, name_account, set_consent, set_preference

STALE_SIGN_IN = (
    "This source uses your own sign-in, so switching it on needs a fresh link: run `tachograph dashboard`, then switch it"
    " on within five minutes. Or in a terminal: tachograph sources enable oauth"
)
_MAX_LABEL = 80


class Action(NamedTuple):
    """A change, and the sentence that confirms it. `needs_fresh_sign_in`: only shortly after a sign-in."""

    apply: Callable[[sqlite3.Connection, int], None]
    message: str
    needs_fresh_sign_in: bool = False


def parse_action(body: Any) -> Action:
    """The action that a page sends as `{do, name, value}`. Raises UsageError."""
    if not isinstance(body, dict):
        raise UsageError("The action is missing.", "Send do, name and value.")
    kind, name, value = (body.get(key) for key in ("do", "name", "value"))
    if kind == "alarms" and value in ("on", "off"):
        return Action(
            lambda db, now: set_preference(db, ALARMS, str(value), now), f"Notifications about limits are {value}."
        )
    if kind == "dismiss":
        return Action(dismiss_notifications, "The active notifications are dismissed until their windows reset.")
    if kind == "source" and value in ("on", "off"):
        return _source(str(name), str(value))
    if kind == "lead":
        return _primary_account(name)
    if kind == "label" and isinstance(value, str):
        account, label = _account_id(name), " ".join(value.split())[:_MAX_LABEL]
        return Action(lambda db, now: name_account(db, _existing(db, account), label), "The name is stored.")
    raise UsageError("There is no such action.", "Actions: alarms, dismiss, source, lead, label, revoke, download.")


def _source(name: str, value: str) -> Action:
    source = source_catalog.source(name)
    if source is None or source.kind != source_catalog.ON_CONSENT or (value == "on" and source.name != OAUTH):
        raise UsageError("That source needs no consent.")
    return Action(
        lambda db, now: set_consent(db, source.name, value == "on", now), f"{source.title} is {value}.", value == "on"
    )


def _primary_account(name: object) -> Action:
    if name == "auto":
        return Action(lambda db, now: set_preference(db, LEADS, "", now), "The account in use comes first.")
    account = _account_id(name)
    return Action(
        lambda db, now: set_preference(db, LEADS, str(_existing(db, account)), now), "That account comes first."
    )


def _account_id(name: object) -> int:
    if isinstance(name, str) and name.isdecimal() and len(name) < 10:
        return int(name)
    raise UsageError("The account is missing.", "Send its number as name.")


def _existing(db: sqlite3.Connection, account: int) -> int:
    if account not in {one.id for one in known_accounts(db)}:
        raise NotFound("There is no such account.")
    return account
