"""The command that Claude Code's status line ran before ours: it runs beside us, with the same input."""

import contextlib

from tachograph import processes

SECONDS = 4.0  # a status line that takes longer is cancelled by the next redraw anyway
OUTPUT_BYTES = 64 << 10  # a status line is a few lines; more is a mistake, and would fill our memory


class WrappedCommand:
    """The other command, started at once; `output` waits for it."""

    def __init__(self, command: str | None, encoded: str | None, data: bytes) -> None:
        if encoded:
            from tachograph.setup.statusline import decode_command

            command = decode_command(encoded)
        self._process: processes.FedCommand | None = None
        if command:
            with contextlib.suppress(OSError, ValueError):
                self._process = processes.FedCommand(command, data, OUTPUT_BYTES)

    def output(self) -> str:
        """Its output as printed; "" where it failed, printed nothing or too much, or took too long."""
        printed = None if self._process is None else self._process.output(SECONDS)
        return "" if printed is None else printed.decode("utf-8", "replace")
