"""The full and the narrow layout: limits, sessions, what today went to, the last messages, keys."""

from tachograph.model.limits.limits import EXTRA_USAGE
from tachograph.model.usage.periods import Calendar
from tachograph.queries.live import AccountTrend, ActiveSession, LiveState
from tachograph.text.certainty import ESTIMATE
from tachograph.text.format import cut
from tachograph.ui.documents.now import problem_words
from tachograph.ui.documents.report_footer import problem_lines
from tachograph.ui.terminal import limits, sessions
from tachograph.ui.terminal.cells import DIM, HIGH, KEY, RULE, STRONG, TITLE, Cell, Row, fit, sides, tame, wrapped
from tachograph.ui.terminal.view import Around, View, listed, turned

_TALL = 16  # rows from which there is room for rules and headings
_NATURAL_SESSIONS, _NATURAL_MESSAGES = 12, 8  # where the screen is as high as it likes


def screen(
    state: LiveState, around: Around, view: View, calendar: Calendar, columns: int, rows: int | None
) -> tuple[list[Row], dict[int, str], int]:
    tall = rows is None or rows >= _TALL
    top = _top(state, around, view, calendar, columns, rows, tall)
    bottom = _bottom(state, around, view, calendar, columns, rows, tall)
    found = listed(state, view)
    if rows is None:
        room = 10**6
        page = max(1, min(len(found), _NATURAL_SESSIONS))
    else:
        room = max(0, rows - len(top) - len(bottom) - 1)
        page = _page(len(found), room, is_open=view.detail is not None)
    parts = sessions.columns_for(columns)
    words = sessions.summary(state.sessions, found)
    start = _start(found, view, page)
    if start:
        words += f"  ↑ {start} more"
    made = [*top, sessions.headings(parts, words)]
    places = {}
    for session in found[start : start + page]:
        places[len(made)] = session.session
        made.append(sessions.row(session, parts, state.at, view, columns))
    if not found:
        made.append(_nothing(state, around, view))
    made += [(Cell(""),)] * (len(top) + 1 + page - len(made))
    left = room - page
    opened = next((session for session in state.sessions if session.session == view.detail), None)
    if opened is not None:
        shown = sessions.detail(opened, state, columns, calendar)
        made += [_rule(columns), *shown[: max(0, left - 1)]]
    else:
        made += _below(state, calendar, columns, left if rows is not None else None)
    if rows is not None:
        made = made[: rows - len(bottom)]
        made += [(Cell(""),)] * (rows - len(bottom) - len(made))
    return made + bottom, places, page


def _start(found: list[ActiveSession], view: View, page: int) -> int:
    """The first row in sight. Without a cursor a list never ends above its last line."""
    return view.top if view.cursor is not None else max(0, min(view.top, len(found) - page))


