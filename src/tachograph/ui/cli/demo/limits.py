"""Gives an invented home an account, and readings of its limits that fit the messages in its ledger."""

from collections.abc import Mapping

from tachograph.demo import limits
from tachograph.ledger.estimates.training_data import messages
from tachograph.ledger.limits import accounts, readings
from tachograph.ledger.limits.windows import windows
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import CLAUDE_JSON, FIVE_HOUR, SEVEN_DAY, AccountId, Limit, Reading
from tachograph.model.usage.prices import PriceBook
from tachograph.queries.estimates.learning import dollars
from tachograph.recorder.ingest import ingest

ADA = accounts.Identity("ada00000-0000-4000-8000-000000000001", "ada00000-0000-4000-8000-000000000002", "ada@example.org", "Max 20x")  # fmt: skip


def sign_in_since(ledger: Ledger, folder: str, since: int, now: int, identity: accounts.Identity = ADA) -> int:
    """Note that an account was signed in all the while (epoch ms), before its messages are read; its id."""
    with ledger.transaction() as db:
        names = Strings(db)
        accounts.observe(db, names, folder, identity, since)
        accounts.observe(db, names, folder, identity, now)
        return readings.account_id(db, AccountId(identity.uuid, identity.organization), names.id(folder))


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
    story: limits.Story | None = None,
    identity: accounts.Identity = ADA,
) -> limits.Invented:
    """Sign in, read the transcripts, and store the readings that a service would have given in the last days (epoch ms).

    The windows agree with the refusals in the transcripts, and with a story where there is one.
    """
    account = sign_in_since(ledger, folder, now - 400 * 86_400_000, now, identity)
    ingest(ledger, env, now)
    used = []
    for row in messages(ledger.db, account, now - days * 86_400_000, now):
        cost = dollars(book, row)
        if cost is not None:
            used.append(limits.PricedMessage(row.at / 1000, str(row.session), row.model, cost))
    refused = [(one.wall_at, one.resets_at) for one in windows(ledger.db, account) if one.key == FIVE_HOUR]
    hits = tuple((at / 1000, reset / 1000) for at, reset in refused if at is not None and reset is not None)
    told = (story or limits.Story())._replace(refusals=hits)
    made = limits.readings(used, now / 1000, seed, has_phone=has_phone, factor_after=factor_after, story=told)
    with ledger.transaction() as db:
        names = Strings(db)
        who = AccountId(identity.uuid, identity.organization)
        families = (*story.scoped_end, *story.families) if story is not None else ()
        for said in made.said:
            reset = None if said.five_reset is None else int(said.five_reset * 1000)
            five = Limit(FIVE_HOUR, "5-hour", "session", said.five, reset)
            week = Limit(SEVEN_DAY, "7-day", "weekly", said.week, int(said.week_reset * 1000))
            scoped = (
                Limit(
                    f"weekly_scoped:{family}",
                    f"{family.capitalize()} week",
                    "weekly",
                    said.scoped.get(family, 0.0),
                    int(said.week_reset * 1000),
                    scope=family.capitalize(),
                )
                for family in families
            )
            shown = (five, week, *scoped) if said.has_week else (five,)
            reading = Reading(CLAUDE_JSON, int(said.at * 1000), account=who, limits=shown)
            readings.append(db, names, reading)
    return made
