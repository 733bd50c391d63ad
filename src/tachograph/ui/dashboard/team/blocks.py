"""Blocks of the team's pages, made from the hub's answers (docs/json.md). They only format."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from tachograph.model.usage.model_names import display_name
from tachograph.text.chances import TEAM_FORECAST, chance_cell, ends_cell
from tachograph.text.format import UNKNOWN, count, day_month, duration, percent, plural, safe, tokens, usd
from tachograph.text.limits import SOURCE_WORDS
from tachograph.text.team import KIND_WORDS, hidden_sentences
from tachograph.ui.dashboard.figures import Bar, Bars, Figure, FigureBlock, Series, StackChart, TableBlock
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, change_words, money

_KEYS = {"person": "person", "project": "project", "model": "model", "pr": "pr", "day": "period"}
_NOUNS = {"person": "Person", "project": "Project", "model": "Model", "pr": "Pull request", "day": "Day"}
_NONE = {"person": "Unknown", "project": "No project", "model": "Unknown", "pr": "No pull request", "day": "Unknown"}
_SEEN_BY = {"self": "oneself only", "manager": "managers", "team": "every member"}
_POLICY = {
    "self": "that person only", "manager": "managers and owners at most, if the person allows it",
    "team": "every member at most, if the person allows it",
}  # fmt: skip
MOST_BARS = 12


def name_of(row: Mapping[str, Any], by: str) -> str:
    """The name of a row as people read it."""
    key = row[_KEYS[by]]
    if row["others"]:
        return f"{plural(row['people'], 'other person', 'others')} together" if by == "person" else "Others"
    if key is None:
        return _NONE[by]
    if by == "model":
        return safe(display_name(key))
    if by == "pr":
        owner, _, number = key.removeprefix("https://github.com/").rpartition("/pull/")
        return safe(f"{owner} #{number}" if owner and number else key)
    return safe(str(key))


def spend_table(document: Mapping[str, Any], by: str, title: str) -> TableBlock:
    """Rows of spend with people and days."""
    return TableBlock(title, "", _table(f"team-{by}", document, by, title))


def _table(key: str, document: Mapping[str, Any], by: str, title: str) -> Table:
    lines = tuple(
        Line(
            f"{row[_KEYS[by]]}-{row['others']}",
            (
                Cell(name_of(row, by), row[_KEYS[by]] or "", href=_link(row, by)),
                Cell(count(row["people"]), row["people"], "num"),
                Cell(count(row["days"]), row["days"], "num"),
                *_measures(row),
            ),
            kind="rest" if row["others"] else "",
        )
        for row in document["rows"]
    )
    columns = (
        Column(_NOUNS[by]), Column("People", "num", 3), Column("Days", "num", 4), Column("Messages", "num", 2),
        Column("Tokens", "num", 1), Column("Cost*", "num"),
    )  # fmt: skip
    people = document["people"]["counted"]
    foot = (Cell("All"), Cell(count(people), people, "num"), Cell("", "", "num"), *_measures(document["totals"]))
    return Table(key, title, columns, lines, foot if lines else ())


def _link(row: Mapping[str, Any], by: str) -> str:
    key = row[_KEYS[by]]
    return key if by == "pr" and isinstance(key, str) and key.startswith("https://") else ""


def _measures(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    cost = money(row["cost_usd"])
    if row["unpriced_messages"]:
        cost = cost._replace(title=f"{plural(row['unpriced_messages'], 'message')} without a price")
    return (
        Cell(count(row["messages"]), row["messages"], "num"),
        Cell(tokens(row["tokens"]), row["tokens"], "num", title=f"{count(row['tokens'])} tokens"),
        cost,
    )


def spend_bars(document: Mapping[str, Any], by: str, title: str) -> FigureBlock | None:
    """The largest rows as bars, with all of them in the table beside."""
    rows = document["rows"]
    if not rows:
        return None
    most = max((row["cost_usd"] or 0 for row in rows), default=0) or 1
    whole = document["totals"]["cost_usd"] or 0
    bars = tuple(
        Bar(
            name_of(row, by), 100 * max(0, row["cost_usd"] or 0) / most, usd(row["cost_usd"]),
            percent((row["cost_usd"] or 0) / whole) if whole else UNKNOWN, 0 if not row["others"] else 9, "",
        )
        for row in rows[:MOST_BARS]
    )  # fmt: skip
    rest = f"The {MOST_BARS} largest of {len(rows)}." if len(rows) > MOST_BARS else ""
    return FigureBlock(Figure(f"bars-{by}", title, rest, Bars(bars), _table(f"t-bars-{by}", document, by, title)))


def spend_days(document: Mapping[str, Any]) -> FigureBlock | None:
    """Cost by day. Sums of a whole week are in the table only."""
    known = {row["period"]: row["cost_usd"] for row in document["rows"] if row["period"] is not None}
    if not known:
        return None
    first, last = (date.fromisoformat(document["range"][end]) for end in ("since", "until"))
    first = max(first, date.fromisoformat(min(known)))
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    labels = tuple(day_month(day) for day in days)
    series = (Series("Cost", 0, tuple(known.get(day.isoformat()) for day in days)),)
    chart = StackChart(labels, series, "$", is_small=True, whole=tuple(day.isoformat() for day in days))
    return FigureBlock(
        Figure("days", "Cost by day (UTC)", "", chart, _table("t-days", document, "day", "Cost by day (UTC)"))
    )


def summary(document: Mapping[str, Any]) -> str:
    """The first sentence of the team's page."""
    totals, before, people = document["totals"], document["before"], document["people"]
    text = f"{usd(totals['cost_usd'])} by {plural(people['counted'], 'person', 'people')}"
    if before["cost_usd"] and totals["cost_usd"] is not None:
        text += f", {change_words(totals['cost_usd'] / before['cost_usd'] - 1)} than in the time before"
    return text + "."


