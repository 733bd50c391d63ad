"""The cost of a command as a history grows: for each transcript that is known, and for each new byte.

A hundred thousand transcripts of one message each, most of them older than a month, in folders of a hundred. Every
command must see an appended line in any of them, so it asks the file system about each. `now` is measured, which looks at
all transcripts and sums up no usage.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import measure
from corpora import Corpus, Totals
from measure import CommandFailed
from reports import Bench, Case
from table import Row

FILES = int(os.environ.get("BENCH_GROWTH_FILES", "100000"))
ROUNDS = 7
NEW_BYTES = 1_000_000
_IN_A_FOLDER = 100
FILE_SECONDS = 12e-6  # for each known transcript
BYTE_SECONDS = 90e-9  # for each new byte, all of it usage lines
_DAY = 86_400


def growth(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """CPU time per known transcript and per new byte."""
    few, many = _make_transcripts(bench.scratch, 100), _make_transcripts(bench.scratch, FILES)
    bench.forget()
    small = _warm(bench, few)
    bench.forget()
    large = _warm(bench, many)
    found = json.loads(measure.output(bench.ours(many, "models", "--json")))["totals"]["messages"]
    if found != many.files:
        raise CommandFailed(f"{found} messages were counted where {many.files} were written")
    each = (large - small) / (many.files - few.files)
    yield Row(
        f"{many.files:,} known transcripts, CPU for each",
        f"{each * 1e6:.1f} µs",
        f"≤ {FILE_SECONDS * 1e6:.0f} µs",
        each <= FILE_SECONDS,
    )
    bench.forget()
    measure.run(bench.ours(few, "now"))
    newest, grown = _transcript(few.path, 0), []
    for turn in range(ROUNDS):
        with open(newest, "ab") as file:
            file.write(b"".join(_lines(newest, turn * 10_000 + 1, NEW_BYTES)))
        grown.append(measure.run(bench.ours(few, "now")))
    bench.keep("growth, new bytes", {"tachograph": grown})
    byte = (measure.cpu(grown).median - small) / NEW_BYTES
    yield Row(
        "each new byte of usage lines, CPU",
        f"{byte * 1e9:.1f} ns",
        f"≤ {BYTE_SECONDS * 1e9:.0f} ns",
        byte <= BYTE_SECONDS,
    )
    bench.forget()
    for one in (few, many):
        shutil.rmtree(one.path)


def _warm(bench: Bench, corpus: Corpus) -> float:
    """Median CPU seconds of `now` with nothing new."""
    command = bench.ours(corpus, "now")
    for _ in range(2):  # the first reads everything; the second learns that the folders hold still
        measure.run(command)
    runs = [measure.run(command) for _ in range(ROUNDS)]
    bench.keep(f"growth, {corpus.files} known", {"tachograph": runs})
    return measure.cpu(runs).median


def _make_transcripts(scratch: Path, files: int) -> Corpus:
    """Transcripts of one message each: half a percent of this month, the others up to three years old."""
    path = scratch / f"growth-{files}"
    now, size = int(time.time()) - _DAY, 0
    for number in range(files):
        file = _transcript(path, number)
        if number % _IN_A_FOLDER == 0:
            file.parent.mkdir(parents=True)
        age = number % 30 if number < files // 200 else 31 + number % 1000
        (line,) = _lines(file, 0, 1, now - age * _DAY)
        file.write_bytes(line)
        os.utime(file, (now - age * _DAY,) * 2)
        size += len(line)
    return Corpus(path.name, path, size, files, Totals(messages=files))


def _transcript(path: Path, number: int) -> Path:
    return path / "projects" / f"-work-{number // _IN_A_FOLDER}" / f"00000000-0000-4000-8000-{number:012}.jsonl"


def _lines(file: Path, first: int, at_least: int, at: float | None = None) -> Iterator[bytes]:
    """Usage lines that no other transcript has, until they have that many bytes."""
    session, size = file.stem, 0
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() if at is None else at))
    while size < at_least:
        id = f"{session[-12:]}{first:012}"
        usage = {"input_tokens": 12, "output_tokens": 345, "cache_read_input_tokens": 6789}
        message: dict[str, object] = {
            "id": f"msg_{id}",
            "model": "claude-opus-4-5-20251101",
            "role": "assistant",
            "type": "message",
        }
        message |= {"stop_reason": "end_turn", "content": [{"type": "text", "text": "Done."}], "usage": usage}
        record = {"type": "assistant", "uuid": f"00000000-0000-4000-9000-{first:012}", "requestId": f"req_{id}"}
        record |= {
            "sessionId": session,
            "timestamp": when,
            "cwd": f"/home/ada/code/{file.parent.name}",
            "version": "2.1.90",
        }
        line = json.dumps({**record, "message": message}, separators=(",", ":")).encode() + b"\n"
        yield line
        size, first = size + len(line), first + 1


CASES = [Case("growth", ("S",), growth)]
