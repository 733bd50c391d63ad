"""claude.ai's session in a browser's own cookie store: the last resort, read at the moment of asking and kept nowhere.

The store is copied into a private folder, everything that is not claude.ai's is deleted from the copy unread, and what
is left is given to yt-dlp, whose reader of cookie stores is the one that is kept up with the browsers. What Windows
seals for the browser alone ("app-bound") is not opened: there the extension is the way.
"""

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from tachograph.model.limits import DENIED, NO_LOGIN
from tachograph.paths import home_folder

COOKIE = "sessionKey"
HOSTS = (".claude.ai", "claude.ai")
_STORES = {"firefox": ("cookies.sqlite", "moz_cookies", "host")}
_CHROMIUM_STORE = ("Cookies", "cookies", "host_key")
_SEALED = b"v20"


class Session:
    """A session of claude.ai. Its text shows nothing of it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Session(…)"

    def headers(self) -> Mapping[str, str]:
        return {"Cookie": f"{COOKIE}={self._value}"}


class Refusal(NamedTuple):
    """Why there is no session: an outcome of model.limits, in words."""

    outcome: str
    problem: str


def session(browser: str, profile: str, env: Mapping[str, str]) -> Session | Refusal:
    """The session in a browser's store. `profile`: a name as the browser has it, a path, or "" for the one used last.

    Never raises for what a store is like.
    """
    store = _newest(browser, profile, env)
    if store is None:
        where = f" of the profile {profile}" if profile else ""
        return Refusal(NO_LOGIN, f"there is no cookie store of {browser}{where} on this computer")
    try:
        with tempfile.TemporaryDirectory(prefix="tachograph-") as folder:  # 0700
            return _read(browser, store, folder)
    except PermissionError:
        return Refusal(DENIED, f"{browser} keeps its cookie store locked while it runs, or it is another person's")
    except (OSError, sqlite3.Error, ValueError) as error:
        return Refusal(DENIED, f"the cookie store of {browser} cannot be read ({type(error).__name__})")


def _read(browser: str, store: str, folder: str) -> Session | Refusal:
    """Copy, reduce, decrypt."""
    name = os.path.basename(store)
    own = os.path.join(folder, "Default")
    os.mkdir(own)
    for end in ("", "-wal", "-journal"):
        if os.path.exists(store + end):
            shutil.copyfile(store + end, os.path.join(own, name + end))
    kept, is_sealed = _reduced(browser, os.path.join(own, name))
    if not kept:
        return Refusal(NO_LOGIN, f"nobody is signed in to claude.ai in {browser}")
    if is_sealed:
        return Refusal(
            DENIED, f"{browser} seals its cookies for itself (app-bound encryption); no other program can read them"
        )
    state = os.path.join(os.path.dirname(os.path.dirname(store)), "Local State")
    if sys.platform == "win32" and os.path.exists(state):
        shutil.copyfile(state, os.path.join(folder, "Local State"))
    return _decrypted(browser, own)


def _reduced(browser: str, path: str) -> tuple[int, bool]:
    """Delete what is not claude.ai's session from a copy; how much is left, and whether it is sealed."""
    _, table, host = _STORES.get(browser, _CHROMIUM_STORE)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = ON")
        marks = ", ".join("?" * len(HOSTS))
        db.execute(f"DELETE FROM {table} WHERE {host} NOT IN ({marks}) OR name <> ?", (*HOSTS, COOKIE))
        kept = int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        is_sealed = False
        if browser != "firefox":
            starts = db.execute("SELECT substr(encrypted_value, 1, 3) FROM cookies").fetchall()
            is_sealed = any(bytes(start or b"") == _SEALED for (start,) in starts)
        db.execute("PRAGMA journal_mode = DELETE")
        return kept, is_sealed


def _decrypted(browser: str, profile: str) -> Session | Refusal:
    try:
        from yt_dlp.cookies import YDLLogger, extract_cookies_from_browser
    except ImportError:
        return Refusal(
            DENIED,
            "the reader of cookie stores is not installed: pipx inject tachograph yt-dlp; in a clone: pip install '.[cookies]'",
        )

    class Quiet(YDLLogger):  # type: ignore[misc]
        """It says nothing: its words name files, and a progress bar is none of ours."""

        def debug(self, message: str, *_: object, **__: object) -> None: ...
        def info(self, message: str, *_: object, **__: object) -> None: ...
        def warning(self, message: str, *_: object, **__: object) -> None: ...
        def error(self, message: str, *_: object, **__: object) -> None: ...
        def progress_bar(self) -> None: ...

    try:
        jar = extract_cookies_from_browser(browser, profile, logger=Quiet())
    except Exception as error:  # noqa: BLE001 - its text may name what it read
        return Refusal(DENIED, f"the cookie store of {browser} cannot be read ({type(error).__name__})")
    values = [cookie.value for cookie in jar if cookie.name == COOKIE and cookie.domain in HOSTS and cookie.value]
    if not values:
        return Refusal(DENIED, f"the key of {browser}'s cookies is in a keyring that is locked, or not to be had here")
    if not all(0x21 <= ord(character) < 0x7F and character not in '";,\\' for character in values[-1]):
        return Refusal(DENIED, f"what is in the cookie store of {browser} is no session")
    return Session(values[-1])


# -- where stores stand ---------------------------------------------------------------------------------------------


def _newest(browser: str, profile: str, env: Mapping[str, str]) -> str | None:
    """The store that was written last, of those that are there."""
    name = _STORES.get(browser, _CHROMIUM_STORE)[0]
    found = []
    for root in _roots(browser, profile, env):
        for folder in (root, *_below(root), *(inner for outer in _below(root) for inner in _below(outer))):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                found.append((os.path.getmtime(path), path))
    return max(found)[1] if found else None


def _below(folder: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _roots(browser: str, profile: str, env: Mapping[str, str]) -> list[str]:
    if os.path.isabs(profile):
        return [profile]
    bases = _bases(browser, env)
    return [os.path.join(base, profile) for base in bases] if profile else bases


def _bases(browser: str, env: Mapping[str, str]) -> list[str]:
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
