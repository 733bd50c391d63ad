"""The tray in a real panel (xfce4-panel on Xvfb): its icon as it looks there, and a real menu that stays open."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from conftest import NOT_HERE
from helpers import Home
from linux_desktop import is_linux, lived, piped, session_bus, tray, until
from xvfb_screen import Colour, Screen

pytestmark = [
    pytest.mark.skipif(not is_linux(), reason=NOT_HERE),
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in ("Xvfb", "xfce4-panel", "xdotool", "dbus-daemon")),
        reason="xvfb, xfce4-panel or xdotool is not installed",
    ),
]

ORANGE, RED, SLATE = (219, 118, 32), (215, 58, 73), (52, 64, 80)
PANEL = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array"><value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="false"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="32"/>
      <property name="background-style" type="uint" value="1"/>
      <property name="background-rgba" type="array">
        <value type="double" value="{0}"/><value type="double" value="{1}"/><value type="double" value="{2}"/>
        <value type="double" value="1"/>
      </property>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty"><property name="plugin-1" type="string" value="systray"/></property>
</channel>
"""


@contextmanager
def desktop(home: Home, shade: float, size: str = "400x400") -> Iterator[tuple[dict[str, str], Screen]]:
    """A screen, a session bus and a panel of one shade."""
    config, frames, runtime = home.root / "config", home.root / "frames", home.root / "runtime"
    panel = config / "xfce4" / "xfconf" / "xfce-perchannel-xml"
    for folder in (panel, frames, runtime):
        folder.mkdir(parents=True)
    runtime.chmod(0o700)
    (panel / "xfce4-panel.xml").write_text(PANEL.format(shade, shade, shade))
    read, write = os.pipe()
    with ExitStack() as stack:
        surroundings = {"XDG_CONFIG_HOME": str(config), "XDG_RUNTIME_DIR": str(runtime), "NO_AT_BRIDGE": "1"}
        before = {name: os.environ.get(name) for name in surroundings}
        os.environ.update(surroundings)  # the bus starts the panel's settings with them
        stack.callback(_put_back, before)
        address, _ = stack.enter_context(session_bus(home.root))
        server = _started(stack, ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-fbdir", str(frames)], {**os.environ}, write)  # fmt: skip
        os.close(write)
        number = b""
        while not number.endswith(b"\n"):
            number += os.read(read, 16)
            assert server.poll() is None
        os.close(read)
        env = lived(home, address, DISPLAY=f":{number.decode().strip()}", **surroundings)
        _started(stack, ["xfce4-panel", "--disable-wm-check"], env)
        yield env, Screen(frames / "Xvfb_screen0", env["DISPLAY"])


def _put_back(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _started(stack: ExitStack, words: list[str], env: dict[str, str], *passed: int) -> subprocess.Popen[bytes]:
    made = subprocess.Popen(words, env=env, pass_fds=passed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end() -> None:
        made.terminate()
        made.wait()

    stack.callback(end)
    return made


@pytest.mark.parametrize("shade", [0.97, 0.12], ids=["light", "dark"])
def test_the_icon_at_47_90_and_100_on_a_panel(home: Home, shade: float) -> None:
    with desktop(home, shade) as (env, screen):
        piped(env, 47, 12)

        async def run() -> None:
            with tray(env):
                for percent, fill in ((47, SLATE), (90, ORANGE), (100, RED)):
                    piped(env, percent, 12)
                    await until(lambda fill=fill: screen.count(fill) > 120, f"{percent} % is seen")  # type: ignore[misc]
                    shown = screen.rows()[2][16]
                    panel = shown[200]
                    assert all(abs(part - shade * 255) < 12 for part in panel)
                    digit = (28, 28, 30) if fill == ORANGE else (255, 255, 255)
                    assert screen.count(digit, (0, 4, 32, 28)) > 12, "its digits are seen"
                    others = {SLATE, ORANGE, RED} - {fill}
                    assert all(screen.count(other, (0, 0, 32, 32)) < 10 for other in others)
                    if keep := os.environ.get("TACHOGRAPH_TEST_PICTURES"):
                        screen.save(Path(keep) / f"tray-{percent}-{shade}.png")

        asyncio.run(run())


def test_a_menu_that_is_open_in_a_panel_stays_open_while_its_numbers_change(home: Home) -> None:
    with desktop(home, 0.12) as (env, screen):
        piped(env, 47, 12)
        below = (0, 36, 400, 400)

        def look() -> list[list[Colour]]:
            return [row[below[0] : below[2]] for row in screen.rows()[2][below[1] : below[3]]]

        async def run() -> None:
            with tray(env):
                await until(lambda: screen.count(SLATE) > 120)
                empty = look()
                for words in (["mousemove", "14", "16", "click", "3"], ["mousemove", "40", "48"]):
                    subprocess.run(["xdotool", *words], env=env, check=True, timeout=60)
                    await asyncio.sleep(0.7)
                opened = look()
                assert opened != empty
                first = len([row for row in opened if row != empty[0]])
                for n in range(20):
                    piped(env, 60 + n, 12)
                    await asyncio.sleep(0.15)
                await until(lambda: look() != opened, "its rows say something else")
                await asyncio.sleep(1.2)
                if keep := os.environ.get("TACHOGRAPH_TEST_PICTURES"):
                    screen.save(Path(keep) / "tray-menu.png")
                still = len([row for row in look() if row != empty[0]])
                assert abs(still - first) <= 4, "the menu is as tall as it was"
                time.sleep(0.1)

        asyncio.run(run())
