"""claude.ai's session in a browser's own cookie store: the last resort, read at the moment of a poll and never stored.

The store is read into memory: no lock of the browser's is taken or waited for, and no cookie of others is ever written
down. What is in plain text there (Firefox) is taken as it is; the one row of a Chromium goes into a store of its own, in
our data folder, for yt-dlp, which keeps its reader up to date with the browsers. A program that is killed meanwhile
leaves no more than that row, and the next start takes it away. What Windows seals for the browser alone ("app-bound") is
not opened: there the extension is the way.
"""

import os
import shutil
import struct
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.model.limits.limits import DENIED, NO_LOGIN
from tachograph.paths import home_folder, own_paths

COOKIE = "sessionKey"
HOSTS = (".claude.ai", "claude.ai")
_FIREFOX_STORE, _CHROMIUM_STORE = "cookies.sqlite", "Cookies"
_SCRATCH = "cookies-"  # how a folder of ours begins that holds that one row while it is decrypted


class Session:
    """A session of claude.ai. Its text shows nothing of it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Session(…)"

    def headers(self) -> Mapping[str, str]:
        return {"Cookie": f"{COOKIE}={self._value}"}


class NoSession(NamedTuple):
    """Why there is no session: an outcome of model.limits, in words."""

    outcome: str
    problem: str


def read_session(browser: str, profile: str, env: Mapping[str, str]) -> Session | NoSession:
    """The session in a browser's store. `profile`: a name as the browser has it, a path, or "" for the one used last.

    Never raises for what a store is like.
    """
    sweep(env)
    store = _newest(browser, profile, env)
    if store is None:
        where = f" of the profile {profile}" if profile else ""
        return NoSession(NO_LOGIN, f"there is no cookie store of {browser}{where} on this computer")
    try:
        return _read(browser, store, own_paths(env).data)
    except PermissionError:
        return NoSession(DENIED, f"{browser} keeps its cookie store locked while it runs, or it is another person's")
    except (OSError, sqlite3.Error, ValueError) as error:
        return NoSession(DENIED, f"the cookie store of {browser} cannot be read ({type(error).__name__})")


def sweep(env: Mapping[str, str]) -> None:
    """Take away what a program left behind that was killed while it decrypted."""
    data = own_paths(env).data
    with suppress(OSError):
        for name in os.listdir(data):
            if name.startswith(_SCRATCH):
                shutil.rmtree(os.path.join(data, name), ignore_errors=True)


def _read(browser: str, store: str, data: str) -> Session | NoSession:
    """Find the session's row and decrypt it if needed. `data`: folder for the temporary store."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.deserialize(_committed_bytes(store))
        if browser == "firefox":
            rows = db.execute(
                f"SELECT value FROM moz_cookies WHERE {_is_session_row('host')}", (*HOSTS, COOKIE)
            ).fetchall()
            return _validate(browser, str(rows[-1][0])) if rows else _not_signed_in(browser)
        if not db.execute(
            f"SELECT count(*) FROM cookies WHERE {_is_session_row('host_key')}", (*HOSTS, COOKIE)
        ).fetchone()[0]:
            return _not_signed_in(browser)
        os.makedirs(data, 0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=data) as folder:  # 0700
            profile = os.path.join(folder, "Default")
            os.mkdir(profile, 0o700)
            if _copy_session_rows(db, os.path.join(profile, _CHROMIUM_STORE)):
                return NoSession(
                    DENIED,
                    f"{browser} seals its cookies for itself (app-bound encryption); no other program can read them",
                )
            state = os.path.join(os.path.dirname(os.path.dirname(store)), "Local State")
            if sys.platform == "win32" and os.path.exists(state):
                shutil.copyfile(state, os.path.join(folder, "Local State"))
            return _decrypt(browser, profile, folder)


def _is_session_row(host: str) -> str:
    """The condition for claude.ai's session; its values are HOSTS and COOKIE."""
    return f"{host} IN ({', '.join('?' * len(HOSTS))}) AND name = ?"


