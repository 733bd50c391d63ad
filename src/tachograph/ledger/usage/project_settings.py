"""Settings of projects as one text each, cheap to compare with those that the ledger was last worked out with."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

ALIASES = "project aliases"  # name of the preference
DEFAULT_BRANCHES = "default branches"  # as well


def settings_text(table: Mapping[str, str | Sequence[str]]) -> str:
    """A table as text; empty for an empty one."""
    return json.dumps(dict(sorted(table.items())), ensure_ascii=False) if table else ""


def parse_settings_text(text: str) -> dict[str, Any]:
    if text and not text.startswith("{"):  # as earlier versions wrote aliases
        return dict(line.split("\t", 1) for line in text.split("\n") if "\t" in line)
    table = json.loads(text) if text else {}
    return table if isinstance(table, dict) else {}
