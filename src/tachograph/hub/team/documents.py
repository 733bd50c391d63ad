"""Answers of a team's hub as JSON: the envelope of all reports, with `people`, `coverage` and `hidden`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tachograph.hub.policy.atoms import Sums
from tachograph.hub.store.messages import DAY_MS
from tachograph.hub.team.people import View
from tachograph.hub.team.spend import DAY, MODEL, PERSON, PROJECT, PULL, TeamRow, TeamSpend
from tachograph.text.format import iso

FORMAT = 1
_KEYS = {PERSON: "person", PROJECT: "project", MODEL: "model", PULL: "pr", DAY: "period"}
_NANO = 1_000_000_000


class Range(NamedTuple):
    """Days since the epoch, both included."""

    first: int
    last: int

    @property
    def before(self) -> "Range":
        """The same number of days before."""
        length = self.last - self.first + 1
        return Range(self.first - length, self.first - 1)


def day_text(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).date().isoformat()


def day_of(at: int | None) -> str | None:
    """The day of a time, as others may see it."""
    return None if not at else day_text(at // DAY_MS)


def envelope(report: str, now_ms: int, days: Range | None, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    span = {"since": day_text(days.first), "until": day_text(days.last)} if days else {"since": None, "until": None}
    return {
        "format": FORMAT, "report": report, "generated_at": iso(now_ms), "timezone": "UTC", "range": span,
        "rows": list(rows),
    }  # fmt: skip


def sums_document(sums: Sums) -> dict[str, Any]:
    known = sums.messages > sums.unpriced or sums.cost > 0
    return {
        "messages": sums.messages,
        "tokens": sums.tokens,
        "cost_usd": sums.cost / _NANO if known or not sums.messages else None,
        "unpriced_messages": sums.unpriced,
    }


def row_document(row: TeamRow, by: str) -> dict[str, Any]:
    key: Any = day_text(row.key) if by == DAY and isinstance(row.key, int) else row.key
    return {_KEYS[by]: key, "others": row.is_others, "people": row.people, "days": row.days, **sums_document(row.sums)}


def spend_document(
    answer: TeamSpend, before: TeamSpend, by: str, view: View, coverage: dict[str, Any], now_ms: int, days: Range
) -> dict[str, Any]:
    """`hidden` is null if nothing is: else the number of people of whom something is, and the reason."""
    return {
        **envelope(f"team {by}", now_ms, days, (row_document(row, by) for row in answer.rows)),
        "totals": sums_document(answer.total.sums),
        "before": {
            "since": day_text(days.before.first),
            "until": day_text(days.before.last),
            **sums_document(before.total.sums),
        },
        "people": {
            "present": sum(person.is_present for person in view.people),
            "counted": answer.total.people,
            "visible": len(view.rows),
            "least": view.least,
        },
        "coverage": coverage,
        "hidden": _hidden(answer, view.least),
        "live": answer.is_live,
    }


def _hidden(answer: TeamSpend, least: int) -> dict[str, Any] | None:
    reasons = []
    if answer.left_out:
        reasons.append(f"sums of fewer than {least} people are not shown")
    if answer.among_others:
        reasons.append("a row that would give away somebody else by subtraction counts among the others")
    if not reasons:
        return None
    return {
        "people": answer.hidden, "reason": "; ".join(reasons), "left_out": answer.left_out,
        "among_others": answer.among_others,
    }  # fmt: skip
