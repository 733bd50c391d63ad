"""One verdict for scripts: may work go on, as an exit code.

A value at the limit counts at any age: only newer evidence says that it is over. An old value below the threshold is
unknown, for much may have been used since; one from the threshold on is near at any age.
"""

from __future__ import annotations

from tachograph.lean_typing import Mapping, NamedTuple
from tachograph.model.limits.limits import EXTRA_USAGE, FIVE_HOUR, MONEY, SEVEN_DAY, SPEND_LIMIT
from tachograph.model.limits.refusals import CREDITS
from tachograph.queries.estimates.constants import EVEN
from tachograph.queries.limits.current import (
    FRESH_MS,
    OVERAGE,
    RESET,
    STALE,
    UNKNOWN,
    WALL,
    Now,
    NowAccount,
    NowLimit,
    is_budget,
    is_near,
)
from tachograph.queries.limits.now_limit import whole_percent
from tachograph.queries.limits.refused import would_stop

CLEAR, NEAR, AT_WALL, ON_OVERAGE = "clear", "near", "wall", "overage"
EXIT_CODES = {CLEAR: 0, NEAR: 10, AT_WALL: 11, ON_OVERAGE: 12, UNKNOWN: 20}
_ORDER = (CLEAR, UNKNOWN, NEAR, ON_OVERAGE, AT_WALL)  # of several limits the one that says most speaks


class Verdict(NamedTuple):
    """`state` is a key of EXIT_CODES; `limit` the one that decided, None without one; `why` in plain words."""

    state: str
    account: NowAccount | None
    limit: NowLimit | None
    threshold: float
    why: str
    chance: float | None = None  # that the limit is reached before its reset, where that is what decided

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.state]


def judge(
    now: Now,
    *,
    account: NowAccount | None = None,
    keys: tuple[str, ...] = (),
    threshold: float = 90.0,
    allow_overage: bool = False,
    fresh_ms: int | None = None,
    chances: Mapping[str, float] | None = None,
    odds: float = EVEN,
    model: str = "",
) -> Verdict:
    """The verdict on an account (the leading one if None) and its limits (if no keys are given, those that would stop
    `model`, "" for any).

    `fresh_ms`: how old a number below the threshold may be; as old as `now` takes for fresh if None. `chances`: by key of
    a limit, the chance (0 to 1) that it is reached before it resets; what is clear but has at least such `odds` is near.
    """
    of = account if account is not None else (now.accounts[0] if now.accounts else None)
    if of is None:
        return Verdict(UNKNOWN, None, None, threshold, "no reading of any limit is there")
    limits = [limit for limit in of.limits if limit.key in keys] if keys else _stopping(of, model)
    if not limits:
        limits = [one for one in of.lifted if one.key in keys or (not keys and would_stop(one, model))]
    if not limits:
        return Verdict(UNKNOWN, of, None, threshold, "no reading of this limit is there")
    verdicts = [_one(of, limit, now.at, threshold, allow_overage, fresh_ms) for limit in limits]
    if chances is not None:
        verdicts = [_forecast(verdict, chances, odds) for verdict in verdicts]
    return max(verdicts, key=lambda verdict: (_ORDER.index(verdict.state), _percent(verdict)))


def _stopping(account: NowAccount, model: str) -> list[NowLimit]:
    """The limits of an account that would stop work with a model: those of the plan, budgets, and a refusal of just that
    model; extra usage only for an account without windows of a plan."""
    plan = [limit for limit in account.limits if limit.group in ("session", "weekly") and would_stop(limit, model)]
    budget = account.budget
    money = [limit for limit in account.limits if limit.group == MONEY and limit.detail.left is None]
    # a budget stops everything; what was refused for one model (in its scope) stops that one
    found = [limit for limit in money if is_budget(limit) or (limit.scope and model and would_stop(limit, model))]
    if budget is not None and budget not in found:
        found.append(budget)
    if not plan and not found:  # limits of a kind that is new to us
        found = [limit for limit in account.leading if would_stop(limit, model)]
    return [*plan, *found]


