"""Aliases of projects as one text, cheap to compare with those that projects were last resolved with."""

from collections.abc import Mapping

ALIASES = "project aliases"  # name of the preference


def alias_text(aliases: Mapping[str, str]) -> str:
    return "\n".join(f"{folder}\t{name}" for folder, name in sorted(aliases.items()))


def parse_alias_text(text: str) -> dict[str, str]:
    return dict(line.split("\t", 1) for line in text.split("\n")) if text else {}
