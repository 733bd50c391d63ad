"""A browser's session as the last resort: real profiles of a real Chromium and a real Firefox, and what each obstacle says."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chromium import Browser, certificate
from helpers import NOW, Home, MovedClock
from tachograph import __version__
from tachograph.demo.claude_web import ClaudeWeb, Organization, Person
from tachograph.ledger.limits.readings import append
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.preferences import has_consent
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import BROWSER, COOKIES, DENIED, NO_LOGIN, AccountId, Reading
from tachograph.paths import own_paths
from tachograph.recorder import daemon
from tachograph.recorder.cookie_poller import BASE
from tachograph.sources.browser_cookies import NoSession, Session, read_session

SESSION = "sk-ant-sid01-CANARY-of-a-browser"


@pytest.fixture(scope="module")
def chromium_profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user data of a Chromium that has visited claude.ai (the fake) and signed in there, and been elsewhere."""
    root = tmp_path_factory.mktemp("chromium")
    with ClaudeWeb({}, certificate=certificate(root)) as web:
        names = {"claude.ai:443": web.port, "elsewhere.test:443": web.port}
        with Browser(root / "profile", names, extension=None) as browser:
            browser.sign_in(SESSION)
            expires = datetime.now(UTC).timestamp() + 9e6
            other = {"name": "sessionKey", "value": "of-elsewhere", "domain": "elsewhere.test", "path": "/"}
            third = {"name": "device", "value": "of-claude", "domain": "claude.ai", "path": "/"}
            browser.context.add_cookies([{**one, "expires": expires} for one in (other, third)])  # type: ignore[typeddict-item]
    return root / "profile"