def _one(
    account: NowAccount, limit: NowLimit, at: int, threshold: float, allow_overage: bool, fresh_ms: int | None
) -> Verdict:
    def verdict(state: str, why: str) -> Verdict:
        return Verdict(state, account, limit, threshold, why)

    if limit.state == WALL:
        return verdict(AT_WALL, "it is reached")
    if limit.state == OVERAGE:
        state = CLEAR if allow_overage else ON_OVERAGE
        return verdict(state, "it is reached, and metered use goes on")
    if limit.state == RESET:
        since = at - (limit.resets_at or at)
        if since <= (FRESH_MS if fresh_ms is None else fresh_ms):
            return verdict(CLEAR, "it has just reset")
        return verdict(UNKNOWN, "it has reset since it was last read")
    if limit.percent is None and limit.group == MONEY and limit.used is not None and limit.cap is None:
        return verdict(CLEAR if limit.state != STALE else UNKNOWN, "it has no cap")
    if limit.percent is None and limit.answered_at is not None:
        is_recent = at - limit.answered_at <= (FRESH_MS if fresh_ms is None else fresh_ms)
        return verdict(CLEAR if is_recent else UNKNOWN, "it let an answer through after it had refused")
    if limit.percent is None:
        return verdict(UNKNOWN, "it has no known value")
    if is_near(limit, threshold):
        return verdict(NEAR, f"it is at {whole_percent(limit.percent)} %")
    is_old = limit.state == STALE if fresh_ms is None else limit.age_ms(at) > fresh_ms
    if is_old:
        return verdict(UNKNOWN, f"it was at {whole_percent(limit.percent)} %, but that number is old")
    return verdict(CLEAR, f"it is at {whole_percent(limit.percent)} %")


def _forecast(verdict: Verdict, chances: Mapping[str, float], odds: float) -> Verdict:
    chance = None if verdict.limit is None else chances.get(verdict.limit.key)
    if chance is None or verdict.limit is None:
        return verdict
    verdict = verdict._replace(limit=verdict.limit._replace(chance=chance))
    if verdict.state == CLEAR and chance >= odds:
        return verdict._replace(state=NEAR, chance=chance)
    return verdict


def _percent(verdict: Verdict) -> float:
    return -1.0 if verdict.limit is None or verdict.limit.percent is None else verdict.limit.percent


def primary_account(now: Now) -> NowAccount | None:
    """The account that a command is about if none is named: the first one that is known by a login."""
    return next((account for account in now.accounts if account.id), now.accounts[0] if now.accounts else None)


def find_accounts(now: Now, word: str) -> tuple[NowAccount, ...]:
    """The accounts that a person may mean: by label, by its beginning, by the beginning of an id, by plan."""
    wanted = word.strip().lower()
    exact = tuple(a for a in now.accounts if wanted in (a.label.lower(), *_ids(a)))
    if exact:
        return exact
    begin = tuple(
        a for a in now.accounts if a.label.lower().startswith(wanted) or any(id.startswith(wanted) for id in _ids(a))
    )
    return begin or tuple(a for a in now.accounts if wanted and wanted == a.plan.lower())


def _ids(account: NowAccount) -> tuple[str, ...]:
    """The ids of an account; two accounts of one person differ in their organization."""
    uuid, organization = account.uuid.lower(), account.organization.lower()
    return tuple(filter(None, (str(account.id), uuid, organization, f"{uuid}:{organization}" if uuid else "")))


_ALIASES = {
    "5h": FIVE_HOUR,
    "session": FIVE_HOUR,
    "7d": SEVEN_DAY,
    "week": SEVEN_DAY,
    "weekly": SEVEN_DAY,
}
_MONEY_WORDS = ("spend", "money", "budget")


def find_limit_keys(now: Now, word: str) -> tuple[str, ...]:
    """The keys of the limits that a person may mean: by key, label or scope; `5h`, `session`, `7d`, `week`, `opus`,
    `spend` (every budget), `extra`, `credits`."""
    wanted = word.strip().lower()
    known = {limit.key: limit for account in now.accounts for limit in (*account.lifted, *account.limits)}
    wanted = _ALIASES.get(wanted, wanted)
    if wanted in known:
        return (wanted,)
    if wanted in _MONEY_WORDS:
        return tuple(key for key, limit in known.items() if limit.group == MONEY and limit.detail.left is None)
    prefix = {"extra": EXTRA_USAGE, "credits": CREDITS, "spend_limit": SPEND_LIMIT}.get(wanted)
    if prefix is not None:
        return tuple(key for key in known if key.startswith(prefix))
    return tuple(
        key
        for key, limit in known.items()
        if wanted
        in (limit.label.lower(), (limit.scope or "").lower(), key.rpartition(":")[2], key.removeprefix("seven_day_"))
    )
