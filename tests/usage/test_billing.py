"""What the reports say is billed beside a plan: fast mode, use after a limit on credits; and batches at half the price."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest

from helpers import Home
from meter_world import ADA, MeterWorld, iso
from meter_world import HOUR as HOUR_MS
from meter_world import MINUTE as MINUTE_MS
from tachograph.demo.records import AT, Record, assistant, limit
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import load
from tachograph.queries.usage.drivers import drivers
from tachograph.queries.usage.named_drivers import named_drivers
from tachograph.queries.usage.rows import SpendQuery

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OPUS = "claude-opus-4-8"  # 5 and 25 US dollars per million tokens


def answer(label: str, at: Any, **more: Any) -> Record:
    """An answer of 1 US dollar at standard speed."""
    return assistant(label, at=at, **{"model": OPUS, "input": 200_000, "output": 0, "stop": "end_turn", **more})


def by_speed(home: Home, *more: str) -> dict[str, tuple[int, float, float]]:
    """Messages, cost and billed cost by speed."""
    made: dict[str, tuple[int, float, float]] = {}
    for row in home.run("models", "--by", "speed", "--json", *more).json["rows"]:
        for sub in row["by"]:
            old = made.get(sub["speed"], (0, 0.0, 0.0))
            new = (sub["messages"], sub["cost_usd"], sub["billed_usd"])
            made[sub["speed"]] = tuple(round(a + b, 6) for a, b in zip(old, new, strict=True))
    return made


def test_work_that_went_on_after_a_limit_on_credits_is_billed_until_the_reset(home: Home) -> None:
    home.write(
        "p/s.jsonl",
        [
            answer("A", AT),
            limit(at=AT + MINUTE, resets_at=AT + 2 * HOUR, credits_in_use=True),
            answer("B", AT + 2 * MINUTE),
            answer("C", AT + HOUR, speed="fast"),
            limit(at=AT + HOUR, resets_at=AT + 2 * HOUR, credits_in_use=True, uuid="again"),
            answer("D", AT + 3 * HOUR),
        ],
    )
    assert by_speed(home) == {"standard": (2, 2.0, 0.0), "fast": (1, 2.0, 2.0), "credits": (1, 1.0, 1.0)}
    for report in ("daily", "sessions", "projects", "hourly", "branches", "prs", "windows"):
        document = home.run(report, "--json").json
        assert (document["totals"]["billed_usd"], document["totals"]["billed_after_limit_usd"]) == (3.0, 1.0), report
        assert sum(row["billed_usd"] for row in document["rows"]) == 3.0
        assert document["totals"]["messages"] == 4
        assert document["totals"]["cost_usd"] == 5.0
    assert home.run("daily", "--since", "2026-11-03", "--json").json["totals"]["billed_usd"] == 0
    said = " ".join(home.run("daily").stdout.split())
    assert "$2.00 in fast mode and $1.00 after a limit draw on usage credits and are billed." in said
    assert "a subscription covers $2.00 of it" in said
    rows = list(csv.DictReader(io.StringIO(home.run("export", "messages", "--format", "csv").stdout)))
    assert [row["speed"] for row in rows] == ["standard", "credits", "fast", "standard"]


def test_a_limit_of_one_model_bills_that_model_alone(home: Home) -> None:
    text = "You've hit your Opus limit · now using extra usage"
    home.write(
        "p/s.jsonl",
        [
            limit(at=AT, resets_at=AT + 9 * HOUR, kind="seven_day_opus", credits_in_use=True, text=text),
            answer("A", AT + MINUTE),
            answer("B", AT + MINUTE, model="claude-sonnet-5", uuid="b"),
        ],
    )
    totals = home.run("models", "--json").json["totals"]
    assert (totals["billed_usd"], totals["messages"]) == (1.0, 2)


def test_another_folders_limit_bills_nothing_here(home: Home) -> None:
    other = home.root / "other"
    home.env["CLAUDE_CONFIG_DIR"] = f"{home.claude},{other}"
    for folder, uuid in ((home.claude, "a-1"), (other, "a-2")):
        folder.mkdir(exist_ok=True)
        login = {"oauthAccount": {"accountUuid": uuid, "organizationUuid": "o", "emailAddress": f"{uuid}@example.org"}}
        (folder / ".claude.json").write_text(json.dumps(login))
    home.write("p/s.jsonl", [limit(at=AT, resets_at=AT + HOUR, credits_in_use=True), answer("A", AT + MINUTE)])
    home.write(other / "projects/p/t.jsonl", [answer("B", AT + MINUTE, session="t")])
    assert home.run("daily", "--json").json["totals"]["billed_usd"] == 1.0
    rows = home.run("sessions", "--json").json["rows"]
    assert {row["session"]: row["billed_usd"] for row in rows}["t"] == 0


def test_a_refusal_that_stops_work_bills_nothing(home: Home) -> None:
    home.write("p/s.jsonl", [limit(at=AT, resets_at=AT + HOUR), answer("A", AT + MINUTE)])
    assert home.run("daily", "--json").json["totals"]["billed_usd"] == 0
    assert "a subscription does not bill it" in home.run("daily").stdout


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_notice_and_answers_changes_nothing(home: Home, order: int) -> None:
    lines = [limit(at=AT, resets_at=AT + HOUR, credits_in_use=True), answer("A", AT + MINUTE), answer("B", AT + HOUR)]
    for number, line in enumerate(lines[::order]):
        home.write(f"p/{number}.jsonl", [line])
        home.run("daily")
    assert home.run("daily", "--json").json["totals"]["billed_usd"] == 1.0


def test_a_batch_costs_half_and_is_told_apart(home: Home) -> None:
    counts: dict[str, Any] = {
        "input": 1_000_000,
        "output": 200_000,
        "cache_write_1h": 1_000_000,
        "cache_read": 2_000_000,
    }
    batch = {"service_tier": "batch"}
    home.write(
        "p/s.jsonl",
        [
            assistant("A", model=OPUS, **counts, usage=batch),
            assistant("A", model=OPUS, **counts, usage=batch, at=AT + MINUTE / 60),
            assistant("B", model=OPUS, **counts, at=AT + MINUTE),
            assistant("C", model=OPUS, **counts, at=AT + MINUTE, usage=batch, geo="us"),
            assistant("D", model=OPUS, **counts, at=AT + MINUTE, usage={"service_tier": "priority"}, web_searches=10),
        ],
    )
    usd = 5 + 5 + 10 + 1
    speeds = by_speed(home)
    assert speeds["standard"][:2] == (2, 2 * usd + 0.1)
    assert speeds["batch"] == (2, round(usd / 2 + usd / 2 * 1.1, 6), 0.0)
    assert home.run("daily", "--json").json["totals"]["cost_usd"] == pytest.approx(2 * usd + 0.1 + usd / 2 * 2.1)


def test_a_filter_by_speed_gives_the_rows_of_that_speed_in_every_report(home: Home) -> None:
    home.write(
        "p/s.jsonl",
        [
            answer("A", AT),
            limit(at=AT + MINUTE, resets_at=AT + 2 * HOUR, credits_in_use=True),
            answer("B", AT + 2 * MINUTE),
            assistant("E", at=AT + 3 * MINUTE, model=OPUS, input=200_000, output=0, usage={"service_tier": "batch"}),
            answer("C", AT + HOUR, speed="fast"),
            answer("D", AT + 3 * HOUR),
        ],
    )
    expected = {
        "standard": (2, 2.0, 0.0),
        "fast": (1, 2.0, 2.0),
        "credits": (2, 1.5, 1.5),
        "batch": (0, 0.0, 0.0),
    }
    for speed, sums in expected.items():
        for report in ("daily", "sessions", "projects", "models", "hourly", "branches", "prs", "windows"):
            totals = home.run(report, "--speed", speed, "--json").json["totals"]
            found = (totals["messages"], totals["cost_usd"] or 0.0, totals["billed_usd"])
            assert found == sums, (report, speed)
            assert home.run(report, "--speed", speed).code == 0
        drivers = home.run("drivers", "--since", "2026-11-01", "--speed", speed, "--json").json
        assert drivers["totals"]["messages"] == sums[0]
        subs = [
            sub
            for row in home.run("daily", "--speed", speed, "--by", "speed", "--json").json["rows"]
            for sub in row["by"]
        ]
        assert {sub["speed"] for sub in subs} <= {speed}
        assert sum(sub["messages"] for sub in subs) == sums[0]


# -- told by readings ------------------------------------------------------------------------------------------


def cache(world: MeterWorld, five: float, used: int, resets_at: int, **more: Any) -> None:
    """An answer of the usage endpoint, read at once."""
    extra = {"is_enabled": True, "monthly_limit": None, "used_credits": used, "currency": "USD", "decimal_places": 2}
    window = {"utilization": five, "resets_at": iso(resets_at)}
    world.cache({"five_hour": window, "seven_day": {**window, "utilization": 60}, "extra_usage": extra, **more})
    world.limits()


def billed(world: MeterWorld) -> tuple[int, int]:
    """Messages on credits, of all."""
    rows = world.run("models", "--by", "speed", "--json").json["rows"]
    subs = [sub for row in rows for sub in row["by"]]
    return sum(sub["messages"] for sub in subs if sub["speed"] == "credits"), sum(sub["messages"] for sub in subs)


def test_money_spent_at_100_percent_bills_the_work_since_then_until_the_reset(home: Home) -> None:
    world = MeterWorld(home)
    resets_at = world.at + 2 * HOUR_MS
    world.login(ADA)
    world.answer()
    world.wait(MINUTE_MS)
    cache(world, 100, 1000, resets_at)
    world.wait(10 * MINUTE_MS)
    world.answer()
    assert billed(world) == (0, 2)  # nothing says yet that it was not the plan's
    world.wait(10 * MINUTE_MS)
    cache(world, 100, 1150, resets_at)
    world.answer()
    world.wait(2 * HOUR_MS)
    world.answer()
    assert billed(world) == (2, 4)
    assert world.run("daily", "--speed", "credits", "--json").json["totals"]["messages"] == 2
    assert "after a limit draws on usage credits and is billed" in " ".join(world.run("daily").stdout.split())


@pytest.mark.parametrize(
    ("percents", "amounts", "later"),
    [
        ((100, 100), (1000, 1000), 0),  # nothing was spent
        ((99, 99), (1000, 1200), 0),  # fast mode draws on credits below the limit, too
        ((99, 100), (1000, 1200), 0),  # the limit was reached in between, at an unknown moment
        ((100, 100), (1000, 20), 0),  # a new month
        ((100, 100), (1000, 1200), 3 * HOUR_MS),  # another window
    ],
)
def test_readings_that_do_not_prove_it_bill_nothing(
    home: Home, percents: tuple[int, int], amounts: tuple[int, int], later: int
) -> None:
    world = MeterWorld(home)
    resets_at = world.at + 2 * HOUR_MS
    world.login(ADA)
    cache(world, percents[0], amounts[0], resets_at)
    world.wait(10 * MINUTE_MS + later)
    world.answer()
    cache(world, percents[1], amounts[1], resets_at + later)
    world.answer()
    assert billed(world) == (0, 2)


def test_a_model_s_week_at_100_percent_bills_that_model_alone(home: Home) -> None:
    world = MeterWorld(home)
    resets_at = world.at + 2 * HOUR_MS
    opus = {"seven_day_opus": {"utilization": 100, "resets_at": iso(resets_at)}}
    world.login(ADA)
    cache(world, 50, 1000, resets_at, **opus)
    world.wait(10 * MINUTE_MS)
    world.answer()
    world.answer(model="claude-sonnet-5")
    cache(world, 50, 1200, resets_at, **opus)
    assert billed(world) == (1, 2)


@pytest.mark.parametrize("speeds", [(), ("credits",), ("standard",), ("fast", "credits")])
def test_drivers_from_quarter_hours_tell_credits_apart_as_drivers_from_messages_do(
    home: Home, speeds: tuple[str, ...]
) -> None:
    home.write(
        "p/s.jsonl",
        [
            answer("A", AT, effort="high"),
            limit(at=AT + MINUTE, resets_at=AT + 2 * HOUR, credits_in_use=True),
            answer("B", AT + 2 * MINUTE, effort="high"),
            answer("C", AT + HOUR, speed="fast"),
            answer("D", AT + 3 * HOUR),
        ],
    )
    home.ingest()
    query = SpendQuery("day", Span(None, None), ways=(("speed", speeds),) if speeds else ())
    with home.ledger() as ledger:
        book = load({})[0]
        exact, quick = drivers(ledger.db, book, query), named_drivers(ledger.db, book, query)
    assert quick.total == exact.total
    named = {(row.kind, row.name): row.spend for row in exact.rows if row.kind != "long_context"}
    assert {(row.kind, row.name): row.spend for row in quick.rows} == named
