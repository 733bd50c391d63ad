"""A ledger of schema 8 as the release before the second edition of usage filled it, and the transcripts it was filled from.

`tools/record_old_ledger.py` wrote data/schema_8.json: the tables row by row, with HOME for the home folder.
"""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from helpers import Home
from tachograph.demo.records import AT, Record, assistant, iteration, pr_link, progress, title, user

FIXTURE = Path(__file__).parent / "data" / "schema_8.json"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SHARED = "msg_1nZdL29xx5MUA1yADyHTEsnR8u"


def transcripts() -> dict[str, list[Record]]:
    """Lines by file: all that is counted by other rules now, beside plain work."""
    work = [
        user("build the checkout", session="work", at=AT, uuid="p1"),
        *(_answer(f"W{n}", n, "work", branch="main") for n in range(3)),
        *(_answer(f"X{n}", 5 + n, "work", branch="checkout", cwd="/h/shop/src") for n in range(3)),
        pr_link(7, at=AT + 9 * MINUTE, session="work"),
        _answer("Y", 12, "work", branch="HEAD"),
        title("Checkout", "custom", session="work"),
    ]
    shared = [_answer(f"F{n}", 60 + n, "original") for n in range(4)]
    fork = [{**line, "sessionId": "a-fork"} for line in shared]
    gateway = [_answer(SHARED, 120 + n, "gateway", input=500 + n, request=None, model="glm-5") for n in range(5)]
    streamed = [
        _answer("S", 180, "streamed", output=2, stop=None, uuid="s1", version="2.1.29"),
        _answer("S", 180.1, "streamed", output=900, uuid="s2", version="2.1.29"),
        _answer("U", 181, "streamed", output=3, stop=None, content="x" * 2000, version="2.1.29"),
        _answer("V", 182, "streamed", speed="fast", model="claude-opus-5"),
        _answer("P", 183, "streamed", iterations=[iteration("compaction", input=70_000, output=900)]),
    ]
    subagent = [_answer(f"A{n}", 6 + n, "work", sidechain=True, agent="a1", branch="checkout") for n in range(2)]
    state = {"type": "cost-state", "sessionId": "work", "totalCostUSD": 9.5, "modelUsage": {}}
    return {
        "-h-shop/checkout.jsonl": [*work, state],
        "-h-shop/checkout/subagents/agent-a1.jsonl": subagent,
        "-h-shop/old.jsonl": [progress(_answer("O", 240, "old", sidechain=True, agent="b2"))],
        "-h-shop/original.jsonl": [*shared, _answer("F9", 66, "original")],
        "-h-shop/a-fork.jsonl": [*fork, _answer("G9", 90, "a-fork")],
        "-h-api/gateway.jsonl": gateway,
        "-h-api/streamed.jsonl": streamed,
        "C--Work-Shop/win.jsonl": [_answer("C1", 300, "win", cwd="C:\\Work\\Shop")],
        "c--work-shop/win2.jsonl": [_answer("C2", 301, "win2", cwd="c:\\work\\shop")],
    }


def _answer(label: str, minute: float, session: str, **more: Any) -> Record:
    settled: dict[str, Any] = {"cwd": "/h/shop", "uuid": f"{session}-{minute}", "request": f"r-{label}", "input": 1000}
    return assistant(label, at=AT + minute * MINUTE, session=session, **{**settled, **more})


def write_transcripts(home: Home, *, without: tuple[str, ...] = ()) -> None:
    login = {"accountUuid": "acc-1", "organizationUuid": "org-1", "emailAddress": "ada@example.org"}
    (home.claude / ".claude.json").write_text(json.dumps({"oauthAccount": login}))
    for name, lines in transcripts().items():
        if name not in without:
            home.write(name, lines)


def write_ledger(home: Home) -> None:
    """Put the recorded ledger of schema 8 where the home has its own."""
    recorded = json.loads(FIXTURE.read_text(encoding="utf-8"))
    home.data.mkdir(mode=0o700)
    with closing(sqlite3.connect(home.data / "ledger.sqlite3")) as db, db:
        for sql in recorded["schema"]:
            db.execute(sql)
        for table, rows in recorded["rows"].items():
            for row in rows:
                values = [_restored(value, str(home.root)) for value in row]
                db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
        db.execute(f"PRAGMA user_version = {recorded['version']}")
        db.execute(f"PRAGMA application_id = {recorded['application']}")


def record(ledger: Path, root: str) -> dict[str, Any]:
    """The ledger in a file as `write_ledger` reads it."""
    with closing(sqlite3.connect(ledger)) as db:
        objects = db.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'sqlite_%'"
        )
        found = sorted(objects.fetchall(), key=lambda one: one[0] != "table")
        return {
            "version": db.execute("PRAGMA user_version").fetchone()[0],
            "application": db.execute("PRAGMA application_id").fetchone()[0],
            "schema": [sql for _, _, sql in found],
            "rows": {
                name: [[_neutral(value, root) for value in row] for row in db.execute(f"SELECT * FROM {name}")]
                for kind, name, _ in found
                if kind == "table"
            },
        }


def _neutral(value: Any, root: str) -> Any:
    if isinstance(value, bytes):
        return {"bytes": value.decode().replace(root, "HOME")}
    return value.replace(root, "HOME") if isinstance(value, str) else value


def _restored(value: Any, root: str) -> Any:
    if isinstance(value, dict):
        return str(value["bytes"]).replace("HOME", root).encode()
    return value.replace("HOME", root) if isinstance(value, str) else value