def remarks(document: Mapping[str, Any]) -> list[str]:
    """Coverage, and what the numbers leave out."""
    coverage = document["coverage"]
    found = [f"{coverage['heard']} of {plural(coverage['machines'], 'machine')} sent something in the last two days."]
    found += [
        f"{safe(one['machine'])} of {safe(one['person'])} was last heard {'on ' + one['heard_on'] if one['heard_on'] else 'never'}."
        for one in coverage["behind"]
    ]
    found += hidden_sentences(document["hidden"], document["people"]["least"])
    if document.get("read_only"):
        found.append("The hub's database can only be read at the moment; new usage waits on the machines.")
    return found


def limits_table(document: Mapping[str, Any]) -> TableBlock:
    """Limits of everyone who shares them, the nearest first."""
    rows = document["rows"]
    lines = tuple(
        Line(
            f"{row['account']}-{row['limit']}",
            (
                Cell(", ".join(map(safe, row["people"]))),
                Cell(safe(row["label"] or row["limit"]), row["limit"]),
                Cell(UNKNOWN if row["percent"] is None else percent(row["percent"] / 100), row["percent"], "num"),
                Cell(_reset(row["resets_at"]), row["resets_at"] or "", "when"),
                Cell(chance_cell(row["chance"]), row["chance"], "num"),
                Cell(ends_cell(row["ends_at_percent"]), (row["ends_at_percent"] or {}).get("value"), "num"),
                Cell(safe(row["plan"] or UNKNOWN)),
                Cell(f"{duration(row['age_seconds'])} ago", row["observed_at"], "when"),
                Cell(safe(SOURCE_WORDS.get(row["source"], row["source"]))),
            ),
        )
        for row in rows
    )
    columns = (
        Column("People"), Column("Limit"), Column("Used", "num"), Column("Resets (UTC)", "when", 2), Column("Chance", "num"),
        Column("At reset", "num", 3), Column("Plan", drop=4), Column("Read", "when", 1), Column("Source", drop=5),
    )  # fmt: skip
    near = [row for row in rows if row["percent"] is not None and row["percent"] >= 80]
    title = f"{plural(len(near), 'limit')} at 80 % or more" if near else "Everyone has room" if rows else "Limits"
    known = sum(row["percent"] is not None for row in rows)
    if rows and not known:
        title = "No current reading"
    hidden = document["hidden"]
    number = hidden["people"] if hidden else 0
    aside = f"{plural(number, 'member')} {'does' if number == 1 else 'do'} not share theirs with you." if hidden else ""
    if any(row["chance"] is not None for row in rows):
        aside = f"{aside} {TEAM_FORECAST}".strip()
    empty = "No member shares limits with you yet. Each decides: `tachograph team allow limits team`."
    return TableBlock(title, aside, Table("team-limits", "Limits of the team", columns, lines, empty=empty))


