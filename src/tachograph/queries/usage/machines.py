"""The machines of a person in usage: names of the machines, and the config folders of each."""

from collections.abc import Iterable
from functools import cached_property

from tachograph.errors import NotFound
from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.exchange.machines import folders, machine_state

THIS = "this machine"


class Machines:
    """Machines as the last exchange named them. A config folder of another machine is stored as `@ID:FOLDER`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @cached_property
    def names(self) -> dict[str, str]:
        """Names by machine id; "" is this machine."""
        stored, own = machine_state(self._db)
        found = {str(one["id"]): str(one["name"]) for one in stored}
        return {**found, "": found.get(own, THIS)}

    @property
    def are_several(self) -> bool:
        """True in a ledger that knows machines by name."""
        return len(self.names) > 1

    @cached_property
    def _folders(self) -> dict[int, str]:
        return dict(folders(self._db))

    def of(self, folder: int) -> str:
        """The name of the machine of a config folder (string id)."""
        text = self._folders.get(folder, "")
        id = text[1:].partition(":")[0] if text.startswith("@") else ""
        return self.names.get(id, id)

    def folders_of(self, wanted: Iterable[str]) -> set[int]:
        """The config folders of machines by name or the beginning of a name. Raises NotFound."""
        found = set[int]()
        known = {id: self.of(id) for id in self._folders}
        for word in wanted:
            exact = {id for id, name in known.items() if name.lower() == word.lower()}
            exact = exact or {id for id, name in known.items() if name.lower().startswith(word.lower())}
            if not exact:
                names = ", ".join(sorted({*known.values(), *self.names.values()}))
                raise NotFound(f"No machine named {word!r} in the ledger.", f"Known: {names}" if names else "")
            found |= exact
        return found
