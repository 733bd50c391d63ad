"""Put a trace of messages and readings (benchmarks/quota.py reads such) into a person's home: transcripts and a ledger."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from helpers import Home
from tachograph.demo import records
from tachograph.ledger.limits import accounts, readings
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import (
    CLAUDE_JSON,
    FIVE_HOUR,
    OAUTH,
    SEVEN_DAY,
    STATUSLINE,
    AccountId,
    Limit,
    Reading,
)
from tachograph.recorder.ingest import ingest
from tachograph.ui.cli.demo.limits import ADA, sign_in_since

Row = dict[str, Any]
PLANS = {"pro": "Pro", "max_5x": "Max 5x", "max_20x": "Max 20x"}
_CLASSES = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")


def session_id(name: str) -> str:
    """The session's id in transcripts for its name in a trace."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def fill(home: Home, trace: Iterable[Row], until: float) -> None:
    """Write the messages of a trace up to a moment (epoch seconds) as transcripts, and store its readings."""
    rows = [row for row in trace if row["at"] <= until]
    by_session: dict[str, list[Any]] = {}
    for number, row in enumerate(row for row in rows if row["type"] == "message"):
        name = session_id(row["session"])
        by_session.setdefault(name, []).append(
            records.assistant(
                f"{number:07d}",
                at=datetime.fromtimestamp(row["at"], UTC),
                model=row["model"],
                session=name,
                cwd="/home/ada/shop",
                **{key: row[key] for key in _CLASSES},
            )
        )
    for name, lines in by_session.items():
        home.write(f"-home-ada-shop/{name}.jsonl", lines)
    now = int(until * 1000)
    home.env["TACHOGRAPH_NOW"] = str(now)
    with home.ledger() as ledger:
        plans = [PLANS[row["plan"]] for row in rows if row.get("plan")]
        identity = ADA._replace(plan=plans[0] if plans else "")
        first = int(rows[0]["at"] * 1000) - 86_400_000
        sign_in_since(ledger, str(home.claude), first, now, identity)
        ingest(ledger, home.env, now)
        with ledger.transaction() as db:
            names = Strings(db)
            who = AccountId(ADA.uuid, ADA.organization)
            last = identity.plan
            answered: dict[str, int] = {}
            for row in rows:
                if row["type"] == "message":
                    answered[row["session"]] = int(row["at"] * 1000)
                if row["type"] != "reading":
                    continue
                at = int(row["at"] * 1000)
                plan = PLANS[row["plan"]] if row.get("plan") else last
                if plan != last:
                    accounts.observe(db, names, str(home.claude), identity._replace(plan=plan), at)
                    last = plan
                readings.append(db, names, _reading(row, at, who), answered_at=answered.get(row.get("session", "")))


def _reading(row: Row, at: int, who: AccountId) -> Reading:
    limits = []
    for key, label, group, name in ((FIVE_HOUR, "5-hour", "session", "five_hour"), (SEVEN_DAY, "7-day", "weekly", "seven_day")):  # fmt: skip
        one = row[name]
        if one["percent"] is not None or one["resets_at"] is not None:
            limits.append(Limit(key, label, group, one["percent"], _ms(one["resets_at"])))
    for one in row.get("scoped", ()):
        family = one["model"].split("-")[1]
        limits.append(Limit(f"weekly_scoped:{family}", f"{family.capitalize()} week", "weekly", one["percent"], _ms(one["resets_at"]), scope=family.capitalize()))  # fmt: skip
    source = {"desktop": CLAUDE_JSON}.get(row.get("source", ""), STATUSLINE if row.get("session") else OAUTH)
    session = session_id(row["session"]) if row.get("session") else ""
    return Reading(source, at, account=who, limits=tuple(limits), session=session)


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)
