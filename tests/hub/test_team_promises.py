"""Sentences of docs/team.md on who sees what, one by one."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helpers import NOW_MS, Home
from hub.test_anonymity import BOOK, FIRST, World
from hub.test_team_forecasts import read_limits
from hub_server import hub, identity, sync, token_of
from hub_team import get, team, work
from tachograph.hub.readable import TeamMessage
from tachograph.hub.store import HubStore, Member, open_store
from tachograph.hub.store.messages import DAY_MS
from tachograph.hub.store.releases import published_sums
from tachograph.hub.team.people import view_of
from tachograph.hub.team.spend import BY, TeamSpend, team_spend

MINUTES = re.compile(r"\d\dT\d\d:")
HOUR_MS = 3_600_000


def moments(value: Any, path: str = "") -> Iterator[str]:
    """Paths of all texts in a document that name a time of day."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from moments(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from moments(inner, path)
    elif isinstance(value, str) and MINUTES.search(value):
        yield path


def test_others_see_days_and_never_minutes(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "max": "manager", "bob": "member"})
        served.home.run("hub", "policy", "team")
        (machines["bob"].claude / ".claude.json").write_text(identity(0))
        read_limits(machines["bob"], 60)
        for machine in machines.values():
            for what in ("spend", "limits"):
                machine.run("team", "allow", what, "team")
            sync(machine)
        served.run_sql(f"UPDATE machine SET seen_at = {NOW_MS - 5 * DAY_MS} WHERE name = 'bob-laptop'")
        for name in ("ada", "max"):
            token = token_of(machines[name])
            for by in BY:
                document = get(served, f"spend?by={by}", token)[1]
                assert set(moments(document)) == {".generated_at"}, by
            assert document["coverage"]["behind"][0]["machine"] == "bob-laptop"
            assert set(moments(get(served, "members", token)[1])) == {".generated_at"}
            own = set(moments(get(served, "me", token)[1]))
            assert own == {".generated_at", ".machines.seen_at"}  # of one's own machines
            limits = get(served, "limits", token)[1]
            assert limits["rows"] and set(moments(limits)) == {".generated_at", ".rows.observed_at", ".rows.resets_at"}


