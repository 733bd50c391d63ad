"""A ledger of a million messages over five years in 3,000 sessions, written straight into the tables: what the dashboard
is measured over. Seeded, and the same everywhere for the same `now`."""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.ledger.usage.totals import derive
from tachograph.paths import Paths

MESSAGES, SESSIONS, DAYS = 1_000_000, 3_000, 5 * 365
_MODELS = ("claude-opus-4-8", "claude-opus-5-5", "claude-sonnet-4-6", "claude-sonnet-5-5", "claude-haiku-4-5-20251001")
_PROJECTS = tuple(
    f"/home/ada/code/{name}"
    for name in ["shop", "infra", "notes", "api", "web", "mobile", "docs", "data", "tools", "lab"]
)
_DAY = 86_400_000


def write(folder: Path, now_ms: int, messages: int = MESSAGES, sessions: int = SESSIONS, seed: int = 7) -> None:
    """Make the ledger in a data folder that holds none."""
    rng = random.Random(seed)
    paths = Paths(str(folder), str(folder / "settings.toml"))
    with open_ledger(paths, now_ms, new=True) as ledger:
        db = ledger.db
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        db.execute(
            "INSERT INTO account (id, uuid, organization, label, plan) VALUES (1, 'u', 'o', 'ada@example.org', 'Max 20x')"
        )
        origins = _origins(db, rng)
        _sessions(db, rng, now_ms, sessions)
        db.executemany(
            "INSERT INTO answer (identity, at, input, output, cache_write_5m, cache_write_1h, cache_read, web_searches,"
            " logged_cost, chosen_at, origin, request, session, flags, shared, account, pull, billed, last_at, mark,"
            " several_folders, presumed, by_branch, unfinished, missing_output, way, own_way)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0, NULL, ?, ?, '', ?, ?, 0, 1, ?, 1, ?, 0, 0, 0, 0, 0, 0, ?, ?)",
            _answers(rng, now_ms, messages, sessions, origins, _ways(db)),
        )
        db.execute(
            "UPDATE session SET first_at = (SELECT min(at) FROM answer WHERE session = session.id),"
            " last_at = (SELECT max(at) FROM answer WHERE session = session.id) WHERE id > 0"
        )
        _limits(db, rng, now_ms)
        derive(db)
        db.execute("COMMIT")
        db.execute("ANALYZE")


def _origins(db: sqlite3.Connection, rng: random.Random) -> list[list[int]]:
    """Origins by project, and in each by branch and model."""
    names, made = Strings(db), []
    for project in _PROJECTS:
        of_project = []
        for branch in range(12):
            for model in _MODELS:
                cwd = names.id(project)
                row = db.execute(
                    "INSERT INTO origin (model, speed, geo, stop, branch, cwd, agent, owner, folder)"
                    " VALUES (?, 0, 0, ?, ?, ?, 0, 0, 0) RETURNING id",
                    (names.id(model), names.id("end_turn"), names.id(f"feat/{branch}"), cwd),
                ).fetchone()
                db.execute("INSERT OR IGNORE INTO place VALUES (?1, ?1)", (cwd,))
                of_project.append(int(row[0]))
        made.append(of_project)
    return made


def _ways(db: sqlite3.Connection) -> list[int]:
    """Ways that messages are asked for: skills, MCP servers, efforts and programs."""
    names, found = Strings(db), [0]
    for skill in ("", "review", "release-notes"):
        for server in ("", "github", "linear"):
            for effort, entrypoint in (("medium", "cli"), ("high", "claude-vscode"), ("xhigh", "cli")):
                row = db.execute(
                    "INSERT INTO way (agent_type, skill, plugin, server, effort, entrypoint) VALUES (0, ?, 0, ?, ?, ?)"
                    " RETURNING id",
                    [names.id(text) if text else 0 for text in (skill, server, effort, entrypoint)],
                ).fetchone()
                found.append(int(row[0]))
    return found


