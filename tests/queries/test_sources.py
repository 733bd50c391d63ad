"""`sources` and `setup`: what is said before a yes, what a yes does, and that nothing is taken without one."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from conftest import NOT_HERE
from helpers import NOW_MS, Home, command
from tachograph.demo.service import Service
from tachograph.model.limits.limits import SOURCES
from tachograph.recorder.poller import BASE
from tachograph.setup import source_catalog

CANARY = "sk-ant-oat01-CANARY-of-setup"
OAUTH_PLACE = SOURCES.index("oauth")


@pytest.fixture
def signed_in(home: Home) -> Home:
    home.sign_in(CANARY, "org", datetime(2090, 1, 1, tzinfo=UTC))
    return home


def test_every_source_is_described(home: Home) -> None:
    assert tuple(one.name for one in source_catalog.SOURCES) == SOURCES
    document = home.call("sources", "--json").json
    assert [one["source"] for one in document["sources"]] == list(SOURCES)
    assert [one["source"] for one in document["sources"] if one["on"]] == [
        "statusline",
        "claude_json",
        "desktop",
        "transcript",
    ]
    for name in SOURCES:
        shown = home.call("sources", name).stdout
        assert "Reads" in shown and "Sends" in shown


def test_a_yes_says_first_what_it_means_and_can_be_taken_back(signed_in: Home) -> None:
    refused = signed_in.run("sources", "enable", "oauth", code=2)
    for words in ("api.anthropic.com", "not documented", "risk", "not renewed"):
        assert words in refused.stdout.replace("\n              ", " ")
    assert "--yes" in refused.stderr
    assert not signed_in.call("sources", "--json").json["sources"][OAUTH_PLACE]["on"]
    with Service() as service:
        env = {BASE: service.base}
        assert "disable oauth" in signed_in.run("sources", "enable", "oauth", "--yes", env=env).stdout
        signed_in.run("now", "--refresh", env=env)
        state = signed_in.run("sources", "--json", env=env).json["sources"][OAUTH_PLACE]
        assert state["on"] and state["outcome"] == "ok" and state["readings_24h"] == 1 and state["next_at"]
        signed_in.run("sources", "disable", "oauth")
        count = len(service.seen)
        assert "Nothing was asked" in signed_in.run("now", "--refresh", env=env).stdout
        assert len(service.seen) == count


def test_what_needs_no_yes_and_what_is_not_there_says_so(home: Home) -> None:
    assert "needs no consent" in home.run("sources", "enable", "statusline").stdout
    assert "Which browser" in home.run("sources", "enable", "cookies", code=2).stderr
    assert "is not a browser" in home.run("sources", "enable", "cookies", "--browser", "lynx", code=2).stderr
    assert "pair --open" in home.run("sources", "enable", "browser").stdout
    assert "can't be turned off" in home.run("sources", "disable", "desktop", code=2).stderr
    assert "Known: statusline" in home.run("sources", "enable", "odd", code=1).stderr
    home.run("sources", "enable", code=2)


def test_refusals_of_the_service_show_with_their_remedy(signed_in: Home) -> None:
    with Service("403") as service:
        env = {BASE: service.base}
        signed_in.run("sources", "enable", "oauth", "--yes", env=env)
        signed_in.run("now", "--refresh", env=env)
        assert "claude setup-token" in signed_in.run("sources", env=env).stdout
        problems = signed_in.run("status", code=1, env=env).stdout
        assert "forbidden" in problems


def test_a_shape_that_nobody_has_seen_is_reported(signed_in: Home) -> None:
    with Service({"five_hour": {"utilization": 41, "resets_at": None}, "brand_new": {"x": 1}}) as service:
        env = {BASE: service.base}
        signed_in.run("sources", "enable", "oauth", "--yes", env=env)
        signed_in.run("now", "--refresh", env=env)
        assert "not understood in it" in signed_in.run("sources", "oauth", env=env).stdout
        assert "brand_new" in signed_in.run("sources", "--json", env=env).json["sources"][OAUTH_PLACE]["problem"]


# -- setup -----------------------------------------------------------------------------------------------------


def test_setup_without_a_terminal_changes_nothing_and_names_the_commands(signed_in: Home) -> None:
    shown = signed_in.run("setup").stdout
    assert "Nothing was changed" in shown and "tachograph statusline install" in shown
    assert not (signed_in.claude / "settings.json").exists()
    document = signed_in.run("setup", "--json").json
    assert document["folders"][0]["has_login"] is True and document["oauth"] is False
    assert CANARY not in json.dumps(document) + shown


def test_setup_where_there_is_no_claude_code(home: Home) -> None:
    assert "No Claude Code folder" in home.run("setup", env={"CLAUDE_CONFIG_DIR": "/nowhere/at/all"}).stdout


def conversation(home: Home, answers: list[str], *arguments: str) -> tuple[int, str]:
    """Answer the questions of a command on a terminal of its own."""
    main, other = pty.openpty()
    env = {**home.env, "XDG_CONFIG_HOME": str(home.root / "config"), "TERM": "dumb"}
    child = subprocess.Popen([command(), *arguments], env=env, stdin=other, stdout=other, stderr=other)
    os.close(other)
    seen, left, end = b"", list(answers), time.monotonic() + 20
    while time.monotonic() < end:
        if select.select([main], [], [], 0.1)[0]:
            try:
                part = os.read(main, 4096)
            except OSError:
                break
            if not part:
                break
            seen += part
            if seen.rstrip().endswith((b"[Y/n]", b"[y/N]")) and left:
                os.write(main, left.pop(0).encode())
                seen += b"\n"
        elif child.poll() is not None:
            break
    code = child.wait(timeout=60)
    os.close(main)
    return code, seen.decode("utf-8", "replace")


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_setup_on_a_terminal_does_what_was_answered(signed_in: Home) -> None:
    code, shown = conversation(signed_in, ["\n", "n\n", "n\n"], "setup")
    assert code == 0, shown
    assert "statusline" in (signed_in.claude / "settings.json").read_text()
    assert signed_in.call("sources", "--json").json["sources"][OAUTH_PLACE]["on"] is False
    assert CANARY not in shown
    code, shown = conversation(signed_in, ["yes\n", "n\n"], "setup")
    assert "ours already exists" in shown
    assert signed_in.call("sources", "--json").json["sources"][OAUTH_PLACE]["on"] is True


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_setup_that_is_broken_off_keeps_what_was_done(signed_in: Home) -> None:
    code, shown = conversation(signed_in, ["y\n", "\x04"], "setup")
    assert code == 130 and "Stopped" in shown
    assert (signed_in.claude / "settings.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_enable_asks_on_a_terminal(signed_in: Home) -> None:
    assert "Nothing was turned on" in conversation(signed_in, ["\n"], "sources", "enable", "oauth")[1]
    assert "oauth is on" in conversation(signed_in, ["y\n"], "sources", "enable", "oauth")[1]


def test_yes_takes_the_defaults_and_never_asks_the_service(signed_in: Home, tmp_path: object) -> None:
    env = {"XDG_CONFIG_HOME": str(signed_in.root / "config"), "TACHOGRAPH_NOW": str(NOW_MS)}
    shown = signed_in.run("setup", "--yes", env=env).stdout
    try:
        assert "Our status line" in shown or "The file was made" in shown
        assert signed_in.call("sources", "--json").json["sources"][OAUTH_PLACE]["on"] is False
    finally:
        signed_in.run("autostart", "off", env=env)
        signed_in.run("stop", env=env)


def test_a_stranger_is_told_what_a_browser_and_its_cookies_read_and_send(home: Home) -> None:
    browser = " ".join(home.run("sources", "browser").stdout.split())
    for words in ("Reads", "every minute", "payment methods", "dropped in the browser", "never leaves it", "127.0.0.1"):
        assert words in browser
    assert "off" in browser and "tachograph pair --open" in browser
    cookies = " ".join(home.run("sources", "cookies").stdout.split())
    for words in ("sessionKey", "not kept", "https://claude.ai", "as tachograph and not as a browser", "own risk"):
        assert words in cookies
