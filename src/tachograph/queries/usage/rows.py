"""Values of usage reports: sums with their cost, the keys of rows, a query and its report."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tachograph.model.usage.messages import Tokens
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import PICODOLLARS


class Spend(NamedTuple):
    """What a group of messages used. `cost` in picodollars, None where nothing in the group is priced."""

    tokens: Tokens = Tokens()
    cost: int | None = None
    unpriced: int = 0

    def __add__(self, other: "Spend") -> "Spend":  # type: ignore[override]  # a sum, not a longer tuple
        known = [c for c in (self.cost, other.cost) if c is not None]
        return Spend(self.tokens + other.tokens, sum(known) if known else None, self.unpriced + other.unpriced)

    @property
    def usd(self) -> float | None:
        return None if self.cost is None else self.cost / PICODOLLARS


def total(spends: Iterable[Spend]) -> Spend:
    parts = list(spends)
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Spend()
    costs = [part.cost for part in parts if part.cost is not None]
    tokens = Tokens(*map(sum, zip(*(part.tokens for part in parts), strict=True)))
    return Spend(tokens, sum(costs) if costs else None, sum(part.unpriced for part in parts))


class PeriodKey(NamedTuple):
    """A day, a week's first day, a month, an hour with its offset; None for messages without a time."""

    period: str | None


class ProjectKey(NamedTuple):
    project: str | None
    path: str | None


class ModelKey(NamedTuple):
    """A model as it was logged."""

    model: str


class BranchKey(NamedTuple):
    branch: str | None
    project: str | None


class SessionKey(NamedTuple):
    """A session with the project and branch of most of its messages, and how many others it has. Times: epoch ms."""

    session: str | None
    title: str | None
    project: str | None
    branch: str | None
    started_at: int | None
    ended_at: int | None
    more_projects: int = 0
    more_branches: int = 0


class PullRequestKey(NamedTuple):
    """A pull request; all None for messages that belong to none."""

    url: str | None
    number: int | None
    repository: str | None
    linked_at: int | None


class WindowKey(NamedTuple):
    """A 5-hour window's bounds, epoch milliseconds; None for messages without a time.

    `estimated`: from the logs alone, not by the service's own reset; `peak_percent`: the most it was seen to reach.
    """

    starts_at: int | None
    ends_at: int | None
    estimated: bool | None = None
    peak_percent: float | None = None


Key = WindowKey | PeriodKey | ProjectKey | ModelKey | BranchKey | SessionKey | PullRequestKey


class Row(NamedTuple):
    key: Any
    spend: Spend
    by: tuple["Row", ...] = ()


class SpendQuery(NamedTuple):
    """What is asked: of which stretch, along what, with which sub-rows, narrowed to which projects and models.

    `along` and `by` are day, week, month or hour, or project, model, session, branch or pr. `span` None bounds:
    everything, and then messages without a time are part of it.
    """

    along: str
    span: Span
    by: str | None = None
    projects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    session: int | None = None
    last: int | None = None  # windows alone: so many of the newest
    branches: tuple[str, ...] = ()  # whole names; "unknown" is where no record says
    pulls: tuple[str, ...] = ()  # addresses; "none" is what belongs to no pull request
    sessions: tuple[str, ...] = ()  # whole ids
    accounts: tuple[int, ...] = ()


class SpendReport(NamedTuple):
    """Rows in their usual order, what they add up to, and the models in them that have no price."""

    rows: tuple[Row, ...]
    totals: Spend
    unpriced_models: tuple[str, ...] = ()


PERIODS = ("hour", "day", "week", "month")


def by_cost(row: Row) -> tuple[float, int, str]:
    """The order of rows by cost, then tokens, then name: what has no price comes last."""
    return (-1 if row.spend.cost is None else -row.spend.cost, -row.spend.tokens.total, str(row.key))
