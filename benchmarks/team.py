"""Bounds of a team's hub on PostgreSQL, over messages that are generated in the database.

`BENCH_TEAM_MESSAGES` sets their number (default: one million; the bounds hold for ten).
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from corpora import Corpus
from reports import Bench, Case
from table import Row, format_bytes

if TYPE_CHECKING:
    from postgres_server import PostgresServer
    from tachograph.hub.store import HubStore

MONTH, YEAR, LIMITS, LIVE, PEOPLE = 0.3, 1.0, 0.010, 60, 100
DAYS, ROUNDS = 365, 5
_WORDS = {
    "model": ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"),
    "project": tuple(f"project{n}" for n in range(40)),
    "pull": tuple(f"https://github.com/team/project{n // 52}/pull/{n % 52 + 1}" for n in range(40 * 52)),
}


def team(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """A hundred people over a year on PostgreSQL: data of pages, limits, live pushes, size of a message."""
    import hub_facts
    from postgres_server import PostgresServer
    from tachograph.hub.store import open_store
    from tachograph.hub.team.documents import Range
    from tachograph.hub.team.queries import TeamQueries
    from tachograph.model.usage import prices

    number = int(os.environ.get("BENCH_TEAM_MESSAGES", "1000000"))
    server = PostgresServer(settings=("shared_buffers=512MB", "work_mem=64MB", "max_wal_size=4GB"))
    try:
        now = hub_facts.NOW_MS
        store = open_store(server.url("tachograph"), now)
        hub_facts.Team(store, 3, 1)
        _generate(store, number, now)
        with store.transaction():
            for person in store.members():
                store.set_consent(person.id, "spend", "team", now)
                store.set_consent(person.id, "limits", "team", now)
            store.set_setting("policy", "team", now)
        book, viewer = prices.load()[0], store.members()[0]

        def spend(by: str, days: Range) -> object:
            return TeamQueries(store, book, viewer, now).spend(by, days)

        last = now // hub_facts.DAY_MS
        for what, days, bound in (("30 days", 30, MONTH), ("a year", DAYS, YEAR)):
            for by in ("person", "project", "day"):
                time_of = _measure(server, partial(spend, by, Range(last - days + 1, last)))
                yield Row(
                    f"team of {PEOPLE}, {number:,} messages: spend by {by}, {what}",
                    str(time_of),
                    f"≤ {bound * 1000:.0f} ms",
                    time_of.wall <= bound,
                )
        time_of = _measure(server, TeamQueries(store, book, viewer, now).limits)
        yield Row("limits of the team", str(time_of), f"≤ {LIMITS * 1000:.0f} ms", time_of.wall <= LIMITS)
        time_of = _live(server, store)
        rate = 1 / time_of.wall
        yield Row(f"live pushes of 20 messages to PostgreSQL ({time_of})", f"{rate:.0f}/s", f"≥ {LIVE}", rate >= LIVE)
        sizes = {}
        for table in ("message", "totals", "totals_day", "totals_week"):
            bytes_of, rows = store.db.all(f"SELECT pg_total_relation_size('{table}'), count(*) FROM {table}")[0]
            sizes[table] = bytes_of
            yield Row(f"{table}: {rows:,} rows", format_bytes(bytes_of))
        yield Row("a message in PostgreSQL, with its part of the totals", f"{sum(sizes.values()) / number:.0f} B")
        bench.raw["team"] = {"messages": number, "bytes": sizes}
        store.close()
    finally:
        server.close()


class Time(NamedTuple):
    """Median seconds of a piece of work: by the clock, and of the processor in this process and the database's."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall * 1000:.1f} ms ({self.cpu * 1000:.1f} ms of CPU)"


def _measure(server: PostgresServer, work: Callable[[], object], rounds: int = ROUNDS) -> Time:
    work()
    walls, began_cpu = [], time.process_time() + server.cpu_seconds()
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        walls.append(time.perf_counter() - began)
    return Time(statistics.median(walls), (time.process_time() + server.cpu_seconds() - began_cpu) / rounds)


def _generate(store: HubStore, number: int, now: int) -> None:
    """Members, words, messages and their totals, in SQL."""
    from tachograph.hub.store.messages import DAY_MS, QUARTER_MS, Words
    from tachograph.hub.store.schema import GROUP, MEASURES, WEEK_OF_DAYS

    db = store.db
    db.run(
        f"INSERT INTO member (id, name, role, joined_at) SELECT n, 'q' || n, 'member', 1 FROM generate_series(4, {PEOPLE}) n"
    )
    Words(db).store((kind, text) for kind, texts in _WORDS.items() for text in texts)

    def choice(kind: str, place: str) -> str:
        numbers = ", ".join(str(Words.number(kind, text)) for text in _WORDS[kind])
        return f"(ARRAY[{numbers}])[1 + ({place}) % {len(_WORDS[kind])}]"

    # a person works on four projects a day, other ones each week, two of them for a pull request, with three models
    person, day, slot = f"(n % {PEOPLE})", f"(n / {PEOPLE} % {DAYS})", f"(n / {PEOPLE * DAYS})"
    project = f"{person} * 7 + {day} / 7 * 3 + {slot} % 4"
    moment = f"{now} - {day}::bigint * {DAY_MS} - ({slot} * 97 % 32400)::bigint * 1000"
    pull = f"CASE WHEN {slot} % 4 < 2 THEN {choice('pull', f'({project}) * 52 + {day} / 7')} ELSE 0 END"
    db.run(
        f"INSERT INTO message SELECT 1 + {person}, 1000000000::bigint + n, {moment}, {moment}, n,"
        f" {choice('model', f'{slot} / 4 * 2 % 5')}, 0, {choice('project', project)}, {pull}, 0, 1, 0,"
        f" 1, 10 + n % 50, 200 + n % 900, 0, 400, 20000, 0, 0, 0 FROM generate_series(1, {number}) n"
    )
    group, sums = ", ".join(GROUP), ", ".join(f"sum({one})" for one in MEASURES)
    for table, size in (("totals", QUARTER_MS), ("totals_day", DAY_MS)):
        db.run(f"INSERT INTO {table} SELECT member, at / {size}, {group}, {sums} FROM message GROUP BY 1, 2, {group}")
    db.run(f"{WEEK_OF_DAYS} GROUP BY member, day - (day + 3) % 7, {group}")
    db.run(
        "INSERT INTO limit_now (member, account, key, label, plan, percent, resets_at, observed_at, source, machine)"
        " SELECT id, 'acc' || id, key, key, 'Max 20x', id % 100, 1900000000000, 1, 'oauth', 'm'"
        " FROM member, (VALUES ('five_hour'), ('seven_day')) AS keys (key)"
    )
    db.run("ANALYZE")


def _live(server: PostgresServer, store: HubStore) -> Time:
    """Pushes of twenty new messages each, by way of the requests that machines make."""
    import hub_facts

    token = hub_facts.Team(store, 1, 1).tokens[0, 0]
    facts = [fact for parcel in hub_facts.parcels(9, 5, 1, 1_300)[0] for fact in parcel][:1_200]
    parts = iter([json.loads(json.dumps(facts[start : start + 20])) for start in range(0, len(facts), 20)])
    return _measure(server, lambda: hub_facts.push(store, token, next(parts)), len(facts) // 20 - 1)


CASES = [Case("team", ("S",), team)]
