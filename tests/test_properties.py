"""What must hold for all input: order, repetition and cuts change nothing, totals never fall, damage stays where it is.

Left out of the comparison of ledgers, because the rules leave it open:
- titles, prompts and the record that a summary names: they are the last (or first) ones *written*, and the records
  that carry titles have no time of their own, so lines in another order say something else;
- the order of lines within "a branch is named, a pull request is linked": the link's branch is that of the record
  before it in its file, so these two lines are kept together.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import oracle
from helpers import NOW_MS, Home
from ledger_rows import ledger_rows
from oracle import _number
from tachograph.demo import records
from tachograph.demo.records import AT, Record, assistant, iteration, pr_link, progress, user
from tachograph.model.usage.messages import Message, whole
from tachograph.recorder import workers
from tachograph.sources.transcripts import c_scanner
from tachograph.sources.transcripts.batch import Batch
from tachograph.sources.transcripts.c_scanner import SCAN
from tachograph.sources.transcripts.decode import Transcript
from tachograph.sources.transcripts.decoders import Decoders
from tachograph.sources.transcripts.msgspec_decoder import TYPED
from tachograph.sources.transcripts.records import parse_record

T = TypeVar("T")
SCALE = int(os.environ.get("TACHOGRAPH_TEST_EXAMPLES", "1"))  # so many times as many examples: for a long search
some = settings(
    max_examples=100 * SCALE,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
many = settings(some, max_examples=1000 * SCALE)

Unit = list[Record]  # lines that stay together
SIGNED_IN = '{"oauthAccount": {"accountUuid": "a-1", "organizationUuid": "o-1", "emailAddress": "ada@example.org"}}'


@contextmanager
def temporary_home() -> Iterator[Home]:
    """A home for one example: fixtures live longer than that."""
    root = Path(tempfile.mkdtemp(prefix="tachograph-"))
    try:
        yield Home(root / "home")
    finally:
        shutil.rmtree(root)


# -- what transcripts may hold ---------------------------------------------------------------------------------

MODELS = ("claude-opus-5-5", "claude-sonnet-4-5-20250929", "novel-model", None)
SESSIONS = ("s1", "s2", "s3", None)
moments = st.integers(0, 40).map(lambda n: AT + n * timedelta(minutes=23, milliseconds=7))
counts = st.one_of(st.integers(0, 5), st.sampled_from([100, 150_000, 250_000, 10**12]))

parts = st.builds(
    iteration,
    st.sampled_from(["message", "fallback_message", "compaction", "advisor_message", "novel"]),
    model=st.sampled_from(MODELS),
    output=st.integers(0, 3),
)


CONTENTS: list[Any] = [
    "Done.",
    [{"type": "text", "text": "long " * 40}],
    [{"type": "tool_use", "id": "t1", "name": "mcp__linear__get_issue", "input": {}}],
    [{"type": "tool_use", "id": "t2", "name": "mcp__db__query", "input": {"sql": "mcp__x__y"}}],
    [{"type": "tool_use", "id": "t3", "name": "Task", "input": {"subagent_type": "Explore", "prompt": "look around"}}],
    [{"type": "tool_use", "id": "t4", "name": "Agent", "input": {"subagent_type": "Plan", "prompt": "look around"}}],
]
WAY_FIELDS = {
    "effort": [None, "high", "low"],
    "entrypoint": [None, "cli", "sdk-py"],
    "attributionSkill": [None, "review", 'deploy "now"'],
    "attributionPlugin": [None, "codex"],
    "attributionMcpServer": [None, "linear", "größe"],
    "attributionAgent": [None, "Explore"],
}


@st.composite
def way_fields(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of a record that name the way an answer was asked for."""
    drawn = {name: draw(st.sampled_from(values)) for name, values in WAY_FIELDS.items()}
    return {name: value for name, value in drawn.items() if value is not None}


SHARED = ("S", "gate-1", "gate-2")  # ids that a gateway gives to many answers


