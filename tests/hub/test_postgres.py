"""A hub on a real PostgreSQL counts as one on SQLite does, whatever happens to it."""

import json
import os
import random
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import Home
from hub_facts import NOW_MS, Team, content, parcels, push
from hub_server import Hub, post
from postgres_server import PostgresServer, connect, fresh_schema
from tachograph.errors import LedgerError
from tachograph.hub.store import open_store
from tachograph.hub.store.database import Busy, repeat
from tachograph.hub.store.postgres import without_password


@pytest.fixture
def database() -> Iterator[str]:
    with fresh_schema() as url:
        yield url


def reference(
    folder: Path, people: int, machines: int, count: int, seed: int = 7
) -> dict[str, set[tuple[object, ...]]]:
    """The content of a SQLite hub that got the same parcels, one after another."""
    store = open_store(str(folder / "reference.sqlite3"), NOW_MS)
    team = Team(store, people, machines)
    work = [
        (person, machine, parcel)
        for person in range(people)
        for machine, found in parcels(seed, person, machines, count).items()
        for parcel in found
    ]
    random.Random(1).shuffle(work)
    for person, machine, parcel in work:
        push(store, team.tokens[person, machine], parcel)
    assert store.check_totals() == 0
    found = content(store)
    store.close()
    return found


@pytest.mark.slow
def test_twelve_members_with_two_machines_each_pushing_at_once_equal_sqlite(tmp_path: Path, database: str) -> None:
    people, machines, count = 12, 2, 90
    store = open_store(database, NOW_MS)
    team = Team(store, people, machines)
    failures: list[BaseException] = []

    def work(person: int, machine: int) -> None:
        own = open_store(database, NOW_MS)
        try:
            for parcel in parcels(7, person, machines, count)[machine]:
                push(own, team.tokens[person, machine], parcel)
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work, args=key) for key in team.tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    assert store.check_totals() == 0
    found, expected = content(store), reference(tmp_path, people, machines, count)
    assert len(found["message"]) == people * count
    for table in expected:
        assert (found[table] - expected[table], expected[table] - found[table]) == (set(), set()), table
    counted = [row for row in found["message"] if row[1] == 42 and row[10] == 1]
    assert len(counted) == 1  # claimed by all, counted once
    store.close()


class Pusher(threading.Thread):
    """Sends parcels to a hub over HTTP until each was confirmed, however often it has to."""

    def __init__(self, served: Hub, tokens: dict[tuple[int, int], str], count: int, machines: int) -> None:
        super().__init__(daemon=True)
        self._served, self._ends = served, threading.Event()
        self._work = [
            (tokens[person, machine], parcel)
            for person, machine in tokens
            for parcel in parcels(7, person, machines, count)[machine]
        ]
        random.Random(3).shuffle(self._work)
        self.rounds = 0

    def run(self) -> None:
        while not self._ends.is_set():
            for token, parcel in self._work:
                self._send(token, parcel)
            self.rounds += 1

    def _send(self, token: str, parcel: list[object]) -> None:
        body = json.dumps({"ledger": "l", "sent_at": NOW_MS, "facts": parcel}).encode()
        while True:
            try:
                if post(self._served.port, "push", body, token)[0] == 200:
                    return
            except (OSError, ValueError):
                pass
            if self._ends.wait(0.02):
                return

    def finish(self) -> None:
        self._ends.set()
        self.join(30)
        self._ends.clear()
        for token, parcel in self._work:
            self._send(token, parcel)


def killed_at_random_moments(tmp_path: Path, kills: int) -> None:
    people, machines, count = 4, 2, 60
    server = PostgresServer()
    try:
        home = Home(tmp_path / "hub")
        home.env["TACHOGRAPH_HUB_DB"] = server.url("tachograph")
        store = open_store(server.url("tachograph"), NOW_MS)
        team = Team(store, people, machines)
        store.close()
        served = Hub(home)
        pusher, rng = Pusher(served, team.tokens, count, machines), random.Random(5)
        pusher.start()
        for number in range(kills):
            threading.Event().wait(rng.uniform(0.02, 0.4))
            if number % 2:
                server.kill()
                server.start()
            else:
                served.kill()
                served.start()
        pusher.finish()
        store = open_store(server.url("tachograph"), NOW_MS)
        assert store.check_totals() == 0
        assert content(store) == reference(tmp_path, people, machines, count)
        store.close()
        served.kill()
    finally:
        server.close()


