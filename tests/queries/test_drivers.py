"""What drives usage: definitions, agreement with the reports to the cent, and advice only where numbers support it."""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, Home
from tachograph.demo import records
from tachograph.demo.records import Record, assistant
from tachograph.demo.transcripts import write as write_life
from tachograph.model.usage.messages import Tokens
from tachograph.model.usage.prices import PICODOLLARS
from tachograph.queries.usage.drivers import Driver, Drivers, SessionPart
from tachograph.queries.usage.rows import WAY_KEYS, Spend
from tachograph.text.drivers import advice_words

CENT = 0.005
T = datetime(2026, 11, 20, 9, 0)


def rows_of(home: Home, *flags: str) -> dict[tuple[str, str | None], Any]:
    return {(row["driver"], row["name"]): row for row in home.report("drivers", "--last", "400", *flags)["rows"]}


# -- agreement -------------------------------------------------------------------------------------------------


def require_agreement(home: Home, *flags: str) -> None:
    """Assert that rows of every dimension add up to the total, and that drivers and reports say the same of each."""
    found = home.report("drivers", "--last", "2000", *flags)
    whole = found["totals"]
    for dimension in WAY_KEYS:
        report = home.report("monthly", "--last", "70", "--by", dimension, "--no-ingest", *flags)
        reported: dict[str | None, list[Any]] = {}
        for month in report["rows"]:
            for sub in month["by"]:
                reported.setdefault(sub[dimension], []).append(sub)
        driven = {row["name"]: row for row in found["rows"] if row["driver"] == dimension}
        assert driven.keys() == reported.keys(), dimension
        for name, parts in reported.items():
            assert driven[name]["messages"] == sum(part["messages"] for part in parts)
            costs = [part["cost_usd"] for part in parts if part["cost_usd"] is not None]
            assert (driven[name]["cost_usd"] is None) == (not costs)
            assert abs((driven[name]["cost_usd"] or 0) - sum(costs)) < CENT, (dimension, name)
        assert sum(row["messages"] for row in driven.values()) == whole["messages"] == report["totals"]["messages"]
        assert abs(sum(row["cost_usd"] or 0 for row in driven.values()) - (whole["cost_usd"] or 0)) < CENT
        for kind in ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read"):
            assert sum(row["tokens"][kind] for row in driven.values()) == whole["tokens"][kind]
    side = [row for row in found["rows"] if row["driver"] == "agent" and row["name"] != "main"]
    together = [row for row in found["rows"] if row["driver"] == "subagents"]
    assert sum(row["messages"] for row in side) == sum(row["messages"] for row in together)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8, 9])
def test_in_demo_lives_every_dimension_adds_up_and_agrees_with_the_reports(home: Home, seed: int) -> None:
    write_life(home.projects.parent, end=NOW, days=20, seed=seed)
    require_agreement(home)
    require_agreement(home, "--model", "opus")
    require_agreement(home, "--agent", "subagents")
    names = rows_of(home, "--no-ingest").keys()
    assert {kind for kind, _ in names} >= {*WAY_KEYS, "subagents", "long_context"}
    assert sum(kind == "skill" for kind, _ in names) > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["obra__episodic-memory", "theogbrand__napoli-matcha"])
def test_in_real_transcripts_every_dimension_adds_up_and_agrees_with_the_reports(
    home: Home, transcripts_root: Path, name: str
) -> None:
    source = transcripts_root / name / "config" / "projects"
    if not source.is_dir():
        pytest.skip("there is no set of real transcripts in TACHOGRAPH_TRANSCRIPTS")
    for path in source.rglob("*.jsonl"):
        home.write(os.fspath(path.relative_to(source)), path.read_bytes())
    require_agreement(home)


# -- definitions -----------------------------------------------------------------------------------------------


def at(minutes: float) -> datetime:
    return T + timedelta(minutes=minutes)


def answer(label: str, minutes: float, session: str = "s1", **more: Any) -> Record:
    given = {"output": 10, "input": 5, "request": f"r-{label}", **more}
    return assistant(label, at=at(minutes), session=session, **given)


