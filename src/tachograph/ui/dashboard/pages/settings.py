"""*Settings*: sources and consent, sessions, accounts, notifications, data and export, prices.

Switches use the same functions as the commands; nothing here deletes data.
"""

import os
from typing import NamedTuple

from tachograph.model.limits.limits import OAUTH
from tachograph.model.usage.periods import MONTH, Span
from tachograph.queries.configuration import (
    KnownAccount,
    known_accounts,
    ledger_counts,
    notification_state,
    paired_browsers,
)
from tachograph.queries.limits.source_health import Health, health
from tachograph.queries.machines import machine_states
from tachograph.queries.usage.rows import SpendQuery
from tachograph.queries.usage.spend import spend
from tachograph.setup import source_catalog
from tachograph.text.format import count, month_name, plural, safe, size
from tachograph.text.machines import exchange_words, machine_words
from tachograph.text.outcomes import outcome_words
from tachograph.ui.dashboard.figures import Figure, Series, StackChart, TableBlock
from tachograph.ui.dashboard.page import Block, Page, View
from tachograph.ui.dashboard.tables import (
    SPEND_COLUMNS,
    Cell,
    Column,
    Line,
    Table,
    ago,
    display,
    moment,
    spend_cells,
)

_EXPORTS = ("messages", "sessions", "readings", "windows")
_FORMATS = (("csv", "CSV"), ("jsonl", "JSON Lines"), ("parquet", "Parquet"))
_MAX_MONTHS, _MAX_NOTIFICATIONS = 60, 50


class SourceRow(NamedTuple):
    """A source of readings."""

    source: source_catalog.Source
    is_on: bool
    may_switch: bool
    status: str


class SourcesBlock(NamedTuple):
    """Values of settings_sources.html."""

    sources: tuple[SourceRow, ...]


def sources(view: View) -> SourcesBlock:
    """Every source with its last answer."""
    snapshot = view.snapshot
    answers = health(snapshot.db, snapshot.now)
    rows = []
    for source in source_catalog.SOURCES:
        is_on = source_catalog.is_on(snapshot.ledger, source)
        may_switch = source.kind == source_catalog.ON_CONSENT and (is_on or source.name == OAUTH)
        rows.append(SourceRow(source, is_on, may_switch, _status(answers.get(source.name), source.name, snapshot.now)))
    return SourcesBlock(tuple(rows))


def _status(found: Health | None, name: str, now: int) -> str:
    words = "no reading yet"
    if found is not None and found.answered_at is not None:
        words = f"last reading {ago(found.answered_at, now)}, {plural(found.times, 'reading')} in the last day"
    if found is not None and found.outcome not in (None, "ok"):
        words += f"; last problem: {outcome_words(found.outcome or '', name)}"
    return words


class BrowserSession(NamedTuple):
    """A signed-in browser."""

    id: str
    browser: str
    opened: str
    seen: str
    is_this: bool


class SessionsBlock(NamedTuple):
    """Values of settings_sessions.html."""

    sessions: tuple[BrowserSession, ...]


def browser_sessions(view: View) -> SessionsBlock:
    """Every browser that may look at the dashboard now."""
    return SessionsBlock(
        tuple(
            BrowserSession(
                one.id,
                display(one.browser, "A browser"),
                ago(one.opened_ms, view.now),
                ago(one.seen_ms, view.now),
                one.id == view.session,
            )
            for one in view.sessions
        )
    )


class MachineRow(NamedTuple):
    """A machine of the person."""

    name: str
    is_this: bool
    is_revoked: bool
    words: str


class MachinesBlock(NamedTuple):
    """Values of settings_machines.html."""

    machines: tuple[MachineRow, ...]
    state: str


def machines(view: View) -> MachinesBlock | None:
    """The machines that exchange what they know; None for a machine alone."""
    found = machine_states(view.snapshot.db)
    if found is None:
        return None
    rows = (
        MachineRow(safe(one.name), one.is_this, one.is_revoked, machine_words(one, view.now)) for one in found.machines
    )
    return MachinesBlock(tuple(rows), exchange_words(found, view.now))


class PairedBrowserRow(NamedTuple):
    """A browser with the extension."""

    name: str
    paired: str
    seen: str


class AccountsBlock(NamedTuple):
    """Values of settings_accounts.html. `is_auto`: the account in use comes first."""

    accounts: tuple[KnownAccount, ...]
    browsers: tuple[PairedBrowserRow, ...]
    is_auto: bool


def accounts(view: View) -> AccountsBlock:
    """Accounts and paired browsers."""
    known = tuple(
        one._replace(name=display(one.name, "without a name"), label=safe(one.label), plan=safe(one.plan))
        for one in known_accounts(view.snapshot.db)
    )
    browsers = tuple(
        PairedBrowserRow(
            display(one.name, "A browser"),
            moment(one.paired_at, view.calendar, view.now).text,
            ago(one.seen_at, view.now) if one.seen_at else "never",
        )
        for one in paired_browsers(view.snapshot.db)
    )
    return AccountsBlock(known, browsers, not any(one.is_primary for one in known))


