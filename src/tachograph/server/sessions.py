"""Sessions of browsers: who may look at the dashboard.

A session has two secrets: a cookie, and a key that the page keeps in the storage of its origin. Cookies ignore ports, so a
browser sends ours to every program on this computer that it visits; the storage of an origin includes the port. A
request needs both. Sessions are kept in memory, as digests: each start of the server ends all of them, so what a
program on our port may have received while the server was stopped opens nothing later.
"""

import hmac
import secrets
import threading
from collections.abc import Iterable
from typing import NamedTuple

from tachograph.server.request_guard import digest

LIFETIME_MS = 30 * 86_400_000  # after its sign-in
IDLE_MS = 7 * 86_400_000  # without a request
FRESH_MS = 5 * 60_000  # after its sign-in a session may consent to a source that uses a person's sign-in
MAX_SESSIONS = 16  # the one that was idle longest goes
DOWNLOAD_MS = 60_000  # an address of a download works once, within this time


class Session(NamedTuple):
    """A signed-in browser. `id` is public; times in epoch milliseconds."""

    id: str
    browser: str
    opened_ms: int
    seen_ms: int
    cookie_digest: bytes
    key_digest: bytes

    def __repr__(self) -> str:
        return f"Session(id={self.id!r})"

    def is_fresh(self, now_ms: int) -> bool:
        """True shortly after the sign-in."""
        return 0 <= now_ms - self.opened_ms <= FRESH_MS


class NewSession(NamedTuple):
    """The two secrets of a session, for the browser alone."""

    cookie: str
    key: str

    def __repr__(self) -> str:
        return "NewSession()"


class Sessions:
    """The sessions of one server. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._downloads: dict[bytes, tuple[str, int]] = {}

    def open(self, browser: str, now_ms: int, instead_of: Session | None = None) -> NewSession:
        """Start a session. `instead_of` ends: a browser has one."""
        new = NewSession(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        session = Session(secrets.token_hex(4), browser, now_ms, now_ms, digest(new.cookie), digest(new.key))
        with self._lock:
            if instead_of is not None:
                self._sessions.pop(instead_of.id, None)
            self._sessions[session.id] = session
            while len(self._sessions) > MAX_SESSIONS:
                del self._sessions[min(self._sessions.values(), key=lambda one: one.seen_ms).id]
        return new

    def find(self, cookies: Iterable[str], keys: Iterable[str], now_ms: int) -> Session | None:
        """The session with one of the cookies and one of the keys. Both are compared in constant time."""
        cookie_digests, key_digests = [digest(one) for one in cookies], [digest(one) for one in keys]
        found: Session | None = None
        with self._lock:
            for session in self._alive(now_ms):
                has_cookie = _matches(session.cookie_digest, cookie_digests)
                has_key = _matches(session.key_digest, key_digests)
                if has_cookie and has_key:
                    found = session
            if found is not None:
                found = self._sessions[found.id] = found._replace(seen_ms=max(found.seen_ms, now_ms))
        return found

    def all(self, now_ms: int) -> tuple[Session, ...]:
        """Every session, the newest first."""
        with self._lock:
            return tuple(sorted(self._alive(now_ms), key=lambda one: -one.opened_ms))

    def revoke(self, id: str) -> bool:
        """End a session; False for an unknown id."""
        with self._lock:
            return self._sessions.pop(id, None) is not None

    def offer_download(self, path: str, now_ms: int) -> str:
        """A token that opens one path once."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._downloads = {key: one for key, one in self._downloads.items() if now_ms - one[1] <= DOWNLOAD_MS}
            self._downloads[digest(token)] = (path, now_ms)
        return token

    def take_download(self, token: str, path: str, now_ms: int) -> bool:
        """True for a token of this path that was not used yet."""
        with self._lock:
            offered = self._downloads.pop(digest(token), None)
        return offered is not None and offered[0] == path and 0 <= now_ms - offered[1] <= DOWNLOAD_MS

    def _alive(self, now_ms: int) -> list[Session]:
        for session in list(self._sessions.values()):
            if now_ms - session.opened_ms > LIFETIME_MS or now_ms - session.seen_ms > IDLE_MS:
                del self._sessions[session.id]
        return list(self._sessions.values())


def _matches(known: bytes, given: list[bytes]) -> bool:
    """True if one of the digests is the known one; every one is compared, in constant time."""
    return sum(hmac.compare_digest(one, known) for one in given) > 0


_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = ("Windows", "Mac OS X", "Android", "Linux")


def browser_name(user_agent: str) -> str:
    """A short name for a list of sessions: `Firefox on Linux`."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "A browser")
    system = next((name for name in _SYSTEMS if name in user_agent), "")
    return f"{browser} on {'macOS' if system == 'Mac OS X' else system}" if system else browser
