"""The sources of readings as a screen, in full, and as JSON. Formats only."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tachograph.model.limits.limits import OK
from tachograph.queries.limits.source_health import Health
from tachograph.setup.source_catalog import ON_PAIRING, PASSIVE, Source
from tachograph.text.format import UNKNOWN, duration, fold, iso, safe
from tachograph.text.outcomes import outcome_words
from tachograph.text.table import Column, Style, lines
from tachograph.ui.documents.reports import FORMAT


class Shown(NamedTuple):
    source: Source
    is_on: bool
    health: Health


def screen(shown: Sequence[Shown], now: int, room: int | None, style: Style) -> list[str]:
    """One line for each source, and what to do next."""
    columns = [
        Column("Source", [one.source.name for one in shown], right=False),
        Column("", [_state(one) for one in shown], right=False),
        Column("Last answer", [_age(one.health.answered_at, now) for one in shown], right=False),
        Column("Answers in 24 h", [str(one.health.times) if one.health.times else "" for one in shown], drop=2),
        Column("What it is", [one.source.title for one in shown], right=False, drop=3),
        Column("State", [_words(one, now) for one in shown], right=False, drop=1),
    ]
    made = lines(columns, room, style, footer=False)
    made += ["", "tachograph sources NAME            show what it reads, sends and can't see"]
    if not any(one.source.name == "oauth" and one.is_on for one in shown):
        made.append("tachograph sources enable oauth    ask the service; explains it first")
    if not any(one.source.name == "browser" and one.is_on for one in shown):
        made.append("tachograph pair --open             let a browser's extension send its readings")
    return made


def detail(one: Shown, now: int, room: int | None = None) -> list[str]:
    """Everything about one source, in sentences."""
    source = one.source
    made = [f"{source.title} ({source.name}): {_state(one)}."]
    parts = (
        ("Reads", source.reads),
        ("Sends", source.sends),
        ("Gives", source.gives),
        ("Cannot see", source.blind),
        ("Terms", source.terms),
        ("Last answer", _age(one.health.answered_at, now)),
        ("State", _words(one, now)),
        ("Set up", source.how if not one.is_on or source.kind == PASSIVE else f"off again: {off_again(source)}"),
    )  # fmt: skip
    for name, text in parts:
        if text:
            made += _wrapped(name, text, room)
    return made


def off_again(source: Source) -> str:
    return "tachograph pair --revoke all" if source.kind == ON_PAIRING else f"tachograph sources disable {source.name}"


def statement(source: Source, room: int | None = None) -> list[str]:
    """The consent text of a source."""
    parts = (("Reads", source.reads), ("Sends", source.sends), ("Gives", source.gives), ("Terms", source.terms))
    return [
        f"{source.title} ({source.name})",
        *(line for name, text in parts if text for line in _wrapped(name, text, room)),
    ]


def document(shown: Sequence[Shown], now: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "generated_at": iso(now),
        "sources": [
            {
                "source": one.source.name,
                "title": one.source.title,
                "kind": one.source.kind.replace(" ", "_"),
                "on": one.is_on,
                "answered_at": iso(one.health.answered_at),
                "outcome": one.health.outcome,
                "outcome_at": iso(one.health.at),
                "problem": one.health.problem,
                "readings_24h": one.health.times,
                "next_at": iso(one.health.next_at) if one.is_on else None,
                "reads": one.source.reads,
                "sends": one.source.sends,
                "gives": one.source.gives,
                "cannot_see": one.source.blind or None,
                "terms": one.source.terms or None,
            }
            for one in shown
        ],
    }


def _state(one: Shown) -> str:
    return "on" if one.is_on else "off"


def _age(at: int | None, now: int) -> str:
    return UNKNOWN if at is None else f"{duration(max(0, now - at) / 1000)} ago"


def _words(one: Shown, now: int) -> str:
    if not one.is_on or one.health.outcome is None:
        return ""
    if one.health.outcome == OK and one.health.problem:
        return f"answers; not understood in it: {safe(one.health.problem)}"
    if one.health.outcome == OK:
        later = one.health.next_at
        return f"asked again in {duration((later - now) / 1000)}" if later is not None and later > now else "answers"
    return safe(outcome_words(one.health.outcome, one.source.name))


def _wrapped(name: str, text: str, room: int | None) -> list[str]:
    return fold(f"  {name:12}{text}", min(96, room or 96), " " * 14)
