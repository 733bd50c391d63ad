"""Anthropic's reports of an organization: addresses, pages and rows. No network in here.

Claude Code analytics (`/v1/organizations/usage_report/claude_code`): one UTC day, a row per person or API key, terminal and
customer type, with tokens and an estimated cost in cents by model. Cost report (`/v1/organizations/cost_report`): buckets of a
day, amounts as decimal text in cents. Both pages have `data`, `has_more` and `next_page`. Source: Anthropic's Admin API
documentation.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

USE_PATH, COST_PATH = "/v1/organizations/usage_report/claude_code", "/v1/organizations/cost_report"
USE_ROWS, COST_DAYS = 500, 31  # on a page
MAX_PAGES = 100
_NANO_PER_CENT = 10_000_000
_MOST_TOKENS, _MOST_NANO = 10**13, 10**17
_DAY_SECONDS = 86_400


class Answer(Protocol):
    """An answer of the service; `outcome` "ok" with a payload, or another with the problem in words."""

    @property
    def outcome(self) -> str: ...

    @property
    def payload(self) -> object: ...

    @property
    def retry_after_seconds(self) -> int | None: ...

    @property
    def problem(self) -> str: ...


Ask = Callable[[str], Answer]
"""Ask for a path with its query."""


class Unavailable(Exception):
    """A report could not be read. The message is safe to show; it holds no key."""

    def __init__(self, problem: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(problem)
        self.retry_after_seconds = retry_after_seconds


class ActorUse(NamedTuple):
    """Use of one actor on a day with one model. `cost` in nanodollars; None: unknown. `is_person` False for an API key."""

    actor: str
    is_person: bool
    model: str
    tokens: int
    cost: int | None


def use_of_day(ask: Ask, day: int) -> tuple[list[ActorUse], int]:
    """Claude Code's use on a day (days since the epoch), and the number of rows that can't be understood. Raises Unavailable."""
    found, refused = list[ActorUse](), 0
    for row in _rows(ask, f"{USE_PATH}?starting_at={_date(day)}&limit={USE_ROWS}"):
        try:
            if _day_of(row["date"]) != day:
                raise ValueError
            found += _uses(row)
        except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation):
            refused += 1
    return found, refused


def billed_by_day(ask: Ask, first: int, last: int) -> dict[int, int | None]:
    """The organization's cost by day in nanodollars; None for one that can't be understood. Raises Unavailable."""
    since, until = (quote(f"{_date(day)}T00:00:00Z", safe="") for day in (first, last + 1))
    found: dict[int, int | None] = {}
    for bucket in _rows(ask, f"{COST_PATH}?starting_at={since}&ending_at={until}&limit={COST_DAYS}"):
        try:
            day, results = _day_of(bucket["starting_at"]), bucket["results"]
            if not isinstance(results, list):
                continue
            amounts = [_nano(one["amount"], one["currency"]) for one in results]
        except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation):
            continue
        known = [amount for amount in amounts if amount is not None]
        before = found.get(day, 0)
        found[day] = None if before is None or len(known) < len(amounts) else before + sum(known)
    return {day: amount for day, amount in found.items() if first <= day <= last}


def _rows(ask: Ask, path: str) -> Iterator[Any]:
    """Rows of all pages."""
    page, seen = "", set[str]()
    while True:
        answer = ask(f"{path}&page={quote(page, safe='')}" if page else path)
        if answer.outcome != "ok":
            raise Unavailable(answer.problem, answer.retry_after_seconds)
        payload = answer.payload
        if not isinstance(payload, Mapping) or not isinstance(payload.get("data"), list):
            raise Unavailable("the report has another form than it used to have")
        yield from payload["data"]
        if payload.get("has_more") is not True:
            return
        following = payload.get("next_page")
        if not isinstance(following, str) or not following or following in seen or len(seen) >= MAX_PAGES:
            raise Unavailable("the pages of the report do not end")
        seen.add(following)
        page = following


def _uses(row: Mapping[str, Any]) -> list[ActorUse]:
    actor = row["actor"]
    is_person = actor["type"] == "user_actor"
    name = actor["email_address"] if is_person else actor["api_key_name"]
    if not isinstance(name, str) or not name.strip():
        raise ValueError
    uses = []
    for one in row["model_breakdown"]:
        tokens = sum(
            _tokens(one["tokens"].get(kind, 0)) for kind in ("input", "output", "cache_read", "cache_creation")
        )
        cost = one.get("estimated_cost")
        amount = None if cost is None else _nano(cost["amount"], cost["currency"])
        uses.append(ActorUse(name.strip().lower(), is_person, _text(one["model"]), tokens, amount))
    return uses or [ActorUse(name.strip().lower(), is_person, "", 0, 0)]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value[:200]


def _tokens(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_TOKENS:
        raise ValueError
    return value


def _nano(amount: object, currency: object) -> int | None:
    """Cents as nanodollars; None for another currency."""
    if currency != "USD":
        return None
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        raise TypeError
    value = Decimal(str(amount))
    if not value.is_finite() or not abs(value) * _NANO_PER_CENT <= _MOST_NANO:
        raise ValueError
    return round(value * _NANO_PER_CENT)


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY_SECONDS, UTC).date().isoformat()


def _day_of(text: str) -> int:
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp()) // _DAY_SECONDS
