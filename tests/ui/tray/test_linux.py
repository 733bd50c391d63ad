"""The tray on a real session bus, shown by a panel of ours that counts every message it is sent."""

import asyncio
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from conftest import NOT_HERE
from helpers import Home, command
from linux_desktop import Panel, cpu_seconds, is_linux, lived, piped, session_bus, tray, until
from tachograph.ledger.limits.notifications import keep
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.storage.preferences import get_preference
from tachograph.paths import own_paths

pytestmark = pytest.mark.skipif(not is_linux(), reason=NOT_HERE)

Env = dict[str, str]


@pytest.fixture
def env(home: Home) -> Iterator[Env]:
    with session_bus(home.root) as (address, _):
        yield lived(home, address)


def scene(env: Env, play: Callable[[Panel], Awaitable[None]]) -> None:
    """Live through something at a desktop whose panel shows the tray."""

    async def run() -> None:
        panel = await Panel.open(env["DBUS_SESSION_BUS_ADDRESS"])
        try:
            with tray(env):
                await until(lambda: panel.item, "the tray registers")
                await play(panel)
        finally:
            panel.close()

    asyncio.run(run())


async def title(panel: Panel) -> str:
    return str(await panel.property("XAyatanaLabel"))


def test_an_open_menu_ticks_and_is_rebuilt_only_after_it_closes(env: Env) -> None:
    sign_in(env, "first@example.org", "11111111-1111-4111-8111-111111111111")
    piped(env, 40, 12)

    async def play(panel: Panel) -> None:
        assert await title(panel) == "5h 40% · 7d 12%"
        await panel.happens(0, "opened")
        five = await panel.row("5-hour")
        panel.sent.clear()
        for n in range(20):
            piped(env, 41 + n, 12)
            await asyncio.sleep(0.25)
        await until(lambda: _is(panel, "5h 60% · 7d 12%"))
        kinds = Counter(heard.member for heard in panel.sent)
        assert kinds["LayoutUpdated"] == 0  # it never closed
        assert kinds["ItemsPropertiesUpdated"] >= 3  # once a second, however many came
        said = {
            id: row for heard in panel.sent if heard.member == "ItemsPropertiesUpdated" for id, row in heard.body[0]
        }
        assert said[five["id"]]["label"].value.startswith("5-hour   60 %   resets")
        assert (await panel.row("5-hour   60 %"))["id"] == five["id"]

        second(env)
        piped(env, 3, 4)
        await panel.quiet()
        assert "LayoutUpdated" not in {heard.member for heard in panel.sent}
        assert not [text for text in await panel.layout() if text.startswith("second@example.org")]
        await panel.happens(0, "closed")
        await until(lambda: "LayoutUpdated" in {heard.member for heard in panel.sent})
        assert [text for text in await panel.layout() if text.startswith("second@example.org")]

    scene(env, play)


async def _is(panel: Panel, wanted: str) -> bool:
    return await title(panel) == wanted


def sign_in(env: Env, address: str, uuid: str) -> None:
    """Claude Code is signed in; the ledger learns it as it does from any command."""
    import json

    account = {"accountUuid": uuid, "organizationUuid": uuid, "emailAddress": address}
    (Path(env["CLAUDE_CONFIG_DIR"]) / ".claude.json").write_text(json.dumps({"oauthAccount": account}))
    subprocess.run([command(), "now"], env=env, check=True, capture_output=True)


def second(env: Env) -> None:
    sign_in(env, "second@example.org", "22222222-2222-4222-8222-222222222222")


def test_unchanged_numbers_cost_no_message_and_a_changed_one_three_at_most(env: Env) -> None:
    piped(env, 40, 12)

    async def play(panel: Panel) -> None:
        await panel.quiet(1.5)
        panel.sent.clear()
        for _ in range(60):
            piped(env, 40, 12)
            await asyncio.sleep(0.05)
        await panel.quiet()
        assert panel.sent == []
        piped(env, 41, 12)
        await until(lambda: _is(panel, "5h 41% · 7d 12%"))
        await panel.quiet(0.5)
        assert sorted(heard.member for heard in panel.sent) == ["NewIcon", "NewToolTip", "XAyatanaNewLabel"]
        panel.sent.clear()
        await panel.happens(0, "opened")
        assert (await panel.row("5-hour"))["id"]
        panel.sent.clear()
        piped(env, 42, 12)
        await until(lambda: _is(panel, "5h 42% · 7d 12%"))
        await panel.quiet(0.5)
        members = sorted(heard.member for heard in panel.sent)
        assert members == ["ItemsPropertiesUpdated", "NewIcon", "XAyatanaNewLabel"]

    scene(env, play)