def _reset(text: str | None) -> str:
    return UNKNOWN if text is None else f"{text[5:10]} {text[11:16]}"


def members_table(document: Mapping[str, Any]) -> TableBlock:
    """Members with their roles and machines."""
    lines = tuple(
        Line(
            row["person"],
            (
                Cell(safe(row["person"])), Cell(row["role"], kind="word"), Cell(row["joined_on"] or UNKNOWN, kind="when"),
                Cell(row["left_on"] or "", kind="when"), Cell(_SEEN_BY[row["shows_spend_to"]], row["shows_spend_to"]),
                Cell(_SEEN_BY[row["shows_limits_to"]], row["shows_limits_to"]), Cell(_machines(row["machines"])),
            ),
        )
        for row in document["rows"]
    )  # fmt: skip
    columns = (
        Column("Person"), Column("Role", "word"), Column("Joined", "when", 3), Column("Left", "when", 4), Column("Spend seen by", drop=1),
        Column("Limits seen by", drop=1), Column("Machines", drop=2),
    )  # fmt: skip
    present = sum(row["left_on"] is None for row in document["rows"])
    return TableBlock(
        plural(present, "member"),
        f"Rows of a person are visible to {_POLICY[document['policy']]}.",
        Table("team-members", "Members", columns, lines),
    )


def _machines(machines: Iterable[Mapping[str, Any]] | None) -> str:
    if machines is None:
        return UNKNOWN
    return ", ".join(
        f"{safe(one['name'])} ({'revoked' if one['revoked'] else one['heard_on'] or 'never heard'})" for one in machines
    )


def held_table(document: Mapping[str, Any]) -> TableBlock:
    """Everything that the hub holds of the viewer."""
    lines = [
        Line(f"kind-{kind}", (Cell(KIND_WORDS.get(kind, kind)), Cell(count(number), number, "num")))
        for kind, number in sorted(document["facts"].items())
    ]
    lines += [
        Line(
            f"machine-{one['name']}",
            (
                Cell(f"machine {safe(one['name'])}, shares {one['share']}"),
                Cell("revoked" if one["revoked"] else "active", kind="num"),
            ),
        )
        for one in document["machines"]
    ]
    if document["contested"]:
        lines.append(
            Line(
                "contested",
                (
                    Cell("messages that another member counts"),
                    Cell(count(document["contested"]), document["contested"], "num"),
                ),
            )
        )
    return TableBlock(
        "Data that the hub holds of you",
        "",
        Table("me-held", "Data of you", (Column("What"), Column("Number", "num")), tuple(lines)),
    )


def record_table(document: Mapping[str, Any]) -> TableBlock:
    """The record of views and changes that concern the viewer."""
    lines = tuple(
        Line(
            str(number), (Cell(line["on"] or UNKNOWN), Cell(safe(line["who"] or "the hub")), Cell(safe(line["action"])))
        )
        for number, line in enumerate(document["record"])
    )
    columns = (Column("Day"), Column("Who"), Column("Action"))
    return TableBlock(
        "Who looked, and what was changed", "", Table("me-record", "Record", columns, lines, empty="Nothing yet.")
    )
