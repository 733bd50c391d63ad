"""Accounts and people in a team, and the parts of SQL that every engine of a hub shares."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_facts import DAY_MS, NOW_MS, Team, message, push
from hub_server import hub
from hub_team import team
from tachograph.hub.readable import LimitReading
from tachograph.hub.store import HubStore, open_store, schema
from tachograph.hub.store.hub_store import SPREAD
from tachograph.hub.team.documents import Range
from tachograph.hub.team.queries import TeamQueries
from tachograph.model.usage import prices

BOOK = prices.load()[0]
SRC = Path(__file__).resolve().parents[2] / "src" / "tachograph" / "hub"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HubStore]:
    found = open_store(str(tmp_path / "hub.sqlite3"), NOW_MS)
    yield found
    found.close()


def fact(identity: int, account: str) -> list[object]:
    import random

    found = message(random.Random(identity), identity, NOW_MS - DAY_MS, 300)
    found[3]["account"] = account
    return found


def share_everything(store: HubStore) -> None:
    with store.transaction():
        store.set_setting("policy", "team", NOW_MS)
        for person in store.members():
            for what in ("spend", "limits"):
                store.set_consent(person.id, what, "team", NOW_MS)


def reading(account: str, percent: float) -> LimitReading:
    return LimitReading(account, "seven_day", "Week", "Max", percent, NOW_MS + DAY_MS, NOW_MS - 60_000, "oauth")


def test_two_accounts_of_one_person_and_one_account_of_two_people_both_add_up(store: HubStore) -> None:
    people = Team(store, 3, 1)
    sent = {0: ["work", "home", "home"], 1: ["shared"], 2: ["shared", "shared"]}  # accounts of messages, by person
    number = 100
    for person, accounts in sent.items():
        facts = []
        for account in accounts:
            number += 1
            facts.append(fact(number, account))
        push(store, people.tokens[person, 0], facts)
    share_everything(store)
    viewer = store.member(1)
    today = NOW_MS // DAY_MS
    document = TeamQueries(store, BOOK, viewer, NOW_MS).spend("person", Range(today - 6, today))
    assert {row["person"]: row["messages"] for row in document["rows"]} == {"p0": 3, "p1": 1, "p2": 2}
    assert document["totals"]["messages"] == 6 == sum(row["messages"] for row in document["rows"])
    by_account: dict[int, int] = {}
    for account, count in store.db.all("SELECT account, sum(messages) FROM totals_day GROUP BY account"):
        by_account[account] = int(count)
    assert sorted(by_account.values()) == [1, 2, 3]  # work, home, and the shared one: not divided, not counted twice
    assert store.check_totals() == 0


def test_limits_of_an_account_of_two_people_are_one_row_and_two_accounts_of_a_person_two(store: HubStore) -> None:
    Team(store, 3, 1)
    with store.transaction():
        store.limits.put(1, "m", [reading("work", 20), reading("home", 90)], 0, NOW_MS)
        store.limits.put(2, "m", [reading("shared", 40)], 0, NOW_MS)
        store.limits.put(3, "m", [reading("shared", 41)._replace(observed_at=NOW_MS - 1_000)], 0, NOW_MS)
    share_everything(store)
    rows = TeamQueries(store, BOOK, store.member(1), NOW_MS).limits()["rows"]
    assert [(sorted(row["people"]), row["percent"]) for row in rows] == [
        (["p0"], 90), (["p1", "p2"], 41), (["p0"], 20),
    ]  # fmt: skip


def test_renamed_members_keep_their_numbers_and_two_never_share_a_name(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member", "cleo": "member"})
        served.home.run("hub", "rename", "bob", "ada", code=None)
        served.home.run("hub", "rename", "bob", "Bob B.")
        names = {row["person"] for row in machines["ada"].call("team", "members", "--json").json["rows"]}
        assert names == {"ada", "Bob B.", "cleo"}
        assert machines["bob"].call("team", "me", "--json").json["person"] == "Bob B."
        assert machines["ada"].call("team", "--json").json["totals"]["messages"] == 6


# -- SQL that SQLite, PostgreSQL and Citus share

_FORBIDDEN = (
    r"CREATE (OR REPLACE )?TRIGGER", r"\bLISTEN\b", r"\bNOTIFY\b", r"pg_advisory", r"\bTEMP(ORARY)? TABLE", r"CREATE TYPE",
    r"AS ENUM", r"\bSERIAL\b", r"\bSEQUENCE\b", r"AUTOINCREMENT", r"GENERATED ALWAYS", r"\bREFERENCES\b", r"\bRETURNING\b",
    r"INSERT OR (REPLACE|IGNORE)", r"\bROWID\b(?! )", r"FOR UPDATE SKIP",
)  # fmt: skip


def sql_texts() -> Iterator[tuple[Path, str]]:
    """String constants with SQL in the store."""
    import ast

    for path in sorted((SRC / "store").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and re.search(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER)\b", value):
                yield path, value


def test_the_store_uses_only_sql_that_distributed_tables_can_have() -> None:
    texts = list(sql_texts())
    assert len(texts) > 60
    for path, text in texts:
        for pattern in _FORBIDDEN:
            if pattern.startswith(r"\bROWID") and path.name == "sqlite.py":
                continue
            assert not re.search(pattern, text), (path.name, pattern, text[:80])


def test_keys_of_distributed_tables_contain_the_member() -> None:
    statements = [one for number in range(1, schema.VERSION + 1) for one in schema.statements(number)]
    for table in SPREAD:
        (created,) = (one for one in statements if one.startswith(f"CREATE TABLE {table} ("))
        keys = re.findall(r"PRIMARY KEY \(([^)]*)\)", created)
        assert keys and "member" in keys[0].split(", "), table
        unique = [one for one in statements if re.match(rf"CREATE UNIQUE INDEX \w+ ON {table} ", one)]
        assert all("member" in one for one in unique), table


def test_upserts_into_distributed_tables_conflict_on_the_member() -> None:
    found = 0
    for path in sorted((SRC / "store").glob("*.py")):
        for key in re.findall(r"ON CONFLICT \(([^)]*)\) DO UPDATE", path.read_text()):
            if any(table in path.name for table in ("messages", "facts", "limits", "weeks")):
                found += 1
                assert "member" in key or "{" in key, (path.name, key)
    assert found >= 4
