"""The compiled reader takes what the loop in decode.py takes: invented lives and real transcripts, read both ways."""

import json
import os
import random
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, NOW_MS, Home
from tachograph.demo import records
from tachograph.demo.records import AT, assistant, progress
from tachograph.demo.transcripts import write as write_life
from tachograph.model.usage.messages import PLAIN_FIELDS, whole
from tachograph.sources.transcripts.batch import Batch
from tachograph.sources.transcripts.c_scanner import PLAIN_MESSAGES, SCAN
from tachograph.sources.transcripts.decode import Transcript
from tachograph.sources.transcripts.decoders import READ, SPAWN, SUBAGENT, Decoders
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
        plain, fragments, *rest, scanned = reader.take()
        messages = sorted(map(whole, [*plain, *(scanned.take(None) if scanned else ())]), key=repr)
        # in any order: they are grouped by time
        lines = {identity: sorted(parts, key=repr) for identity, parts in fragments.items()}
        said.append((messages, lines, *rest, done.problems, done.known[7:]))
    return said


@pytest.mark.slow
def test_an_invented_life_is_read_alike(home: Home) -> None:
    write_life(home.projects.parent, end=NOW)
    paths = sorted(home.projects.rglob("*.jsonl"))
    assert len(paths) > 100
    compiled = read(paths, Decoders(scan=SCAN))
    assert compiled == read(paths, Decoders(typed=TYPED))
    assert sum(len(said[0]) for said in compiled) > 3000


@pytest.mark.slow
def test_real_transcripts_are_read_alike(transcripts_root: Path) -> None:
    paths = sorted(transcripts_root.rglob("*.jsonl"))
    assert paths
    assert read(paths, Decoders(scan=SCAN)) == read(paths, Decoders(typed=TYPED)) == read(paths, Decoders())


def took(*lines: bytes) -> int:
    """How many messages were taken without being handed back."""
    assert SCAN is not None
    block = b"".join(lines)
    messages = PLAIN_MESSAGES()
    SCAN(block, len(block), "/c", PROMPT_LOOKUPS, NOW_MS, messages, {}, {})
    return len(messages)


def test_the_usual_layout_is_taken_and_not_handed_back() -> None:
    usual = assistant("A", branch="feature/x", uuid="u")
    assert took(records.dump([usual])) == 1
    assert took(records.dump([{**usual, "cwd": "/home/ada/café-karte"}])) == 1
    assert took(records.dump([{**usual, "cwd": "C:\\Users\\ada\\shop"}])) == 1, "as Windows writes it"
    assert took(records.dump([{**usual, "cwd": "/srv/\x01"}])) == 0, "an escape that only the patient way undoes"


def handed_back(*lines: bytes) -> list[int]:
    assert SCAN is not None
    block = b"".join(lines)
    return [item[0] for item in SCAN(block, len(block), "/c", 0, NOW_MS, PLAIN_MESSAGES(), {}, {}) if len(item) == 3]


def test_a_progress_record_is_taken_and_its_prompt_handed_back_once() -> None:
    inside = [progress(assistant(label, uuid=f"u{label}"), agent="a1") for label in "ABC"]
    for number, record in enumerate(inside):
        record["data"]["prompt"] = "look around" if number < 2 else "look again"
    lines = [records.dump([record]) for record in inside]
    assert took(*lines) == 3
    assert handed_back(*lines) == [SUBAGENT, SUBAGENT], "one for each prompt"
    odd = progress(assistant("D"), agent="a1")
    odd["data"]["message"]["gitBranch"] = "one"
    assert took(records.dump([odd])) == 0 and handed_back(records.dump([odd])) == [READ]


def test_a_call_that_names_no_type_of_subagent_is_not_handed_back() -> None:
    def call(**given: str) -> bytes:
        block = {"type": "tool_use", "id": "t", "name": "Task", "input": {"prompt": "look", **given}}
        return records.dump([assistant("A", content=[block])])

    assert handed_back(call()) == []
    assert handed_back(call(subagent_type="Explore")) == [SPAWN]


@pytest.mark.parametrize(("end", "looks"), [(-5, 1), (10**9, 1), (0, -1), (30, 1 << 40)])
def test_bounds_that_make_no_sense_are_no_danger(end: int, looks: int) -> None:
    assert SCAN is not None
    block = bytearray(records.dump([assistant("A")]))
    for item in SCAN(block, end, "/c", looks, NOW_MS, PLAIN_MESSAGES(), {}, {}):
        assert len(item) in (PLAIN_FIELDS, 4) or 0 <= item[1] < item[2] <= len(block)


