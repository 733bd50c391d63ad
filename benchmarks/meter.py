"""What we promise about the meter: the status line on a large ledger, `now` with nothing new, a recorder that idles,
and the tray beside it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import measure
from corpora import Corpus
from measure import CommandFailed
from reports import WARM_ROUNDS, Bench, Case
from table import Row, format_bytes, of_python, timed

STATUSLINE_SECONDS, NOW_SECONDS = 0.035, 0.045
STATUSLINE_OF_PYTHON, NOW_OF_PYTHON = 2.2, 2.8  # CPU time, of an empty Python's
MESSAGES = 1_000_000
IDLE_BYTES, IDLE_SHARE = 45e6, 0.001  # resident, and of one core
TRAY_BYTES, BOTH_BYTES, BOTH_SHARE = 60e6, 100e6, 0.002
IDLE_SECONDS = float(os.environ.get("BENCH_IDLE_SECONDS", "600"))
SETTLING_SECONDS = 20.0  # the first pass, and a full look
_TICKS = os.sysconf("SC_CLK_TCK")


def meter(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """The status line and `now`, whole processes, with a million messages in the ledger."""
    bench.forget()
    measure.run(bench.ours(corpus, "daily"))
    _grow(bench.ledger / "ledger.sqlite3")
    piped = bench.scratch / "piped.json"
    write_piped(piped)
    now = bench.ours(corpus, "now")
    line = bench.ours(corpus, "statusline")
    shell = replace(line, name="statusline", argv=["/bin/sh", "-c", f'exec "{line.argv[0]}" statusline < "{piped}"'])
    runs = measure.interleaved([shell, replace(now, name="now"), bench.empty_python(corpus)], WARM_ROUNDS)
    bench.keep(f"meter {corpus.name}", runs)
    yield timed("status line, 1 M messages", measure.wall(runs["statusline"]), None, at_most_seconds=STATUSLINE_SECONDS)
    yield timed(f"now, warm {corpus.name}", measure.wall(runs["now"]), None, at_most_seconds=NOW_SECONDS)
    yield timed("python -I -c pass beside them", measure.wall(runs["python"]), None)
    python = runs["python"]
    yield of_python("status line, CPU of an empty Python's", runs["statusline"], python, STATUSLINE_OF_PYTHON)
    yield of_python("now, CPU of an empty Python's", runs["now"], python, NOW_OF_PYTHON)
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
        before = cpu_seconds(child.pid)
        most, end = 0, time.monotonic() + IDLE_SECONDS
        while time.monotonic() < end:
            time.sleep(1)
            most = max(most, rss(child.pid))
        used = cpu_seconds(child.pid) - before
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


def tray(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """Tray and recorder together, at a desktop that shows the tray, while the limits move once a minute."""
    if shutil.which("dbus-daemon") is None or not Path("/proc/self/stat").exists():
        raise CommandFailed("the tray is measured with dbus-daemon and /proc, which are not both here")
    bench.forget()
    measure.run(bench.ours(corpus, "daily"))
    command = bench.ours(corpus, "tray", "--foreground")
    with tempfile.TemporaryDirectory() as folder:
        env = {**command.env, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"}
        said = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        address = f"--address={env['DBUS_SESSION_BUS_ADDRESS']}"
        bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", address], **said)  # type: ignore[call-overload]
        time.sleep(1)
        panel = subprocess.Popen([str(bench.python), "-c", _PANEL], env=env, **said)  # type: ignore[call-overload]
        time.sleep(1)
        child = subprocess.Popen(command.argv, env=env, cwd=command.cwd, **said)  # type: ignore[call-overload]
        try:
            time.sleep(SETTLING_SECONDS)
            recorder_pid = int(json.loads((bench.ledger / "recorder.lock").read_bytes().lstrip(b"\0"))["pid"])
            pids = (child.pid, recorder_pid)
            before = sum(map(cpu_seconds, pids))
            alone = together = 0
            end, next_reading, percent = time.monotonic() + IDLE_SECONDS, 0.0, 10.0
            piped = bench.scratch / "piped.json"
            while time.monotonic() < end:
                if time.monotonic() >= next_reading:
                    next_reading, percent = time.monotonic() + 60, percent + 1
                    write_piped(piped, percent)
                    with open(piped, "rb") as stream:
                        line = bench.ours(corpus, "statusline")
                        subprocess.run(line.argv, env=line.env, stdin=stream, stdout=subprocess.DEVNULL, check=True)
                time.sleep(1)
                alone = max(alone, rss(child.pid))
                together = max(together, sum(map(rss, pids)))
            share = (sum(map(cpu_seconds, pids)) - before) / IDLE_SECONDS
        finally:
            child.terminate()
            child.wait(20)
            measure.run(bench.ours(corpus, "stop"))
            for process in (panel, bus):
                process.terminate()
                process.wait(20)
    bench.raw["tray"] = {"seconds": IDLE_SECONDS, "share": share, "rss_bytes": alone, "both_rss_bytes": together}
    for name, bytes, most in (
        ("tray, resident", alone, TRAY_BYTES),
        ("tray and recorder, resident", together, BOTH_BYTES),
    ):
        yield Row(f"{name} ({IDLE_SECONDS:.0f} s)", format_bytes(bytes), f"≤ {format_bytes(most)}", bytes <= most)
    yield Row(
        "tray and recorder, of one core",
        f"{share:.3%}".replace("%", " %"),
        f"≤ {BOTH_SHARE:.1%}".replace("%", " %"),
        share <= BOTH_SHARE,
    )
    bench.forget()


def bridge(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """A recorder that hears a paired browser: an hour's posts in half a minute, then strangers."""
    if not Path("/proc/self/stat").exists():
        raise CommandFailed("the recorder is measured by /proc, which is not here")
    bench.forget()
    measure.run(bench.ours(corpus, "daily"))
    command = bench.ours(corpus, "start", "--foreground")
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        port = int(plug.getsockname()[1])
    settings = bench.ledger / "settings.toml"
    settings.write_text(f"bridge_port = {port}\n")
    subprocess.run([str(bench.python), "-c", _PAIRED], env=command.env, check=True)
    child = subprocess.Popen(
        command.argv, env=command.env, cwd=command.cwd, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 60
        while _post(port, "bench") != 200:
            if child.poll() is not None or time.monotonic() > end:
                raise CommandFailed("the recorder did not hear its browser")
            time.sleep(0.6)
        time.sleep(SETTLING_SECONDS)
        before, kept = cpu_seconds(child.pid), []
        for _ in range(60):
            time.sleep(0.55)
            kept.append(_timed(port, "bench", 200))
        share = (cpu_seconds(child.pid) - before) / 3600
        refused = [_timed(port, "a stranger", 401) for _ in range(600)]
        most = rss(child.pid)
    finally:
        child.terminate()
        child.wait(20)
        settings.unlink()
    ratio = statistics.median(refused) / statistics.median(kept)
    bench.raw["bridge"] = {"share": share, "rss_bytes": most, "kept_seconds": kept, "refused_seconds": refused}
    yield Row(
        "recorder with a paired browser, after an hour's posts, resident",
        format_bytes(most),
        f"≤ {format_bytes(IDLE_BYTES)}",
        most <= IDLE_BYTES,
    )
    shown = f"{share:.3%}".replace("%", " %")
    yield Row("an hour's posts, of one core", shown, f"≤ {IDLE_SHARE:.1%}".replace("%", " %"), share <= IDLE_SHARE)
    yield Row("a stranger's post, of one that is kept (time)", f"{ratio:.2f} ×", "≤ 1 ×", ratio <= 1)
    bench.forget()


# What pairing leaves in the ledger, without the browser.
_PAIRED = """
import hashlib, os
from tachograph.ledger.limits import pairings
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths
with open_ledger(own_paths(os.environ), 1) as ledger, ledger.transaction() as db:
    pairings.add(db, "bench", hashlib.sha256(b"bench").digest(), "chrome-extension://bench", "A browser", 1)
"""


def _timed(port: int, token: str, status: int) -> float:
    start = time.perf_counter()
    if (said := _post(port, token)) != status:
        raise CommandFailed(f"the bridge said {said} and not {status}")
    return time.perf_counter() - start


def _post(port: int, token: str) -> int:
    """Post a reading as an extension does; the status, 0 where nobody listens."""
    now = int(time.time() * 1000)
    limits = [
        {"kind": kind, "group": "weekly", "percent": now // 1000 % 100, "resets_at": "2030-01-01T00:00:00+00:00"}
        for kind in ("session", "weekly_all", "daily_a", "daily_b")
    ]
    ids = {"account": "5ca1ab1e-0000-4000-8000-00000000000a", "organization": "5ca1ab1e-0000-4000-8000-00000000000b"}
    account = {**ids, "label": "x", "observed_at": now, "outcome": "ok", "usage": {"limits": limits}}
    body = {"version": 1, "sent_at": now, "browser": "A browser", "outcome": "ok", "accounts": [account]}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", "/v1/readings", json.dumps(body), headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


# A panel that takes any status item and reads its icon and label at every change, as panels do.
_PANEL = """
import asyncio
from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

async def main():
    bus = await MessageBus().connect()

    def heard(message):
        if message.member == "RegisterStatusNotifierItem":
            return Message.new_method_return(message)
        if message.message_type is MessageType.SIGNAL and message.member in ("NewIcon", "XAyatanaNewLabel", "NewToolTip"):
            name = {"NewIcon": "IconPixmap", "XAyatanaNewLabel": "XAyatanaLabel", "NewToolTip": "ToolTip"}[message.member]
            asyncio.ensure_future(bus.call(Message(
                destination=message.sender, path="/StatusNotifierItem", interface="org.freedesktop.DBus.Properties",
                member="Get", signature="ss", body=["org.kde.StatusNotifierItem", name])))

    bus.add_message_handler(heard)
    await bus.request_name("org.kde.StatusNotifierWatcher")
    await bus.call(Message(
        destination="org.freedesktop.DBus", path="/org/freedesktop/DBus", interface="org.freedesktop.DBus",
        member="AddMatch", signature="s", body=["type='signal',interface='org.kde.StatusNotifierItem'"]))
    await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""

CASES = [
    Case("meter", ("M",), meter),
    Case("recorder", ("L",), recorder),
    Case("tray", ("M",), tray),
    Case("bridge", ("S",), bridge),
]


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


def write_piped(path: Path, percent: float = 41.5) -> None:
    resets = int(time.time()) + 7200
    windows = {key: {"used_percentage": percent, "resets_at": resets} for key in ("five_hour", "seven_day")}
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


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
