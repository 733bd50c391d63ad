"""The week of the weekly limit that a summary is about: the running one, on its first day the last full one."""

from collections.abc import Callable

from tachograph.lean_typing import NamedTuple
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.queries.estimates.attribution import Attribution
from tachograph.queries.estimates.constants import LEARNED, NOTHING
from tachograph.queries.limits.current import Now, NowAccount
from tachograph.queries.limits.guard import primary_account

_YOUNG_MS = 86_400_000  # of a running week: until then the last full one answers more


class CardWeek(NamedTuple):
    """A week of the primary account's weekly limit; `back` 0 is the running one."""

    account: NowAccount
    found: Attribution
    back: int


def card_week(
    now: Now, attribute: Callable[[NowAccount, int], Attribution], asked: int | None = None
) -> CardWeek | None:
    """The week to summarize; `asked`: number of weeks back. None without a reading of the weekly limit.

    `attribute` gives the attribution of an account's week by the number of weeks before the running one.
    """
    account = primary_account(now)
    if account is None or account.limit(SEVEN_DAY) is None:
        return None
    if asked is not None:
        return CardWeek(account, attribute(account, asked), asked)
    running = attribute(account, 0)
    is_young = running.since is not None and now.at - running.since < _YOUNG_MS
    if is_young or running.method == NOTHING:
        last = attribute(account, 1)
        if last.method == LEARNED:
            return CardWeek(account, last, 1)
    return CardWeek(account, running, 0)
