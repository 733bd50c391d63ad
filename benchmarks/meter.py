"""What we promise about the meter: the status line on a large ledger, `now` with nothing new, and a recorder that idles."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import measure
from corpora import Corpus
from measure import CommandFailed
from reports import WARM_ROUNDS, Bench, Case
from table import Row, format_bytes, timed

STATUSLINE_SECONDS, NOW_SECONDS = 0.035, 0.060
MESSAGES = 1_000_000
IDLE_BYTES, IDLE_SHARE = 45e6, 0.001  # resident, and of one core
IDLE_SECONDS = float(os.environ.get("BENCH_IDLE_SECONDS", "600"))
SETTLING_SECONDS = 20.0  # the first pass, and a full look
_TICKS = os.sysconf("SC_CLK_TCK")


def meter(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """The status line and `now`, whole processes, with a million messages in the ledger."""
    bench.forget()
    measure.run(bench.ours(corpus, "daily"))
    _grow(bench.ledger / "ledger.sqlite3")
    piped = bench.scratch / "piped.json"
    _write_piped(piped)
    now = bench.ours(corpus, "now")
    line = bench.ours(corpus, "statusline")
    shell = replace(line, name="statusline", argv=["/bin/sh", "-c", f'exec "{line.argv[0]}" statusline < "{piped}"'])
    runs = measure.interleaved([shell, replace(now, name="now"), bench.empty_python(corpus)], WARM_ROUNDS)
    bench.keep(f"meter {corpus.name}", runs)
    yield timed("status line, 1 M messages", measure.wall(runs["statusline"]), None, at_most_seconds=STATUSLINE_SECONDS)
    yield timed(f"now, warm {corpus.name}", measure.wall(runs["now"]), None, at_most_seconds=NOW_SECONDS)
    yield timed("python -I -c pass beside them", measure.wall(runs["python"]), None)
    bench.forget()


def recorder(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """A recorder with nothing to do, over all transcripts of the corpus."""
    if not Path("/proc/self/stat").exists():
        raise CommandFailed("the recorder is measured by /proc, which is not here")
    bench.forget()
    command = bench.ours(corpus, "start", "--foreground")
    child = subprocess.Popen(
        command.argv, env=command.env, cwd=command.cwd, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ended = time.monotonic() + 300
        while not _has_read(bench, corpus):
            if child.poll() is not None or time.monotonic() > ended:
                raise CommandFailed("the recorder did not take the corpus in")
            time.sleep(1)
        time.sleep(SETTLING_SECONDS)
        before = _cpu_seconds(child.pid)
        most, end = 0, time.monotonic() + IDLE_SECONDS
        while time.monotonic() < end:
            time.sleep(1)
            most = max(most, _rss(child.pid))
        used = _cpu_seconds(child.pid) - before
    finally:
        child.terminate()
        child.wait(20)
    share = used / IDLE_SECONDS
    bench.raw["recorder"] = {"seconds": IDLE_SECONDS, "cpu_seconds": used, "rss_bytes": most}
    yield Row(
        f"recorder idle for {IDLE_SECONDS:.0f} s over {corpus.name}, resident",
        format_bytes(most),
        f"≤ {format_bytes(IDLE_BYTES)}",
        most <= IDLE_BYTES,
    )
    yield Row(
        "the same, of one core",
        f"{share:.3%}".replace("%", " %"),
        f"≤ {IDLE_SHARE:.1%}".replace("%", " %"),
        share <= IDLE_SHARE,
    )
    bench.forget()


CASES = [Case("meter", ("M",), meter), Case("recorder", ("L",), recorder)]


def _grow(path: Path) -> None:
    """Copy messages under other identities until there are a million."""
    with sqlite3.connect(path) as db:
        names = [row[1] for row in db.execute("PRAGMA table_info(answer)") if row[1] not in ("id", "identity")]
        columns = ", ".join(names)
        while (count := db.execute("SELECT count(*) FROM answer").fetchone()[0]) < MESSAGES:
            db.execute(
                f"INSERT INTO answer (identity, {columns}) SELECT random(), {columns} FROM answer LIMIT ?",
                (MESSAGES - count,),
            )
    db.close()


def _write_piped(path: Path) -> None:
    resets = int(time.time()) + 7200
    windows = {key: {"used_percentage": 41.5, "resets_at": resets} for key in ("five_hour", "seven_day")}
    path.write_text(
        json.dumps(
            {
                "session_id": "s",
                "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
                "cost": {"total_cost_usd": 1.25},
                "context_window": {"used_percentage": 12},
                "rate_limits": windows,
            }
        )
    )


def _has_read(bench: Bench, corpus: Corpus) -> bool:
    try:
        printed = measure.output(bench.ours(corpus, "daily", "--no-ingest", "--json"))
    except CommandFailed:
        return False
    return bool(json.loads(printed)["totals"]["messages"] == corpus.truth.messages)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
