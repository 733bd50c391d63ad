"""Refusals and the evidence that one is over.

A refusal holds until its reset; or until news of the same limit below 100 percent from a request begun after it; or
until an answer to a request begun after it, of the same account, covered by that limit and not metered. One without a
reset concerns one model or one budget only; after FORGOTTEN_MS without evidence its state is unknown.

A request began with the prompt or tool result that its answer follows; recorder/ingest.py takes that time from the
transcript. Where it is not known, this proves that it began after the refusal: it is of the refused conversation itself,
which had ended with the refusal; or its conversation got another answer in between; or more than REQUEST_MS have
passed, after which Claude Code gives a request up.
"""

from __future__ import annotations

from tachograph.lean_typing import Iterable, NamedTuple
from tachograph.model.limits.limits import EXTRA_USAGE, SPEND_LIMIT
from tachograph.model.limits.window_state import HELD_MS, LENGTHS

REQUEST_MS = 10 * 60_000  # Claude Code's own timeout of a request (API_TIMEOUT_MS, 600 s)
FORGOTTEN_MS = 24 * 3_600_000
NEARLY_FULL = 99.0  # percent: a value rounded down, of an answer that came just before the limit
CLEARLY_BELOW = 90.0  # percent: too low for a request that was running when the limit was reached
CREDITS, ALLOCATION, MONTHLY_SPEND = "usage_credits", "allocation", "monthly_spend"

FAMILIES = ("opus", "sonnet", "haiku", "fable", "mythos")
_SURFACES = ("cowork", "design", "oauth", "chat")


class Refusal(NamedTuple):
    """A refusal. `scope`: the one model that it concerns, "" for all; `resets_at` None where it named none; `session`:
    the refused session, "" where unknown."""

    key: str
    label: str
    scope: str
    at: int
    resets_at: int | None
    session: str


class News(NamedTuple):
    """A value of a limit. `before`: for a status line the previous news of its session (0 for none), None for a fetch."""

    at: int
    percent: float
    before: int | None
    session: str


class Answer(NamedTuple):
    """A billed answer. `before`: the previous answer of its conversation after the refusal, 0 for none; `is_own`: of the
    refused conversation itself; `began`: when its request began, None where unknown."""

    at: int
    model: str
    before: int
    is_own: bool
    began: int | None = None


def lifted_by_news(refusal: Refusal, news: Iterable[News]) -> bool:
    """Does a later value of the same limit prove that the refusal is over? Of money one that leaves clearly some."""
    full = NEARLY_FULL if is_money(refusal.key) else 100.0
    return any(one.at > refusal.at and one.percent < full and _is_proof(refusal, one) for one in news)


def keys_of_news(key: str) -> tuple[str, ...]:
    """The keys of the limits of which a value may end a refusal of a limit: refusals and readings name money in other
    words."""
    kind = key.partition(":")[0]
    if kind == SPEND_LIMIT:
        return SPEND_LIMIT, MONTHLY_SPEND, EXTRA_USAGE
    return (key, EXTRA_USAGE) if kind == CREDITS else (key,)


def _is_proof(refusal: Refusal, news: News) -> bool:
    if news.before is None:
        return True
    if news.percent >= NEARLY_FULL:
        return False
    is_own = refusal.session != "" and news.session == refusal.session
    return is_own or news.percent < CLEARLY_BELOW or news.before > refusal.at or news.at > refusal.at + REQUEST_MS


def answered_at(refusal: Refusal, answers: Iterable[Answer], *, is_metered: bool) -> int | None:
    """Time of the newest answer that the limit covers, if one of them proves that the refusal is over; else None.

    `is_metered`: work goes on beyond the plan, so that an answer says nothing about the plan's limits."""
    if is_metered and not is_money(refusal.key):
        return None
    scope = refusal.scope or scope_of(refusal.key)
    covered = [one for one in answers if one.at > refusal.at and stops(scope, one.model)]
    return max(one.at for one in covered) if any(_began_after(refusal, one) for one in covered) else None


def _began_after(refusal: Refusal, answer: Answer) -> bool:
    if answer.began is not None:
        return answer.began > refusal.at
    return answer.is_own or answer.before > refusal.at or answer.at > refusal.at + REQUEST_MS


def holds_until(at: int, resets_at: int) -> int:
    """The end of a refusal at a moment that named a reset."""
    return resets_at if at < resets_at else at + HELD_MS


def is_money(key: str) -> bool:
    """Is it a limit of money, so that its use is always metered?"""
    return key.partition(":")[0] in (CREDITS, SPEND_LIMIT, EXTRA_USAGE, ALLOCATION)


def scope_of(key: str) -> str:
    """The model that a limit's key names: `seven_day_opus`, `weekly_scoped:fable`; "" for all models."""
    return key.partition(":")[2] or (key.removeprefix("seven_day_") if key.startswith("seven_day_") else "")


def stops(scope: str | None, model: str) -> bool:
    """Would a limit with this scope stop this model (an id; "" unknown)? A limit of all models would; one of a product
    that is not Claude Code would not."""
    words = (scope or "").lower()
    if not words or not model:
        return True
    families = [family for family in FAMILIES if family in words]
    if families:
        return any(family in model.lower() for family in families)
    return not any(surface in words for surface in _SURFACES)


def is_holding(refusal: Refusal, resets_at: int | None, group: str, at: int) -> bool:
    """Does a refusal that no evidence has ended still hold of a window? One without a reset ends with the window; one
    that came after its own reset says that the service still holds the window, as a value read then does."""
    if refusal.resets_at is not None:
        return at < holds_until(refusal.at, refusal.resets_at)
    if resets_at is not None and resets_at > refusal.at:
        return at < resets_at
    return at - refusal.at < min(FORGOTTEN_MS, LENGTHS.get(group, FORGOTTEN_MS))