@st.composite
def answers(draw: st.DrawFn) -> Record:
    """A line of an answer: an early or late copy, in a session, fork or side chain, plain or within a progress record.

    The lines of one answer follow each other within seconds, and only the last ones have a stop reason; an id may be
    shared by answers of other hours. Copies of a line in other sessions have its time and its uuid.
    Refusals are lines of their own message, and its other lines wrote something: so it is clear whether it was billed.
    """
    label = draw(st.sampled_from(["A", "B", "C", "D", "E", "R", *SHARED, None]))
    refused = label == "R" and draw(st.booleans())
    session = draw(st.sampled_from(SESSIONS))
    hour = draw(st.integers(0, 3)) if label in SHARED else len(label or "") + ord((label or "z")[0]) % 7
    line = 2 if label == "R" else draw(st.integers(0, 2))
    moment = AT + hour * timedelta(hours=1, minutes=5) + line * timedelta(seconds=1)
    at = moment if label in SHARED or draw(st.integers(0, 4)) else None
    record = assistant(
        label,
        at=at,
        model=draw(st.sampled_from(MODELS)),
        input=draw(counts),
        output=0 if refused else draw(st.integers(1, 4)),
        cache_write_5m=draw(counts),
        cache_write_1h=draw(counts),
        cache_read=draw(counts),
        web_searches=draw(st.integers(0, 2)),
        stop="refusal" if refused else "end_turn" if line == 2 else None,
        speed=draw(st.sampled_from(["standard", "fast", None])),
        geo=draw(st.sampled_from(["global", "us", None])),
        iterations=None if label in SHARED else draw(st.one_of(st.none(), st.lists(parts, max_size=3))),
        request=None if label in SHARED else draw(st.sampled_from([f"r-{label}", None])),
        cost_usd=draw(st.sampled_from([None, None, 0.25, 1.5])),
        session=session,
        cwd=draw(st.sampled_from(["/x/shop", "/x/shop/api", "/y/shop", "/x/shop/.claude/worktrees/w", None])),
        branch=draw(st.sampled_from(["one", "two", "main", "HEAD", "Ω", "", None])),
        sidechain=draw(st.booleans()),
        agent=draw(st.sampled_from([None, "a1"])),
        forked_from=draw(st.sampled_from([None, "s1"])),
        uuid=f"u-{label}-{hour}-{line}" if label is not None or draw(st.booleans()) else None,
        version=draw(st.sampled_from(["2.1.29", "2.1.330"])),
        content=draw(st.sampled_from(CONTENTS)),
        **draw(way_fields()),
    )
    if draw(st.integers(0, 5)):
        return record
    inside = progress(record)
    inside["data"]["prompt"] = draw(st.sampled_from(["look around", "", None]))
    return inside


@st.composite
def links(draw: st.DrawFn) -> Unit:
    """A pull request linked on some branch. No two have the same time: which comes first would be open."""
    number, again = draw(st.integers(1, 5)), draw(st.integers(0, 2))
    session = draw(st.sampled_from(SESSIONS))
    branch = draw(st.sampled_from(["one", "two", "three"]))
    at = AT + (number * 3 + again) * timedelta(minutes=41) + timedelta(milliseconds=1)
    return [user("…", session=session, branch=branch), pr_link(number, at=at, session=session)]


units = st.one_of(answers().map(lambda a: [a]), answers().map(lambda a: [a]), answers().map(lambda a: [a]), links())
transcripts = st.lists(units, min_size=1, max_size=14)


def lines(some_units: list[Unit]) -> bytes:
    return records.dump(line for unit in some_units for line in unit)


def in_one_go(some_units: list[Unit]) -> dict[str, list[tuple[Any, ...]]]:
    with temporary_home() as home:
        home.write("a/s.jsonl", lines(some_units))
        home.ingest()
        return without_folder(ledger_rows(home), home)


