"""Estimates as screens and JSON: attribution, forecasts, what-if, three numbers side by side. Formats only: the sentences
are those of text/.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.estimates.attribution import Estimate
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY
from tachograph.model.usage.periods import Calendar
from tachograph.queries.estimates.attribution import Attribution, Part
from tachograph.queries.estimates.constants import LEARNED, LITTLE, NOTHING
from tachograph.queries.limits.current import RESET, NowAccount
from tachograph.text.attribution import (
    CLEAR_SIGN,
    breakdown_words,
    contradicts_breakdown,
    evidence_words,
    interval,
    part_words,
    unexplained_words,
    weight_words,
    weights_words,
    why_words,
    window_words,
)
from tachograph.text.format import UNKNOWN, cut, cut_middle, fold, iso, percent, safe, width
from tachograph.text.limits import clock
from tachograph.text.limits import clocks as clock_of
from tachograph.text.table import Style
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    from typing import Any

_MOST = 5  # rows of a part
_BAR = 24
_HARDLY = 5.0  # percent of a week, below which a split of it answers little


# -- why -------------------------------------------------------------------------------------------------------------


def why_screen(
    found: Attribution, account: NowAccount, calendar: Calendar, room: int | None, style: Style, *, blocks: bool
) -> list[str]:
    words = clock_of(calendar, found.at)
    made = [*_heading(found, account, calendar, room, style), "", *fold(safe(why_words(found)), room)]
    if _has_hardly_begun(found, account):
        made += fold("The last whole week: tachograph why --week 1.", room)
    if (left := unexplained_words(found)) != "":
        made += fold(left, room)
    if found.method not in (NOTHING, LITTLE):
        if words_of_weights := weights_words(found):
            made += fold(safe(words_of_weights), room)
        made.append("")
        parts = (("Models", found.by_model), ("Projects", found.by_project), ("Sessions", found.by_session), ("Pull requests", found.by_pull), ("Machines", found.by_machine))  # fmt: skip
        names = min(44, max([13, *(width(safe(part.name)) for _, rows in parts for part in rows[:_MOST])]))
        if room is not None:
            names = min(names, max(14, room - 46))
        for title, rows in parts:
            if rows:
                made += [""] if title != "Models" else []
                made += [f"{style.dim}{title}{style.end}", *_parts(rows, names, room, blocks)]
                if title == "Models" and found.unexplained is not None:
                    made.append(_unexplained_row(found.unexplained, names, room, blocks))
        made.append("")
    if found.limit == SEVEN_DAY:
        made += [
            line for one in found.measured if (line := _measured_line(one.label, one.percent, one.resets_at, words))
        ]
    if found.breakdown:
        shares = ", ".join(f"{safe(share.label)} {round(share.percent)} %" for share in found.breakdown)
        made.append(f"Anthropic's breakdown of this week: {shares}.")
        if words_of_breakdown := breakdown_words(found):
            made += fold(safe(words_of_breakdown), room)
    if (window := window_words(found.window_points)) and found.method == LEARNED:
        made += fold(window, room)
    if found.method == LEARNED and found.by_model:
        made += fold("Ranges are 80 % intervals: eight of ten contain the true value.", room)
    for line in evidence_words(found.evidence, found.method, words):
        made += fold(safe(line), room)
    return made


def _has_hardly_begun(found: Attribution, account: NowAccount) -> bool:
    """A week of which little or nothing is known, so soon after its reset: the one before answers more."""
    week = account.limit(SEVEN_DAY)
    if found.limit != SEVEN_DAY or week is None or found.weeks > 1:
        return False
    if found.resets_at is None:
        return week.state == RESET
    return found.resets_at > found.at and (found.used or 0.0) < _HARDLY


def _heading(found: Attribution, account: NowAccount, calendar: Calendar, room: int | None, style: Style) -> list[str]:
    """Account and limit in one line if it fits."""
    who = " · ".join(p for p in (safe(account.plan), safe(account.label)) if p) or "An account without a name"
    name = {FIVE_HOUR: "5-hour", SEVEN_DAY: "7-day"}.get(found.limit)
    if name is None:
        name = safe(found.measured[0].label) if found.measured else safe(found.limit)
    aside = f"{name} {UNKNOWN if found.used is None else f'{found.used:.0f} %'}"
    if found.weeks > 1:
        aside = f"{found.weeks} weeks, {found.used or 0:.0f} points together"
    if found.resets_at is not None:
        verb = "resets" if found.resets_at > found.at else "reset"
        aside += f", {verb} {clock(found.resets_at, found.at, calendar)}"
    gap = (room or 88) - width(who) - width(aside)
    if gap < 3 and room is not None:
        return [f"{style.bold}{cut(who, room)}{style.end}", f"{style.dim}{aside}{style.end}"]
    return [f"{style.bold}{who}{style.end}{' ' * max(3, gap)}{style.dim}{aside}{style.end}"]


def _parts(rows: Sequence[Part], names: int, room: int | None, blocks: bool) -> list[str]:
    made = []
    for part in rows[:_MOST]:
        estimate = part.share
        if estimate is None:
            value = part.list_price or 0.0
            estimate = Estimate(value, value, value)
        made.append(_row(safe(part.name), estimate, names, room, blocks, is_measured=part.share is not None))
    if len(rows) > _MOST:
        rest = rows[_MOST:]
        value = sum(part.share.value if part.share is not None else part.list_price or 0.0 for part in rest)
        made.append(f"  {cut(f'{len(rest)} more', names):<{names}}  {' ' * _columns(room)}  {percent(value):>9}")
    return made


def _columns(room: int | None) -> int:
    return _BAR if room is None or room >= 72 else 10


def _row(name: str, share: Estimate, names: int, room: int | None, blocks: bool, *, is_measured: bool = True) -> str:
    label = cut_middle(name, names) if "#" in name else cut(name, names)  # a pull request is told by its number
    columns = _columns(room)
    bar = _bar(share.value, columns, blocks)
    between = f"  {interval(share)}" if is_measured and share.high >= 0.005 else ""
    return f"  {label}{' ' * (names - width(label))}  {bar}  {percent(share.value):>9}{between}"


def _bar(share: float, columns: int, blocks: bool) -> str:
    """A share of 0 to 1 as a bar, in eighths of a column if there are blocks for them."""
    eighths = round(min(1.0, max(0.0, share)) * columns * 8)
    if not blocks:
        return ("#" * round(eighths / 8)).ljust(columns, ".")
    part = "▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else ""
    return f"{'█' * (eighths // 8)}{part}".ljust(columns, "░")


def _unexplained_row(share: Estimate, names: int, room: int | None, blocks: bool) -> str:
    """A row like the others; a share that is too small to be told from nothing has no number."""
    if share.value >= CLEAR_SIGN:
        return _row("not explained", share, names, room, blocks)
    empty = ("░" if blocks else ".") * _columns(room)
    return f"  {'not explained':<{names}}  {empty}  {'under 5 %':>9}"


def _measured_line(label: str, value: float | None, resets_at: int | None, words: Callable[[int], str]) -> str:
    if value is None:
        return ""
    resets = f", resets {words(resets_at)}" if resets_at is not None else ""
    return f"{safe(label)}: {value:.0f} %, as the service itself counts it{resets}."


def why_document(found: Attribution, account: NowAccount) -> dict[str, Any]:
    evidence = found.evidence
    return {
        "format": FORMAT,
        "generated_at": iso(found.at),
        "account": account.label or account.uuid or None,
        "limit": found.limit,
        "method": found.method,
        "used_percent": found.used,
        "used_at": iso(found.used_at),
        "starts_at": iso(found.since),
        "resets_at": iso(found.resets_at),
        "models": [_part(part, "model") for part in found.by_model],
        "projects": [_part(part, "path") for part in found.by_project],
        "sessions": [_part(part, "session") for part in found.by_session],
        "prs": [_part(part, "url") for part in found.by_pull],
        "machines": [_part(part, "machine") for part in found.by_machine],
        "unexplained": estimate(found.unexplained),
        "window_points": estimate(found.window_points),
        "measured": [
            {"limit": one.label, "percent": one.percent, "resets_at": iso(one.resets_at)} for one in found.measured
        ],
        "breakdown": [{"key": s.key, "label": s.label, "percent": s.percent} for s in found.breakdown],
        "evidence": {
            "windows": evidence.windows,
            "days": round(evidence.days, 2),
            "messages": evidence.messages,
            "unknown_account_messages": evidence.unattributed,
            "unpriced_models": list(evidence.unpriced),
            "changed_at": iso(evidence.changed_at),
            "changed_by": evidence.changed_by,
            "window_of_week_changed_at": iso(evidence.larger_at),
            "window_of_week_changed_by": evidence.larger_by,
            "by_days": evidence.by_days,
            "fit": round(evidence.fit, 4),
        },
        "contradicts_breakdown": contradicts_breakdown(found) if found.breakdown and found.unexplained else None,
        "says": [
            says
            for says in (why_words(found), unexplained_words(found), breakdown_words(found), weights_words(found))
            if says
        ],
    }


def part_screen(found: Attribution, part: Part, kind: str, room: int | None) -> list[str]:
    """One session or pull request."""
    made = fold(safe(part_words(found, part, kind)), room)
    explained = 1 - (found.unexplained.value if found.unexplained is not None else 0.0)
    if words := weight_words(part, explained, found.machines):
        made += fold(safe(words), room)
    return made


def part_document(part: Part, kind: str) -> dict[str, Any]:
    """One session or pull request for programs."""
    return {"kind": kind.replace(" ", "_"), **_part(part, "session" if kind == "session" else "url")}


def _part(part: Part, key: str) -> dict[str, Any]:
    return {
        "name": part.name,
        key: part.full or None,
        "share": estimate(part.share),
        "points": estimate(part.points),
        "list_price_share": part.list_price,
        "machine": part.machine or None,
    }


def estimate(value: Estimate | None) -> dict[str, float] | None:
    """An estimate with its 80 % interval."""
    if value is None:
        return None
    return {"value": round(value.value, 5), "low": round(value.low, 5), "high": round(value.high, 5)}
