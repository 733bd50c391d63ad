"""Ranges, filters, orders, prices and windows of the reports."""

from datetime import timedelta
from typing import Any

import pytest

from helpers import REPORTS, Home, added, flat, tokens
from report_output import cost, periods
from tachograph.demo.records import AT, assistant
from tachograph.errors import NotFound

# -- ranges and filters ----------------------------------------------------------------------------------------


def numbers(home: Home, *arguments: str) -> list[int]:
    return [int(str(period)[8:]) for period in periods(home, "daily", *arguments)]


def test_since_and_until_are_inclusive(days: Home) -> None:
    assert numbers(days, "--since", "2026-11-05", "--until", "2026-11-07") == [5, 6, 7]
    assert numbers(days, "--since", "20261121") == [21, 22, 23]
    assert numbers(days, "--until", "2026-11-02") == [1, 2]
    assert numbers(days, "--since", "2026-11-05", "--until", "2026-11-05") == [5]
    assert numbers(days, "--since", "2d") == [21, 22, 23]
    assert numbers(days, "--since", "yesterday", "--until", "yesterday") == [22]
    assert numbers(days, "--since", "today") == [23]


def test_ranges_are_cut_in_the_readers_zone(days: Home) -> None:
    """23:00 UTC is midnight in Berlin: every answer stands on the next day there."""
    assert numbers(days, "--since", "2026-11-05", "--until", "2026-11-07", "--timezone", "Europe/Berlin") == [5, 6, 7]
    document = days.report("daily", "--since", "2026-11-05", "--until", "2026-11-05", "--timezone", "Europe/Berlin")
    assert document["totals"]["tokens"]["output"] == 4
    assert (document["timezone"], document["range"]) == (
        "Europe/Berlin",
        {"since": "2026-11-05", "until": "2026-11-05"},
    )


def test_trap_17_every_report_takes_the_last_day_whole(days: Home) -> None:
    for report in REPORTS:
        document = days.report(report, "--since", "2026-11-10", "--until", "2026-11-12")
        assert flat(document["totals"]) == tokens(messages=3, input=30, output=33), report
        assert added(document["rows"]) == flat(document["totals"]), report


def test_last_counts_periods_and_days(days: Home) -> None:
    assert numbers(days, "--last", "3") == [21, 22, 23]
    assert periods(days, "weekly", "--last", "2") == ["2026-11-16", "2026-11-23"]
    assert periods(days, "monthly", "--last", "1") == ["2026-11"]
    assert periods(days, "hourly", "--last", "14") == ["2026-11-22T23:00+00:00"]
    assert days.report("models", "--last", "2")["totals"]["messages"] == 2


def test_trap_18_a_week_begins_on_monday_or_where_told_in_every_report(days: Home) -> None:
    assert periods(days, "weekly")[:2] == ["2026-10-26", "2026-11-02"]
    assert periods(days, "weekly", "--week-start", "sunday")[:2] == ["2026-11-01", "2026-11-08"]
    assert periods(days, "weekly", "--week-start", "sat")[:2] == ["2026-10-31", "2026-11-07"]
    by_day = days.report("weekly", "--by", "day")["rows"][1]
    assert [sub["period"] for sub in by_day["by"]] == [f"2026-11-{day:02}" for day in range(2, 9)], by_day["period"]


def test_filters_narrow_every_report(days: Home) -> None:
    days.write("b/s.jsonl", [assistant("S", model="claude-sonnet-4-6", session="son", output=1, cwd="/x/other")])
    odd = sum(range(1, 24, 2))
    for report in REPORTS:
        assert days.report(report, "--project", "p1")["totals"]["tokens"]["output"] == odd, report
        assert days.report(report, "--model", "sonnet-4-6")["totals"]["messages"] == 1, report
        both = days.report(report, "--project", "p1", "--project", "other", "--model", "sonnet")["totals"]
        assert both["messages"] == 1, report


@pytest.mark.parametrize("flag", ["--project", "--model"])
def test_a_name_that_is_not_there_is_said_to_be_so(days: Home, flag: str) -> None:
    with pytest.raises(NotFound) as error:
        days.call("daily", flag, "nowhere")
    assert "'nowhere'" in error.value.message
    assert "p1" in error.value.hint or "opus-5-5" in error.value.hint
    assert days.run("daily", flag, "nowhere", code=1).stdout == ""