def without_folder(ledger: dict[str, list[tuple[Any, ...]]], home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """The same with the config folder's own path left out: it differs between homes."""
    own = str(home.claude)
    return {name: [tuple("" if v == own else v for v in row) for row in rows] for name, rows in ledger.items()}


# -- the same ledger -------------------------------------------------------------------------------------------


@some
@given(transcripts, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing(some_units: list[Unit], random: Any) -> None:
    shuffled = list(some_units)
    random.shuffle(shuffled)
    assert in_one_go(shuffled) == in_one_go(some_units)


@some
@given(transcripts, st.lists(st.integers(0, 100), max_size=6))
def test_repetition_changes_nothing(some_units: list[Unit], again: list[int]) -> None:
    repeated = some_units + [some_units[n % len(some_units)] for n in again]
    assert in_one_go(repeated) == in_one_go(some_units)


@some
@given(transcripts, st.data())
def test_files_and_passes_change_nothing(some_units: list[Unit], data: st.DataObject) -> None:
    """Lines spread over files, which grow by any number of bytes from pass to pass."""
    places = data.draw(st.lists(st.integers(0, 2), min_size=len(some_units), max_size=len(some_units)))
    files = [lines([unit for unit, at in zip(some_units, places, strict=True) if at == n]) for n in range(3)]
    passes = data.draw(st.integers(1, 4))
    cuts = [sorted(data.draw(st.lists(st.integers(0, len(f)), min_size=passes, max_size=passes))) for f in files]
    with temporary_home() as home:
        for n in range(passes + 1):
            for name, file, at in zip("xyz", files, cuts, strict=True):
                ends = [0, *at, len(file)]
                home.append(f"{name}/s.jsonl", file[ends[n] : ends[n + 1]])
            home.ingest()
        assert without_folder(ledger_rows(home), home) == in_one_go(some_units)


@some
@given(transcripts, st.data())
def test_batches_and_kept_rows_change_nothing(some_units: list[Unit], data: st.DataObject) -> None:
    """A first pass in batches of a few messages, with rows kept in memory and without."""
    places = data.draw(st.lists(st.integers(0, 3), min_size=len(some_units), max_size=len(some_units)))
    files = [lines([unit for unit, at in zip(some_units, places, strict=True) if at == n]) for n in range(4)]
    batch, account = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    found = []
    for made in (c_scanner.KEPT_ROWS, None):
        with (
            temporary_home() as home,
            patch.object(workers, "_BATCH_MESSAGES", batch),
            patch.object(c_scanner, "KEPT_ROWS", made),
        ):
            if account:
                (home.claude / ".claude.json").write_text(SIGNED_IN)
            for name, file in zip("wxyz", files, strict=True):
                home.write(f"{name}/s.jsonl", file)
            home.ingest()
            found.append(without_folder(ledger_rows(home), home))
    assert found[0] == found[1]
    assert account or found[0] == in_one_go(some_units)


@some
@given(transcripts)
def test_every_report_is_what_the_oracle_counts(some_units: list[Unit]) -> None:
    with temporary_home() as home:
        home.write("a/s.jsonl", lines(some_units))
        counted, daily = home.oracle(), home.report("daily", "--timezone", "UTC")
        with patch("oracle._number", lambda key: -_number(key)):
            turned = home.oracle()
        # of two sessions that begin in one millisecond the numbers of ids decide, which the oracle spells in another way
        assume((turned.by_session(), turned.by_pull_request()) == (counted.by_session(), counted.by_pull_request()))
        assert _measures(daily["totals"]) == counted.total
        assert {row["period"]: _measures(row) for row in daily["rows"]} == counted.by_day()
        for report, key, table in (
            ("models", "model", counted.by_model()),
            ("sessions", "session", counted.by_session()),
        ):
            rows = home.report(report, "--no-ingest")["rows"]
            assert {row[key]: _measures(row) for row in rows} == table
        rows = home.report("prs", "--no-ingest")["rows"]
        assert {row["pr"] and row["pr"]["url"]: _measures(row) for row in rows} == counted.by_pull_request()


@some
@given(transcripts, st.integers(1, 5))
def test_totals_never_fall(some_units: list[Unit], step: int) -> None:
    with temporary_home() as home:
        before = dict.fromkeys(oracle.MEASURES, 0)
        for start in range(0, len(some_units), step):
            home.append("a/s.jsonl", lines(some_units[start : start + step]))
            after = home.totals()
            assert all(before[name] <= after[name] for name in before)
            before = after


def _measures(row: dict[str, Any]) -> dict[str, int]:
    return {"messages": row["messages"], **row["tokens"], "web_searches": row["web_searches"]}


# -- damage ----------------------------------------------------------------------------------------------------

flips = st.tuples(st.just("flip"), st.integers(0, 5000), st.integers(0, 255))
insertions = st.tuples(st.just("insert"), st.integers(0, 5000), st.binary(min_size=1, max_size=5))
truncations = st.tuples(st.just("cut"), st.integers(0, 5000), st.just(0))
nested = st.tuples(
    st.just("insert"), st.integers(0, 5000), st.sampled_from([b"[" * 5000, b"{}", b"\n", b'"usage"', b"\0"])
)


WAYS = [
    Decoders(typed=TYPED),
    *([Decoders(scan=SCAN)] if SCAN else []),
]  # tests/sources/test_native.py asks for the second
either_way = st.sampled_from(WAYS)


def damaged(line: bytes, damages: list[tuple[str, int, Any]]) -> bytes:
    for kind, place, what in damages:
        place %= len(line) + 1
        if kind == "flip" and place < len(line):
            line = line[:place] + bytes([what]) + line[place + 1 :]
        elif kind == "insert":
            line = line[:place] + what + line[place:]
        elif kind == "cut":
            line = line[:place]
    return line


FRIENDS = [
    assistant(label, output=n, session="friends") for n, label in enumerate(("Friend1", "Friend2", "Friend2"), 7)
]


@many
@given(
    either_way, answers(), st.lists(st.one_of(flips, flips, insertions, truncations, nested), min_size=1, max_size=4)
)
def test_a_damaged_line_changes_no_other_and_never_raises(
    fast: Decoders, record: Record, damages: list[tuple[str, int, Any]]
) -> None:
    line = damaged(records.dump([record])[:-1], damages) + b"\n"
    batch = Batch()
    block = records.dump([FRIENDS[0], line, *FRIENDS[1:]])
    fed = Transcript(batch, "/c", NOW_MS, stamp="", looks=40, fast=fast)
    fed.feed(block, len(block), 0)
    fed.feed_tail(line[:-1], len(block))
    messages = list(messages_of(batch).values())
    found = {message[4][6:8] + message[2] for message in messages if "friends" in message[5]}
    alone = Batch()
    Transcript(alone, "/c", NOW_MS, stamp="", looks=40, fast=fast).feed(block := records.dump(FRIENDS), len(block), 0)
    assert {one[4][6:8] + one[2] for one in messages_of(alone).values()} <= found
    for message in messages:
        assert all(0 <= count <= 2 * 10**12 for count in message[2])


@some
@given(answers(), st.lists(st.one_of(flips, insertions, truncations), min_size=1, max_size=3))
def test_a_ledger_takes_whatever_a_damaged_line_says(record: Record, damages: list[tuple[str, int, Any]]) -> None:
    """From the bytes to every report: nothing raises, what is added up is there."""
    with temporary_home() as home:
        home.write("a/s.jsonl", [FRIENDS[0], damaged(records.dump([record])[:-1], damages) + b"\n", *FRIENDS[1:]])
        totals = home.totals()
        assert totals["messages"] >= 2
        for report in ("sessions", "models", "branches", "prs", "windows"):
            assert _measures(home.report(report, "--no-ingest")["totals"]) == totals
            assert home.call(report, "--no-ingest").code == 0


# -- two ways of reading ---------------------------------------------------------------------------------------

written_times = st.builds(
    lambda second, fraction, offset: f"2026-11-02T09:00:{second:02}{fraction}{offset}",
    st.integers(0, 60),
    st.sampled_from([".9999999", "", ".1", ".12", ".1234", ".123456", ".999999", ".0005", "."]),
    st.sampled_from(["Z", "z", "+00:00", "-05:30", "+14:00", "", "+0100", "+24:00"]),
)
odd_times = st.one_of(
    written_times,
    written_times,
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.one_of(st.none(), st.text(max_size=30), st.integers()),
)
odd_texts: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=5), st.sampled_from(["", None]), st.one_of(st.integers(), st.booleans(), st.just([]), st.just({}))
)
odd_counts = st.one_of(
    st.integers(-1, 10**13), st.floats(), st.text("0123456789.-", max_size=15), st.none(), st.booleans(), st.just([])
)
ODD: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("cwd", "gitBranch", "requestId", "uuid", "agentId", "forkedFrom", "ownerAccountUuid"), odd_texts),
    **dict.fromkeys(WAY_FIELDS, odd_texts),
    **dict.fromkeys(("sessionId", "isSidechain", "costUSD"), st.one_of(odd_texts, odd_counts)),
    "timestamp": odd_times,
}
odd_blocks = st.fixed_dictionaries(
    {"type": st.sampled_from(["tool_use", "text", None])},
    optional={
        "id": odd_texts,
        "name": st.one_of(odd_texts, st.sampled_from(["mcp__", "mcp__a", "mcp__a__b__c", "mcp____b", "Task", "Agent"])),
        "input": st.one_of(odd_texts, st.just({"subagent_type": "Plan", "prompt": "p"})),
    },
)
ODD_MESSAGE = {
    **dict.fromkeys(("id", "model", "stop_reason"), odd_texts),
    "content": st.one_of(odd_texts, st.lists(st.one_of(odd_blocks, odd_texts), max_size=3)),
}
ODD_USAGE: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("input_tokens", "output_tokens", "cache_creation_input_tokens"), odd_counts),
    **dict.fromkeys(("speed", "inference_geo", "iterations"), odd_texts),
    "cache_creation": st.one_of(odd_texts, st.dictionaries(st.just("ephemeral_1h_input_tokens"), odd_counts)),
    "server_tool_use": st.one_of(odd_texts, st.dictionaries(st.just("web_search_requests"), odd_counts)),
}