def _not_signed_in(browser: str) -> NoSession:
    return NoSession(NO_LOGIN, f"no one is signed in to claude.ai in {browser}")


def _copy_session_rows(db: sqlite3.Connection, path: str) -> bool:
    """Write a Chromium store of the session's rows alone; returns True if they are sealed."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    db.execute("ATTACH ? AS reduced", (path,))
    db.execute("PRAGMA reduced.journal_mode = OFF")
    db.execute("CREATE TABLE reduced.meta AS SELECT * FROM main.meta WHERE key = 'version'")
    db.execute("CREATE TABLE reduced.cookies AS SELECT * FROM main.cookies LIMIT 0")
    db.execute(
        f"INSERT INTO reduced.cookies SELECT * FROM main.cookies WHERE {_is_session_row('host_key')}", (*HOSTS, COOKIE)
    )
    sealed = "SELECT count(*) FROM reduced.cookies WHERE CAST(substr(encrypted_value, 1, 3) AS TEXT) = 'v20'"
    is_sealed = bool(db.execute(sealed).fetchone()[0])
    db.execute("DETACH reduced")
    return is_sealed


def _committed_bytes(store: str) -> bytes:
    """The bytes of a store as of its last commit, its log worked in. OSError."""
    for _ in range(3):
        before = _log(store)
        with open(store, "rb") as file:
            image = bytearray(file.read())
        log = _log(store)
        if log[: len(before)] == before:
            break  # else the browser restarted its log meanwhile: image and log do not belong together
    _apply_log(image, log)
    image[18:20] = b"\1\1"  # there is no log any more, and in memory there may be none
    return bytes(image)


def _log(store: str) -> bytes:
    try:
        with open(f"{store}-wal", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _apply_log(image: bytearray, log: bytes) -> None:
    """Apply the committed pages of a write-ahead log to an image of its database.

    https://www.sqlite.org/fileformat2.html#the_write_ahead_log
    """
    magic, size = int.from_bytes(log[:4], "big"), int.from_bytes(log[8:12], "big")
    if len(log) < 32 or magic & ~1 != 0x377F0682 or size not in (1 << bits for bits in range(9, 17)):
        return
    order = "big" if magic & 1 else "little"
    sums = _checksums(order, log[:24], (0, 0))
    if sums != _pair(log[24:32]):
        return
    pages: dict[int, bytes] = {}
    for start in range(32, len(log) - 24 - size + 1, 24 + size):
        head, page = log[start : start + 24], log[start + 24 : start + 24 + size]
        sums = _checksums(order, page, _checksums(order, head[:8], sums))
        if head[8:16] != log[16:24] or sums != _pair(head[16:24]):
            return  # of an older round of the log, or half written
        number, length = _pair(head[:8])
        pages[number] = page
        if length:  # a commit, and how many pages there are from then on
            image[length * size :] = b""
            for number, page in pages.items():
                if number <= length:
                    image.extend(bytes(max(0, number * size - len(image))))
                    image[(number - 1) * size : number * size] = page
            pages.clear()


def _checksums(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    words = struct.unpack(f"{'>' if order == 'big' else '<'}{len(data) // 4}I", data)
    one, two = sums
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _pair(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")


def _decrypt(browser: str, profile: str, folder: str) -> Session | NoSession:
    """Decrypt the session in a Chromium's store; every temporary file lies in `folder`."""
    try:
        from yt_dlp import cookies as reader
    except ImportError:
        return NoSession(
            DENIED,
            "the reader of cookie stores is not installed: pipx inject tachograph yt-dlp; in a clone: pip install '.[cookies]'",
        )
    # It copies what it reads once more, into the system's temporary folder, which we never sweep.
    reader.tempfile = SimpleNamespace(TemporaryDirectory=partial(tempfile.TemporaryDirectory, dir=folder))

    class Quiet(reader.YDLLogger):  # type: ignore[misc]
        """A silent logger: messages would name files."""

        def debug(self, message: str, *_: object, **__: object) -> None: ...
        def info(self, message: str, *_: object, **__: object) -> None: ...
        def warning(self, message: str, *_: object, **__: object) -> None: ...
        def error(self, message: str, *_: object, **__: object) -> None: ...
        def progress_bar(self) -> None: ...

    try:
        jar = reader.extract_cookies_from_browser(browser, profile, logger=Quiet())
    except Exception as error:  # noqa: BLE001 - its text may name what it read
        return NoSession(DENIED, f"the cookie store of {browser} cannot be read ({type(error).__name__})")
    values = [cookie.value for cookie in jar if cookie.name == COOKIE and cookie.domain in HOSTS and cookie.value]
    if not values:
        return NoSession(
            DENIED, f"the key of {browser}'s cookies is in a keyring that is locked, or not to be had here"
        )
    return _validate(browser, values[-1])