def test_no_ingest_shows_what_the_ledger_holds(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A")])
    assert home.report("daily", "--no-ingest")["totals"]["messages"] == 0
    assert home.report("daily")["totals"]["messages"] == 1
    home.append("a/s.jsonl", [assistant("B")])
    assert home.report("daily", "--no-ingest")["totals"]["messages"] == 1


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [("cost", "cba"), ("tokens", "bca"), ("messages", "acb"), ("name", "abc")],
)
def test_rows_are_sorted_as_asked(home: Home, sort: str, wanted: str) -> None:
    opus, haiku = "claude-opus-5-5", "claude-haiku-4-5"
    lines = [assistant(f"A{n}x", cwd="/x/a", model=haiku, output=1) for n in range(3)]
    lines += [assistant("B", cwd="/x/b", model=haiku, output=3000)]
    lines += [assistant(f"C{n}x", cwd="/x/c", model=opus, output=1000) for n in range(2)]
    home.write("a/s.jsonl", lines)
    assert "".join(row["project"] for row in home.report("projects", "--sort", sort)["rows"]) == wanted


def test_sessions_sorted_by_time_are_in_order(days: Home) -> None:
    rows = days.report("sessions", "--sort", "time")["rows"]
    ended = [row["ended_at"] for row in rows]
    assert ended in (sorted(ended), sorted(ended, reverse=True))


def test_a_day_with_25_hours_adds_up(home: Home) -> None:
    """Berlin puts its clocks back on 2026-10-25 at 01:00 UTC: two hours are called 02:00, told apart by their offset."""
    start = AT.replace(month=10, day=24, hour=20, minute=30)
    home.write("a/s.jsonl", [assistant(f"H{n}x", at=start + n * timedelta(hours=1)) for n in range(30)])
    zone = ("--timezone", "Europe/Berlin")
    hours = [period for period in periods(home, "hourly", *zone) if str(period).startswith("2026-10-25")]
    assert len(hours) == 25
    assert {"2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"} <= set(hours)
    assert home.report("daily", *zone, "--since", "2026-10-25", "--until", "2026-10-25")["totals"]["messages"] == 25


# -- prices and windows ----------------------------------------------------------------------------------------


def test_trap_14_an_hour_of_cache_costs_more_than_five_minutes(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", model="claude-opus-4-6", input=0, output=0, cache_write_1h=1_000_000)])
    assert cost(home) == 10.0


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        ("claude-sonnet-4-5", {"input": 300_000, "output": 0}, 1.80),
        ("claude-sonnet-4-5", {"input": 100_000, "cache_read": 150_000, "output": 10_000}, 0.915),
        ("claude-sonnet-4-5", {"input": 200_000, "output": 0}, 0.60),
        ("claude-opus-4-6", {"input": 300_000, "output": 0}, 1.50),
    ],
)
def test_trap_15_a_long_request_is_priced_as_a_whole(
    home: Home, model: str, usage: dict[str, Any], dollars: float
) -> None:
    home.write("a/s.jsonl", [assistant("A", model=model, **usage)])
    assert cost(home) == pytest.approx(dollars, abs=1e-12)


def test_trap_16_searches_cost_and_a_place_multiplies(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", model="claude-opus-4-6", input=0, output=0, web_searches=100)])
    assert cost(home) == 1.0
    line = assistant("B", model="claude-opus-4-6", input=1_000_000, output=0, geo="us", web_searches=0)
    home.append("a/s.jsonl", [line])
    assert cost(home) == pytest.approx(1 + 5 * 1.1, abs=1e-12)


def test_trap_22_a_window_lasts_five_hours_from_its_first_message(home: Home) -> None:
    """Asked at exactly five hours later, a message opens the next; it does not begin at the full hour."""
    first = AT.replace(hour=10, minute=59)
    later = [first + timedelta(hours=4, minutes=59, seconds=59), first + timedelta(hours=5)]
    home.write("a/s.jsonl", [assistant(f"M{n}", at=at) for n, at in enumerate((first, *later))])
    rows = home.report("windows")["rows"]
    assert [(row["starts_at"][11:16], row["ends_at"][11:16], row["messages"]) for row in rows] == [
        ("10:59", "15:59", 2),
        ("15:59", "20:59", 1),
    ]


def test_a_filter_does_not_move_a_window(home: Home) -> None:
    lines = [assistant("A", at=AT), assistant("B", at=AT + timedelta(hours=2), model="claude-haiku-4-5")]
    home.write("a/s.jsonl", lines)
    (row,) = home.report("windows", "--model", "haiku")["rows"]
    assert (row["starts_at"][11:16], row["messages"]) == ("09:00", 1)