def test_a_person_who_joins_under_a_policy_is_told_and_can_narrow_it_at_once(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner"})
        served.home.run("hub", "policy", "manager")
        bob = Home(tmp_path / "bob")
        work(bob, "bob")
        done = bob.run("join", *served.invite("bob"), "--share", "names", "--yes")
        assert "visible to managers and owners" in done.stderr and "team allow spend self" in done.stderr
        assert {row["person"] for row in machines["ada"].call("team", "--json").json["rows"]} == {"ada", "bob"}
        bob.run("team", "allow", "spend", "self")
        assert "bob" not in {row["person"] for row in machines["ada"].call("team", "--json").json["rows"]}


def test_a_view_is_noted_once_a_day_for_the_person_alone(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member", "cleo": "member"})
        served.home.run("hub", "policy", "team")
        machines["bob"].run("team", "allow", "spend", "team")
        for by in BY:
            for _ in range(2):
                get(served, f"spend?by={by}", token_of(machines["ada"]))

        def lines(name: str) -> list[tuple[str, str]]:
            record = get(served, "me", token_of(machines[name]))[1]["record"]
            return [(line["who"], line["action"]) for line in record if line["action"].startswith("view")]

        assert lines("bob") == [("ada", "view spend")] and lines("cleo") == lines("ada") == []


class Few:
    """A hub of some present members, of whom those that are asked for push."""

    def __init__(self, folder: Path, people: int) -> None:
        self.store: HubStore = open_store(str(folder / "hub.sqlite3"), 1)
        self.members = [self.store.add_member(f"p{n}", "owner" if not n else "member", 1) for n in range(people)]
        self._number = 0

    def push(self, place: int, day: int, project: str = "shop", at_hour: int = 1) -> None:
        self._number += 1
        message = TeamMessage(
            self._number, FIRST + day * DAY_MS + at_hour * HOUR_MS, None, 0, "claude-m1", 0, project, "", "",
            (1, 0, 0, 0, 0, 0), -1, True,
        )  # fmt: skip
        with self.store.transaction():
            self.store.messages.put(self.members[place], [message])

    def look(self, first: int, last: int, now_ms: int, by: str = "project", place: int = 0) -> TeamSpend:
        viewer: Member = self.store.member(self.members[place])
        start = FIRST // DAY_MS
        return team_spend(self.store, BOOK, view_of(self.store, viewer), by, start + first, start + last, now_ms)


def test_a_sum_needs_three_people_and_five_in_a_team_of_thirty(tmp_path: Path) -> None:
    for size, least in ((29, 3), (30, 5)):
        folder = tmp_path / str(size)
        folder.mkdir()
        few, now = Few(folder, size), FIRST + 20 * DAY_MS
        for place in range(1, least):
            few.push(place, 0)
            answer = few.look(0, 0, now)
            assert (answer.total.sums.messages, answer.left_out) == (0, place), (size, place)
        few.push(least, 0)
        answer = few.look(0, 0, now)
        assert (answer.total.sums.messages, answer.total.people, answer.left_out) == (least, least, 0)
        few.store.close()


def test_on_an_unfinished_day_others_grow_once_an_hour(tmp_path: Path) -> None:
    few, now = Few(tmp_path, 5), FIRST + 12 * HOUR_MS
    for place in (1, 2, 3):
        few.push(place, 0, f"own-{place}")
    assert few.look(0, 0, now).total.sums.messages == 3
    for place in (1, 2, 3):
        few.push(place, 0, f"own-{place}")
    assert few.look(0, 0, now + HOUR_MS - 1).total.sums.messages == 3
    assert few.look(0, 0, now + HOUR_MS).total.sums.messages == 6
    few.store.close()


def test_usage_of_few_on_each_day_is_added_once_their_week_is_over(tmp_path: Path) -> None:
    few = Few(tmp_path, 5)
    monday = -((FIRST // DAY_MS + 3) % 7)  # of the week of FIRST, as days from it
    for place, day in ((1, monday), (2, monday + 3), (3, monday + 6)):
        few.push(place, day)
    sunday_night = FIRST + (monday + 7) * DAY_MS - 1
    assert few.look(monday, monday + 6, sunday_night).total.sums.messages == 0
    answer = few.look(monday, monday + 6, sunday_night + 1)
    assert (answer.total.sums.messages, answer.total.people) == (3, 3)
    for first, last in ((monday, monday + 5), (monday + 1, monday + 6)):  # a part of the week says nothing of it
        part = few.look(first, last, sunday_night + 1)
        assert (part.total.sums.messages, part.left_out) == (0, 3)
    assert few.look(monday - 7, monday + 13, sunday_night + 1).total.sums.messages == 3
    few.store.close()


def test_impossible_use_of_one_member_stops_no_ones_page(tmp_path: Path) -> None:
    few, now = Few(tmp_path, 4), FIRST + 12 * HOUR_MS
    for place in (1, 2, 3):
        few.push(place, 0)
    few.store.db.run("UPDATE totals_day SET output = ? WHERE member = 2", (1 << 62,))
    few.store.db.run("UPDATE totals_day SET output = ? WHERE member = 3", (1 << 62,))
    answer = few.look(0, 0, now)
    assert answer.total.people == 3 and 0 < answer.total.sums.tokens < 1 << 63
    assert published_sums(few.store.db).tokens > 0
    few.store.close()


def test_own_numbers_are_exact_and_current_whatever_is_published(tmp_path: Path) -> None:
    few, now = Few(tmp_path, 4), FIRST + 12 * HOUR_MS
    for number in range(1, 4):
        few.push(0, 0)
        rows = few.look(0, 0, now, "person").rows
        assert [(row.key, row.sums.messages) for row in rows if not row.is_others] == [("p0", number)]
        few.push(number, 0)
    few.store.close()


def test_two_ranges_two_breakdowns_and_a_departure_differ_by_no_single_person(tmp_path: Path) -> None:
    """The attacks that docs/team.md names, tried by each member on every pair of answers."""
    world = World(str(tmp_path), 6, 3)
    for person in range(1, 7):
        for day in range(5):
            if (person + day) % 3:
                world.push(person, day, 1 + person % 2, 1)
    for step in ("ranges", "leave", "erase", "wait"):
        for viewer in (1, 2):
            for by in BY:
                for first in range(5):
                    for last in range(first, 5):
                        world.look(viewer, by, first, last)
        world.change(step if step != "ranges" else "wait", 6 if step == "leave" else 5, "self")
        world.push(4, 4, 2, 1)
    for viewer, numbers in world.numbers.items():
        distinct = set(numbers)
        for one in distinct:
            for other in distinct:
                rest = {world.owner[message] for message in one - other} - {viewer}
                assert one & other != other or len(rest) != 1, (viewer, one, other)
    world.check()
    world.store.close()
