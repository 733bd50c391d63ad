"""`tachograph prices`: the book that costs are worked out with, as a table or JSON."""

from __future__ import annotations

import os

from tachograph.errors import NotFound, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.model_names import plain_model_name
from tachograph.model.usage.prices import Entry, Prices, load
from tachograph.paths import Paths, own_paths
from tachograph.settings import load as load_settings
from tachograph.settings import updated_prices
from tachograph.text.format import safe
from tachograph.text.table import Column, lines
from tachograph.ui.cli.context import Context
from tachograph.ui.documents.report_footer import wrapped

if TYPE_CHECKING:
    import argparse

_CLASSES = ("Input", "Output", "Write 5m", "Write 1h", "Read")


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("model", nargs="?", help="only models with this in their name; `update` installs a data file")
    parser.add_argument("file", nargs="?", help="with update: a signed data file with newer prices")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace, context: Context) -> int:
    paths = own_paths(context.env)
    if arguments.model == "update" or arguments.file is not None:
        return _update(arguments, paths, context)
    settings = load_settings(paths.settings)
    book, problems = load(settings.prices, updated_prices(paths.settings))
    for problem in (*settings.problems, *(f"{paths.settings}: {problem}" for problem in problems)):
        context.say(f"tachograph: {problem}")
    wanted = (arguments.model or "").lower()
    shown = [e for e in book.entries() if any(wanted in name or plain_model_name(wanted) == name for name in e.names)]
    if not shown:
        raise NotFound(
            f"No model with {arguments.model!r} in its name has a price.",
            f'Give it one in {paths.settings}: [prices."{arguments.model}"], with input, output, cache_write_5m …',
        )
    if arguments.json:
        from tachograph.ui.cli.reports import print_json

        print_json(
            {"format": 1, "report": "prices", "compiled": book.compiled, "rows": [_document(e) for e in shown]}, context
        )
        return 0
    for line in lines(_columns(shown), context.columns, context.style, footer=False):
        print(line, file=context.out)
    print(file=context.out)
    said = [
        "USD per million tokens; web searches $10 per thousand.",
        "A long prompt moves the whole request to its row.",
    ]
    said += [f"Checked {book.compiled}.", f"Set your own prices in {paths.settings}."]
    for line in wrapped(said, context.columns):
        print(line, file=context.out)
    return 0


def _update(arguments: argparse.Namespace, paths: Paths, context: Context) -> int:
    if arguments.model != "update" or arguments.file is None:
        raise UsageError("A data file is installed with: tachograph prices update FILE.")
    from tachograph.setup import data_update

    before = data_update.installed(paths.data_update)
    update = data_update.read(os.path.abspath(arguments.file), before.serial if before else 0)
    update, problems = data_update.without_unusable_rows(update)
    data_update.install(paths.data_update, update)
    for problem in problems:
        context.say(f"tachograph: {problem}")
    print(
        f"Installed the data of {update.created} (serial {update.serial}): {', '.join(update.tables)}.",
        file=context.out,
    )
    print(f"Undo: delete {paths.data_update}", file=context.out)
    return 0


def _columns(entries: list[Entry]) -> list[Column]:
    rows: list[tuple[str, str, Prices, str]] = []
    for entry in entries:
        name = safe(entry.names[0]) + (" (yours)" if entry.is_override else "")
        factors = [f"{word} ×{factor:g}" for word, factor in (("fast", entry.fast), ("us", entry.us_geo)) if factor]
        rows.append((name, entry.since or "", entry.prices, "  ".join(factors)))
        if entry.above is not None:
            rows.append((f"  prompts above {(entry.above_tokens or 0) // 1000} k", "", entry.above, ""))
    columns = [
        Column("Model", [row[0] for row in rows], right=False),
        Column("From", [row[1] for row in rows], right=False, drop=1 if not any(row[1] for row in rows) else 0),
    ]
    columns += [Column(name, [_price(row[2][n]) for row in rows]) for n, name in enumerate(_CLASSES)]
    return [*columns, Column("Factors", [row[3] for row in rows], right=False, drop=2)]


def _price(usd: float) -> str:
    return f"{usd:.2f}" if round(usd, 2) == usd else f"{usd:g}"


def _document(entry: Entry) -> dict[str, object]:
    made = entry._asdict()
    made["prices"] = entry.prices._asdict()
    made["above"] = entry.above._asdict() if entry.above is not None else None
    return made
