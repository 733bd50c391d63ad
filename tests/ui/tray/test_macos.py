"""The menu bar's shell against fakes of AppKit that are held to its metadata: every call and its order."""

from collections.abc import Callable
from types import ModuleType

from appkit_fakes import CALLS, FakeMenu, Item, MenuItem, StatusBar, Timer
from appkit_fakes import shell as shell
from tachograph.ui.tray.platform import TrayCallbacks
from tachograph.ui.tray.view import Menu, Row
from tray_menus import account, limit, menu, usual


class Desk:
    """Somebody at a Mac: what there is to show, what was chosen, what was noted."""

    def __init__(self, first: Menu) -> None:
        self.menu, self.acted, self.notes = first, list[str](), list[str]()
        self.engine = TrayCallbacks(lambda: self.menu, self.act, self.notes.append, self.notes.append)

    def act(self, action: str) -> bool:
        self.acted.append(action)
        return action != "quit"

    @property
    def item(self) -> Item:
        return StatusBar.bar.items[0]

    @property
    def shown(self) -> FakeMenu:
        assert self.item.menu is not None
        return self.item.menu

    def tick(self) -> None:
        ((_, target, selector, _),) = Timer.made
        getattr(target, selector.replace(":", "_"))(None)

    def row(self, start: str, menu: FakeMenu | None = None) -> MenuItem:
        for item in (menu or self.shown).items:
            if item.title.startswith(start):
                return item
            if item.submenu is not None:
                try:
                    return self.row(start, item.submenu)
                except LookupError:
                    pass
        raise LookupError(start)

    def choose(self, start: str) -> None:
        item = self.row(start)
        assert item.enabled
        getattr(item.target, item.action.replace(":", "_"))(item)


def started(shell: ModuleType, first: Menu) -> Desk:
    desk = Desk(first)
    run: Callable[[TrayCallbacks], int] = shell.run
    assert run(desk.engine) == 0
    return desk


def test_it_starts_as_an_accessory_with_a_timer_that_runs_under_an_open_menu(shell: ModuleType) -> None:
    desk = started(shell, menu(usual()))
    order = [call for call in CALLS if call in ("accessory", "removeAllItems", "setMenu", "addTimer common", "run")]
    assert order == ["accessory", "removeAllItems", "setMenu", "addTimer common", "run"]
    assert Timer.made[0][0] == 1.0 and Timer.made[0][3] is True
    assert desk.notes == ["It is shown."]
    assert desk.shown.delegate is not None


def test_the_title_has_a_background_behind_each_pressing_number(shell: ModuleType) -> None:
    desk = started(shell, menu(usual(100, 91)))
    pieces = dict(desk.item.made.title.pieces)
    assert pieces["100% ■"]["background"] == (215 / 255, 58 / 255, 73 / 255, 1.0)
    assert pieces["91% ▲"]["background"] == (219 / 255, 118 / 255, 32 / 255, 1.0)
    assert "background" not in pieces["5h "]
    assert desk.item.made.tip == menu(usual(100, 91)).tooltip


def test_rows_have_the_shape_of_the_menu(shell: ModuleType) -> None:
    wanted = menu(usual(), standing=1)
    desk = started(shell, wanted)

    def same(rows: tuple[Row, ...], items: list[MenuItem]) -> None:
        assert len(rows) == len(items)
        for row, item in zip(rows, items, strict=True):
            assert item.is_line == (not row.text)
            if row.text:
                assert item.title == row.text
                assert item.enabled == bool(row.action or row.children)
                assert item.state == (None if row.checked is None else int(row.checked))
            if row.children:
                assert item.submenu is not None
                same(row.children, item.submenu.items)

    same(wanted.rows, desk.shown.items)


def test_the_same_again_is_no_call_at_all(shell: ModuleType) -> None:
    desk = started(shell, menu(usual()))
    CALLS.clear()
    for _ in range(60):
        desk.menu = menu(usual())
        desk.tick()
    assert CALLS == []


def test_an_open_menu_is_relabelled_in_place_and_rebuilt_after_it_closes(shell: ModuleType) -> None:
    desk = started(shell, menu(usual(40, 12)))
    delegate, item = desk.shown.delegate, desk.row("5-hour")
    delegate.menuWillOpen_(desk.shown)
    CALLS.clear()
    for n in range(20):
        desk.menu = menu(usual(41 + n, 12))
        desk.tick()
    assert desk.row("5-hour   60 %") is item
    assert "removeAllItems" not in CALLS
    desk.menu = menu(usual(60, 12), account(limit("five_hour", 3), label="b@example.org", id=2))
    desk.tick()
    assert "removeAllItems" not in CALLS
    delegate.menuDidClose_(desk.shown)
    assert CALLS.count("removeAllItems") == 1
    assert desk.row("b@example.org").submenu is not None


def test_what_is_chosen_is_done_and_quit_takes_the_item_away(shell: ModuleType) -> None:
    desk = started(shell, menu(usual()))
    desk.choose("Compact")
    desk.choose("Refresh now")
    desk.choose("Open claude.ai")
    desk.choose("Quit")
    assert desk.acted == ["style:compact", "refresh", "open", "quit"]
    assert CALLS[-2:] == ["removeStatusItem", "terminate"]
    assert StatusBar.bar.items == []
