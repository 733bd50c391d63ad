"""The query of a page's address: range, filters, grouping and order.

Every choice on a page is part of its address, so that reload, back and a link give the same view.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from urllib.parse import quote, urlencode

from tachograph.clock import WEEK_MS
from tachograph.errors import UsageError
from tachograph.model.usage.model_names import display_name
from tachograph.model.usage.periods import DAY, WEEK, Calendar, Span, parsed_day
from tachograph.queries.usage.filters import SPEEDS
from tachograph.queries.usage.rows import WAY_KEYS, SpendQuery
from tachograph.text.format import day_month, safe
from tachograph.text.ways import speed_words, way_words

PRESETS = {"today": "Today", "7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "Year", "all": "All"}
WEEKS = {
    "week": "This week",
    "lastweek": "Last week",
    "limitweek": "This limit week",
    "lastlimitweek": "Last limit week",
}
STACKS = {
    "model": "model",
    "project": "project",
    "branch": "branch",
    "session": "session",
    "agent": "agent",
    "skill": "skill",
    "plugin": "plugin",
    "mcp": "MCP server",
    "effort": "effort",
    "entrypoint": "program",
    "speed": "speed",
    "class": "token class",
}
MEASURES = {"cost": "Cost", "tokens": "Tokens", "messages": "Messages"}
SORTS = {"recent": "most recent", "cost": "cost", "tokens": "tokens", "messages": "messages", "name": "name"}
_RANGE_ALIASES = {"1d": "today", "day": "today", "month": "30d", "year": "365d", "everything": "all"}
WAYS = (*WAY_KEYS, "speed")  # filters by the way that work was asked for
_LISTS = ("project", "model", "branch", "pr", "session", *WAYS)
NO_FILTERS: dict[str, object] = dict.fromkeys(_LISTS, ())
_MAX_VALUES = 40  # of a filter
_MAX_LENGTH = 400  # characters of a value
MAX_WEEKS_BACK = 26  # of the card


class PageQuery(NamedTuple):
    """The query of a page. `range` is a key of PRESETS or WEEKS; "" if `since` and `until` (ISO days, either may be "")
    give it. `week`: limit weeks back of the card, None for its default. `week_reset`: end of the running weekly limit in epoch milliseconds, None if unknown; limit weeks need it.
    `unknown_range`: a range in the address that does not exist."""

    range: str = "30d"
    since: str = ""
    until: str = ""
    project: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    pr: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    skill: tuple[str, ...] = ()
    plugin: tuple[str, ...] = ()
    mcp: tuple[str, ...] = ()
    effort: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    speed: tuple[str, ...] = ()
    compare: bool = True
    stack: str = "model"
    measure: str = "cost"
    sort: str = "recent"
    find: str = ""
    week: int | None = None
    week_reset: int | None = None
    unknown_range: str = ""

    def spend_query(self, calendar: Calendar, now: int, along: str = DAY, by: str | None = None) -> SpendQuery:
        """The query of a report. Raises UsageError for a day that does not exist."""
        span = self.span(calendar, now)
        return SpendQuery(
            along,
            span,
            by,
            self.project,
            self.model,
            branches=self.branch,
            pulls=self.pr,
            sessions=self.session,
            ways=tuple((name, getattr(self, name)) for name in WAYS if getattr(self, name)),
        )

    def span(self, calendar: Calendar, now: int) -> Span:
        """The range. Raises UsageError for a day that does not exist."""
        today = calendar.day(now)
        if self.range == "all":
            return Span(None, None)
        if self.range in WEEKS:
            return self._week(calendar, now)
        if self.range:
            days = 1 if self.range == "today" else int(self.range[:-1])
            return Span(calendar.back(DAY, now, days), calendar.start_of(today + timedelta(days=1)))
        since = parsed_day(self.since, today) if self.since else None
        until = parsed_day(self.until, today) if self.until else None
        if since and until and since > until:
            raise UsageError(f"The range ends ({until}) before it begins ({since}).", "Choose other days.")
        return Span(
            calendar.start_of(since) if since else None,
            calendar.start_of(until + timedelta(days=1)) if until else None,
        )

    def _week(self, calendar: Calendar, now: int) -> Span:
        is_last = self.range.startswith("last")
        if not self.is_limit_week:
            start = calendar.back(WEEK, now, 2 if is_last else 1)
            return calendar.period(WEEK, start)[1]
        if self.week_reset is None:
            end = calendar.start_of(calendar.day(now) + timedelta(days=1))
            return Span(calendar.back(DAY, now, 7), end)
        end = self.week_reset - (WEEK_MS if is_last else 0)
        return Span(end - WEEK_MS, end)

    @property
    def is_limit_week(self) -> bool:
        """True for a week of the weekly limit."""
        return self.range in ("limitweek", "lastlimitweek")

    @property
    def is_narrowed(self) -> bool:
        """True with a filter."""
        return any(getattr(self, name) for name in _LISTS)

    def days(self, calendar: Calendar, now: int) -> int | None:
        """Number of days of the range; None for an open one."""
        span = self.span(calendar, now)
        if span.start is None or span.end is None:
            return None
        if self.is_limit_week:
            return 7
        return (calendar.day(span.end - 1) - calendar.day(span.start)).days + 1

    def with_(self, **changes: object) -> "PageQuery":
        return self._replace(**changes)  # type: ignore[arg-type]

    def toggle(self, name: str, value: str) -> "PageQuery":
        """The query with a value of a filter added, or removed if it was there."""
        values: tuple[str, ...] = getattr(self, name)
        return self.with_(**{name: tuple(v for v in values if v != value) if value in values else (*values, value)})

    def query(self) -> str:
        """The part of an address behind the question mark, without defaults."""
        default, pairs = PageQuery(), list[tuple[str, str]]()
        for name in _LISTS:
            pairs += [(name, value) for value in getattr(self, name)]
        for name in ("range", "since", "until", "stack", "measure", "sort", "find"):
            if getattr(self, name) != getattr(default, name) and not (name == "range" and not self.range):
                pairs.append((name, getattr(self, name)))
        if self.week is not None:
            pairs.append(("week", str(self.week)))
        if not self.compare:
            pairs.append(("compare", "off"))
        return urlencode(pairs, quote_via=quote)

    def address(self, path: str, **changes: object) -> str:
        """The address of a page with this query, after changes."""
        query = self.with_(**changes).query() if changes else self.query()
        return f"{path}?{query}" if query else path


def parse(pairs: Iterable[tuple[str, str]]) -> PageQuery:
    """The query of an address. Unknown names and values are ignored; an unknown range is noted."""
    fields: dict[str, object] = {}
    lists: dict[str, list[str]] = {}
    for name, raw in list(pairs)[:200]:
        value = raw.strip()[:_MAX_LENGTH]
        if name == "speed" and value not in SPEEDS:
            continue
        if name in _LISTS and value:
            lists.setdefault(name, []).append(value)
        elif name == "range" and value:
            fields |= _parse_range(value)
        elif name in ("since", "until") and value:
            fields[name] = value
        elif name == "compare":
            fields["compare"] = value != "off"
        elif (name == "stack" and value in STACKS) or (name == "measure" and value in MEASURES):
            fields[name] = value
        elif name == "sort" and value in SORTS:
            fields["sort"] = value
        elif name == "find":
            fields["find"] = value
        elif name == "week" and value.isdecimal() and len(value) < 3:
            fields["week"] = min(int(value), MAX_WEEKS_BACK)
    if ("since" in fields or "until" in fields) and "range" not in fields:
        fields["range"] = ""
    elif "range" in fields:
        fields.pop("since", None)
        fields.pop("until", None)
    values = {name: tuple(dict.fromkeys(given))[:_MAX_VALUES] for name, given in lists.items()}
    return PageQuery(**{**fields, **values})  # type: ignore[arg-type]


def _parse_range(value: str) -> dict[str, object]:
    plain = value.lower()
    name = _RANGE_ALIASES.get(plain) or (f"{plain}d" if f"{plain}d" in PRESETS else plain)
    return {"range": name} if name in PRESETS or name in WEEKS else {"unknown_range": value[:40]}


def sentence(query: PageQuery, calendar: Calendar, now: int, *, compares: bool) -> str:
    """The whole query in one line: "Last 30 days · all projects · Opus 5.5 · compared with the 30 days before"."""
    parts = [range_words(query, calendar, now)]
    parts.append(_list_words(query.project, "all projects"))
    if query.model:
        parts.append(_list_words([display_name(model) for model in query.model], ""))
    if query.branch:
        parts.append(f"branch {_list_words(query.branch, '')}")
    if query.pr:
        parts.append(_list_words([pull_request_words(pr) for pr in query.pr], ""))
    if query.session:
        parts.append(f"session {_list_words([session[:8] for session in query.session], '')}")
    parts += [_list_words([way_filter_words(name, value) for value in getattr(query, name)], "") for name in WAYS]
    days = query.days(calendar, now)
    if compares and query.compare and days is not None:
        parts.append("compared with the day before" if days == 1 else f"compared with the {days} days before")
    return " · ".join(part for part in parts if part)


def way_filter_words(dimension: str, value: str) -> str:
    """A value of a filter by the way that work was asked for: `subagent Explore`, `skill review`, `high effort`."""
    if dimension == "speed":
        return speed_words(value)
    prefix = f"{dimension} " if dimension in ("skill", "plugin") else "MCP server " if dimension == "mcp" else ""
    is_named = value not in ("unknown", "none")
    return f"{prefix if is_named else ''}{way_words(WAY_KEYS[dimension](value if is_named else None))}"


def pull_request_words(address: str) -> str:
    """The short name of a pull request by its address: #412."""
    return "no pull request" if address == "none" else f"#{address.rpartition('/')[2]}"


