"""What a page is asked for, as its address says it: the range, the filters, how it is cut and ordered.

Everything that a person can choose on a page stands in its address, so that reload, back and a link give the same view.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from urllib.parse import quote, urlencode

from tachograph.errors import UsageError
from tachograph.model.usage.periods import DAY, Calendar, Span, parsed_day
from tachograph.model.usage.prices import display_name as shown_model
from tachograph.queries.usage.rows import SpendQuery
from tachograph.text.format import day_month, safe

PRESETS = {"today": "Today", "7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "Year", "all": "All"}
STACKS = {"model": "model", "project": "project", "branch": "branch", "session": "session", "class": "token class"}
MEASURES = {"cost": "Cost", "tokens": "Tokens", "messages": "Messages"}
SORTS = {"recent": "most recent", "cost": "cost", "tokens": "tokens", "messages": "messages", "name": "name"}
_MANY = ("project", "model", "branch", "pr", "session")
_MOST = 40  # values of a filter, and
_LONGEST = 400  # characters of each: nobody chooses more, and an address has its limits


class Asked(NamedTuple):
    """A view of a page. `range` is a preset, or "" where `since` and `until` (ISO days, either may be "") say it."""

    range: str = "30d"
    since: str = ""
    until: str = ""
    project: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    pr: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    compare: bool = True
    stack: str = "model"
    measure: str = "cost"
    sort: str = "recent"
    find: str = ""

    def question(self, calendar: Calendar, now: int, along: str = DAY, by: str | None = None) -> SpendQuery:
        """The question to the ledger. Raises UsageError where a day is none."""
        span = self.span(calendar, now)
        return SpendQuery(
            along, span, by, self.project, self.model, branches=self.branch, pulls=self.pr, sessions=self.session
        )

    def span(self, calendar: Calendar, now: int) -> Span:
        today = calendar.day(now)
        if self.range == "all":
            return Span(None, None)
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

    def days(self, calendar: Calendar, now: int) -> int | None:
        """How many days the range has; None where it is open."""
        span = self.span(calendar, now)
        if span.start is None or span.end is None:
            return None
        return (calendar.day(span.end - 1) - calendar.day(span.start)).days + 1

    def with_(self, **changes: object) -> "Asked":
        return self._replace(**changes)  # type: ignore[arg-type]

    def toggled(self, name: str, value: str) -> "Asked":
        """With a value of a filter added, or without it where it was there."""
        known: tuple[str, ...] = getattr(self, name)
        return self.with_(**{name: tuple(v for v in known if v != value) if value in known else (*known, value)})

    def query(self) -> str:
        """The part of an address behind the question mark; what is as usual is left out."""
        usual, pairs = Asked(), list[tuple[str, str]]()
        for name in _MANY:
            pairs += [(name, value) for value in getattr(self, name)]
        for name in ("range", "since", "until", "stack", "measure", "sort", "find"):
            if getattr(self, name) != getattr(usual, name) and not (name == "range" and not self.range):
                pairs.append((name, getattr(self, name)))
        if not self.compare:
            pairs.append(("compare", "off"))
        return urlencode(pairs, quote_via=quote)

    def address(self, path: str, **changes: object) -> str:
        query = self.with_(**changes).query() if changes else self.query()
        return f"{path}?{query}" if query else path


def asked(pairs: Iterable[tuple[str, str]]) -> Asked:
    """The view that an address asks for; what is not understood is as if it were not there."""
    found: dict[str, object] = {}
    many: dict[str, list[str]] = {}
    for name, raw in list(pairs)[:200]:
        value = raw.strip()[:_LONGEST]
        if name in _MANY and value:
            many.setdefault(name, []).append(value)
        elif name == "range" and value in PRESETS:
            found["range"] = value
        elif name in ("since", "until") and value:
            found[name] = value
        elif name == "compare":
            found["compare"] = value != "off"
        elif (name == "stack" and value in STACKS) or (name == "measure" and value in MEASURES):
            found[name] = value
        elif name == "sort" and value in SORTS:
            found["sort"] = value
        elif name == "find":
            found["find"] = value
    if ("since" in found or "until" in found) and "range" not in found:
        found["range"] = ""
    elif "range" in found:
        found.pop("since", None)
        found.pop("until", None)
    kept = {name: tuple(dict.fromkeys(values))[:_MOST] for name, values in many.items()}
    return Asked(**{**found, **kept})  # type: ignore[arg-type]


def sentence(view: Asked, calendar: Calendar, now: int, *, compares: bool) -> str:
    """The whole question in one line: "Last 30 days · all projects · Opus 5.5 · compared with the 30 days before"."""
    parts = [range_words(view, calendar, now)]
    parts.append(_listed(view.project, "all projects"))
    if view.model:
        parts.append(_listed([shown_model(model) for model in view.model], ""))
    if view.branch:
        parts.append(f"branch {_listed(view.branch, '')}")
    if view.pr:
        parts.append(_listed([pull_words(pr) for pr in view.pr], ""))
    if view.session:
        parts.append(f"session {_listed([session[:8] for session in view.session], '')}")
    days = view.days(calendar, now)
    if compares and view.compare and days is not None:
        parts.append("compared with the day before" if days == 1 else f"compared with the {days} days before")
    return " · ".join(part for part in parts if part)


def pull_words(address: str) -> str:
    """How a pull request is called by its address: #412."""
    return "no pull request" if address == "none" else f"#{address.rpartition('/')[2]}"


def range_words(view: Asked, calendar: Calendar, now: int) -> str:
    if view.range == "all":
        return "All time"
    if view.range == "today":
        return "Today"
    if view.range:
        return "Last 365 days" if view.range == "365d" else f"Last {view.range[:-1]} days"
    span = view.span(calendar, now)
    first = _day_words(calendar.day(span.start), calendar.day(now)) if span.start is not None else ""
    last = _day_words(calendar.day(span.end - 1), calendar.day(now)) if span.end is not None else ""
    if first and last:
        return first if first == last else f"{first} to {last}"
    return f"Since {first}" if first else f"Until {last}" if last else "All time"


def _day_words(day: date, today: date) -> str:
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day_month(day)}{year}"


def _listed(values: Sequence[str], none: str) -> str:
    if not values:
        return none
    return safe(", ".join(values[:3]) + (f" and {len(values) - 3} more" if len(values) > 3 else ""))
