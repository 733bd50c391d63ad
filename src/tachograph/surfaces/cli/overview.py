"""A bare `tachograph`: one screen."""

import argparse

from tachograph.paths import config_folders
from tachograph.questions.overview import Overview, overview
from tachograph.surfaces.cli.reading import Reading, problems, reading
from tachograph.surfaces.output import Context
from tachograph.surfaces.overview import empty, screen


def run(arguments: argparse.Namespace, context: Context) -> int:
    def ask(now: Reading) -> tuple[Overview, dict[str, int]]:
        return overview(now.db, now.book, now.calendar, now.now), problems(now)

    seen, wrong = reading(arguments, context, ask)
    if seen.is_empty:
        from tachograph.setup.doctor import has_transcripts

        lines = empty(config_folders(context.env), wrong, context.room, are_logs=has_transcripts(context.env))
    else:
        lines = screen(seen, wrong, context.room, context.style, blocks=context.can_show("█"))
    for line in lines:
        print(line, file=context.out)
    return 0
