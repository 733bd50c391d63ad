"""The membership of this machine in a hub: address, token and the key of the person, in a 0600 file of its own.

The file is outside the ledger and its backups, so that a copied ledger opens nothing.
"""

import json
import os
from collections.abc import Sequence
from typing import NamedTuple

from tachograph.errors import TachographError
from tachograph.hub.sharing import LEVELS, PersonKey
from tachograph.paths import Paths, others_have_access

FOLDER = "folder:"


class Membership(NamedTuple):
    """`url`: of the hub, or `folder:/path`. `hub`: its id, "" for a folder. `ledger`: id of the ledger that was sent.

    `since`: nothing before it is shared, epoch milliseconds; 0 for everything. `revision`: the largest change that was sent;
    a ledger that has not come that far was put back to an earlier state. `halted`: why nothing is exchanged until the
    person decides, "" for no reason. `place`: marks of where the data folder was (hub/copied.py).
    """

    url: str
    machine: str
    name: str
    member: str
    share: str
    token: str
    key: str
    hub: str = ""
    ledger: str = ""
    certificate: str = ""
    since: int = 0
    revision: int = 0
    halted: str = ""
    place: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"Membership(url={self.url!r}, machine={self.machine!r}, name={self.name!r}, share={self.share!r})"

    @property
    def is_folder(self) -> bool:
        return self.url.startswith(FOLDER)

    @property
    def person_key(self) -> PersonKey:
        return PersonKey(self.key)


def path(paths: Paths) -> str:
    """The file of the membership."""
    return os.path.join(paths.data, "hub.json")


def load(paths: Paths) -> Membership | None:
    """The membership of this machine; None without one. Raises TachographError for a file that can't be used."""
    file = path(paths)
    try:
        handle = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TachographError(f"Can't read {file}: {error.strerror}.", "Check its permissions.") from error
    with open(handle, "rb") as opened:
        if others_have_access(handle):
            raise TachographError(
                f"Others can read {file}, which holds secrets.", f"Run: chmod 600 {file}, or leave and join again."
            )
        try:
            stored = json.loads(opened.read(16_384))
            found = Membership(**{name: stored[name] for name in Membership._fields if name in stored})
        except (ValueError, TypeError) as error:
            raise TachographError(f"Can't read {file}: it is damaged.", "Delete it and join again.") from error
    if found.share not in LEVELS:
        raise TachographError(f"Can't read {file}: it is damaged.", "Delete it and join again.")
    return found


def save(paths: Paths, membership: Membership) -> None:
    """Store the membership, for this user alone. Raises TachographError."""
    file = path(paths)
    new = f"{file}.{os.getpid()}.new"
    try:
        os.makedirs(paths.data, mode=0o700, exist_ok=True)
        handle = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as opened:
            json.dump(membership._asdict(), opened)
        os.replace(new, file)
    except OSError as error:
        raise TachographError(f"Can't write {file}: {error.strerror}.", "Check the folder, then try again.") from error


def remove(paths: Paths) -> None:
    """Delete the membership; the token and key are gone with it."""
    try:
        os.remove(path(paths))
    except FileNotFoundError:
        return
