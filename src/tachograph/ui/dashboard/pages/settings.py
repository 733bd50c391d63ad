"""*Settings*: what is read, from whom, with whose leave; accounts, alarms, prices; where everything is and how to carry it
away. What can be switched here is switched by the same functions as the commands use; nothing here deletes anything."""

import os
from collections.abc import Mapping
from typing import Any

from tachograph.ledger.limits import accounts, notifications, pairings
from tachograph.ledger.storage.preferences import get_preference
from tachograph.ledger.usage.files import row_counts
from tachograph.model.limits.limits import OAUTH
from tachograph.model.usage.periods import MONTH, Span
from tachograph.queries.limits.current import LEADS
from tachograph.queries.limits.source_health import health
from tachograph.queries.tray_state import ALARMS
from tachograph.queries.usage.rows import SpendQuery
from tachograph.queries.usage.spend import spend
from tachograph.setup import source_catalog
from tachograph.text.format import MONTHS, count, plural, safe, size
from tachograph.text.outcomes import outcome_words
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.tables import Cell, Column, Line, Table, ago, as_json, moment, named, spend_cells

EXPORTS = ("messages", "sessions", "readings", "windows")
FORMATS = (("csv", "CSV"), ("jsonl", "JSON Lines"), ("parquet", "Parquet"))


def _sources(view: View) -> Mapping[str, Any]:
    look = view.look
    heard = health(look.db, look.now)
    made = []
    for source in source_catalog.SOURCES:
        found = heard.get(source.name)
        on = source_catalog.is_on(look.ledger, source)
        if found is None or found.answered_at is None:
            said = "never heard"
        else:
            said = f"heard {ago(found.answered_at, look.now)}, {plural(found.times, 'time')} in the last day"
        if found is not None and found.outcome not in (None, "ok"):
            said += f"; last: {outcome_words(found.outcome or '', source.name)}"
        made.append(
            {
                "name": source.name,
                "title": source.title,
                "may_switch": source.kind == source_catalog.ON_CONSENT and (on or source.name == OAUTH),
                "on": on,
                "state": "on" if on else "off",
                "said": said,
                "source": source,
            }
        )
    return {"sources": made}


def _accounts(view: View) -> Mapping[str, Any]:
    look = view.look
    leads = get_preference(look.db, LEADS)
    known = [
        {
            "id": account.id,
            "name": named(account.name, "without a name"),
            "label": account.label if account.given else "",
            "given": account.given,
            "plan": safe(account.plan),
            "hidden": account.hidden_at is not None,
            "leads": leads == str(account.id),
        }
        for account in accounts.accounts(look.db)
    ]
    browsers = [
        {
            "name": named(one.browser, "A browser"),
            "paired": moment(one.paired_at, view.calendar, view.now).text,
            "seen": ago(one.seen_at, view.now) if one.seen_at else "never",
        }
        for one in pairings.pairings(look.db)
    ]
    return {"browsers": browsers, "accounts": known, "is_auto": leads not in {str(account["id"]) for account in known}}


def _alarms(view: View) -> Mapping[str, Any]:
    look = view.look
    settings = look.settings.notifications
    raised = notifications.raised(look.db, look.now - 30 * 86_400_000)
    lines = tuple(
        Line(
            str(place),
            (
                moment(one.at, view.calendar, view.now),
                Cell(named(one.text)),
                Cell("dismissed" if one.dismissed_at is not None else ""),
            ),
        )
        for place, one in enumerate(raised[:50])
    )
    return {
        "on": get_preference(look.db, ALARMS, "on") == "on",
        "standing": notifications.standing(look.db, look.now),
        "thresholds": ", ".join(f"{value:g} %" for value in settings.thresholds),
        "table": Table("alarms", "Notices that were given", (Column("When"), Column("Said"), Column("")), lines, empty="No notice was given yet."),
    }  # fmt: skip


def _prices(view: View) -> Mapping[str, Any]:
    look = view.look
    lines = []
    for entry in look.book.entries():
        names = ", ".join(entry.names[:3])
        price = entry.prices
        cells = (
            Cell(safe(names), title=safe(", ".join(entry.names))),
            Cell(entry.since or "always"),
            *(
                Cell(f"{value:g}", value, "num")
                for value in (price.input, price.output, price.cache_write_5m, price.cache_write_1h, price.cache_read)
            ),
            Cell("yours" if entry.is_override else "ours"),
        )
        lines.append(Line(f"{names}-{entry.since}", cells))
    columns = (Column("Model"), Column("From", drop=2), Column("Input", "num"), Column("Output", "num"), Column("Write 5 min", "num", 3), Column("Write 1 h", "num", 4), Column("Cache read", "num", 1), Column("Whose", drop=5))  # fmt: skip
    return {
        "title": "Prices, USD for a million tokens",
        "summary": "What costs are worked out with. Your own prices stand in settings.toml.",
        "table": Table("prices", "The price book", columns, tuple(lines)),
        "problems": look.price_problems,
    }


def _data(view: View) -> Mapping[str, Any]:
    look = view.look
    months = spend(look.db, look.book, look.calendar, SpendQuery(MONTH, Span(None, None)))
    rows = [row for row in months.rows if row.key.period is not None][-60:]
    labels = [f"{MONTHS[int(row.key.period[5:7]) - 1]} {row.key.period[:4]}" for row in rows]
    files = []
    for name in ("ledger.sqlite3", "ledger.sqlite3-wal"):
        try:
            files.append((name, size(os.stat(os.path.join(look.paths.data, name)).st_size)))
        except OSError:
            continue
    lines = tuple(
        Line(row.key.period, (Cell(label, row.key.period), *spend_cells(row.spend)))
        for row, label in zip(rows, labels, strict=True)
    )
    return {
        "folder": safe(look.paths.data),
        "has_messages": bool(rows),
        "settings": safe(look.paths.settings),
        "settings_problems": look.settings.problems,
        "zone": view.calendar.zone_name,
        "files": files,
        "counts": [(name, count(n)) for name, n in row_counts(look.db).items()],
        "exports": EXPORTS,
        "formats": FORMATS,
        "figure": {
            "key": "held",
            "title": f"The ledger holds {plural(months.totals.tokens.messages, 'message')}",
            "summary": f"Messages by month, {plural(len(rows), 'month')}. They stay when Claude Code deletes its transcripts.",
            "chart": as_json({"kind": "stack", "labels": labels, "series": [{"label": "Messages", "colour": 0, "values": [row.spend.tokens.messages for row in rows]}], "unit": "", "small": True}),
            "table": Table("t-held", "Messages by month", (Column("Month"), Column("Messages", "num"), Column("Tokens", "num"), Column("Cost*", "num")), lines, (Cell("All"), *spend_cells(months.totals))),
        },
    }  # fmt: skip


PAGE = Page(
    "settings",
    "/settings",
    "Settings",
    (
        Block("sources", "settings_sources.html", _sources),
        Block("accounts", "settings_accounts.html", _accounts),
        Block("alarms", "settings_alarms.html", _alarms),
        Block("data", "settings_data.html", _data),
        Block("prices", "settings_prices.html", _prices),
    ),
    finds="",
)
