"""A worker of a Citus cluster that is down, played by a PostgreSQL that fails with the same state in the middle of a push."""

from collections.abc import Iterator

import pytest

from hub_facts import NOW_MS, Team, content, parcels, push
from postgres_server import connect, fresh_schema
from tachograph.errors import LedgerError
from tachograph.hub.store import open_store

# Citus reports a worker that can't be reached with this state, "connection to the remote node failed"
_FAIL = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'connection to the remote node failed' USING ERRCODE = '08006'; END $$;
CREATE TRIGGER worker_down BEFORE INSERT ON totals_day FOR EACH ROW EXECUTE FUNCTION fail();
"""


@pytest.fixture
def database() -> Iterator[str]:
    with fresh_schema() as url:
        yield url


@pytest.mark.slow
def test_a_push_while_a_worker_is_down_fails_whole_and_completes_when_it_is_back(database: str) -> None:
    store = open_store(database, NOW_MS)
    team = Team(store, 2, 1)
    first, *rest = parcels(7, 0, 1, 60)[0]
    push(store, team.tokens[0, 0], first)
    before = content(store)
    with connect(database) as db:
        db.execute(_FAIL)
    with pytest.raises(LedgerError, match="connection to the remote node failed"):
        push(store, team.tokens[0, 0], rest[0])
    assert content(store) == before  # all or nothing, also of the tables that came first
    with connect(database) as db:
        db.execute("DROP TRIGGER worker_down ON totals_day")
    for parcel in rest:
        push(store, team.tokens[0, 0], parcel)
    assert store.check_totals() == 0 and len(content(store)["message"]) == 60
    store.close()
