"""The command line: one file for each group of commands."""

import importlib
from collections.abc import Sequence


def run(argv: Sequence[str]) -> int:
    """Parse and carry out a command; returns its exit code."""
    from tachograph.surfaces.cli.parser import parsed
    from tachograph.surfaces.output import system_context

    arguments = parsed(argv)
    context = system_context()
    command = importlib.import_module(f"tachograph.surfaces.cli.{arguments.module}")
    code: int = command.run(arguments, context)
    return code
