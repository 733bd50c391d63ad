"""A trace through the ledger gives the numbers of benchmarks/quota.py: readings and transcripts of an account, then the
installed command; with gaps, repeats, several sources, moved resets, and without a 5-hour limit."""

import os
import random
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from helpers import Home
from test_quota_traces import ROOT, T0, rows, write
from trace_home import Row, fill

sys.path.insert(0, str(ROOT / "benchmarks"))
DAY, WEEK = 86_400.0, 7 * 86_400.0
DAYS = 33


@pytest.fixture(scope="module")
def month() -> list[Row]:
    """An invented month and a few days, to the millisecond as transcripts hold it."""
    return [{**row, "at": round(row["at"], 3)} for row in rows(DAYS)]


def gaps(trace: list[Row]) -> list[Row]:
    """A third of the readings lost, one day without any, and a week's end unseen."""
    chance = random.Random(3)
    first = trace[0]["at"]
    unseen = [(first + 9 * DAY, first + 10 * DAY), (first + 20.5 * DAY, first + 21.2 * DAY)]
    return [row for row in trace if row["type"] == "message" or (chance.random() > 0.33 and not any(a <= row["at"] <= b for a, b in unseen))]  # fmt: skip


def repeats(trace: list[Row]) -> list[Row]:
    """Each reading given three times, by two sources, with resets that are a second off."""
    made: list[Row] = []
    for row in trace:
        made.append(row)
        if row["type"] == "reading":
            late = {key: {**row[key], "resets_at": row[key]["resets_at"] and row[key]["resets_at"] + 1} for key in ("five_hour", "seven_day")}  # fmt: skip
            made += [{**row, "at": row["at"] + 20, **late}, {**row, "at": row["at"] + 40, "source": "desktop"}]
    return sorted(made, key=lambda row: row["at"])


def without_session_limit(trace: list[Row]) -> list[Row]:
    return [{**row, "five_hour": {"percent": None, "resets_at": None}} if row["type"] == "reading" else row for row in trace]  # fmt: skip


def moved_reset(trace: list[Row]) -> list[Row]:
    """The last week begins again a day early, and from then on at that hour."""
    readings = [row for row in trace if row["type"] == "reading"]
    last = readings[-1]["seven_day"]["resets_at"]
    moment = last - WEEK - DAY
    before = max(row["seven_day"]["percent"] for row in readings if row["at"] <= moment and row["seven_day"]["resets_at"] == last - WEEK)  # fmt: skip
    full = max(row["seven_day"]["percent"] for row in readings if row["seven_day"]["resets_at"] == last - WEEK)
    made = []
    for row in trace:
        if row["type"] == "reading" and row["at"] > moment:
            week = row["seven_day"]
            used = week["percent"] - before if week["resets_at"] == last - WEEK else full - before + week["percent"]
            row = {**row, "seven_day": {"percent": used, "resets_at": moment + WEEK}}
        made.append(row)
    return made


def another_plan(trace: list[Row]) -> list[Row]:
    """Max 5x, and Max 20x in the middle of the last whole week: what was used goes on, rescaled."""
    last = trace[-1]["at"]
    moment = last - last % WEEK - 3 * DAY
    made = []
    for row in trace:
        if row["type"] == "reading":
            row = {**row, "plan": "max_20x" if row["at"] >= moment else "max_5x"}
            if row["at"] >= moment:
                five, week = row["five_hour"], row["seven_day"]
                row |= {"five_hour": {**five, "percent": five["percent"] and round(five["percent"] / 4)}}
                row |= {"seven_day": {**week, "percent": round(week["percent"] * 0.4)}}
        made.append(row)
    return made


def unchanged(trace: list[Row]) -> list[Row]:
    return trace


def bench_week(folder: Path, trace: list[Row], until: float) -> dict[str, Any]:
    """The answer of benchmarks/quota.py about the running week at a moment."""
    reset = [row for row in trace if row["type"] == "reading" and row["at"] <= until][-1]["seven_day"]["resets_at"]
    questions = {"weeks": [{"resets_at": reset, "until": until}]}
    write(folder, "trace", trace, questions)
    made: dict[str, Any] = import_module("quota").estimate(folder / "trace.jsonl.gz", questions)
    week: dict[str, Any] = made["weeks"][0]
    return week


def assert_same(shown: dict[str, Any], expected: dict[str, Any]) -> None:
    """The shares of `why --json` are those of the bench: value and both ends."""
    assert shown["method"] == "learned"
    found = {row["model"]: row["share"] for row in shown["models"]}
    assert found.keys() == expected["share_of_used"].keys()
    for name, share in [*expected["share_of_used"].items(), ("", expected["unexplained"])]:
        one = found[name] if name else shown["unexplained"]
        assert one == pytest.approx(share, abs=0.002), name


