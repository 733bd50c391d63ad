"""Limits as text: percentages, signs and color thresholds, countdowns, clock times, names of sources.

Color means pressure and always comes with a sign: orange and ▲ from 90, red and ■ from 100.
"""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING, Callable
from tachograph.model.limits.limits import FIVE_HOUR, MONEY, SEVEN_DAY, Money
from tachograph.queries.limits.current import OVERAGE, RESET, STALE, WALL, NowLimit
from tachograph.queries.limits.now_limit import whole_percent
from tachograph.text.format import UNKNOWN, day_and_time, duration, limit_name, safe, weekday
from tachograph.text.money import money, spend_of

if TYPE_CHECKING:
    from tachograph.model.usage.periods import Calendar

ORANGE_FROM, RED_FROM = 90.0, 100.0
SOURCE_WORDS = {
    "statusline": "status line",
    "claude_json": "Claude Code's cache",
    "desktop": "Claude Desktop",
    "transcript": "transcripts",
    "claude_code": "Claude Code",
    "oauth": "usage endpoint",
    "browser": "browser",
    "cookies": "cookies",
}
# where columns are few: the terminal
SHORT_SOURCE_WORDS = {**SOURCE_WORDS, "claude_json": "Claude's cache", "oauth": "endpoint", "desktop": "Desktop"}


def shown_percent(limit: NowLimit | None) -> float | None:
    """The percentage that a person sees: used, or left where the settings say so; never below 0."""
    if limit is None or limit.percent is None:
        return None
    return max(0.0, 100.0 - whole_percent(limit.percent)) if limit.shows_left else limit.percent


def percent(limit: NowLimit | None) -> str:
    """`78 %`, `~78 %` if it is old, a dash if it is unknown."""
    shown = shown_percent(limit)
    if limit is None or shown is None:
        return UNKNOWN
    return f"{'~' if limit.state == STALE else ''}{round(shown) if limit.shows_left else whole_percent(shown)} %"


def percent_words(limit: NowLimit | None) -> str:
    """The same where no heading says what it counts: `78 %`, `22 % left`."""
    is_left = limit is not None and limit.percent is not None and limit.shows_left
    return f"{percent(limit)} left" if is_left else percent(limit)


def short_percent(limit: NowLimit | None) -> str:
    """The same for a narrow place: `78%`."""
    return percent(limit).replace(" ", "")


def limit_bar(limit: NowLimit, columns: int, blocks: bool, elapsed: float | None) -> str:
    """The bar of a limit, with a mark where an even pace (`elapsed`: share of the window that is over) would be now."""
    pace = 1 - elapsed if elapsed is not None and limit.shows_left else elapsed
    return bar(shown_percent(limit), columns, blocks, pace)


def sign(limit: NowLimit | None) -> str:
    """▲ or ■ beside a number that presses; nothing for metered use, which has no limit to reach.

    ▲ stays until the number has fallen five points below its threshold."""
    if limit is None or limit.state in (OVERAGE, RESET):
        return ""
    if limit.state == WALL:
        return "■"
    return sign_of(limit.percent) or ("▲" if limit.is_near else "")


def sign_of(percent: float | None) -> str:
    """▲ from 90 percent, ■ from 100, else nothing."""
    if percent is None or percent < ORANGE_FROM:
        return ""
    return "■" if percent >= RED_FROM else "▲"


def level_of(limit: NowLimit | None) -> str:
    """Color of a number: unknown, stale, ok, high (from 90 until below 85), wall (from 100), overage."""
    if limit is not None and limit.state in (OVERAGE, WALL):
        return limit.state
    if limit is None or (limit.percent is None and limit.used is None):
        return "unknown"
    if limit.state == STALE:
        return limit.state
    return "wall" if (limit.percent or 0) >= RED_FROM else "high" if limit.is_near else "ok"


def short_name(limit: NowLimit) -> str:
    """`5h`, `7d`, `Opus`: the name of a limit in one line; "" for an amount, which needs none."""
    if limit.group == MONEY:
        return "" if limit.used is not None else safe(limit.label)
    return {FIVE_HOUR: "5h", SEVEN_DAY: "7d"}.get(limit.key) or safe(limit.scope or limit.label)


def full_name(limit: NowLimit) -> str:
    """`the 5-hour limit`, `the Monthly spend limit`, for a sentence."""
    return f"the {limit_name(safe(limit.label))}"