class NotificationsBlock(NamedTuple):
    """Values of settings_notifications.html."""

    is_on: bool
    active: int
    thresholds: str
    table: Table


def notifications(view: View) -> NotificationsBlock:
    """The switch, and the notifications of the last 30 days."""
    snapshot = view.snapshot
    state = notification_state(snapshot.db, snapshot.now)
    lines = tuple(
        Line(
            str(place),
            (
                moment(one.at, view.calendar, view.now),
                Cell(display(one.text)),
                Cell("dismissed" if one.is_dismissed else ""),
            ),
        )
        for place, one in enumerate(state.sent[:_MAX_NOTIFICATIONS])
    )
    columns = (Column("When"), Column("Text"), Column(""))
    thresholds = ", ".join(f"{value:g} %" for value in snapshot.settings.notifications.thresholds)
    table = Table("alarms", "Notifications of the last 30 days", columns, lines, empty="No notification yet.")
    return NotificationsBlock(state.is_on, state.active, thresholds, table)


class PricesBlock(NamedTuple):
    """Values of settings_prices.html."""

    block: TableBlock
    problems: tuple[str, ...]


def prices(view: View) -> PricesBlock:
    """The price book."""
    lines = []
    for entry in view.snapshot.book.entries():
        names, price = ", ".join(entry.names[:3]), entry.prices
        amounts = (price.input, price.output, price.cache_write_5m, price.cache_write_1h, price.cache_read)
        cells = (
            Cell(safe(names), title=safe(", ".join(entry.names))),
            Cell(entry.since or "always"),
            *(Cell(f"{value:g}", value, "num") for value in amounts),
            Cell("settings.toml" if entry.is_override else "Tachograph"),
        )
        lines.append(Line(f"{names}-{entry.since}", cells))
    columns = (
        Column("Model"),
        Column("From", drop=2),
        Column("Input", "num"),
        Column("Output", "num"),
        Column("Write 5 min", "num", 3),
        Column("Write 1 h", "num", 4),
        Column("Cache read", "num", 1),
        Column("Source", drop=5),
    )
    summary = "Costs are computed with these. Put your own prices into settings.toml."
    table = Table("prices", "The price book", columns, tuple(lines))
    block = TableBlock("Prices, USD per million tokens", summary, table)
    return PricesBlock(block, tuple(view.snapshot.price_problems))


class DataBlock(NamedTuple):
    """Values of settings_data.html; `figure` None for an empty ledger."""

    folder: str
    settings: str
    settings_problems: tuple[str, ...]
    zone: str
    files: tuple[tuple[str, str], ...]
    counts: tuple[tuple[str, str], ...]
    exports: tuple[str, ...]
    formats: tuple[tuple[str, str], ...]
    figure: Figure | None


def data(view: View) -> DataBlock:
    """Locations, counts, exports, and messages by month."""
    snapshot = view.snapshot
    return DataBlock(
        safe(snapshot.paths.data),
        safe(snapshot.paths.settings),
        tuple(snapshot.settings.problems),
        view.calendar.zone_name,
        _files(snapshot.paths.data),
        tuple((name, count(n)) for name, n in ledger_counts(snapshot.db).items()),
        _EXPORTS,
        _FORMATS,
        _messages_by_month(view),
    )


def _files(folder: str) -> tuple[tuple[str, str], ...]:
    found = []
    for name in ("ledger.sqlite3", "ledger.sqlite3-wal"):
        try:
            found.append((name, size(os.stat(os.path.join(folder, name)).st_size)))
        except OSError:
            continue
    return tuple(found)


def _messages_by_month(view: View) -> Figure | None:
    snapshot = view.snapshot
    report = spend(snapshot.db, snapshot.book, snapshot.calendar, SpendQuery(MONTH, Span(None, None)))
    rows = [row for row in report.rows if row.key.period is not None][-_MAX_MONTHS:]
    if not rows:
        return None
    labels = tuple(f"{month_name(int(row.key.period[5:7]))} {row.key.period[:4]}" for row in rows)
    lines = tuple(
        Line(row.key.period, (Cell(label, row.key.period), *spend_cells(row.spend)))
        for row, label in zip(rows, labels, strict=True)
    )
    series = (Series("Messages", 0, tuple(row.spend.tokens.messages for row in rows)),)
    foot = (Cell("All"), *spend_cells(report.totals))
    return Figure(
        "held",
        f"The ledger holds {plural(report.totals.tokens.messages, 'message')}",
        f"Messages by month, {plural(len(rows), 'month')}. They stay when Claude Code deletes its transcripts.",
        StackChart(labels, series, "", is_small=True),
        Table("t-held", "Messages by month", (Column("Month"), *SPEND_COLUMNS), lines, foot),
    )


PAGE = Page(
    "settings",
    "/settings",
    "Settings",
    (
        Block("sources", "settings_sources.html", sources),
        Block("browser-sessions", "settings_sessions.html", browser_sessions),
        Block("machines", "settings_machines.html", machines),
        Block("accounts", "settings_accounts.html", accounts),
        Block("alarms", "settings_notifications.html", notifications),
        Block("data", "settings_data.html", data),
        Block("prices", "settings_prices.html", prices),
    ),
    finds="",
)
