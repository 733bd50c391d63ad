"""Readings and token sums of an account for calibrating the estimates elsewhere: no text, no names, no paths.

Rows have the form of the simulated traces that benchmarks/quota.py reads. Account and sessions are pseudonym with a key that is
made for one export and forgotten; models without a public price are pseudonym, too.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.estimates import training_data as kept
from tachograph.ledger.limits import accounts
from tachograph.ledger.usage.messages import QUARTER_MS
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.limits.series import Series
from tachograph.model.usage.prices import PriceBook, tariff
from tachograph.queries.estimates.learning import plan_key
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.limits.series import limit_series

FORMAT = 1
_NEAR_MS = 60_000  # both limits read within a minute are one row
_CLASSES = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")

Row = dict[str, object]


class Contents(NamedTuple):
    """Contents of an export: rows in order of time, and counts of them. Moments in epoch ms, None without any."""

    rows: list[Row]
    readings: int
    quarters: int
    models: tuple[str, ...]
    first_at: int | None
    last_at: int | None


def calibration(db: sqlite3.Connection, book: PriceBook, account: NowAccount, at: int) -> Contents:
    """Everything an account's readings and messages tell about its limits, up to a moment (epoch ms)."""
    key = secrets.token_bytes(16)

    def pseudonym(name: str) -> str:
        return hashlib.blake2b(name.encode(), key=key, digest_size=6).hexdigest()

    scoped = tuple(one.key for one in account.limits if one.group == "weekly" and one.key != SEVEN_DAY)
    found = limit_series(db, account.id, 0, at, (FIVE_HOUR, SEVEN_DAY, *scoped))
    plans = [(moment, plan_key(plan)) for moment, plan in accounts.plan_changes(db, account.id)]
    readings = list(_readings(found, plans, {one.key: one.scope or one.label for one in account.limits}))
    work, models = _work(db, book, account.id, at, pseudonym)
    rows = sorted([*readings, *work], key=lambda row: (float(str(row["at"])), str(row["type"])))
    head: Row = {
        "type": "calibration",
        "format": FORMAT,
        "account": pseudonym(account.uuid or str(account.id)),
        "at": 0,
    }
    moments = [int(float(str(row["at"])) * 1000) for row in rows]
    return Contents(
        [head, *rows], len(readings), len(work), models, min(moments, default=None), max(moments, default=None)
    )


def _readings(found: dict[str, Series], plans: list[tuple[int, str]], scopes: dict[str, str]) -> Iterator[Row]:
    points = sorted((point.at, key, point) for key, series in found.items() for point in series.points)
    place = 0
    while place < len(points):
        at = points[place][0]
        row: Row = {"type": "reading", "at": at / 1000}
        for name in (FIVE_HOUR, SEVEN_DAY):
            row[name] = {"percent": None, "resets_at": None}
        scoped: list[Row] = []
        while place < len(points) and points[place][0] - at <= _NEAR_MS:
            _, key, point = points[place]
            value: Row = {
                "percent": point.percent,
                "resets_at": None if point.resets_at is None else point.resets_at / 1000,
            }
            if key in (FIVE_HOUR, SEVEN_DAY):
                row[key] = value
            else:
                scoped.append({"model": scopes.get(key, key), **value})
            place += 1
        if scoped:
            row["scoped"] = scoped
        plan = next((plan for moment, plan in reversed(plans) if moment <= at), plans[0][1] if plans else "")
        if plan:
            row["plan"] = plan
        yield row


def _work(
    db: sqlite3.Connection, book: PriceBook, account: int, at: int, pseudonym: Callable[[str], str]
) -> tuple[list[Row], tuple[str, ...]]:
    """Token sums by quarter hour, session and model."""
    sums: dict[tuple[int, int, str], list[int]] = {}
    for row in kept.messages(db, account, 0, at):
        cell = sums.setdefault((row.at // QUARTER_MS, row.session, row.model), [0] * len(_CLASSES))
        for place, name in enumerate(_CLASSES):
            cell[place] += getattr(row, name)
    public = {
        model: model if book.rates(model, at, tariff("", "", 0)) is not None else f"model-{pseudonym(model)}"
        for _, _, model in sums
    }
    rows: list[Row] = [
        {
            "type": "message",
            "at": (quarter * QUARTER_MS + QUARTER_MS // 2) / 1000,
            "session": pseudonym(str(session)),
            "model": public[model],
            **dict(zip(_CLASSES, cell, strict=True)),
        }
        for (quarter, session, model), cell in sorted(sums.items())
    ]
    return rows, tuple(sorted(set(public.values())))