def test_a_block_is_let_go_of() -> None:
    """It could not grow otherwise: the reader makes it longer for a long line."""
    block = bytearray(records.dump([assistant("A")]))
    batch = Batch()
    Transcript(batch, "/c", NOW_MS, stamp="", looks=0, fast=Decoders(scan=SCAN)).feed(block, len(block), 0)
    block += b"more"
    assert len(batch) == 1


# -- odd content: of a message that goes on, that stops, and that never does -------------------------------------


def content_line(content: str, *, at: int, stop: str | None, output: int = 5, uuid: str = "u") -> bytes:
    """A line of one message with its content as it is written, at a second of one minute."""
    record = assistant("A", at=AT + timedelta(seconds=at), content=[{}], stop=stop, output=output, uuid=uuid)
    return records.dump([record]).replace(b"[{}]", content.encode())


CALL = '{"type":"tool_use","id":"t1","name":"Task","input":{"subagent_type":"Explore","prompt":"look"}}'
DB = '{"type":"tool_use","id":"t2","name":"mcp__db__q","input":{"a":1}}'
NAMED = '[{"type":"tool_use","id":"t","name":"mcp__db__q","input":{},%s}]'
INPUT = '[{"type":"tool_use","id":"t","name":"mcp__db__q","input":%s}]'
TEXT = '{"type":"text","text":"%s"}'


@pytest.mark.parametrize("stop", [None, "end_turn"])
@pytest.mark.parametrize(
    "content",
    [
        f"[null,{CALL}]",
        f'["x",{DB}]',
        f"[[],{CALL},{DB}]",
        NAMED % '"type":5',
        NAMED % '"name":null',
        f"[{TEXT},{TEXT}]" % (r"a\u00e9b", "more"),
        INPUT % '{"a":-0}',
        INPUT % '{"a":[-0.5,-10,0]}',
        INPUT % '{"a":1,"a":2}',
        INPUT % '{"a":{"b":[{"c":1,"c":[2]}]}}',
        INPUT % '{"a":{"b":1,"c":2},"b":[{"b":1},{"b":[]}],"c":{}}',
        INPUT % json.dumps({f"k{n}": n for n in range(90)}),
        f"[{','.join(TEXT % n for n in range(40))}]",
        '"said"',
        "null",
        "[]",
    ],
)
def test_odd_content_is_read_alike(home: Home, content: str, stop: str | None) -> None:
    lines = [content_line(content, at=1, stop=None), content_line('[{"type":"text","text":"end"}]', at=2, stop=stop)]
    compiled, *others = (
        read_lines([b"".join(part).rstrip() for part in ([*lines], lines[:1], lines[1:])], way, home.root)
        for way in (Decoders(scan=SCAN), Decoders(typed=TYPED), Decoders())
    )
    assert others == [compiled, compiled]


def test_a_message_of_more_lines_than_are_held_is_read_alike(home: Home) -> None:
    lines = [
        content_line(f'[{{"type":"text","text":"{n}"}}]', at=n, stop=None, output=n, uuid=f"u{n}").rstrip()
        for n in range(55)
    ]
    for part in (lines, lines[:24], lines[:25]):
        compiled, *others = (
            read_lines(part, way, home.root) for way in (Decoders(scan=SCAN), Decoders(typed=TYPED), Decoders())
        )
        assert others == [compiled, compiled]


def test_the_last_record_of_a_millisecond_is_the_same_every_way(home: Home) -> None:
    told = [(1, 5, "u-1"), (2, 5, "u-2"), (2, 6, "u-3"), (2, 6, "u-0")]
    lines = [content_line("[]", at=at, stop=None, output=output, uuid=uuid).rstrip() for at, output, uuid in told]
    compiled, *others = (
        read_lines(lines, way, home.root) for way in (Decoders(scan=SCAN), Decoders(typed=TYPED), Decoders())
    )
    assert others == [compiled, compiled]


@pytest.mark.parametrize("cut", [3, 20])
def test_a_torn_timestamp_is_the_same_in_one_block_and_in_two(cut: int) -> None:
    torn = records.dump([assistant("A")])
    torn = torn[: torn.index(b'"timestamp":"') + len(b'"timestamp":"') + cut] + b"\n"
    title = records.dump([{"type": "ai-title", "sessionId": "s", "aiTitle": "T"}])
    stamps = []
    for blocks in ([torn + title], [torn, title]):
        batch, offset = Batch(), 0
        transcript = Transcript(batch, "/c", NOW_MS, stamp="", looks=0, fast=Decoders(scan=SCAN))
        for block in blocks:
            transcript.feed(block, len(block), offset)
            offset += len(block)
        stamps += [stamp for stamp, _, _ in batch.titles.values()]
    assert len(stamps) == 2 and stamps[0] == stamps[1] and "{" not in stamps[0]


