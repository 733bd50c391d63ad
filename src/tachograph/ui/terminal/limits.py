"""The limits as rows of cells: bar, percent, reset, the way there, how fast, by whom and how old."""

from typing import NamedTuple

from tachograph.model.limits.limits import MONEY, ExtraUsage
from tachograph.model.usage.periods import Calendar
from tachograph.queries.estimates.constants import EVEN
from tachograph.queries.limits.current import OVERAGE, RESET, STALE, UNKNOWN, WALL, NowAccount, NowLimit
from tachograph.queries.limits.pace import Trend
from tachograph.queries.live import AccountTrend, LiveState
from tachograph.text.chances import SMALL, SURE, chance_before
from tachograph.text.format import UNKNOWN as DASH
from tachograph.text.format import cut, width
from tachograph.text.limits import (
    ORANGE_FROM,
    bar,
    clocks,
    level_of,
    limit_bar,
    percent,
    short_amount,
    short_source_words,
    sign,
    time_left,
)
from tachograph.text.money import spend
from tachograph.ui.documents.now import extra_words, headline
from tachograph.ui.terminal.cells import AT_WALL, DIM, FILLED, HIGH, OLD, PLAIN, STRONG, Cell, Row, fit, padded, tame

RESET_MARK = "╎"
_LEVELS = {"stale": OLD, "wall": AT_WALL, "high": HIGH, "overage": HIGH, "unknown": DIM, "ok": PLAIN}
_STEPS = "▁▂▃▄▅▆▇█"
_PERCENT, _RESETS, _RATE, _HEARD, _HEARD_WIDE, _CHANCE = 6, 12, 15, 19, 32, 5


class Widths(NamedTuple):
    """Columns of each part of a limit's row; 0 for a part that does not fit."""

    name: int
    bar: int
    curve: int
    rate: int
    chance: int
    heard: int


