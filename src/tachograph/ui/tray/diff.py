"""Updates from one menu to the next: as few as possible, and never a rebuild under an open menu.

An open menu keeps its rows: their text changes in place; a different set of rows appears after the menu closes.
Nothing is sent for the rows of a closed menu until it opens.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tachograph.ui.tray.view import Menu, Row


class MenuChange(NamedTuple):
    """Updates to send: repaint title, icon or tooltip; relabel rows in place; or rebuild the whole menu."""

    title: bool = False
    icon: bool = False
    tooltip: bool = False
    rows: tuple[Row, ...] = ()
    rebuild: bool = False


NOTHING = MenuChange()


def diff(old: Menu, new: Menu) -> MenuChange:
    """Compute the change from one menu to another."""
    if old is new or old == new:
        return NOTHING
    rebuild = shape(old.rows) != shape(new.rows)
    before = {row.key: _without_children(row) for row in walk(old.rows)}
    changed = tuple(
        row for row in walk(new.rows) if before.get(row.key, _without_children(row)) != _without_children(row)
    )
    return MenuChange(
        old.title != new.title,
        old.icon != new.icon,
        old.tooltip != new.tooltip,
        changed,
        rebuild,
    )


def shape(rows: Iterable[Row]) -> tuple[object, ...]:
    """The set of rows and their nesting, which cannot change in place."""
    return tuple((row.key, row.checked is not None, row.is_radio, shape(row.children)) for row in rows)


def walk(rows: Iterable[Row]) -> Iterable[Row]:
    """All rows, whatever they are nested in."""
    for row in rows:
        yield row
        yield from walk(row.children)


def _without_children(row: Row) -> Row:
    return row._replace(children=())


class MenuSync:
    """The menu as the desktop knows it, and the updates that wait for it to open or close."""

    def __init__(self, menu: Menu) -> None:
        self._wanted = menu  # the newest
        self._sent = menu  # what the desktop was told
        self._layout = menu.rows  # what it may ask for: of the shape that it was told
        self.is_open = False

    @property
    def menu(self) -> Menu:
        """The newest menu, in the rows that the desktop knows."""
        return self._wanted._replace(rows=self._layout)

    def update(self, menu: Menu) -> MenuChange:
        """Take a new menu; returns the change to send now."""
        if menu is self._wanted or (menu == self._wanted and menu == self._sent):
            return NOTHING
        self._wanted = menu
        change = diff(self._sent, menu)
        if self.is_open:
            self._layout = _update_labels(self._layout, menu.rows)
            # a tooltip is not seen beside an open menu
            self._sent = menu._replace(tooltip=self._sent.tooltip, rows=self._layout)
            return change._replace(tooltip=False, rebuild=False)
        self._layout = menu.rows
        self._sent = menu if change.rebuild else menu._replace(rows=self._sent.rows)
        return change._replace(rows=())

    def on_open(self) -> MenuChange:
        """The menu opens: what its rows say by now."""
        self.is_open = True
        change = diff(self._sent, self.menu)
        self._sent = self._sent._replace(rows=self._layout)
        return MenuChange(rows=change.rows)

    def on_close(self) -> MenuChange:
        """The menu has closed: what had to wait for that."""
        if not self.is_open:
            return NOTHING
        self.is_open = False
        change = diff(self._sent, self._wanted)
        self._sent, self._layout = self._wanted, self._wanted.rows
        return change._replace(rows=())


def _update_labels(rows: tuple[Row, ...], newest: tuple[Row, ...]) -> tuple[Row, ...]:
    """The same rows with what the newest ones of the same keys say."""
    said = {row.key: row for row in walk(newest)}

    def one(row: Row) -> Row:
        fresh = said.get(row.key, row)
        if (fresh.checked is None) != (row.checked is None):
            fresh = row
        return fresh._replace(children=tuple(map(one, row.children)), is_radio=row.is_radio)

    return tuple(map(one, rows))
