"""Forecasts of limits on a team's hub: sent by the person's own machine, and only where others may see the limits."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW_MS, Home
from hub_server import Hub, Relay, hub, identity, join, post, sync, token_of
from hub_team import get, pipe, team, work
from postgres_server import fresh_schema

MINUTE = 60_000
SENT = b'"forecasts":[['  # as a machine sends them
SESSION = "5e55101a-0000-4000-8000-000000000001"
FORECAST = "SELECT key, chance, ends_low, ends_high FROM limit_now WHERE chance IS NOT NULL ORDER BY key"


def read_limits(machine: Home, percent: float, at: int = NOW_MS) -> None:
    """A status line reports limits at a moment, after one twenty minutes before."""
    for moment, value in ((at - 20 * MINUTE, percent - 5), (at, percent)):
        pipe(machine, SESSION, moment, value, int(value * 100), str(machine.claude))


def pair(folder: Path, served: Hub, at: int = NOW_MS) -> tuple[Home, Home]:
    """An owner, and a member with limits that were read at a moment."""
    served.home.run("hub", "policy", "team")
    ada = team(folder, served, {"ada": "owner"})["ada"]
    bob = Home(folder / "bob")
    (bob.claude / ".claude.json").write_text(identity(0))
    work(bob, "bob")
    bob.run("now")
    read_limits(bob, 60, at)
    join(bob, served.invite("bob"), "bob-laptop", "--share", "names")
    return ada, bob


def limits_of(machine: Home) -> dict[str, Any]:
    return {row["limit"]: row for row in machine.call("team", "limits", "--json").json["rows"]}


def check_everywhere(folder: Path, database: str = "") -> None:
    with hub(folder / "hub", database=database) as served:
        ada, bob = pair(folder, served)
        bob.run("team", "allow", "limits", "team")
        sync(bob)
        own = {row["limit"]: row for row in bob.call("forecast", "--json", "--no-ingest").json["limits"]}
        shown = limits_of(ada)
        assert shown.keys() == {"five_hour", "seven_day"}
        for key, row in shown.items():
            assert row["percent"] == own[key]["percent"]
            assert row["chance"] == pytest.approx(own[key]["chance"], abs=1e-3)
            for part in ("value", "low", "high"):
                assert row["ends_at_percent"][part] == pytest.approx(own[key]["ends_at_percent"][part], abs=0.1)
        assert get(served, "limits", token_of(ada))[1]["rows"][0]["chance"] is not None
        heading, first, *_ = ada.call("team", "limits", "--csv").stdout.splitlines()
        cells = dict(zip(heading.split(","), first.split(","), strict=True))
        assert float(cells["ends_low_percent"]) <= float(cells["ends_high_percent"])
        assert float(cells["chance"]) == shown[cells["limit"]]["chance"]
        said = ada.run("team", "limits", env={"COLUMNS": "140"}).stdout
        assert "Chance" in said and "At reset" in said and "eight of ten" in said


def test_a_forecast_of_the_own_machine_is_in_every_answer_about_limits(tmp_path: Path) -> None:
    check_everywhere(tmp_path)


@pytest.mark.slow
def test_forecasts_are_the_same_on_postgresql(tmp_path: Path) -> None:
    with fresh_schema() as database:
        check_everywhere(tmp_path, database)


@pytest.mark.parametrize("hidden_by", ["choice", "policy"])
def test_no_forecast_leaves_a_machine_while_limits_are_for_oneself(tmp_path: Path, hidden_by: str) -> None:
    with hub(tmp_path / "hub") as served:
        _, bob = pair(tmp_path, served)
        if hidden_by == "policy":
            bob.run("team", "allow", "limits", "team")
            served.home.run("hub", "policy", "self")
        read_limits(bob, 70, NOW_MS)
        relay = Relay(served.port)
        text = (bob.data / "hub.json").read_text()
        (bob.data / "hub.json").write_text(text.replace(f":{served.port}", f":{relay.port}"))
        sync(bob)
        assert b"/hub/1/push" in relay.recorded and SENT not in relay.plain()
        assert served.rows(FORECAST) == []
        assert [row["chance"] for row in limits_of(bob).values()] == [None, None]
        bob.run("team", "allow", "limits", "team")
        served.home.run("hub", "policy", "team")
        sync(bob)
        assert SENT in relay.plain()


def test_a_forecast_goes_with_the_yes_the_reading_and_the_member(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        ada, bob = pair(tmp_path, served)
        bob.run("team", "allow", "limits", "team")
        sync(bob)
        assert len(served.rows(FORECAST)) == 2
        # a machine that sends no forecasts reports a newer reading: the forecast of the older one is shown no more
        served.run_sql(f"UPDATE limit_now SET observed_at = observed_at + {5 * MINUTE} WHERE key = 'five_hour'")
        shown = limits_of(ada)
        assert shown["five_hour"]["chance"] is None and shown["five_hour"]["ends_at_percent"] is None
        assert shown["seven_day"]["chance"] is not None
        # the same for one of another window
        served.run_sql(f"UPDATE limit_now SET resets_at = resets_at + {60 * MINUTE} WHERE key = 'seven_day'")
        assert limits_of(ada)["seven_day"]["chance"] is None
        said = ada.run("team", "limits", env={"COLUMNS": "140"}).stdout
        assert "eight of ten" not in said and "0 %" not in said.replace("60 %", "")
        bob.run("team", "allow", "limits", "self")
        assert served.rows(FORECAST) == []
        bob.run("team", "allow", "limits", "manager")
        sync(bob)
        assert (
            len(served.rows(FORECAST)) == 2 and limits_of(ada)["seven_day"]["chance"] is None
        )  # still of another window
        served.home.run("hub", "remove", "bob", "--erase")
        assert served.rows("SELECT count(*) FROM limit_now WHERE member = 2") == [(0,)]


def test_a_newer_reading_of_the_same_percentage_keeps_its_forecast(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        ada, bob = pair(tmp_path, served, NOW_MS - 4 * MINUTE)
        bob.run("team", "allow", "limits", "team")
        sync(bob)
        before = limits_of(ada)
        pipe(bob, SESSION, NOW_MS, 60, 9_000, str(bob.claude))
        sync(bob)
        after = limits_of(ada)
        assert after["five_hour"]["observed_at"] > before["five_hour"]["observed_at"]
        assert after["five_hour"]["chance"] == before["five_hour"]["chance"] is not None


@pytest.mark.parametrize(
    "value",
    [
        "all", [[]], [["a", "five_hour", 1, 1, 2.0, 1, 1, 1]], [["a", "five_hour", 1, 1, True, 1, 1, 1]],
        [["a", "five_hour", 1, 1, 0.5, 9, 10, 1]], [["a", 5, 1, 1, 0.5, 1, 1, 1]], [["a" * 900, "k", 1, 1, 0.5, 1, 1, 1]],
        [["a", "k", -1, 1, 0.5, 1, 1, 1]], [["a", "k", 1, 1, None, 1, 1, 1]], [[0] * 8] * 101,
    ],
)  # fmt: skip
def test_a_forecast_that_no_machine_makes_is_refused_and_the_rest_of_the_push_lands(value: object) -> None:
    from tachograph.hub.forecasts import shared_forecasts

    good, bad = shared_forecasts(value)
    assert good == [] and bad == 1


def test_a_push_without_forecasts_and_one_with_bad_ones_are_taken(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        _, bob = pair(tmp_path, served)
        bob.run("team", "allow", "limits", "team")
        sync(bob)
        for more in ({}, {"forecasts": None}, {"forecasts": [["x"]]}, {"forecasts": {"a": 1}}):
            body = {"ledger": "other", "facts": [], **more}
            status, answer = post(served.port, "push", json.dumps(body).encode(), token_of(bob))
            assert status == 200 and answer.get("forecasts_refused", 0) == int(bool(more.get("forecasts")))
            assert len(served.rows(FORECAST)) == 2
