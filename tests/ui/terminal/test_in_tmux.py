"""The live screen in a real terminal: updates, sizes, the recorder that goes and comes, the terminal afterwards."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from helpers import Home, command
from live_states import HOSTILE
from tachograph import background
from tachograph.demo.records import Record, assistant, title
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths
from tachograph.recorder.ingest import ingest
from tachograph.recorder.statusline import parse_status_input, store
from tachograph.text.format import width
from tmux_terminal import Terminal, terminal

SIZES = ((200, 60), (100, 30), (80, 24), (60, 20), (40, 6), (120, 1))


@pytest.fixture
def alive(home: Home) -> Iterator[Home]:
    """A home in the present: twelve sessions that were at work in the last hours, and a reading of the limits."""
    del home.env["TACHOGRAPH_NOW"]
    home.env["TZ"] = afternoon_zone()
    home.claude.joinpath(".claude.json").write_text(
        '{"oauthAccount": {"accountUuid": "u-1", "organizationUuid": "o-1", "emailAddress": "ada@example.org"}}'
    )
    for n in range(12):
        home.write(
            f"p/{n}.jsonl", [title(f"Session number {n}", session=uuid(n)), said(n, "first", minutes=2 + 11 * n)]
        )
    taken_in(home)
    limits(home, 10)
    yield home
    background.stop(own_paths(home.env))


def afternoon_zone() -> str:
    """A zone in which it is past one in the afternoon now, so that the last hours belong to today at any hour."""
    return f"Etc/GMT{datetime.now(UTC).hour - 13:+d}"  # its sign is turned: Etc/GMT-5 is five hours ahead


def uuid(n: int) -> str:
    return f"{n:08d}-0000-4000-8000-000000000000"


def said(n: int, label: str, minutes: float = 0.0) -> Record:
    at = datetime.now(UTC) - timedelta(minutes=minutes, seconds=1)
    return assistant(f"m{n}{label}", at=at, session=uuid(n), request=f"r{n}{label}", cache_read=40_000, output=500)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def taken_in(home: Home) -> None:
    with open_ledger(own_paths(home.env), now_ms()) as ledger:
        ingest(ledger, home.env, now_ms())


def limits(home: Home, percent: float) -> None:
    """What Claude Code pipes to its status line."""
    import json

    resets = now_ms() // 1000 + 7200
    told = {name: {"used_percentage": percent, "resets_at": resets} for name in ("five_hour", "seven_day")}
    with open_ledger(own_paths(home.env), now_ms()) as ledger:
        store(ledger, parse_status_input(json.dumps({"rate_limits": told}).encode(), now_ms()), str(home.claude))


def watching(term: Terminal, *flags: str) -> list[str]:
    term.type(" ".join([command(), "watch", *flags]))
    return term.wait(lambda lines: any("Tachograph" in line for line in lines) and shows(lines, 10), "the screen")


def shows(lines: list[str], percent: int) -> bool:
    return any(line.strip().startswith("5-hour") and f" {percent} % " in line for line in lines)


def cursor(lines: list[str]) -> tuple[int, str]:
    """The line of the row under the cursor, and its title."""
    ((place, line),) = [(place, line) for place, line in enumerate(lines) if line.startswith("›")]
    return place, line[3:25].strip()


def test_fifty_updates_leave_cursor_and_detail_where_they_are(alive: Home) -> None:
    with terminal(alive.env, 100, 30) as term:
        watching(term, "--every", "0.05", "--no-recorder")
        term.key("Down", "Down", "Down", "Down", "Enter")
        begun = term.wait(lambda lines: any(" session  " in line for line in lines), "the detail")
        where, chosen = cursor(begun)
        assert chosen == "Session number 3"
        (detail,) = [place for place, line in enumerate(begun) if " session  " in line]
        assert uuid(3) in begun[detail]
        costs: set[str] = set()
        for n in range(50):
            if n % 10 == 5:  # a session that was not there before comes on top
                new = 100 + n
                alive.write(f"p/{new}.jsonl", [title(f"New {new}", session=uuid(new)), said(new, "first")])
            alive.append(f"p/{(n * 5) % 12}.jsonl", [said((n * 5) % 12, f"u{n}")])  # another order by time
            taken_in(alive)
            limits(alive, 11 + n)
            lines = term.wait(lambda lines, n=n: shows(lines, 11 + n), f"update {n}")  # type: ignore[misc]
            assert cursor(lines) == (where, chosen), f"update {n}"
            assert uuid(3) in lines[detail], f"update {n}"
            costs.update(line.strip() for line in lines if line.startswith(" cost "))
        assert len(costs) > 2  # the detail lives
        term.key("Escape", "Escape")
        term.wait(lambda lines: not any(line.startswith("›") for line in lines), "no cursor")
        assert "Session number" in next(line for line in term.lines() if line.startswith(" ● "))


def test_every_layout_comes_by_itself_and_the_cursor_survives(alive: Home) -> None:
    marks = {200: "heard", 100: "heard", 80: "so far", 60: "lasts at", 40: "session", 120: "5h 10%"}
    with terminal(alive.env, 100, 30) as term:
        watching(term, "--every", "0.2", "--no-recorder")
        term.key("Down", "Down", "Enter")
        _, chosen = cursor(term.wait(lambda lines: any(" session  " in line for line in lines), "the detail"))
        for columns, rows in (*SIZES, *reversed(SIZES)):
            term.resize(columns, rows)
            lines = term.wait(
                lambda lines, c=columns, r=rows: len(lines) == r and any(marks[c] in line for line in lines),  # type: ignore[misc]
                f"{columns}×{rows}",
            )
            if columns < 60:
                assert not any("heard" in line for line in lines)
        term.resize(100, 30)
        lines = term.wait(lambda lines: any(line.startswith("›") for line in lines), "the cursor")
        assert cursor(lines)[1] == chosen
        assert any(uuid(1) in line for line in lines)


def test_the_recorder_is_started_killed_and_started_again(alive: Home) -> None:
    paths = own_paths(alive.env)
    with terminal(alive.env, 100, 30) as term:
        watching(term, "--every", "0.2")
        term.wait(lambda lines: " live " in lines[0], "the recorder")
        first = background.running(paths)
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        term.wait(lambda lines: "no recorder" in lines[0], "that it is gone")
        term.key("r")
        term.wait(lambda lines: " live " in lines[0], "the recorder again")
        second = background.running(paths)
        assert second is not None
        assert second.pid != first.pid
        alive.append("p/0.jsonl", [said(0, "late")])
        term.wait(lambda lines: any("13 messages" in line for line in lines), "what the recorder took in", 40)
        term.key("q")
        term.wait(lambda lines: not any("Tachograph" in line for line in lines), "the end")
        assert background.running(paths) is not None  # it goes on


@pytest.mark.parametrize("ending", ["C-c", "q", "SIGTERM"])
def test_the_terminal_is_afterwards_as_it_was(alive: Home, ending: str) -> None:
    with terminal(alive.env, 80, 24) as term:
        term.type(f"cd {alive.root}; stty -g > before; echo before the screen")
        term.wait(lambda lines: "before the screen" in lines, "the shell")
        term.type(f"{command()} watch --no-recorder --title; echo ended with $?; stty -g > after; echo over")
        term.wait(lambda lines: "Tachograph" in lines[0], "the screen")
        assert term.says("alternate_on") == "1"
        if ending == "SIGTERM":
            os.kill(pid_of(term), signal.SIGTERM)
        else:
            term.key(ending)
        lines = term.wait(lambda lines: "over" in lines, "the end")
        assert "ended with 0" in lines
        assert "before the screen" in lines  # what stood there stands there again
        assert term.says("alternate_on") == "0"
        assert term.says("mouse_any_flag") == "0"
        assert term.says("cursor_flag") == "1"
        assert (alive.root / "before").read_text() == (alive.root / "after").read_text()


def test_it_goes_to_the_background_and_comes_back(alive: Home) -> None:
    with terminal(alive.env, 100, 30) as term:
        term.type("set -m")
        watching(term, "--no-recorder", "--every", "0.2")
        term.key("Down")
        term.wait(lambda lines: any(line.startswith("›") for line in lines), "the cursor")
        term.key("C-z")
        term.wait(lambda lines: not any("Tachograph" in line for line in lines), "the shell")
        assert term.says("alternate_on") == "0"
        limits(alive, 44)
        term.type("fg")
        lines = term.wait(
            lambda lines: shows(lines, 44) and any(line.startswith("›") for line in lines), "the screen again"
        )
        assert "Last messages" in "".join(lines)


def test_a_demo_is_shown_live_and_leaves_no_recorder_behind(alive: Home) -> None:
    with terminal({**alive.env, "TMPDIR": str(alive.root)}, 100, 30) as term:
        term.type(f"{command()} demo --days 5 watch")
        lines = term.wait(lambda lines: any("Last messages" in line for line in lines), "the demo", 60)
        assert "recorder" not in lines[0]
        term.key("r")
        term.key("q")
        term.wait(lambda lines: any("home is gone again" in line for line in lines), "the end")
        assert not processes_in(str(alive.root / "tachograph-demo-"))


def processes_in(home: str) -> list[str]:
    """Commands that run with a home that begins so."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"TACHOGRAPH_HOME={home}".encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text())
        except OSError:  # it has ended, or is not ours
            continue
    return found


