"""Drivers of usage in words: their names, and one sentence on what to do, only where the numbers support it."""

from tachograph.model.usage.model_names import display_name as shown_model
from tachograph.model.usage.prices import PICODOLLARS
from tachograph.queries.usage.drivers import (
    LONG,
    LONG_CONTEXT,
    PARALLEL,
    PARALLEL_SESSIONS,
    REBUILDS,
    SPEED,
    SUBAGENTS,
    Driver,
    Drivers,
)
from tachograph.queries.usage.rebuilds import MODEL, PAUSE
from tachograph.queries.usage.rows import WAY_KEYS
from tachograph.text.format import cut, percent, plural, tokens, usd
from tachograph.text.ways import way_words

LEAST_USD = 1.0  # a driver that cost less deserves no advice
LEAST_SHARE = 0.05  # of the cost, likewise
LEAST_REBUILDS = 3
LEAST_SAVED_USD = 0.5
CONCENTRATED = 2 / 3  # sessions that together have so much of a driver are named
MUCH_PARALLEL = 0.25  # of the cost
MOST_OF_IT = 0.5  # of a driver's cost, on one model
DEARER = 1.5  # times as much a message as at lower effort
LEAST_MESSAGES = 20  # of an effort, to compare it
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_AUTOMATIC = ("sdk-cli", "sdk-ts", "sdk-py")
_TITLE = 40  # characters of a session's title
_NOT_NAMED = 0.05  # share of the cost that no record names, from which that is said

OVERLAP = "Rows overlap: one message can count in several."
NOTHING = "Nothing was used in this time."


def driver_name(row: Driver) -> str:
    """`subagent Explore`, `context over 150 k`, `cache rebuilds after a pause`."""
    if row.kind in WAY_KEYS:
        words = way_words(WAY_KEYS[row.kind](row.name))
        return f"{_PREFIXES[row.kind]}{words}" if row.name is not None and row.kind in _PREFIXES else words
    if row.kind == REBUILDS:
        return f"cache rebuilds {_CAUSES[row.name or '']}"
    if row.kind == SPEED:
        return "fast mode" if row.name == "fast" else "work after a limit, on credits"
    return _NAMES[row.kind]


_PREFIXES = {"skill": "skill ", "plugin": "plugin ", "mcp": "MCP server ", "entrypoint": "program "}
_NAMES = {
    SUBAGENTS: "subagents",
    LONG: f"context over {LONG_CONTEXT // 1000} k",
    PARALLEL_SESSIONS: f"{PARALLEL} or more sessions at once",
}
_CAUSES = {PAUSE: "after a pause", MODEL: "for another model", "prefix": "after a changed prefix"}


def advice_words(row: Driver, found: Drivers) -> str:
    """Advice about a driver, in one sentence; "" if the numbers support none."""
    cost = row.spend.usd or 0.0
    if row.is_rest or row.share is None or cost < LEAST_USD:
        return ""
    if row.kind == REBUILDS:
        return _rebuild_advice(row)
    if row.kind == SPEED and row.name == "fast":
        return f"Turn fast mode off with /fast when you don't need it: {usd(cost)} draws on usage credits."
    if row.share < LEAST_SHARE:
        return ""
    if row.kind in (SUBAGENTS, "agent"):
        return _subagent_advice(row, found)
    if row.kind == LONG:
        return f"Compact or start a new session earlier{_where(row)}."
    if row.kind == PARALLEL_SESSIONS and row.share >= MUCH_PARALLEL:
        return "Run fewer sessions at once when a limit is near: together they reach it sooner."
    if row.kind == "mcp" and (context := _context(row)) is not None:
        return (
            f"Turn {row.name} off in sessions that do not need it: its answers carry {context} of context on average."
        )
    if row.kind == "effort":
        return _effort_advice(row, found)
    if row.kind == "entrypoint" and row.name in _AUTOMATIC:
        return "Let scripts ask `tachograph guard` first: it stops them before a limit."
    if (
        row.kind in ("skill", "plugin")
        and row.model is not None
        and row.model[1] >= MOST_OF_IT
        and _is_dear(row, found)
    ):
        return f"Run {row.name} on a smaller model: {percent(row.model[1])} of its cost is {shown_model(row.model[0])}."
    return ""


