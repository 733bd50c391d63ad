"""An erasure leaves nothing of a person in the database, and takes nothing from the others."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from helpers import NOW, Home
from hub_facts import NOW_MS
from hub_server import Hub, hub, join, only_sqlite, sync, token_of
from hub_team import get, team, work
from postgres_server import fresh_schema
from tachograph.demo import records
from tachograph.hub.readable import TeamMessage
from tachograph.hub.store import open_store

TABLES = (
    "member", "machine", "invite", "attempt", "audit", "setting", "consent", "word", "message", "totals", "totals_day",
    "totals_week", "limit_now", "dirty", "released", "atom", "atom_member", "viewed", "page_session", "adopted",
    "book_email", "book_day", "book_sum", "fact",
)  # fmt: skip


def content(served: Hub) -> str:
    """Every row of the database as text."""
    return "\n".join(f"{table} {row}" for table in TABLES for row in served.rows(f"SELECT * FROM {table}"))


def fill(machine: Home, name: str) -> None:
    """Work that has the person's name in every text that a hub gets at `names`."""
    at = NOW - timedelta(hours=2)
    session = f"5e55ca4a-0000-4000-8000-{ord(name[0]):012d}"
    cwd = f"/home/{name}/only-{name}"
    machine.write(
        "-p/own.jsonl",
        [
            records.assistant(f"{name}own", at=at, output=9, session=session, cwd=cwd),
            {**records.pr_link(7, at=at, session=session), "prUrl": f"https://github.com/of-{name}/x/pull/7"},
        ],
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hub]:
    with fresh_schema() as database, hub(tmp_path / "hub", database=database * (request.param == "postgresql")) as one:
        yield one


def test_no_text_of_an_erased_person_stays_in_any_table(served: Hub, tmp_path: Path) -> None:
    machines = team(tmp_path, served, {"ada": "owner", "robert": "manager", "cleo": "member"})
    for name, machine in machines.items():
        fill(machine, name)
        sync(machine)
    machines["robert"].run("team", "allow", "limits", "team")
    get(served, "spend?by=project", token_of(machines["ada"]))
    served.home.run("hub", "rename", "robert", "bobby")
    machines["robert"].call("machines", "--invite")
    assert {"only-robert", "of-robert", "robert-laptop"} <= {one for one in WORDS if one in content(served)}
    served.home.run("hub", "remove", "bobby", "--erase")
    left = content(served)
    assert [word for word in WORDS if word in left] == []
    for word in ("only-ada", "of-cleo", "'shop'", "cleo-laptop"):
        assert word in left, word
    # the person who comes back under the name is still recognized in published sums
    again = Home(tmp_path / "again")
    work(again, "robert")
    join(again, served.invite("bobby"), "new", "--share", "names")
    assert get(served, "spend?by=project", token_of(machines["ada"]))[1]["totals"]["messages"] == 9


WORDS = ("only-robert", "of-robert", "robert-laptop", "robert", "bobby")


def test_no_byte_of_an_erased_person_stays_in_the_file(tmp_path: Path) -> None:
    only_sqlite()
    with hub(tmp_path / "hub") as one:
        machines = team(tmp_path, one, {"ada": "owner", "robert": "member"})
        fill(machines["robert"], "robert")
        sync(machines["robert"])

        def data() -> bytes:
            return b"".join(path.read_bytes() for path in one.database.parent.glob("hub*") if path.is_file())

        assert b"only-robert" in data()
        assert get(one, "me", token_of(machines["robert"]), "DELETE")[0] == 200
        left = data()
        assert [word for word in WORDS if word.encode() in left] == []


def test_sharing_less_removes_the_names_that_were_sent(served: Hub, tmp_path: Path) -> None:
    machines = team(tmp_path, served, {"ada": "owner", "robert": "member"})
    fill(machines["robert"], "robert")
    sync(machines["robert"])
    assert "only-robert" in content(served)
    machines["robert"].run("join", "--share", "counts", "--yes")
    left = content(served)
    assert "only-robert" not in left and "of-robert" not in left and "'shop'" in left
    assert machines["robert"].call("team", "--json").json["totals"]["messages"] == 3


def test_an_erasure_waits_for_a_push_that_counts_on_a_text() -> None:
    """A push has found that a text is stored; it must still be there when the push ends."""
    message = TeamMessage(1, NOW_MS, None, 0, "claude-m1", 0, "both", "", "", (1, 0, 0, 0, 0, 0), -1, True)
    with fresh_schema() as database:
        first, second = open_store(database, NOW_MS), open_store(database, NOW_MS)
        erased, other = (first.add_member(name, "member", 1) for name in ("a", "b"))
        with first.transaction():
            first.lock_member(erased)
            first.messages.put(erased, [message])

        def erase() -> None:
            with first.transaction():
                first.erase_member(erased, NOW_MS)

        thread = threading.Thread(target=erase)
        with second.transaction():
            second.lock_member(other)
            second.messages.words.store([("project", "both"), ("model", "claude-m1")])
            thread.start()
            thread.join(1)  # it ends at once if it does not wait
            second.messages.replace(other, {}, {1: second.messages._row(other, message, 1)})
        thread.join(60)
        assert not thread.is_alive()
        assert second.db.all("SELECT text FROM word WHERE kind = 'project'") == [("both",)]
        assert second.db.all("SELECT member FROM message") == [(other,)]
        first.close()
        second.close()


def test_an_erasure_names_who_did_it(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as one:
        machines = team(tmp_path, one, {"ada": "owner", "bob": "member", "cleo": "member", "dan": "member"})
        one.home.run("hub", "remove", "bob", "--erase")
        assert get(one, "remove", token_of(machines["ada"]), "POST", {"name": "cleo", "erase": True})[0] == 200
        assert get(one, "me", token_of(machines["dan"]), "DELETE")[0] == 200
        assert one.rows("SELECT member, actor FROM audit WHERE action = 'erase' ORDER BY member") == [
            (2, None), (3, 1), (4, 4),
        ]  # fmt: skip
        lines = [json.loads(line) for line in (one.home.data / "hub-erased.jsonl").read_text().splitlines()]
        assert [set(line) for line in lines] == [{"hub", "member", "joined_at"}] * 3
