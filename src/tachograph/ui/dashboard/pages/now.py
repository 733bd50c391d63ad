"""*Now*: should I keep prompting. The limits as the meter has them, their curves, what runs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tachograph.model.limits.limits import EXTRA_USAGE, FIVE_HOUR, SEVEN_DAY
from tachograph.model.usage.prices import display_name as shown_model
from tachograph.queries.estimates.forecast import LimitForecast
from tachograph.queries.limits.current import STALE, NowAccount, NowLimit
from tachograph.queries.limits.current import now as now_question
from tachograph.queries.limits.curves import Curve, curves
from tachograph.queries.live import Context, held
from tachograph.queries.tray_state import tray_state
from tachograph.queries.usage.active_sessions import active_sessions
from tachograph.text import limits as limit_text
from tachograph.text.chances import chance_short
from tachograph.text.format import UNKNOWN, day_and_time, iso, percent, plural, safe, tokens, usd
from tachograph.text.money import money as amount
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.pages.estimates import fan_of, forecasts, words_of
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, ago, as_json, money, named, short_list
from tachograph.ui.documents import now as words

_DAY = 86_400_000


class LimitRow(NamedTuple):
    """A limit as a row: `bar` is 0 to 100, None where the number is not known."""

    key: str
    label: str
    percent: str
    value: float | None
    sign: str
    level: str
    words: str
    bar: float | None
    source: str
    observed: str
    age: str
    resets_at: str | None
    title: str


def _limits(view: View) -> Mapping[str, Any]:
    look = view.look
    found = tray_state(look.db, look.book, look.calendar, look.now)
    accounts = [_account(account, view) for account in found.now.accounts]
    today = usd(found.today.usd)
    return {
        "accounts": accounts,
        "headline": words.title(found.now, "medium"),
        "level": words.level(found.now),
        "today": today,
        "today_messages": plural(found.today.tokens.messages, "message"),
        "today_value": found.today.usd,
    }


def _account(account: NowAccount, view: View) -> dict[str, Any]:
    now = view.now
    newest = max(account.limits, key=lambda limit: limit.observed_at, default=None)
    extra = account.extra if account.limit(EXTRA_USAGE) is None else None
    shares = [(safe(share.label), round(share.percent), share.percent) for share in account.breakdown]
    return {
        "id": account.id,
        "name": named(account.label, "An account without a name"),
        "plan": safe(account.plan),
        "limits": [limit_row(limit, view) for limit in account.limits],
        "newest": "" if newest is None else f"{ago(newest.observed_at, now)}, {source_words(newest.source)}",
        "extra": words.extra_words(extra) if extra is not None and (extra.enabled or extra.blocked) else "",
        "extra_bar": extra.percent if extra is not None and extra.enabled else None,
        "extra_amount": amount(extra.used) if extra is not None and extra.used else UNKNOWN,
        "shares": shares,
        "problems": words.problem_words(account),
    }


def limit_row(limit: NowLimit, view: View) -> LimitRow:
    """A limit as every page shows it: the same number, sign and words as the meter."""
    shown = limit_text.percent(limit)
    observed = view.calendar.local(limit.observed_at)
    source = safe(limit_text.source_words(limit))
    age = ago(limit.observed_at, view.now)
    return LimitRow(
        limit.key,
        safe(limit.label),
        shown,
        limit.percent,
        limit_text.sign(limit) or ("~" if limit.state == STALE else ""),
        limit_text.level_of(limit),
        _words(limit, view),
        None if limit.percent is None else max(0.0, min(100.0, limit.percent)),
        limit.source,
        iso(limit.observed_at) or "",
        age,
        iso(limit.resets_at),
        f"{shown}, said by {source} {age}, at {day_and_time(observed, view.calendar.local(view.now))}",
    )


def _words(limit: NowLimit, view: View) -> str:
    """When it resets, and the chance that it is reached before."""
    chance = chance_short(limit.chance) if limit.chance is not None else ""
    said = words.limit_words(limit, view.now, view.calendar)
    return f"{said}; {chance}" if said and chance else said or chance


def source_words(source: str) -> str:
    return limit_text.SOURCE_WORDS.get(source, source)


def _curves(view: View) -> Mapping[str, Any] | None:
    look = view.look
    made = []
    for account in now_question(look.db, look.now).accounts:
        keys = [FIVE_HOUR, SEVEN_DAY, *(x.key for x in account.limits if x.key not in (FIVE_HOUR, SEVEN_DAY))]
        found = {curve.key: curve for curve in curves(look.db, account.id, look.now - 14 * _DAY, look.now, keys)}
        ahead = {one.key: _as_kept(one, account) for one in forecasts(view, account)}
        for name, days, own in (("five", 2, keys[:1]), ("week", 14, keys[1:])):
            shown = [found[key] for key in own if key in found and found[key].points]
            if shown:
                made.append(_figure(f"curve-{name}-{account.id}", shown, days, account, view, ahead.get(shown[0].key)))
    return {"figures": made}


def _as_kept(made: LimitForecast, account: NowAccount) -> LimitForecast:
    """A forecast with the chance that the limit's row says: a page says one. Worked out minutes apart they differ."""
    limit = account.limit(made.key)
    return made if limit is None or limit.chance is None or made.chance is None else made._replace(chance=limit.chance)


