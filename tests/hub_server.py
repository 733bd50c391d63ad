"""A real hub in a process of its own, machines that join it, and a relay that records what goes over the wire."""

import gzip
import json
import os
import re
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from helpers import Home, command
from postgres_server import connect, fresh_schema


class Hub:
    """`tachograph hub serve` of a home; `port` is the one it listens on."""

    def __init__(self, home: Home, *more: str) -> None:
        self.home, self._more = home, more
        self.process: subprocess.Popen[bytes]
        self.port = 0
        self.start()

    def start(self) -> None:
        self.log = open(self.home.root / "hub.log", "ab")  # noqa: SIM115 - open as long as the process
        self.process = subprocess.Popen(
            [command(), "hub", "serve", "--listen", f"127.0.0.1:{self.port}", *self._more],
            env=self.home.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        found = re.search(r":(\d+)\.", line)
        assert found, (line, (self.home.root / "hub.log").read_text())
        self.port = int(found[1])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()

    def invite(self, name: str = "ada", *more: str) -> list[str]:
        """The words of the join command: address and code."""
        said = self.home.call("hub", "invite", name, *more).stdout.split()
        assert said[:2] == ["tachograph", "join"], said
        return said[2:]

    @property
    def database(self) -> Path:
        return self.home.data / "hub.sqlite3"

    def rows(self, sql: str) -> list[Any]:
        """Rows of the hub's database."""
        where = self.home.env.get("TACHOGRAPH_HUB_DB")
        if where:
            with connect(where) as database:
                found: list[Any] = database.execute(sql).fetchall()
                return found
        db = sqlite3.connect(self.database)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def run_sql(self, sql: str) -> None:
        """Change the hub's database behind its back."""
        where = self.home.env.get("TACHOGRAPH_HUB_DB")
        if where:
            with connect(where) as database:
                database.execute(sql)
            return
        with sqlite3.connect(self.database) as db:
            db.execute(sql)
        db.close()

    def set_schema(self, version: int) -> None:
        """Make the database look as if another version had written it."""
        is_server = "TACHOGRAPH_HUB_DB" in self.home.env
        self.run_sql(f"INSERT INTO hub_schema VALUES ({version})" if is_server else f"PRAGMA user_version = {version}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def hub(root: Path, *more: str, database: str = "") -> Iterator[Hub]:
    """A hub in a folder of its own, killed at the end; on SQLite, or at the address in `database` or HUB_TEST_DB."""
    with ExitStack() as stack:
        if not database and os.environ.get("HUB_TEST_DB"):
            database = stack.enter_context(fresh_schema())
        home = Home(root)
        if database:
            home.env["TACHOGRAPH_HUB_DB"] = database
            if os.environ.get("HUB_TEST_SPREAD"):
                home.run("hub", "spread")
        served = Hub(home, *more)
        try:
            yield served
        finally:
            with suppress(Exception):
                served.kill()


def only_sqlite() -> None:
    """Skip a test that looks into the file of a hub's database."""
    if os.environ.get("HUB_TEST_DB"):
        pytest.skip("looks into the file of SQLite")


def join(machine: Home, words: list[str], name: str, *more: str) -> None:
    """Let a machine join by the words of an invitation."""
    done = machine.call("join", *words, "--as", name, "--yes", *more)
    assert done.code == 0 and "Joined" in done.stdout, done


def invite_next(machine: Home) -> list[str]:
    """The words with which the next machine of the same person joins."""
    words = machine.call("machines", "--invite").stdout.split()[2:]
    return [*words, "--key", machine.call("machines", "--key").stdout.strip()]


def sync(*machines: Home) -> None:
    for machine in machines:
        done = machine.call("sync", "--json")
        assert done.code == 0, (done.stdout, done.stderr)


REPORTS = ("daily", "sessions", "projects", "models", "branches", "prs", "windows")


def answers(machine: Home, *more: str) -> dict[str, Any]:
    """What the reports of a machine say, without the moment at which they say it."""
    found = {}
    for report in (*REPORTS, *more):
        document = machine.call(report, "--json", "--no-ingest").json
        document.pop("generated_at", None)
        document.pop("problems", None)  # of the files of a machine
        found[report] = document
    return found


def rows(machine: Home, sql: str) -> list[Any]:
    db = machine.db()
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


class Relay:
    """Passes connections on to a port, and keeps every byte of both directions."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.recorded = bytearray()
        self.drop_answers = 0  # cut this many answers off: the hub has done it, the client does not learn of it
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:  # the hub is down
                    client.close()
                    continue
                threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, is_request: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.recorded += data
                if not is_request and self.drop_answers and data.startswith(b"HTTP/1.1 200"):
                    self.drop_answers -= 1
                    break
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
                one.close()

    def requests(self) -> list[bytes]:
        """The bodies of the pushes that went over the wire, as sent."""
        found = []
        for part in bytes(self.recorded).split(b"POST /hub/1/push")[1:]:
            head, _, rest = part.partition(b"\r\n\r\n")
            length = re.search(rb"[Cc]ontent-[Ll]ength: (\d+)", head)
            if length and len(rest) >= int(length[1]):
                found.append(rest[: int(length[1])])
        return found

    def plain(self) -> bytes:
        """Everything that went over the wire, with every gzip stream in it unpacked as well."""
        data, found = bytes(self.recorded), bytes(self.recorded)
        place = data.find(b"\x1f\x8b\x08")
        while place >= 0:
            import zlib

            with suppress(zlib.error):
                found += zlib.decompressobj(31).decompress(data[place:])
            place = data.find(b"\x1f\x8b\x08", place + 3)
        return found

    def close(self) -> None:
        self._socket.close()


def post(port: int, name: str, body: bytes, token: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    """A request made by hand: status and body."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent = {"Content-Type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    try:
        connection.request("POST", f"/hub/1/{name}", body, sent)
        response = connection.getresponse()
        data = response.read()
        if response.getheader("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        return response.status, json.loads(data)
    finally:
        connection.close()


def token_of(machine: Home) -> str:
    return str(json.loads((machine.data / "hub.json").read_text())["token"])


def identity(number: int) -> str:
    """The identity file of one of two accounts."""
    uuid = f"acc00000-0000-4000-8000-00000000000{number}"
    names = {"accountUuid": uuid, "organizationUuid": f"org00000-0000-4000-8000-00000000000{number}"}
    return json.dumps(
        {"oauthAccount": {**names, "emailAddress": f"{'ab'[number]}@example.org", "organizationName": "x"}}
    )
