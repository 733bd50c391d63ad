"""The command line: one file for each group of commands."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING, Sequence

if TYPE_CHECKING:
    from tachograph.ui.cli.context import Context


PREPARED = ("daily", "weekly", "monthly", "projects", "models", "branches")  # reports that may have been prepared


def run(argv: Sequence[str]) -> int:
    """Parse and carry out a command in the surroundings of this process; returns its exit code."""
    from tachograph.ui.cli.context import system_context

    return carry_out(argv, system_context())


def carry_out(argv: Sequence[str], context: Context) -> int:
    """Parse and carry out a command in given surroundings. Raises TachographError."""
    if argv and argv[0] in PREPARED:
        from tachograph.recorder import prepared

        question = prepared.question(argv, context.env, context.shape)
        text = question and prepared.prepared_text(question, context.env, context.clock.now_ms())
        if text:
            context.out.write(text)
            return 0
        context = context._replace(question=question)
    from tachograph.ui.cli.quick_parser import quickly_parsed

    arguments = quickly_parsed(argv)
    if arguments is None:
        from tachograph.ui.cli.parser import parsed

        arguments = parsed(argv)
    command = __import__(f"tachograph.ui.cli.{arguments.module}", fromlist=["run"])
    code: int = command.run(arguments, context)
    return code
