"""The card: one week of the weekly limit in a sentence and bars, to step back through and to share without names."""

import json
from typing import NamedTuple

from tachograph.clock import WEEK_MS
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.limits.limits import SEVEN_DAY
from tachograph.queries.estimates.attribution import Attribution, Part, attribution
from tachograph.queries.estimates.card_week import CardWeek, card_week
from tachograph.queries.limits.current import NowAccount
from tachograph.queries.limits.current import now as current_limits
from tachograph.text.attribution import CLEAR_SIGN, interval, logs_owner, why_words
from tachograph.text.card_week import advice_words, large_sessions
from tachograph.text.format import day_month, percent, safe, weekday
from tachograph.ui.dashboard import charts
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.page_query import MAX_WEEKS_BACK
from tachograph.ui.dashboard.pages.forecasts import CACHE_SECONDS
from tachograph.ui.dashboard.pages.what_if import what_ifs

_MODELS = 5


class CardBar(NamedTuple):
    """A model's points of the limit; `width`, `low` and `high` in percent of the limit."""

    name: str
    href: str
    width: float
    low: float | None
    high: float | None
    color: int | None
    share: str
    interval: str
    points: str


class CardSession(NamedTuple):
    """A session that used much of the week."""

    title: str
    href: str
    share: str


class CardBlock(NamedTuple):
    """Values of limit_week.html. `pace`: the share of the week that has passed, in percent, None for a past week; `earlier`
    and `later`: addresses of the weeks beside it, "" without one; `share`: the picture's texts as JSON, without names."""

    title: str
    sentence: str
    advice: str
    bars: tuple[CardBar, ...]
    sessions: tuple[CardSession, ...]
    pace: float | None
    earlier: str
    later: str
    share: str
    copy: str


def limit_week(view: View) -> CardWeek | None:
    """The week that the address asks for, else the one to summarize. None without a reading of the weekly limit."""
    now = current_limits(view.snapshot.db, view.now)
    return card_week(now, lambda account, back: _attribution(view, account, back), view.query.week)


def _attribution(view: View, account: NowAccount, back: int) -> Attribution:
    snapshot = view.snapshot
    return snapshot.cache.answer(
        ("why", account.id, back),
        CACHE_SECONDS,
        lambda: attribution(snapshot.db, snapshot.book, account, snapshot.now, SEVEN_DAY, back),
    )


def week_words(view: View, week: CardWeek) -> str:
    """`This limit week (Thu 19 Nov – Thu 26 Nov)`."""
    found, calendar = week.found, view.calendar
    name = {0: "This limit week", 1: "Last limit week"}.get(week.back, f"{week.back} limit weeks ago")
    if found.resets_at is None:
        return name
    first, last = calendar.local(found.resets_at - WEEK_MS), calendar.local(found.resets_at)
    return f"{name} ({weekday(first)} {day_month(first)} – {weekday(last)} {day_month(last)})"


def card(view: View) -> CardBlock | None:
    """The card; None without a reading of the weekly limit."""
    week = limit_week(view)
    if week is None:
        return None
    found = week.found
    bars = tuple(_bar(part, view) for part in found.by_model[:_MODELS] if part.points is not None)
    rest = found.unexplained
    if rest is not None and rest.value >= CLEAR_SIGN and found.used is not None:
        bars = (*bars, _rest(rest, found.used, found.machines))
    sentence, title = safe(why_words(found)), week_words(view, week)
    pace = None
    if week.back == 0 and found.resets_at is not None:
        pace = 100 * max(0.0, min(1.0, 1 - (found.resets_at - view.now) / WEEK_MS))
    return CardBlock(
        title,
        sentence,
        advice_words(week, None if week.back else what_ifs(view, week.account)),
        bars,
        _sessions(found),
        pace,
        view.address(week=week.back + 1) if week.back < MAX_WEEKS_BACK else "",
        view.address(week=week.back - 1) if week.back > 0 else "",
        _picture(title, sentence, bars, pace),
        "\n".join((title, sentence, *(f"{one.name}: {one.points}, {one.share}" for one in bars))),
    )


def _bar(part: Part, view: View) -> CardBar:
    points, share = part.points, part.share
    assert points is not None  # noqa: S101 - the caller's condition
    return CardBar(
        safe(part.name),
        view.address(model=(part.full,)) if part.full else "",
        min(100.0, points.value),
        min(100.0, points.low),
        min(100.0, points.high),
        charts.model_color(part.full),
        percent(share.value) if share is not None else "",
        interval(share) if share is not None and share.high >= 0.005 else "",
        _points(points.value),
    )


def _rest(rest: Estimate, used: float, machines: int) -> CardBar:
    width = min(100.0, rest.value * used)
    return CardBar(
        f"not in {logs_owner(machines)} logs",
        "",
        width,
        None,
        None,
        None,
        percent(rest.value),
        "",
        _points(rest.value * used),
    )


def _points(value: float) -> str:
    shown = f"{value:.0f}" if value >= 0.95 else "<1"
    return f"{shown} point{'' if shown in ('1', '<1') else 's'}"


def _sessions(found: Attribution) -> tuple[CardSession, ...]:
    return tuple(
        CardSession(safe(part.name), f"/sessions/{part.full}" if part.full else "", percent(part.share.value))
        for part in large_sessions(found)
        if part.share is not None
    )


def _picture(title: str, sentence: str, bars: tuple[CardBar, ...], pace: float | None) -> str:
    """The texts of the shared picture: models and numbers, no project, session, account or person."""
    rows = [
        {"label": one.name, "share": one.width / 100, "text": f"{one.points}, {one.share}", "color": one.color}
        for one in bars
    ]
    return json.dumps(
        {
            "title": title,
            "sentence": sentence,
            "rows": rows,
            "pace": None if pace is None else pace / 100,
            "foot": "Points are percent of the weekly limit. Estimated by Tachograph from local logs.",
        },
        ensure_ascii=False,
    )
