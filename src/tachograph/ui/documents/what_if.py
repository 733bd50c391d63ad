"""What-if as screens and JSON. Formats only: the sentences are those of text/what_if.py."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.queries.estimates.what_if import WhatIf
from tachograph.queries.estimates.what_if_table import MixRow, SessionRow, WhatIfTable
from tachograph.text.attribution import model_name
from tachograph.text.format import UNKNOWN, fold, iso, safe
from tachograph.text.table import Column, Style, lines
from tachograph.text.what_if import (
    end_cell,
    mix_name,
    points_words,
    session_words,
    table_words,
    what_if_words,
)
from tachograph.ui.documents.estimates import estimate
from tachograph.ui.documents.reports import FORMAT

if TYPE_CHECKING:
    from typing import Any

_SHOWN_SESSIONS, _SHOWN_MODELS = 3, 4


def what_if_document(found: WhatIf, at: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generated_at": iso(at),
        "model": found.model,
        "share": found.share,
        "used_percent": found.used,
        "resets_at": iso(found.resets_at),
        "ends_at_percent": estimate(found.changed),
        "ends_as_now_percent": estimate(found.as_is),
        "next_week_percent": estimate(found.next_changed),
        "next_week_as_now_percent": estimate(found.next_as_is),
        "window_points": estimate(found.window_points),
        "why_not": found.why_not or None,
    }


def what_if_screen(found: WhatIf, room: int | None) -> list[str]:
    return [line for words in what_if_words(found) for line in fold(safe(words), room)]


def table_document(found: WhatIfTable) -> dict[str, Any]:
    """All models and mixes, and sessions, for programs."""
    return {
        "format": FORMAT,
        "generated_at": iso(found.at),
        "model": None,
        "used_percent": found.used,
        "resets_at": iso(found.resets_at),
        "mixes": [_mix(row) for row in found.rows],
        "sessions": [_session(row) for row in found.sessions],
        "window_points": estimate(found.window_points),
        "why_not": found.why_not or None,
        "says": table_words(found),
    }


def _mix(row: MixRow) -> dict[str, Any]:
    return {
        "name": mix_name(row),
        "models": [{"model": model, "share": share} for model, share in row.shares],
        "in_use": row.is_used,
        "ends_at_percent": estimate(row.this_week),
        "next_week_percent": estimate(row.next_week),
    }


def _session(row: SessionRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "session": row.session or None,
        "points": estimate(row.points),
        "models": [{"model": model, "points": estimate(points)} for model, points in row.on],
        "says": session_words(row),
    }


def table_screen(found: WhatIfTable, room: int | None, style: Style) -> list[str]:
    """The table of all models, then the largest sessions on them."""
    made: list[str] = []
    if found.rows:
        made += _heading("Percent of the weekly limit at its end, if the work ran on", room, style)
        ends = [(end_cell(row.this_week), end_cell(row.next_week)) for row in found.rows]
        columns = [
            Column("", [safe(mix_name(row)) for row in found.rows], right=False, least=18),
            Column("this week", [end[0][0] for end in ends]),
            Column("", [end[0][1] for end in ends], right=False, drop=2, tells=False),
            Column("next week", [end[1][0] for end in ends]),
            Column("", [end[1][1] for end in ends], right=False, drop=1, tells=False),
        ]
        made += [*lines(columns, room, style, footer=False), ""]
    if found.sessions and found.rows:
        models = [row.shares[0][0] for row in found.singles][:_SHOWN_MODELS]
        made += _heading("Points of this week by session, as it ran and on", room, style)
        rows = found.sessions[:_SHOWN_SESSIONS]
        columns = [
            Column("", [safe(row.name) for row in rows], right=False, least=16),
            Column("as it ran", [_points(row, None) for row in rows]),
            *(
                Column(model_name(model), [_points(row, model) for row in rows], drop=place + 1, tells=False)
                for place, model in enumerate(models)
            ),
        ]
        made += [*lines(columns, room, style, footer=False), ""]
    elif found.sessions:
        for row in found.sessions:
            made += fold(safe(session_words(row, f"Session {row.name}")), room)
    for words in table_words(found):
        made += fold(safe(words), room)
    return made


def _heading(words: str, room: int | None, style: Style) -> list[str]:
    return [f"{style.bold}{line}{style.end}" for line in fold(words, room)]


def _points(row: SessionRow, model: str | None) -> str:
    points = row.points if model is None else dict(row.on).get(model)
    return UNKNOWN if points is None else points_words(points)
