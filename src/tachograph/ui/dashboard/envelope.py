"""The envelope of every JSON answer; docs/json.md describes it."""

import json
from typing import Any

from tachograph.text.format import iso
from tachograph.ui.documents.reports import FORMAT
from tachograph.workspace.pool import LedgerPool
from tachograph.workspace.snapshot import Snapshot


def envelope(
    path: str, data: object, pool: LedgerPool, snapshot: Snapshot | None = None, error: tuple[str, str] | None = None
) -> dict[str, Any]:
    """Data in its envelope. `error`: message and hint, instead of data."""
    return {
        "format": FORMAT,
        "route": path,
        "generated_at": iso(snapshot.now if snapshot else pool.now_ms()),
        "timezone": snapshot.calendar.zone_name if snapshot else None,
        "ledger": snapshot.version if snapshot else pool.version,
        "data": data,
        "problems": snapshot.problems.document() if snapshot else {},
        "error": None if error is None else {"message": error[0], "hint": error[1]},
    }


def to_json(value: object, errors: str = "replace") -> bytes:
    """A value as JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", errors)
