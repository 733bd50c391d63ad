"""Gives an invented home an account, and readings of its limits that fit the messages in its ledger."""

from collections.abc import Mapping

from tachograph.demo import limits
from tachograph.ledger.estimates.training_data import messages
from tachograph.ledger.limits import accounts, readings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import CLAUDE_JSON, FIVE_HOUR, SEVEN_DAY, AccountId, Limit, Reading
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.learning import dollars
from tachograph.recorder.ingest import ingest

ADA = accounts.Identity("ada00000-0000-4000-8000-000000000001", "ada00000-0000-4000-8000-000000000002", "ada@example.org", "Max 20x")  # fmt: skip


def sign_in_since(ledger: Ledger, folder: str, since: int, now: int) -> int:
    """Note that an account was signed in all the while (epoch ms), before its messages are read; its id."""
    with ledger.transaction() as db:
        names = Strings(db)
        accounts.observe(db, names, folder, ADA, since)
        accounts.observe(db, names, folder, ADA, now)
        return readings.account_id(db, AccountId(ADA.uuid, ADA.organization), names.id(folder))


def invent(
    ledger: Ledger,
    book: PriceBook,
    env: Mapping[str, str],
    folder: str,
    now: int,
    days: int = 70,
    *,
    seed: int = 7,
    has_phone: bool = True,
    factor_after: tuple[float, float] | None = None,
) -> limits.Invented:
    """Sign in, read the transcripts, and keep what a service would have said of the last days (epoch ms)."""
    account = sign_in_since(ledger, folder, now - 400 * 86_400_000, now)
    ingest(ledger, env, now)
    used = []
    for row in messages(ledger.db, account, now - days * 86_400_000, now):
        cost = dollars(book, row)
        if cost is not None:
            used.append(limits.PricedMessage(row.at / 1000, str(row.session), row.model, cost))
    made = limits.readings(used, now / 1000, seed, has_phone=has_phone, factor_after=factor_after)
    with ledger.transaction() as db:
        names = Strings(db)
        who = AccountId(ADA.uuid, ADA.organization)
        for said in made.said:
            reset = None if said.five_reset is None else int(said.five_reset * 1000)
            five = Limit(FIVE_HOUR, "5-hour", "session", said.five, reset)
            week = Limit(SEVEN_DAY, "7-day", "weekly", said.week, int(said.week_reset * 1000))
            readings.append(db, names, Reading(CLAUDE_JSON, int(said.at * 1000), account=who, limits=(five, week)))
    return made