@pytest.mark.parametrize("change", [unchanged, gaps, repeats, without_session_limit, moved_reset, another_plan], ids=lambda change: change.__name__)  # fmt: skip
def test_why_over_a_ledger_says_what_the_bench_says(
    change: Callable[[list[Row]], list[Row]], month: list[Row], home: Home, tmp_path: Path
) -> None:
    until = month[-1]["at"] + 1200
    trace = change(month)
    fill(home, trace, until)
    assert_same(home.run("why", "--json").json, bench_week(tmp_path / "traces", trace, until))


def test_without_a_session_limit_why_gives_learned_shares_with_intervals_after_four_weeks(
    month: list[Row], home: Home
) -> None:
    fill(home, without_session_limit(month), T0 + 28.9 * DAY)
    shown = home.run("why", "--json").json
    assert (shown["method"], shown["evidence"]["by_days"]) == ("learned", True)
    for row in shown["models"]:
        assert 0 <= row["share"]["low"] < row["share"]["value"] < row["share"]["high"] <= 1
    assert shown["unexplained"]["low"] <= shown["unexplained"]["value"] <= shown["unexplained"]["high"]
    assert any(abs(row["share"]["value"] - row["list_price_share"]) > 0.005 for row in shown["models"])
    assert "Learned from" in home.run("why").stdout and "days of the week" in home.run("why").stdout
    assert "no reading" in home.run("next").stdout  # of the 5-hour limit, which the plan does not have


def test_a_forecast_over_a_ledger_is_the_one_of_the_bench(month: list[Row], home: Home) -> None:
    last = [row for row in month if row["type"] == "reading" and row["five_hour"]["resets_at"]][-1]
    at = last["at"] + 1
    fill(home, month, at)
    quota = import_module("quota")
    folder = home.root / "traces"
    write(folder, "trace", [row for row in month if row["at"] <= at], {})
    trace = quota.load(folder / "trace.jsonl.gz")
    account = quota.Account(trace.messages, trace.readings, trace.plans)
    expected = {
        "five_hour": account.forecast(at, last["five_hour"]["resets_at"]),
        "seven_day": account.week_forecast(at, last["seven_day"]["resets_at"]),
    }
    limits = {limit["limit"]: limit for limit in home.run("forecast", "--json").json["limits"]}
    for key, found in expected.items():
        assert limits[key]["prior_chance"] == pytest.approx(found[0].prior, abs=0.01), key
    assert limits["seven_day"]["chance"] == pytest.approx(expected["seven_day"][0].chance, abs=0.01)


def test_past_windows_of_a_ledger_are_scored_as_the_bench_scores_them(month: list[Row], home: Home) -> None:
    until = month[-1]["at"] + 1200
    fill(home, month, until)
    write(home.root / "traces", "trace", month, {})
    expected = import_module("quota").replay_export(home.root / "traces" / "trace.jsonl.gz")
    home.run("forecast")  # the first one makes forecasts of the windows that the ledger already holds
    score = home.run("forecast", "--score", "--json").json
    known = {key for key in ("five_hour", "seven_day") if expected[key]["windows"]}
    assert {limit["limit"] for limit in score["limits"]} == known
    for limit in score["limits"]:
        one = expected[limit["limit"]]
        assert limit["windows"] == one["windows"] and limit["forecasts"] == one["forecasts"], limit["limit"]
        assert limit["hit_rate"] == pytest.approx(one["hit_rate"], abs=0.001)
        assert limit["brier"] == pytest.approx(one["brier"], abs=0.002)
        assert limit["base_brier"] == pytest.approx(one["brier_base_rate"], abs=0.001)
        assert limit["is_enough"] == (limit["windows"] >= 20)


@pytest.mark.soak
def test_shared_traces_give_the_same_through_the_ledger(tmp_path: Path) -> None:
    traces = Path(os.environ.get("TACHOGRAPH_TRACES") or "-")
    if not traces.is_dir():
        pytest.skip("TACHOGRAPH_TRACES names no folder of simulated traces")
    import gzip
    import json

    kinds: set[str] = set()
    for path in sorted(traces.glob("*.jsonl.gz")):
        kind, name = path.name.split("-")[0], path.name.removesuffix(".jsonl.gz")
        if kind in kinds:
            continue
        kinds.add(kind)
        trace = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        week = json.loads((traces / f"{name}.questions.json").read_text())["weeks"][-1]
        until = week["until"]
        home = Home(tmp_path / name)
        fill(home, trace, until)
        shown = home.run("why", "--json").json
        assert shown["used_percent"] is not None, name
        expected = import_module("quota").estimate(path, {"weeks": [week]})["weeks"][0]
        assert shown["method"] == "learned", name
        assert shown["unexplained"]["value"] == pytest.approx(expected["unexplained"]["value"], abs=0.02), name