def range_words(query: PageQuery, calendar: Calendar, now: int) -> str:
    """The range: `Last 30 days`, `This limit week, Thu 19 Nov 09:00 to Thu 26 Nov 09:00`."""
    if query.range == "all":
        return "All time"
    if query.range == "today":
        return "Today"
    if query.range in WEEKS:
        return _week_words(query, calendar, now)
    if query.range:
        return "Last 365 days" if query.range == "365d" else f"Last {query.range[:-1]} days"
    span = query.span(calendar, now)
    first = _day_words(calendar.day(span.start), calendar.day(now)) if span.start is not None else ""
    last = _day_words(calendar.day(span.end - 1), calendar.day(now)) if span.end is not None else ""
    if first and last:
        return first if first == last else f"{first} to {last}"
    return f"Since {first}" if first else f"Until {last}" if last else "All time"


def _week_words(query: PageQuery, calendar: Calendar, now: int) -> str:
    if query.is_limit_week and query.week_reset is None:
        return "Last 7 days (no weekly limit was read yet)"
    span = query.span(calendar, now)
    first, last = calendar.local(span.start or 0), calendar.local((span.end or 1) - (0 if query.is_limit_week else 1))
    if query.is_limit_week:
        return f"{WEEKS[query.range]}, {day_month(first)} {first:%H:%M} to {day_month(last)} {last:%H:%M}"
    return f"{WEEKS[query.range]}, {day_month(first)} to {day_month(last)}"


def _day_words(day: date, today: date) -> str:
    return day_month(day) if day.year == today.year else f"{day_month(day)} {day.year}"


def _list_words(values: Sequence[str], none: str) -> str:
    if not values:
        return none
    return safe(", ".join(values[:3]) + (f" and {len(values) - 3} more" if len(values) > 3 else ""))