@st.composite
def usual_answers(draw: st.DrawFn) -> Record:
    """A line as Claude Code writes them today: what the typed way takes."""
    return assistant(
        draw(st.sampled_from(["A", "B"])),
        at=draw(moments),
        model=draw(st.sampled_from(["claude-opus-5-5", "claude-sonnet-4-6", ""])),
        input=draw(counts),
        output=draw(st.integers(0, 4)),
        cache_write_5m=draw(counts),
        cache_write_1h=draw(counts),
        cache_read=draw(counts),
        stop=draw(st.sampled_from(["end_turn", "refusal", None])),
        speed=draw(st.sampled_from(["standard", "fast", None])),
        session=draw(st.sampled_from(["s1", "s1", "s2", ""])),
        branch=draw(st.sampled_from(["one", "Ω", "", None])),
        sidechain=draw(st.booleans()),
        forked_from=draw(st.sampled_from([None, "s1"])),
        uuid=draw(st.sampled_from(["u1", "u2"])),
        content=draw(st.sampled_from(CONTENTS)),
        **draw(way_fields()),
    )


@st.composite
def odd_answers(draw: st.DrawFn) -> Record:
    """An answer in which up to three values are of another kind than usual."""
    record = draw(usual_answers())
    message = {**record["message"], "usage": dict(record["message"]["usage"])}
    record = {**record, "message": message}
    for _ in range(draw(st.integers(0, 3))):
        table, odd = draw(st.sampled_from([(record, ODD), (message, ODD_MESSAGE), (message["usage"], ODD_USAGE)]))
        key = draw(st.sampled_from(sorted(odd)))
        table[key] = draw(odd[key])
    return record


