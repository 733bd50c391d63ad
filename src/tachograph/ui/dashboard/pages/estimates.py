"""What is estimated, on the pages where it belongs: why the week stands where it does (Usage), the chance of a limit being
reached (Now), and how our chances did (Limits). The sentences are those of text/."""

from collections.abc import Callable, Mapping
from typing import Any

from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.queries.estimates.attribution import Attribution, Part, attribution, primary_account
from tachograph.queries.estimates.constants import NOTHING
from tachograph.queries.estimates.forecast import LimitForecast, forecast
from tachograph.queries.estimates.scoring import calibration
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.limits.current import now as now_question
from tachograph.text.attribution import CLEAR_SIGN, evidence_words, interval, unexplained_words, why_words
from tachograph.text.chances import calibration_words, forecast_words
from tachograph.text.format import UNKNOWN, percent, plural, safe
from tachograph.text.limits import clock
from tachograph.ui.dashboard import charts
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table

_MOST = 6  # rows of a part
_SECONDS = 30.0  # how old an estimate may be: the next message hardly moves it


def _clock(view: View) -> Callable[[int], str]:
    return lambda moment: clock(moment, view.now, view.calendar)


def why(view: View) -> Mapping[str, Any] | None:
    """Whose the leading account's week is, each share with its interval; None where no source said anything of it."""
    look = view.look
    account = primary_account(now_question(look.db, look.now))
    if account is None or account.limit(SEVEN_DAY) is None:
        return None
    found = look.cache.answer(
        ("why", account.id), _SECONDS, lambda: attribution(look.db, look.book, account, look.now, SEVEN_DAY)
    )
    if found.method == NOTHING:
        return None
    parts = (
        ("Models", "model", found.by_model),
        ("Projects", "project", found.by_project),
        ("Sessions", "session", found.by_session),
        ("Pull requests", "pr", found.by_pull),
    )
    groups = [
        {"name": name, "rows": [_bar(part, kind, view) for part in rows[:_MOST]], "more": len(rows) - _MOST}
        for name, kind, rows in parts
        if rows
    ]
    unexplained = found.unexplained
    return {
        "title": f"Why the 7-day limit stands at {found.used:.0f} %" if found.used is not None else "Why the week stands where it does",
        "whose": f"{f'{safe(account.label)}: the week' if account.label else 'The week'} of the limit{f', since {_clock(view)(found.since)}' if found.since is not None else ''}, whatever range is chosen above.",
        "sentences": [safe(words) for words in (why_words(found), unexplained_words(found)) if words],
        "groups": groups,
        "unexplained": None
        if unexplained is None
        else {
            "text": percent(unexplained.value) if unexplained.value >= CLEAR_SIGN else "under 5 %",
            "width": 100 * unexplained.value if unexplained.value >= CLEAR_SIGN else 0,
        },
        "evidence": [safe(words) for words in evidence_words(found.evidence, found.method, _clock(view))],
        "table": _table(found, parts),
    }  # fmt: skip


def _bar(part: Part, kind: str, view: View) -> dict[str, Any]:
    share = part.share
    value = share.value if share is not None else part.list_price or 0.0
    if not part.full:
        href = ""
    elif kind == "session":
        href = f"/sessions/{part.full}"
    else:
        href = view.address(**{kind: (part.full,)})
    return {
        "name": safe(part.name),
        "href": href,
        "width": 100 * min(1.0, value),
        "low": 100 * min(1.0, share.low) if share is not None else None,
        "high": 100 * min(1.0, share.high) if share is not None else None,
        "text": percent(value),
        "colour": charts.model_colour(part.full) if kind == "model" else 0,
        "interval": interval(share) if share is not None and share.high >= 0.005 else "",
    }


def _table(found: Attribution, parts: tuple[tuple[str, str, tuple[Part, ...]], ...]) -> Table:
    lines = []
    for name, kind, rows in parts:
        for part in rows:
            share = part.share
            value = share.value if share is not None else part.list_price
            cells = (
                Cell(name),
                Cell(safe(part.name), safe(part.full)),
                Cell(UNKNOWN if value is None else percent(value), value, "num"),
                Cell(UNKNOWN if share is None else percent(share.low), None if share is None else share.low, "num"),
                Cell(UNKNOWN if share is None else percent(share.high), None if share is None else share.high, "num"),
                Cell(UNKNOWN if part.points is None else f"{part.points.value:.1f}", None if part.points is None else part.points.value, "num"),
            )  # fmt: skip
            lines.append(Line(f"{kind}-{part.full}", cells))
    columns = (
        Column("Of"),
        Column("Part"),
        Column("Share", "num"),
        Column("from", "num"),
        Column("to", "num"),
        Column("Points", "num"),
    )
    return Table("t-why", "Shares of the week with their intervals", columns, tuple(lines))


def forecasts(view: View, account: NowAccount) -> tuple[LimitForecast, ...]:
    """The forecasts of an account as they stand now."""
    look = view.look
    return look.cache.answer(
        ("forecast", account.id), _SECONDS, lambda: forecast(look.db, look.book, account, look.now)
    )


def words_of(view: View, made: LimitForecast) -> str:
    return safe(forecast_words(made, _clock(view)))


def fan_of(made: LimitForecast | None) -> dict[str, Any] | None:
    """What a chart draws ahead of now: where it ends at the reset (low, middle, high); when it is at 100, if it ever is."""
    if made is None or made.chance is None or made.percent is None or made.resets_at is None:
        return None
    times = [at // 1000 for at in (made.p10, made.p50, made.p90) if at is not None]
    return {"percent": made.percent, "to": times, "reset": made.resets_at // 1000, "chance": round(made.chance, 3), "ends": None if made.ends is None else [round(one, 1) for one in (made.ends.low, made.ends.value, made.ends.high)]}  # fmt: skip


def calibrated(view: View) -> Mapping[str, Any]:
    """How the chances did that were said here."""
    look = view.look
    found = look.cache.answer(("calibration",), _SECONDS, lambda: calibration(look.db))
    lines = tuple(
        Line(
            f"{one.low}",
            (
                Cell(f"{round(100 * one.low)} to {round(100 * one.high)} %"),
                Cell(str(one.forecasts), one.forecasts, "num"),
                Cell(percent(one.mean), one.mean, "num"),
                Cell(percent(one.came_true / one.forecasts), one.came_true / one.forecasts, "num"),
            ),
        )
        for one in found.bins
    )
    columns = (Column("Chance said"), Column("Forecasts", "num"), Column("Mean", "num"), Column("Came true", "num"))
    title = f"How {plural(found.forecasts, 'forecast')} did" if found.forecasts else "No forecast has been scored yet"
    said = [safe(words) for words in calibration_words(found)]
    empty = "The recorder works out chances while it runs; each is scored when its window is over."
    return {"title": title, "summary": " ".join(said), "table": Table("calibration", "Chances and what came of them", columns, lines, empty=empty)}  # fmt: skip
