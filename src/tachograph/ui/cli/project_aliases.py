"""`tachograph projects --merge`, `--rename`, `--split`: aliases of projects, applied to the whole history."""

from __future__ import annotations

from tachograph.errors import NotFound, UsageError
from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ledger.usage.rollups import present
from tachograph.model.usage.periods import Span
from tachograph.model.usage.projects import folder_key
from tachograph.paths import own_paths
from tachograph.queries.usage.filters import matching_project
from tachograph.setup.settings_tables import stored_aliases, write_aliases
from tachograph.text.format import safe
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.question import ask_ledger

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from tachograph.workspace.snapshot import Snapshot

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
        kept = _without(aliases, arguments.split, lambda: _project(arguments, context, arguments.split))
        if kept == aliases:
            raise NotFound(
                f"No alias leads to {arguments.split!r}.", "Aliases are in [projects] of the settings: " + path
            )
        write_aliases(path, kept)
        context.say(f"Split {safe(arguments.split)} again: {len(aliases) - len(kept)} removed from {path}.")
        return
    source = _project(arguments, context, (arguments.merge or arguments.rename)[0])
    target = _project(arguments, context, arguments.merge[1]) if arguments.merge else _new_name(arguments, context)
    if source == target:
        raise NotFound("That is one project already.", "Run `tachograph projects` to see them all.")
    changed = {key: target if value == source else value for key, value in aliases.items()}
    if changed == aliases or folder_key(source).count("/"):  # a folder, and what was merged into it before
        changed[source] = target
    changed = {key: value for key, value in changed.items() if key != value}
    write_aliases(path, changed)
    verb = "counts as" if arguments.merge else "is shown as"
    undo = f"Undo: tachograph projects --split {_shell_word(target)}"
    context.say(f"{safe(source)} {verb} {safe(target)} from now on, in the whole history ({path}). {undo}")


def _without(aliases: dict[str, str], name: str, project: Callable[[], str]) -> dict[str, str]:
    """The aliases without those that lead to a project, by its name as an alias gives it, else by `project`."""
    kept = {key: value for key, value in aliases.items() if value != name}
    if kept != aliases:
        return kept
    path = project()
    names = {folder_key(path), path.rpartition("/")[2].lower()}
    return {
        key: value
        for key, value in aliases.items()
        if folder_key(value) not in names and value.lower() not in names and key != path
    }


def _new_name(arguments: argparse.Namespace, context: Context) -> str:
    """The name that a project gets. Raises UsageError for an empty one, and for that of another project."""
    source, name = arguments.rename[0], arguments.rename[1].strip()
    if not name:
        raise UsageError("A project needs a name.", f"tachograph projects --rename {_shell_word(source)} NAME")
    if not name.isprintable() or "/" in name or "\\" in name:
        raise UsageError(
            f"{safe(name)} can't be a project's name.", "Use printable characters without slashes, such as shop."
        )

    def known(now: Snapshot) -> bool:
        paths = [path for _, path in present(now.db, "project")]
        return any(name.lower() in (path.lower(), path.rpartition("/")[2].lower()) for path in paths)

    if ask_ledger(arguments, context, known):
        words = f"{_shell_word(source)} {_shell_word(name)}"
        raise UsageError(
            f"{safe(name)} is a project already.",
            f"Count them together: tachograph projects --merge {words}",
        )
    return str(name)


def _project(arguments: argparse.Namespace, context: Context, name: str) -> str:
    """The path or name of the one project that is meant."""
    return ask_ledger(arguments, context, lambda now: matching_project(now.db, name))


def _shell_word(text: str) -> str:
    import shlex

    return shlex.quote(safe(text))