def amounts(limit: NowLimit) -> str:
    """`$375.19 of $400.00`, or a balance; "" where no amount is known."""
    if limit.detail.left is not None:
        return f"{money(limit.detail.left)} left"
    if limit.used is None or limit.state == RESET:
        return f"of {money(limit.cap)}" if limit.cap is not None else ""
    if limit.cap is None:
        return money(limit.used)
    return f"{money(_shown_amount(limit) or limit.used)} of {money(limit.cap)}{' left' if limit.shows_left else ''}"


def short_amount(limit: NowLimit) -> str:
    """`$375 of $400` in whole units, used or left; a dash after the reset, "" where no amount is known."""
    if limit.state == RESET and limit.used is not None:
        return UNKNOWN
    return spend_of(_shown_amount(limit), limit.cap)


def _shown_amount(limit: NowLimit) -> Money | None:
    """The amount that a person sees: used, or left of a cap in the same currency where the settings say so."""
    used, cap = limit.used, limit.cap
    if not limit.shows_left or used is None or cap is None or used[1:] != cap[1:]:
        return used
    return used._replace(minor=max(0, cap.minor - used.minor))


def source_words(limit: NowLimit) -> str:
    """Name of the source, or of the browser, of a limit's reading: `status line`, with several machines `status line on
    laptop`."""
    return _on_machine(limit.browser or SOURCE_WORDS.get(limit.source, limit.source), limit)


def short_source_words(limit: NowLimit) -> str:
    """`source_words` for a narrow column."""
    return _on_machine(SHORT_SOURCE_WORDS.get(limit.source, limit.source), limit)


def _on_machine(source: str, limit: NowLimit) -> str:
    return f"{source} on {limit.machine}" if limit.machine else source


def countdown(resets_at: int | None, at: int, calendar: Calendar) -> str:
    """`in 1 h 52 min, 14:05` within a day; `Thu 09:00` within a week, with the date beyond it."""
    if resets_at is None:
        return UNKNOWN
    left = (resets_at - at) / 1000
    if left < 24 * 3600:
        return f"in {duration(max(60, left))}, {calendar.local(resets_at):%H:%M}"
    return clock(resets_at, at, calendar)


def clock(moment: int, at: int, calendar: Calendar) -> str:
    """`14:05` within a day; `Thu 09:00` within a week, with the date beyond it."""
    shown, local = calendar.local(moment), calendar.local(at)
    if abs(moment - at) < 86_400_000:
        return f"{shown:%H:%M}"
    from tachograph.lean_datetime import timedelta  # not for a status line

    if timedelta(0) < shown - local < timedelta(days=7):
        return f"{weekday(shown)} {shown:%H:%M}"
    return day_and_time(shown, local)


def clocks(calendar: Calendar, at: int) -> Callable[[int], str]:
    """A function that writes moments (epoch ms) as `clock` does, for a text that is read at `at`."""
    return lambda moment: clock(moment, at, calendar)


def day_clock(moment: int, at: int, calendar: Calendar) -> str:
    """`14:05` today, `Thu 14:05` on any other day: for a notification, which may be read later."""
    shown = calendar.local(moment)
    day = "" if shown.date() == calendar.local(at).date() else f"{weekday(shown)} "
    return f"{day}{shown:%H:%M}"


def time_left(resets_at: int, at: int, calendar: Calendar) -> str:
    """`1 h 52 min` within a day, `Thu 09:00` later."""
    left = (resets_at - at) / 1000
    return duration(max(0, left)) if left < 86_400 else clock(resets_at, at, calendar)


def short_left(limit: NowLimit, at: int) -> str:
    """`1h52` or `14m` until the reset, for a status line; nothing where no reset is known."""
    if limit.resets_at is None or limit.state == RESET:
        return ""
    minutes = max(0, limit.resets_at - at) // 60_000
    return f"{minutes // 60}h{minutes % 60:02d}" if minutes >= 60 else f"{minutes}m"


PACE_MARK = "╎"  # on a bar: an even pace would be here by now


def bar(value: float | None, columns: int, blocks: bool, pace: float | None = None) -> str:
    """A percentage as a bar of a number of columns, with a mark at the share (0 to 1) of an even pace."""
    full, part, empty = ("█", "▏▎▍▌▋▊▉", "░") if blocks else ("#", "", ".")
    filled = min(1.0, (value or 0) / 100) * columns
    whole = int(filled)
    rest = part[int((filled - whole) * 8) - 1] if part and int((filled - whole) * 8) else ""
    drawn = f"{full * whole}{rest}".ljust(columns, empty)
    if pace is None or not columns:
        return drawn
    place = min(columns - 1, int(pace * columns))
    return f"{drawn[:place]}{PACE_MARK if blocks else '|'}{drawn[place + 1 :]}"