@pytest.mark.slow
def test_hub_and_database_killed_at_twenty_moments_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    killed_at_random_moments(tmp_path, 20)


@pytest.mark.soak
def test_hub_and_database_killed_at_two_hundred_moments_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    killed_at_random_moments(tmp_path, 200)


@pytest.mark.slow
def test_a_restored_backup_gets_everything_again(tmp_path: Path, database: str) -> None:
    tool = shutil.which("pg_dump") or "/usr/lib/postgresql/15/bin/pg_dump"
    restore = shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql"
    if not os.path.exists(tool):
        pytest.skip("pg_dump is not here")
    people, machines, count = 3, 2, 60
    store = open_store(database, NOW_MS)
    team = Team(store, people, machines)
    every = [
        (team.tokens[person, machine], parcel)
        for person, machine in team.tokens
        for parcel in parcels(7, person, machines, count)[machine]
    ]
    for token, parcel in every[: len(every) // 2]:
        push(store, token, parcel)
    schema = store.db.all("SELECT current_schema()")[0][0]
    dump = subprocess.run([tool, "--schema", schema, "--dbname", database], capture_output=True, check=True).stdout
    for token, parcel in every[len(every) // 2 :]:
        push(store, token, parcel)
    before = content(store)
    store.close()
    with connect(database) as db:
        db.execute(f"DROP SCHEMA {schema} CASCADE")
    subprocess.run([restore, "--quiet", "--dbname", database], input=dump, capture_output=True, check=True)
    store = open_store(database, NOW_MS)
    assert content(store) != before
    for token, parcel in every:
        push(store, token, parcel)
    assert content(store) == before and store.check_totals() == 0
    store.close()


@pytest.mark.slow
def test_a_full_disk_is_said_and_nothing_is_half_stored(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=72m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("a small disk can't be mounted here")
    server = None
    try:
        server = PostgresServer(disk, ("max_wal_size=32MB", "min_wal_size=32MB", "wal_segment_size=16MB")[:2])
        store = open_store(server.url("tachograph"), NOW_MS)
        team = Team(store, 2, 1)
        rest = disk / "filler"
        subprocess.run(["dd", "if=/dev/zero", f"of={rest}", "bs=64k"], capture_output=True, check=False)
        parcel = parcels(7, 0, 1, 3_000)[0]
        with pytest.raises(LedgerError) as caught:
            for number, facts in enumerate(parcel * 40):
                facts = [
                    [*fact[:2], fact[2] + number * (1 << 41), fact[3], "x" * 3_000 + str(number)] for fact in facts
                ]
                push(store, team.tokens[0, 0], facts)
        assert "disk is full" in caught.value.message and "nothing that was sent is lost" in caught.value.hint
        rest.unlink()
        if subprocess.run(["kill", "-0", str(server.pid)], capture_output=True, check=False).returncode != 0:
            server.start()
        store.close()
        store = open_store(server.url("tachograph"), NOW_MS)
        for facts in parcel:
            push(store, team.tokens[0, 0], facts)
        assert store.check_totals() == 0
        assert len(content(store)["message"]) == 3_000
        store.close()
    finally:
        if server is not None:
            server.stop()
        subprocess.run(["umount", str(disk)], capture_output=True, check=False)


def test_a_lost_race_is_repeated_and_a_lasting_failure_is_said_once(database: str) -> None:
    store, tries, waits = open_store(database, NOW_MS), 0, list[float]()

    def loses_twice() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Busy("busy")
        return "done"

    assert repeat(store.db, loses_twice, waits.append) == "done" and len(waits) == 2 and waits[0] < waits[1]

    def always_loses() -> None:
        raise Busy("busy")

    with pytest.raises(Busy):
        repeat(store.db, always_loses, waits.append)
    store.close()


def test_a_connection_that_the_server_ended_is_opened_again(database: str) -> None:
    store = open_store(database, NOW_MS)
    team = Team(store, 1, 1)
    mine = store.db.all("SELECT pg_backend_pid()")[0][0]
    with connect(database) as db:
        db.execute("SELECT pg_terminate_backend(%s)", (mine,))
    push(store, team.tokens[0, 0], parcels(7, 0, 1, 20)[0][0])
    assert store.db.all("SELECT count(*) FROM message")[0][0] > 0
    store.close()


def test_two_pushes_that_wait_for_each_other_both_arrive(database: str) -> None:
    first, second = open_store(database, NOW_MS), open_store(database, NOW_MS)
    Team(first, 2, 1)
    barrier = threading.Barrier(2, timeout=20)
    done: list[str] = []

    def lock(store: object, order: tuple[int, int]) -> None:
        is_first_try = True

        def once() -> None:
            nonlocal is_first_try
            with store.transaction():  # type: ignore[attr-defined]
                store.lock_member(order[0])  # type: ignore[attr-defined]
                if is_first_try:
                    is_first_try = False
                    barrier.wait()
                store.lock_member(order[1])  # type: ignore[attr-defined]

        repeat(store.db, once)  # type: ignore[attr-defined]
        done.append("done")

    threads = [threading.Thread(target=lock, args=one) for one in ((first, (1, 2)), (second, (2, 1)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == ["done", "done"]
    first.close()
    second.close()


def test_a_read_only_replica_answers_and_takes_nothing(database: str) -> None:
    open_store(database, NOW_MS).close()
    store = open_store(database.replace("options=", "options=-cdefault_transaction_read_only%3Don%20"), NOW_MS)
    with pytest.raises(LedgerError) as caught:
        Team(store, 1, 1)
    assert "read-only" in caught.value.message and "primary" in caught.value.hint
    store.close()


def test_a_password_is_in_no_message_and_a_wrong_address_is_said(tmp_path: Path) -> None:
    url = "postgresql://hub:s3cret-word@127.0.0.1:1/x?password=s3cret-word"
    assert "s3cret" not in without_password(url)
    done = Home(tmp_path).run("hub", "status", "--db", url, code=3)
    assert "s3cret" not in done.stderr + done.stdout and "can't be used" in done.stderr


def test_without_citus_nothing_is_spread_and_the_command_says_so(tmp_path: Path, database: str) -> None:
    with connect(database) as db:
        if db.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'citus'").fetchone():
            pytest.skip("this server has Citus")
    done = Home(tmp_path).run("hub", "spread", "--db", database, code=3)
    assert "no Citus extension" in done.stderr
    done = Home(tmp_path).run("hub", "spread", code=3)
    assert "SQLite" in done.stderr


def test_every_question_of_the_grafana_dashboard_fits_the_schema() -> None:
    dashboard = json.loads((Path(__file__).parents[2] / "deploy/grafana.json").read_text())
    with fresh_schema() as url:
        store = open_store(url, NOW_MS)
        schema = store.db.all("SELECT current_schema()")[0][0]
        queries = [target["rawSql"] for panel in dashboard["panels"] for target in panel["targets"]]
        assert len(queries) >= 6
        for query in queries:
            sql = re.sub(r"\$__timeFilter\((.*?\))\)", r"\1 > now() - interval '30 days'", query)
            assert "$" not in sql and "member." not in sql
            store.db.all(sql.replace("tachograph.", f"{schema}."))
        store.close()


@pytest.mark.slow
def test_a_first_history_holds_up_no_live_push(tmp_path: Path, database: str) -> None:
    home = Home(tmp_path / "hub")
    home.env["TACHOGRAPH_HUB_DB"] = database
    store = open_store(database, NOW_MS)
    team = Team(store, 2, 1)
    store.close()
    served = Hub(home)
    try:
        facts = [fact for parcel in parcels(7, 0, 1, 1_500)[0] for fact in parcel]
        order: list[str] = []

        def send(name: str, token: str, of: list[list[object]]) -> None:
            body = json.dumps({"ledger": "l", "sent_at": NOW_MS, "facts": of}).encode()
            assert post(served.port, "push", body, token)[0] == 200
            order.append(name)

        large = [
            threading.Thread(
                target=send, args=("large", team.tokens[0, 0], [[*f[:2], f[2] + n, *f[3:]] for f in facts])
            )
            for n in range(6)
        ]
        for thread in large:
            thread.start()
        send("live", team.tokens[1, 0], parcels(7, 1, 1, 20)[0][0])
        for thread in large:
            thread.join(60)
        assert len(order) == 7 and order.index("live") < 3
    finally:
        served.kill()