def _figure(
    key: str, shown: list[Curve], days: int, account: NowAccount, view: View, ahead: LimitForecast | None
) -> dict[str, Any]:
    since = view.now - days * _DAY
    points = {curve.key: [p for p in curve.points if p.at >= since] for curve in shown}
    fan = fan_of(ahead)
    until = ahead.resets_at if ahead is not None and fan is not None and ahead.resets_at is not None else view.now
    times = sorted({p.at for own in points.values() for p in own} | {since, view.now, until})
    series, marks = [], []
    for place, curve in enumerate(shown):
        known = {p.at: p.percent for p in points[curve.key]}
        series.append(
            {"label": safe(curve.label), "colour": place, "values": _course([known.get(at, -1.0) for at in times])}
        )
        marks += [{"at": at // 1000, "kind": "reset"} for at in curve.resets if at >= since]
        marks += [{"at": at // 1000, "kind": "wall"} for at in curve.walls if at >= since]
    walls = sum(mark["kind"] == "wall" for mark in marks)
    resets = len({mark["at"] for mark in marks if mark["kind"] == "reset"})
    stretch = f"{days * 24} hours" if days < 3 else f"{days} days"
    whose = f" of {safe(account.label)}" if account.label else ""
    names = [safe(c.label) for c in shown]
    name = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    noun, verb = ("limit", "was") if len(shown) == 1 else ("limits", "were")
    hit = f"{verb} not hit" if not walls else f"{verb} hit {'once' if walls == 1 else f'{walls} times'}"
    by_key = {limit.key: limit for limit in account.limits}
    latest = [f"{safe(c.label)} {limit_text.percent(by_key[c.key])}" for c in shown if c.key in by_key]
    lines = [
        Line(
            f"{at}-{curve.key}",
            (
                Cell(day_and_time(view.calendar.local(at), view.calendar.local(view.now)), iso(at)),
                Cell(safe(curve.label)),
                Cell(UNKNOWN if p.percent is None else f"{p.percent:.0f} %", p.percent, "num"),
                Cell(source_words(p.source) if p.source else "reset"),
            ),
        )
        for curve in shown
        for p in points[curve.key][-120:]
        for at in (p.at,)
    ]
    columns = (Column("When"), Column("Limit"), Column("Used", "num"), Column("Said by"))
    said = f" {words_of(view, ahead)}" if ahead is not None else ""
    return {
        "key": key,
        "title": f"The {name} {noun}{whose} {hit} in the last {stretch}",
        "summary": f"{plural(resets, 'reset')}, {plural(walls, 'hit')}. Now {', '.join(latest) or 'unknown'}.{said}",
        "chart": as_json(
            {
                "kind": "line",
                "x": [at // 1000 for at in times],
                "series": series,
                "marks": marks,
                "unit": "%",
                "max": 100,
                "now": view.now // 1000,
                "fan": fan,
                "zone": view.calendar.zone_name,
            }
        ),
        "legend": [(safe(c.label), place, "") for place, c in enumerate(shown)] if len(shown) > 1 else [],
        "table": Table(f"t-{key}", f"The newest readings of {name}", columns, tuple(reversed(lines))),
    }


def _course(values: list[float | None]) -> list[float | str | None]:
    """A curve on shared times: "" where this one has no point (the line goes on), None where it is broken."""
    return ["" if value == -1.0 else value for value in values]


def _context_cell(context: Context | None) -> Cell:
    """How full it is, as the monitor in a terminal says it; tokens where nobody knows how many it may hold."""
    if context is None:
        return Cell(UNKNOWN, "", "num")
    if context.share is None:
        return Cell(tokens(context.tokens), context.tokens, "num", title="how many it may hold is not known")
    whole = f"{tokens(context.tokens)} of {tokens(context.window or 0)} tokens"
    return Cell(percent(context.share), context.tokens, "num", title=whole)


def _running(view: View) -> Mapping[str, Any]:
    look = view.look
    lines = []
    found = active_sessions(look.db, look.book, look.calendar, look.now)
    work = held(look.db, look.book, [one.row.key.session for one in found if one.row.key.session], look.now)
    for one in found:
        key, used = one.row.key, one.row.spend
        context, agents = work.get(key.session or "", (None, ()))
        model = named(shown_model(one.last.model)) if one.last else UNKNOWN
        lines.append(
            Line(
                key.session,
                (
                    Cell(named(key.title, "without a title"), href=f"/sessions/{key.session}"),
                    Cell(named(key.project)),
                    Cell(model),
                    _context_cell(context),
                    money(used.usd),
                    Cell(ago(key.ended_at or look.now, look.now), iso(key.ended_at)),
                    Cell(str(len(agents)) if agents else "none at work", len(agents), "num"),
                ),
            )
        )
    columns = (
        Column("Session"),
        Column("Project", drop=2),
        Column("Model", drop=3),
        Column("Context", "num", 4),
        Column("Cost*", "num"),
        Column("Last", drop=1),
        Column("Subagents", "num", 5),
    )
    empty = "Nothing was used in the last 15 minutes. A session appears here seconds after its first answer."
    names = short_list([line.cells[0].text for line in lines])
    return {
        "count": len(lines),
        "title": f"{plural(len(lines), 'session')} running" if lines else "Nothing runs now",
        "summary": f"Active in the last 15 minutes: {names}." if lines else empty,
        "table": Table("running", "Sessions active in the last 15 minutes", columns, tuple(lines), empty=empty),
    }


PAGE = Page(
    "now",
    "/",
    "Now",
    (
        Block("limits", "now_limits.html", _limits),
        Block("curves", "figures.html", _curves),
        Block("running", "running.html", _running),
    ),
    finds="",
)
