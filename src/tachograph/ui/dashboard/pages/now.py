"""*Now*: the current limits, their history with a forecast, and the active sessions."""

from typing import NamedTuple

from tachograph.model.limits.limits import EXTRA_USAGE, FIVE_HOUR
from tachograph.model.limits.window_state import LENGTHS
from tachograph.queries.limits.current import STALE, NowAccount, NowLimit
from tachograph.queries.tray_state import tray_state
from tachograph.text import limits as limit_text
from tachograph.text.chances import chance_short
from tachograph.text.format import UNKNOWN, day_and_time, iso, plural, safe, usd
from tachograph.text.money import money as amount
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.pages.active_sessions import active_table
from tachograph.ui.dashboard.pages.limit_charts import limit_charts
from tachograph.ui.dashboard.tables import ago, display
from tachograph.ui.documents import now as words


class LimitRow(NamedTuple):
    """A limit as a row. `bar`: 0 to 100, None if unknown; `pace`: the share of the window that has passed, in percent."""

    key: str
    label: str
    percent: str
    value: float | None
    sign: str
    level: str
    words: str
    bar: float | None
    pace: float | None
    source: str
    observed: str
    age: str
    resets_at: str | None
    title: str


class ServiceShare(NamedTuple):
    """A part of the service's own breakdown of the week."""

    label: str
    text: str
    value: float


class AccountSection(NamedTuple):
    """An account with its limits. `extra`: sentence about extra usage, "" without it."""

    id: int
    name: str
    plan: str
    limits: tuple[LimitRow, ...]
    newest: str
    extra: str
    extra_bar: float | None
    extra_percent: str
    shares: tuple[ServiceShare, ...]
    problems: tuple[str, ...]


class LimitsBlock(NamedTuple):
    """Values of now_limits.html."""

    accounts: tuple[AccountSection, ...]
    headline: str
    level: str
    today: str
    today_messages: str
    today_value: float | None


def current_limits(view: View) -> LimitsBlock:
    """Every account with its limits, as the meter has them."""
    snapshot = view.snapshot
    found = tray_state(snapshot.db, snapshot.book, snapshot.calendar, snapshot.now, left=snapshot.settings.shows_left)
    return LimitsBlock(
        tuple(_account(account, view) for account in found.now.accounts),
        words.title(found.now, "medium"),
        words.level(found.now),
        usd(found.today.usd),
        plural(found.today.tokens.messages, "message"),
        found.today.usd,
    )


def _account(account: NowAccount, view: View) -> AccountSection:
    newest = max(account.limits, key=lambda limit: limit.observed_at, default=None)
    extra = account.extra if account.limit(EXTRA_USAGE) is None else None
    is_shown = extra is not None and (extra.enabled or extra.blocked)
    bar = extra.percent if extra is not None and extra.enabled else None
    return AccountSection(
        account.id,
        display(account.label, "An account without a name"),
        safe(account.plan),
        tuple(limit_row(limit, view) for limit in account.shown),
        "" if newest is None else f"{ago(newest.observed_at, view.now)}, {safe(limit_text.source_words(newest))}",
        words.extra_words(extra) if extra is not None and is_shown else "",
        bar,
        f"{bar:.0f} %" if bar is not None else amount(extra.used) if extra is not None and extra.used else UNKNOWN,
        tuple(ServiceShare(safe(one.label), f"{one.percent:.0f} %", one.percent) for one in account.breakdown),
        tuple(words.problem_words(account)),
    )


def limit_row(limit: NowLimit, view: View) -> LimitRow:
    """A limit as every page shows it: the number, sign and words of the meter."""
    text = limit_text.percent_words(limit)
    observed = view.calendar.local(limit.observed_at)
    source, age = safe(limit_text.source_words(limit)), ago(limit.observed_at, view.now)
    return LimitRow(
        limit.key,
        safe(limit.label),
        text,
        limit.percent,
        limit_text.sign(limit) or ("~" if limit.state == STALE else ""),
        limit_text.level_of(limit),
        _words(limit, view),
        None if limit.percent is None else max(0.0, min(100.0, limit_text.shown_percent(limit) or 0.0)),
        _pace(limit, view.now),
        limit.source,
        iso(limit.observed_at) or "",
        age,
        iso(limit.resets_at),
        f"{text}, by {source} {age}, at {day_and_time(observed, view.calendar.local(view.now))}",
    )


def _pace(limit: NowLimit, now: int) -> float | None:
    length = LENGTHS.get("session" if limit.key == FIVE_HOUR else limit.group)
    if length is None or limit.resets_at is None or limit.percent is None:
        return None
    passed = 100 * (1 - (limit.resets_at - now) / length)
    if not 0 <= passed <= 100:
        return None
    return 100 - passed if limit.shows_left else passed


def _words(limit: NowLimit, view: View) -> str:
    """The reset, and the chance to reach the limit before it."""
    chance = chance_short(limit.chance) if limit.chance is not None else ""
    reset = words.limit_words(limit, view.now, view.calendar)
    return f"{reset}; {chance}" if reset and chance else reset or chance


PAGE = Page(
    "now",
    "/",
    "Now",
    (
        Block("limits", "now_limits.html", current_limits),
        Block("curves", "figures_block.html", limit_charts),
        Block("running", "table_block.html", active_table),
    ),
    finds="",
)
