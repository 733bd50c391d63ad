"""A real PostgreSQL in a temporary folder, started once per test process and only if a test uses it.

`HUB_TEST_DB=postgresql://…` uses that server instead. Each test gets a schema of its own.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

_FOLDERS = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")


def _tool(name: str) -> str:
    found = shutil.which(name)
    for folder in _FOLDERS:
        if found is None and os.path.exists(f"{folder}/{name}"):
            found = f"{folder}/{name}"
    if found is None:
        if os.environ.get("TACHOGRAPH_TEST_REQUIRE_ALL") == "1":
            pytest.fail("PostgreSQL is missing (Debian: apt-get install postgresql-15)")
        pytest.skip("PostgreSQL is missing (Debian: apt-get install postgresql-15)")
    return found


def _user() -> str | None:
    """The user to run as: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    pytest.skip("PostgreSQL refuses to run as root, and there is no other user")


class PostgresServer:
    """A server with its data in `folder`; reached over a socket in the same folder."""

    def __init__(self, folder: Path | None = None, settings: Sequence[str] = ()) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="tg", dir="/tmp"))
        self.data = self.folder / "data"
        self._user, self._settings = _user(), settings
        if self._user is not None:
            shutil.chown(self.folder, self._user)
            for above in self.folder.parents:  # pytest's folders are closed to others
                if above.stat().st_mode & 0o005 != 0o005:
                    above.chmod(above.stat().st_mode | 0o011)
        self.folder.chmod(0o755)
        self._run(
            _tool("initdb"),
            "-D",
            str(self.data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--no-locale",
        )
        self.start()

    def _run(self, *words: str) -> None:
        prefix = (
            []
            if self._user is None
            else ["setpriv", f"--reuid={self._user}", f"--regid={_group(self._user)}", "--clear-groups"]
        )
        done = subprocess.run(
            [*prefix, *words], capture_output=True, text=True, cwd=self.folder, check=False, timeout=120
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr, self._log())

    def _log(self) -> str:
        log = self.folder / "log"
        return log.read_text()[-2000:] if log.exists() else ""

    def start(self) -> None:
        settings = ("listen_addresses=''", f"unix_socket_directories={self.folder}", "max_connections=60", "fsync=off",
                    "shared_buffers=32MB", "jit=off", *self._settings)  # fmt: skip
        options = " ".join(f"-c {one}" for one in settings)
        self._run(
            _tool("pg_ctl"),
            "-D",
            str(self.data),
            "-l",
            str(self.folder / "log"),
            "-w",
            "-t",
            "60",
            "-o",
            options,
            "start",
        )

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def cpu_seconds(self) -> float:
        """Processor time of the server's processes, those that ended too."""
        ticks = 0
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdecimal() and os.readlink(process / "cwd") == str(self.data):
                    values = (process / "stat").read_text().rpartition(")")[2].split()
                    ticks += sum(map(int, values[11:15] if int(process.name) == self.pid else values[11:13]))
            except OSError:
                continue
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """kill -9 of the postmaster, as by a power cut; its children end by themselves."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 20
        while time.monotonic() < until and _children_left(self.data):
            time.sleep(0.05)
        for left in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL*")):
            left.unlink(missing_ok=True)

    def stop(self) -> None:
        self._run(_tool("pg_ctl"), "-D", str(self.data), "-m", "immediate", "stop")

    def url(self, schema: str = "") -> str:
        options = f"&options={quote(f'-csearch_path={schema}')}" if schema else ""
        return f"postgresql:///postgres?host={self.folder}&user=postgres{options}"

    def close(self) -> None:
        try:
            self.stop()
        except AssertionError:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)


def _group(user: str) -> str:
    return str(pwd.getpwnam(user).pw_gid)


def _children_left(data: Path) -> bool:
    """True while a process of the server still works in its folder."""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                if os.readlink(process / "cwd") == str(data):
                    return True
            except OSError:
                continue
    return False


@cache
def shared_server() -> PostgresServer:
    """The server of this test process, stopped at its end."""
    import atexit

    server = PostgresServer()
    atexit.register(server.close)
    return server


def address(schema: str) -> str:
    given = os.environ.get("HUB_TEST_DB", "")
    if not given:
        return shared_server().url(schema)
    return f"{given}{'&' if '?' in given else '?'}options={quote(f'-csearch_path={schema}')}"


@contextmanager
def fresh_schema() -> Iterator[str]:
    """The address of an empty schema, dropped at the end."""
    schema = f"t{secrets.token_hex(5)}"
    url = address(schema)
    yield url
    with connect(url) as db:
        db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@contextmanager
def connect(url: str) -> Iterator[Any]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as db:
        yield db
