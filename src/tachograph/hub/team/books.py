"""Anthropic's own reports beside what the logs of the team say. For owners, and never of fewer people than a sum needs.

Three sources count differently, so they are shown beside each other and never added up.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tachograph.hub.books.collect import named_members
from tachograph.hub.policy.atoms import OTHERS, Sums
from tachograph.hub.store import HubStore
from tachograph.hub.store.books import REST, BookDay, BookStore, BookSum
from tachograph.hub.team.documents import Range, day_text, envelope
from tachograph.hub.team.people import View
from tachograph.hub.team.spend import DAY, MODEL, PERSON
from tachograph.text.format import iso

BOOKS_BY = (DAY, PERSON, MODEL)
_KEYS = {DAY: "period", PERSON: "person", MODEL: "model"}
_NANO = 1_000_000_000
SOURCES = (
    {
        "source": "logs", "name": "Logs of the machines",
        "counts": "billed answers in transcripts of machines that joined, and telemetry, at API prices",
        "cannot_see": "machines that did not join, and background requests that no transcript records",
    },
    {
        "source": "books", "name": "Claude Code analytics (Anthropic)",
        "counts": "Claude Code use of the organization by person and model, with Anthropic's estimated cost",
        "cannot_see": "personal plans, other organizations, Amazon Bedrock and Google Cloud, projects and pull requests",
    },
    {
        "source": "billed", "name": "Cost report (Anthropic)",
        "counts": "all API cost of the organization, not only Claude Code",
        "cannot_see": "use that a plan covers, Priority Tier, and who or which project it was",
    },
)  # fmt: skip


class _Part(NamedTuple):
    key: str | None
    is_others: bool


def books_document(
    store: HubStore, view: View, by: str, days: Range, logs: Mapping[str, Any], now_ms: int
) -> dict[str, Any]:
    """Rows of both sources by day, person or model. `logs`: the spend document of the same question."""
    books = BookStore(store)
    read = {day.day: day for day in books.days(*days)}
    named = named_members(store)  # who agreed once and no longer does is left out
    sums = [row for row in books.sums(*days) if row.member == REST or row.member in named]
    names = {person.id: person.name for person in view.people}
    models = store.messages.words.texts(row.model for row in sums if row.model != OTHERS)
    parts: dict[_Part, list[BookSum]] = {}
    for row in sums:
        parts.setdefault(_part(row, by, names, models), []).append(row)
    of_logs = {_Part(row[_KEYS[by]], row["others"]): row for row in logs["rows"]}
    billed = {_Part(day_text(day.day), False): day.billed for day in read.values()} if by == DAY else {}
    keys = sorted({*parts, *of_logs, *billed}, key=lambda one: (one.is_others, one.key is None, one.key or ""))
    rows = [
        {
            _KEYS[by]: one.key, "others": one.is_others, "books": _measures(parts[one]) if one in parts else None,
            "logs": _of_logs(of_logs.get(one)), "billed_usd": _usd(billed.get(one)),
        }
        for one in keys
    ]  # fmt: skip
    totals = {
        "books": _measures(sums) if read else None, "logs": _of_logs(logs["totals"]), "billed_usd": _billed_total(read.values()),
    }  # fmt: skip
    return _document(store, by, days, now_ms, rows, totals, read, _hidden_days(read.values(), view.least))


def empty_document(store: HubStore, by: str, days: Range, now_ms: int) -> dict[str, Any]:
    """The answer of a hub that has read no report."""
    return _document(store, by, days, now_ms, [], {"books": None, "logs": None, "billed_usd": None}, {}, None)


def _document(
    store: HubStore, by: str, days: Range, now_ms: int, rows: list[dict[str, Any]], totals: dict[str, Any],
    read: Mapping[int, BookDay], hidden: dict[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    read_at, problem = BookStore(store).state()
    state = {
        "at": iso(read_at), "problem": problem or None, "days": len(read),
        "days_billed": sum(day.billed is not None for day in read.values()),
        "last_day": day_text(max(read)) if read else None, "refused_rows": sum(day.refused for day in read.values()),
    }  # fmt: skip
    document = envelope(f"team books by {by}", now_ms, days, rows)
    return {**document, "totals": totals, "read": state, "sources": list(SOURCES), "hidden": hidden}


def _part(row: BookSum, by: str, names: Mapping[int, str], models: Mapping[int, str]) -> _Part:
    if by == DAY:
        return _Part(day_text(row.day), False)
    if by == PERSON:
        return _Part(names.get(row.member), row.member == REST)
    return _Part(None if row.model == OTHERS else models.get(row.model) or None, row.model == OTHERS)


def _measures(rows: Iterable[BookSum]) -> dict[str, Any]:
    """`cost_usd` null if Anthropic gave none for some of it. `people`: the largest number on one day."""
    sums, people, most = Sums(), dict[int, set[int]](), dict[int, int]()
    for row in rows:
        sums += row.sums
        if row.member == REST:
            most[row.day] = max(most.get(row.day, 0), row.people)
        else:
            people.setdefault(row.day, set()).add(row.member)
    number = max((len(people.get(day, ())) + most.get(day, 0) for day in {*people, *most}), default=0)
    return {"people": number, "tokens": sums.tokens, "cost_usd": None if sums.unpriced else sums.cost / _NANO}


def _of_logs(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    names = ("messages", "tokens", "cost_usd", "unpriced_messages")
    return None if row is None else {name: row[name] for name in names}


def _usd(nano: int | None) -> float | None:
    return None if nano is None else nano / _NANO


def _billed_total(days: Iterable[BookDay]) -> float | None:
    known = [day.billed for day in days if day.billed is not None]
    return sum(known) / _NANO if known else None


def _hidden_days(days: Iterable[BookDay], least: int) -> dict[str, Any] | None:
    count = sum(day.left_out > 0 for day in days)
    reason = f"on these days fewer than {least} people without a name used Claude Code"
    return {"days": count, "reason": reason} if count else None
