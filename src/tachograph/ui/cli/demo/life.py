"""The demo's session that goes on while its dashboard is open: an answer every few seconds, through the same files and the
same reading of them as a real one's."""

import contextlib
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tachograph.background import pause
from tachograph.demo import records
from tachograph.ledger.storage.open import open_ledger
from tachograph.paths import own_paths
from tachograph.recorder.ingest import ingest
from tachograph.ui.cli.context import Context

_EVERY_SECONDS = 3.0
_TOOLS = ("Edit", "Bash", "Read", "Grep", "Bash", "Edit")


def go_on(home: str, context: Context, answers: int | None = None, every: float = _EVERY_SECONDS) -> None:
    """Continue the session until Ctrl-C, or for `answers` answers."""
    number, grown = 0, 60_000
    with contextlib.suppress(KeyboardInterrupt):
        while answers is None or number < answers:
            number += 1
            grown = 40_000 if grown > 160_000 else grown + 400 + number * 977 % 2_600
            _answer(Path(home), context, number, grown)
            pause(every)


def _answer(home: Path, context: Context, place: int, grown: int) -> None:
    """One answer more in the transcript that was written last, and a pass over it."""
    now = context.clock.now_ms()
    transcripts = (path for path in (home / ".claude" / "projects").rglob("*.jsonl") if path.parent.name != "subagents")
    newest = max(transcripts, key=lambda path: path.stat().st_mtime)
    last = _last(newest)
    number = secrets.token_hex(11)
    line = records.assistant(
        f"msg_01{number}",
        at=datetime.fromtimestamp(now / 1000, UTC),
        session=last.get("sessionId", newest.stem),
        cwd=last.get("cwd", "/home/ada/code/shop"),
        branch=last.get("gitBranch", "main"),
        model="claude-opus-5-5",
        input=3,
        output=120 + place * 397 % 2_280,
        cache_write_1h=300 + place * 631 % 2_700,
        cache_read=grown,
        request=f"req_{number}",
        content=[{"type": "tool_use", "id": f"toolu_{number}", "name": _TOOLS[place % len(_TOOLS)], "input": {}}],
    )
    with open(newest, "ab") as file:
        file.write(records.dump([line]))
    with open_ledger(own_paths(context.env), now) as ledger:
        ingest(ledger, context.env, now)


def _last(path: Path) -> dict[str, Any]:
    """The last record of a transcript that says where its session stands."""
    for line in reversed(path.read_bytes().splitlines()[-40:]):
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict) and record.get("cwd") and record.get("type") == "assistant":
                return record
    return {}