def test_every_row_does_what_it_says(env: Env, home: Home) -> None:
    now = int(time.time() * 1000)
    sign_in(env, "first@example.org", "11111111-1111-4111-8111-111111111111")
    piped(env, 80, 12, at=now - 4_000_000, ends_in=10_800)  # more than half an hour ago: stale
    second(env)
    piped(env, 95, 12)
    opener = home.root / "browser"
    opener.write_text(f'#!/bin/sh\necho "$1" > {home.root / "opened"}\n')
    opener.chmod(0o755)
    with open_ledger(own_paths(env), now) as ledger, ledger.transaction() as db:
        keep(db, 2, "threshold", "five_hour", 90.0, now + 3_600_000, now, 95.0, "said", is_shown=True)

    def chosen(name: str) -> str:
        with open_ledger(own_paths(env), now) as ledger:
            return get_preference(ledger.db, name)

    async def play(panel: Panel) -> None:
        first = await title(panel)
        assert first.startswith("S: 5h 95% ▲") and "F: 5h ~80%" in first

        await panel.choose("Compact")
        await until(lambda: _is(panel, "S: 95% ▲ · 12%  F: ~80% · ~12%"))
        assert (await panel.row("Compact"))["checked"] == 1 and (await panel.row("Medium"))["checked"] == 0
        await panel.choose("Long")
        await until(lambda: chosen("title") == "long")

        await panel.choose(
            "first@example.org"
        )  # in "Account shown first": the row of the account itself has only children
        await until(lambda: chosen("leads") == "1")
        assert (await title(panel)).startswith("Claude  F:")
        await panel.choose("The account in use")
        await until(lambda: chosen("leads") == "")

        await panel.choose("Dismiss notifications")
        await until(lambda: _cannot(panel, "Dismiss notifications"))
        await panel.choose("Notify near a limit")
        await until(lambda: chosen("alarms") == "off")
        assert (await panel.row("Notifications (off)"))["id"]

        await panel.choose("Open claude.ai/settings/usage")
        await until(lambda: (home.root / "opened").exists())
        assert (home.root / "opened").read_text() == "https://claude.ai/settings/usage\n"

        await panel.choose("Refresh now")
        await until(lambda: _has(panel, "Asking"))
        await until(lambda: _has(panel, "Updated"))

        await panel.choose("Start at login")
        entry = home.root / "config" / "autostart" / "tachograph-tray.desktop"
        await until(entry.exists)
        await until(lambda: _checked(panel, "Start at login"))
        await panel.choose("Start at login")
        await until(lambda: not entry.exists())

        await panel.choose("Forget this account")
        await until(lambda: _lacks(panel, "first@example.org"))
        assert (await title(panel)) == "Claude  5h 95% ▲  ·  7d 12%"
        await panel.choose("Quit")

    env["BROWSER"] = str(opener)
    env["PATH"] = f"{home.root / 'bin'}{os.pathsep}{env['PATH']}"
    (home.root / "bin").mkdir()
    systemctl = home.root / "bin" / "systemctl"  # a system without systemd for users
    systemctl.write_text("#!/bin/sh\nexit 1\n")
    systemctl.chmod(0o755)

    async def run() -> None:
        panel = await Panel.open(env["DBUS_SESSION_BUS_ADDRESS"])
        with tray(env) as made:
            await until(lambda: panel.item)
            await play(panel)
            await until(lambda: made.poll() is not None, "it ends")
            assert made.returncode == 0
        panel.close()

    asyncio.run(run())


async def _has(panel: Panel, start: str) -> bool:
    return any(text.startswith(start) for text in await panel.layout())


