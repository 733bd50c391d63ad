"""`tachograph watch` as a command: one frame, one line, states for programs, and what stands behind the live screen."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from helpers import NOW, NOW_MS, Home, MovedClock, command
from live_states import MINUTE, RESETS, prepare
from tachograph.demo.records import assistant
from tachograph.errors import UsageError
from tachograph.paths import own_paths
from tachograph.queries.limits.current import RESET
from tachograph.ui.terminal.controller import Engine
from test_docs import page, section, table, words
from test_layers import modules_after

# -- one frame -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "first"), [("full", " Tachograph   ada@"), ("pane", "5-hour "), ("line", "5h 78% · 7d 91% ▲")]
)
def test_one_frame_is_printed_in_each_layout(home: Home, layout: str, first: str) -> None:
    prepare(home, "one")
    done = home.run("watch", "--once", "--layout", layout)
    assert done.stdout.startswith(first)
    assert "\x1b" not in done.stdout
    assert (done.stdout.count("\n") == 1) == (layout == "line")


def test_one_frame_takes_in_what_is_new(home: Home) -> None:
    home.write("p/a.jsonl", [assistant("one", at=NOW)])
    assert "1 message " in home.run("watch", "--once").stdout
    home.append("p/a.jsonl", [assistant("two", at=NOW, request="r2")])
    assert "1 message " in home.run("watch", "--once", "--no-ingest").stdout
    assert "2 messages" in home.run("watch", "--once").stdout
    assert not (home.data / "recorder.lock").exists()  # one frame starts nothing


def test_the_size_comes_from_the_environment(home: Home) -> None:
    prepare(home, "one")
    narrow = home.run("watch", "--once", env={"COLUMNS": "60"}).stdout
    assert max(map(len, narrow.splitlines())) <= 60
    pane = home.run("watch", "--once", env={"COLUMNS": "40", "LINES": "6"}).stdout
    assert len(pane.splitlines()) == 6


def test_a_terminal_without_unicode_gets_no_traceback(home: Home) -> None:
    prepare(home, "one")
    done = home.run("watch", "--once", env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert "78 %" in done.stdout and done.stdout.isascii()


def test_one_frame_loads_neither_textual_nor_rich(home: Home) -> None:
    """Nor does any other command: only the live screen does."""
    prepare(home, "one")
    env = {**home.env, "PYTHONPATH": os.pathsep.join(sys.path)}
    for call in (["watch", "--once"], ["watch", "--once", "--json"], ["now"], ["daily"], ["status"]):
        loaded = modules_after(call, env)
        assert not loaded & {"textual", "rich", "pygments", "asyncio"}, call


def test_a_live_screen_needs_a_terminal(home: Home) -> None:
    with pytest.raises(UsageError, match="needs a terminal"):
        home.call("watch")
    assert home.run("watch", code=2).stderr.count("--once") == 1


@pytest.mark.parametrize("flags", [["--every", "0"], ["--every", "x"], ["--layout", "round"], ["--timezone", "Mars/X"]])
def test_flags_that_cannot_be_understood(home: Home, flags: list[str]) -> None:
    assert home.run("watch", *flags, code=2).stdout == ""


# -- for programs ----------------------------------------------------------------------------------------------


def test_one_state_has_the_keys_that_are_described(home: Home) -> None:
    prepare(home, "three")
    made = home.call("watch", "--once", "--json").json
    described = section(page("json.md"), "### watch")
    assert list(made) == [key for row in table(described) for key in words(row[0])]
    limit = made["accounts"][0]["limits"][0]
    for key in (*limit, *made["sessions"][0], *made["messages"][0], *made["burn"], *made["today"]):
        assert f"`{key}`" in page("json.md"), key
    assert made["sessions"][0]["context"] == {"tokens": 380_004, "window": 1_000_000}
    assert made["sessions"][2]["cost_usd"] is None
    assert limit["percent"] == 78


def test_states_come_on_lines_whenever_something_changed(home: Home) -> None:
    del home.env["TACHOGRAPH_NOW"]
    home.write("p/a.jsonl", [assistant("one", at=NOW)])
    call = [command(), "watch", "--json", "--no-recorder", "--every", "0.1"]
    with subprocess.Popen(call, env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stderr is not None
        first = json.loads(child.stdout.readline())
        assert first["recorder"] is False
        assert first["messages"] == []
        home.ingest()
        second = json.loads(child.stdout.readline())
        assert len(second["messages"]) == 1
        child.stdout.close()  # nobody reads any more
        home.append("p/a.jsonl", [assistant("two", at=NOW, request="r2")])
        home.ingest()
        assert child.wait(60) == 0
        assert child.stderr.read() == ""


# -- behind the live screen ------------------------------------------------------------------------------------


def engine_of(home: Home, clock: MovedClock) -> Engine:
    return Engine(home.env, clock, "UTC")


def test_a_reset_is_seen_without_anybody_writing(home: Home) -> None:
    prepare(home, "one")
    clock = MovedClock(NOW)
    engine = engine_of(home, clock)
    state, _ = engine.look()
    assert state.accounts[0].trends[0].limit.percent == 78
    clock.at += timedelta(milliseconds=RESETS - NOW_MS + 1000)
    state, _ = engine.look()
    assert state.accounts[0].trends[0].limit.state == RESET
    engine.close()


def test_nothing_is_asked_again_while_nothing_changed(home: Home) -> None:
    prepare(home, "one")
    clock = MovedClock(NOW)
    engine = engine_of(home, clock)
    first, _ = engine.look()
    clock.at += timedelta(seconds=1)
    second, _ = engine.look()
    assert second.sessions is first.sessions
    assert second.at == first.at + 1000
    clock.at += timedelta(seconds=5)
    third, _ = engine.look()
    assert third.sessions is not first.sessions
    engine.close()


def test_a_ledger_that_was_replaced_is_opened_anew_and_one_that_is_gone_is_said(home: Home) -> None:
    prepare(home, "one")
    clock = MovedClock(NOW)
    engine = engine_of(home, clock)
    assert len(engine.look()[0].sessions) == 3
    home.run("backup", str(home.root / "copy"))
    ledger = Path(own_paths(home.env).ledger)
    for path in ledger.parent.glob("ledger.sqlite3*"):
        path.unlink()
    ledger.write_bytes((home.root / "copy").read_bytes())
    clock.at += timedelta(seconds=1)
    state, around = engine.look()
    assert len(state.sessions) == 3 and around.trouble == ""
    ledger.write_bytes(b"no ledger at all, but long enough to be looked at" * 50)
    os.utime(ledger)
    for path in ledger.parent.glob("ledger.sqlite3-*"):
        path.unlink()
    engine.close()
    clock.at += timedelta(seconds=10)
    state, around = engine.look()
    assert "damaged" in around.trouble or "not a ledger" in around.trouble
    assert len(state.sessions) == 3  # what was there stays on the screen
    engine.close()


def test_a_held_ledger_neither_blocks_nor_empties_the_screen(home: Home) -> None:
    prepare(home, "one")
    clock = MovedClock(NOW)
    engine = engine_of(home, clock)
    engine.look()
    with home.db() as other:
        other.execute("BEGIN EXCLUSIVE")
        clock.at += timedelta(seconds=20)
        began = time.monotonic()
        state, _ = engine.look()
        assert time.monotonic() - began < 5
        assert len(state.sessions) == 3
        other.execute("ROLLBACK")
    engine.close()


def test_an_own_price_counts_from_the_next_look(home: Home) -> None:
    prepare(home, "one")
    clock = MovedClock(NOW)
    engine = engine_of(home, clock)
    assert engine.look()[0].sessions[2].spend.usd is None
    prices = "".join(f"{key} = 1\n" for key in ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read"))
    Path(own_paths(home.env).settings).parent.mkdir(parents=True, exist_ok=True)
    Path(own_paths(home.env).settings).write_text(f'[prices."claude-nova-1"]\n{prices}')
    clock.at += timedelta(milliseconds=MINUTE)
    assert engine.look()[0].sessions[2].spend.usd is not None
    engine.close()


def test_whose_the_week_is_stands_below(home: Home) -> None:
    account = {"accountUuid": "u-ada", "organizationUuid": "o-ada", "emailAddress": "ada@example.org"}
    home.claude.joinpath(".claude.json").write_text(json.dumps({"oauthAccount": account}))
    home.ingest()
    with home.ledger() as ledger:  # she was signed in since yesterday
        ledger.db.execute("UPDATE login SET first_seen = ?", (NOW_MS - 86_400_000,))
    prepare(home, "one")
    engine = engine_of(home, MovedClock(NOW))
    _, around = engine.look()
    engine.close()
    assert around.why.startswith("By list price, not by quota: opus-4-8 is ")
    assert around.why in home.run("watch", "--once", env={"COLUMNS": "160"}).stdout
    assert around.why not in home.run("watch", "--once", "--layout", "pane", env={"COLUMNS": "160"}).stdout


def test_an_answer_that_the_recorder_worked_out_is_shown(home: Home) -> None:
    prepare(home, "chance")
    assert "over 95 % chance to hit the limit before Thu 09:00" in home.run("watch", "--once").stdout
    assert "wall >95 %" in home.run("watch", "--once", "--layout", "line").stdout
    assert home.call("watch", "--once", "--json").json["accounts"][0]["limits"][0]["chance"] == 0.62
