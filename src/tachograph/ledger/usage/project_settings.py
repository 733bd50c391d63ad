"""Settings of projects as one text each, cheap to compare with those that the ledger was last worked out with."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

ALIASES = "project aliases"  # name of the preference
DEFAULT_BRANCHES = "default branches"  # as well


def settings_text(table: Mapping[str, str | Sequence[str]]) -> str:
    """A table as text; empty for an empty one."""
    if not table:
        return ""
    import json  # only for those who have set something

    return json.dumps(dict(sorted(table.items())), ensure_ascii=False)


def parse_settings_text(text: str) -> dict[str, Any]:
    if text and not text.startswith("{"):  # as earlier versions wrote aliases
        return dict(line.split("\t", 1) for line in text.split("\n") if "\t" in line)
    if not text:
        return {}
    import json

    table = json.loads(text)
    return table if isinstance(table, dict) else {}
