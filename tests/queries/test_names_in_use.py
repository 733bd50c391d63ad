"""Names in use, which a connection remembers between queries: new ones are there at once."""

from pathlib import Path

import pytest

from helpers import NOW_MS, Home
from tachograph.demo.records import assistant
from tachograph.errors import NotFound
from tachograph.ledger.usage import rollups
from tachograph.model.usage.periods import Calendar, Span, parsed_zone
from tachograph.model.usage.prices import load
from tachograph.queries.usage.rows import SpendQuery
from tachograph.queries.usage.spend import spend
from tachograph.text.format import iso

BOOK = load()[0]
UTC = Calendar(*parsed_zone("UTC"))


def work_in(home: Home, name: str) -> None:
    home.write(f"{name}/s.jsonl", [assistant(name, at=iso(NOW_MS - 60_000), cwd=f"/w/{name}", session=f"s-{name}")])
    home.ingest()


def test_a_project_that_begins_while_a_connection_is_open_is_in_its_next_report(home: Home) -> None:
    work_in(home, "shop")
    question = SpendQuery("project", Span(None, None))
    with home.ledger() as ledger:
        assert [row.key.project for row in spend(ledger.db, BOOK, UTC, question).rows] == ["shop"]
        with pytest.raises(NotFound, match="notes"):
            spend(ledger.db, BOOK, UTC, question._replace(projects=("notes",)))
        work_in(home, "notes")
        assert {row.key.project for row in spend(ledger.db, BOOK, UTC, question).rows} == {"shop", "notes"}
        assert len(spend(ledger.db, BOOK, UTC, question._replace(projects=("notes",))).rows) == 1


def test_remembered_names_are_read_again_when_a_message_comes_in_a_new_way(home: Home, tmp_path: Path) -> None:
    work_in(home, "shop")
    with home.ledger() as ledger:
        first = rollups.present(ledger.db, "project")
        assert rollups.present(ledger.db, "project") is first
        work_in(home, "notes")
        assert [path for _, path in rollups.present(ledger.db, "project")] == ["/w/notes", "/w/shop"]


def test_a_report_names_what_is_newer_than_the_remembered_names(home: Home) -> None:
    work_in(home, "shop")
    work_in(home, "notes")
    with home.ledger() as ledger:
        rollups.present(ledger.db, "project")
        known = ledger.db.names_in_use["project"]  # type: ignore[attr-defined]
        ledger.db.names_in_use["project"] = known._replace(names=known.names[:1])  # type: ignore[attr-defined]
        rows = spend(ledger.db, BOOK, UTC, SpendQuery("session", Span(None, None))).rows
        assert {row.key.project for row in rows} == {"shop", "notes"}
