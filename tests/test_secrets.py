"""T01 to T04 from the outside: a marked login is found nowhere, and a default install speaks to nobody."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conftest import NOT_HERE
from helpers import NOW_MS, Home, Result, command
from tachograph import background
from tachograph.demo.records import assistant
from tachograph.demo.service import FAULTS, Service
from tachograph.paths import own_paths
from tachograph.recorder.poller import BASE

CANARY = "CANARY-in-a-coal-mine"
SLOW = {"hang", "hang-body", "trickle", "trickle-headers"}  # their deadline is tested in the source's own tests
COMMANDS = (
    (),
    ("now",),
    ("now", "--json"),
    ("now", "--format", "prometheus"),
    ("guard", "--json"),
    ("status", "--json"),
    ("sources", "--json"),
    ("sources", "oauth"),
    ("accounts", "--json"),
    ("limits", "--csv"),
    ("alarms", "--json"),
    ("setup", "--json"),
    ("doctor", "--json"),
    ("daily", "--json"),
    ("windows", "--csv"),
    ("autostart", "--json"),
)

WATCH = """
import os, sys
def hook(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(os.environ["TEST_SOCKET_LOG"], "a") as log:
            log.write(f"{event} {arguments[1:] if event != 'socket.getaddrinfo' else arguments}\\n")
sys.addaudithook(hook)
"""


@pytest.fixture
def marked(home: Home) -> Iterator[Home]:
    home.sign_in(f"sk-ant-oat01-{CANARY}", "org", datetime(2090, 1, 1, tzinfo=UTC))
    home.write("p/s.jsonl", [assistant("A")])
    yield home
    background.stop(own_paths(home.env))


def everywhere(home: Home) -> Iterator[tuple[str, bytes]]:
    """Every file of the home but Claude Code's own."""
    for path in home.root.rglob("*"):
        if path.is_file() and path.name != ".credentials.json":
            yield str(path), path.read_bytes()


def test_T01_the_canary_is_in_nothing_that_we_print_write_or_start(marked: Home) -> None:
    credentials = marked.claude / ".credentials.json"
    before = (credentials.read_bytes(), credentials.stat().st_mtime_ns)
    said: list[Result] = []
    with Service() as service:
        marked.env[BASE] = service.base
        said.append(marked.run("sources", "enable", "oauth", "--yes"))
        for place, fault in enumerate(("2026-10", *sorted(set(FAULTS) - SLOW))):
            service.say(fault)
            later = {"TACHOGRAPH_NOW": str(NOW_MS + place * 7 * 3_600_000)}
            said.append(marked.run("now", "--refresh", env=later))
        said += [marked.run(*words, code=None, env={"XDG_CONFIG_HOME": str(marked.root / "c")}) for words in COMMANDS]
        said.append(marked.run("backup", str(marked.root / "backup.sqlite3")))
        count = len(service.seen)
        assert count > 20 and all(seen.has_token for seen in service.seen)
        # the recorder: its log, its arguments, its environment, those of what it starts
        service.say("2026-10")
        with marked.db() as db:  # the moments above lie ahead of the real clock
            db.execute("DELETE FROM poll")
        del marked.env["TACHOGRAPH_NOW"]
        said.append(marked.run("start"))
        end = time.monotonic() + 15
        while len(service.seen) == count:
            assert time.monotonic() < end
            time.sleep(0.05)
        if sys.platform == "linux":
            pid = background.running(own_paths(marked.env)).pid  # type: ignore[union-attr]
            for name in ("cmdline", "environ"):
                assert CANARY.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        said.append(marked.run("stop"))
    for result in said:
        assert CANARY not in result.stdout + result.stderr
    for path, data in everywhere(marked):
        assert CANARY.encode() not in data, path
    assert (credentials.read_bytes(), credentials.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b'{"claudeAiOauth": {"accessToken": "sk-ant-oat01-' + CANARY.encode(),
        json.dumps({"mcpOAuth": {"x": {"accessToken": CANARY}}}).encode(),
        json.dumps({"claudeAiOauth": {"accessToken": f"sk-ant {CANARY}\n", "scopes": ["user:profile"]}}).encode(),
        json.dumps({"claudeAiOauth": {"accessToken": {"a": CANARY}, "scopes": ["user:profile"]}}).encode(),
        json.dumps({"claudeAiOauth": {"accessToken": CANARY, "scopes": ["user:inference"]}}).encode(),
        b"[" * 200_000,
    ],
    ids=["empty", "torn", "mcp only", "with a newline", "no text", "scope", "deep"],
)
def test_T04_credentials_of_any_kind_are_reported_and_never_changed(marked: Home, document: bytes) -> None:
    path = marked.claude / ".credentials.json"
    path.write_bytes(document)
    with Service() as service:
        marked.env[BASE] = service.base
        marked.run("sources", "enable", "oauth", "--yes")
        result = marked.run("now", "--refresh")
        assert "Asked:" in result.stdout
        assert CANARY not in result.stdout + result.stderr
        assert service.seen == []
    assert path.read_bytes() == document


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_T02_everything_of_ours_is_for_its_owner_only(marked: Home) -> None:
    with Service() as service:
        marked.env[BASE] = service.base
        marked.run("sources", "enable", "oauth", "--yes")
        marked.run("now", "--refresh")
        (marked.claude / "settings.json").write_text("{}")
        marked.run("statusline", "install")
        marked.env.pop("TACHOGRAPH_NOW")
        marked.run("start")
        marked.run("stop")
    for path in (marked.data, *marked.data.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_default_install_opens_no_socket(marked: Home, tmp_path: Path) -> None:
    """Every process of ours tells an audit hook what it connects to: nothing, but a bus of the desktop's if there is one."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    log = tmp_path / "sockets"
    env = {"PYTHONPATH": str(tmp_path), "TEST_SOCKET_LOG": str(log), "XDG_CONFIG_HOME": str(tmp_path / "c")}
    probe = [
        sys.executable,
        "-c",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))",
    ]
    subprocess.run(probe, env={**marked.env, **env}, check=True)
    assert log.read_text().startswith("socket.connect")  # the hook hears
    log.unlink()
    piped = {"rate_limits": {"five_hour": {"used_percentage": 97, "resets_at": NOW_MS // 1000 + 7200}}}
    subprocess.run(
        [command(), "statusline"],
        input=json.dumps(piped).encode(),
        env={**marked.env, **env},
        check=True,
        capture_output=True,
    )
    for words in (*COMMANDS, ("now", "--refresh"), ("statusline", "install"), ("demo", "--days", "3")):
        marked.run(*words, code=None, env=env)
    running = {key: value for key, value in marked.env.items() if key != "TACHOGRAPH_NOW"}
    child = subprocess.Popen(
        [command(), "start", "--foreground"],
        env={**running, **env},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(2.5)
    child.terminate()
    assert child.wait(timeout=60) == 0
    assert not log.exists(), log.read_text()
    assert os.path.exists(marked.data / "ledger.sqlite3")
