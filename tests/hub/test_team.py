"""A team on a hub, through the installed command and over HTTP: who gets which answer."""

import http.client
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW
from hub_server import hub, post, sync, token_of
from hub_team import get, team, work
from tachograph.demo import records
from tachograph.hub.team.api import ROUTES

PEOPLE = {"ada": "owner", "max": "manager", "bob": "member", "cleo": "member"}


def ask(port: int, method: str, name: str, token: str) -> int:
    """The status of a machine's request without a body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, f"/hub/1/{name}", headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def persons(document: Any) -> set[str]:
    return {row["person"] for row in document["rows"] if row["person"]}


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["self", "manager", "team"])
def test_every_route_answers_each_role_under_each_policy_with_what_it_may_see(tmp_path: Path, policy: str) -> None:
    with hub(tmp_path / "hub") as served:
        served.home.run("hub", "policy", "self")
        machines = team(tmp_path, served, PEOPLE)
        served.home.run("hub", "policy", policy)
        # cleo agrees to nothing, bob to managers, ada and max to everybody
        allowed = {"ada": "team", "max": "team", "bob": "manager", "cleo": "self"}
        for name, level in allowed.items():
            for subject in ("spend", "limits"):
                machines[name].run("team", "allow", subject, level)
        sees = {
            "self": {name: {name} for name in PEOPLE},
            "manager": {
                "ada": {"ada", "max", "bob"}, "max": {"ada", "max", "bob"}, "bob": {"bob"}, "cleo": {"cleo"},
            },
            "team": {
                "ada": {"ada", "max", "bob"}, "max": {"ada", "max", "bob"}, "bob": {"ada", "max", "bob"},
                "cleo": {"ada", "max", "cleo"},
            },
        }[policy]  # fmt: skip
        for name, role in PEOPLE.items():
            token = token_of(machines[name])
            status, document = get(served, "spend?by=person", token)
            assert status == 200 and persons(document) == sees[name], (name, policy)
            for by in ("project", "model", "pr", "day"):
                status, document = get(served, f"spend?by={by}", token)
                assert status == 200 and {"people", "coverage", "hidden", "totals", "range"} <= document.keys()
                assert sum(row["messages"] for row in document["rows"]) == document["totals"]["messages"]
            status, document = get(served, "limits", token)
            assert status == 200 and {one for row in document["rows"] for one in row["people"]} <= sees[name]
            status, document = get(served, "members", token)
            assert status == 200 and persons(document) == set(PEOPLE)
            for row in document["rows"]:
                assert (row["machines"] is not None) == (role == "owner" or row["person"] == name)
            status, document = get(served, "me", token)
            assert status == 200 and document["person"] == name
            assert set(document["seen_by"]["spend"]) == {other for other in PEOPLE if name in sees[other]} - {name}
            status, document = get(served, "books", token)
            assert status == (200 if role == "owner" else 403)
            for route in ROUTES:
                if route.name in ("policy", "invite", "role", "remove", "revoke"):
                    status, _ = get(
                        served, route.name, token, "POST", {"level": "?", "name": "?", "role": "?", "machine": "?"}
                    )
                    assert (status == 403) == (role != "owner"), (name, route.name, status)
        for route in ROUTES:
            for stranger in ("", "x" * 43):
                status, document = get(
                    served, route.name, stranger, route.method, {} if route.method == "POST" else None
                )
                assert status == 401 and set(document) == {"error"}, route
        printed = served.home.run("hub", "telemetry", "bob").stdout
        seat = printed.rpartition("Bearer ")[2].split("'")[0]
        for route in ROUTES:  # a token for telemetry asks nothing and changes nothing
            status, document = get(served, route.name, seat, route.method, {} if route.method == "POST" else None)
            assert status == 403 and "telemetry" in document["error"], route
        for name in ("push", "invite", "share", "leave"):
            assert post(served.port, name, b'{"ledger": "l", "facts": []}', seat)[0] == 403, name
        for path in ("mine", "me"):
            assert ask(served.port, "GET", path, seat) == 403
        assert ask(served.port, "DELETE", "me", seat) == 403
        shares = {one["share"] for one in get(served, "me", token_of(machines["bob"]))[1]["machines"]}
        assert shares == {"names", "telemetry"}
        served.home.run("hub", "remove", "cleo")
        assert get(served, "spend", token_of(machines["cleo"]))[0] == 401


def test_a_policy_makes_no_one_visible_without_their_own_yes(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member", "cleo": "member", "dan": "member"})
        served.home.run("hub", "policy", "team")
        document = machines["ada"].call("team", "--json").json
        assert persons(document) == {"ada"}
        machines["bob"].run("team", "allow", "spend", "team")
        assert persons(machines["ada"].call("team", "--json").json) == {"ada", "bob"}
        record = machines["bob"].call("team", "me", "--json").json["record"]
        assert ("ada", "view spend") in {(line["who"], line["action"]) for line in record}
        machines["bob"].run("team", "allow", "spend", "self")
        assert persons(machines["ada"].call("team", "--json").json) == {"ada"}


def test_a_row_that_would_give_away_another_person_stays_hidden(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member", "cleo": "member"})
        served.home.run("hub", "policy", "team")
        assert machines["ada"].call("team", "--json").json["totals"]["messages"] == 6  # ada knows bob and cleo together
        machines["bob"].run("team", "allow", "spend", "team")
        document = machines["ada"].call("team", "--json").json
        assert persons(document) == {"ada"} and document["hidden"]["people"] == 1  # bob's row would leave cleo's
        assert document["totals"]["messages"] == 6


def test_the_team_adds_up_and_is_told_in_words_rows_and_csv(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member", "cleo": "member"})
        document = machines["ada"].call("team", "--json", "--by", "project").json
        assert document["totals"]["messages"] == 6 and document["people"]["counted"] == 3
        alone = machines["ada"].call("daily", "--json").json["totals"]["cost_usd"]
        assert document["totals"]["cost_usd"] == pytest.approx(3 * alone, abs=1e-6)
        assert [row["project"] for row in document["rows"]] == ["shop"]
        said = machines["ada"].call("team").stdout
        assert "ada" in said and "others" in said and "bob" not in said and "3 people" in said
        table = machines["ada"].call("team", "--csv", "--by", "day").stdout.splitlines()
        assert table[0].startswith("period,others,people") and len(table) == 3
        machines["ada"].run("team", "--since", "tomorrow", code=2)
        assert "No limits" in machines["bob"].call("team", "limits").stdout


def test_two_members_are_too_few_for_a_sum(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member"})
        document = machines["ada"].call("team", "--json").json
        assert document["totals"]["messages"] == 2 and document["hidden"]["people"] == 1
        assert "left out" in machines["ada"].call("team").stdout


def test_a_message_of_two_members_counts_once_for_the_team_and_can_be_settled(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member", "cleo": "member"})
        same = records.assistant("same", at=NOW - timedelta(hours=3), output=77, cwd="/home/x/shop")
        for name in ("ada", "bob"):
            machines[name].write("-home-x-shop/same.jsonl", [same])
        sync(machines["ada"], machines["bob"])
        assert machines["cleo"].call("team", "--json").json["totals"]["messages"] == 7
        for name in ("ada", "bob"):
            assert machines[name].call("team", "--json").json["rows"][0]["messages"] >= 2
        assert "ada and bob both sent 1 message" in served.home.call("hub", "settle").stdout
        assert machines["bob"].call("team", "me", "--json").json["contested"] == 1
        served.home.run("hub", "settle", "bob")
        assert machines["bob"].call("team", "me", "--json").json["contested"] == 0
        assert machines["ada"].call("team", "me", "--json").json["contested"] == 1
        served.home.run("hub", "remove", "bob", "--erase")
        assert machines["ada"].call("team", "me", "--json").json["contested"] == 0
        assert served.home.call("hub", "doctor", "--json").json["repaired"] == 0


def test_erasing_removes_every_row_and_outlives_a_restored_database(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member", "cleo": "member"})
        assert machines["ada"].call("team", "--json").json["totals"]["messages"] == 6
        bob = served.rows("SELECT id FROM member WHERE name = 'bob'")[0][0]
        before = {
            table: served.rows(f"SELECT * FROM {table}")
            for table in ("member", "fact", "message", "totals", "totals_day", "totals_week")
        }
        served.home.run("hub", "remove", "bob", "--erase")
        for table in ("fact", "message", "totals", "totals_day", "totals_week", "limit_now", "consent", "released"):
            assert served.rows(f"SELECT count(*) FROM {table} WHERE member = {bob}") == [(0,)], table
        done = machines["bob"].call("sync")
        assert done.code == 1 and "erased" in done.stderr
        assert machines["ada"].call("team", "--json").json["totals"]["messages"] == 6  # published together before
        # a restored backup: the member is there again until the hub opens it
        served.run_sql(f"UPDATE member SET erased_at = NULL WHERE id = {bob}")
        row = next(row for row in before["message"] if row[0] == bob)
        values = ", ".join("NULL" if value is None else str(value) for value in row)
        served.run_sql(f"INSERT INTO message VALUES ({values})")
        served.home.run("hub", "status")
        assert served.rows(f"SELECT count(*) FROM message WHERE member = {bob}") == [(0,)]


def test_a_team_keeps_an_owner_and_names_stay_apart(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member"})
        served.home.run("hub", "remove", "ada", code=1)
        served.home.run("hub", "role", "ada", "member", code=1)
        served.home.run("hub", "rename", "bob", "ada", code=1)
        served.home.run("hub", "rename", "bob", "Bob B.")
        assert persons(machines["ada"].call("team", "members", "--json").json) == {"ada", "Bob B."}
        sync(machines["bob"])
        assert served.home.call("hub", "policy").stdout == "self\n"
        served.home.run("hub", "policy", "everyone", code=1)


def test_a_database_of_a_newer_version_is_read_and_not_written(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member"})
        served.kill()
        served.set_schema(99)
        served.start()
        document = machines["ada"].call("team", "--json").json
        assert document["read_only"] and persons(document) == {"ada"}
        work(machines["ada"], "ada", days=3)
        done = machines["ada"].call("sync")
        assert done.code == 1 and "only be read" in done.stderr
        assert "read-only" in served.home.call("hub", "status").stdout


def test_totals_that_were_damaged_are_worked_out_of_the_messages_again(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner"})
        right = machines["ada"].call("team", "--json").json["totals"]
        served.run_sql("UPDATE totals_day SET output = output + 5")
        served.run_sql("DELETE FROM totals")
        assert machines["ada"].call("team", "--json").json["totals"] != right
        assert served.home.call("hub", "doctor", "--json").json["repaired"] > 0
        assert machines["ada"].call("team", "--json").json["totals"] == right
        assert served.home.call("hub", "doctor", "--json").json["repaired"] == 0
