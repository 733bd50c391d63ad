"""A notification on a real bus of its own, with a desktop of ours behind it; and every way in which there is none."""

import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import NOT_HERE
from tachograph.recorder.desktop_notification import notify

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason=NOT_HERE)

DESKTOP = textwrap.dedent(
    """
    import asyncio, sys
    from dbus_fast.aio import MessageBus
    from dbus_fast.service import ServiceInterface, method

    class Notifications(ServiceInterface):
        def __init__(self):
            super().__init__("org.freedesktop.Notifications")

        @method()
        def GetCapabilities(self) -> "as":
            return ["body", "body-markup", "actions"]

        @method()
        def GetServerInformation(self) -> "ssss":
            return ["test", "test", "1", "1.2"]

        @method()
        def Notify(self, app: "s", id: "u", icon: "s", title: "s", body: "s", actions: "as", hints: "a{sv}", time: "i") -> "u":
            open(sys.argv[1], "a").write(f"{app}|{title}|{body}\\n")
            return 7

    async def main():
        bus = await MessageBus().connect()
        bus.export("/org/freedesktop/Notifications", Notifications())
        await bus.request_name("org.freedesktop.Notifications")
        open(sys.argv[1] + ".ready", "w").close()
        await asyncio.get_running_loop().create_future()

    asyncio.run(main())
    """
)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[dict[str, str]]:
    program = shutil.which("dbus-daemon")
    if program is None:
        pytest.skip("dbus-daemon is not installed (tools/test_needs.sh)")
    daemon = subprocess.Popen(
        [program, "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert daemon.stdout is not None
    address = daemon.stdout.readline().decode().strip()
    yield {"DBUS_SESSION_BUS_ADDRESS": address, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    daemon.terminate()
    daemon.wait()


def test_it_arrives_without_markup_of_foreign_names(bus: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    desktop = subprocess.Popen([sys.executable, "-c", DESKTOP, str(log)], env=bus)
    try:
        end = time.monotonic() + 10
        while not Path(f"{log}.ready").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        assert notify("Claude: <b>Opus</b>", "5-hour & more\x1b[31m", False, bus) == ""
        assert log.read_text() == "Tachograph|Claude: ‹b›Opus‹/b›|5-hour + more[31m\n"
    finally:
        desktop.terminate()
        desktop.wait()


def test_a_bus_without_a_desktop_is_said(bus: dict[str, str]) -> None:
    assert notify("t", "x", False, bus) != ""


def test_without_a_session_nobody_is_asked() -> None:
    assert notify("t", "x", False, {}) == "there is no desktop session here"


def test_a_bus_that_is_not_there_is_said() -> None:
    assert notify("t", "x", False, {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere", "PATH": "/usr/bin"}) != ""


def test_macos_without_osascript_is_said() -> None:
    assert "osascript" in notify("t", "x", False, {}, "darwin")
