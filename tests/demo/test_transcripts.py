"""The demo's transcripts are the same each time, count as they say they do, and hold every rare thing."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tachograph.demo import transcripts
from tachograph.demo.transcripts import WriteTotals, write
from tachograph.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
END = datetime(2026, 11, 23, 16, 20, tzinfo=BERLIN)


class Demo(NamedTuple):
    written: WriteTotals
    files: dict[Path, bytes]
    records: list[dict[str, Any]]
    unread: list[bytes]


def demo(home: Path, **arguments: Any) -> Demo:
    written = write(home / ".claude", **({"end": END} | arguments))
    files = {path: path.read_bytes() for path in sorted(written.folder.rglob("*.jsonl"))}
    records, unread = [], []
    for content in files.values():
        for line in content.split(b"\n"):
            try:
                if line:
                    records.append(json.loads(line))
            except ValueError:
                unread.append(line)
    return Demo(written, files, records, unread)


def billed(records: list[dict[str, Any]]) -> dict[str, datetime]:
    """Every billed message and extra part with its earliest time, by the rules of accounting."""
    found: dict[str, datetime] = {}
    for record in records:
        if record["type"] != "assistant" or record["message"]["model"] == "<synthetic>":
            continue
        message, at = record["message"], datetime.fromisoformat(record["timestamp"])
        parts = enumerate(message["usage"]["iterations"] or [])
        extra = [f"{message['id']} {n}" for n, part in parts if part["type"] in ("compaction", "advisor_message")]
        for key in (message["id"], *extra):
            found[key] = min(at, found.get(key, at))
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module", params=[7, 1], ids="seed {}".format)
def seeded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return demo(tmp_path_factory.mktemp("home"), seed=request.param)


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name / ".claude", end=END, days=10)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_another_seed_gives_other_transcripts(tmp_path: Path) -> None:
    for seed in (1, 2):
        write(tmp_path / str(seed) / ".claude", end=END, days=3, seed=seed)
    assert tree(tmp_path / "1") != tree(tmp_path / "2")


def test_written_agrees_with_an_independent_count(seeded: Demo) -> None:
    written, messages = seeded.written, billed(seeded.records)
    main = [path for path in seeded.files if path.parent.name != "subagents"]
    assert written.messages == len(messages)
    assert written.files == len(seeded.files)
    assert written.sessions == len(main) == len({r["sessionId"] for r in seeded.records if "sessionId" in r})
    assert written.bytes == sum(map(len, seeded.files.values()))
    assert abs(written.first_at - min(messages.values())) < timedelta(milliseconds=1)
    assert abs(written.last_at - max(messages.values())) < timedelta(milliseconds=1)


def test_the_size_is_that_of_a_heavy_user(seeded: Demo) -> None:
    assert 5_000 <= seeded.written.messages <= 7_000
    assert seeded.written.bytes <= 25_000_000


@pytest.mark.parametrize("days", [1, 2, 7, 21, 45, 100])
def test_nothing_lies_outside_the_span(tmp_path: Path, days: int) -> None:
    made = demo(tmp_path, days=days)
    times = [datetime.fromisoformat(record["timestamp"]) for record in made.records if "timestamp" in record]
    assert max(times) <= END
    assert min(times) >= datetime.combine(END.date() - timedelta(days=days - 1), datetime.min.time(), BERLIN)
    assert made.written.messages == len(billed(made.records))


@pytest.mark.parametrize(
    "end",
    [
        datetime(2026, 11, 23, 0, 20, tzinfo=BERLIN),
        datetime(2026, 11, 21, 8, 0, tzinfo=BERLIN),
        datetime(2026, 3, 29, 3, 30, tzinfo=ZoneInfo("America/New_York")),
        datetime(2027, 1, 1, 12, 0, tzinfo=UTC),
        datetime(2026, 11, 23, 16, 20),
    ],
    ids=str,
)
def test_the_last_session_goes_on_until_shortly_before_the_end(tmp_path: Path, end: datetime) -> None:
    made = demo(tmp_path, end=end, days=5)
    now = end if end.tzinfo else end.replace(tzinfo=UTC)
    assert timedelta(0) < now - made.written.last_at <= timedelta(minutes=5)
    last = max((r for r in made.records if r["type"] == "assistant"), key=lambda r: str(r["timestamp"]))
    assert last["message"]["stop_reason"] == "tool_use"


def test_weekdays_are_full_weekends_quiet_and_one_long_gap_is_a_holiday(seeded: Demo) -> None:
    days = Counter(at.astimezone(BERLIN).date() for at in billed(seeded.records).values())
    weekday = [count for day, count in days.items() if day.weekday() < 5]
    weekend = [count for day, count in days.items() if day.weekday() >= 5]
    worked = sorted(day for day in days if day.weekday() < 5)
    assert sum(weekday) > 8 * sum(weekend)
    assert max((b - a).days for a, b in pairwise(worked)) in (6, 7)


def test_every_rare_thing_is_there(seeded: Demo) -> None:
    answers = [record for record in seeded.records if record["type"] == "assistant"]
    messages = {record["message"]["id"]: record["message"] for record in answers}.values()
    models = Counter(message["model"] for message in messages)
    parts = Counter(part["type"] for m in messages for part in m["usage"]["iterations"] or [])
    kinds = Counter(record["type"] for record in seeded.records)
    assert models["claude-nova-1"] == 2
    assert {"claude-opus-4-8", "claude-opus-5-5", "claude-haiku-5-5", "claude-fable-5-1"} < set(models)
    assert parts["compaction"] == parts["advisor_message"] == 1
    assert parts["message"] >= 4
    assert any(message["usage"]["speed"] == "fast" for message in messages)
    assert any(message["usage"]["server_tool_use"]["web_search_requests"] for message in messages)
    assert min(kinds[kind] for kind in ("ai-title", "custom-title", "summary", "queue-operation")) >= 1
    assert any(record.get("isCompactSummary") for record in seeded.records)
    assert any(record.get("agentId") and record["isSidechain"] for record in answers)
    assert len({record["sessionId"] for record in answers if "forkedFrom" in record}) >= 3
    assert any("/.claude/worktrees/" in record["cwd"] for record in answers)
    assert any(not record["cwd"].isascii() for record in answers)


def test_pull_requests_are_linked_again_and_some_sessions_have_two(seeded: Demo) -> None:
    links = [record for record in seeded.records if record["type"] == "pr-link"]
    pairs = {(record["sessionId"], record["prUrl"]) for record in links}
    assert 20 <= len({url for _, url in pairs}) <= 30
    assert len(links) > len(pairs)
    assert max(Counter(session for session, _ in pairs).values()) >= 2


def test_some_sessions_change_their_branch(seeded: Demo) -> None:
    branches = {(record["sessionId"], record["gitBranch"]) for record in seeded.records if "gitBranch" in record}
    assert sum(count > 1 for count in Counter(session for session, _ in branches).values()) >= 5


def test_one_line_is_garbage_and_one_is_torn(seeded: Demo) -> None:
    assert len(seeded.unread) == 2
    assert all(b'"usage"' in line for line in seeded.unread)
    assert sum(not content.endswith(b"\n") for content in seeded.files.values()) == 1


def test_nothing_is_answered_between_a_limit_and_its_reset(seeded: Demo) -> None:
    notices = [record for record in seeded.records if record.get("isApiErrorMessage")]
    answered = billed(seeded.records).values()
    assert len({record["timestamp"] for record in notices}) >= 3
    for notice in notices:
        hit, resets = datetime.fromisoformat(notice["timestamp"]), notice["quotaLimits"]["resetsAt"]
        assert not any(hit < at and at.timestamp() < resets for at in answered)
        clock = datetime.fromtimestamp(resets, BERLIN).strftime("%I:%M").lstrip("0").removesuffix(":00")
        assert f"resets {clock}pm (Europe/Berlin)" in notice["message"]["content"][0]["text"]


def test_a_message_says_the_same_on_all_its_lines_but_for_the_placeholder(seeded: Demo) -> None:
    usages: dict[str, list[dict[str, Any]]] = {}
    for record in seeded.records:
        if record["type"] == "assistant":
            usages.setdefault(record["message"]["id"], []).append(record["message"]["usage"])
    assert any(len(lines) == 4 for lines in usages.values())
    for lines in usages.values():
        assert len({(line["input_tokens"], line["cache_read_input_tokens"]) for line in lines}) == 1
        assert max(line["output_tokens"] for line in lines) <= 4_000


def test_a_subagent_stands_below_its_session_with_a_note_about_it(seeded: Demo) -> None:
    subagents = [path for path in seeded.files if path.parent.name == "subagents"]
    assert subagents
    for path in subagents:
        first = json.loads(seeded.files[path].split(b"\n")[0])
        assert path.stem == f"agent-{first['agentId']}"
        assert path.parent.parent.name == first["sessionId"]
        assert path.parent.parent.with_suffix(".jsonl") in seeded.files
        assert json.loads(path.with_suffix(".meta.json").read_bytes())["spawnDepth"] == 1


def test_the_identity_is_an_invented_max_account_beside_the_folder(tmp_path: Path) -> None:
    write(tmp_path / ".claude", end=END, days=1)
    account = json.loads((tmp_path / ".claude.json").read_bytes())["oauthAccount"]
    assert account["emailAddress"].endswith("@example.org")
    assert account["organizationRateLimitTier"] == "default_claude_max_20x"


def test_the_identity_goes_where_it_is_told(tmp_path: Path) -> None:
    write(tmp_path / ".claude", end=END, days=1, identity=tmp_path / "elsewhere.json")
    assert (tmp_path / "elsewhere.json").exists()
    assert not (tmp_path / ".claude.json").exists()


@pytest.mark.parametrize("taken", [".claude.json", ".claude/projects/-home-bob/1.jsonl"])
def test_a_folder_in_use_is_left_alone(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / taken).write_bytes(b"mine")
    with pytest.raises(UsageError):
        transcripts.write(tmp_path / ".claude", end=END, days=1)
    assert tree(tmp_path) == {taken: b"mine"}
