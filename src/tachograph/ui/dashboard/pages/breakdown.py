"""Usage by project (or by branch of one project) as a treemap, and by model as bars."""

from tachograph.model.usage.prices import PICODOLLARS
from tachograph.queries.usage.rows import SpendReport
from tachograph.queries.usage.shares import share
from tachograph.queries.usage.spend import spend
from tachograph.text.format import UNKNOWN, percent, plural, usd
from tachograph.ui.dashboard import charts
from tachograph.ui.dashboard.figures import Bar, Bars, Figure, FiguresBlock, Tile, Treemap
from tachograph.ui.dashboard.page import View
from tachograph.ui.dashboard.pages.groups import colors_of, group_of
from tachograph.ui.dashboard.tables import SPEND_COLUMNS, Cell, Column, Line, Table, share_cell, spend_cells

_MAX_TILES = 40
_NOUNS = {"project": ("Project", "projects"), "branch": ("Branch", "branches")}


def breakdown(view: View) -> FiguresBlock:
    """Projects (branches within one project) and models."""
    snapshot = view.snapshot
    kind = "branch" if len(view.query.project) == 1 else "project"
    query = view.query.spend_query(view.calendar, view.now)
    places = spend(snapshot.db, snapshot.book, snapshot.calendar, query._replace(along=kind))
    models = spend(snapshot.db, snapshot.book, snapshot.calendar, query._replace(along="model"))
    return FiguresBlock((_treemap(view, places, kind), _model_bars(view, models)))


def _share_words(value: float | None) -> str:
    return UNKNOWN if value is None else percent(value)


def _treemap(view: View, report: SpendReport, kind: str) -> Figure:
    groups = [group_of(row, kind) for row in report.rows]
    shares = [share(row.spend, report.totals) for row in report.rows]
    boxes = charts.treemap([(row.spend.cost or 0) / PICODOLLARS for row in report.rows[:_MAX_TILES]], 100, 56)
    tiles = []
    for box in boxes:
        row, group, words = report.rows[box.place], groups[box.place], _share_words(shares[box.place])
        amount = usd(row.spend.usd)
        tiles.append(Tile(box, group.label, f"{group.label}: {amount}, {words}", amount, words, group.href(view)))
    noun, plurals = _NOUNS[kind]
    title = f"No {noun.lower()} was used" if not groups else f"{len(groups)} {plurals}"
    if tiles and boxes[0].place == 0:
        title = f"{groups[0].label} took {_share_words(shares[0])}"
    lines = tuple(
        Line(str(group), (Cell(group.label, href=group.href(view)), *spend_cells(row.spend), share_cell(part)))
        for row, group, part in zip(report.rows, groups, shares, strict=True)
    )
    return Figure(
        "where",
        title,
        f"{plural(len(groups), noun.lower(), plurals)}, {usd(report.totals.usd)} in all.",
        Treemap(tuple(tiles)),
        Table(
            "t-where",
            f"Usage of each {noun.lower()}",
            (Column(noun), *SPEND_COLUMNS, Column("Share", "num")),
            lines,
            (Cell("All"), *spend_cells(report.totals), Cell("", "", "num")),
        ),
    )


def _model_bars(view: View, report: SpendReport) -> Figure:
    groups = [group_of(row, "model") for row in report.rows]
    colors = colors_of(groups, "model")
    most = max((row.spend.cost or 0 for row in report.rows), default=0)
    bars, lines = [], []
    for row, group in zip(report.rows, groups, strict=True):
        part, href = share(row.spend, report.totals), group.href(view) if group.name else ""
        width = 100 * (row.spend.cost or 0) / most if most else 0.0
        bars.append(Bar(group.label, width, usd(row.spend.usd), _share_words(part), colors[group], href))
        cells = (Cell(group.label, row.key.model, href=href), *spend_cells(row.spend), share_cell(part))
        lines.append(Line(row.key.model, cells))
    return Figure(
        "models",
        f"{bars[0].name} took {bars[0].share}" if bars else "No model was used",
        f"{plural(len(bars), 'model')}, {usd(report.totals.usd)} in all.",
        Bars(tuple(bars)),
        Table(
            "t-models",
            "Usage of each model",
            (Column("Model"), *SPEND_COLUMNS, Column("Share", "num")),
            tuple(lines),
            (Cell("All"), *spend_cells(report.totals), Cell("", "", "num")),
        ),
    )