def messages_of(batch: Batch) -> dict[int, Message]:
    """The messages of a batch by identity, in the form that merges. Takes those of the compiled reader out of it."""
    scanned = batch.scanned.take(None) if batch.scanned is not None else []
    return {message[0]: whole(message) for message in (*batch.messages.values(), *scanned)}


def decoded(fast: Decoders, read: Callable[[Transcript], None]) -> tuple[Any, ...]:
    batch = Batch()
    transcript = Transcript(batch, "/c", NOW_MS, stamp="", looks=40, fast=fast)
    read(transcript)
    messages = messages_of(batch)
    return messages, batch.spans, batch.leaves, transcript.problems, batch.spawns, batch.subagents


def has_shared_ids(fast: Decoders, block: bytes) -> bool:
    """Do lines of one id look like several answers? Their groups are final only in the ledger (ledger/usage/shared_ids.py)."""
    batch = Batch()
    Transcript(batch, "/c", NOW_MS, stamp="", looks=40, fast=fast).feed(block, len(block), 0)
    return bool(batch.fragments)


def fed(fast: Decoders, block: bytes) -> tuple[Any, ...]:
    return decoded(fast, lambda transcript: transcript.feed(block, len(block), 0))


@many
@given(either_way, st.one_of(odd_answers(), answers()))
def test_the_fast_and_the_patient_way_say_the_same(fast: Decoders, record: Record) -> None:
    """A fast way takes the usual layout only, and must then say what the patient one says of it."""
    line = records.dump([record])

    def patiently(transcript: Transcript) -> None:
        read = parse_record(line)
        assert read is not None
        transcript._note_answer(read, line)

    assert fed(fast, line) == decoded(fast, patiently)


@many
@given(
    st.lists(st.one_of(odd_answers(), usual_answers(), answers()), min_size=1, max_size=4),
    st.lists(st.one_of(flips, flips, insertions, truncations, nested), max_size=4),
)
def test_whatever_is_damaged_all_ways_say_the_same_of_it(
    copies: list[Record], damages: list[tuple[str, int, Any]]
) -> None:
    block = damaged(records.dump(copies)[:-1], damages) + b"\n"
    plain = fed(Decoders(), block)
    for fast in WAYS:
        assert fed(fast, block) == plain


@many
@given(either_way, st.lists(st.one_of(usual_answers(), usual_answers(), answers()), min_size=2, max_size=5))
def test_copies_within_a_file_merge_as_copies_between_files(fast: Decoders, copies: list[Record]) -> None:
    """The fast ways merge on their own what `merged` merges: streamed lines of the same message in the same session."""
    block = records.dump(copies)
    together = fed(fast, block)
    batch = Batch()
    for line in block.splitlines(keepends=True):
        for message in fed(fast, line)[0].values():
            batch.add(message)
    assume(not batch.fragments and not has_shared_ids(fast, block))
    assert together[0] == messages_of(batch)
    assert together[1] == batch.spans
