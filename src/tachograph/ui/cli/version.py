"""`tachograph --version --verbose`: the version with system, Python, scanner and files."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.setup.platform_facts import platform_facts
from tachograph.text.format import safe
from tachograph.ui.cli.context import Context

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace, context: Context) -> int:
    facts = platform_facts(context.env)
    print(f"tachograph {facts.pop('tachograph')}", file=context.out)
    for name, value in facts.items():
        print(f"  {name:9} {safe(value)}", file=context.out)
    return 0
