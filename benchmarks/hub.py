"""Bounds of a hub: how fast a history and live messages arrive, how little goes over the wire, and that a
machine with nothing to send pays nothing.

The client is measured in this process over real sockets, the hub is a process of its own with a SQLite file.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import measure
from corpora import Corpus
from measure import Command, CommandFailed
from meter import rss
from reports import Bench, Case
from table import Row, format_bytes
from tachograph.clock import system_clock
from tachograph.demo import transcripts
from tachograph.hub import membership as memberships
from tachograph.hub.client import Exchange
from tachograph.hub.sharing import NAMES
from tachograph.hub.transport import Answer, HttpTransport
from tachograph.hub.wire import MAX_FACTS
from tachograph.ledger.exchange import tracking
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths
from tachograph.ui.cli.hub.service import HubClient

FIRST, REPLAY, LIVE, BYTES, SEALED, IDLE_SECONDS, RESIDENT, DAILY = 4_000, 15_000, 40, 50, 70, 0.005, 90e6, 1.2
DAYS, LIVE_PUSHES, LIVE_MESSAGES, ROUNDS = 200, 60, 20, 3


class _Counted(HttpTransport):
    """A transport that counts the bytes of parcels."""

    sent = 0

    def push(self, packed: bytes) -> Answer:
        self.sent += len(packed)
        return super().push(packed)


def hub(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """Two machines of one person on a hub; the first has an invented life of many thousand messages."""
    root = bench.scratch / "hub"
    first, second = _machine(bench, root / "first"), _machine(bench, root / "second")
    transcripts.write(Path(first["CLAUDE_CONFIG_DIR"]), end=datetime.now(UTC), days=DAYS, seed=3)
    measure.run(_command(bench, first, "daily"))
    with _serving(bench, root / "serving") as (process, env):
        _join(bench, first, _invite(bench, env), "first", "--history", "none")
        joined = memberships.load(own_paths(first))
        if joined is None:
            raise CommandFailed("the first machine did not join")
        memberships.save(own_paths(first), joined._replace(since=0))
        exchange = Exchange(own_paths(first), system_clock(), joined._replace(since=0))
        counted = _Counted(joined.url, joined.token)
        exchange._transport = counted
        with open_ledger(own_paths(first), system_clock().now_ms()) as ledger:
            yield from _history(bench, ledger, exchange, counted)
            yield from _live(bench, ledger, exchange)
            yield from _idle(ledger, HubClient(own_paths(first), system_clock()))
        exchange.close()
        yield Row(
            "hub, resident after that",
            format_bytes(rss(process.pid)),
            f"≤ {format_bytes(RESIDENT)}",
            rss(process.pid) <= RESIDENT,
        )
        _join(bench, second, _invite(bench, env), "second", key=joined.key)
        yield from _daily(bench, first, second)


def _history(bench: Bench, ledger: Ledger, exchange: Exchange, counted: _Counted) -> Iterator[Row]:
    messages = int(ledger.db.execute("SELECT count(*) FROM answer").fetchone()[0])
    with ledger.transaction() as db:
        tracking.touch_everything(db)
    counted.sent = 0
    rate = _rate(ledger, exchange)
    size, sealed = counted.sent / messages, _sealed_bytes(ledger, exchange) / messages
    replays = []
    for _ in range(ROUNDS):
        with ledger.transaction() as db:
            tracking.touch_everything(db)
        replays.append(_rate(ledger, exchange))
    bench.raw["hub"] = {"messages": messages, "first": rate, "replays": replays, "bytes": size, "sealed": sealed}
    yield Row(f"first history of {messages:,} messages to a hub", f"{rate:,.0f} facts/s", f"≥ {FIRST:,}", rate >= FIRST)
    replay = statistics.median(replays)
    yield Row("the same again", f"{replay:,.0f} facts/s", f"≥ {REPLAY:,}", replay >= REPLAY)
    yield Row("the same, sent for a message", f"{size:.1f} B", f"≤ {BYTES} B", size <= BYTES)
    yield Row("that at the level names", f"{sealed:.1f} B", f"≤ {SEALED} B", sealed <= SEALED)


def _sealed_bytes(ledger: Ledger, exchange: Exchange) -> int:
    """Bytes of all parcels at the level `names`."""
    with ledger.transaction() as db:
        tracking.touch_everything(db)
    joined, size, after = exchange.membership, 0, 0
    exchange.membership = joined._replace(share=NAMES)
    while (parcel := exchange._next_parcel(ledger, MAX_FACTS, after)) is not None:
        size, after = size + len(parcel.data), parcel.revisions[-1]
    exchange.membership = joined
    return size


def _rate(ledger: Ledger, exchange: Exchange) -> float:
    began = time.perf_counter()
    outcome = exchange.run(ledger)
    if outcome.problem:
        raise CommandFailed(f"the exchange failed: {outcome.problem}")
    return outcome.sent / (time.perf_counter() - began)


def _live(bench: Bench, ledger: Ledger, exchange: Exchange) -> Iterator[Row]:
    """Pushes of twenty changed messages each."""
    ids = [
        id
        for (id,) in ledger.db.execute("SELECT id FROM answer ORDER BY at DESC LIMIT ?", (LIVE_PUSHES * LIVE_MESSAGES,))
    ]
    seconds = []
    for start in range(0, len(ids), LIVE_MESSAGES):
        with ledger.transaction() as db:
            part = [(id,) for id in ids[start : start + LIVE_MESSAGES]]
            db.executemany("UPDATE answer SET cache_read = cache_read + 1 WHERE id = ?", part)
        began = time.perf_counter()
        exchange._push(ledger, lambda _: None)
        seconds.append(time.perf_counter() - began)
    rate = 1 / statistics.median(seconds)
    bench.raw["hub live"] = seconds
    yield Row(f"live pushes of {LIVE_MESSAGES} messages", f"{rate:.0f}/s", f"≥ {LIVE}", rate >= LIVE)


def _idle(ledger: Ledger, client: HubClient) -> Iterator[Row]:
    """Ticks of the recorder's client after its first exchange, with nothing to send."""
    client.tick(ledger)
    thread = client._thread
    if thread is not None:
        thread.join(30)
    client.tick(ledger)
    seconds = []
    for _ in range(50):
        began = time.perf_counter()
        client.tick(ledger)
        seconds.append(time.perf_counter() - began)
    worst = max(seconds)
    is_quiet = client._thread is None
    client.stop()
    figure = f"{worst * 1000:.2f} ms, {'no' if is_quiet else 'a'} connection"
    yield Row(
        "a tick of the recorder with nothing to send",
        figure,
        f"≤ {IDLE_SECONDS * 1000:.0f} ms, none",
        worst <= IDLE_SECONDS and is_quiet,
    )


