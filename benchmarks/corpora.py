"""The folders of transcripts that are read: made once, checked before use, and grown for a while where a bench asks."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

RECIPES = {  # name: megabytes, files, days: the arguments of gen_corpus.py
    "S": (20, 30, 30),  # a month of light use
    "M": (495, 400, 90),  # a quarter of daily use
    "L": (3000, 2500, 180),  # half a year of heavy use
}
SPARE_BYTES = 500_000_000  # ledgers, ccusage and what the rest of the machine writes meanwhile


class CorpusError(Exception):
    """A corpus is not to be had, or is not what it was; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a reader must find: messages and tokens by kind."""

    messages: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_1h: int = 0
    cache_write_5m: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def tokens(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write_1h + self.cache_write_5m


@dataclass(frozen=True, slots=True)
class Corpus:
    """One CLAUDE_CONFIG_DIR with the totals that are true of it."""

    name: str
    path: Path
    size_bytes: int
    files: int
    truth: Totals


def obtain(name: str, out: Path, say: Callable[[str], None]) -> Corpus:
    """The corpus out/name, made first if it is not there. Raises CorpusError."""
    path = out / name
    if not (path / "truth.json").exists():
        _make(name, path, say)
    truth = json.loads((path / "truth.json").read_bytes())
    corpus = Corpus(
        name=name,
        path=path,
        size_bytes=truth["bytes"],
        files=truth["files"],
        truth=Totals(*truth["totals[n,in,out,cr,c1h,c5m]"]),
    )
    found = sum(file.stat().st_size for file in transcripts(corpus))
    if found != corpus.size_bytes:
        raise CorpusError(
            f"corpus {name} holds {found:,} bytes where {corpus.size_bytes:,} were made: "
            f"remove {path}, and the next run makes it again"
        )
    return corpus


def transcripts(corpus: Corpus) -> Iterator[Path]:
    return (corpus.path / "projects").rglob("*.jsonl")


@contextlib.contextmanager
def growing(file: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that appends to the file; at the end the file is as long and as old as it was."""
    before = file.stat()

    def append(lines: bytes) -> None:
        with open(file, "ab") as f:
            f.write(lines)

    try:
        yield append
    finally:
        os.truncate(file, before.st_size)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


class NewUsage:
    """Batches of new usage lines in the manner of a corpus, and where to append them.

    The lines are assistant records of the corpus's largest transcripts, with a message id, a request id and a uuid that
    nobody has seen; a message's streamed lines stay together. All of it is usage: more work than a megabyte of a real
    log, of which three quarters are tool results.
    """

    def __init__(self, corpus: Corpus, size_bytes: int) -> None:
        largest_first = sorted(transcripts(corpus), key=lambda file: (-file.stat().st_size, file))
        self.file = next(file for file in largest_first if _ends_with_a_line(file))
        self._records = list(_usage_records(largest_first, size_bytes))
        self._batches = 0

    def batch(self) -> tuple[bytes, Totals]:
        """The next lines, and what they add."""
        self._batches += 1
        new_ids: dict[str, str] = {}
        counts: dict[str, Totals] = {}
        lines = []
        for n, record in enumerate(self._records):
            message = record["message"]
            new_id = new_ids.setdefault(message["id"], f"{self._batches:06}{n:014}")
            fresh = {
                **record,
                "uuid": str(uuid.UUID(int=self._batches << 64 | n, version=4)),
                "requestId": f"req_01{new_id}",
                "message": {**message, "id": f"msg_01{new_id}"},
            }
            lines.append(json.dumps(fresh, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            counts[new_id] = _largest(counts.get(new_id, Totals()), _counted(message["usage"]))
        return b"".join(lines), sum(counts.values(), Totals())


def _make(name: str, path: Path, say: Callable[[str], None]) -> None:
    if os.path.lexists(path):  # ours are renamed into place when they are complete, so this is somebody else's
        raise CorpusError(f"corpus {name} was not made: {path} is there and is no corpus; move it away, or use --out")
    megabytes, files, days = RECIPES[name]
    needed = megabytes * 1_000_000 + SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise CorpusError(
            f"corpus {name} was not made: it needs {needed / 1e9:.1f} GB and {path.parent} has {free / 1e9:.1f} GB left"
        )
    say(f"making corpus {name}: {megabytes} MB in {files} files at {path}")
    unfinished = path.with_name(f"{name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    generator = Path(__file__).with_name("gen_corpus.py")
    # a process of its own: its half gigabyte would otherwise stand in the memory figures, see measure.Run
    recipe = [str(number) for number in (megabytes, files, days)]
    try:
        subprocess.run(
            [sys.executable, str(generator), str(unfinished), *recipe], check=True, stdout=subprocess.DEVNULL
        )
    except subprocess.CalledProcessError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise CorpusError(f"corpus {name} was not made: gen_corpus.py ended with {error.returncode}") from error
    unfinished.rename(path)


def _ends_with_a_line(file: Path) -> bool:
    with open(file, "rb") as f:
        f.seek(max(0, file.stat().st_size - 1))
        return f.read() == b"\n"


def _usage_records(files: list[Path], size_bytes: int) -> Iterator[dict[str, Any]]:
    size = 0
    for file in files:
        with open(file, "rb") as f:
            for line in f:
                if b'"usage":{' not in line or not line.endswith(b"\n"):
                    continue
                record = json.loads(line)
                if record.get("type") != "assistant" or "requestId" not in record:
                    continue
                if record["message"]["model"] == "<synthetic>":
                    continue
                yield record
                size += len(line)
                if size >= size_bytes:
                    return


def _counted(usage: Mapping[str, Any]) -> Totals:
    return Totals(
        messages=1,
        input=usage["input_tokens"],
        output=usage["output_tokens"],
        cache_read=usage["cache_read_input_tokens"],
        cache_write_1h=usage["cache_creation"]["ephemeral_1h_input_tokens"],
        cache_write_5m=usage["cache_creation"]["ephemeral_5m_input_tokens"],
    )


def _largest(a: Totals, b: Totals) -> Totals:
    """Two lines of one message."""
    return Totals(*map(max, astuple(a), astuple(b)))
