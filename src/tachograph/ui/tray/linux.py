"""The tray on Linux: a StatusNotifierItem with a dbusmenu, over D-Bus. It draws a Menu and decides nothing.

Written to the StatusNotifierItem specification (freedesktop.org) and to com.canonical.dbusmenu as libdbusmenu has it.
Answers are given by hand from two tables: the library's service classes would cost more code, memory and time.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from tachograph.errors import TachographError
from tachograph.ui.tray import icon
from tachograph.ui.tray.diff import MenuChange, MenuSync, walk
from tachograph.ui.tray.linux_interfaces import ITEM, ITEM_PATH, MENU, MENU_PATH, PROPERTIES, WATCHER, XML
from tachograph.ui.tray.platform import ALTERNATIVES, LOOK_SECONDS, NO_TRAY, TRAY_IS_SHOWN, TrayCallbacks
from tachograph.ui.tray.view import Row

# A host that says neither "opened" nor "closed" is believed to hold the menu open for so long after it asked for it.
_GLANCE_SECONDS = 300.0
_LONGEST_OPEN_SECONDS = 900.0  # the end of a menu may have been missed
_LONGEST_WAIT_SECONDS = 60.0
_PATIENCE_SECONDS = 900.0  # without a session bus: the session is over

Reply = tuple[str, list[Any]]


def run(engine: TrayCallbacks) -> int:
    """Show the tray until it is quit. Raises TachographError without a desktop session."""
    return asyncio.run(_serve_forever(engine))


async def _serve_forever(engine: TrayCallbacks) -> int:
    """Reconnect as long as a session bus exists: it may go and come back."""
    wait, waited, had_one = 1.0, 0.0, False
    while True:
        try:
            bus = await MessageBus(bus_type=BusType.SESSION).connect()
        except Exception as error:  # a missing variable, socket or answer: each has its own error
            if not had_one:
                raise TachographError(
                    "There is no desktop session to show a tray in: no session bus answers.", ALTERNATIVES
                ) from error
            if waited >= _PATIENCE_SECONDS:
                engine.say("The session bus did not come back.")
                return 1
            await asyncio.sleep(wait)
            waited, wait = waited + wait, min(_LONGEST_WAIT_SECONDS, wait * 2)
            continue
        wait, waited, had_one = 1.0, 0.0, True
        try:
            if await _Tray(engine, bus).serve():
                return 0
        finally:
            bus.disconnect()
        engine.say("The session bus has gone; waiting for another one.")
        engine.note("The desktop's session bus has gone.")


class _Tray:
    """The item and its menu on one connection."""

    def __init__(self, engine: TrayCallbacks, bus: MessageBus) -> None:
        self._engine, self._bus = engine, bus
        self._sync = MenuSync(engine.look())
        self._ids: dict[str, int] = {}
        self._name = f"org.kde.StatusNotifierItem-{os.getpid()}-1"
        self._is_registered = False
        self._revision = 1
        self._held: dict[int, float] = {}  # what is open, and until when that is believed
        self._over = asyncio.Event()
        self._has_quit = False
        self._answers: dict[tuple[str, str], Callable[..., Reply]] = {
            (PROPERTIES, "Get"): self._get,
            (PROPERTIES, "GetAll"): self._get_all,
            (ITEM, "Activate"): _nothing,
            (ITEM, "SecondaryActivate"): _nothing,
            (ITEM, "ContextMenu"): _nothing,
            (ITEM, "Scroll"): _nothing,
            (ITEM, "ProvideXdgActivationToken"): _nothing,
            (ITEM, "XAyatanaSecondaryActivate"): _nothing,
            (MENU, "GetLayout"): self._layout,
            (MENU, "GetGroupProperties"): self._group_properties,
            (MENU, "GetProperty"): self._property,
            (MENU, "Event"): self._event,
            (MENU, "EventGroup"): self._events,
            (MENU, "AboutToShow"): self._about_to_show,
            (MENU, "AboutToShowGroup"): self._about_to_show_all,
            ("org.freedesktop.DBus.Introspectable", "Introspect"): lambda: ("s", [XML]),
        }

    async def serve(self) -> bool:
        """Until it was quit (True) or the bus has gone (False)."""
        self._bus.add_message_handler(self._on_message)
        gone = asyncio.ensure_future(self._wait_for_disconnect())
        try:
            await self._bus.request_name(self._name)
            await self._call("AddMatch", "s", [f"type='signal',member='NameOwnerChanged',arg0='{WATCHER}'"])
            await self._register()
            while not self._over.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), LOOK_SECONDS)
                self._look()
        except (OSError, EOFError) as error:
            self._engine.say(f"The session bus does not answer: {error}.")
        finally:
            gone.cancel()
        return self._has_quit

    async def _wait_for_disconnect(self) -> None:
        with suppress(Exception):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._over.set()

    async def _register(self) -> None:
        """Tell the watcher of us; without one, say so and wait for it."""
        said = await self._bus.call(
            Message(
                destination=WATCHER,
                path="/StatusNotifierWatcher",
                interface=WATCHER,
                member="RegisterStatusNotifierItem",
                signature="s",
                body=[self._name],
            )
        )
        self._is_registered = said is not None and said.message_type is MessageType.METHOD_RETURN
        if self._is_registered:
            self._engine.note(TRAY_IS_SHOWN)
        else:
            self._engine.say(f"{NO_TRAY} {ALTERNATIVES}")
            self._engine.note(f"{NO_TRAY} {ALTERNATIVES}")

    async def _call(self, member: str, signature: str, body: list[Any]) -> Message | None:
        name, path = "org.freedesktop.DBus", "/org/freedesktop/DBus"
        message = Message(
            destination=name, path=path, interface=name, member=member, signature=signature, body=body
        )  # fmt: skip
        return await self._bus.call(message)

    # -- what changes --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        now = _monotonic()
        if self._held and all(until <= now for until in self._held.values()):
            self._held.clear()
            self._send(self._sync.on_close())
        self._send(self._sync.update(self._engine.look()))

    def _send(self, change: MenuChange) -> None:
        if not self._is_registered:
            return
        if change.title:
            title = self._sync.menu.plain_title
            self._signal(ITEM_PATH, ITEM, "XAyatanaNewLabel", "ss", [title, title])
        if change.icon:
            self._signal(ITEM_PATH, ITEM, "NewIcon")
        if change.tooltip:
            self._signal(ITEM_PATH, ITEM, "NewToolTip")
        if change.rows:
            changed = [[self._id(row), _changeable(row)] for row in change.rows]
            self._signal(MENU_PATH, MENU, "ItemsPropertiesUpdated", "a(ia{sv})a(ias)", [changed, []])
        if change.rebuild:
            self._revision += 1
            self._signal(MENU_PATH, MENU, "LayoutUpdated", "ui", [self._revision, 0])

    def _signal(self, path: str, interface: str, member: str, signature: str = "", body: Iterable[Any] = ()) -> None:
        with suppress(Exception):  # the bus has just gone: _wait_for_disconnect handles it
            self._bus.send(Message.new_signal(path, interface, member, signature, list(body)))

    # -- what is asked -------------------------------------------------------------------------------------------

    def _on_message(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and message.body[0] == WATCHER:
                self._on_watcher_change(bool(message.body[2]))
            return None
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        answer = self._answers.get((message.interface or "", message.member or ""))
        if answer is None or message.path not in (ITEM_PATH, MENU_PATH, "/"):
            return None
        try:
            signature, body = answer(*message.body)
        except (KeyError, TypeError, ValueError, IndexError):
            return Message.new_error(message, "org.freedesktop.DBus.Error.InvalidArgs", "There is no such thing here.")
        return Message.new_method_return(message, signature, body)

    def _on_watcher_change(self, is_there: bool) -> None:
        self._held.clear()
        self._sync.on_close()
        self._is_registered = False
        if is_there:
            asyncio.ensure_future(self._register())  # noqa: RUF006 - it ends by itself, and raises nothing of use
        else:
            self._engine.say("The panel that showed the tray has gone; waiting for another one.")
            self._engine.note(f"{NO_TRAY} {ALTERNATIVES}")

    def _properties(self, interface: str) -> dict[str, Variant]:
        menu = self._sync.menu
        if interface == MENU:
            return {
                "Version": Variant("u", 3),
                "Status": Variant("s", "normal"),
                "TextDirection": Variant("s", "ltr"),
                "IconThemePath": Variant("as", []),
            }
        return {
            "Category": Variant("s", "ApplicationStatus"),
            "Id": Variant("s", "tachograph"),
            "Title": Variant("s", "Tachograph"),
            "Status": Variant("s", "Active"),
            "WindowId": Variant("i", 0),
            "IconName": Variant("s", ""),
            "IconThemePath": Variant("s", ""),
            "IconPixmap": Variant("a(iiay)", [[size, size, icon.argb(menu.icon, size)] for size in icon.SIZES]),
            "OverlayIconName": Variant("s", ""),
            "OverlayIconPixmap": Variant("a(iiay)", []),
            "AttentionIconName": Variant("s", ""),
            "AttentionIconPixmap": Variant("a(iiay)", []),
            "AttentionMovieName": Variant("s", ""),
            "ToolTip": Variant("(sa(iiay)ss)", ["", [], menu.plain_title, _markup(menu.tooltip)]),
            "ItemIsMenu": Variant("b", True),
            "Menu": Variant("o", MENU_PATH),
            "XAyatanaLabel": Variant("s", menu.plain_title),
            "XAyatanaLabelGuide": Variant("s", menu.plain_title),
            "XAyatanaOrderingIndex": Variant("u", 0),
        }

    def _get(self, interface: str, name: str) -> Reply:
        return "v", [self._properties(interface)[name]]

    def _get_all(self, interface: str) -> Reply:
        return "a{sv}", [self._properties(interface)]

    def _id(self, row: Row) -> int:
        return self._ids.setdefault(row.key, len(self._ids) + 1)

    def _rows(self) -> dict[int, Row]:
        return {self._id(row): row for row in walk(self._sync.menu.rows)}

    def _layout(self, parent: int, depth: int, names: list[str]) -> Reply:
        rows = self._sync.menu.rows
        if parent == 0:
            root = [0, {"children-display": Variant("s", "submenu")}, self._children(rows, depth)]
        else:
            row = self._rows()[parent]
            root = [parent, _properties_of(row), self._children(row.children, depth)]
        return "u(ia{sv}av)", [self._revision, root]

    def _children(self, rows: tuple[Row, ...], depth: int) -> list[Variant]:
        if depth == 0:
            return []
        return [
            Variant("(ia{sv}av)", [self._id(row), _properties_of(row), self._children(row.children, depth - 1)])
            for row in rows
        ]

    def _group_properties(self, ids: list[int], names: list[str]) -> Reply:
        rows = self._rows()
        return "a(ia{sv})", [[[id, _properties_of(rows[id])] for id in (ids or rows) if id in rows]]

    def _property(self, id: int, name: str) -> Reply:
        return "v", [_properties_of(self._rows()[id])[name]]

    def _event(self, id: int, kind: str, data: Variant, at: int) -> Reply:
        if kind == "opened":
            self._open(id, _LONGEST_OPEN_SECONDS)
        elif kind == "closed":
            self._held.pop(id, None)
            if id == 0:
                self._held.clear()
            if not self._held:
                self._send(self._sync.on_close())
        elif kind == "clicked":
            row = self._rows().get(id)
            if row is not None and row.action:
                asyncio.get_running_loop().call_soon(self._choose, row.action)
        return "", []

    def _events(self, events: list[list[Any]]) -> Reply:
        known = self._rows()
        for event in events:
            self._event(*event)
        return "ai", [[event[0] for event in events if event[0] and event[0] not in known]]

    def _about_to_show(self, id: int) -> Reply:
        self._open(id, _GLANCE_SECONDS)
        return "b", [False]  # what changed is said in place

    def _about_to_show_all(self, ids: list[int]) -> Reply:
        for id in ids:
            self._open(id, _GLANCE_SECONDS)
        return "aiai", [[], []]

    def _open(self, id: int, seconds: float) -> None:
        self._held[id] = max(self._held.get(id, 0.0), _monotonic() + seconds)
        if not self._sync.is_open:
            self._sync.update(self._engine.look())
            self._send(self._sync.on_open())

    def _choose(self, action: str) -> None:
        if not self._engine.act(action):
            self._has_quit = True
            self._over.set()
        else:
            self._look()


def _nothing(*_: Any) -> Reply:
    return "", []


def _properties_of(row: Row) -> dict[str, Variant]:
    """A row as properties of dbusmenu, without those that have their default."""
    if not row.text:
        return {"type": Variant("s", "separator")}
    made = _changeable(row)
    if row.children:
        made["children-display"] = Variant("s", "submenu")
    if row.checked is not None:
        made["toggle-type"] = Variant("s", "radio" if row.is_radio else "checkmark")
    return made


def _changeable(row: Row) -> dict[str, Variant]:
    """Properties of a row that can change in place."""
    made = {
        "label": Variant("s", row.text.replace("_", "__")),  # one underscore marks a key to press
        "enabled": Variant("b", bool(row.action or row.children)),
    }
    if row.checked is not None:
        made["toggle-state"] = Variant("i", int(row.checked))
    return made


def _markup(text: str) -> str:
    """Tooltips may be read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
