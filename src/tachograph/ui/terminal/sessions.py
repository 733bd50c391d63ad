"""Sessions and messages as rows of cells: list, detail, last messages, today's usage."""

from collections.abc import Sequence
from typing import NamedTuple

from tachograph.model.usage.model_names import display_name as shown_model
from tachograph.model.usage.periods import Calendar
from tachograph.queries.live import ActiveSession, Context, LiveMessage, LiveState
from tachograph.queries.usage.rows import Spend
from tachograph.text.format import UNKNOWN as DASH
from tachograph.text.format import count, cut, day_and_time, percent, plural, tokens, usd, width
from tachograph.text.limits import bar
from tachograph.ui.terminal.cells import DIM, FILLED, PLAIN, STRONG, Cell, Row, chosen, fit, foreign, padded, tame
from tachograph.ui.terminal.limits import ago
from tachograph.ui.terminal.view import View

_CONTEXT, _COST, _LAST, _AGENTS = 5, 8, 6, 6


class Columns(NamedTuple):
    """Columns of each part of a session's row; 0 for a part that does not fit."""

    title: int
    project: int
    branch: int
    model: int
    agents: int


def columns_for(columns: int) -> Columns:
    project = 0 if columns < 56 else max(9, min(20, columns // 10))
    branch = 0 if columns < 100 else max(9, min(24, columns // 10))
    model = 0 if columns < 74 else 11 if columns < 120 else 16
    agents = _AGENTS if columns >= 90 else 0
    fixed = 3 + sum(2 + part for part in (project, branch, model, _CONTEXT, _COST, _LAST, agents) if part)
    return Columns(max(6, columns - fixed - 1), project, branch, model, agents)


def headings(parts: Columns, words: str) -> Row:
    made = f"   {fit(words, parts.title)}"
    for name, size in (("project", parts.project), ("branch", parts.branch), ("model", parts.model)):
        made += f"  {name:{size}}" if size else ""
    made += f"  {'ctx':>{_CONTEXT}}  {'cost*':>{_COST}}  {'last':>{_LAST}}"
    made += f"  {'agents':>{parts.agents}}" if parts.agents else ""
    return (Cell(made, DIM),)


def row(session: ActiveSession, parts: Columns, at: int, view: View, total: int) -> Row:
    """A session in exactly `total` columns."""
    is_chosen = session.session == view.cursor
    style = PLAIN if session.is_running else DIM
    made = [
        Cell("›" if is_chosen else " "),
        Cell("● " if session.is_running else "○ ", style),
        Cell(foreign(session.title or session.session[:8], parts.title), STRONG if session.is_running else DIM),
    ]
    for text, size in (
        (session.project, parts.project),
        (session.branch, parts.branch),
        (shown_model(session.model), parts.model),
    ):
        if size:
            made.append(Cell(f"  {foreign(text, size)}", style))
    made.append(Cell(f"  {context(session.context):>{_CONTEXT}}", style))
    made.append(Cell(f"  {cost(session.spend):>{_COST}}", style))
    made.append(Cell(f"  {ago(at - session.last_at):>{_LAST}}", style))
    if parts.agents:
        made.append(Cell(f"  {len(session.agents) or '':>{parts.agents}}", style))
    whole = padded(made, total)
    return chosen(whole) if is_chosen else whole


def narrow_row(session: ActiveSession, at: int, view: View, total: int) -> Row:
    """A session in a small pane: title, context, cost, last activity."""
    tail = f" {context(session.context):>6} {cost(session.spend):>8} {ago(at - session.last_at):>6}"
    if total < 34:
        tail = f" {cost(session.spend):>8}"
    is_chosen = session.session == view.cursor
    title = foreign(session.title or session.session[:8], max(1, total - 2 - len(tail)))
    whole = padded([Cell("›" if is_chosen else "●" if session.is_running else "○"), Cell(f" {title}{tail}")], total)
    return chosen(whole) if is_chosen else whole


def context(known: Context | None) -> str:
    """38 %; 76 k where the model's window is not known."""
    if known is None:
        return DASH
    return f"{known.tokens / 1000:.0f} k" if known.share is None else percent(known.share)


def cost(used: Spend) -> str:
    """$3.41; a dash without any price, a plus if some of it has no price; blank if nothing was used."""
    shown = usd(used.usd if used.tokens.messages else 0.0)
    return f"{shown}+" if used.unpriced and used.usd is not None else shown  # and more, that has no price


def detail(session: ActiveSession, state: LiveState, columns: int, calendar: Calendar) -> list[Row]:
    """A session in full."""
    t, local = session.spend.tokens, calendar.local(state.at)

    def moment(at: int | None) -> str:
        return DASH if at is None else day_and_time(calendar.local(at), local)

    known = session.context
    mind = DASH
    if known is not None:
        mind = f"{tokens(known.tokens)} tokens; how many {shown_model(session.model)} can hold is unknown"
        if known.window is not None:
            mind = f"{tokens(known.tokens)} of {tokens(known.window)} tokens, {percent(known.share or 0.0)}"
    paid = "no price is known;" if session.spend.usd is None else f"{cost(session.spend)} API-equivalent;"
    wrote = t.cache_write_5m + t.cache_write_1h
    lines = [
        ("session", session.session),
        ("project", session.path or DASH),
        ("branch", session.branch or DASH),
        ("model", session.model),
        ("context", mind),
        ("cost", f"{paid} {plural(t.messages, 'message')}"),
        (
            "tokens",
            f"{tokens(t.total)}: {tokens(t.input)} input, {tokens(t.output)} output, {tokens(wrote)} written to the"
            f" cache, {tokens(t.cache_read)} read from it",
        ),
        ("time", f"{moment(session.started_at)} to {moment(session.last_at)}, {ago(state.at - session.last_at)} ago"),
        ("agents", ", ".join(session.agents) if session.agents else "none at work"),
    ]
    made: list[Row] = [(Cell(" "), Cell(foreign(session.title or "no title", max(1, columns - 2)), STRONG))]
    made += [(Cell(f" {name:9}", DIM), Cell(cut(tame(text), max(1, columns - 11)))) for name, text in lines]
    mine = [message for message in state.messages if message.session == session.session]
    return made + [message_row(message, columns, calendar, of_session=True) for message in mine]


def message_row(message: LiveMessage, columns: int, calendar: Calendar, *, of_session: bool = False) -> Row:
    """A message as it came: when, of what, in and out, cost."""
    tail = f"  {tokens(message.prompt):>7} in {tokens(message.output):>7} out  {usd(message.usd):>8}"
    if columns < 70:
        tail = f"  {tokens(message.output):>7} out  {usd(message.usd):>8}"
    model = 0 if columns < 74 else 11 if columns < 120 else 16
    project = 0 if columns < 90 or of_session else max(9, min(20, columns // 10))
    left = columns - 11 - len(tail) - sum(2 + part for part in (model, project) if part) - 2
    title = "" if of_session else message.title or message.session[:8]
    made = [
        Cell(f" {calendar.local(message.at):%H:%M:%S}", DIM),
        Cell(" ↳" if message.is_agent else "  "),
        Cell("" if of_session else foreign(title, max(0, left))),
    ]
    made += [Cell(f"  {foreign(message.project, project)}", DIM)] if project else []
    made += [Cell(f"  {foreign(shown_model(message.model), model)}", DIM)] if model else []
    return (*made, Cell(tail))


def shares(state: LiveState, columns: int, rows: int) -> list[Row]:
    """Usage of today: projects at the left, models at the right, with a bar each."""
    half = (columns - 3) // 2
    left = [(name or "unknown", used) for name, used in state.projects]
    right = [(shown_model(name), used) for name, used in state.models]
    made: list[Row] = [
        padded([*_share_head("Projects today", half), Cell("   "), *_share_head("Models today", half)], columns)
    ]
    for place in range(min(rows - 1, max(len(left), len(right)))):
        both: list[Cell] = []
        for named in (left, right):
            is_last = place == rows - 2 and len(named) > rows - 1
            if is_last:
                both += padded([Cell(f" and {len(named) - place} more", DIM)], half)
            else:
                both += _share(named[place], state.today, half) if place < len(named) else [Cell(" " * half)]
            both.append(Cell("   "))
        made.append(padded(both[:-1], columns))
    return made


def _share_head(words: str, columns: int) -> Row:
    return padded([Cell(f" {words}", DIM)], columns)


def _share(named: tuple[str, Spend], whole: Spend, columns: int) -> Row:
    name, used = named
    part = used.usd / whole.usd if whole.usd and used.usd is not None else None
    tail = f" {usd(used.usd):>9} {percent(part) if part is not None else DASH:>5}"
    size = 0 if columns < 34 else max(4, min(16, columns - len(tail) - 14))
    drawn = bar(100 * (part or 0.0), size, True).rstrip("░") if size else ""
    return padded(
        [
            Cell(f" {foreign(name, max(4, columns - len(tail) - size - 3))} "),
            Cell(drawn, FILLED),
            Cell(" " * (size - len(drawn))),
            Cell(tail),
        ],
        columns,
    )


def today(state: LiveState) -> list[Cell]:
    t = state.today.tokens
    if not t.messages:
        return [Cell(" Today ", DIM), Cell("nothing yet")]
    return [
        Cell(" Today ", DIM),
        Cell(cost(state.today), STRONG),
        Cell("*", DIM),
        Cell(f"  {plural(t.messages, 'message')}  {tokens(t.total)} tokens"),
    ]


def model_shares(state: LiveState, most: int) -> list[Cell]:
    """`opus-4-8 75 %  sonnet-4-6 21 %`, as many as fit."""
    made: list[Cell] = []
    taken = 0
    for name, used in state.models:
        if not state.today.usd or used.usd is None:
            continue
        text = f"  {tame(shown_model(name))} {percent(used.usd / state.today.usd)}"
        taken += width(text)
        if taken > most:
            break
        made.append(Cell(text, DIM))
    return made


def burning(state: LiveState) -> list[Cell]:
    """The last messages."""
    burn = state.burn
    if not burn.tokens_per_minute:
        return [Cell(" Burning ", DIM), Cell("nothing in the last ten minutes")]
    money = "no price" if burn.usd_per_hour is None else f"{usd(burn.usd_per_hour)}{'+' if burn.unpriced else ''}*/h"
    return [
        Cell(" Burning ", DIM),
        Cell(f"{tokens(round(burn.tokens_per_minute))} tokens/min", STRONG),
        Cell("  "),
        Cell(money, STRONG),
    ]


def summary(sessions: Sequence[ActiveSession], shown: Sequence[ActiveSession]) -> str:
    """`5 sessions`, `2 of 5 sessions` where not all pass the filter."""
    words = plural(len(sessions), "session")
    return f"{count(len(shown))} of {words}" if len(shown) != len(sessions) else words