def widths(accounts: tuple[AccountTrend, ...], columns: int) -> Widths:
    """Layout of the rows of limits, the same for all accounts on a screen."""
    names = [width(tame(trend.limit.label)) for account in accounts for trend in account.trends]
    name = min(max([6, *names]), 16 if columns >= 100 else 12 if columns >= 60 else 7)
    rate = _RATE if columns >= 60 else 0
    heard = 0 if columns < 100 else _HEARD if columns < 120 else _HEARD_WIDE
    is_chance = any(trend.limit.chance is not None for account in accounts for trend in account.trends)
    likely = _CHANCE if is_chance and columns >= 76 else 0
    fixed = 1 + name + 1 + 1 + _PERCENT + 2 + 2 + _RESETS + sum(2 + part for part in (rate, likely, heard) if part)
    left = columns - fixed - 1
    curve = 0
    if columns >= 76:
        curve = max(8, min(40, left * 2 // 5))
        left -= curve + 2
    return Widths(name, max(4, min(40, left)), curve, rate, likely, heard)


def headings(parts: Widths, counted: str = "used") -> Row:
    """Headings of the rows; `counted`: what the percentages count."""
    made = f" {'':{parts.name}} {'':{parts.bar}} {counted:>{_PERCENT}}    {'resets':{_RESETS}}"
    if parts.curve:
        made += f"  {fit('so far', parts.curve)}"
    if parts.rate:
        made += f"  {'%/h  (lasts at)':{parts.rate}}"
    if parts.chance:
        made += f"  {'wall':>{parts.chance}}"
    if parts.heard:
        made += f"  {'heard':{parts.heard}}"
    return (Cell(made, DIM),)


def row(trend: Trend, parts: Widths, at: int, calendar: Calendar) -> Row:
    limit = trend.limit
    style = _LEVELS[level_of(limit)]
    made = [
        Cell(f" {fit(tame(limit.label), parts.name)} "),
        *_bar(trend, parts.bar, style),
        Cell(f" {percent(limit):>{_PERCENT}} ", style or STRONG),
        Cell(f"{mark(limit) or ' '}  ", style),
        Cell(fit(resets(limit, at, calendar), _RESETS), DIM if limit.state == RESET else PLAIN),
    ]
    if parts.curve:
        made += [Cell("  "), Cell(curve(trend, parts.curve, at), style if style == OLD else FILLED)]
    if parts.rate:
        made += [Cell("  "), *_rate(trend, parts.rate)]
    if parts.chance:
        likely = limit.chance is not None and limit.chance >= EVEN
        made += [Cell(f"  {chance(limit):>{parts.chance}}", STRONG if likely else PLAIN)]
    if parts.heard:
        made += [Cell("  "), Cell(fit(heard(limit, at, parts.heard), parts.heard), DIM)]
    return tuple(made)


def narrow_row(trend: Trend, columns: int, at: int, calendar: Calendar) -> Row:
    """A limit in a small pane: name, bar, percent, reset."""
    limit = trend.limit
    style = _LEVELS[level_of(limit)]
    name = min(7, columns // 4)
    when = 10 if columns >= 34 else 0
    left = columns - name - 2 - 5 - 2 - (when + 1 if when else 0)
    made = [Cell(f"{fit(tame(limit.scope or limit.label), name)} ")]
    if left >= 3:
        made += _bar(trend, left, style)
    made += [Cell(f" {percent(limit):>5}", style or STRONG), Cell(f" {mark(limit) or ' '}", style)]
    if when:
        made += [Cell(" "), Cell(fit(resets(limit, at, calendar), when))]
    return padded(made, columns)


def mark(limit: NowLimit) -> str:
    """The sign beside a color, with the same meaning."""
    return "◆" if limit.state == OVERAGE else sign(limit)


def resets(limit: NowLimit, at: int, calendar: Calendar) -> str:
    """`1 h 52 min` within a day, `Thu 09:00` later; of money `$73 of $200`."""
    if limit.group == MONEY and limit.used is not None:
        return f"{short_amount(limit)}{' left' if limit.shows_left and limit.cap is not None else ''}"
    if limit.state == RESET:
        return "has reset"
    if limit.resets_at is None:
        return "not begun" if not limit.percent else DASH
    return time_left(limit.resets_at, at, calendar)


def heard(limit: NowLimit, at: int, most: int) -> str:
    """Source and age of a reading, and the state of the limit."""
    said = f"{short_source_words(limit)} {ago(limit.age_ms(at))}"
    if len(said) > most:
        said = f"{short_source_words(limit._replace(machine=''))} {ago(limit.age_ms(at))}"
    words = {WALL: "at the limit", OVERAGE: "extra usage", STALE: "old", UNKNOWN: "not said"}.get(limit.state)
    return f"{words}: {said}" if words and len(words) + len(said) + 2 <= most else said


def ago(milliseconds: float) -> str:
    """4 s, 2 min, 5 h, 3 d: as short as can be."""
    seconds = max(0, int(milliseconds / 1000))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _bar(trend: Trend, columns: int, style: str) -> list[Cell]:
    """A bar with the mark of an even pace."""
    filled = len(limit_bar(trend.limit, columns, True, None).rstrip("░"))
    drawn = limit_bar(trend.limit, columns, True, trend.elapsed)
    return [Cell(drawn[:filled], style or FILLED), Cell(drawn[filled:], DIM)]


def chance(limit: NowLimit) -> str:
    """Chance to hit the limit before its reset: 38 %, <5 %, >95 %; "" without one."""
    if limit.chance is None:
        return ""
    if limit.chance < SMALL:
        return f"<{SMALL * 100:.0f} %"
    return f">{SURE * 100:.0f} %" if limit.chance > SURE else f"{limit.chance * 100:.0f} %"


def likeliest(watched: AccountTrend | None) -> NowLimit | None:
    """The limit of an account that is likeliest to be reached, where that matters."""
    limits = [trend.limit for trend in watched.trends] if watched is not None else []
    known = [limit for limit in limits if limit.chance is not None and limit.chance >= SMALL and limit.resets_at]
    return max(known, key=lambda limit: limit.chance or 0.0, default=None)


def chance_sentence(watched: AccountTrend | None, at: int, calendar: Calendar) -> str:
    """`38 % chance to hit the limit before 14:05`; "" if it is too small to matter."""
    limit = likeliest(watched)
    if limit is None or limit.chance is None or limit.resets_at is None:
        return ""
    return chance_before(limit.chance, limit.resets_at, clocks(calendar, at))


def curve(trend: Trend, columns: int, at: int) -> str:
    """History of a limit over its length until now, one column per part, with resets; blank for unknown."""
    if not trend.points:
        return " " * columns
    span = max(1, at - trend.since)
    resets = {min(columns - 1, (reset - trend.since) * columns // span) for reset in trend.resets}
    made, place, held = "", 0, None
    for column in range(columns):
        end = trend.since + span * (column + 1) // columns
        while place < len(trend.points) and trend.points[place].at <= end:
            held = trend.points[place].percent
            place += 1
        if column in resets:
            made += RESET_MARK
        elif held is None:
            made += " "
        else:
            made += _STEPS[max(0, min(7, round(held / 100 * 7)))]
    return made


def rate_words(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def arrow(trend: Trend) -> str:
    """An arrow where a limit fills faster than would last."""
    is_fast = trend.pace is not None and trend.sustainable_pace is not None and trend.pace > trend.sustainable_pace
    return "↑" if is_fast else ""


def _rate(trend: Trend, columns: int) -> list[Cell]:
    """`+24.0 ↑ (12.0)`: pace, an arrow if it is too fast, and the pace that lasts to the reset."""
    if trend.pace is None and trend.sustainable_pace is None:
        return [Cell(" " * columns)]
    lately = DASH if trend.pace is None else f"+{rate_words(trend.pace)}"
    fast = arrow(trend)
    lasting = "" if trend.sustainable_pace is None else f"({rate_words(trend.sustainable_pace)})"
    return [
        Cell(f"{lately:>6} {fast or ' '}", STRONG if fast else PLAIN),
        Cell(fit(lasting, columns - 8, right=True), DIM),
    ]


def extra_row(used: ExtraUsage, parts: Widths) -> Row:
    """Metered use beyond the plan: how much of its cap."""
    if used.percent is None:
        drawn = [Cell(" " * parts.bar), Cell(f" {'':>{_PERCENT}} ")]
    else:
        filled = bar(used.percent, parts.bar, True)
        empty = len(filled) - len(filled.rstrip("░"))
        style = HIGH if used.percent >= ORANGE_FROM else PLAIN
        drawn = [Cell(filled[: parts.bar - empty], style or FILLED), Cell("░" * empty, DIM)]
        drawn.append(Cell(f" {round(used.percent):>{_PERCENT - 2}} % ", style or STRONG))
    return (Cell(f" {fit('Extra', parts.name)} "), *drawn, Cell(f"   {extra_words(used)}"))


def who(account: NowAccount) -> str:
    named = " · ".join(part for part in (tame(account.label), tame(account.plan)) if part)
    return named or "An account without a name"


def short(watched: AccountTrend, columns: int) -> Row:
    """Another account in one row."""
    account = watched.account
    numbers: list[Cell] = []
    for part in headline(account, "medium"):
        if part.limit is None:
            numbers.append(Cell(part.text, DIM))
        else:
            style, shown = _LEVELS[level_of(part.limit)], mark(part.limit)
            numbers.append(Cell(f"{part.text} {shown}" if shown else part.text, style or STRONG))
    is_over = any(limit.state == OVERAGE for limit in account.limits)  # then the headline has it
    aside = "" if is_over else spend(account.extra)
    made = [Cell(f" {fit(who(account), max(12, min(40, columns // 2 - 4)))}  ", DIM), *numbers]
    return (*made, Cell(f"   extra {aside}", DIM)) if aside else tuple(made)


def title(state: LiveState) -> str:
    """Title of the terminal window: the headline of the leading account."""
    if not state.accounts:
        return "Tachograph"
    return cut("".join(part.text for part in headline(state.accounts[0].account, "medium")), 80)
