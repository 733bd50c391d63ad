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

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from corpora import Corpus
from reports import Bench, Case
from table import Row, format_bytes

MONTH, YEAR, LIMITS, LIVE, PEOPLE = 0.3, 1.0, 0.010, 60, 100
DAYS, ROUNDS = 365, 5
_WORDS = {
    "model": ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"),
    "project": tuple(f"project{n}" for n in range(40)),
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
                seconds = _median(partial(spend, by, Range(last - days + 1, last)))
                yield Row(
                    f"team of {PEOPLE}, {number:,} messages: spend by {by}, {what}",
                    f"{seconds * 1000:.0f} ms",
                    f"≤ {bound * 1000:.0f} ms",
                    seconds <= bound,
                )
        seconds = _median(TeamQueries(store, book, viewer, now).limits)
        yield Row("limits of the team", f"{seconds * 1000:.1f} ms", f"≤ {LIMITS * 1000:.0f} ms", seconds <= LIMITS)
        rate = _live(store)
        yield Row("live pushes of 20 messages to PostgreSQL", f"{rate:.0f}/s", f"≥ {LIVE}", rate >= LIVE)
        size = store.db.all("SELECT pg_total_relation_size('message')")[0][0] / number
        yield Row("a message in PostgreSQL", format_bytes(size))
        bench.raw["team"] = {"messages": number, "bytes": size}
        store.close()
    finally:
        server.close()


def _median(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _generate(store: object, number: int, now: int) -> None:
    """Members, words, messages and their totals, in SQL."""
    from tachograph.hub.store.messages import DAY_MS, QUARTER_MS, Words
    from tachograph.hub.store.schema import GROUP, MEASURES

    db = store.db  # type: ignore[attr-defined]
    db.run(
        f"INSERT INTO member (id, name, role, joined_at) SELECT n, 'q' || n, 'member', 1 FROM generate_series(4, {PEOPLE}) n"
    )
    Words(db).store((kind, text) for kind, texts in _WORDS.items() for text in texts)

    def choice(kind: str) -> str:
        numbers = ", ".join(str(Words.number(kind, text)) for text in _WORDS[kind])
        return f"(ARRAY[{numbers}])[1 + (n::bigint * 7919) % {len(_WORDS[kind])}]"

    moment = f"{now} - (n::bigint * 48271 % {DAYS}) * {DAY_MS} - (n::bigint * 16807 % 32400) * 1000"
    db.run(
        f"INSERT INTO message SELECT 1 + n % {PEOPLE}, 1000000000::bigint + n, {moment}, {moment}, n, {choice('model')}, 0,"
        f" {choice('project')}, 0, 0, 1, 0, 1, 10 + n % 50, 200 + n % 900, 0, 400, 20000, 0, 0, 0"
        f" FROM generate_series(1, {number}) n"
    )
    group, sums = ", ".join(GROUP), ", ".join(f"sum({one})" for one in MEASURES)
    for table, size in (("totals", QUARTER_MS), ("totals_day", DAY_MS)):
        db.run(f"INSERT INTO {table} SELECT member, at / {size}, {group}, {sums} FROM message GROUP BY 1, 2, {group}")
    db.run(
        "INSERT INTO limit_now SELECT id, 'acc' || id, key, key, 'Max 20x', id % 100, 1900000000000, 1, 'oauth', 'm'"
        " FROM member, (VALUES ('five_hour'), ('seven_day')) AS keys (key)"
    )
    db.run("ANALYZE")


def _live(store: object) -> float:
    """Pushes of twenty new messages each, by way of the requests that machines make."""
    import hub_facts
    from tachograph.clock import FixedClock
    from tachograph.hub.api import HubApi

    token = HubApi(store, FixedClock(hub_facts.NOW_MS)).add_seat("p0")  # type: ignore[arg-type]
    facts = [fact for parcel in hub_facts.parcels(9, 5, 1, 1_300)[0] for fact in parcel][:1_200]
    seconds = []
    for start in range(0, len(facts), 20):
        part = json.loads(json.dumps(facts[start : start + 20]))
        began = time.perf_counter()
        hub_facts.push(store, token, part)  # type: ignore[arg-type]
        seconds.append(time.perf_counter() - began)
    return 1 / statistics.median(seconds)


CASES = [Case("team", ("S",), team)]
