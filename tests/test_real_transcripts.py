"""Real transcripts count as the oracle says, to the token; their reports add up; their files may go.

The oracle's word on them (NAME/oracle.json) was written by another program than tests/oracle.py: here both speak.
"""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import oracle
from helpers import REPORTS, Home, added, bys, flat, keyed
from tachograph.demo import records


def _sets() -> list[str]:
    root = Path(os.environ.get("TACHOGRAPH_TRANSCRIPTS") or "-")
    return sorted(path.parent.name for path in root.glob("*/oracle.json")) or ["none"]


class RealSet(NamedTuple):
    """A set of real transcripts, copied into a home and read by the installed command once."""

    name: str
    home: Home
    expected: Mapping[str, Any]


@pytest.fixture(scope="module", params=_sets())
def real(
    request: pytest.FixtureRequest, transcripts_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealSet]:
    name = str(request.param)
    source = transcripts_root / name
    if not (source / "oracle.json").is_file():
        pytest.skip("there is no set of real transcripts in TACHOGRAPH_TRANSCRIPTS")
    home = Home(tmp_path_factory.mktemp("real") / "home")
    _copy(source / "config" / "projects", home.projects)
    home.run("daily")
    yield RealSet(name, home, json.loads((source / "oracle.json").read_text()))
    shutil.rmtree(home.root, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy without the modes, since the originals may be read-only."""
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _document(real: RealSet, *arguments: str) -> Any:
    return real.home.run(*arguments, "--json", "--timezone", "UTC").json


def test_the_two_oracles_agree(real: RealSet) -> None:
    counted = oracle.count(real.home.claude)
    assert counted.total == real.expected["total"]
    assert {day or "unknown": sums for day, sums in counted.by_day().items()} == real.expected["by_utc_day"]
    assert counted.by_model() == real.expected["by_model"]


def test_totals_equal_the_oracle(real: RealSet) -> None:
    for report in REPORTS:
        assert flat(_document(real, report)["totals"]) == real.expected["total"], report


def test_days_equal_the_oracle(real: RealSet) -> None:
    rows = keyed(_document(real, "daily")["rows"], "period")
    assert {day or "unknown": sums for day, sums in rows.items()} == real.expected["by_utc_day"]


def test_models_equal_the_oracle(real: RealSet) -> None:
    assert keyed(_document(real, "models")["rows"], "model") == real.expected["by_model"]


def test_sessions_equal_the_oracle(real: RealSet) -> None:
    rows = keyed(_document(real, "sessions")["rows"], "session")
    if real.expected["in_several_sessions"] == 0:
        assert {session or "unknown": sums for session, sums in rows.items()} == real.expected["by_session"]
    assert rows == oracle.count(real.home.claude).by_session()


def test_branches_and_pull_requests_equal_the_reference(real: RealSet) -> None:
    counted = oracle.count(real.home.claude)
    assert keyed(_document(real, "branches")["rows"], "branch") == counted.by_branch()
    rows = [{**row, "url": row["pr"] and row["pr"]["url"]} for row in _document(real, "prs")["rows"]]
    assert keyed(rows, "url") == counted.by_pull_request()


def test_unfinished_answers_are_those_that_a_plain_scan_finds(real: RealSet) -> None:
    messages, unfinished = _scan_placeholders(real.home.projects)
    totals = _document(real, "daily")["totals"]
    assert abs(totals["unfinished"] - unfinished) <= max(messages, 1) / 100
    assert sum(row["unfinished"] for row in _document(real, "sessions")["rows"]) == totals["unfinished"]


def _scan_placeholders(projects: Path) -> tuple[int, int]:
    """Answers, and those with a streaming placeholder as output: no copy has a stop reason, and much more is visible than
    was recorded."""
    output: dict[str, int] = {}
    stopped: dict[str, bool] = {}
    visible: dict[str, dict[object, int]] = {}
    for path in projects.rglob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if not isinstance(record, dict):
                continue
            if record.get("type") == "progress":
                record = (record.get("data") or {}).get("message") or {}
            message = record.get("message")
            if record.get("type") != "assistant" or not isinstance(message, dict):
                continue
            if not isinstance(message.get("usage"), dict) or message.get("model") == "<synthetic>":
                continue
            key = str(message.get("id") or record.get("uuid"))
            output[key] = max(output.get(key, 0), message["usage"].get("output_tokens") or 0)
            stopped[key] = stopped.get(key, False) or bool(message.get("stop_reason"))
            blocks = visible.setdefault(key, {})
            for block in message["content"] if isinstance(message.get("content"), list) else []:
                if block.get("type") == "text" and block.get("text"):
                    blocks["text", block["text"][:80]] = len(block["text"])
                elif block.get("type") == "tool_use":
                    written = json.dumps(block.get("input"), ensure_ascii=False) + str(block.get("name"))
                    blocks["tool_use", block.get("id") or written[:80]] = len(written)
    too_small = [key for key, blocks in visible.items() if sum(blocks.values()) // 4 > 2 * output[key] + 20]
    return len(output), sum(not stopped[key] for key in too_small)


def test_bad_lines_equal_the_oracle(real: RealSet) -> None:
    assert _document(real, "daily")["problems"]["bad_lines"] == real.expected["bad_lines"]


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_rows_and_their_parts_add_up(real: RealSet, report: str, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for by in (None, *bys(report)):
        flags = ("--by", by) if by else ()
        document = real.home.report(report, *flags, "--timezone", zone, "--no-ingest")
        assert flat(document["totals"]) == real.expected["total"]
        assert added(document["rows"]) == real.expected["total"]
        costs = [row["cost_usd"] for row in document["rows"]]
        assert sum(cost or 0 for cost in costs) == pytest.approx(document["totals"]["cost_usd"] or 0, rel=1e-9)
        if by:
            for row in document["rows"]:
                assert added(row["by"]) == flat(row)
                parts = sum(sub["cost_usd"] or 0 for sub in row["by"])
                assert parts == pytest.approx(row["cost_usd"] or 0, rel=1e-9)


def test_a_second_pass_changes_nothing(real: RealSet) -> None:
    before = {report: _document(real, report)["rows"] for report in REPORTS}
    for path in real.home.projects.rglob("*.jsonl"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    assert {report: _document(real, report)["rows"] for report in REPORTS} == before


@cache
def _ccusage() -> Path | None:
    """The binary of ccusage, the other reader of these files: as named, or where the benchmarks install it."""
    named = os.environ.get("TACHOGRAPH_CCUSAGE")
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"ccusage-{platform.system().lower()}-{machine}"
    benchmarks = Path(__file__).parents[1] / "benchmarks" / "out" / "npm" / "node_modules" / "@ccusage"
    binary = Path(named) if named else benchmarks / package / "bin" / "ccusage"
    return binary if binary.is_file() else None


def test_dollars_equal_those_of_ccusage(real: RealSet) -> None:
    binary = _ccusage()
    if binary is None:
        pytest.skip("no ccusage: neither TACHOGRAPH_CCUSAGE nor benchmarks/out/npm has it")
    command = [str(binary), "claude", "daily", "--mode", "calculate", "--offline", "--json"]
    done = subprocess.run(command, env=real.home.env, capture_output=True, check=True, timeout=120)
    theirs = json.loads(done.stdout)["totals"]["totalCost"]
    ours = _document(real, "daily")["totals"]["cost_usd"]
    if real.name == "obra__episodic-memory":
        assert ours > theirs  # requests over 200,000 tokens, of which ccusage prices only the rest higher: see below
    else:
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_a_long_request_is_priced_at_the_higher_tier_as_a_whole(home: Home) -> None:
    """As one in obra__episodic-memory that ccusage prices otherwise, with round numbers.

    Sonnet 4.5 above 200,000 tokens of prompt: 6 USD per million in, 22.50 out, 7.50 for a write, 0.60 for a read.
    A prompt of 50,000 + 30,000 + 150,000 = 230,000 tokens:
    0.05 x 6 + 0.03 x 7.50 + 0.15 x 0.60 + 0.01 x 22.50 = 0.30 + 0.225 + 0.09 + 0.225 = 0.84 USD.
    """
    long: dict[str, Any] = {"input": 50_000, "cache_write_5m": 30_000, "cache_read": 150_000, "output": 10_000}
    home.write("a/s.jsonl", [records.assistant("A", model="claude-sonnet-4-5-20250929", **long)])
    assert home.report("daily")["totals"]["cost_usd"] == pytest.approx(0.84, abs=1e-12)


def test_deleted_transcripts_change_no_number(real: RealSet) -> None:
    """The last test of a set: it takes the files away."""
    before = {report: _document(real, report)["rows"] for report in REPORTS}
    shutil.rmtree(real.home.projects)
    assert {report: _document(real, report)["rows"] for report in REPORTS} == before
    assert flat(_document(real, "daily")["totals"]) == real.expected["total"]
    real.home.projects.mkdir()
    assert flat(_document(real, "daily")["totals"]) == real.expected["total"]


def test_invented_readings_run_through_the_whole_path_of_estimates(real: RealSet, tmp_path: Path) -> None:
    """No special case for them: what is learned is held against the weights that the readings were made with."""
    from tachograph.ledger.storage.open import open_ledger
    from tachograph.model.usage.prices import load
    from tachograph.paths import own_paths
    from tachograph.queries.estimates.attribution import attribution
    from tachograph.queries.estimates.forecast import forecast
    from tachograph.queries.estimates.next_session import next_session
    from tachograph.queries.limits.current import now
    from tachograph.queries.limits.guard import primary_account
    from tachograph.ui.cli.demo import limits

    book = load()[0]
    env = {**real.home.env, "TACHOGRAPH_HOME": str(tmp_path / "data")}
    newest = real.home.db().execute("SELECT max(at) FROM answer WHERE at < 4000000000000").fetchone()[0]
    if newest is None:
        return
    at = newest + 600_000
    with open_ledger(own_paths(env), at) as ledger:
        hidden = limits.invent(ledger, book, env, str(real.home.claude), at, 400)
        account = primary_account(now(ledger.db, at))
        if account is None:
            assert not hidden.said
            return
        found = attribution(ledger.db, book, account, at)
        assert found.method in ("learned", "list_price", "nothing")
        if found.method == "learned":
            true = hidden.weeks[(found.resets_at or 0) / 1000]
            for part in found.by_model:
                assert part.share is not None
                assert abs(part.share.value - true.get(part.full, 0.0) / sum(true.values())) <= 0.15
        for one in forecast(ledger.db, book, account, at):
            assert one.chance is None or 0 < one.chance <= 1
        next_session(ledger.db, book, account, at)
