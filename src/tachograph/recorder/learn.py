"""Learn from windows that are over, make the forecasts that are due, keep both, and score the ones that are over."""

from collections.abc import Sequence

from tachograph.ledger import forecasts as kept
from tachograph.ledger import quota as kept_quota
from tachograph.ledger.db import Ledger
from tachograph.model.chances import EVERY
from tachograph.model.limits import same_reset
from tachograph.model.prices import PriceBook
from tachograph.questions.forecast import LimitForecast, forecast, kept_form
from tachograph.questions.learning import known
from tachograph.questions.now import FRESH, NowAccount

_MOVED = 3.0  # points from which a limit is looked at again before its time


def learn(ledger: Ledger, book: PriceBook, accounts: Sequence[NowAccount], at: int) -> dict[int, dict[str, float]]:
    """By account and limit the chances that hold now (0 to 1). Raises LedgerError.

    A forecast of a limit is made every quarter hour, or when the limit has moved: in between the kept one holds.
    """
    chances: dict[int, dict[str, float]] = {}
    for account in accounts:
        if account.id == 0:
            continue
        newest = kept.newest(ledger.db, account.id, at - EVERY * 1000)
        held = {
            limit.key: newest[limit.key].chance
            for limit in account.limits
            if limit.key in newest
            and same_reset(newest[limit.key].cycle, limit.resets_at)
            and abs((limit.percent or 0.0) - newest[limit.key].percent) < _MOVED
        }
        chances[account.id] = held
        due = {limit.key for limit in account.limits if limit.state == FRESH and limit.key not in held}
        if due & {"five_hour", "seven_day"}:
            made = _make(ledger, book, account, at)
            held.update({one.key: one.chance for one in made if one.chance is not None})
    with ledger.transaction() as db:
        kept.score(db, at)
    return chances


def _make(ledger: Ledger, book: PriceBook, account: NowAccount, at: int) -> tuple[LimitForecast, ...]:
    found = known(ledger.db, book, account.id, at)
    made = forecast(ledger.db, book, account, at, found)
    with ledger.transaction() as db:
        if found.to_store is not None:
            kept_quota.store(db, account.id, found.to_store)
        for one in made:
            if (row := kept_form(one)) is not None:
                kept.keep(db, row)
    return made
