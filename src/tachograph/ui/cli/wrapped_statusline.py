"""The command that stood in Claude Code's status line before ours: it runs beside us, with the same input."""

import contextlib
import os
import signal
import subprocess

SECONDS = 4.0  # a status line that takes longer is cancelled by the next redraw anyway


class Other:
    """The other command, started at once; `output` waits for it."""

    def __init__(self, command: str | None, encoded: str | None, data: bytes) -> None:
        if encoded:
            from tachograph.setup.statusline import decoded

            command = decoded(encoded)
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None
        if command:
            with contextlib.suppress(OSError, ValueError):
                self._process = subprocess.Popen(  # noqa: S602 - the person's own command, run as Claude Code ran it
                    command,
                    shell=True,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=os.name != "nt",
                )

    def output(self) -> str:
        """What it printed, as it printed it; "" where it failed, said nothing or took too long."""
        if self._process is None:
            return ""
        try:
            printed, _ = self._process.communicate(self._data, SECONDS)
        except subprocess.TimeoutExpired:
            self._end()
            return ""
        except OSError:
            return ""
        return printed.decode("utf-8", "replace")

    def _end(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            if os.name == "nt":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