def _daily(bench: Bench, first: dict[str, str], second: dict[str, str]) -> Iterator[Row]:
    """A report of the machine that pulled everything, beside the one that read the files."""
    commands = [_command(bench, first, "daily", name="read"), _command(bench, second, "daily", name="pulled")]
    runs = measure.interleaved(commands, 15)
    bench.keep("hub daily", runs)
    read, pulled = (statistics.median(run.wall_seconds for run in runs[name]) for name in ("read", "pulled"))
    figure = f"{pulled * 1000:.0f} ms, {pulled / read:.2f} times"
    yield Row(
        "daily after a pull, beside the ledger that read the files", figure, f"≤ {DAILY} times", pulled <= DAILY * read
    )


def _machine(bench: Bench, home: Path) -> dict[str, str]:
    (home / ".claude" / "projects").mkdir(parents=True)
    return {
        "PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC",
        "CLAUDE_CONFIG_DIR": str(home / ".claude"), "TACHOGRAPH_HOME": str(home / "data"),
    }  # fmt: skip


def _command(bench: Bench, env: dict[str, str], *arguments: str, name: str = "tachograph") -> Command:
    return Command(name=name, argv=[str(bench.tachograph), *arguments], env=env, cwd=Path(env["HOME"]))


def _output(bench: Bench, env: dict[str, str], *arguments: str, typed: str = "") -> str:
    done = subprocess.run(
        [str(bench.tachograph), *arguments],
        env=env,
        input=typed,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise CommandFailed(f"tachograph {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def _invite(bench: Bench, env: dict[str, str]) -> list[str]:
    return _output(bench, env, "hub", "invite", "ada").split()[2:]


def _join(bench: Bench, env: dict[str, str], words: list[str], name: str, *more: str, key: str = "") -> None:
    _output(bench, env, "join", *words, "--as", name, "--share", "mine", "--yes", *more, typed=key)


@contextmanager
def _serving(bench: Bench, home: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    env = _machine(bench, home)
    argv = [str(bench.tachograph), "hub", "serve", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not re.search(r":\d+\.", line):
            raise CommandFailed("the hub did not start")
        yield process, env
    finally:
        process.terminate()
        process.wait(10)


CASES = [Case("hub", ("M",), hub)]
