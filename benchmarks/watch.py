"""What we promise about the live screen: when it stands there, what it costs while every second brings something new,
and that nobody else pays for what it is drawn with."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import measure
from corpora import Corpus
from measure import Command, CommandFailed, Spread
from meter import IDLE_SECONDS, SETTLING_SECONDS, cpu_seconds, rss, write_piped
from reports import Bench, Case
from table import Row, format_bytes, timed

FIRST_SECONDS, SHARE, BYTES = 0.9, 0.03, 70e6
FIRST_ROUNDS = 9
COLUMNS, ROWS = 120, 40
SESSIONS = 10
_DRAWN = b"Last messages"  # near the end of a frame
_DRAWN_WITH = ("textual", "rich", "pygments", "markdown_it")


def watch(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """The screen over a ledger with the corpus in it, ten sessions at work."""
    if not Path("/proc/self/stat").exists():
        raise CommandFailed("the live screen is measured by /proc, which is not here")
    bench.forget()
    measure.run(bench.ours(corpus, "daily"))
    command = bench.ours(corpus, "watch", "--no-recorder")
    live = bench.scratch / "live"
    env = {**command.env, "CLAUDE_CONFIG_DIR": str(live), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    ours = Command("tachograph", command.argv, env, command.cwd)
    for n in range(SESSIONS):
        _append(live, n, 0)
    piped = bench.scratch / "piped.json"
    write_piped(piped)
    _tell(bench, corpus, env, piped)
    firsts = [_first_frame(ours) for _ in range(FIRST_ROUNDS + 1)][1:]
    yield timed(f"watch, first frame, {corpus.name}", Spread.of(firsts), None, at_most_seconds=FIRST_SECONDS)
    python = [measure.run(bench.empty_python(corpus)).wall_seconds for _ in range(FIRST_ROUNDS)]
    yield timed("python -I -c pass beside it", Spread.of(python), None)
    with _screen(ours) as screen:
        time.sleep(SETTLING_SECONDS)
        before, drawn, began, most, turn = cpu_seconds(screen.pid), screen.bytes, time.monotonic(), 0, 0
        while time.monotonic() - began < IDLE_SECONDS:
            turn += 1
            next_turn = time.monotonic() + 1
            _append(live, turn % SESSIONS, turn)
            write_piped(piped, 5 + turn * 90 / (IDLE_SECONDS + 60))
            _tell(bench, corpus, env, piped)
            time.sleep(max(0.0, next_turn - time.monotonic()))
            most = max(most, rss(screen.pid))
        seconds = time.monotonic() - began
        share = (cpu_seconds(screen.pid) - before) / seconds
        drawn = screen.bytes - drawn
    bench.raw["watch"] = {
        "seconds": seconds,
        "updates": turn,
        "share": share,
        "rss_bytes": most,
        "drawn_bytes": drawn,
        "first_frames": firsts,
    }
    yield Row(
        f"watch for {seconds:.0f} s with {turn} updates, of one core",
        f"{share:.2%}".replace("%", " %"),
        f"≤ {SHARE:.0%}".replace("%", " %"),
        share <= SHARE,
    )
    yield Row("the same, resident", format_bytes(most), f"≤ {format_bytes(BYTES)}", most <= BYTES)
    yield Row("the same, sent to the terminal", f"{drawn / seconds / 1000:.1f} kB/s")
    found = sorted(name for arguments in _OTHERS for name in _loaded(bench, corpus, arguments))
    yield Row("other commands that load what it is drawn with", ", ".join(found) or "none", "none", not found)
    bench.forget()


_OTHERS = (("daily",), ("now",), ("statusline",), ("status",), ("watch", "--once"))


class _Screen:
    """A terminal with the live screen in it: when it first stood there, and how much was drawn."""

    def __init__(self, command: Command) -> None:
        self.bytes, self.first, self._tail = 0, 0.0, b""
        self._began = time.perf_counter()
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(command.cwd or "/")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execve(command.argv[0], list(command.argv), dict(command.env or {}))  # noqa: S606
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                read = os.read(self._terminal, 65536)
            except OSError:  # it has ended
                return
            if not read:
                return
            self.bytes += len(read)
            if not self.first:
                self._tail = self._tail[-64:] + read
                if _DRAWN in self._tail:
                    self.first = time.perf_counter() - self._began

    def close(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        self._reader.join(5)
        os.close(self._terminal)


@contextlib.contextmanager
def _screen(command: Command) -> Iterator[_Screen]:
    made = _Screen(command)
    try:
        yield made
    finally:
        made.close()


def _first_frame(command: Command) -> float:
    with _screen(command) as screen:
        end = time.monotonic() + 20
        while not screen.first:
            if time.monotonic() > end:
                raise CommandFailed("the live screen did not show a frame")
            time.sleep(0.005)
    return screen.first


def _append(live: Path, session: int, turn: int) -> None:
    """One more answer in a session's transcript."""
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    usage = {"input_tokens": 5, "output_tokens": 300, "cache_creation_input_tokens": 900}
    usage["cache_read_input_tokens"] = 40_000 + turn
    record = {
        "type": "assistant",
        "timestamp": at,
        "sessionId": f"{session:08d}-0000-4000-8000-000000000000",
        "cwd": f"/home/ada/code/project-{session % 4}",
        "gitBranch": f"feat/branch-{session}",
        "requestId": f"req_{session}_{turn}",
        "message": {
            "id": f"msg_01watch{session:04d}{turn:08d}",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-5-5",
            "content": [{"type": "text", "text": "Done."}],
            "stop_reason": "end_turn",
            "usage": usage,
        },
    }
    path = live / "projects" / "p" / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        file.write(json.dumps(record) + "\n")


def _tell(bench: Bench, corpus: Corpus, env: dict[str, str], piped: Path) -> None:
    """What came since is taken in, by other processes: transcripts by a report, limits by the status line."""
    quiet = {"env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    subprocess.run([str(bench.tachograph), "now"], stdin=subprocess.DEVNULL, **quiet)  # type: ignore[call-overload]
    with open(piped, "rb") as stream:
        subprocess.run([str(bench.tachograph), "statusline"], stdin=stream, **quiet)  # type: ignore[call-overload]


def _loaded(bench: Bench, corpus: Corpus, arguments: tuple[str, ...]) -> list[str]:
    """The command, where it loaded any of what the screen is drawn with."""
    command = bench.ours(corpus, *arguments)
    argv = [str(bench.python), "-X", "importtime", "-m", "tachograph", *arguments]
    done = subprocess.run(argv, env=command.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    if "tachograph" not in names:
        raise CommandFailed(f"tachograph {' '.join(arguments)} said nothing of what it loads")
    return [" ".join(arguments)] if names & set(_DRAWN_WITH) else []


CASES = [Case("watch", ("M",), watch)]