def _page(count: int, room: int, *, is_open: bool) -> int:
    """Rows of the list. While a detail is open it is the same whatever comes: nothing below it moves."""
    if is_open:
        return max(1, min(room, 8, max(3, room // 3)))
    least = min(room, 3)
    return max(least, min(max(1, count), room if room < 10 else max(4, room // 2)))


def _top(
    state: LiveState, around: Around, view: View, calendar: Calendar, columns: int, rows: int | None, tall: bool
) -> list[Row]:
    accounts = turned(state, view)
    lead = accounts[0] if accounts else None
    made = [_header(lead, state, around, calendar, columns)]
    if lead is None:
        made.append((Cell(" No reading of your limits yet.", STRONG),))
    else:
        roomy = rows is None or rows >= 24 + 6 * len(accounts)
        open_accounts = accounts if roomy else accounts[:1]
        parts = limits.widths(open_accounts, columns)
        if tall and any(watched.trends for watched in open_accounts):
            is_left = any(trend.limit.shows_left for trend in lead.trends)
            made.append(limits.headings(parts, "left" if is_left else "used"))
        for watched in open_accounts:
            if watched is not lead:
                made.append((Cell(f" {limits.who(watched.account)}", STRONG),))
            made += [limits.row(trend, parts, state.at, calendar) for trend in watched.trends]
            extra = watched.account.extra
            if extra is not None and extra.enabled and watched.account.limit(EXTRA_USAGE) is None:
                made.append(limits.extra_row(extra, parts))
        if not lead.trends:
            made.append((Cell(" No reading of this account yet.", DIM),))
        most = 6 if rows is None or rows >= 40 else 3 if tall else 1
        made += [limits.short(watched, columns) for watched in accounts[len(open_accounts) :][:most]]
    if tall:
        made.append(_rule(columns))
    return made


def _header(lead: AccountTrend | None, state: LiveState, around: Around, calendar: Calendar, columns: int) -> Row:
    left = [Cell(" Tachograph", TITLE)]
    if lead is not None:
        left.append(Cell(f"   {limits.who(lead.account)}"))
    if around.recorder == "none":
        now = Cell("■ no recorder; r starts it", HIGH) if around.is_live else Cell("no recorder", DIM)
    elif around.recorder == "stands":
        now = Cell("")
    elif around.recorder == "starts":
        now = Cell("recorder starts", DIM)
    else:
        now = Cell("live" if around.is_live else "", DIM)
    return sides(left, [now, Cell(f"  {calendar.local(state.at):%H:%M:%S} ", DIM)], columns)


def _bottom(
    state: LiveState, around: Around, view: View, calendar: Calendar, columns: int, rows: int | None, tall: bool
) -> list[Row]:
    words = _problems(state, around, view)
    most = 1 if rows is not None and rows < 30 else 4
    if len(words) > most:
        words = [*words[: most - 1], f"{words[most - 1]}  (and {len(words) - most} more: tachograph doctor)"]
    left = sessions.today(state)
    taken = sum(cell.width for cell in left)
    made: list[Row] = [_rule(columns)] if tall else []
    burning = sessions.burning(state)
    aside = [Cell(f"{state.running} running ", DIM)]
    lead = turned(state, view)[0] if state.accounts else None
    likely = limits.likeliest(lead)
    if likely is not None:
        room = columns - sum(cell.width for cell in burning) - 3
        chance = limits.chance_sentence(lead, state.at, calendar)
        chance = chance if len(chance) <= room else f"wall {limits.chance(likely)}"
        is_wide = len(chance) + aside[0].width + 3 <= room
        aside = [Cell(f"{chance} ", STRONG), *([Cell("  "), *aside] if is_wide else [])]
    made.append(sides(burning, aside, columns))
    made.append(sides(left, [*sessions.model_shares(state, columns - taken - 3), Cell(" ")], columns))
    if around.why and not view.account and (rows is None or rows >= 30):
        made += [(Cell(f" {line}"),) for line in wrapped(around.why, max(1, columns - 2), 2)]
    if rows is None or rows >= 30:
        made.append((Cell(f" {ESTIMATE}", DIM),))
    lines = 1 if rows is not None and rows < 24 else 3
    for text in words:
        for place, line in enumerate(wrapped(tame(text), max(1, columns - 4), lines)):
            made.append((Cell("   " if place else " ! ", HIGH), Cell(line)))
    if around.is_live:
        made.append(_keys(state, around, view, columns))
    return made


def _problems(state: LiveState, around: Around, view: View) -> list[str]:
    accounts = turned(state, view)
    made = [around.trouble] if around.trouble else []
    made += [words for watched in accounts for words in problem_words(watched.account)]
    return made + problem_lines(state.problems, None)


def _below(state: LiveState, calendar: Calendar, columns: int, left: int | None) -> list[Row]:
    """Blocks that fit below the list: today's usage, the last messages."""
    made: list[Row] = []
    if not state.messages:
        lines = [(Cell(f"   {fit(command, 20)} ", KEY), Cell(words, DIM)) for command, words in _BEGINNINGS]
        return [(Cell(""),), *lines] if left is None or left > len(lines) else []
    most = max(len(state.projects), len(state.models))
    if most and (left is None or left >= 3):
        if left is None:
            size = min(most, 6)
        elif left >= 9:
            size = min(most, 8, left // 2 - 2)
        else:
            size = min(most, left - 2)  # no messages then
        size += 1
        made += [_rule(columns), *sessions.shares(state, columns, size)]
    rest = _NATURAL_MESSAGES + 2 if left is None else left - len(made)
    if state.messages and rest >= 3:
        made += [_rule(columns), (Cell(" Last messages", DIM),)]
        made += [sessions.message_row(message, columns, calendar) for message in state.messages[: rest - 2]]
    return made


_BEGINNINGS = (
    ("tachograph setup", "what is found here, and what you may switch on"),
    ("tachograph demo", "sixty invented days, to see it with something in it"),
    ("tachograph doctor", "check the folders that are read"),
)


def _nothing(state: LiveState, around: Around, view: View) -> Row:
    if view.filter and state.sessions:
        return (Cell(f"   No session has {tame(view.filter)!r} in it.", DIM),)
    if not state.messages and around.recorder != "none":
        return (Cell("   Nothing counted yet; the recorder is reading.", DIM),)
    return (Cell("   No sessions in the last five hours.", DIM),)


def _keys(state: LiveState, around: Around, view: View, columns: int) -> Row:
    if view.is_typing or view.filter:
        hint = "enter keeps it, escape clears it" if view.is_typing else "escape ends it"
        room = max(4, columns - 14 - len(hint))
        typed = tame(view.filter)
        return (Cell(" Filter ", KEY), Cell(f"{cut(typed, room)}{'▏' if view.is_typing else ''}  "), Cell(hint, DIM))
    if around.said:
        return (Cell(f" {cut(tame(around.said), columns - 2)}", STRONG),)
    made: list[Cell] = []
    taken = 0
    wanted = [
        ("q", "quit"),
        ("?", "keys"),
        ("↑↓", "choose"),
        ("enter", "close" if view.detail else "detail"),
        ("/", "filter"),
    ]
    wanted += [("s", f"sort: {view.sort}")]
    wanted += [("c", "copy id")] if view.cursor else []
    wanted += [("a", "account")] if len(state.accounts) > 1 else []
    wanted += [("t", "theme"), ("l", "layout")]
    for key, words in wanted:
        taken += len(key) + len(words) + 3
        if taken <= columns:
            made += [Cell(f" {key} ", KEY), Cell(f"{words} ", DIM)]
    return tuple(made)


def _rule(columns: int) -> Row:
    return (Cell(" " + "─" * max(0, columns - 2), RULE),)