def test_long_context_is_a_prompt_of_more_than_150_000_tokens(home: Home) -> None:
    home.write(
        "p/s.jsonl",
        records.dump(
            [
                answer("A", 0, input=0, cache_read=150_000),
                answer("B", 1, input=1, cache_read=150_000),
            ]
        ),
    )
    assert rows_of(home)["long_context", None]["messages"] == 1


def test_parallel_is_four_sessions_with_a_message_within_fifteen_minutes(home: Home) -> None:
    lines = [answer(f"A{n}", 5 * n, session=f"s{n}") for n in range(3)]  # at 0, 5 and 10 minutes
    lines += [answer("B", 14.9, session="s4"), answer("C", 15.1, session="s5"), answer("D", 40, session="s6")]
    home.write("p/s.jsonl", records.dump(lines))
    found = rows_of(home)["parallel_sessions", None]
    assert found["messages"] == 2, "at 14.9 minutes s0 still counts; at 15.1 not, and s5 takes its place"
    assert rows_of(home, "--no-ingest", "--project", "shop")["parallel_sessions", None]["messages"] == 2


@pytest.mark.parametrize(
    ("cause", "gap", "change"),
    [
        ("pause", 61, {}),
        ("prefix", 59, {}),
        ("prefix", 1, {}),
        ("model", 1, {"model": "claude-sonnet-5-5"}),
        ("", 61, {"cache_read": 99_000, "cache_write_1h": 1_000}),  # read, not written again
        ("", 61, {"cache_write_1h": 30_000}),  # compacted: a smaller context is another one
    ],
)
def test_a_rebuild_writes_again_what_was_cached(home: Home, cause: str, gap: float, change: dict[str, Any]) -> None:
    first = answer("A", 0, cache_read=15_000, cache_write_1h=85_000)
    second = answer("B", gap, **{"cache_read": 15_000, "cache_write_1h": 86_000, **change})
    home.write("p/s.jsonl", records.dump([first, second]))
    found = {name: row for (kind, name), row in rows_of(home).items() if kind == "cache_rebuilds"}
    assert found.keys() == ({cause} if cause else set())
    for row in found.values():
        assert row["tokens"]["cache_write_1h"] == 85_000
        assert row["saved_usd"] is not None and 0 < row["saved_usd"] < row["cost_usd"]
        assert [part["session"] for part in row["top_sessions"]] == ["s1"]


def test_the_five_minute_cache_ends_after_five_minutes(home: Home) -> None:
    lines = [answer("A", 0, cache_write_5m=90_000), answer("B", 6, cache_write_5m=91_000)]
    home.write("p/s.jsonl", records.dump(lines))
    assert ("cache_rebuilds", "pause") in rows_of(home)


def test_a_rebuild_at_the_start_of_the_range_is_seen(home: Home) -> None:
    lines = [answer("A", -1430, cache_write_1h=90_000), answer("B", 0, cache_write_1h=91_000)]
    home.write("p/s.jsonl", records.dump(lines))
    found = home.report("drivers", "--since", "2026-11-20", "--until", "2026-11-20")
    assert [row["name"] for row in found["rows"] if row["driver"] == "cache_rebuilds"] == ["pause"]


def test_an_empty_range_is_said_to_be_empty(home: Home) -> None:
    assert home.call("drivers").stdout.startswith("Nothing was used in this time.")
    assert home.report("drivers")["rows"] == []
    assert home.call("drivers", "--csv").stdout.startswith("driver,name,messages,")


# -- advice ----------------------------------------------------------------------------------------------------

OPUS, HAIKU = "claude-opus-5-5", "claude-haiku-5-5"


def row(
    kind: str,
    name: str | None = None,
    *,
    usd: float = 20.0,
    share: float = 0.2,
    messages: int = 100,
    read: int = 0,
    written: int = 0,
    sessions: int = 9,
    top: Sequence[float] = (),
    model: tuple[str, float] = (OPUS, 0.9),
    saved: float = 0.0,
) -> Driver:
    spend = Spend(Tokens(messages, 0, 0, 0, written, read, 0), round(usd * PICODOLLARS))
    parts = tuple(SessionPart(f"s{n}", "", part) for n, part in enumerate(top))
    return Driver(kind, name, spend, share, sessions, parts, model, round(saved * PICODOLLARS))


