"""The layouts for little room: a pane with the limits first, and one line for a status bar."""

from tachograph.model.usage.periods import Calendar
from tachograph.queries.live import AccountTrend, LiveState
from tachograph.text.format import cut, duration, usd
from tachograph.ui.terminal import limits, sessions
from tachograph.ui.terminal.cells import DIM, HIGH, STRONG, Cell, Row, sides, tame
from tachograph.ui.terminal.view import Around, View, listed, turned


def pane(
    state: LiveState, around: Around, view: View, calendar: Calendar, columns: int, rows: int | None
) -> tuple[list[Row], dict[int, str], int]:
    """The limits first; then, if they fit, the burn rate and the sessions."""
    accounts = turned(state, view)
    made: list[Row] = []
    room = rows if rows is not None else 12
    if not accounts:
        made.append((Cell("No reading of your limits yet.", STRONG),))
    else:
        account = accounts[0].account
        week = account.weekly
        first = [c for c in accounts[0].trends if c.limit.group == "session" or (week and c.limit.key == week.key)]
        others = [c for c in accounts[0].trends if c not in first]
        shown = [*first, *others][: max(1, room - 3)]
        made += [limits.narrow_row(trend, columns, state.at, calendar) for trend in shown]
    opened = next((session for session in state.sessions if session.session == view.detail), None)
    if opened is not None:
        made = made[: min(2, room - 1)]
        return [*made, *sessions.detail(opened, state, columns, calendar)[: room - len(made)]], {}, 0
    mark = {"none": "■ no recorder", "starts": "recorder starts"}.get(around.recorder, "")
    mark = around.trouble or mark
    if len(made) < room:
        made.append(
            sides(
                _pace(state, accounts[:1], columns - len(mark) - 2 if mark else columns),
                [Cell(cut(tame(mark), columns // 2), HIGH)],
                columns,
            )
        )
    found = [session for session in listed(state, view) if session.is_running or session.session == view.cursor]
    left = max(0, room - len(made) - 1)
    page = min(left, max(1, len(found)))
    start = max(0, min(view.top, len(found) - page))
    places = {}
    for session in found[start : start + page]:
        places[len(made)] = session.session
        made.append(sessions.narrow_row(session, state.at, view, columns))
    if not found and left:
        made.append((Cell("No active sessions.", DIM),))
    if len(made) < room:
        made.append(sides(_tail(state), [Cell(f"{calendar.local(state.at):%H:%M}", DIM)], columns))
    return made, places, page


def _pace(state: LiveState, lead: tuple[AccountTrend, ...], columns: int) -> list[Cell]:
    """`+24.0 %/h (12.0)  $24.10/h`, what there is of it and room for."""
    parts: list[str] = []
    five = next((c for w in lead for c in w.trends if c.limit.group == "session"), None)
    if five is not None and five.pace is not None:
        lasting = "" if five.sustainable_pace is None else f" ({limits.rate_words(five.sustainable_pace)})"
        parts += [f"+{limits.rate_words(five.pace)} %/h{limits.arrow(five)}{lasting}"]
    likely = limits.likeliest(lead[0] if lead else None)
    if likely is not None:
        parts.append(f"wall {limits.chance(likely)}")
    if state.burn.usd_per_hour:
        parts.append(f"{usd(state.burn.usd_per_hour)}/h")
    while len(parts) > 1 and len("  ".join(parts)) > columns:
        parts.pop()
    return [Cell(cut("  ".join(parts) or "nothing burns", max(1, columns)))]


def _tail(state: LiveState) -> list[Cell]:
    return [Cell(f"{state.running} running", DIM), Cell("  today "), Cell(sessions.cost(state.today), STRONG)]


def line(state: LiveState, around: Around, view: View, columns: int) -> Row:
    """`5h 78% · 7d 91% ▲`, then what else fits, the most important first."""
    parts: list[list[Cell]] = []
    for watched in turned(state, view)[:1]:
        whole = limits.short(watched, columns)[1:]
        parts.append([cell for cell in whole if not cell.text.startswith("   extra")])
        five = next((c for c in watched.trends if c.limit.group == "session"), None)
        if five is not None and five.limit.resets_at and five.limit.percent is not None:
            left = duration(max(0, five.limit.resets_at - state.at) / 1000)
            parts.append([Cell(f"resets in {left}")])
        if five is not None and five.pace is not None:
            parts.append([Cell(f"+{limits.rate_words(five.pace)} %/h{limits.arrow(five)}")])
        likely = limits.likeliest(watched)
        if likely is not None:
            parts.append([Cell(f"wall {limits.chance(likely)}")])
    if not state.accounts:
        parts.append([Cell("no reading of your limits yet")])
    if around.recorder == "none":
        parts.append([Cell("■ no recorder", HIGH)])
    if around.trouble:
        parts.append([Cell(tame(around.trouble), HIGH)])
    parts.append([Cell(f"{state.running} running")])
    if state.burn.usd_per_hour:
        parts.append([Cell(f"{usd(state.burn.usd_per_hour)}/h")])
    parts.append([Cell(f"today {sessions.cost(state.today)}")])
    made: list[Cell] = []
    taken = 0
    for part in parts:
        size = sum(cell.width for cell in part) + (3 if made else 0)
        if made and taken + size > columns:
            continue
        made += [Cell(" · ", DIM)] if made else []
        made += part
        taken += size
    return tuple(made)
