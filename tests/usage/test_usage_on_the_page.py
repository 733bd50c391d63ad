"""What the local page and its JSON routes say of pull requests, unread folders, billed work and the hour that comes twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helpers import Home
from served_dashboard import serving
from tachograph.demo.records import AT, Record, assistant, limit, pr_link

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TZ = "timezone=Europe/Berlin"


def answer(label: str, at: datetime, session: str, **more: Any) -> Record:
    settled: dict[str, Any] = {"model": "claude-opus-4-8", "input": 200_000, "output": 0, "uuid": f"u-{label}"}
    return assistant(label, at=at, session=session, request=f"r-{label}", **{**settled, **more})


def test_the_page_of_pull_requests_tells_session_and_branch_apart_as_the_report_does(home: Home) -> None:
    home.write(
        "p/s.jsonl",
        [
            answer("A", AT, "s", branch="main"),
            answer("B", AT + MINUTE, "s", branch="checkout"),
            pr_link(7, at=AT + 2 * MINUTE, session="s"),
        ],
    )
    home.write("p/t.jsonl", [answer(f"C{n}", AT + HOUR + n * MINUTE, "t", branch="checkout") for n in range(3)])
    home.write("p/u.jsonl", [answer("D", AT + DAY, "u", branch="main")])
    row = next(row for row in home.report("prs")["rows"] if row["pr"])
    assert (row["messages"], row["by_branch"]) == (5, {"messages": 3, "cost_usd": 3.0})
    with serving(home) as served:
        text = served.get("/pulls?range=all").text
        assert "$2.00 by session, $3.00 by branch alone" in text
        assert "By branch" in text
        pulls = served.data("/api/pulls?range=all")
        linked = next(row for row in pulls["rows"] if row["pr"])
        assert linked["by_branch"] == {"messages": 3, "cost_usd": 3.0}


def test_the_page_names_folders_that_are_not_read_and_what_is_billed(home: Home) -> None:
    home.write("p/s.jsonl", [limit(at=AT, resets_at=AT + HOUR, credits_in_use=True), answer("A", AT + MINUTE, "s")])
    other = home.root / ".claude-work"
    home.write(other / "projects/p/w.jsonl", [answer("W", AT + DAY, "w")])
    home.env["CLAUDE_CONFIG_DIR"] = f"{home.claude},{other}"
    home.run("daily")
    other.rename(home.root / "moved")
    with serving(home) as served:
        assert f"Not read: {other}" in served.get("/usage?range=all").text
        totals = served.data("/api/totals?range=all")["totals"]
        assert (totals["billed_usd"], totals["billed_after_limit_usd"], totals["messages"]) == (1.0, 1.0, 2)
        answered = served.get("/api/totals?range=all", Authorization=f"Bearer {token(home)}")
        assert answered.status == 200
        assert answered.json["problems"]["folders_not_read"] == [str(other)]


def token(home: Home) -> str:
    return home.run("dashboard", "--token").stdout.strip()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_the_hours_of_an_autumn_night_are_in_order_in_json_csv_table_and_route(home: Home, zone: str) -> None:
    night = {
        "Europe/Berlin": datetime(2026, 10, 24, 22, 30, tzinfo=UTC),
        "America/New_York": datetime(2026, 11, 1, 3, 30, tzinfo=UTC),
        "Australia/Lord_Howe": datetime(2026, 4, 4, 12, 45, tzinfo=UTC),
    }[zone]
    home.write("p/s.jsonl", [answer(f"H{n}", night + n * HOUR, "s") for n in range(6)])
    rows = home.run("hourly", "--timezone", zone, "--json").json["rows"]
    periods = [row["period"] for row in rows]
    moments = [datetime.fromisoformat(period) for period in periods]
    assert moments == sorted(moments) and len(set(moments)) == len(periods)
    assert sum(row["messages"] for row in rows) == 6
    csv = home.run("hourly", "--timezone", zone, "--csv").stdout.splitlines()[1:]
    assert [line.split(",")[0] for line in csv] == periods
    table = home.run("hourly", "--timezone", zone).stdout.splitlines()[1 : len(rows) + 1]
    shown = [line.split("  ")[0].strip().replace(" ", "T", 1) for line in table]
    assert [one.replace(" ", "") for one in shown] == periods
    home.data.joinpath("settings.toml").write_text(f'timezone = "{zone}"\n')
    with serving(home) as served:
        found = served.data("/api/spend?range=all&along=hour")["rows"]
        assert [row["period"] for row in found] == periods


def test_a_parameter_that_a_route_does_not_know_is_an_error_that_names_those_it_knows(
    home: Home,
) -> None:
    home.write("p/s.jsonl", [answer("A", AT, "s")])
    with serving(home) as served:
        for route in ("totals", "spend", "pulls", "hours"):
            found = served.get(f"/api/{route}?rnage=7d", Authorization=f"Bearer {token(home)}")
            assert found.status == 400, route
            assert "has no parameter 'rnage'" in found.json["error"]["message"]
            assert found.json["error"]["hint"].startswith("Parameters: ")
