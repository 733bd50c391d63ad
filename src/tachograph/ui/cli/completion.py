"""`tachograph completion SHELL`: prints what a shell needs to complete our commands and flags."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.ui.cli.context import Context
from tachograph.ui.cli.parser import parser as whole_parser

if TYPE_CHECKING:
    import argparse

_HOW = {
    "bash": 'eval "$(tachograph completion bash)"   in ~/.bashrc',
    "zsh": 'tachograph completion zsh > "${fpath[1]}/_tachograph"',
    "fish": "tachograph completion fish > ~/.config/fish/completions/tachograph.fish",
    "tcsh": "tachograph completion tcsh > ~/.tachograph.tcsh, and source it in ~/.tcshrc",
}


def add_flags(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("shell", choices=shells(), help="which shell to print it for")
    parser.epilog = "To install it: " + "; ".join(f"{shell}: {how}" for shell, how in _HOW.items() if shell in shells())


def shells() -> tuple[str, ...]:
    import shtab

    return tuple(shell for shell in _HOW if shell in shtab.SUPPORTED_SHELLS)


def run(arguments: argparse.Namespace, context: Context) -> int:
    import shtab

    script = shtab.complete(whole_parser(None, all_flags=True), shell=arguments.shell)
    print(_with_alias(script, arguments.shell), file=context.out)
    return 0


def _with_alias(script: str, shell: str) -> str:
    """The same completion for `tacho`, our other name; tcsh has no way to share one."""
    if shell == "bash":
        return f"{script}\ncomplete -o filenames -F _shtab_tachograph tacho"
    if shell == "zsh":
        return script.replace("#compdef tachograph", "#compdef tachograph tacho", 1)
    return f"{script}\ncomplete --command tacho --wraps tachograph" if shell == "fish" else script
