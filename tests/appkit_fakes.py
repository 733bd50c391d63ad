"""Fakes of AppKit, held to its metadata (appkit_evidence.py), and the menu bar on top of them."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from appkit_evidence import CONSTANTS, checked

CALLS: list[str] = []


@checked
class Object:
    """NSObject as PyObjC gives it: made by alloc().init…()."""

    @classmethod
    def alloc(cls) -> "Object":
        return cls.__new__(cls)

    def init(self) -> "Object":
        return self


@checked
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


@checked
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


@checked
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


@checked
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


@checked
class Item(Object):
    def __init__(self) -> None:
        self.made = Button()
        self.menu: FakeMenu | None = None

    def button(self) -> Button:
        return self.made

    def setMenu_(self, menu: FakeMenu) -> None:
        CALLS.append("setMenu")
        self.menu = menu


@checked
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


@checked
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


@checked
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


@checked
class Font:
    @staticmethod
    def monospacedDigitSystemFontOfSize_weight_(size: float, weight: float) -> str:
        return f"digits {size} {weight}"


@checked
class Timer:
    made: "list[tuple[float, Any, str, bool]]" = []  # noqa: RUF012 - emptied by the fixture

    @classmethod
    def timerWithTimeInterval_target_selector_userInfo_repeats_(cls, seconds: float, target: object, selector: str, info: object, repeats: bool) -> str:  # fmt: skip
        cls.made.append((seconds, target, selector, repeats))
        return "timer"


@checked
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
        "NSVariableStatusItemLength": CONSTANTS["NSVariableStatusItemLength"]["value"],
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