def _sessions(db: sqlite3.Connection, rng: random.Random, now_ms: int, count: int) -> None:
    words = [
        "limit",
        "cache",
        "retry",
        "parser",
        "index",
        "queue",
        "token",
        "chart",
        "upload",
        "search",
        "export",
        "login",
    ]
    db.executemany(
        "INSERT INTO session (uuid, ai_title) VALUES (?, ?)",
        [
            (str(uuid.UUID(int=rng.getrandbits(128))), f"Make the {rng.choice(words)} {rng.choice(words)} faster {n}")
            for n in range(count)
        ],
    )
    db.executemany(
        "INSERT INTO pull (url, number, repository) VALUES (?, ?, 'ada/shop')",
        [(f"https://github.com/ada/shop/pull/{n}", n) for n in range(1, count // 5)],
    )


def _answers(
    rng: random.Random, now_ms: int, messages: int, sessions: int, origins: list[list[int]], ways: list[int]
) -> Iterator[tuple[object, ...]]:
    each, identity = messages // sessions, 0
    for session in range(1, sessions + 1):
        start = now_ms - DAYS * _DAY + (session - 1) * DAYS * _DAY // sessions
        of_project = rng.choice(origins)
        branch = rng.randrange(12) * len(_MODELS)
        pull = rng.randrange(1, sessions // 5) if rng.random() < 0.6 else 0
        at, context = start, 20_000
        count = each if session < sessions else messages - each * (sessions - 1)
        for _ in range(count):
            identity += 1
            at = min(at + rng.randrange(4_000, 90_000), now_ms - 1_000)
            context = context + rng.randrange(200, 2_000) if context < 180_000 else 20_000
            origin = of_project[branch + (0 if rng.random() < 0.7 else rng.randrange(len(_MODELS)))]
            written = rng.randrange(100, 3_000)
            way = ways[rng.randrange(len(ways))]
            yield identity, at, 4, written, 0, written, context, at, origin, session, 0, pull, at, way, way


def _limits(db: sqlite3.Connection, rng: random.Random, now_ms: int) -> None:
    """Two years of windows, and a week of readings every five minutes."""
    for back in range(2 * 365 * 3):
        resets = now_ms + 3_600_000 - back * 8 * 3_600_000
        peak = min(100, rng.expovariate(1 / 45))
        db.execute(
            "INSERT INTO window (account, key, label, part, resets_at, percent, at, source, peak, first_at, wall_at)"
            " VALUES (1, 'five_hour', '5-hour', 'session', ?, ?, ?, 'oauth', ?, ?, ?)",
            (resets, peak, resets - 600_000, peak, resets - 18_000_000, resets - 3_000_000 if peak >= 100 else None),
        )
    for back in range(104):
        resets = now_ms + 3 * _DAY - back * 7 * _DAY
        peak = min(100, rng.expovariate(1 / 60))
        db.execute(
            "INSERT INTO window (account, key, label, part, resets_at, percent, at, source, peak, first_at, wall_at)"
            " VALUES (1, 'seven_day', '7-day', 'weekly', ?, ?, ?, 'oauth', ?, ?, NULL)",
            (resets, peak, min(now_ms, resets - 600_000), peak, resets - 7 * _DAY),
        )
    for back in range(7 * 288, 0, -1):
        at = now_ms - back * 300_000
        resets = at - at % 18_000_000 + 18_000_000
        id = db.execute(
            "INSERT INTO reading (account, source, folder, observed_at, last_at, times, outcome, plan)"
            " VALUES (1, 'oauth', 0, ?, ?, 1, 'ok', '') RETURNING id",
            (at, at),
        ).fetchone()[0]
        week = 100 * (7 * 288 - back) / (7 * 288)
        for place, (key, label, part, percent, until) in enumerate(
            (
                ("five_hour", "5-hour", "session", 100 * (at % 18_000_000) / 20_000_000, resets),
                ("seven_day", "7-day", "weekly", week, now_ms + 3 * _DAY),
            )
        ):
            db.execute(
                "INSERT INTO level (reading, place, key, label, part, percent, resets_at, is_grant)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                (id, place, key, label, part, percent, until),
            )


if __name__ == "__main__":
    import sys
    import time

    write(Path(sys.argv[1]), int(time.time() * 1000))