async def _lacks(panel: Panel, start: str) -> bool:
    return not await _has(panel, start)


async def _cannot(panel: Panel, start: str) -> bool:
    return not (await panel.row(start))["enabled"]


async def _checked(panel: Panel, start: str) -> bool:
    return bool((await panel.row(start))["checked"] == 1)


def test_a_panel_that_goes_and_comes_back_gets_the_tray_again(env: Env) -> None:
    piped(env, 40, 12)

    async def run() -> None:
        with tray(env) as made:
            await until(lambda: "has no tray" in note(env), "it says that nobody shows it")
            assert "statusline install" in note(env)
            panel = await Panel.open(env["DBUS_SESSION_BUS_ADDRESS"])
            await until(lambda: panel.item)
            await until(lambda: note(env) == "It is shown.")
            panel.close()
            await until(lambda: "has no tray" in note(env))
            panel = await Panel.open(env["DBUS_SESSION_BUS_ADDRESS"])
            await until(lambda: panel.item)
            assert await title(panel) == "5h 40% · 7d 12%"
            panel.close()
            assert made.poll() is None

    asyncio.run(run())


def note(env: Env) -> str:
    from tachograph import background

    found = background.running(own_paths(env), background.TRAY)
    return found.note if found else ""


def test_a_bus_that_dies_is_waited_for_without_spinning(home: Home) -> None:
    with session_bus(home.root) as (address, daemon):
        env = lived(home, address)
        piped(env, 40, 12)

        async def run() -> None:
            panel = await Panel.open(address)
            with tray(env) as made:
                await until(lambda: panel.item)
                panel.close()
                daemon.kill()
                daemon.wait()
                os.unlink(home.root / "bus")
                await until(lambda: "bus has gone" in note(env))
                before = cpu_seconds(made.pid)
                await asyncio.sleep(3)
                assert cpu_seconds(made.pid) - before < 0.3
                with session_bus(home.root):
                    panel = await Panel.open(address)
                    await until(lambda: panel.item)
                    assert await title(panel) == "5h 40% · 7d 12%"
                    panel.close()

        asyncio.run(run())


def test_without_a_session_it_says_so_and_what_to_use(home: Home) -> None:
    env = lived(home, f"unix:path={home.root / 'nowhere'}")
    done = subprocess.run([command(), "tray", "--foreground"], env=env, capture_output=True, text=True, timeout=60)
    subprocess.run([command(), "stop"], env=env, check=True, capture_output=True)
    assert done.returncode == 1
    assert "no desktop session" in done.stderr and "statusline install" in done.stderr


def test_tray_and_recorder_live_without_each_other(env: Env) -> None:
    """It starts the recorder; either goes on when the other is killed, and the menu says that the recorder is gone."""
    from tachograph import background

    paths = own_paths(env)
    piped(env, 40, 12)

    async def run() -> None:
        panel = await Panel.open(env["DBUS_SESSION_BUS_ADDRESS"])
        with tray(env, recorder=True) as made:
            await until(lambda: panel.item)
            found = background.running(paths)
            assert found is not None
            os.kill(found.pid, signal.SIGKILL)
            await until(lambda: _has(panel, "The recorder does not run"))
            assert made.poll() is None
            await panel.choose("The recorder does not run")
            await until(lambda: background.running(paths), "the row starts it")
            made.kill()
            made.wait()
            assert background.running(paths) is not None
        panel.close()

    asyncio.run(run())


def test_the_command_starts_it_once_and_stops_it(env: Env) -> None:
    def said(*words: str, code: int = 0) -> str:
        done = subprocess.run([command(), *words], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout

    try:
        assert "has no tray" in said("tray")
        assert "already running" in said("tray")
        assert "The tray runs" in said("tray", "status")
        assert "the recorder keeps running" in said("tray", "stop")
        assert "isn't running" in said("tray", "stop")
        assert "isn't running" in said("tray", "status", code=1)
        assert "The recorder runs" in said("status")
    finally:
        subprocess.run([command(), "tray", "stop"], env=env, check=True, capture_output=True)
        subprocess.run([command(), "stop"], env=env, check=True, capture_output=True)