@pytest.fixture(scope="module")
def firefox_profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile that a real Firefox made, with a session of claude.ai in its store."""
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    if firefox is None:
        pytest.skip("Firefox is not here (Debian: apt-get install firefox-esr)")
    root = tmp_path_factory.mktemp("firefox")
    profile = root / "made-up.default"
    profile.mkdir()
    quiet = 'user_pref("browser.shell.checkDefaultBrowser", false);\nuser_pref("datareporting.policy.dataSubmissionEnabled", false);\n'
    (profile / "user.js").write_text(
        f'{quiet}user_pref("network.proxy.type", 1);\nuser_pref("app.update.enabled", false);\n'
    )
    env = {"HOME": str(root), "PATH": os.environ["PATH"], "MOZ_HEADLESS": "1"}
    shot = ["--headless", "--no-remote", "--profile", str(profile), "--screenshot", str(root / "a.png"), "about:blank"]
    subprocess.run([firefox, *shot], env=env, capture_output=True, timeout=120)
    store = profile / "cookies.sqlite"
    if not store.exists():
        pytest.skip("this Firefox made no cookie store")
    with closing(sqlite3.connect(store)) as db, db:  # its own store and schema; what a sign-in would have written
        scale = 1000 if db.execute("PRAGMA user_version").fetchone()[0] >= 16 else 1
        for host, name, value in ((".claude.ai", "sessionKey", SESSION), ("elsewhere.test", "sessionKey", "other")):
            db.execute(
                "INSERT INTO moz_cookies (originAttributes, name, value, host, path, expiry, lastAccessed, creationTime,"
                " isSecure, isHttpOnly) VALUES ('', ?, ?, ?, '/', ?, 0, 0, 1, 1)",
                (name, value, host, int(datetime.now(UTC).timestamp() + 9e6) * scale),
            )
    return profile


Poll = Callable[[], list[str]]


@contextmanager
def polling(home: Home, clock: MovedClock) -> Iterator[tuple[Ledger, Poll]]:
    """A recorder at work in this process: each call asks what is due, and returns what it said."""
    said: list[str] = []
    work = daemon.Recorder(own_paths(home.env), home.env, clock, said.append)
    with home.ledger() as ledger:

        def poll() -> list[str]:
            said.clear()
            work.step(ledger)
            work._cookies.wait(30.0)
            work.step(ledger)
            return list(said)

        yield ledger, poll


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_a_real_profile_is_read_and_claude_ai_sees_that_session_and_who_we_are(
    browser: str, home: Home, request: pytest.FixtureRequest
) -> None:
    profile: Path = request.getfixturevalue(f"{browser}_profile")
    before = {path: path.read_bytes() for path in profile.rglob("*ookies*") if path.is_file()}
    enabled = home.run("sources", "enable", "cookies", "--browser", browser, "--profile", str(profile), "--yes").stdout
    assert "sessionKey" in enabled and "is on" in enabled
    with ClaudeWeb({SESSION: Person(), "other": Person("x@example.org")}) as web:
        home.env[BASE] = web.base
        with polling(home, MovedClock(NOW)) as (_, poll):
            assert poll() == []
        assert [one.part for one in web.asked] == ["account", "usage"]
        for one in web.asked:
            assert (one.session, one.cookies, one.agent) == (SESSION, 1, f"tachograph/{__version__}")
            assert "anthropic-beta" not in one.headers
    limit = home.run("now", "--json").json["accounts"][0]["limits"][0]
    assert (limit["source"], limit["percent"]) == ("cookies", 37.0)
    assert home.run("sources", "--json").json["sources"][-1]["outcome"] == "ok"
    assert {path: path.read_bytes() for path in profile.rglob("*ookies*") if path.is_file()} == before
    for path in home.data.rglob("*"):
        assert not path.is_file() or SESSION.encode() not in path.read_bytes()


def test_three_refusals_switch_it_off_and_say_so(chromium_profile: Path, home: Home) -> None:
    home.run("sources", "enable", "cookies", "--browser", "chromium", "--profile", str(chromium_profile), "--yes")
    clock = MovedClock(NOW)
    with ClaudeWeb({SESSION: Person()}) as web, polling(home, clock) as (ledger, poll):
        home.env[BASE] = web.base
        web.faults["*"] = "challenge"
        told: list[str] = []
        for _ in range(3):
            assert has_consent(ledger.db, COOKIES)
            told += poll()
            clock.at += timedelta(hours=2)
        assert "so this source is off now" in told[-1]
        assert not has_consent(ledger.db, COOKIES)
        count = len(web.asked)
        poll()
        assert len(web.asked) == count == 3
    home.env["TACHOGRAPH_NOW"] = str(clock.now_ms())
    assert "challenge page" in home.run("sources").stdout or "challenge" in home.run("sources", "cookies").stdout
    said = next(one for one in home.run("sources", "--json").json["sources"] if one["source"] == "cookies")
    assert (said["on"], said["outcome"]) == (False, "blocked")


def test_one_good_answer_between_refusals_begins_the_count_anew(chromium_profile: Path, home: Home) -> None:
    home.run("sources", "enable", "cookies", "--browser", "chromium", "--profile", str(chromium_profile), "--yes")
    clock = MovedClock(NOW)
    with ClaudeWeb({SESSION: Person()}) as web, polling(home, clock) as (ledger, poll):
        home.env[BASE] = web.base
        for step in ("401", "401", "", "401", "401"):
            web.faults = {"account": step} if step else {}
            poll()
            clock.at += timedelta(hours=2)
        assert has_consent(ledger.db, COOKIES)


def test_only_refusals_count_as_refusals(tmp_path: Path, home: Home) -> None:
    firefox_store(tmp_path, SESSION)
    home.run("sources", "enable", "cookies", "--browser", "firefox", "--profile", str(tmp_path), "--yes")
    clock = MovedClock(NOW)
    with ClaudeWeb({SESSION: Person()}) as web, polling(home, clock) as (ledger, poll):
        told = []
        for step in ("offline", "offline", "401", "500", "401", "offline", "429", "offline"):
            home.env[BASE] = "http://127.0.0.1:9" if step == "offline" else web.base
            web.faults = {"account": step}
            told += poll()
            assert has_consent(ledger.db, COOKIES), (step, told)
            clock.at += timedelta(hours=7)
        home.env[BASE], web.faults = web.base, {"*": "challenge"}
        assert "refused three times" in poll()[-1]
        assert not has_consent(ledger.db, COOKIES)


TEAM = Organization("0c0ffee0-0000-4000-8000-00000000000d", "Team", ("chat", "raven"), "default_raven", session=9.0)


@pytest.mark.parametrize("reported", [(0,), (1,), (0, 1)])
def test_what_a_paired_browser_reports_is_not_asked_for_and_everything_else_is(
    reported: tuple[int, ...], tmp_path: Path, home: Home
) -> None:
    firefox_store(tmp_path, SESSION)
    home.run("sources", "enable", "cookies", "--browser", "firefox", "--profile", str(tmp_path), "--yes")
    person = Person(organizations=(Organization(), TEAM))
    clock = MovedClock(NOW)

    def asked() -> set[int]:
        web.asked.clear()
        poll()
        of = [one.uuid for one in person.organizations]
        return {of.index(one.organization) for one in web.asked if one.part == "usage"}

    with ClaudeWeb({SESSION: person}) as web, polling(home, clock) as (ledger, poll):
        home.env[BASE] = web.base
        assert asked() == {0, 1}
        for _ in range(2):  # the second time too: what was left out of an answer is not forgotten
            clock.at += timedelta(hours=1)
            with ledger.transaction() as db:
                for index in reported:
                    who = AccountId(person.uuid, person.organizations[index].uuid)
                    append(db, Strings(db), Reading(BROWSER, clock.now_ms(), account=who))
            assert asked() == {0, 1} - set(reported)
            assert bool(web.asked) == (len(reported) == 1)
        clock.at += timedelta(hours=1)
        others = [index for index in (0, 1) if index not in reported]
        with ledger.transaction() as db:
            for index in others:
                append(
                    db,
                    Strings(db),
                    Reading(BROWSER, clock.now_ms(), account=AccountId(person.uuid, person.organizations[index].uuid)),
                )
        assert asked() == set(reported)


def test_an_account_that_may_not_be_read_hides_no_other(chromium_profile: Path, home: Home) -> None:
    other = Organization(
        "0c0ffee0-0000-4000-8000-00000000000d", "Team", ("chat", "raven"), "default_raven", session=9.0
    )
    home.run("sources", "enable", "cookies", "--browser", "chromium", "--profile", str(chromium_profile), "--yes")
    with (
        ClaudeWeb({SESSION: Person(organizations=(Organization(), other))}) as web,
        polling(home, MovedClock(NOW)) as at,
    ):
        home.env[BASE] = web.base
        at[1]()
    assert {one["plan"] for one in home.run("now", "--json").json["accounts"]} == {"Ultra", "Team"}


# -- obstacles, each with its own word


def chromium_store(folder: Path, encrypted: bytes, host: str = ".claude.ai") -> Path:
    """A store as Chromium lays it out, with one cookie."""
    store = folder / "Default" / "Cookies"
    store.parent.mkdir(parents=True)
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("CREATE TABLE meta (key TEXT, value TEXT)")
        db.execute("INSERT INTO meta VALUES ('version', '24')")
        db.execute(
            "CREATE TABLE cookies (host_key TEXT, name TEXT, value TEXT, encrypted_value BLOB, path TEXT,"
            " expires_utc INTEGER, is_secure INTEGER)"
        )
        db.execute("INSERT INTO cookies VALUES (?, 'sessionKey', '', ?, '/', 99999999999999999, 1)", (host, encrypted))
    return store


def firefox_store(folder: Path, value: str) -> Path:
    """What is needed of a store as Firefox lays it out, with one cookie."""
    store = folder / "cookies.sqlite"
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("CREATE TABLE moz_cookies (host TEXT, name TEXT, value TEXT)")
        db.execute("INSERT INTO moz_cookies VALUES ('.claude.ai', 'sessionKey', ?)", (value,))
    return store


def refused(browser: str, folder: Path) -> NoSession:
    found = read_session(browser, str(folder), {"HOME": str(folder)})
    assert isinstance(found, NoSession)
    return found


def test_no_store_and_nobody_signed_in(tmp_path: Path) -> None:
    assert refused("chromium", tmp_path / "none") == (NO_LOGIN, refused("chromium", tmp_path / "none").problem)
    assert "no cookie store of firefox" in refused("firefox", tmp_path).problem
    chromium_store(tmp_path, b"v10" + b"x" * 32, "elsewhere.test")
    assert "no one is signed in to claude.ai" in refused("chromium", tmp_path).problem


def test_a_store_that_is_sealed_for_its_browser(tmp_path: Path) -> None:
    chromium_store(tmp_path, b"v20" + b"x" * 64)
    found = refused("chrome", tmp_path)
    assert found.outcome == DENIED and "app-bound" in found.problem


def test_a_key_that_is_in_a_locked_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CURRENT_DESKTOP", "DESKTOP_SESSION", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    chromium_store(tmp_path, b"v11" + bytes(range(48)))
    found = refused("chromium", tmp_path)
    assert found.outcome == DENIED and "keyring that is locked" in found.problem


def test_a_locked_store(tmp_path: Path) -> None:
    store = chromium_store(tmp_path, b"v10" + b"x" * 32)
    store.chmod(0)
    is_root = os.name == "posix" and os.geteuid() == 0
    if is_root:  # whom no mode keeps out
        for folder in (store.parent, tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == 0 and folder != Path("/") and "pytest" in str(folder):
                folder.chmod(0o755)
        os.seteuid(65534)
    try:
        found = read_session("chromium", str(tmp_path), {"HOME": str(tmp_path)})
    finally:
        if is_root:
            os.seteuid(0)
    assert isinstance(found, NoSession) and found.outcome == DENIED and "locked while it runs" in found.problem


def test_a_store_that_is_damaged(tmp_path: Path) -> None:
    chromium_store(tmp_path, b"v10").write_bytes(b"SQLite format 3\0" + b"garbage" * 900)
    found = refused("chromium", tmp_path)
    assert found.outcome == DENIED and "cannot be read" in found.problem


def test_a_session_shows_nothing_of_itself() -> None:
    assert SESSION not in repr(Session(SESSION)) and SESSION not in f"{Session(SESSION)}"


# -- what a killed program leaves behind

OTHERS = b"CANARY-of-everybody-else"
_KILLED = """
import os, signal, sys
event, count, browser, profile = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
from tachograph.sources import browser_cookies
left = [count]
def look(name, arguments):
    if name == event:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(look)