MAIN = row("agent", "main", usd=80, share=0.8)


def advice(one: Driver, *others: Driver) -> str:
    return advice_words(one, Drivers((MAIN, one, *others), Spend(), {}))


def test_advice_names_the_few_sessions_that_have_most() -> None:
    assert (
        advice(row("long_context", top=(0.5, 0.2)))
        == "Compact or start a new session earlier in 2 sessions with 70 % of it."
    )
    assert advice(row("long_context", top=(0.3, 0.2, 0.1))) == "Compact or start a new session earlier."
    assert advice(row("long_context", top=(0.8, 0.1))) == (
        "Compact or start a new session earlier in session s0, with 80 % of it."
    )
    assert advice(row("long_context", top=(1.0,), sessions=1)) == "Compact or start a new session earlier."


def test_there_is_no_advice_for_little_money_little_share_or_the_rest() -> None:
    assert advice(row("long_context", usd=0.9)) == ""
    assert advice(row("long_context", share=0.04)) == ""
    assert advice(MAIN) == ""
    assert advice(row("skill", None, share=0.9)) == ""


def test_a_smaller_model_is_advised_only_where_the_largest_one_is_used() -> None:
    assert advice(row("subagents")) == "Let subagents run on a smaller model: 90 % of their cost is opus-5-5."
    assert advice(row("agent", "Explore")).startswith("Let Explore subagents run on a smaller model")
    assert advice(row("subagents", model=(HAIKU, 0.9))) == ""
    assert advice(row("subagents", model=(OPUS, 0.4))) == ""
    assert advice(row("skill", "review")) == "Run review on a smaller model: 90 % of its cost is opus-5-5."


def test_rebuilds_need_three_and_half_a_dollar() -> None:
    rebuilds: dict[str, Any] = {"messages": 3, "written": 3_000_000, "saved": 8.1}
    assert advice(row("cache_rebuilds", "pause", **rebuilds)) == (
        "Finish or compact before a long break: 3 rebuilds wrote 3.0 M tokens again; reading them would have cost $8.10 less."
    )
    assert advice(row("cache_rebuilds", "model", **rebuilds)).startswith("Switch models at the start of a session")
    assert advice(row("cache_rebuilds", "prefix", **rebuilds)).startswith("Change tools, MCP servers and memory files")
    assert advice(row("cache_rebuilds", "pause", **{**rebuilds, "messages": 2})) == ""
    assert advice(row("cache_rebuilds", "pause", **{**rebuilds, "saved": 0.4})) == ""


def test_efforts_are_compared_by_the_message() -> None:
    high, medium = row("effort", "high", usd=30, messages=100), row("effort", "medium", usd=10, messages=100)
    assert advice(high, medium) == (
        "Use medium effort for routine work: a message at high effort cost 3.0 times as much."
    )
    assert advice(high, row("effort", "medium", usd=25, messages=100)) == "", "hardly dearer"
    assert advice(high, row("effort", "medium", usd=1, messages=10)) == "", "too few to compare"
    assert advice(high) == ""


def test_other_advice_follows_from_its_own_numbers() -> None:
    assert advice(row("speed", "fast", usd=1.12, share=0.01)).startswith("Turn fast mode off with /fast")
    assert advice(row("parallel_sessions", share=0.3)).startswith("Run fewer sessions at once")
    assert advice(row("parallel_sessions", share=0.2)) == ""
    assert advice(row("entrypoint", "sdk-cli")).startswith("Let scripts ask `tachograph guard`")
    assert advice(row("entrypoint", "cli")) == ""
    assert "carry 80.0 k of context" in advice(row("mcp", "github", read=8_000_000))
    assert advice(row("mcp", "github", read=800_000)) == ""
