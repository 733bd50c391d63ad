"""Values of usage reports: sums with their cost, the keys of rows, a query and its report."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING, Iterable, NamedTuple
from tachograph.model.usage.messages import Tokens
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import PICODOLLARS

if TYPE_CHECKING:
    from typing import Any

CREDITS = 32  # as a value of the dimension `speed`: no bit of a tariff, since it depends on limits


class Spend(NamedTuple):
    """Use of a group of messages. `cost` in picodollars, None if no message of the group has a price.

    `billed`: the part of the cost that a plan does not cover, since fast mode draws on usage credits. `unfinished`:
    messages of which the recorded output is a streaming placeholder; `missing_output`: the tokens that those lack at least.
    `after_limit`: the part of `billed` at standard speed, after a limit.
    """

    tokens: Tokens = Tokens()
    cost: int | None = None
    unpriced: int = 0
    billed: int = 0
    unfinished: int = 0
    missing_output: int = 0
    after_limit: int = 0

    def __add__(self, other: Spend) -> Spend:  # type: ignore[override]  # a sum, not a longer tuple
        known = [c for c in (self.cost, other.cost) if c is not None]
        return Spend(
            self.tokens + other.tokens,
            sum(known) if known else None,
            *(a + b for a, b in zip(self[2:], other[2:], strict=True)),
        )

    def __sub__(self, part: Spend) -> Spend:
        """The rest without a part of it."""
        tokens = Tokens(*(a - b for a, b in zip(self.tokens, part.tokens, strict=True)))
        rest = [a - b for a, b in zip(self[2:], part[2:], strict=True)]
        cost = None if self.cost is None or rest[0] == tokens.messages else self.cost - (part.cost or 0)
        return Spend(tokens, cost, *rest)

    @property
    def on_credits(self) -> Spend:
        """The same money as a part that is billed after a limit, without its tokens."""
        return Spend(billed=self.cost or 0, after_limit=self.cost or 0)

    @property
    def billed_usd(self) -> float:
        return self.billed / PICODOLLARS

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
    return Spend(tokens, sum(costs) if costs else None, *map(sum, zip(*(part[2:] for part in parts), strict=True)))


class PeriodKey(NamedTuple):
    """A day, a week's first day, a month, an hour with its offset; None for messages without a time."""

    period: str | None


class ProjectKey(NamedTuple):
    project: str | None
    path: str | None


class ModelKey(NamedTuple):
    """A model as it was logged."""

    model: str


class MachineKey(NamedTuple):
    """A machine of the person, by name."""

    machine: str


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


class SpeedKey(NamedTuple):
    """Speed of an answer, and who pays: "standard" is part of a plan, "fast" draws on usage credits, so does what went on at
    standard speed after a limit ("credits"); "batch" is the service tier at half the price."""

    speed: str


class AgentKey(NamedTuple):
    """The asking agent: "main", or the type of a subagent; None if unknown."""

    agent: str | None


class SkillKey(NamedTuple):
    """The skill in use; None where no record names one."""

    skill: str | None


class PluginKey(NamedTuple):
    """The plugin that a skill or subagent comes from; None where no record names one."""

    plugin: str | None


class McpKey(NamedTuple):
    """The MCP server that an answer calls or works with; None where no record names one."""

    mcp: str | None


class EffortKey(NamedTuple):
    """Reasoning effort; None where no record names it."""

    effort: str | None


class EntrypointKey(NamedTuple):
    """The program that started Claude Code, as transcripts name it; None where no record does."""

    entrypoint: str | None


WayKey = AgentKey | SkillKey | PluginKey | McpKey | EffortKey | EntrypointKey
WAY_KEYS: dict[str, type[WayKey]] = {
    "agent": AgentKey,
    "skill": SkillKey,
    "plugin": PluginKey,
    "mcp": McpKey,
    "effort": EffortKey,
    "entrypoint": EntrypointKey,
}
WAY_COLUMNS = {  # of the ledger
    "agent": "agent_type",
    "skill": "skill",
    "plugin": "plugin",
    "mcp": "server",
    "effort": "effort",
    "entrypoint": "entrypoint",
}
MAIN_AGENT = "main"


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


Key = (
    WayKey
    | WindowKey
    | SpeedKey
    | PeriodKey
    | ProjectKey
    | ModelKey
    | MachineKey
    | BranchKey
    | SessionKey
    | PullRequestKey
)


class Row(NamedTuple):
    """One row of a report. `by_branch`: of a pull request's use, what belongs to it by branch alone; `share` of the
    report's cost, 0 to 1, None where either has no price."""

    key: Any
    spend: Spend
    by: tuple[Row, ...] = ()
    by_branch: Spend = Spend()
    share: float | None = None


class SpendQuery(NamedTuple):
    """A question: time span, dimension of rows and of sub-rows, and filters.

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
    machines: tuple[str, ...] = ()  # names
    ways: tuple[tuple[str, tuple[str, ...]], ...] = ()  # dimension of WAY_KEYS, or speed: names that are let through


class SpendReport(NamedTuple):
    """Rows in their usual order, what they add up to, and the models in them that have no price."""

    rows: tuple[Row, ...]
    totals: Spend
    unpriced_models: tuple[str, ...] = ()


PERIODS = ("hour", "day", "week", "month")


def by_cost(row: Row) -> tuple[float, int, str]:
    """The order of rows by cost, then tokens, then name; rows without a price come last."""
    return (-1 if row.spend.cost is None else -row.spend.cost, -row.spend.tokens.total, str(row.key))


def period_order(period: str | None) -> tuple[bool, float, str]:
    """The order of periods by time, the unknown last: as text the second 02:00 of an autumn night came first."""
    if period is None or len(period) <= len("2026-11-26"):
        return period is None, 0.0, period or ""
    from tachograph.lean_datetime import datetime

    return False, datetime.fromisoformat(period).timestamp(), ""
