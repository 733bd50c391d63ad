"""Refusals that hold now, those that evidence has ended, and limits of which only a refusal is known."""

from __future__ import annotations

from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import NamedTuple
from tachograph.ledger.limits import readings, refusals
from tachograph.model.limits.limits import MONEY, SESSION, TRANSCRIPT, WEEKLY, ExtraUsage
from tachograph.model.limits.refusals import (
    FORGOTTEN_MS,
    Refusal,
    answered_at,
    holds_until,
    is_money,
    keys_of_news,
    lifted_by_news,
    scope_of,
    stops,
)
from tachograph.model.limits.window_state import CLOCK_MS, LENGTHS
from tachograph.model.parsing import limit_name
from tachograph.queries.limits.now_limit import OVERAGE, UNKNOWN, WALL, NowLimit, is_metered

NEVER = 1 << 62  # later than any refusal holds
_MODEL_MS = 8 * 86_400_000


class Lifted(NamedTuple):
    """A refusal that evidence has ended, and the newest answer that the limit let through since (epoch ms; None: only a
    reading says so)."""

    refusal: Refusal
    answered_at: int | None


def last_model(db: sqlite3.Connection, account: int, at: int) -> str:
    """The model that an account used last; "" where unknown."""
    return refusals.last_model(db, account, at - _MODEL_MS) or readings.last_model(db, account)


def would_stop(limit: NowLimit, model: str) -> bool:
    """Would a limit, once reached, stop work with this model ("" unknown)?"""
    return stops(limit.scope or scope_of(limit.key), model)


def current_refusals(
    db: sqlite3.Connection, account: int, extra: ExtraUsage | None, at: int, since: int
) -> tuple[dict[str, Refusal], dict[str, Lifted]]:
    """By key of a limit, the newest refusal that holds, and the newest one that is over by evidence."""
    holding: dict[str, Refusal] = {}
    lifted: dict[str, Lifted] = {}
    for refusal in reversed(refusals.refusals(db, account, at, since)):
        key = f"{refusal.key}:{refusal.scope.lower()}" if refusal.scope and is_money(refusal.key) else refusal.key
        if key in holding or key in lifted:
            continue
        answers = refusals.answers_after(db, account, refusal.session, refusal.at, at + CLOCK_MS)
        answered = answered_at(refusal, answers, is_metered=is_metered(extra))
        news = refusals.news_after(db, account, keys_of_news(refusal.key), refusal.at, at)
        if answered is not None or lifted_by_news(refusal, news):
            lifted[key] = Lifted(refusal._replace(key=key), answered)
        else:
            holding[key] = refusal._replace(key=key)
    return holding, lifted


def lifted_limit(lifted: Lifted) -> NowLimit:
    """A limit of which nothing was read, after its refusal has ended."""
    return refused_limit(lifted.refusal, None, NEVER)._replace(answered_at=lifted.answered_at)


def refused_limit(refusal: Refusal, extra: ExtraUsage | None, at: int) -> NowLimit:
    """A limit of which only a refusal is known; unknown again after a day without evidence."""
    name = limit_name(refusal.key.partition(":")[0] if is_money(refusal.key) else refusal.key)
    group = MONEY if is_money(refusal.key) else name.group
    longest = min(FORGOTTEN_MS, LENGTHS.get(group, FORGOTTEN_MS))
    end = refusal.at + longest if refusal.resets_at is None else holds_until(refusal.at, refusal.resets_at)
    holds = at < end
    state = UNKNOWN
    if holds:
        state = OVERAGE if group in (SESSION, WEEKLY) and is_metered(extra) else WALL
    scope = refusal.scope or name.scope
    return NowLimit(
        refusal.key,
        refusal.label,
        group,
        scope,
        100.0 if holds else None,
        refusal.resets_at,
        None,
        TRANSCRIPT,
        refusal.at,
        state,
        steady=100.0 if holds else None,
        refused_at=refusal.at if holds else None,
    )
