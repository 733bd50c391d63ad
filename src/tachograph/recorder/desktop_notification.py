"""Show a notification of the desktop, in a process of its own with a deadline: a desktop may hang.

desktop-notifier speaks to the desktop on Linux and Windows; on macOS it needs a signed application bundle, so there
`osascript` does it. The recorder itself never loads any of that.
"""

import os
import sys
from collections.abc import Mapping

from tachograph import processes

DEADLINE_SECONDS = 8.0
_WINDOWS_SECONDS = 20.0  # an icon of our own stays for five of them (windows_balloon.py)
_SCRIPT = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"


def notify(title: str, text: str, sound: bool, env: Mapping[str, str], platform: str = sys.platform) -> str:
    """Show it; "" if that worked, else the reason in plain words. Never raises, never exceeds the deadline."""
    if platform.startswith("linux") and not (env.get("DBUS_SESSION_BUS_ADDRESS") or env.get("XDG_RUNTIME_DIR")):
        return "there is no desktop session here"
    title, text = _plain(title), _plain(text)
    command = processes.own_module(
        "tachograph.recorder.desktop_notification", title, text, "sound" if sound else "silent"
    )
    if platform == "darwin":
        command = ["/usr/bin/osascript", "-e", _SCRIPT, title, text]
    try:
        done = processes.run(command, env, _WINDOWS_SECONDS if platform == "win32" else DEADLINE_SECONDS)
    except OSError as error:
        return f"{os.path.basename(command[0])}: {error.strerror}"
    if done.code is None:
        return "the desktop did not answer"
    if done.code == 0:
        return ""
    return (done.errors.decode("utf-8", "replace").strip().splitlines() or ["the desktop refused it"])[-1][:200]


def _plain(text: str) -> str:
    """The text without characters that a desktop may take for markup."""
    return "".join(c for c in text.replace("<", "‹").replace(">", "›").replace("&", "+") if c.isprintable())


async def _show(title: str, text: str, sound: bool) -> None:
    from desktop_notifier import DEFAULT_SOUND, DesktopNotifier, Urgency

    notifier = DesktopNotifier(app_name="Tachograph")
    await notifier.send(title, text, urgency=Urgency.Normal, sound=DEFAULT_SOUND if sound else None)


def main(title: str, text: str, sound: str) -> int:
    if sys.platform == "win32":
        from tachograph.recorder import windows_balloon

        if windows_balloon.show(title, text, sound == "sound"):
            return 0
        print("Windows refused it", file=sys.stderr)
        return 1
    import asyncio
    import logging

    failures: list[str] = []

    class Listener(logging.Handler):
        """The library raises nothing where a desktop refuses: it logs it."""

        def emit(self, record: logging.LogRecord) -> None:
            cause = record.exc_info[1] if record.exc_info else None
            failures.append(f"{record.getMessage()}{f': {cause}' if cause else ''}".replace("\n", " "))

    logging.basicConfig(level=logging.WARNING, handlers=[Listener()])
    try:
        asyncio.run(asyncio.wait_for(_show(title, text, sound == "sound"), DEADLINE_SECONDS - 1))
    except ImportError:
        print("desktop-notifier is not installed", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - a desktop may fail in any way: it is said, and nothing else ends
        print(f"the desktop refused it ({type(error).__name__}: {error})", file=sys.stderr)
        return 1
    if failures:
        print(f"the desktop refused it ({failures[0]})", file=sys.stderr)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