def pid_of(term: Terminal) -> int:
    """The program in front: the child of the terminal's shell."""
    shell = term.says("pane_pid")
    with open(f"/proc/{shell}/task/{shell}/children") as children:
        return int(children.read().split()[0])


def test_hostile_names_stay_in_their_cells_as_the_terminal_counts(alive: Home) -> None:
    for n, name in enumerate(HOSTILE.values()):
        record = {**said(200 + n, "h"), "gitBranch": name[:300]}
        alive.write(f"p/h{n}.jsonl", [title(name, session=uuid(200 + n)), record])
    taken_in(alive)
    with terminal(alive.env, 120, 40) as term:
        lines = watching(term, "--no-recorder")
        heading = next(line for line in lines if "project" in line and "branch" in line)
        project, model = heading.index("project"), heading.index("model")
        rows = [line for line in lines if line.startswith(" ● ")]
        assert len(rows) > len(HOSTILE)
        for row in rows:
            before = row[: row.index("shop")]
            assert width(before) == project, row
            assert width(row[: row.index("opus-5-5")]) == model, row
        assert term.says("pane_title") != "title"  # what a name would have set


def test_no_color_means_none(alive: Home) -> None:
    with terminal({**alive.env, "NO_COLOR": "1"}, 100, 30) as term:
        watching(term, "--no-recorder")
        limits(alive, 95)
        term.wait(lambda lines: shows(lines, 95), "the update")
        drawn = "".join(term.lines(codes=True))
        assert "▲" in drawn
        assert "\x1b[38" not in drawn and "\x1b[48" not in drawn and "\x1b[3" not in drawn.replace("\x1b[39", "")
