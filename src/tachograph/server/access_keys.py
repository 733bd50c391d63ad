"""Who may look at the dashboard: one secret of this user in a file of mode 0600, and what is derived from it.

    ticket   opens the page once, within a minute: what `tachograph dashboard` puts behind `#t=` in the address
    session  what a browser holds in a cookie after that, and is taken from a cookie alone; it stays the same when the
             recorder starts again, so that open pages go on
    form     what a page sends along with whatever changes something; another site cannot know it
    api      what programs send as `Authorization: Bearer`

None of the derived ones says anything of the secret or of the others. A new secret ends all of them.
"""

import hashlib
import hmac
import json
import os
import secrets
from typing import NamedTuple

from tachograph.errors import TachographError
from tachograph.paths import Paths, private_folder

TICKET_MS = 60_000
PORT = 47_613  # nobody's in IANA's list of 2026; asked for once, then kept in the file


class Keys(NamedTuple):
    """The secret, the port that is asked for, and the cookie's name: cookies know no ports, so another program's at
    another port of this computer must not bear the same. Its repr shows nothing."""

    secret: str
    port: int
    cookie: str

    def __repr__(self) -> str:
        return f"Keys(port={self.port})"

    @property
    def session(self) -> str:
        return self._derived("session")

    @property
    def form(self) -> str:
        return self._derived("form")

    @property
    def api(self) -> str:
        return self._derived("api")

    def ticket(self, now_ms: int) -> str:
        """A new ticket: when it was made, something random, and what proves both."""
        said = f"{now_ms}.{secrets.token_urlsafe(12)}"
        return f"{said}.{self._derived(f'ticket {said}')}"

    def _derived(self, what: str) -> str:
        return hmac.new(self.secret.encode(), what.encode(), hashlib.sha256).hexdigest()


class Tickets:
    """Which tickets were used. A ticket from before this server began is none: it may have been used then."""

    def __init__(self, keys: Keys, began_ms: int) -> None:
        self._keys, self._began = keys, began_ms
        self._used: dict[str, int] = {}

    def take(self, ticket: str, now_ms: int) -> bool:
        """Whether a ticket opens the page now; it does not a second time."""
        said, _, proof = ticket.rpartition(".")
        made, _, _ = said.partition(".")
        if not hmac.compare_digest(proof.encode(), self._keys._derived(f"ticket {said}").encode()):
            return False
        made_ms = int(made) if made.isdecimal() and len(made) < 15 else 0
        if not (self._began <= made_ms + 1_000 and -5_000 <= now_ms - made_ms <= TICKET_MS) or said in self._used:
            return False
        self._used = {known: at for known, at in self._used.items() if now_ms - at <= 2 * TICKET_MS}
        self._used[said] = made_ms
        return True


def path_of(paths: Paths) -> str:
    return os.path.join(paths.data, "dashboard.json")


def load(paths: Paths) -> Keys | None:
    """The keys of this user, None where there are none yet. Raises TachographError where the file is not ours alone."""
    path = path_of(paths)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TachographError(f"{path} cannot be read: {error.strerror}.") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if os.name == "posix" and (status.st_uid != os.getuid() or status.st_mode & 0o077):
            raise TachographError(
                f"{path} may be read by others.",
                "Delete it: `tachograph dashboard` makes a new one, and old links end.",
            )
        try:
            said = json.loads(file.read(4096))
            keys = Keys(str(said["secret"]), int(said["port"]), str(said["cookie"]))
        except (ValueError, KeyError, TypeError):
            return None
    return keys if len(keys.secret) >= 32 and 0 < keys.port < 65536 else None


def renewed(paths: Paths, port: int) -> Keys:
    """New keys, written; whoever looks now has to open the page anew."""
    return write(paths, Keys(secrets.token_hex(32), port, f"tachograph_{secrets.token_hex(4)}"))


def write(paths: Paths, keys: Keys) -> Keys:
    private_folder(paths.data)
    path = path_of(paths)
    new = f"{path}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(keys._asdict(), file)
    os.replace(new, path)
    return keys
