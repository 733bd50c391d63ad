"""Claude Code's own login, read at the moment it is needed: the one place where a secret enters this program.

The file (or the Keychain item on macOS) is read and nothing else: never written, never renewed (refresh tokens work
once, a second user of one logs the person out), never copied or cached. What comes out is a Token that shows itself
nowhere, or a Refusal in plain words that hold nothing from inside the file.
"""

import json
import os
import stat
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, NoReturn

from tachograph import processes
from tachograph.clock import Clock
from tachograph.model.limits.limits import DENIED, EXPIRED, FORBIDDEN, NO_LOGIN, SHAPE
from tachograph.model.parsing import epoch_ms, text
from tachograph.paths import home_folder

SCOPE = "user:profile"  # without it the usage endpoint answers 403
KEYCHAIN_SECONDS = 5.0  # `security` may wait for a person at a dialog
_SERVICE = "Claude Code-credentials"
_SECURITY = "/usr/bin/security"
_NOT_FOUND = 44  # errSecItemNotFound, as `security` exits with it
_LARGEST = 1 << 20
_AGAIN_SECONDS = 0.05  # Claude Code replaces the file in less
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=")
_ENV_LOGINS = ("CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY")

# A command and a limit in seconds -> exit code (None: the limit passed) and standard output.
Runner = Callable[[list[str], float], tuple[int | None, bytes]]


class Token:
    """A bearer token that cannot be shown, formatted, copied or pickled. `organization`: the organization uuid it belongs to, "" if unknown."""

    __slots__ = ("__secret", "expires_at", "organization")

    def __init__(self, secret: str, expires_at: int | None = None, organization: str = "") -> None:
        if not secret or not _ALLOWED.issuperset(secret):
            # http.client repeats a header that it refuses in its exception: such a value never gets there.
            raise ValueError("not a bearer token")
        self.__secret = secret
        self.expires_at = expires_at
        self.organization = organization

    def authorization(self) -> str:
        """The value of an Authorization header; only for the request itself."""
        return f"Bearer {self.__secret}"

    def is_same(self, other: "Token") -> bool:
        """Is it the token that was asked with before? After a 401 only another one is worth a second try."""
        return self.__secret == other.__secret

    def __repr__(self) -> str:
        return "Token(not shown)"

    def __format__(self, _: str) -> NoReturn:
        raise TypeError("a token cannot be formatted")

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a token cannot be copied or pickled")


class NoToken(NamedTuple):
    """Why there is no token: an outcome of model.limits, and words for a person."""

    outcome: str
    problem: str


def read_token(
    folder: str,
    env: Mapping[str, str],
    platform: str = sys.platform,
    *,
    clock: Clock | None = None,
    runner: Runner | None = None,
) -> Token | NoToken:
    """The token of a Claude Code config folder's login, or the reason why none can ask for the limits."""
    now_ms = (clock or Clock()).now_ms()
    kept = _from_keychain(folder, env, now_ms, runner or _run) if platform == "darwin" else None
    if kept is not None and not (isinstance(kept, NoToken) and kept.outcome == NO_LOGIN):
        return kept
    path = os.path.join(folder, ".credentials.json")
    found = _from_file(path, now_ms)
    if isinstance(found, NoToken) and found.outcome in (EXPIRED, SHAPE):
        time.sleep(_AGAIN_SECONDS)  # it may be on its way: half-written, or about to be replaced
        found = _from_file(path, now_ms)
    if found is None:
        found = kept or NoToken(NO_LOGIN, _no_login_words(folder, env))
    return found


