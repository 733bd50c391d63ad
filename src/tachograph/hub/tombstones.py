"""Erased members, noted in a file outside the hub's database, so that a restored backup doesn't bring them back."""

import json
import os

from tachograph.errors import LedgerError
from tachograph.hub.store import HubStore, Member


class Tombstones:
    """The file, one JSON line for each erased member; it holds no names. Raises LedgerError if it can't be written."""

    def __init__(self, path: str) -> None:
        self._path = path

    def add(self, hub: str, member: Member) -> None:
        line = json.dumps({"hub": hub, "member": member.id, "joined_at": member.joined_at})
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            handle = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            with open(handle, "a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise LedgerError(
                f"Can't note the erasure in {self._path}: {error.strerror}.",
                "Nothing was erased. Check the disk, then try again.",
            ) from error

    def apply(self, store: HubStore, now_ms: int) -> int:
        """Erase again who was erased before the database was restored; returns their number. Raises LedgerError."""
        erased = {(one.get("member"), one.get("joined_at")) for one in self._read() if one.get("hub") == store.id}
        found = [one for one in store.members() if one.erased_at is None and (one.id, one.joined_at) in erased]
        for member in found:
            with store.transaction():
                store.erase_member(member.id, now_ms)
        return len(found)

    def _read(self) -> list[dict[str, object]]:
        try:
            with open(self._path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(f"Can't read {self._path}: {error.strerror}.", "Check its permissions.") from error
        rows = []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue  # a line that was cut off: its erasure was never confirmed
            if isinstance(row, dict):
                rows.append(row)
        return rows
