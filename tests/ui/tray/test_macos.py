"""The menu bar's shell against fakes of AppKit, written from Apple's documentation: every call and its order."""

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tachograph.ui.tray.platform import TrayCallbacks
from tachograph.ui.tray.view import Menu, Row
from tray_menus import account, limit, menu, usual

CALLS: list[str] = []


class Object:
    """NSObject as PyObjC gives it: made by alloc().init…()."""

    @classmethod
    def alloc(cls) -> "Object":
        return cls.__new__(cls)

    def init(self) -> "Object":
        return self


class Application(Object):
    shared: "Application"

    @classmethod
    def sharedApplication(cls) -> "Application":
        return cls.shared

    def setActivationPolicy_(self, policy: int) -> None:
        assert policy == 1, "NSApplicationActivationPolicyAccessory"
        CALLS.append("accessory")

    def run(self) -> None:
        CALLS.append("run")

    def terminate_(self, sender: object) -> None:
        CALLS.append("terminate")


class MenuItem(Object):
    def __init__(self) -> None:
        self.title, self.enabled = "", True
        self.state: int | None = None
        self.submenu: FakeMenu | None = None
        self.target: object = None
        self.represented: Any = None
        self.action = ""
        self.is_line = False

    @classmethod
    def alloc(cls) -> "MenuItem":
        return cls()

    @classmethod
    def separatorItem(cls) -> "MenuItem":
        made = cls()
        made.is_line = True
        return made

    def initWithTitle_action_keyEquivalent_(self, title: str, action: str, key: str) -> "MenuItem":
        assert isinstance(title, str) and action == "chosen:" and key == ""
        self.title, self.action = title, action
        return self

    def setTitle_(self, title: str) -> None:
        CALLS.append(f"title {title}")
        self.title = title

    def setTarget_(self, target: object) -> None:
        self.target = target

    def setRepresentedObject_(self, what: object) -> None:
        self.represented = what

    def representedObject(self) -> object:
        return self.represented

    def setEnabled_(self, is_enabled: bool) -> None:
        assert isinstance(is_enabled, bool)
        self.enabled = is_enabled

    def setState_(self, state: int) -> None:
        assert state in (0, 1)
        self.state = state

    def setSubmenu_(self, menu: "FakeMenu") -> None:
        self.submenu = menu


class FakeMenu(Object):
    def __init__(self) -> None:
        self.items: list[MenuItem] = []
        self.delegate: Any = None
        self.autoenables = True

    @classmethod
    def alloc(cls) -> "FakeMenu":
        return cls()

    def setAutoenablesItems_(self, does: bool) -> None:
        self.autoenables = does

    def setDelegate_(self, delegate: object) -> None:
        self.delegate = delegate

    def addItem_(self, item: MenuItem) -> None:
        assert not self.autoenables, "autoenabling would undo setEnabled:"
        self.items.append(item)

    def removeAllItems(self) -> None:
        CALLS.append("removeAllItems")
        self.items = []


class Button(Object):
    title: Any = None
    tip = ""

    def setAttributedTitle_(self, title: "Attributed") -> None:
        CALLS.append("setAttributedTitle")
        self.title = title

    def setToolTip_(self, tip: str) -> None:
        CALLS.append("setToolTip")
        self.tip = tip

    def setAccessibilityLabel_(self, label: str) -> None:
        self.label = label


class Item(Object):
    def __init__(self) -> None:
        self.made = Button()
        self.menu: FakeMenu | None = None

    def button(self) -> Button:
        return self.made

    def setMenu_(self, menu: FakeMenu) -> None:
        CALLS.append("setMenu")
        self.menu = menu


class StatusBar(Object):
    bar: "StatusBar"

    def __init__(self) -> None:
        self.items: list[Item] = []

    @classmethod
    def systemStatusBar(cls) -> "StatusBar":
        return cls.bar

    def statusItemWithLength_(self, length: float) -> Item:
        assert length == -1.0, "NSVariableStatusItemLength"
        self.items.append(Item())
        return self.items[-1]

    def removeStatusItem_(self, item: Item) -> None:
        CALLS.append("removeStatusItem")
        self.items.remove(item)


class Attributed(Object):
    def __init__(self) -> None:
        self.pieces: list[tuple[str, dict[str, Any]]] = []

    @classmethod
    def alloc(cls) -> "Attributed":
        return cls()

    def initWithString_attributes_(self, text: str, attributes: dict[str, Any]) -> "Attributed":
        assert "font" in attributes
        self.pieces = [(text, attributes)]
        return self

    def appendAttributedString_(self, other: "Attributed") -> None:
        self.pieces += other.pieces


class Colour:
    @staticmethod
    def colorWithSRGBRed_green_blue_alpha_(*parts: float) -> tuple[float, ...]:
        assert len(parts) == 4 and all(0 <= part <= 1 for part in parts)
        return parts

    @staticmethod
    def whiteColor() -> str:
        return "white"

    @staticmethod
    def secondaryLabelColor() -> str:
        return "secondary"


class Font:
    @staticmethod
    def systemFontSize() -> float:
        return 13.0

    @staticmethod
    def monospacedDigitSystemFontOfSize_weight_(size: float, weight: float) -> str:
        return f"digits {size} {weight}"


class Timer:
    made: "list[tuple[float, Any, str, bool]]" = []  # noqa: RUF012 - emptied by the fixture

    @classmethod
    def timerWithTimeInterval_target_selector_userInfo_repeats_(cls, seconds: float, target: object, selector: str, info: object, repeats: bool) -> str:  # fmt: skip
        cls.made.append((seconds, target, selector, repeats))
        return "timer"


class RunLoop:
    @classmethod
    def currentRunLoop(cls) -> "RunLoop":
        return cls()

    def addTimer_forMode_(self, timer: str, mode: str) -> None:
        CALLS.append(f"addTimer {mode}")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    appkit, foundation, objc = ModuleType("AppKit"), ModuleType("Foundation"), ModuleType("objc")
    for name, value in {
        "NSApplication": Application,
        "NSMenuItem": MenuItem,
        "NSMenu": FakeMenu,
        "NSStatusBar": StatusBar,
        "NSMutableAttributedString": Attributed,
        "NSAttributedString": Attributed,
        "NSColor": Colour,
        "NSFont": Font,
        "NSFontWeightRegular": 0.0,
        "NSVariableStatusItemLength": -1.0,
        "NSFontAttributeName": "font",
        "NSBackgroundColorAttributeName": "background",
        "NSForegroundColorAttributeName": "foreground",
    }.items():
        setattr(appkit, name, value)
    for name, value in {"NSObject": Object, "NSRunLoop": RunLoop, "NSRunLoopCommonModes": "common", "NSTimer": Timer}.items():  # fmt: skip
        setattr(foundation, name, value)
    objc.super = super  # type: ignore[attr-defined]
    objc.python_method = lambda method: method  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "AppKit", appkit)
    monkeypatch.setitem(sys.modules, "Foundation", foundation)
    monkeypatch.setitem(sys.modules, "objc", objc)
    Application.shared, StatusBar.bar, Timer.made = Application(), StatusBar(), []
    CALLS.clear()
    name = "tachograph.ui.tray.macos"
    sys.modules.pop(name, None)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


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
