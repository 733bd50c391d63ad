"""*Usage*: where did it go. Totals with their change, spend over time, what took it, when, and what caching did."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from tachograph.model.usage.periods import DAY, HOUR, MONTH, WEEK, Span
from tachograph.model.usage.prices import PICODOLLARS
from tachograph.model.usage.prices import display_name as shown_model
from tachograph.queries.usage import totals as usage
from tachograph.queries.usage.rows import Row, Spend, SpendReport
from tachograph.queries.usage.spend import spend
from tachograph.text.format import DAYS, MONTHS, UNKNOWN, count, percent, plural, safe, tokens, usd
from tachograph.ui.dashboard import charts
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.pages.estimates import why
from tachograph.ui.dashboard.tables import (
    SPEND_COLUMNS,
    Cell,
    Column,
    Line,
    Table,
    as_json,
    change_words,
    moment,
    money,
    named,
    share_cell,
    spend_cells,
)
from tachograph.ui.documents.reports import problem_lines

_SHOWN = 8  # series of a stacked chart; the rest is one
_CLASS_NAMES = {
    "input": "Input",
    "output": "Output",
    "cache_write_5m": "Cache write, 5 min",
    "cache_write_1h": "Cache write, 1 h",
    "cache_read": "Cache read",
    "web_searches": "Web search",
    "as_logged": "As logged",
}
_PERIOD_WORDS = {HOUR: "hour", DAY: "day", WEEK: "week", MONTH: "month"}


def _totals(view: View) -> Mapping[str, Any]:
    look, question = view.look, view.asked.question(view.calendar, view.now)
    missing: set[str] = set()
    now = usage.totals(look.db, look.book, question, missing)
    earlier_span = usage.before(question.span) if view.asked.compare else None
    earlier, hit_before = Spend(), None
    if earlier_span is not None:
        end = usage.so_far(question.span, view.now).end or 0
        earlier_span = Span(earlier_span.start, earlier_span.end - ((question.span.end or 0) - end))  # type: ignore[operator]
        earlier = usage.totals(look.db, look.book, question._replace(span=earlier_span))
        hit_before = usage.caching(look.db, look.book, question._replace(span=earlier_span)).hit_rate
    cached = usage.caching(look.db, look.book, question)
    compared = earlier_span is not None

    def card(key: str, label: str, text: str, value: object, change: float | None, before: str) -> dict[str, Any]:
        return {
            "key": key,
            "label": label,
            "text": text,
            "value": value,
            "change": change_words(change) if compared else "",
            "before": before if compared and (now.tokens.messages or earlier.tokens.messages) else "",
        }

    cards = [
        card("cost", "Cost*", usd(now.usd), now.usd, usage.change(now.usd, earlier.usd), usd(earlier.usd)),
        card("tokens", "Tokens", tokens(now.tokens.total), now.tokens.total, usage.change(now.tokens.total, earlier.tokens.total), tokens(earlier.tokens.total)),
        card("messages", "Messages", count(now.tokens.messages), now.tokens.messages, usage.change(now.tokens.messages, earlier.tokens.messages), count(earlier.tokens.messages)),
        card("cache", "Cache hit rate", UNKNOWN if cached.hit_rate is None else percent(cached.hit_rate), cached.hit_rate, None, UNKNOWN if hit_before is None else percent(hit_before)),
    ]  # fmt: skip
    notes = []  # that the cost is an estimate stands at the foot of every page
    if now.unpriced:
        models = ", ".join(safe(shown_model(model)) for model in sorted(missing)[:3])
        notes.append(
            f"{plural(now.unpriced, 'message')} of {models} {'has' if now.unpriced == 1 else 'have'} no price."
        )
    return {
        "cards": cards,
        "notes": [*notes, *(_with_command(line) for line in problem_lines(look.problems, None))],
        "is_empty": not now.tokens.messages,
    }


def _with_command(line: str) -> str:
    return line.replace("tachograph doctor", "`tachograph doctor`")


class Series(NamedTuple):
    """A part of the whole over time: its name, colour (None for the rest), and one value for each period."""

    name: str
    colour: int | None
    spends: list[Spend]
    href: str = ""


def _course(view: View) -> Mapping[str, Any]:
    look, asked = view.look, view.asked
    question = asked.question(view.calendar, view.now)
    span = usage.visible_span(look.db, question.span, view.now)
    period = usage.fitting_period(span, view.now, span.start)
    keys: list[str | None] = list(usage.every_period(view.calendar, period, span))
    if asked.stack == "class":
        return _classes(view, question, period, keys)
    answer = spend(look.db, look.book, look.calendar, question._replace(along=period, by=asked.stack))
    keys += [row.key.period for row in answer.rows if row.key.period not in keys]
    series = _series(answer, keys, asked.stack, view)
    whole = {row.key.period: row.spend for row in answer.rows}
    labels = [_period_label(key, period, keys) for key in keys]
    values = [[_drawn(one, asked.measure) for one in part.spends] for part in series]
    first = series[0] if series else None
    total = answer.totals
    lines = tuple(
        Line(
            str(key),
            (
                Cell(label, key or "unknown"),
                *(
                    _measure_cell(part.spends[n], asked.measure)
                    for part in series
                ),
                _measure_cell(whole.get(key, Spend()), asked.measure),
            ),
        )
        for n, (key, label) in enumerate(zip(keys, labels, strict=True))
    )  # fmt: skip
    columns = (
        Column(_PERIOD_WORDS[period].capitalize()),
        *(Column(part.name, "num") for part in series),
        Column("All", "num"),
    )
    foot = (
        Cell("All"),
        *(_measure_cell(usage.sum_spends(part.spends), asked.measure) for part in series),
        _measure_cell(total, asked.measure),
    )
    return {
        "figure": {
            "key": "spend",
            "title": _title(first, total, asked.measure, asked.stack),
            "summary": f"{_measure_words(total, asked.measure)} in {plural(len(keys), _PERIOD_WORDS[period])}, stacked by {asked.stack}.",
            "chart": as_json(
                {
                    "kind": "stack",
                    "labels": labels,
                    "series": [
                        {"label": part.name, "colour": part.colour, "values": own}
                        for part, own in zip(series, values, strict=True)
                    ],
                    "unit": {"cost": "$", "tokens": "tokens", "messages": ""}[asked.measure],
                }
            ),
            "table": Table("t-spend", "Use over time", columns, lines, foot),
            "legend": [(part.name, part.colour, part.href) for part in series],
        },
        "view": view,
    }


def _series(answer: SpendReport, keys: Sequence[str | None], stack: str, view: View) -> list[Series]:
    sums: dict[Any, list[Spend]] = {}
    cells: dict[tuple[Any, str | None], Spend] = {}
    for row in answer.rows:
        for sub in row.by:
            name = _identity(sub, stack)
            sums.setdefault(name, []).append(sub.spend)
            cells[(name, row.key.period)] = sub.spend
    totals = {name: usage.sum_spends(parts) for name, parts in sums.items()}
    measure = view.asked.measure
    order = sorted(totals, key=lambda name: (-(_measured(totals[name], measure) or 0), str(name)))
    shown, rest = order[:_SHOWN], order[_SHOWN:]
    if len(rest) == 1:
        shown, rest = order, []
    labels = {name: label_of(name, stack) for name in shown}
    taken = charts.model_colours(list(shown)) if stack == "model" else charts.colours([str(name) for name in shown])
    made = [
        Series(
            labels[name],
            taken.get(str(name)),
            [cells.get((name, key), Spend()) for key in keys],
            view.address(**_narrowed(view, stack, name)),
        )
        for name in shown
    ]
    if rest:
        left = [usage.sum_spends(cells[(name, key)] for name in rest if (name, key) in cells) for key in keys]
        made.append(Series(f"{len(rest)} others", None, left))
    return made


def _identity(row: Row, stack: str) -> Any:
    """What names a part: a model as it was logged, a project's folder, a branch, a session's id."""
    key = row.key
    if stack == "model":
        return key.model
    if stack == "project":
        return (key.path, key.project)
    if stack == "branch":
        return (key.branch, key.project)
    return (key.session, key.title)


def label_of(name: Any, stack: str) -> str:
    if stack == "model":
        return named(shown_model(name))
    if stack == "project":
        return named(name[1])
    if stack == "branch":
        return f"{named(name[0])} ({named(name[1])})"
    return named(name[1], "without a title") if name[0] else "unknown"


def _narrowed(view: View, stack: str, name: Any) -> dict[str, object]:
    """The change of the address that a click on a part makes."""
    if stack == "model":
        return {"model": (name,)} if name else {}
    if stack == "project":
        return {"project": (name[0] or "unknown",)}
    if stack == "branch":
        return {"branch": (name[0] or "unknown",), "project": (name[1],) if name[1] else ()}
    return {"session": (name[0],)} if name[0] else {}


def _classes(view: View, question: Any, period: str, keys: list[str | None]) -> Mapping[str, Any]:
    look = view.look
    found = usage.course(look.db, look.book, look.calendar, question, period)
    keys = keys + [one.period for one in found if one.period not in keys]
    by_key = {one.period: one for one in found}
    is_cost = view.asked.measure == "cost"
    names = usage.CLASSES if is_cost else usage.CLASSES[:5]
    series = []
    for place, name in enumerate(names):
        if is_cost:
            exact = [by_key[key].classes[place] if key in by_key else 0 for key in keys]
            values: list[float] = [value / PICODOLLARS for value in exact]
        else:
            values = [getattr(by_key[key].spend.tokens, name) if key in by_key else 0 for key in keys]
        if any(values):
            series.append((_CLASS_NAMES[name], place, values))
    labels = [_period_label(key, period, keys) for key in keys]

    def cell(value: float) -> Cell:
        return money(value) if is_cost else Cell(tokens(int(value)), int(value), "num")

    whole = [sum(values[n] for _, _, values in series) for n in range(len(keys))]
    lines = tuple(
        Line(str(key), (Cell(label, key or "unknown"), *(cell(values[n]) for _, _, values in series), cell(whole[n])))
        for n, (key, label) in enumerate(zip(keys, labels, strict=True))
    )
    most = max(series, key=lambda one: sum(one[2]), default=None)
    part = "" if most is None or not sum(whole) else percent(sum(most[2]) / sum(whole))
    title = f"{most[0]} took {part} of {'what you spent' if is_cost else 'the tokens'}" if most else "Nothing was used"
    columns = (
        Column(_PERIOD_WORDS[period].capitalize()),
        *(Column(n, "num") for n, _, _ in series),
        Column("All", "num"),
    )
    foot = (Cell("All"), *(cell(sum(values)) for _, _, values in series), cell(sum(whole)))
    return {
        "figure": {
            "key": "spend",
            "title": title,
            "summary": f"{plural(len(keys), _PERIOD_WORDS[period])}, stacked by class of token.",
            "chart": as_json(
                {
                    "kind": "stack",
                    "labels": labels,
                    "series": [{"label": n, "colour": p, "values": v} for n, p, v in series],
                    "unit": "$" if is_cost else "tokens",
                }
            ),
            "table": Table("t-spend", "Use over time", columns, lines, foot),
            "legend": [(n, p, "") for n, p, _ in series],
        },
        "view": view,
    }


def _title(first: Series | None, total: Spend, measure: str, stack: str) -> str:
    if first is None or not _measured(total, measure):
        return "Nothing was used in this time"
    part = (_measured(usage.sum_spends(first.spends), measure) or 0) / (_measured(total, measure) or 1)
    what = {"cost": "what you spent", "tokens": "the tokens", "messages": "the messages"}[measure]
    return f"{first.name} took {percent(part)} of {what}"


def _measured(used: Spend, measure: str) -> float | None:
    if measure == "cost":
        return used.usd
    return used.tokens.total if measure == "tokens" else used.tokens.messages


def _drawn(used: Spend, measure: str) -> float | None:
    """What a chart draws: 0 where nothing was used, None where something was that has no price."""
    return _measured(used, measure) if used.tokens.messages else 0


def _measure_cell(used: Spend, measure: str) -> Cell:
    if measure == "cost":
        return money(used.usd) if used.tokens.messages else Cell("", 0, "num")
    value = used.tokens.total if measure == "tokens" else used.tokens.messages
    return Cell((tokens(value) if measure == "tokens" else count(value)) if value else "", value, "num")


def _measure_words(used: Spend, measure: str) -> str:
    if measure == "cost":
        return usd(used.usd)
    return f"{tokens(used.tokens.total)} tokens" if measure == "tokens" else plural(used.tokens.messages, "message")


def _period_label(key: str | None, period: str, keys: Sequence[str | None]) -> str:
    if key is None:
        return "unknown"
    if period == HOUR:
        return f"{int(key[8:10])} {MONTHS[int(key[5:7]) - 1]} {key[11:16]}"
    years = {known[:4] for known in keys if known}
    year = f" {key[:4]}" if len(years) > 1 else ""
    if period == MONTH:
        return f"{MONTHS[int(key[5:7]) - 1]} {key[:4]}"
    return f"{int(key[8:10])} {MONTHS[int(key[5:7]) - 1]}{year}"


# -- where it went ---------------------------------------------------------------------------------------------


def _where(view: View) -> Mapping[str, Any]:
    """A treemap of projects, or of branches where one project is chosen; and the models."""
    look, asked = view.look, view.asked
    along = "branch" if len(asked.project) == 1 else "project"
    question = asked.question(view.calendar, view.now)
    places = spend(look.db, look.book, look.calendar, question._replace(along=along))
    models = spend(look.db, look.book, look.calendar, question._replace(along="model"))
    return {"figures": [_treemap(view, places, along), _bars(view, models)]}


def _treemap(view: View, answer: SpendReport, along: str) -> dict[str, Any]:
    rows = list(answer.rows)
    shown = rows[:40]
    names = [label_of(_identity(row, along), along) for row in shown]
    taken = charts.colours([str(_identity(row, along)) for row in shown])
    total = answer.totals.cost or 0
    boxes = charts.treemap([(row.spend.cost or 0) / PICODOLLARS for row in shown], 100, 56)
    drawn = []
    for box in boxes:
        row = shown[box.place]
        part = percent((row.spend.cost or 0) / total) if total else ""
        drawn.append(
            {
                "box": box,
                "name": names[box.place],
                "title": f"{names[box.place]}: {usd(row.spend.usd)}, {part}",
                "part": part,
                "colour": taken[str(_identity(row, along))],
                "href": view.address(**_narrowed(view, along, _identity(row, along))),
            }
        )
    lines = tuple(
        Line(
            str(_identity(row, along)),
            (
                Cell(
                    label_of(_identity(row, along), along),
                    href=view.address(**_narrowed(view, along, _identity(row, along))),
                ),
                *spend_cells(row.spend),
                share_cell((row.spend.cost or 0) / total if total and row.spend.cost is not None else None),
            ),
        )
        for row in rows
    )
    noun = "Branch" if along == "branch" else "Project"
    plurals = "branches" if along == "branch" else "projects"
    title = (
        "No project was used"
        if not rows
        else f"{names[0]} took {drawn[0]['part']}"
        if drawn
        else f"{len(rows)} {plurals}"
    )
    return {
        "key": "where",
        "title": title,
        "summary": f"{plural(len(rows), noun.lower(), plurals)}, {usd(answer.totals.usd)} in all.",
        "treemap": drawn,
        "table": Table(
            "t-where",
            f"What each {noun.lower()} used",
            (Column(noun), *SPEND_COLUMNS, Column("Share", "num")),
            lines,
            (Cell("All"), *spend_cells(answer.totals), Cell("", "", "num")),
        ),
    }


def _bars(view: View, answer: SpendReport) -> dict[str, Any]:
    taken = charts.model_colours([row.key.model for row in answer.rows])
    total = answer.totals.cost or 0
    most = max((row.spend.cost or 0 for row in answer.rows), default=0)
    drawn = []
    lines = []
    for row in answer.rows:
        part = (row.spend.cost or 0) / total if total and row.spend.cost is not None else None
        href = view.address(model=(row.key.model,)) if row.key.model else ""
        name = named(shown_model(row.key.model))
        drawn.append(
            {
                "name": name,
                "width": 100 * (row.spend.cost or 0) / most if most else 0,
                "text": usd(row.spend.usd),
                "part": UNKNOWN if part is None else percent(part),
                "colour": taken[row.key.model],
                "href": href,
            }
        )
        lines.append(
            Line(row.key.model, (Cell(name, row.key.model, href=href), *spend_cells(row.spend), share_cell(part)))
        )
    first = drawn[0] if drawn else None
    return {
        "key": "models",
        "title": f"{first['name']} took {first['part']}" if first else "No model was used",
        "summary": f"{plural(len(drawn), 'model')}, {usd(answer.totals.usd)} in all.",
        "bars": drawn,
        "table": Table(
            "t-models",
            "What each model used",
            (Column("Model"), *SPEND_COLUMNS, Column("Share", "num")),
            tuple(lines),
            (Cell("All"), *spend_cells(answer.totals), Cell("", "", "num")),
        ),
    }


# -- when ------------------------------------------------------------------------------------------------------


def _calendar(view: View) -> Mapping[str, Any]:
    look = view.look
    today = view.calendar.day(view.now)
    first = today - timedelta(days=364)
    first -= timedelta(days=(first.weekday() - view.calendar.week_start) % 7)
    question = view.asked.question(view.calendar, view.now)
    whole = Span(view.calendar.start_of(first), view.calendar.start_of(today + timedelta(days=1)))
    answer = spend(look.db, look.book, look.calendar, question._replace(span=whole, along=DAY))
    values = {date.fromisoformat(row.key.period): row.spend for row in answer.rows if row.key.period}
    days = charts.calendar({day: used.usd for day, used in values.items()}, first, today, view.calendar.week_start)
    cells = [
        {
            "day": day,
            "title": f"{DAYS[day.day.weekday()]} {day.day.day} {MONTHS[day.day.month - 1]} {day.day.year}: "
            + (usd(day.value) if day.day in values else "nothing"),
            "href": view.address(range="", since=day.day.isoformat(), until=day.day.isoformat()),
        }
        for day in days
    ]
    months = [(day.column, MONTHS[day.day.month - 1]) for day in days if day.day.day <= 7 and day.row == 0]
    used_days = [day for day, used in values.items() if used.tokens.messages]
    best = max(values, key=lambda day: values[day].cost or 0, default=None)
    title = (
        "No day was used in the last year"
        if best is None
        else f"{len(used_days)} of {len(days)} days were used, most on {best.day} {MONTHS[best.month - 1]}"
    )
    lines = tuple(
        Line(
            day.isoformat(),
            (
                Cell(
                    f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}",
                    day.isoformat(),
                    href=view.address(range="", since=day.isoformat(), until=day.isoformat()),
                ),
                *spend_cells(values[day]),
            ),
        )
        for day in sorted(values, reverse=True)
    )
    return {
        "figure": {
            "key": "calendar",
            "title": title,
            "summary": f"{usd(answer.totals.usd)} in the last year, with the filters of this page.",
            "calendar": cells,
            "months": months,
            "columns": max((day.column for day in days), default=0) + 1,
            "weekdays": [(n, DAYS[(n + view.calendar.week_start) % 7]) for n in (0, 2, 4)],
            "table": Table(
                "t-calendar",
                "Each day of the last year",
                (Column("Day"), *SPEND_COLUMNS),
                lines,
                (Cell("All"), *spend_cells(answer.totals)),
            ),
        }
    }


def _hours(view: View) -> Mapping[str, Any]:
    look = view.look
    question = view.asked.question(view.calendar, view.now)
    grid = usage.hours_of_week(look.db, look.book, look.calendar, question)
    dark = charts.steps(used.usd for day in grid for used in day)
    names = [DAYS[(n + view.calendar.week_start) % 7] for n in range(7)]
    cells = [
        {
            "column": hour,
            "row": day,
            "step": dark[day * 24 + hour],
            "title": f"{names[day]} {hour:02d}:00: "
            + (usd(grid[day][hour].usd) if grid[day][hour].tokens.messages else "nothing"),
        }
        for day in range(7)
        for hour in range(24)
    ]
    days = [usage.sum_spends(row) for row in grid]
    hours = [usage.sum_spends(row[hour] for row in grid) for hour in range(24)]
    whole = usage.sum_spends(days)
    best_day = max(range(7), key=lambda n: days[n].cost or 0)
    best_hour = max(range(24), key=lambda n: hours[n].cost or 0)
    title = (
        f"Most on {_LONG_DAYS[names[best_day]]}, and between {best_hour}:00 and {best_hour + 1}:00"
        if whole.cost
        else "No hour was used"
    )
    lines = tuple(
        Line(
            f"{names[day]}-{hour}",
            (Cell(f"{names[day]} {hour:02d}:00", f"{names[day]} {hour:02d}"), *spend_cells(grid[day][hour])),
        )
        for day in range(7)
        for hour in range(24)
        if grid[day][hour].tokens.messages
    )
    return {
        "figure": {
            "key": "hours",
            "title": title,
            "summary": f"Hours of the week in {view.calendar.zone_name}, {usd(whole.usd)} in all.",
            "hours": cells,
            "weekdays": list(enumerate(names)),
            "table": Table(
                "t-hours",
                "Each hour of the week",
                (Column("Hour"), *SPEND_COLUMNS),
                lines,
                (Cell("All"), *spend_cells(whole)),
            ),
        }
    }


_LONG_DAYS = dict(
    zip(DAYS, ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"), strict=True)
)


# -- caching, sessions -----------------------------------------------------------------------------------------


def _caching(view: View) -> Mapping[str, Any]:
    look = view.look
    question = view.asked.question(view.calendar, view.now)
    found = usage.caching(look.db, look.book, question)
    saved = None if found.saved is None else found.saved / PICODOLLARS
    if found.hit_rate is None:
        title = "Nothing was sent"
    elif saved is None:
        title = f"{percent(found.hit_rate)} of what was sent came from the cache"
    elif saved >= 0:
        title = f"Caching saved {usd(saved)}"
    else:
        title = f"Caching cost {usd(-saved)} more than it saved"
    parts = [
        ("read", "From the cache", found.read, 2),
        ("written", "Written to it", found.written, 3),
        ("fresh", "Sent without it", found.fresh, 1),
    ]
    lines = tuple(
        Line(
            key,
            (
                Cell(name),
                Cell(tokens(n), n, "num", title=f"{count(n)} tokens"),
                share_cell(n / found.prompt if found.prompt else None),
            ),
        )
        for key, name, n, _ in parts
    )
    at = 0.0
    drawn = []
    for key, name, n, colour in parts:
        width = 100 * n / found.prompt if found.prompt else 0.0
        drawn.append(
            {
                "key": key,
                "name": name,
                "x": at,
                "width": width,
                "colour": colour,
                "part": percent(n / found.prompt) if found.prompt else UNKNOWN,
                "text": tokens(n),
            }
        )
        at += width
    return {
        "figure": {
            "key": "caching",
            "title": title,
            "summary": ""
            if found.hit_rate is None
            else f"{percent(found.hit_rate)} of {tokens(found.prompt)} tokens that were sent came from the cache; misses: {tokens(found.written)} written to it, {tokens(found.fresh)} sent without it.",
            "strip": drawn,
            "table": Table(
                "t-caching",
                "Tokens that were sent",
                (Column("How"), Column("Tokens", "num"), Column("Share", "num")),
                lines,
                (Cell("All"), Cell(tokens(found.prompt), found.prompt, "num"), Cell("", "", "num")),
            ),
        }
    }


def _sessions(view: View) -> Mapping[str, Any]:
    look = view.look
    question = view.asked.question(view.calendar, view.now)
    answer = spend(look.db, look.book, look.calendar, question._replace(along="session"))
    top = answer.rows[:10]
    lines = tuple(
        Line(
            row.key.session or "unknown",
            (
                Cell(
                    named(row.key.title, "without a title"),
                    href=f"/sessions/{row.key.session}" if row.key.session else "",
                ),
                Cell(named(row.key.project)),
                moment(row.key.ended_at, view.calendar, view.now),
                *spend_cells(row.spend),
            ),
        )
        for row in top
    )
    return {
        "title": f"{plural(len(answer.rows), 'session')}; the {len(top)} most expensive"
        if len(answer.rows) > 10
        else plural(len(answer.rows), "session"),
        "all": view.elsewhere("/sessions", sort="cost"),
        "table": Table(
            "top-sessions",
            "The sessions that cost most",
            (Column("Session"), Column("Project", drop=2), Column("Last active", drop=3), *SPEND_COLUMNS),
            lines,
        ),
    }


def _where_used(answer: Callable[[View], Mapping[str, Any]]) -> Callable[[View], Mapping[str, Any] | None]:
    """Nothing but the totals, which say what will appear, where nothing was ever used."""
    return lambda view: None if usage.first_moment(view.look.db) is None else answer(view)


PAGE = Page(
    "usage",
    "/usage",
    "Usage",
    (
        Block("totals", "usage_totals.html", _totals),
        Block("spend", "usage_spend.html", _where_used(_course)),
        Block("why", "usage_why.html", why),
        Block("where", "usage_where.html", _where_used(_where)),
        Block("calendar", "usage_figure.html", _where_used(_calendar)),
        Block("hours", "usage_figure.html", _where_used(_hours)),
        Block("caching", "usage_figure.html", _where_used(_caching)),
        Block("sessions", "usage_sessions.html", _where_used(_sessions)),
    ),
    filters="full",
    compares=True,
)
