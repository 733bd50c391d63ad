"""`tachograph projects --merge`, `--rename`, `--split`: aliases of projects, applied to the whole history."""

from __future__ import annotations

from tachograph.errors import NotFound
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.periods import Span
from tachograph.paths import own_paths
from tachograph.queries.usage.filters import matching_project
from tachograph.setup.settings_tables import stored_aliases, write_aliases
from tachograph.text.format import safe
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger

if TYPE_CHECKING:
    import argparse

EVERYTHING = Span(None, None)


def add_flags(parser: argparse.ArgumentParser) -> None:
    words = "count project A as part of B, in the whole history (writes [projects] in the settings)"
    parser.add_argument("--merge", nargs=2, metavar=("A", "B"), help=words)
    parser.add_argument("--rename", nargs=2, metavar=("A", "NAME"), help="show project A under another name")
    parser.add_argument("--split", metavar="NAME", help="undo every --merge and --rename that leads to a project")


def is_asked(arguments: argparse.Namespace) -> bool:
    return any(getattr(arguments, name, None) for name in ("merge", "rename", "split"))


def change(arguments: argparse.Namespace, context: Context) -> None:
    """Write the alias that the flags ask for. Raises NotFound for a project that is not there, or not one alone."""
    path = own_paths(context.env).settings
    aliases = stored_aliases(path)
    if arguments.split:
        name = _project(arguments, context, arguments.split)
        kept = {key: value for key, value in aliases.items() if value != name and key != name}
        if kept == aliases:
            raise NotFound(
                f"No alias leads to {arguments.split!r}.", "Aliases are in [projects] of the settings: " + path
            )
        write_aliases(path, kept)
        context.say(f"Split {safe(arguments.split)} again: {len(aliases) - len(kept)} removed from {path}.")
        return
    source = _project(arguments, context, (arguments.merge or arguments.rename)[0])
    target = _project(arguments, context, arguments.merge[1]) if arguments.merge else arguments.rename[1].strip()
    if source == target:
        raise NotFound("That is one project already.", "Run `tachograph projects` to see them all.")
    changed = {key: target if value == source else value for key, value in aliases.items()}
    if changed == aliases:
        changed[source] = target
    changed = {key: value for key, value in changed.items() if key != value}
    write_aliases(path, changed)
    verb = "counts as" if arguments.merge else "is shown as"
    undo = f"Undo: tachograph projects --split {_shell_word(target)}"
    context.say(f"{safe(source)} {verb} {safe(target)} from now on, in the whole history ({path}). {undo}")


def _project(arguments: argparse.Namespace, context: Context, name: str) -> str:
    """The path or name of the one project that is meant."""
    return ask_ledger(arguments, context, lambda now: matching_project(now.db, name))


def _shell_word(text: str) -> str:
    import shlex

    return shlex.quote(safe(text))
