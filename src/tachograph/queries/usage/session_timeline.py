"""One session message by message: what each cost, how the context grew, which subagents it had, and what part of each
5-hour window it took."""

from collections.abc import Iterator
from typing import NamedTuple

from tachograph.lean_sqlite import sqlite3
from tachograph.ledger.limits import accounts
from tachograph.ledger.limits import windows as history
from tachograph.ledger.usage import messages, sessions
from tachograph.model.limits.limits import FIVE_HOUR, SESSION_MS
from tachograph.model.usage.messages import Tokens
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import PriceBook
from tachograph.model.usage.prices import tariff as tariff_of
from tachograph.queries.usage.pricing import cost_of, price_sums
from tachograph.queries.usage.rows import Spend, total

_NO_LOG = (0, 0)


class Step(NamedTuple):
    """A message: `prompt` is its input in tokens, the size of the context; `so_far` the session's cost up to it. Costs in picodollars, None where there is no price. `agent` is "" on the main chain."""

    id: int
    identity: int
    at: int | None
    model: str
    spend: Spend
    prompt: int
    so_far: int | None
    agent: str
    request: str


class Agent(NamedTuple):
    """A subagent: what it used, when it was at work, with which models (the most used first)."""

    agent: str
    spend: Spend
    first_at: int | None
    last_at: int | None
    models: tuple[str, ...]


class Share(NamedTuple):
    """A 5-hour window that the session touched: what the session used in it and what all sessions of that account did.
    `label` of the account."""

    account: int
    label: str
    starts_at: int
    ends_at: int
    used: Spend
    whole: Spend
    peak: float | None

    @property
    def share(self) -> float | None:
        """The session's share of the window's cost; None without a price."""
        return self.used.cost / self.whole.cost if self.used.cost is not None and self.whole.cost else None


class Shares(NamedTuple):
    """`windows` oldest first; `nobodys`: messages of the session without a known account, in none of them."""

    windows: tuple[Share, ...]
    nobodys: int


class Timeline(NamedTuple):
    steps: tuple[Step, ...]
    agents: tuple[Agent, ...]
    totals: Spend


def timeline(db: sqlite3.Connection, book: PriceBook, session: int) -> Timeline:
    """Every message that is counted in a session, oldest first; they add up to what the reports say of it."""
    steps, so_far = [], None
    by_agent: dict[str, list[Step]] = {}
    for turn in sessions.turns(db, session):
        prompt = turn.counts[0] + turn.counts[2] + turn.counts[3] + turn.counts[4]
        tariff = tariff_of(*turn.tariff_of, prompt)
        logged = _NO_LOG if turn.logged_cost is None else (1, turn.logged_cost)
        cost, unpriced = cost_of(book, turn.model, turn.at, tariff, (1, *turn.counts, *logged))
        so_far = so_far if cost is None else (so_far or 0) + cost
        used = Spend(Tokens(1, *turn.counts), cost, unpriced)
        step = Step(turn.id, turn.identity, turn.at, turn.model, used, prompt, so_far, turn.agent, turn.request)
        steps.append(step)
        if turn.agent:
            by_agent.setdefault(turn.agent, []).append(step)
    agents = [_agent(agent, parts) for agent, parts in by_agent.items()]
    return Timeline(tuple(steps), tuple(agents), total(step.spend for step in steps))


def _agent(agent: str, steps: list[Step]) -> Agent:
    times = [step.at for step in steps if step.at is not None]
    costs: dict[str, int] = {}
    for step in steps:
        costs[step.model] = costs.get(step.model, 0) + step.spend.tokens.total
    models = sorted(costs, key=lambda model: (-costs[model], model))
    first, last = (min(times), max(times)) if times else (None, None)
    return Agent(agent, total(step.spend for step in steps), first, last, tuple(models))


def shares(db: sqlite3.Connection, book: PriceBook, session: int, steps: tuple[Step, ...]) -> Shares:
    """The session's part of each 5-hour window of the service that it touched: of the accounts that it ran under."""
    times = [step.at for step in steps if step.at is not None]
    if not times:
        return Shares((), 0)
    lived = Span(times[0], times[-1] + 1)
    counts = {values[0]: used.tokens.messages for _, values, used in _by_account(db, book, [lived], session)}
    names = {known.id: known.name for known in accounts.accounts(db)}
    touched = [
        Share(account, names.get(account, ""), window.resets_at - SESSION_MS, window.resets_at, Spend(), Spend(), _peak(window))
        for account in sorted(counts.keys() - {0})
        for window in history.all_windows(db, FIVE_HOUR, account, since=times[0])
        if window.resets_at is not None and window.resets_at - SESSION_MS <= times[-1]
    ]  # fmt: skip
    spans = [Span(share.starts_at, share.ends_at) for share in touched]
    for place, (account,), used in _by_account(db, book, spans, session):
        if account == touched[place].account:
            touched[place] = touched[place]._replace(used=used)
    touched = [share for share in touched if share.used.tokens.messages]
    spans = [Span(share.starts_at, share.ends_at) for share in touched]
    for place, (account,), whole in _by_account(db, book, spans, None):
        if account == touched[place].account:
            touched[place] = touched[place]._replace(whole=whole)
    return Shares(tuple(sorted(touched, key=lambda share: (share.starts_at, share.account))), counts.get(0, 0))


def _by_account(
    db: sqlite3.Connection, book: PriceBook, spans: list[Span], session: int | None
) -> Iterator[tuple[int, tuple[int, ...], Spend]]:
    """Usage of each account in the spans, exact to the millisecond: in one session or in all."""
    filters = {} if session is None else {"session": {session}}
    return price_sums(db, book, messages.sums(db, ("account",), spans, filters, book.changes()))


def _peak(window: history.OwnedWindow) -> float | None:
    return 100.0 if window.wall_at is not None else window.peak


def by_model(steps: tuple[Step, ...]) -> tuple[tuple[str, Spend], ...]:
    """Usage per model, the highest cost first."""
    parts: dict[str, list[Spend]] = {}
    for step in steps:
        parts.setdefault(step.model, []).append(step.spend)
    made = [(model, total(spends)) for model, spends in parts.items()]
    return tuple(sorted(made, key=lambda pair: (-(pair[1].cost or 0), pair[0])))
