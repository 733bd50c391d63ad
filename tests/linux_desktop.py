"""A desktop for tests of the tray: a session bus of its own, a panel that shows status items, and one that listens."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from helpers import Home, command
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths
from tachograph.recorder.statusline import parse_status_input, store

WATCHER, ITEM, MENU = "org.kde.StatusNotifierWatcher", "org.kde.StatusNotifierItem", "com.canonical.dbusmenu"
PATIENCE = 60.0


@contextmanager
def session_bus(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A session bus: its address and its process."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed (Debian: dbus)")
    address = f"unix:path={folder / 'bus'}"
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1", f"--address={address}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert daemon.stdout is not None
    daemon.stdout.readline()
    try:
        yield address, daemon
    finally:
        daemon.terminate()
        daemon.wait()
        daemon.stdout.close()


def lived(home: Home, address: str, **more: str) -> dict[str, str]:
    """The environment of a person at that desktop, whose clock goes as ours does."""
    env = {**home.env, "DBUS_SESSION_BUS_ADDRESS": address, "XDG_CONFIG_HOME": str(home.root / "config"), **more}
    del env["TACHOGRAPH_NOW"]
    return env


@contextmanager
def tray(env: Mapping[str, str], *, recorder: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """The tray at work; its recorder only where it is asked for (a lock of ours keeps it out otherwise)."""
    from tachograph import background
    from tachograph.clock import Clock

    paths = own_paths(env)
    lock = None if recorder else background.acquire(paths, Clock())
    log = open(Path(env["HOME"]) / "tray.err", "wb")  # noqa: SIM115 - closed below
    made = subprocess.Popen(
        [command(), "tray", "--foreground"], env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        yield made
    finally:
        made.terminate()
        made.wait()
        log.close()
        if lock is not None:
            lock.release()
        elif recorder:
            background.stop(paths)


def piped(env: Mapping[str, str], five: float, week: float, *, ends_in: int = 7200, at: int | None = None) -> None:
    """Claude Code's status line says how the limits stand."""
    now = int(time.time() * 1000) if at is None else at
    told = {"model": {"display_name": "Opus"}, "rate_limits": limits(five, week, now // 1000 + ends_in)}
    import json

    with open_ledger(own_paths(env), now) as ledger:
        store(ledger, parse_status_input(json.dumps(told).encode(), now), env["CLAUDE_CONFIG_DIR"])


def limits(five: float, week: float, ends: int) -> dict[str, object]:
    ends -= ends % 3600  # the same window at every call
    return {
        "five_hour": {"used_percentage": five, "resets_at": ends},
        "seven_day": {"used_percentage": week, "resets_at": ends + 3 * 86400},
    }


class Heard(NamedTuple):
    """A message that the tray sent of its own accord."""

    member: str
    body: list[Any]


class Panel:
    """A panel of ours: it is the watcher of status items, and shows one of them."""

    def __init__(self, bus: MessageBus, ear: MessageBus) -> None:
        self._bus, self._ear = bus, ear
        self.item = ""
        self.sent: list[Heard] = []  # signals of the item
        self._owner = ""

    @classmethod
    async def open(cls, address: str) -> "Panel":
        panel = cls(await MessageBus(address).connect(), await MessageBus(address).connect())
        panel._bus.add_message_handler(panel._asked)
        await panel._bus.request_name(WATCHER)
        panel._ear.add_message_handler(panel._listen)
        await panel._ear.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus.Monitoring",
                member="BecomeMonitor",
                signature="asu",
                body=[["type='signal'"], 0],
            )
        )
        return panel

    def _asked(self, message: Message) -> Message | None:
        if message.member == "RegisterStatusNotifierItem":
            self.item, self._owner = message.body[0], message.sender or ""
            return Message.new_method_return(message)
        return None

    def _listen(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL and message.interface in (ITEM, MENU):
            self.sent.append(Heard(message.member or "", message.body))
        return message.message_type is not MessageType.METHOD_RETURN  # a monitor that answers is thrown out

    async def call(self, path: str, interface: str, member: str, signature: str = "", body: Any = ()) -> list[Any]:
        message = Message(
            destination=self.item,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        said = await asyncio.wait_for(self._bus.call(message), PATIENCE)
        assert said is not None and said.message_type is MessageType.METHOD_RETURN, said and said.body
        return list(said.body)

    async def property(self, name: str) -> Any:
        (value,) = await self.call("/StatusNotifierItem", "org.freedesktop.DBus.Properties", "Get", "ss", [ITEM, name])
        return value.value

    async def layout(self) -> dict[str, dict[str, Any]]:
        """All rows by what they say: their id, whether they can be chosen, how they are checked."""
        _, root = await self.call("/MenuBar", MENU, "GetLayout", "iias", [0, -1, []])
        return dict(_flat(root))

    async def row(self, start: str) -> dict[str, Any]:
        rows = await self.layout()
        found = [row for text, row in rows.items() if text.startswith(start)]
        if start in rows:
            return rows[start]
        assert found, f"no row begins with {start!r}: {list(rows)}"
        return found[0]

    async def happens(self, id: int, kind: str) -> None:
        await self.call("/MenuBar", MENU, "Event", "isvu", [id, kind, Variant("i", 0), 0])

    async def choose(self, start: str) -> None:
        """Click on the row that begins so."""
        row = await self.row(start)
        assert row["enabled"], f"{start!r} cannot be chosen"
        await self.happens(row["id"], "clicked")

    async def quiet(self, seconds: float = 2.5) -> None:
        await asyncio.sleep(seconds)

    def close(self) -> None:
        self._bus.disconnect()
        self._ear.disconnect()


def _flat(node: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for child in node[2]:
        id, properties, _ = child.value
        said = {key: value.value for key, value in properties.items()}
        if said.get("type") != "separator":
            yield (
                said["label"].replace("__", "_"),
                {"id": id, "enabled": said["enabled"], "checked": said.get("toggle-state")},
            )
        yield from _flat(child.value)


async def until(check: Callable[[], Any], what: str = "", seconds: float = PATIENCE) -> Any:
    """Wait until something is so; returns it. `check` may be a coroutine function."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"it never was so: {what}")


def is_linux() -> bool:
    return sys.platform.startswith("linux")


def cpu_seconds(pid: int) -> float:
    """What a process and nobody else has used of a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
