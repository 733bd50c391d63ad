"""Limits of a plan as the service states them: accounts, limits, money, readings.

Unknown is None everywhere, and never 0. Percentages are 0 to 100 (they may pass 100); moments are epoch milliseconds.
"""

from __future__ import annotations

from tachograph.clock import HOUR_MS
from tachograph.lean_typing import NamedTuple

FIVE_HOUR, SEVEN_DAY = "five_hour", "seven_day"
SESSION_MS = 5 * HOUR_MS  # from the start of a session limit's window to its reset
SPEND_LIMIT = "spend_limit"  # a gateway's or organization's budget, on the status line
EXTRA_USAGE = "extra_usage"  # metered use beyond the plan, or the budget of a seat without windows
PREPAID = "prepaid_balance"
MOST_PERCENT = 1000.0  # a larger value is a mistake of the source: an epoch has been seen in its place

# Groups of limits; "" for any other.
SESSION, WEEKLY, MONEY = "session", "weekly", "money"

# Where readings come from, as programs see it. A source is an attribute of a reading, not of an account.
STATUSLINE = "statusline"  # what Claude Code pipes to its status line
CLAUDE_JSON = "claude_json"  # the answer that Claude Code keeps in .claude.json
DESKTOP = "desktop"  # samples that Claude Desktop keeps
TRANSCRIPT = "transcript"  # notices of a limit in transcripts
OAUTH = "oauth"  # the usage endpoint, asked with Claude Code's token
BROWSER = "browser"  # a paired browser extension
COOKIES = "cookies"  # claude.ai, asked with a browser's session
CLAUDE_CODE = "claude_code"  # Claude Code itself, asked in a process of its own
SOURCES = (STATUSLINE, CLAUDE_JSON, DESKTOP, TRANSCRIPT, CLAUDE_CODE, OAUTH, BROWSER, COOKIES)

# What came of asking. Anything but OK carries no limits; each has its own remedy (text/outcomes.py).
OK = "ok"
SHAPE = "shape"  # an answer that holds nothing we know
NO_PROGRAM = "no_program"  # there is no Claude Code to ask
NO_LOGIN = "no_login"  # no credentials, or none of a subscription
DENIED = "denied"  # they are there, but this computer will not hand them over
EXPIRED = "expired"  # 401
FORBIDDEN = "forbidden"  # 403: the token may not ask this
LIMITED = "limited"  # 429
SERVER = "server"  # 5xx
TIMEOUT = "timeout"
OFFLINE = "offline"  # no name, no route, refused
TLS = "tls"
PORTAL = "portal"  # an answer that is not the service's
BLOCKED = "blocked"  # a challenge page
CLOCK = "clock"  # values of a time that cannot be: a clock was wrong when they were read


class AccountId(NamedTuple):
    """An account as the service names it. The same person in two organisations has two of them."""

    uuid: str
    organization: str


class Money(NamedTuple):
    """An amount in minor units: 1234 with exponent 2 is 12.34 of the currency."""

    minor: int
    currency: str
    exponent: int = 2

    @property
    def major(self) -> float:
        return float(self.minor / 10**self.exponent)


class Limit(NamedTuple):
    """One window of a plan, a budget, or a grant of credits.

    `key`: `five_hour`, `seven_day`, `seven_day_opus`, `weekly_scoped:<name in lower case>`, `spend_limit`,
    `extra_usage` (with `_daily` or `_weekly` for its sub-caps), `prepaid_balance`, else the server's own name.
    `group`: SESSION, WEEKLY, MONEY or "" for anything else; `scope`: the model or surface that a weekly limit is
    narrowed to, as the server shows it. `percent` None: the window has not begun, or the value is unknown; of money it
    may pass 100. `severity` as the server says: normal, warning, critical. `used` and `limit` (the cap) are amounts of
    money, `left` a balance. `locked`: the service's reason why the limit lets nothing through, in words.
    `allowance`, `allowance_used`: for a scoped week, how many percent of the whole week it may take and took.
    """

    key: str
    label: str
    group: str
    percent: float | None
    resets_at: int | None
    severity: str | None = None
    scope: str | None = None
    is_grant: bool = False
    used: Money | None = None
    limit: Money | None = None
    left: Money | None = None
    locked: str | None = None
    allowance: float | None = None
    allowance_used: float | None = None


class ExtraUsage(NamedTuple):
    """Metered use beyond the plan ("usage credits"). `blocked` is the reason why it is not available now, None if it
    is. `limit` None: no cap is known. `balance`: prepaid credits left. Daily and weekly sub-caps are limits of their own
    (`extra_usage_daily`, `extra_usage_weekly`)."""

    enabled: bool | None
    used: Money | None
    limit: Money | None
    percent: float | None
    blocked: str | None = None
    balance: Money | None = None


class BankedReset(NamedTuple):
    """A reset of a limit that the account holds and may redeem until `expires_at` (epoch ms, None where unknown)."""

    key: str
    label: str
    expires_at: int | None


class Billing(NamedTuple):
    """Subscription of an account and credits that are left, from claude.ai alone, at a moment. `status`,
    `renews_on` (a date) and `every` as it words them, "" where it does not; amounts None likewise."""

    at: int
    status: str = ""
    renews_on: str = ""
    every: str = ""
    credits: Money | None = None
    granted: Money | None = None


class Share(NamedTuple):
    """Share of the used week by one product, in percent, from the server; the shares add up to about 100."""

    key: str
    label: str
    percent: float


class Reading(NamedTuple):
    """One observation of limits by a source. A section that the source does not give is None (or empty), not zero.

    `observed_at` is when the values were true by the source's own account; `problems` in plain words, none of them
    holding anything secret. Of a status line only: `session`, the session that was drawn; `api_ms`, its
    `cost.total_api_duration_ms`, which grows with every answer; `model`, the id of the model in use. `banked`: resets
    that the account holds.
    """

    source: str
    observed_at: int
    outcome: str = OK
    account: AccountId | None = None
    limits: tuple[Limit, ...] = ()
    extra: ExtraUsage | None = None
    breakdown: tuple[Share, ...] = ()
    plan: str | None = None
    problems: tuple[str, ...] = ()
    session: str = ""
    api_ms: int | None = None
    model: str = ""
    banked: tuple[BankedReset, ...] = ()


_SAME_RESET_MS = (
    5 * 60_000
)  # siblings differ by parts of a second (…59.657 and …00.306), other sources round to minutes


def same_reset(a: int | None, b: int | None) -> bool:
    """Do two moments name the same reset? Never where one of them is unknown."""
    return a is not None and b is not None and abs(a - b) <= _SAME_RESET_MS
