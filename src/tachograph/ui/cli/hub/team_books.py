"""`tachograph team books`: Anthropic's own reports beside the logs, as tables."""

from __future__ import annotations

from typing import Any

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.text.format import UNKNOWN, count, plural, safe, tokens, usd
from tachograph.text.table import Column, lines
from tachograph.ui.cli.context import Context

if TYPE_CHECKING:
    import argparse

_KEYS = {"day": "period", "person": "person", "model": "model"}
_HEADINGS = {"day": "Day (UTC)", "person": "Person", "model": "Model"}


def books_table(document: dict[str, Any], key: str) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows for CSV."""
    headings = [key, "others", "people", "books_tokens", "books_cost_usd", "logs_tokens", "logs_cost_usd", "billed_usd"]
    return headings, [
        [
            row[key], row["others"], _value(row, "books", "people"), _value(row, "books", "tokens"),
            _value(row, "books", "cost_usd"), _value(row, "logs", "tokens"), _value(row, "logs", "cost_usd"), row["billed_usd"],
        ]
        for row in document["rows"]
    ]  # fmt: skip


def print_books(arguments: argparse.Namespace, document: dict[str, Any], context: Context) -> None:
    """Print the table, what each source counts and cannot see, and the state of reading."""
    read, hidden = document["read"], document["hidden"]
    if read["at"] is None and not read["days"]:
        context.out.write(
            "No reports of Anthropic were read yet. On the hub: tachograph hub serve --admin-key FILE\n"
            + (f"Reading failed: {safe(read['problem'])}.\n" if read["problem"] else "")
        )
        return
    key, rows = _KEYS[arguments.by], [*document["rows"], document["totals"]]
    names = [
        safe(str(row[key])) if row[key] is not None else "others" if row["others"] else UNKNOWN
        for row in document["rows"]
    ]
    columns = [
        Column(_HEADINGS[arguments.by], [*names, "Total"], right=False, least=10),
        Column("People", [_count(_value(row, "books", "people")) for row in rows], drop=1),
        Column("Logs, tokens", [_tokens(_value(row, "logs", "tokens")) for row in rows], drop=3),
        Column("Anthropic, tokens", [_tokens(_value(row, "books", "tokens")) for row in rows], drop=2),
        Column("Logs", [usd(_value(row, "logs", "cost_usd")) for row in rows]),
        Column("Anthropic", [usd(_value(row, "books", "cost_usd")) for row in rows]),
    ]
    if arguments.by == "day":
        columns.append(Column("Billed", [usd(row["billed_usd"]) for row in rows]))
    for line in lines(columns, context.columns, context.style, footer=True):
        context.out.write(line + "\n")
    context.out.write("\n")
    for source in document["sources"]:
        context.out.write(f"{source['name']}: {source['counts']}. Not in it: {source['cannot_see']}.\n")
    context.out.write(f"\n{plural(read['days'], 'day')} read, up to {read['last_day'] or UNKNOWN}.\n")
    if read["problem"]:
        context.out.write(f"The last attempt failed: {safe(read['problem'])}.\n")
    if read["refused_rows"]:
        context.out.write(f"{plural(read['refused_rows'], 'row')} of the reports could not be understood.\n")
    if hidden:
        context.out.write(
            f"Anthropic's numbers of {plural(hidden['days'], 'day')} leave people out: {hidden['reason']}.\n"
        )


def _value(row: dict[str, Any], source: str, name: str) -> Any:
    return None if row[source] is None else row[source].get(name)


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else count(value)


def _tokens(value: int | None) -> str:
    return UNKNOWN if value is None else tokens(value)
