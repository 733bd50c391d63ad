"""Learn from past windows, make and store the forecasts that are due, and score past ones."""

from collections.abc import Sequence

from tachograph.ledger.estimates import forecasts as kept
from tachograph.ledger.estimates import training_data as kept_quota
from tachograph.ledger.storage.connection import Ledger
from tachograph.model.estimates.forecast import EVERY
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, same_reset
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.forecast import forecast, past_weeks, replayed, stored_form
from tachograph.queries.estimates.learning import LearnedState, load
from tachograph.queries.limits.current import FRESH, NowAccount, NowLimit

_MOVED = 3.0  # points from which a limit is looked at again before its time


def learn(ledger: Ledger, book: PriceBook, accounts: Sequence[NowAccount], at: int) -> dict[int, dict[str, float]]:
    """Current chances (0 to 1) by account and limit. Raises LedgerError.

    A limit gets a forecast every quarter hour, or when it has moved; in between the stored one is used.
    """
    chances: dict[int, dict[str, float]] = {}
    for account in accounts:
        if account.id == 0:
            continue  # readings of an unknown account
        _replay(ledger, book, account, at)
        held = _holding(ledger, account, at)
        limits = [limit for key in (FIVE_HOUR, SEVEN_DAY) if (limit := account.limit(key)) is not None]
        if any(_is_due(limit) and limit.key not in held for limit in limits):
            held.update(_make(ledger, book, account, at))
        chances[account.id] = held
    if kept.is_any_over(ledger.db, at):
        with ledger.transaction() as db:
            kept.score(db, at)
    return chances


def _replay(ledger: Ledger, book: PriceBook, account: NowAccount, at: int) -> None:
    """At the first start: store forecasts of the windows that the ledger already holds, with their outcome."""
    if kept.has_any(ledger.db, account.id):
        return
    if not any(past_weeks(ledger.db, account.id, at, 1, key) for key in (FIVE_HOUR, SEVEN_DAY)):
        return
    found = load(ledger.db, book, account.id, at)
    made = replayed(ledger.db, book, account, at, found)
    with ledger.transaction() as db:
        if found.to_store is not None:
            kept_quota.store_state(db, account.id, found.to_store)
        for row in made:
            kept.store(db, row)
        kept.score(db, at)


def _is_due(limit: NowLimit) -> bool:
    """True if a limit can have a forecast: only with a fresh percentage and a known reset."""
    return limit.state == FRESH and limit.percent is not None and limit.resets_at is not None


def _holding(ledger: Ledger, account: NowAccount, at: int) -> dict[str, float]:
    """Chances of the newest forecasts, for windows that are still the same and have not moved."""
    newest = kept.newest(ledger.db, account.id, at - EVERY * 1000 + 1)
    held = {}
    for limit in account.limits:
        one = newest.get(limit.key)
        if one is None or limit.state != FRESH or not same_reset(one.cycle, limit.resets_at):
            continue
        if abs((limit.percent or 0.0) - one.percent) < _MOVED:
            held[limit.key] = one.chance
    return held


def _make(ledger: Ledger, book: PriceBook, account: NowAccount, at: int) -> dict[str, float]:
    found = load(ledger.db, book, account.id, at)
    made = forecast(ledger.db, book, account, at, found)
    with ledger.transaction() as db:
        if found.to_store is not None:
            kept_quota.store_state(db, account.id, found.to_store)
        for one in made:
            if (row := stored_form(one)) is not None:
                kept.store(db, row)
    return {one.key: one.chance for one in made if one.chance is not None}


def catch_up(ledger: Ledger, book: PriceBook, accounts: Sequence[NowAccount], at: int) -> dict[int, LearnedState]:
    """Store the learned state of accounts now; returns it by account, for a question that follows. Raises LedgerError."""
    learn(ledger, book, accounts, at)
    states = {}
    for account in accounts:
        found = states[account.id] = load(ledger.db, book, account.id, at)
        if found.to_store is not None:
            with ledger.transaction() as db:
                kept_quota.store_state(db, account.id, found.to_store)
    return states