def _validate(browser: str, value: str) -> Session | NoSession:
    if not value or not all(0x21 <= ord(character) < 0x7F and character not in '";,\\' for character in value):
        return NoSession(DENIED, f"what is in the cookie store of {browser} is no session")
    return Session(value)


# -- locations of stores --------------------------------------------------------------------------------------------


def _newest(browser: str, profile: str, env: Mapping[str, str]) -> str | None:
    """The store that was written last, of those that are there."""
    name = _FIREFOX_STORE if browser == "firefox" else _CHROMIUM_STORE
    found = []
    for root in _search_roots(browser, profile, env):
        for folder in (
            root,
            *_subfolders(root),
            *(inner for outer in _subfolders(root) for inner in _subfolders(outer)),
        ):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                found.append((os.path.getmtime(path), path))
    return max(found)[1] if found else None


def _subfolders(folder: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _search_roots(browser: str, profile: str, env: Mapping[str, str]) -> list[str]:
    if os.path.isabs(profile):
        return [profile]
    bases = _browser_folders(browser, env)
    return [os.path.join(base, profile) for base in bases] if profile else bases


def _browser_folders(browser: str, env: Mapping[str, str]) -> list[str]:
    home = home_folder(env)
    if sys.platform == "win32":
        local, roaming = env.get("LOCALAPPDATA", home), env.get("APPDATA", home)
        if browser == "firefox":
            return [os.path.join(roaming, "Mozilla", "Firefox", "Profiles")]
        if browser == "opera":
            return [os.path.join(roaming, "Opera Software", "Opera Stable")]
        return [os.path.join(local, *_WINDOWS[browser].split("/"), "User Data")]
    if sys.platform == "darwin":
        library = os.path.join(home, "Library", "Application Support")
        return [os.path.join(library, *_MAC[browser].split("/"))]
    config = env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    if browser == "firefox":
        snap = os.path.join(home, "snap", "firefox", "common", ".mozilla", "firefox")
        return [os.path.join(config, "mozilla", "firefox"), os.path.join(home, ".mozilla", "firefox"), snap]
    return [os.path.join(config, *_LINUX[browser].split("/"))]


_WINDOWS = {"brave": "BraveSoftware/Brave-Browser", "chrome": "Google/Chrome", "chromium": "Chromium"}
_WINDOWS |= {"edge": "Microsoft/Edge", "vivaldi": "Vivaldi"}
_MAC = {"brave": "BraveSoftware/Brave-Browser", "chrome": "Google/Chrome", "chromium": "Chromium"}
_MAC |= {
    "edge": "Microsoft Edge",
    "vivaldi": "Vivaldi",
    "opera": "com.operasoftware.Opera",
    "firefox": "Firefox/Profiles",
}
_LINUX = {"brave": "BraveSoftware/Brave-Browser", "chrome": "google-chrome", "chromium": "chromium"}
_LINUX |= {"edge": "microsoft-edge", "vivaldi": "vivaldi", "opera": "opera"}