# -- mutated lines ---------------------------------------------------------------------------------------------

_PIECES = (
    b'"type":"x",', b'"type":"assistant",', b'"usage":{},', b"\\", b'"', b"{", b"}", b"[", b",", b":", b"\x00", b"\xff",
    b"\\ud800", b"1e999", b"-1", b"9" * 30, b"null", b"true", b'"message":{"id":"msg_1"},', b'"sessionId":5,', b" ", b"\t",
)  # fmt: skip


def mutated(lines: list[bytes], chance: random.Random) -> bytes:
    """A line with a few changes: a piece inserted, a stretch removed, repeated or taken from another line."""
    line = bytearray(chance.choice(lines))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(line) + 1)
        end = min(len(line), at + chance.choice((1, 2, 5, 40)))
        way = chance.randrange(5)
        if way == 0:
            line[at:at] = chance.choice(_PIECES)
        elif way == 1:
            del line[at:end]
        elif way == 2:
            line[at:at] = line[at:end]
        elif way == 3:
            other = chance.choice(lines)
            start = chance.randrange(len(other))
            line[at:end] = other[start : start + chance.choice((1, 8, 60))]
        elif comma := line.find(b",", at) + 1:  # after a comma: often a whole member
            line[comma:comma] = chance.choice(_PIECES)
    return bytes(line).replace(b"\n", b"")


def read_lines(lines: list[bytes], fast: Decoders, folder: Path) -> list[tuple[Any, ...]]:
    path = folder / "mutated.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return read([path], fast)


def _id_of(line: bytes) -> bytes:
    """The id of a line's message; the line itself without one."""
    found = re.search(rb'"id" ?: ?"(msg_\w+)"', line)
    return line if found is None else found[1]


def compare_three_ways(home: Home, rounds: int, size: int) -> None:
    """Hold the compiled, the typed and the plain decoder against each other; a difference is narrowed to its line."""
    write_life(home.projects.parent, end=NOW, days=2)
    lines = [line for path in sorted(home.projects.rglob("*.jsonl")) for line in path.read_bytes().splitlines()]
    for number, record in enumerate(progress(assistant(str(n)), agent="a1") for n in range(len(lines) // 20)):
        record["data"]["prompt"] = f"look {number // 3}"
        lines.append(records.dump([record]).rstrip())
    chance = random.Random(20261126)
    ways = (Decoders(scan=SCAN), Decoders(typed=TYPED), Decoders())
    for number in range(rounds):
        block = [mutated(lines, chance) for _ in range(size)]
        one, *others = (read_lines(block, way, home.root) for way in ways)
        if any(one != other for other in others):
            for line in block:
                single = [read_lines([line], way, home.root) for way in ways]
                assert single[0] == single[1] == single[2], f"round {number}: {line!r}"
            # copies that a mutation made contradict each other group by their order; each id once, then
            alone = list({_id_of(line): line for line in block}.values())
            one, *others = (read_lines(alone, way, home.root) for way in ways)
            assert all(one == other for other in others), f"round {number}: the lines differ only together"


def test_mutated_lines_are_read_alike(home: Home) -> None:
    compare_three_ways(home, 40, 50)


@pytest.mark.soak
def test_many_mutated_lines_are_read_alike(home: Home) -> None:
    compare_three_ways(home, 4000, 50)


@pytest.mark.parametrize(
    "kinds",
    [
        (b"x", b"assistant"),
        (b"assistant", b"x"),
        (b"assistant", b"assistant"),
        (b"user", b"assistant"),
        (b"assistant", b"user"),
    ],
)
@pytest.mark.parametrize("where", ["start", "end", "both"])
def test_a_type_that_is_given_twice_is_read_alike(home: Home, kinds: tuple[bytes, bytes], where: str) -> None:
    first, second = (b'"type":"%s"' % kind for kind in kinds)
    (line,) = records.dump([assistant("A", uuid="u")]).splitlines()
    plain = line.replace(b'"type":"assistant",', b"", 1)
    assert plain != line
    start, end = {
        "start": (first + b"," + second + b",", b""),
        "end": (b"", b"," + first + b"," + second),
        "both": (first + b",", b"," + second),
    }[where]
    doubled = b"{" + start + plain[1:-1] + end + b"}"
    one, two, three = (
        read_lines([doubled], way, home.root) for way in (Decoders(scan=SCAN), Decoders(typed=TYPED), Decoders())
    )
    assert one == two == three
