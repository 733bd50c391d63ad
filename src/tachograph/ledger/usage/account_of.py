"""The account of a message: the one that was logged in for its config folder at that time (accounting rule 12)."""

from __future__ import annotations

from tachograph.lean_typing import Iterable, Mapping, NamedTuple
from tachograph.ledger.usage.message_attributes import AttributeRow
from tachograph.ledger.usage.strings import Strings
from tachograph.model.usage.messages import FOREIGN, NO_TIME, is_foreign_model


class Stretch(NamedTuple):
    """A time in which an account was logged in for a folder, epoch milliseconds; `name` puts equals in order."""

    first: int
    last: int
    account: int
    name: str


Logins = Mapping[int, list[Stretch]]  # config folder: by time


def account_of(
    origin: AttributeRow, flags: int, at: int | None, folders: Iterable[int], logins: Logins, names: Strings
) -> tuple[int, int]:
    """The account of a message with copies in some config folders, and 1 if it is presumed; (0, 0) if unknown.

    Among differing logins the one recorded earliest decides, then the smaller id. Before a folder's first known login
    that login is presumed, but not for what a gateway or a cloud answered. More knowledge never takes an account away.
    """
    if origin.texts[7]:
        return names.account_named(origin.texts[7]), 0
    if at is None or at == NO_TIME:
        return 0, 0
    known: list[tuple[int, str, int]] = []
    presumed: list[tuple[int, str, int]] = []
    for folder in folders:
        stretches = logins.get(folder)
        if not stretches:
            continue
        known += [(one.first, one.name, one.account) for one in stretches if one.first <= at <= one.last]
        first = stretches[0]
        if at < first.first:
            presumed.append((first.first, first.name, first.account))
    if known:
        return min(known)[2], 0
    if presumed and not flags & FOREIGN and not is_foreign_model(origin.texts[0]):
        return min(presumed)[2], 1
    return 0, 0