browser_cookies.read_session(browser, profile, os.environ)
print("survived")
"""


def fill(store: Path, table: str, columns: str, row: tuple[object, ...]) -> None:
    """Many cookies of others; committed, but for the most part still in the log of the store."""
    with closing(sqlite3.connect(store)) as db, db:
        marks = ", ".join("?" * len(row))
        db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", [row] * 2000)


def holding(root: Path, what: bytes) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and what in path.read_bytes()]


@pytest.mark.skipif(os.name != "posix", reason="it kills by a signal")
@pytest.mark.parametrize(
    ("event", "count"),
    [
        ("sqlite3.connect", 1),
        ("sqlite3.connect", 2),
        ("shutil.copyfile", 1),
        ("tempfile.mkdtemp", 2),
        ("shutil.rmtree", 1),
    ],
)
def test_who_is_killed_while_reading_leaves_no_cookie_of_others(event: str, count: int, tmp_path: Path) -> None:
    browser, home, temporary = tmp_path / "browser", tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    store = chromium_store(browser, b"v10-OURS" + b"x" * 29)
    fill(store, "cookies", "host_key, name, encrypted_value, path", ("else.test", "sessionKey", OTHERS, "/"))
    env = {
        "HOME": str(home),
        "TACHOGRAPH_HOME": str(home / "data"),
        "TMPDIR": str(temporary),
        "PATH": os.environ["PATH"],
    }
    child = [sys.executable, "-c", _KILLED, event, str(count), "chromium", str(browser)]
    said = subprocess.run(child, env=env, capture_output=True, text=True, timeout=60)
    assert said.returncode == -9, said.stderr  # it came to that
    assert holding(home, OTHERS) == holding(temporary, OTHERS) == []
    assert holding(temporary, b"v10-OURS") == []
    for left in home.rglob("*"):
        assert left == home / "data" or not left.is_dir() or left.stat().st_mode & 0o077 == 0, left
    daemon.Recorder(own_paths(env), env, MovedClock(NOW), print)
    assert holding(home, b"v10-OURS") == [] and not list((home / "data").glob("cookies-*"))


def test_a_store_that_its_browser_holds_is_read_as_of_its_last_commit_and_not_touched(tmp_path: Path) -> None:
    store = tmp_path / "a.default" / "cookies.sqlite"
    store.parent.mkdir()
    with closing(sqlite3.connect(store, isolation_level=None)) as db:
        assert db.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("CREATE TABLE moz_cookies (host TEXT, name TEXT, value TEXT)")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        for value in ("first", "second", SESSION):
            db.execute("BEGIN")
            db.execute("DELETE FROM moz_cookies")
            others = [("else.test", "sessionKey", f"{value}-{n}") for n in range(500)]
            db.executemany("INSERT INTO moz_cookies VALUES (?, ?, ?)", others)
            db.execute("INSERT INTO moz_cookies VALUES ('.claude.ai', 'sessionKey', ?)", (value,))
            db.execute("COMMIT")
            found = read_session("firefox", str(tmp_path), {"HOME": str(tmp_path)})
            assert isinstance(found, Session) and found.headers() == {"Cookie": f"sessionKey={value}"}
            if value == "first":
                db.execute("PRAGMA wal_checkpoint(RESTART)")  # the next round of the log goes over this one
        db.execute("BEGIN")
        db.execute("UPDATE moz_cookies SET value = 'not yet'")
        db.execute("PRAGMA cache_spill = 1")
        before = {path: path.read_bytes() for path in store.parent.iterdir()}
        found = read_session("firefox", str(tmp_path), {"HOME": str(tmp_path)})
        assert isinstance(found, Session) and found.headers() == {"Cookie": f"sessionKey={SESSION}"}
        assert {path: path.read_bytes() for path in store.parent.iterdir()} == before
