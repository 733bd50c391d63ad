"""The exchange through a shared folder: append-only files per machine, read by all the others; no server, no database.

    FOLDER/tachograph/MACHINE/2026-11-0001.facts     lines of `CHECKSUM BASE64`, each a parcel
    FOLDER/tachograph/MACHINE/machine.json           its name

A line that is torn or changed on the way fails its checksum and is read again later. Copies that a synchronizing program
makes of a file in conflict are read like any other file: the same fact twice changes nothing.
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from tachograph.clock import Clock
from tachograph.errors import TachographError
from tachograph.hub import wire
from tachograph.hub.columns import from_columns

_MAX_FILE = 4 << 20
_MAX_LINE = 8 << 20
_ENDING = ".facts"


class Parcel(NamedTuple):
    """Facts that one machine wrote at once. `sender` is its id, `ledger` the one that it sent, `sent_at` by its clock.

    `sealed`: what seals the rest of all of them (hub/parcels.py); "" if they are sealed one by one or not.
    """

    sender: str
    facts: list[Any]
    sealed: str
    ledger: str
    sent_at: int


class Newest:
    """The newest versions of facts that replace each other, since a copy of a file may bring older ones again.

    `state` is plain JSON: `ledgers` by sender, in the order in which they appeared, and by fact its ledger and revision.
    """

    def __init__(self, state: Any) -> None:
        self.state: dict[str, Any] = state if isinstance(state, dict) else {"ledgers": {}, "facts": {}}

    def accept(self, parcel: Parcel, value: Any) -> bool:
        """False for an older version of a fact than was accepted before."""
        if not (
            isinstance(value, list) and len(value) == 5 and value[0] in wire.REPLACED and isinstance(value[2], int)
        ):
            return True
        ledgers = self.state["ledgers"].setdefault(parcel.sender, [])
        if parcel.ledger not in ledgers:
            ledgers.append(parcel.ledger)
        name, version = f"{value[0]} {value[1]}", [ledgers.index(parcel.ledger), value[2]]
        if version < self.state["facts"].get(name, version):
            return False
        self.state["facts"][name] = version
        return True


class FolderTransport:
    """The files of one machine in a shared folder, and of the others. Raises TachographError if the folder is unusable."""

    def __init__(self, folder: str, machine: str, clock: Clock) -> None:
        self._folder, self._machine, self._clock = folder, machine, clock
        self._root = os.path.join(folder, "tachograph")

    def check(self) -> None:
        """Raises TachographError while the folder is missing, as a drive that is not mounted."""
        if not os.path.isdir(self._folder):
            raise TachographError(f"There is no folder {self._folder}.", "Create it, or mount it, then try again.")

    def introduce(self, name: str, share: str, version: str, key_check: str = "") -> None:
        """Write down the name of this machine, and a mark of its key."""
        own = self._own()
        document = {
            "id": self._machine,
            "name": name,
            "share": share,
            "version": version,
            "format": wire.FORMAT,
            "seen_at": self._clock.now_ms(),
            "key_check": key_check,
        }
        new = os.path.join(own, ".machine.new")
        try:
            with open(new, "w", encoding="utf-8") as file:
                json.dump(document, file)
            os.replace(new, os.path.join(own, "machine.json"))
        except OSError as error:
            raise TachographError(f"Can't write to {own}: {error.strerror}.", "Check the folder.") from error

    def note_departure(self) -> None:
        """Tell the other machines that this one has left; what it wrote stays. Does nothing where that can't be written."""
        path = os.path.join(self._root, self._machine, "machine.json")
        with suppress(OSError, ValueError):
            with open(path, encoding="utf-8") as file:
                document = json.loads(file.read(4_096))
            with open(f"{path}.new", "w", encoding="utf-8") as file:
                json.dump({**document, "left": True}, file)
            os.replace(f"{path}.new", path)

    def push(self, packed: bytes) -> None:
        """Append a parcel of this machine."""
        data = base64.b64encode(packed)
        line = _checksum(data) + b" " + data + b"\n"
        own = self._own()
        try:
            path = os.path.join(own, self._current_file(own))
            with open(path, "ab") as file:
                if file.tell() and not _ends_line(path):
                    line = b"\n" + line  # the last line was torn by a full disk or a crash
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TachographError(
                f"Can't write to {own}: {error.strerror}.", "Check the folder and the disk."
            ) from error

    def pull(self, offsets: dict[str, int]) -> Iterator[tuple[str, int, Parcel | None]]:
        """New parcels of other machines: (file, offset after it, parcel); None for a line that is no good.

        `offsets`: by file how much was read; a file that is shorter than that is read again.
        """
        for relative, path in self._files():
            begin = offsets.get(relative, 0)
            try:
                if os.path.getsize(path) < begin:
                    begin = 0
                with open(path, "rb") as file:
                    file.seek(begin)
                    while line := file.readline(_MAX_LINE):
                        if not line.endswith(b"\n"):
                            break  # still being written, or not all here yet
                        begin += len(line)
                        yield relative, begin, _parse(line)
            except OSError:
                continue  # it is read another time

    def machines(self) -> list[dict[str, Any]]:
        """The machines that wrote their names here. A clock that is fast is noticed, a slow one looks like an absence."""
        found = []
        now = self._clock.now_ms()
        for name in self._folders():
            try:
                with open(os.path.join(self._root, name, "machine.json"), encoding="utf-8") as file:
                    document = json.loads(file.read(4_096))
                found.append({
                    "id": name, "name": str(document["name"])[:60], "share": str(document["share"])[:10],
                    "seen_at": min(int(document["seen_at"]), now), "skew_ms": min(0, now - int(document["seen_at"])), "version": str(document["version"])[:40],
                    "revoked": document.get("left") is True, "key_check": str(document.get("key_check", ""))[:40],
                    "format": document.get("format", 1),
                })  # fmt: skip
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found

    def reads_parcels(self) -> bool:
        """True if no machine here has a Tachograph that knows only facts that are sealed one by one."""
        return all(one["revoked"] or one["format"] == wire.FORMAT for one in self.machines())

    def remove_own(self) -> None:
        """Delete the files of this machine."""
        import shutil

        shutil.rmtree(os.path.join(self._root, self._machine), ignore_errors=True)

    def _own(self) -> str:
        own = os.path.join(self._root, self._machine)
        try:
            os.makedirs(own, mode=0o700, exist_ok=True)
        except OSError as error:
            raise TachographError(f"Can't write to {own}: {error.strerror}.", "Check the folder.") from error
        return own

    def _current_file(self, own: str) -> str:
        names = sorted(name for name in os.listdir(own) if name.endswith(_ENDING) and "conflict" not in name)
        if names and os.path.getsize(os.path.join(own, names[-1])) < _MAX_FILE:
            return names[-1]
        return f"{len(names) + 1:06d}{_ENDING}"

    def _folders(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self._root) if os.path.isdir(os.path.join(self._root, name)))
        except OSError:
            return []

    def _files(self) -> Iterator[tuple[str, str]]:
        for folder in self._folders():
            if folder == self._machine:
                continue
            for name in sorted(os.listdir(os.path.join(self._root, folder))):
                if _ENDING in name:
                    yield f"{folder}/{name}", os.path.join(self._root, folder, name)


def _parse(line: bytes) -> Parcel | None:
    checksum, _, data = line.rstrip(b"\r\n").partition(b" ")
    if checksum != _checksum(data):
        return None
    try:
        document = wire.unpack(base64.b64decode(data, validate=True), True)
        sender, ledger, sent_at = str(document["machine"])[:64], str(document["ledger"])[:64], int(document["sent_at"])
        sealed = document["parcel"]["sealed"] if "parcel" in document else ""
        facts = from_columns(wire.parcel_of(document)[0])
        return Parcel(sender, facts, str(sealed), ledger, sent_at)
    except (ValueError, KeyError, TypeError):
        return None


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest()[:16].encode()


def _ends_line(path: str) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
