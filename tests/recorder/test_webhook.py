"""Webhooks: the shapes that services take, and an address that stays a secret."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tachograph.recorder.webhook import DISCORD, JSON, NTFY, SLACK, Message, body, problem_of, send

MESSAGE = Message("Claude: 5-hour at 91 %", "The 5-hour limit is at 91 %.", "threshold", "five_hour", 91.0)


class Service(HTTPServer):
    status = 200
    location = ""
    requests: list[tuple[str, dict[str, str], bytes]]


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), data))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service(("127.0.0.1", 0), Handler)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def address(service: Service, path: str = "/hook/s3cret") -> str:
    return f"http://127.0.0.1:{service.server_port}{path}"


def test_a_service_gets_one_post_with_limit_and_percent(service: Service) -> None:
    assert send(address(service, "/hook/s3cret?wait=true"), JSON, MESSAGE) == ""
    ((path, headers, data),) = service.requests
    assert path == "/hook/s3cret?wait=true" and headers["User-Agent"].startswith("tachograph/")
    assert json.loads(data) == MESSAGE._asdict()


@pytest.mark.parametrize("form", [NTFY, SLACK, DISCORD, JSON])
def test_each_shape_holds_title_and_text(form: str) -> None:
    data, headers = body(MESSAGE, form)
    assert b"The 5-hour limit is at 91 %." in data
    assert "91" in headers.get("Title", "") or b"Claude: 5-hour at 91 %" in data


def test_a_hostile_limit_name_makes_no_mention_and_no_markup() -> None:
    hostile = MESSAGE._replace(text="<!channel> @everyone *x* `y`\n\x1b[2J")
    for form in (SLACK, DISCORD):
        text = json.loads(body(hostile, form)[0])
        words = text.get("text") or text["content"]
        assert "<" not in words and "@" not in words and "\x1b" not in words and "`" not in words
    assert json.loads(body(hostile, DISCORD)[0])["allowed_mentions"] == {"parse": []}


def test_a_redirect_is_not_followed(service: Service) -> None:
    service.status, service.location = 302, address(service, "/other")
    assert "302" in send(address(service), JSON, MESSAGE)
    assert [path for path, _, _ in service.requests] == ["/hook/s3cret"]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_refusal_names_the_status_and_not_the_address(service: Service, status: int) -> None:
    service.status = status
    problem = send(address(service), JSON, MESSAGE)
    assert str(status) in problem and "s3cret" not in problem and str(service.server_port) not in problem


def test_an_unreachable_service_is_named_without_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    problem = send(f"http://127.0.0.1:{port}/s3cret", JSON, MESSAGE)
    assert problem and "s3cret" not in problem and str(port) not in problem


def test_a_service_that_never_answers_ends_at_the_deadline() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "in time" in send(f"http://127.0.0.1:{silent.getsockname()[1]}/", JSON, MESSAGE, deadline_seconds=0.2)


@pytest.mark.parametrize(
    "given",
    [
        "http://example.org/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "https://:1",
        "https://user:word@example.org/",
        "https://example.org/a b",
        "https://example.org:99999999/",
        "https://exämple.org/",
        "http://127.0.0.1.example.org/",
        "",
    ],
)
def test_other_addresses_are_refused_without_being_repeated(given: str) -> None:
    problem = problem_of(given)
    assert problem and (not given or given not in problem)
    assert send(given, JSON, MESSAGE) == problem


@pytest.mark.parametrize(
    "given", ["https://ntfy.sh/topic", "http://127.0.0.1:8080/x", "http://[::1]:1/", "http://localhost/"]
)
def test_https_and_this_machine_are_allowed(given: str) -> None:
    assert problem_of(given) == ""


def test_proxies_of_the_environment_are_not_used(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert send(address(service), JSON, MESSAGE) == ""
