#!/usr/bin/env python3
"""The least that a first reading takes: floor.py CORPUS LEDGER

CORPUS is a folder of transcripts (one that gen_corpus.py made, or your own), LEDGER one that was read from it. Prints the
CPU time in one process, the best of five runs, of:
- starting Python;
- reading every byte, and scanning it with the compiled scanner, whose results are thrown away;
- inserting the rows of messages that the ledger holds into an empty one, in batches as a first reading commits them.
A first reading does all of it, and no less, however little Python does for each message.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tachograph.sources.transcripts import c_scanner

RUNS, BATCH = 5, 3500
BULK = ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -8000", "wal_autocheckpoint = 8000")


def best(act: Callable[[], object]) -> float:
    """The least CPU time of some runs, in milliseconds."""
    took = []
    for _ in range(RUNS):
        before = time.process_time()
        act()
        took.append(time.process_time() - before)
    return 1000 * min(took)


def start() -> float:
    """CPU time of an empty Python, in milliseconds."""
    took = []
    for _ in range(4 * RUNS):
        before = os.times()
        subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return 1000 * sum(took) / len(took)  # the clock of children is coarse


def scan(paths: list[Path], *, is_scanned: bool) -> int:
    """Read each file into one buffer, and scan its lines. Returns the number of messages found."""
    scanner = c_scanner.SCAN
    if scanner is None:
        sys.exit("floor.py: There is no compiled scanner.")
    found, block = 0, bytearray(max(path.stat().st_size for path in paths))
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            end = file.readinto(block)
        if is_scanned:
            messages = c_scanner.PLAIN_MESSAGES()
            scanner(block, end, "/c", 0, 1 << 60, messages, {}, {})
            found += len(messages)
    return found


def insert(rows: list[tuple[object, ...]], statements: list[str]) -> None:
    """Insert rows of messages into an empty ledger with the same table and indexes."""
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(f"{folder}/l", isolation_level=None)) as db:
        for setting in BULK:
            db.execute(f"PRAGMA {setting}")
        for statement in statements:
            db.execute(statement)
        values = ", ".join("?" * len(rows[0]))
        for first in range(0, len(rows), BATCH):
            db.execute("BEGIN")
            db.executemany(f"INSERT INTO answer VALUES ({values})", rows[first : first + BATCH])
            db.execute("COMMIT")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("ledger", type=Path)
    arguments = parser.parse_args()
    paths = sorted(arguments.corpus.rglob("*.jsonl"))
    with closing(sqlite3.connect(arguments.ledger)) as db:
        rows = db.execute("SELECT * FROM answer ORDER BY id").fetchall()
        made = db.execute("SELECT sql FROM sqlite_schema WHERE tbl_name = 'answer' AND sql NOT NULL").fetchall()
    if not paths or not rows:
        sys.exit("floor.py: There are no transcripts, or no messages in the ledger.")
    print(f"{len(paths):,} transcripts, {len(rows):,} messages; CPU time in ms")
    print(f"an empty Python           {start():7.1f}")
    print(f"reading                   {best(lambda: scan(paths, is_scanned=False)):7.1f}")
    print(f"reading and scanning      {best(lambda: scan(paths, is_scanned=True)):7.1f}")
    print(f"inserting the messages    {best(lambda: insert(rows, [sql for (sql,) in made])):7.1f}")


if __name__ == "__main__":
    main()