def keychain_services(folder: str, env: Mapping[str, str]) -> list[str]:
    """The names under which Claude Code may keep a folder's login in the Keychain, the likeliest first.

    With CLAUDE_CONFIG_DIR set, also to the default, the name ends in a hash of the folder as it was written there.
    """
    import hashlib
    import unicodedata

    home = home_folder(env)
    default = os.path.join(home, ".claude")
    is_default = os.path.normpath(folder) == os.path.normpath(default)
    written = [part.strip() for part in env.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
    spellings = [part for part in written if os.path.normpath(_expand(part, home)) == os.path.normpath(folder)]
    if spellings or not is_default:
        spellings.append(folder)
    hashes = (hashlib.sha256(unicodedata.normalize("NFC", part).encode()).hexdigest()[:8] for part in spellings)
    services = list(dict.fromkeys(f"{_SERVICE}-{digest}" for digest in hashes))
    return [*services, _SERVICE] if is_default else services


def _from_keychain(folder: str, env: Mapping[str, str], now_ms: int, run: Runner) -> Token | NoToken | None:
    """None where the Keychain has no such item. Asking for one that is there may raise a dialog of the system."""
    for service in keychain_services(folder, env):
        code, output = run([_SECURITY, "find-generic-password", "-s", service, "-w"], KEYCHAIN_SECONDS)
        if code == _NOT_FOUND:
            continue
        if code is None:
            return NoToken(DENIED, "the Keychain asked for permission and got no answer")
        if code != 0:
            return NoToken(DENIED, f"the Keychain does not hand out Claude Code's login (security exits with {code})")
        return _parse(_decode_hex(output.strip()), now_ms, "the Keychain item")
    return None


def _from_file(path: str, now_ms: int) -> Token | NoToken | None:
    """Read a credentials file; None if it does not exist. Follows links, but refuses another user's file."""
    try:
        handle = os.open(path, _FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        return NoToken(DENIED, f"{path}: {error.strerror}")
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            return NoToken(DENIED, f"{path} is not a file")
        if hasattr(os, "getuid") and before.st_uid != os.getuid():
            return NoToken(DENIED, f"{path} belongs to another user: it was not read")
        data = b""
        while len(data) <= _LARGEST and (part := os.read(handle, _LARGEST)):
            data += part
        after = os.fstat(handle)
    except OSError as error:
        return NoToken(DENIED, f"{path}: {error.strerror}")
    finally:
        os.close(handle)
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        return NoToken(SHAPE, f"{path} changed while it was read")
    return _parse(data, now_ms, path)


def _parse(data: bytes, now_ms: int, where: str) -> Token | NoToken:
    """The token in a credentials document. No text from inside it goes into a problem."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = ()  # told apart below, outside the exception: its context would hold the document
    if not isinstance(document, Mapping):
        return NoToken(SHAPE, f"{where}: half-written or no JSON")
    login = document.get("claudeAiOauth")
    if not isinstance(login, Mapping) or not login.get("accessToken"):
        only = ", only logins of MCP servers" if document.get("mcpOAuth") else ""
        return NoToken(NO_LOGIN, f"{where} holds no login of a Claude plan{only}")
    scopes = login.get("scopes")
    granted = scopes.split() if isinstance(scopes, str) else scopes
    if isinstance(granted, list) and SCOPE not in granted:
        return NoToken(FORBIDDEN, f"the login may not read usage: it lacks the permission {SCOPE}")
    expires_at = epoch_ms(login.get("expiresAt"))
    if expires_at is not None and expires_at <= now_ms:
        return NoToken(EXPIRED, "the sign-in has expired; Claude Code renews it when it next runs")
    secret = login["accessToken"]
    if not isinstance(secret, str) or not _ALLOWED.issuperset(secret):
        return NoToken(SHAPE, f"{where} holds something else than a token")
    return Token(secret, expires_at, text(document.get("organizationUuid")))


def _no_login_words(folder: str, env: Mapping[str, str]) -> str:
    said = f"no one is signed in to Claude Code in {folder}"
    names = [name for name in _ENV_LOGINS if env.get(name)]
    return f"{said}; the login in {names[0]} may not read usage" if names else said


def _expand(part: str, home: str) -> str:
    return os.path.abspath(home + part[1:] if part == "~" or part.startswith(("~/", "~\\")) else part)


def _decode_hex(output: bytes) -> bytes:
    """`security` prints a secret that is not plain text in hexadecimal."""
    try:
        return output if output.startswith(b"{") else bytes.fromhex(output.decode("ascii"))
    except ValueError:
        return output


def _run(command: list[str], seconds: float) -> tuple[int | None, bytes]:
    try:
        done = processes.run(command, os.environ, seconds)
    except OSError:
        return 127, b""
    return done.code, done.output
