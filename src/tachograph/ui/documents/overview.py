"""The screen of a bare `tachograph`."""

from collections.abc import Sequence

from tachograph.model.usage.model_names import display_name as shown_model
from tachograph.queries.usage.overview import WEEKS_SHOWN, Overview
from tachograph.queries.usage.problems import Problems
from tachograph.queries.usage.rows import Row, Spend
from tachograph.text.format import (
    UNKNOWN,
    ascii_sparkline,
    count,
    cut,
    fold,
    percent,
    safe,
    sparkline,
    tokens,
    usd,
    width,
)
from tachograph.text.table import Style
from tachograph.ui.documents.report_footer import footer, problem_lines

_TOP = 4
_NEXT = "More: tachograph why, tachograph dashboard, tachograph --help."


def empty(folders: list[str], problems: Problems, room: int | None, *, are_logs: bool, are_limits: bool) -> list[str]:
    """Lines for a ledger without messages. `are_logs`: there are transcripts, though nothing in them counted;
    `are_limits`: a reading of limits is shown above."""
    where = " or ".join(folders) if folders else "the usual folders"
    if are_logs:
        return ["Nothing counted yet, though there are Claude Code logs.", *problem_lines(problems, room)]
    return [
        f"No Claude Code logs under {safe(where)} yet{'' if are_limits else ', and no reading of your limits'}.",
        "  tachograph demo       try it with sixty invented days",
        "  tachograph sources    list the sources of limits",
        "  tachograph doctor     check the folders that are read",
    ]


def screen(seen: Overview, problems: Problems, room: int | None, style: Style, *, blocks: bool) -> list[str]:
    """The whole screen; `blocks`: the output can show block characters."""
    draw = sparkline if blocks else ascii_sparkline
    wide = room is None or room >= 80
    gap = "    " if room is None or room >= 84 else "  "
    made = [f"{style.dim}{'':14}{'messages':>9}{'tokens':>11}{'cost*':>12}{style.end}"]
    made.append(_line("Today", seen.today, draw(list(seen.hours)) if wide else "", gap))
    made.append(_line("This week", seen.week, _compared(seen.week, seen.last_week_by_now) if wide else "", gap))
    made.append(_line("Four weeks", seen.weeks, draw(list(seen.days)) if wide else "", gap))
    if not wide:
        made += [_compared(seen.week, seen.last_week_by_now), draw(list(seen.days))]
    made.append("")
    made += _beside(
        _top(
            f"Projects since {seen.week_began:%a %d %b}",
            [(row.key.project or "unknown", row) for row in seen.projects],
            seen.week,
            style,
        ),
        _top(f"Models since {seen.week_began:%a %d %b}", _named_models(seen.models), seen.week, style),
        room,
    )
    made.append("")
    if seen.newest is not None:
        made += [f"The newest message is of {seen.newest:%a %d %b %Y} (all of them: tachograph monthly).", ""]
    more = fold(_NEXT, room)
    return [line.rstrip() for line in made + footer(seen.weeks, seen.unpriced_models, problems, room) + more]


assert WEEKS_SHOWN == 4  # noqa: S101 - the screen says so in words


def _line(name: str, used: Spend, aside: str, gap: str) -> str:
    cost = usd(used.usd if used.tokens.messages else 0.0)  # a dash would mean that there is no price
    cells = f"{count(used.tokens.messages):>9}{tokens(used.tokens.total):>11}{cost:>12}"
    return f"{name:14}{cells}{gap}{aside}".rstrip()


def _compared(week: Spend, last: Spend) -> str:
    if not week.tokens.messages:
        return f"{usd(last.usd)} last week by now" if last.usd else ""
    if not last.usd:
        return "none last week by now" if week.usd else ""
    change = (week.usd or 0.0) / last.usd - 1
    if abs(change) < 0.005:
        return "as much as last week by now"
    return f"{percent(abs(change))} {'more' if change > 0 else 'less'} than last week by now"


def _top(heading: str, named: list[tuple[str, Row]], whole: Spend, style: Style) -> list[str]:
    """The largest few with their share; the heading is shown even without rows."""
    made = [f"{style.bold}{heading}{style.end}"]
    for name, row in named[:_TOP]:
        share = percent((row.spend.usd or 0.0) / whole.usd) if whole.usd and row.spend.usd is not None else UNKNOWN
        shown = cut(safe(name), 20)
        made.append(f"  {shown}{' ' * (20 - width(shown))}{usd(row.spend.usd):>10}{share:>6}")
    if len(named) > _TOP:
        made.append(f"  {style.dim}and {count(len(named) - _TOP)} more{style.end}")
    if not named:
        made.append(f"  {style.dim}nothing yet{style.end}")
    return made


def _named_models(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """Models by the names that people use; where two would look alike, as they were logged."""
    names = [shown_model(row.key.model) for row in rows]
    return [(row.key.model if names.count(name) > 1 else name, row) for name, row in zip(names, rows, strict=True)]


def _beside(left: list[str], right: list[str], room: int | None) -> list[str]:
    """Two blocks side by side if they fit, else one above the other."""
    if room is not None and room < 80:
        return [*left, "", *right]
    height = max(len(left), len(right))
    left += [""] * (height - len(left))
    right += [""] * (height - len(right))
    return [f"{a}{' ' * (42 - _visible(a))}{b}" for a, b in zip(left, right, strict=True)]


def _visible(text: str) -> int:
    for code in ("\x1b[1m", "\x1b[2m", "\x1b[0m"):
        text = text.replace(code, "")
    return width(text)
