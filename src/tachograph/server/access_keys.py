"""Keys of the dashboard: one secret of this user in a file of mode 0600, and its derivatives.

    ticket   opens a session (server/sessions.py) once, within a minute: `tachograph dashboard` puts it behind `#t=`
    api      programs send it as `Authorization: Bearer`; every start of the server makes a new one

Neither says anything about the secret or about the other. A new secret ends both, and all sessions. A program may send
its token to whatever listens at the port while the server is stopped: after the next start it opens nothing.
"""

import hashlib
import hmac
import json
import os
import secrets
from typing import Any, NamedTuple

from tachograph.errors import TachographError
from tachograph.paths import Paths, others_have_access, private_folder

TICKET_MS = 60_000


class Keys(NamedTuple):
    """The secret, the port to listen at, and the cookie's name. Cookies ignore ports, so the name is random: a program at
    another port of this computer must not overwrite ours. `run`: random letters of the last start of the server, ""
    before the first. The repr shows no secret."""

    secret: str
    port: int
    cookie: str
    run: str = ""

    def __repr__(self) -> str:
        return f"Keys(port={self.port})"

    @property
    def api(self) -> str:
        """The token for programs, until the next start of the server."""
        return self._derive(f"api {self.run}")

    @property
    def api_digest(self) -> bytes:
        """The digest that recognizes the token for programs."""
        return hashlib.sha256(self.api.encode()).digest()

    def ticket(self, now_ms: int) -> str:
        """A new ticket: its time, random letters, and a proof of both."""
        body = f"{now_ms}.{secrets.token_urlsafe(12)}"
        return f"{body}.{self.proof(body)}"

    def proof(self, body: str) -> str:
        """The proof of a ticket with this body."""
        return self._derive(f"ticket {body}")

    def _derive(self, what: str) -> str:
        return hmac.new(self.secret.encode(), what.encode(), hashlib.sha256).hexdigest()


class Tickets:
    """Used tickets. A ticket from before this server began is refused: it may have been used then."""

    def __init__(self, keys: Keys, began_ms: int) -> None:
        self._keys, self._began = keys, began_ms
        self._used: dict[str, int] = {}

    def redeem(self, ticket: str, now_ms: int) -> bool:
        """True once for a valid ticket."""
        body, _, proof = ticket.rpartition(".")
        time, _, _ = body.partition(".")
        if not hmac.compare_digest(proof.encode(), self._keys.proof(body).encode()):
            return False
        at = int(time) if time.isdecimal() and len(time) < 15 else 0
        if not (self._began <= at + 1_000 and -5_000 <= now_ms - at <= TICKET_MS) or body in self._used:
            return False
        self._used = {one: then for one, then in self._used.items() if now_ms - then <= 2 * TICKET_MS}
        self._used[body] = at
        return True


def path_of(paths: Paths) -> str:
    return os.path.join(paths.data, "dashboard.json")


def _run_path(paths: Paths) -> str:
    return os.path.join(paths.data, "dashboard-run.json")


def load(paths: Paths) -> Keys | None:
    """The keys of this user; None before the first `tachograph dashboard`. Raises TachographError if others may read the file."""
    stored = _read(path_of(paths))
    try:
        keys = Keys(str(stored["secret"]), int(stored["port"]), str(stored["cookie"]))
    except (ValueError, KeyError, TypeError):
        return None
    if len(keys.secret) < 32 or not 0 < keys.port < 65536:
        return None
    return keys._replace(run=str(_read(_run_path(paths)).get("run", "")))


def _read(path: str) -> dict[str, Any]:
    """The object in a file of ours; empty without one, or if it is damaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise TachographError(f"Can't read {path}: {error.strerror}.", "Check its owner and permissions.") from error
    with os.fdopen(descriptor, "rb") as file:
        if others_have_access(file.fileno()):
            raise TachographError(
                f"Other users may read {path}.",
                "Delete it: `tachograph dashboard` makes a new one, and old links end.",
            )
        try:
            stored = json.loads(file.read(4096))
        except ValueError:
            return {}
    return stored if isinstance(stored, dict) else {}


def renew(paths: Paths, port: int) -> Keys:
    """Write new keys: every session and token ends."""
    return write(paths, Keys(secrets.token_hex(32), port, f"tachograph_{secrets.token_hex(4)}"))


def write(paths: Paths, keys: Keys) -> Keys:
    """Store keys, for this user alone."""
    stored = keys._asdict()
    del stored["run"]
    _write(paths, path_of(paths), stored)
    return keys


def begin_run(paths: Paths, keys: Keys) -> Keys:
    """The keys with a new token for programs, stored where `load` finds it: the server starts."""
    run = secrets.token_hex(16)
    _write(paths, _run_path(paths), {"run": run})
    return keys._replace(run=run)


def _write(paths: Paths, path: str, stored: dict[str, Any]) -> None:
    private_folder(paths.data)
    new = f"{path}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(stored, file)
    os.replace(new, path)
