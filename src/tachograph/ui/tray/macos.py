"""The menu bar on macOS 12 and later: an NSStatusItem with an attributed title. It draws a Menu, decides nothing.

Written to Apple's documentation of NSStatusBar, NSStatusItem, NSMenu and NSAttributedString, over PyObjC. It has not run on
a Mac; tests hold every name and call to PyObjC's metadata (tests/ui/tray/test_macos_evidence.py).
"""

from typing import Any

import AppKit
import objc
from Foundation import NSObject, NSRunLoop, NSRunLoopCommonModes, NSTimer

from tachograph.ui.tray.diff import MenuChange, MenuSync
from tachograph.ui.tray.icon import BACKGROUNDS
from tachograph.ui.tray.platform import LOOK_SECONDS, TRAY_IS_SHOWN, TrayCallbacks
from tachograph.ui.tray.view import Menu, Row

_ON, _OFF = 1, 0  # NSControlStateValueOn and -Off
_ACCESSORY = 1  # NSApplicationActivationPolicyAccessory: no icon in the Dock


def run(engine: TrayCallbacks) -> int:
    """Show the status item until it is quit."""
    app = AppKit.NSApplication.sharedApplication()
    app.setActivationPolicy_(_ACCESSORY)
    shown = StatusItem.alloc().initWithEngine_(engine)
    shown.show()
    engine.note(TRAY_IS_SHOWN)
    app.run()
    return 0


class StatusItem(NSObject):  # type: ignore[misc]
    """The item, its menu, and the timer that looks at the ledger; it is the menu's delegate too."""

    def initWithEngine_(self, engine: TrayCallbacks) -> Any:
        self = objc.super(StatusItem, self).init()
        if self is None:
            return None
        self._engine = engine
        self._board = MenuSync(engine.look())
        self._items: dict[str, Any] = {}
        bar = AppKit.NSStatusBar.systemStatusBar()
        self._item = bar.statusItemWithLength_(AppKit.NSVariableStatusItemLength)
        self._menu = AppKit.NSMenu.alloc().init()
        self._menu.setAutoenablesItems_(False)
        self._menu.setDelegate_(self)
        return self

    @objc.python_method
    def show(self) -> None:
        self._rebuild(self._board.menu)
        self._item.setMenu_(self._menu)
        self._paint(self._board.menu)
        timer = NSTimer.timerWithTimeInterval_target_selector_userInfo_repeats_(LOOK_SECONDS, self, "look:", None, True)
        # the common modes run while a menu is open, the default one does not
        NSRunLoop.currentRunLoop().addTimer_forMode_(timer, NSRunLoopCommonModes)

    # -- what AppKit calls -----------------------------------------------------------------------------------------

    def look_(self, timer: Any) -> None:
        self._apply(self._board.update(self._engine.look()))

    def menuWillOpen_(self, menu: Any) -> None:
        if menu is self._menu:
            self._board.update(self._engine.look())
            self._apply(self._board.on_open())

    def menuDidClose_(self, menu: Any) -> None:
        if menu is self._menu:
            self._apply(self._board.on_close())

    def chosen_(self, item: Any) -> None:
        if not self._engine.act(str(item.representedObject())):
            AppKit.NSStatusBar.systemStatusBar().removeStatusItem_(self._item)
            AppKit.NSApplication.sharedApplication().terminate_(None)
            return
        self.look_(None)

    # -- drawing ---------------------------------------------------------------------------------------------------

    @objc.python_method
    def _apply(self, change: MenuChange) -> None:
        menu = self._board.menu
        if change.title:
            self._paint(menu)
        if change.tooltip:
            self._item.button().setToolTip_(menu.tooltip)
        if change.rebuild:
            self._rebuild(menu)
        for row in change.rows:
            if row.key in self._items:
                self._relabel(self._items[row.key], row)

    @objc.python_method
    def _paint(self, menu: Menu) -> None:
        """Paint the title: each number is a piece of its own, with the color of its pressure behind it."""
        # a size of 0 is the default size, by Apple's documentation of the method
        font = AppKit.NSFont.monospacedDigitSystemFontOfSize_weight_(0.0, AppKit.NSFontWeightRegular)
        title = AppKit.NSMutableAttributedString.alloc().init()
        for segment in menu.title:
            attributes = {AppKit.NSFontAttributeName: font}
            if segment.level in BACKGROUNDS:
                attributes[AppKit.NSBackgroundColorAttributeName] = _color(BACKGROUNDS[segment.level])
                attributes[AppKit.NSForegroundColorAttributeName] = AppKit.NSColor.whiteColor()
            elif segment.level == "stale":
                attributes[AppKit.NSForegroundColorAttributeName] = AppKit.NSColor.secondaryLabelColor()
            piece = AppKit.NSAttributedString.alloc().initWithString_attributes_(segment.text, attributes)
            title.appendAttributedString_(piece)
        button = self._item.button()
        button.setAttributedTitle_(title)
        button.setAccessibilityLabel_(f"Claude limits: {menu.plain_title}")
        button.setToolTip_(menu.tooltip)

    @objc.python_method
    def _rebuild(self, menu: Menu) -> None:
        self._items = {}
        self._menu.removeAllItems()
        self._fill(self._menu, menu.rows)

    @objc.python_method
    def _fill(self, menu: Any, rows: tuple[Row, ...]) -> None:
        for row in rows:
            if not row.text:
                menu.addItem_(AppKit.NSMenuItem.separatorItem())
                continue
            item = AppKit.NSMenuItem.alloc().initWithTitle_action_keyEquivalent_(row.text, "chosen:", "")
            item.setTarget_(self)
            self._relabel(item, row)
            if row.children:
                inner = AppKit.NSMenu.alloc().init()
                inner.setAutoenablesItems_(False)
                self._fill(inner, row.children)
                item.setSubmenu_(inner)
            menu.addItem_(item)
            self._items[row.key] = item

    @objc.python_method
    def _relabel(self, item: Any, row: Row) -> None:
        item.setTitle_(row.text)
        item.setRepresentedObject_(row.action)
        item.setEnabled_(bool(row.action or row.children))
        if row.checked is not None:
            item.setState_(_ON if row.checked else _OFF)


def _color(rgb: tuple[int, int, int]) -> Any:
    red, green, blue = (part / 255 for part in rgb)
    return AppKit.NSColor.colorWithSRGBRed_green_blue_alpha_(red, green, blue, 1.0)
