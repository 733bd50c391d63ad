"""A real terminal for tests: tmux, with a server of its own."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest


class Terminal:
    """A terminal with a shell in it."""

    def __init__(self, socket: Path, env: Mapping[str, str], columns: int, rows: int) -> None:
        self._socket, self._env = socket, {**env, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PS1": "$ "}
        self._tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "sh")
        self._tmux("set-option", "-g", "status", "off")
        self._tmux("set-option", "-g", "window-size", "manual")
        self.resize(columns, rows)
        # what is typed before the shell has said its prompt is shown twice
        self.wait(lambda lines: any(line.strip() for line in lines), "the shell")

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-f", os.devnull, "-S", str(self._socket), *arguments]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def type(self, line: str) -> None:
        self._tmux("send-keys", "-l", line)
        self.key("Enter")

    def key(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def lines(self, *, codes: bool = False) -> list[str]:
        return self._tmux("capture-pane", "-p", *(["-e"] if codes else [])).split("\n")[:-1]

    def says(self, what: str) -> str:
        """A value of the terminal, by tmux's name."""
        return self._tmux("display-message", "-p", f"#{{{what}}}").strip()

    def wait(self, is_there: Callable[[list[str]], bool], what: str, seconds: float = 60.0) -> list[str]:
        """The lines as soon as they are as they should be."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            lines = self.lines()
            if is_there(lines):
                return lines
            time.sleep(0.03)
        raise AssertionError(f"{what} did not come:\n" + "\n".join(self.lines()))

    def close(self) -> None:
        self._tmux("kill-server")


@contextmanager
def terminal(env: Mapping[str, str], columns: int, rows: int) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not here")
    with tempfile.TemporaryDirectory(prefix="tg") as short:  # a socket's path may have a hundred characters
        made = Terminal(Path(short) / "s", env, columns, rows)
        try:
            yield made
        finally:
            made.close()