def _rebuild_advice(row: Driver) -> str:
    count, saved = row.spend.tokens.messages, row.saved / PICODOLLARS
    if count < LEAST_REBUILDS or saved < LEAST_SAVED_USD:
        return ""
    written = tokens(row.spend.tokens.cache_write_5m + row.spend.tokens.cache_write_1h)
    less = f"{plural(count, 'rebuild')} wrote {written} tokens again; reading them would have cost {usd(saved)} less"
    if row.name == PAUSE:
        return f"Finish or compact before a long break{_where(row)}: {less}."
    if row.name == MODEL:
        return f"Switch models at the start of a session{_where(row)}: {less}."
    return f"Change tools, MCP servers and memory files between sessions, not within one{_where(row)}: {less}."


def _subagent_advice(row: Driver, found: Drivers) -> str:
    if row.model is None or row.model[1] < MOST_OF_IT or not _is_dear(row, found):
        return ""
    who = f"{row.name} subagents" if row.kind == "agent" and row.name else "subagents"
    share, model = percent(row.model[1]), shown_model(row.model[0])
    return f"Let {who} run on a smaller model: {share} of their cost is {model}."


def _is_dear(row: Driver, found: Drivers) -> bool:
    """True if a driver runs on the model that took most of the whole cost: a smaller one is possible."""
    main = found.row("agent", "main")
    return row.model is not None and main is not None and main.model is not None and row.model[0] == main.model[0]


def _effort_advice(row: Driver, found: Drivers) -> str:
    """Compare an effort with the next lower one that was used enough."""
    if row.name not in _EFFORTS or row.spend.tokens.messages < LEAST_MESSAGES:
        return ""
    for lower in reversed(_EFFORTS[: _EFFORTS.index(row.name)]):
        other = found.row("effort", lower)
        if other is None or other.spend.tokens.messages < LEAST_MESSAGES or not other.spend.cost:
            continue
        times = (row.spend.cost or 0) / row.spend.tokens.messages / (other.spend.cost / other.spend.tokens.messages)
        if times < DEARER:
            return ""
        return f"Use {lower} effort for routine work: a message at {row.name} effort cost {times:.1f} times as much."
    return ""


def _where(row: Driver) -> str:
    """The few sessions that have most of a driver, if there are such; else ""."""
    sums, count = 0.0, 0
    for part in row.top:
        sums, count = sums + part.share, count + 1
        if sums >= CONCENTRATED:
            if count == row.sessions:
                break
            if count == 1:
                name = f"“{cut(part.title, _TITLE)}”" if part.title else f"session {part.session[:8]}"
                return f" in {name}, with {percent(sums)} of it"
            return f" in {plural(count, 'session')} with {percent(sums)} of it"
    return ""


def _context(row: Driver) -> str | None:
    """The mean prompt of a driver's messages; None if it is small."""
    t = row.spend.tokens
    mean = (t.input + t.cache_write_5m + t.cache_write_1h + t.cache_read) // max(1, t.messages)
    return tokens(mean) if mean >= 30_000 else None


def not_named_words(found: Drivers) -> str:
    """The share of the cost of which records name no effort or program; "" if they name nearly all."""
    parts = []
    for kind, noun in (("effort", "effort"), ("entrypoint", "program")):
        rest = found.row(kind)
        if rest is not None and rest.share is not None and rest.share >= _NOT_NAMED:
            parts.append(f"the {noun} of {percent(rest.share)}")
    return f"Records do not name {' and '.join(parts)} of the cost." if parts else ""


def points_heading(weeks: int) -> str:
    """Heading of the column of points."""
    return "Points of the week" if weeks == 1 else f"Points of {weeks} weeks"
