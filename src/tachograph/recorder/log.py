"""The log of a background process: lines with a time, at most two files, no secrets."""

import os
from collections.abc import Callable

from tachograph.clock import Clock
from tachograph.text.format import iso, safe

_LONGEST = 512 * 1024


def logger(path: str | None, clock: Clock, say: Callable[[str], None]) -> Callable[[str], None]:
    """A function that writes a line with its time to a file or, without a path, to `say`."""

    def log(text: str) -> None:
        line = f"{iso(clock.now_ms())}  {_clean(text)}"
        if path is None:
            say(line)
            return
        try:
            if os.path.exists(path) and os.path.getsize(path) > _LONGEST:
                os.replace(path, f"{path}.1")
            handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            with open(handle, "a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        except OSError:
            pass  # a full disk: the process goes on without a log

    return log


def last_problem(path: str) -> str:
    """The last line of a log before "has ended", without its time; "" if it can't be read."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 4096))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = [line.partition("  ")[2] for line in lines]
    return next((words for words in reversed(said) if words and not words.endswith("has ended.")), "")


def _clean(text: str) -> str:
    """A line for a log, without terminal escapes and without anything that looks like a login."""
    import re

    return safe(re.sub(r"sk-ant-[A-Za-z0-9_\-]+", "(a login)", text))
