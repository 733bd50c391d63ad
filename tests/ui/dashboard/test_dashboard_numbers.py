"""The dashboard shows the numbers of the reports, for every filter and grouping, and addresses hold the whole view."""

import json
import re
import sqlite3
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from dashboard_pages import Found
from helpers import NOW, NOW_MS
from served_dashboard import SESSION, Served, go_on
from tachograph.demo import records
from tachograph.ledger.limits import readings
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import AccountId, Limit, Reading
from tachograph.queries.estimates.scoring import Calibration, calibration


def _filters(served: Served) -> list[tuple[dict[str, str], list[str]]]:
    """Ranges and filters as the page has them, and the flags of the same reports."""
    made: list[tuple[dict[str, str], list[str]]] = []
    for range_, flags in (
        ({"range": "today"}, ["--last", "1"]),
        ({"range": "7d"}, ["--last", "7"]),
        ({}, ["--last", "30"]),
        ({"range": "all"}, []),
        ({"since": "2026-11-03", "until": "2026-11-09"}, ["--since", "2026-11-03", "--until", "2026-11-09"]),
    ):
        for narrowed, more in (
            ({}, []),
            ({"project": "/home/ada/code/shop"}, ["--project", "/home/ada/code/shop"]),
            ({"model": "claude-opus-5-5"}, ["--model", "claude-opus-5-5"]),
        ):
            made.append(({**range_, **narrowed}, [*flags, *more]))
    return made


def test_pages_and_routes_say_what_the_reports_say_for_every_filter(served: Served) -> None:
    home = served.home
    for asked, flags in _filters(served):
        query = urlencode(asked)
        wanted = home.report("daily", *flags)["totals"]
        assert served.data(f"/api/totals?{query}")["totals"] == wanted, asked
        page = Found(served.get(f"/usage?{query}").text)
        assert page.value("total-messages") == wanted["messages"]
        assert page.value("total-tokens") == sum(wanted["tokens"].values())
        if wanted["messages"]:
            assert page.value("total-cost") == wanted["cost_usd"]
        sessions = home.report("sessions", *flags)
        for report, along in (("models", "model"), ("projects", "project"), ("branches", "branch"), ("prs", "pr")):
            rows = home.report(report, *flags)
            assert served.data(f"/api/spend?along={along}&{query}")["rows"] == rows["rows"], (asked, along)
        data = served.data(f"/api/spend?along=session&by=model&{query}")
        assert data["totals"] == sessions["totals"]
        assert [row["session"] for row in data["rows"]] == [row["session"] for row in sessions["rows"]]


def test_rows_add_up_to_totals(served: Served) -> None:
    for query in ("", "range=all", "range=7d&model=claude-opus-5-5"):
        totals = served.data(f"/api/totals?{query}")["totals"]
        cost = totals["cost_usd"] or 0
        hours = [used for day in served.data(f"/api/hours?{query}")["days"] for used in day]
        assert sum(used["messages"] for used in hours) == totals["messages"]
        assert sum(used["cost_usd"] or 0 for used in hours) == pytest.approx(cost, abs=1e-9)
        for along in ("day", "project", "model", "branch", "session", "pr"):
            rows = served.data(f"/api/spend?along={along}&{query}")["rows"]
            assert sum(row["messages"] for row in rows) == totals["messages"]
            assert sum(row["cost_usd"] or 0 for row in rows) == pytest.approx(cost, abs=1e-9)
        pulls = served.data(f"/api/pulls?{query}")
        assert pulls["totals"] == totals
        assert sum(row["cost_usd"] or 0 for row in pulls["rows"]) == pytest.approx(cost, abs=1e-9)


def test_a_range_of_centuries_is_as_large_as_what_there_is(served: Served) -> None:
    whole = served.get("/usage?range=all").text
    for range_ in ("since=1000-01-01&until=9999-12-30", "since=1000-01-01", "until=9999-12-30"):
        for stack in ("model", "class"):
            text = served.get(f"/usage?{range_}&stack={stack}").text
            assert len(text) < len(whole) * 1.3, range_
        assert served.data(f"/api/totals?{range_}")["totals"] == served.data("/api/totals?range=all")["totals"]
    for range_ in ("since=1000-01-01&until=1000-02-01", "since=9990-01-01", "since=2030-01-01&until=2031-01-01"):
        answer = served.get(f"/usage?{range_}")
        assert answer.status == 200 and "data-version" in answer.text
        assert Found(answer.text).value("total-messages") == 0


