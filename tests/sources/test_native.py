"""The compiled reader takes what the loop in decode.py takes: invented lives and real transcripts, read both ways."""

import os
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, NOW_MS, Home
from tachograph.demo import records
from tachograph.demo.records import assistant
from tachograph.demo.transcripts import write as write_life
from tachograph.sources.transcripts.batch import Batch
from tachograph.sources.transcripts.c_scanner import SCAN
from tachograph.sources.transcripts.decode import Transcript
from tachograph.sources.transcripts.decoders import Decoders
from tachograph.sources.transcripts.file_state import PROMPT_LOOKUPS, FileState
from tachograph.sources.transcripts.msgspec_decoder import TYPED
from tachograph.sources.transcripts.tail import Reader

pytestmark = pytest.mark.skipif(SCAN is None, reason="the reader was not compiled: there is no C compiler here")


def read(paths: list[Path], fast: Decoders) -> list[tuple[Any, ...]]:
    """What each file says, with its problems, and how far it was read."""
    said = []
    for path in paths:
        reader = Reader(NOW_MS, fast)
        status = path.stat()
        done = reader.read(FileState(os.fsencode(path), "/c", status.st_dev, status.st_ino, status.st_size, 0, 0))
        assert not done.error
        said.append((sorted(reader.batch.messages.values()), *reader.take()[1:], done.problems, done.known[7:]))
    return said


def test_an_invented_life_is_read_alike(home: Home) -> None:
    write_life(home.projects.parent, end=NOW)
    paths = sorted(home.projects.rglob("*.jsonl"))
    assert len(paths) > 100
    compiled = read(paths, Decoders(scan=SCAN))
    assert compiled == read(paths, Decoders(typed=TYPED))
    assert sum(len(said[0]) for said in compiled) > 3000


def test_real_transcripts_are_read_alike(transcripts_root: Path) -> None:
    paths = sorted(transcripts_root.rglob("*.jsonl"))
    assert paths
    assert read(paths, Decoders(scan=SCAN)) == read(paths, Decoders(typed=TYPED)) == read(paths, Decoders())


def took(*lines: bytes) -> int:
    """How many lines were taken without being handed back."""
    assert SCAN is not None
    block = b"".join(lines)
    return sum(len(item) == 4 for item in SCAN(block, len(block), "/c", {}, PROMPT_LOOKUPS, NOW_MS))


def test_the_usual_layout_is_taken_and_not_handed_back() -> None:
    usual = assistant("A", branch="feature/x", uuid="u")
    assert took(records.dump([usual])) == 1
    assert took(records.dump([{**usual, "cwd": "/home/ada/café-karte"}])) == 1
    assert took(records.dump([{**usual, "cwd": "C:\\Users\\ada\\shop"}])) == 1, "as Windows writes it"
    assert took(records.dump([{**usual, "cwd": "/srv/\x01"}])) == 0, "an escape that only the patient way undoes"


@pytest.mark.parametrize(("end", "looks"), [(-5, 1), (10**9, 1), (0, -1), (30, 1 << 40)])
def test_bounds_that_make_no_sense_are_no_danger(end: int, looks: int) -> None:
    assert SCAN is not None
    block = bytearray(records.dump([assistant("A")]))
    for item in SCAN(block, end, "/c", {}, looks, NOW_MS):
        assert len(item) == 4 or 0 <= item[1] < item[2] <= len(block)


def test_a_block_is_let_go_of() -> None:
    """It could not grow otherwise: the reader makes it longer for a long line."""
    block = bytearray(records.dump([assistant("A")]))
    batch = Batch()
    Transcript(batch, "/c", NOW_MS, branch="", stamp="", looks=0, fast=Decoders(scan=SCAN)).feed(block, len(block), 0)
    block += b"more"
    assert len(batch.messages) == 1
