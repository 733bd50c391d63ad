"""A served dashboard for tests: a home with invented days and limits, the real server behind a real port, a client for it,
and a way to let a session in the home go on."""

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from chromium import free_port
from helpers import NOW, NOW_MS, Home
from tachograph.clock import FixedClock
from tachograph.demo import records, transcripts
from tachograph.paths import own_paths
from tachograph.server import access_keys
from tachograph.ui.cli.context import system_context
from tachograph.ui.cli.demo.command import invent_limits
from tachograph.ui.dashboard.protocol import PAGE_KEY, WHOLE
from tachograph.ui.dashboard.server import LazyServer

PAGES = ("/", "/usage", "/sessions", "/pulls", "/limits", "/settings")
SESSION = "5e551011-0000-4000-8000-00000000feed"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class SignIn(NamedTuple):
    """Both secrets of a session."""

    cookie: str
    key: str


class Served:
    """A home whose dashboard listens."""

    def __init__(self, home: Home, at: int = NOW_MS) -> None:
        self.home, self.clock = home, FixedClock(at)
        self.keys = access_keys.renew(own_paths(home.env), free_port())
        self.listener: LazyServer | None = None
        self.signed_in: SignIn | None = None
        self.start()

    def start(self) -> None:
        self.signed_in = None
        self.listener = LazyServer(self.home.env, self.clock, self.keys)
        self.keys = self.listener.keys

    def stop(self) -> None:
        if self.listener is not None:
            self.listener.stop()
            self.listener = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.keys.port}"

    @property
    def link(self) -> str:
        return f"{self.origin}/#t={self.keys.ticket(self.clock.now_ms())}"

    def sign_in(self) -> "SignIn":
        """Both secrets of a new session, as a browser gets them for a ticket."""
        headers = {"Content-Type": "application/json", "Origin": self.origin}
        body = json.dumps({"ticket": self.keys.ticket(self.clock.now_ms())}).encode()
        answer = self.ask("/enter", "POST", body, headers=headers)
        assert answer.status == 200, answer.text
        cookie = answer.headers["set-cookie"].partition(";")[0]
        self.signed_in = SignIn(cookie.partition("=")[2], answer.json["page_key"])
        return self.signed_in

    @property
    def session(self) -> "SignIn":
        """The session of this client, signed in at the first request."""
        return self.signed_in or self.sign_in()

    @property
    def session_headers(self) -> dict[str, str]:
        """Both secrets as a page sends them."""
        return {"Cookie": f"{self.keys.cookie}={self.session.cookie}", PAGE_KEY: self.session.key}

    def let_in(self, context: Any) -> None:
        """Give both secrets to a context of Playwright."""
        context.add_cookies([{"name": self.keys.cookie, "value": self.session.cookie, "url": self.origin}])
        context.add_init_script(
            f"if (location.origin === {self.origin!r}) localStorage.setItem('tachograph-page-key', {self.session.key!r})"
        )

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A request as it is given, with nothing added but a Host where none is given."""
        connection = HTTPConnection("127.0.0.1", self.keys.port, timeout=60)
        given = {"Host": f"127.0.0.1:{self.keys.port}", **(headers or {})}
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                connection.putheader(name, value)
            if body is not None and not any(name.lower() == "content-length" for name in given):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """As a signed-in page; of a page all of its blocks."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        is_page = path.partition("?")[0] in PAGES or path.startswith("/sessions/")
        if is_page and not any(name.lower().startswith("x-tachograph") for name in named):
            named[WHOLE] = "yes"
        return self.ask(path, headers={**self.session_headers, **named})

    def data(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status == 200, answer.text
        return answer.json["data"]

    def do(self, action: Mapping[str, object], key: str | None = None) -> Answer:
        headers = {**self.session_headers, "Content-Type": "application/json", "Origin": self.origin}
        if key is not None:
            headers[PAGE_KEY] = key
        return self.ask("/do", "POST", json.dumps(action).encode(), headers=headers)

    def state(self) -> list[str]:
        """Everything that stands in the ledger."""
        with contextlib.closing(self.home.db()) as db:
            return list(db.iterdump())


def invented(root: Path, days: int = 24) -> Home:
    """A home with invented days up to NOW, what the service said of the limits, and a session that is at work."""
    home = Home(root)
    transcripts.write(home.claude, end=NOW, days=days, seed=7)
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text('timezone = "UTC"\n')
    invent_limits(system_context()._replace(env=home.env, clock=FixedClock(NOW_MS)), days, 7)
    go_on(home, 3)
    return home


def go_on(home: Home, answers: int = 1, *, cwd: str = "/home/ada/code/shop") -> None:
    """Let the session at work have so many answers more, and take them in."""
    lines = []
    for _ in range(answers):
        number = secrets.token_hex(11)
        lines.append(
            records.assistant(
                f"msg_01{number}",
                at=datetime.fromtimestamp(NOW_MS / 1000 - 30, UTC),
                session=SESSION,
                cwd=cwd,
                branch="feat/live",
                model="claude-opus-5-5",
                input=3,
                output=2_000,
                cache_write_1h=40_000,
                cache_read=90_000,
                request=f"req_{number}",
                content=[{"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": {}}],
            )
        )
    home.append(f"-home-ada-code-shop/{SESSION}.jsonl", lines)
    home.ingest()


@contextlib.contextmanager
def serving(home: Home, at: int = NOW_MS) -> Iterator[Served]:
    made = Served(home, at)
    try:
        yield made
    finally:
        made.stop()