def test_what_runs_is_known_without_reading_whole_sessions(small: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on(small.home, 2)
    agents = [
        records.assistant(f"a{n}", at=NOW - timedelta(minutes=ago), session=SESSION, agent=f"a{n}", input=7 + n)
        for n, ago in enumerate((1, 2, 90))
    ]
    alone = "5e551011-0000-4000-8000-00000000a10e"
    agents.append(records.assistant("b", at=NOW - timedelta(minutes=1), session=alone, agent="b", input=5))
    small.home.write("p/agents.jsonl", agents)
    small.home.ingest()

    def never(*_: object) -> None:
        raise AssertionError("a whole session was read")

    monkeypatch.setattr("tachograph.ledger.usage.sessions.turns", never)
    rows = {row["session"]: row for row in small.data("/api/running")["rows"]}
    assert (rows[SESSION]["context_tokens"], rows[SESSION]["agents"]) == (130_003, 2)
    assert (rows[alone]["context_tokens"], rows[alone]["agents"]) == (None, 1)


def test_a_branch_and_a_pull_request_narrow_as_their_rows_say(served: Served) -> None:
    row = next(row for row in served.data("/api/spend?along=pr&range=all")["rows"] if row["pr"])
    narrowed = served.data("/api/totals?" + urlencode({"range": "all", "pr": row["pr"]["url"]}))["totals"]
    assert narrowed["cost_usd"] == row["cost_usd"] and narrowed["messages"] == row["messages"]
    session = served.data("/api/spend?along=session&range=all")["rows"][0]
    narrowed = served.data(f"/api/totals?range=all&session={session['session']}")["totals"]
    assert narrowed["messages"] == session["messages"]
    assert served.data("/api/totals?range=all&branch=not-there")["totals"]["messages"] == 0


def test_spend_by_class_of_token_is_the_whole_and_worked_out_by_hand(small: Served) -> None:
    line = records.assistant(
        "one", at=NOW, model="claude-opus-5-5", input=1_000_000, output=100_000, cache_read=2_000_000
    )
    small.home.write("p/a.jsonl", [line])
    small.home.ingest()
    text = small.get("/usage?range=today&stack=class").text
    chart = json.loads(
        next(attrs["data-chart"] or "" for _, attrs in Found(text).elements if attrs.get("id") == "chart-spend")
    )
    sums = {one["label"]: sum(one["values"]) for one in chart["series"]}
    total = small.data("/api/totals?range=today")["totals"]["cost_usd"]
    assert sums["Output"] == pytest.approx(2.0)  # 0.1 M at 20 USD
    assert sum(sums.values()) == pytest.approx(total)


def test_what_caching_saved_is_worked_out_by_hand(small: Served) -> None:
    """A million tokens from the cache of a model at 4 USD, read at 0.20: 3.80 saved; 100,000 written for an hour at 8: 0.40."""
    line = records.assistant(
        "one", at=NOW, model="claude-opus-5-5", cache_read=1_000_000, cache_write_1h=100_000, input=0, output=0
    )
    small.home.write("p/a.jsonl", [line])
    small.home.ingest()
    found = small.data("/api/caching?range=today")
    assert found["saved_usd"] == pytest.approx(3.80 - 0.40)
    assert found["hit_rate"] == pytest.approx(1_000_000 / 1_100_000)


def test_how_chances_did_is_added_up_in_the_ledger_and_once_for_several_looks(
    small: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tachograph.ledger.estimates import forecasts

    def one_by_one(*_: object) -> list[forecasts.StoredForecast]:
        raise AssertionError("a row for every forecast that was ever made")

    asked: list[object] = []

    def counted(db: sqlite3.Connection) -> Calibration:
        asked.append(db)
        return calibration(db)

    monkeypatch.setattr(forecasts, "outcomes", one_by_one)
    monkeypatch.setattr("tachograph.ui.dashboard.pages.forecasts.calibration", counted)
    with small.home.ledger() as ledger, ledger.transaction() as db:
        for n in range(8):
            made = forecasts.StoredForecast(
                1, "five_hour", NOW_MS, NOW_MS - n * 900_000, 40.0, 0.72, 0.7, None, None, None, 1
            )
            forecasts.store(db, made)
        db.execute("UPDATE forecast SET hit = at % 2, scored_at = 1")
    for _ in range(3):
        shown = small.get("/limits").text
        assert "How 8 forecasts turned out" in shown
    assert len(asked) == 1
    assert re.search(r"5-hour: 1 window, \d+ % of them reached the limit; too few to judge", shown)  # each limit apart
    assert "Windows that reached it" in shown


def test_what_is_nobodys_is_in_no_window_and_is_said_to_be(small: Served) -> None:
    at = NOW - timedelta(minutes=10)
    small.home.write("p/a.jsonl", [records.assistant(name, at=at, session="S-nobody") for name in ("one", "two")])
    small.home.ingest()
    with small.home.ledger() as ledger, ledger.transaction() as db:
        limit = Limit("five_hour", "5-hour", "session", 40.0, NOW_MS + 3_600_000)
        readings.append(db, Strings(db), Reading("oauth", NOW_MS, account=AccountId("ada", "o"), limits=(limit,)))
    said = "2 messages of an unknown account are left out."
    assert said in small.get("/limits").text
    assert said in small.get("/sessions/S-nobody").text
    found = small.data("/api/windows")
    assert (found["unknown_account_messages"], found["windows"][0]["used"]["messages"]) == (2, 0)


def test_a_session_adds_up_with_its_subagents_and_tools(served: Served) -> None:
    row = next(row for row in served.data("/api/spend?along=session")["rows"] if row["session"] != SESSION)
    for id, cost in ((row["session"], row["cost_usd"]), (SESSION, None)):
        data = served.data(f"/api/session?id={id}")
        total = data["totals"]["cost_usd"]
        assert cost is None or total == pytest.approx(cost)
        assert sum(step["cost_usd"] or 0 for step in data["messages"]) == pytest.approx(total)
        assert data["messages"][-1]["so_far_usd"] == pytest.approx(total)
        assert sum(tool["cost_usd"] or 0 for tool in data["tools"]) <= total + 1e-9
    assert [tool["tool"] for tool in data["tools"]] == ["Bash"]  # the session at work calls nothing else
    assert data["tools"][0]["cost_usd"] == pytest.approx(total)


def test_the_tools_of_a_transcript_that_is_gone_are_unknown(small: Served) -> None:
    go_on(small.home)
    assert small.data(f"/api/session?id={SESSION}")["tools"]
    (small.home.projects / "-home-ada-code-shop" / f"{SESSION}.jsonl").unlink()
    assert small.data(f"/api/session?id={SESSION}")["tools"] is None
    assert "Tools: unknown" in small.get(f"/sessions/{SESSION}").text


def test_the_comparison_is_with_the_same_stretch_before(served: Served) -> None:
    home = served.home
    before = home.report("daily", "--since", "2026-11-03", "--until", "2026-11-09")["totals"]
    data = served.data("/api/totals?since=2026-11-10&until=2026-11-16")
    assert data["before"] == before


def test_an_address_says_the_whole_view_and_nonsense_in_it_is_passed_over(served: Served) -> None:
    text = served.get(
        "/usage?range=7d&project=/home/ada/code/shop&model=claude-opus-5-5&compare=off&stack=project"
    ).text
    assert "Last 7 days · /home/ada/code/shop · opus-5-5" in re.sub(r"<[^>]+>", "", text)
    for query in (
        "range=never",
        "since=never",
        "stack=x&measure=y&sort=z",
        "project=" + "x" * 5000,
        "a=b" * 500,
        "range=%00",
        "since=2026-12-01&until=2026-01-01",
    ):
        answer = served.get(f"/usage?{query}")
        assert answer.status == 200, query
