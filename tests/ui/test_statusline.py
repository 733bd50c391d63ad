"""O05: the status line ends with 0 and one line, at once, whatever the ledger is; N09: doctor names why asking failed."""

import json
import os
import sqlite3
import subprocess
from datetime import UTC, datetime

import pytest

from helpers import NOW_MS, Home, command
from tachograph.demo.service import Service
from tachograph.recorder.poller import BASE

PIPED = {
    "model": {"display_name": "Opus 5.5"},
    "rate_limits": {"five_hour": {"used_percentage": 41, "resets_at": NOW_MS // 1000 + 7200}},
}


def piped(home: Home, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    data = json.dumps(PIPED).encode() if data is None else data
    return subprocess.run([command(), "statusline"], input=data, env=home.env, capture_output=True, timeout=60)


def assert_shown(done: subprocess.CompletedProcess[bytes], words: str) -> None:
    assert done.returncode == 0
    assert done.stderr == b""
    (line,) = done.stdout.decode().splitlines()
    assert words in line


def test_O05_no_ledger_yet(home: Home) -> None:
    assert_shown(piped(home), "5h 41 % 2h00")


def test_O05_a_ledger_that_is_held(home: Home) -> None:
    home.run("daily")
    with sqlite3.connect(home.data / "ledger.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert_shown(piped(home), "5h 41 %")
        other.execute("ROLLBACK")


@pytest.mark.parametrize("content", [b"", b"garbage" * 999, b"SQLite format 3\0" + b"\x07" * 5000])
def test_O05_a_ledger_that_is_damaged(home: Home, content: bytes) -> None:
    home.data.mkdir(mode=0o700)
    (home.data / "ledger.sqlite3").write_bytes(content)
    assert_shown(piped(home), "5h 41 %")


def test_O05_a_place_that_cannot_be_written(home: Home) -> None:
    (home.root / "file").write_text("")
    home.env["TACHOGRAPH_HOME"] = str(home.root / "file" / "x")
    assert_shown(piped(home), "5h 41 %")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b"{}", b"[" * 99_999])
def test_O05_nothing_that_can_be_read(home: Home, data: bytes) -> None:
    assert_shown(piped(home, data), "no limits known yet")


def test_O02_names_cannot_steer_the_terminal(home: Home) -> None:
    hostile = {**PIPED, "model": {"display_name": "Op\x1b]8;;x\x07us\u202e\n2"}}
    shown = piped(home, json.dumps(hostile).encode()).stdout.decode()
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown and shown.count("\n") == 1


@pytest.mark.parametrize(("step", "words"), [("401", "Claude Code renews it"), ("portal", "sign in to that network"), ("drop", "when there is one")])  # fmt: skip
def test_N09_doctor_names_why_asking_failed(home: Home, step: str, words: str) -> None:
    home.sign_in("sk-ant-oat01-x", "org", datetime(2090, 1, 1, tzinfo=UTC))
    with Service(step) as service:
        env = {BASE: service.base}
        home.run("sources", "enable", "oauth", "--yes", env=env)
        home.run("now", "--refresh", env=env)
        shown = home.run("doctor", env=env, code=None).stdout
    assert words in " ".join(shown.split())
    assert os.path.exists(home.data)


@pytest.mark.parametrize(
    ("cache", "shown"),
    [
        ({"warm": True, "expires_at": NOW_MS // 1000 + 1_050}, "cache hot 17m"),
        ({"warm": True, "expires_at": NOW_MS // 1000 - 60, "recache_tokens_if_cold": 61_200}, "cache cold 61k"),
        ({"warm": True, "expires_at": None}, "cache hot"),
        ({"warm": False}, "cache cold"),
    ],
)
def test_a_prompt_cache_is_hot_or_cold(home: Home, cache: dict[str, object], shown: str) -> None:
    data = json.dumps({**PIPED, "prompt_cache": cache}).encode()
    assert_shown(piped(home, data), f"Opus 5.5  {shown}  5h 41 %")
    assert "cache" not in piped(home).stdout.decode()
