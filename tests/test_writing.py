"""Names, docstrings, help, errors and documentation are written as docs/writing.md says; measured by tools/check_writing.py."""

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tachograph.ui.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", ROOT / "docs", *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md"))]
# a share of all, with the findings that are left in the message of a failure
MOST_OPENINGS = 0.03
MOST_CONSTRUCTIONS = 0.03
MOST_CONSTRUCTIONS_IN_DOCS = 0.03
MOST_PARTICIPLES = 0.04
LEAST_DOCUMENTED = 0.764  # of public names, as on 2026-11-26
NOT_IMPERATIVE = re.compile(r"^(?:the|a|an|one|what|which|who|how|for|is|no|your|all|past|in)\b", re.IGNORECASE)


def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_writing", ROOT / "tools" / "check_writing.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHECK = checker()


@cache
def source() -> Any:
    """The measures of the whole source, taken once."""
    return CHECK.measure([ROOT / "src"])


@pytest.mark.parametrize(
    ("kind", "most"),
    [("opening", MOST_OPENINGS), ("construction", MOST_CONSTRUCTIONS), ("participle", MOST_PARTICIPLES)],
)
def test_few_docstrings_names_and_messages_of_the_source_break_the_rules(kind: str, most: float) -> None:
    measured = source()
    assert measured.docstrings > 1_000 and measured.functions > 1_500  # it reads something
    left = [f"{one.path}:{one.line} {one.text}" for one in measured.findings if one.kind == kind]
    assert measured.share(kind) <= most, "\n".join(left)


def test_few_sentences_of_the_documentation_break_the_rules() -> None:
    measured = CHECK.measure([path for path in DOCS if path.exists()])
    assert measured.sentences > 300
    left = [f"{one.path}:{one.line} {one.text}" for one in measured.findings]
    assert measured.share("construction") <= MOST_CONSTRUCTIONS_IN_DOCS, "\n".join(left)


def test_public_names_keep_their_docstrings() -> None:
    measured = source()
    assert measured.documented / measured.public >= LEAST_DOCUMENTED


def test_command_summaries_are_imperative_lines() -> None:
    odd = [one.help for one in COMMANDS if NOT_IMPERATIVE.match(one.help) or one.help.endswith(".")]
    assert len(odd) <= 2, odd


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What a thing is.", True),
        ("The value nobody knows.", True),
        ("Use it where there is a ledger.", True),
        ("Show usage per session.", False),
        ("Print what you used.", False),
    ],
)
def test_the_check_finds_what_it_is_for(text: str, found: bool, tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text(f'def name():\n    """{text}"""\n')
    assert bool(CHECK.measure([file]).findings) == found


@pytest.mark.parametrize(("name", "is_one"), [("said", True), ("_parsed", True), ("feed", False), ("is_used", False)])
def test_bare_participles_are_told_from_other_names(name: str, is_one: bool) -> None:
    assert CHECK.is_participle(name) == is_one
