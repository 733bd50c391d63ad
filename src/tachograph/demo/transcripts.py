"""Writes some weeks of invented Claude Code transcripts under a config folder, for the demo and for tests.

The same arguments always give the same bytes. No file is ever overwritten.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from tachograph.demo import records
from tachograph.demo.conversation import Conversation, converse
from tachograph.demo.plans import Plan, plans
from tachograph.demo.records import Record
from tachograph.demo.script import Script
from tachograph.errors import UsageError

LAST_WORD = timedelta(minutes=3)  # the running session's last answer, before `end`


class WriteTotals(NamedTuple):
    """Totals of the written files: `messages` counts every billed message once, and the extra billed parts of one.

    `files` and `bytes` are those of the `.jsonl` files; the times are of the first and the last billed message.
    """

    folder: Path
    files: int
    sessions: int
    messages: int
    bytes: int
    first_at: datetime
    last_at: datetime


def write(
    config: Path,
    *,
    end: datetime,
    days: int = 60,
    seed: int = 7,
    identity: Path | None = None,
    models: Mapping[str, str] = MappingProxyType({}),
) -> WriteTotals:
    """Write the transcripts of the `days` days up to `end` under `config`, and who is logged in beside it.

    `end` is the demo's now: the last session still goes on; its zone is where Ada lives (naive means UTC).
    `identity` is the path of `.claude.json`, by default in the folder that holds `config`; `models` replaces models.
    Raises UsageError, before anything is written, where somebody's transcripts or identity are already.
    """
    now = end if end.tzinfo else end.replace(tzinfo=UTC)
    _must_be_free(config / "projects", owner := identity or config.parent / ".claude.json")
    _create(owner, _pretty(_identity(now)), now)
    planned = [
        plan._replace(script=plan.script._replace(model=models.get(plan.script.model, plan.script.model)))
        for plan in plans(now, days, Random(f"{seed} plan"))
    ]
    billed: list[datetime] = []
    sizes: list[int] = []
    for script, talk in _play_session(planned, now, seed):
        billed += talk.billed
        sizes += _store(config, script, talk)
    return WriteTotals(config, len(sizes), len(planned), len(billed), sum(sizes), min(billed), max(billed))


def _must_be_free(projects: Path, identity: Path) -> None:
    if identity.exists() or (projects.exists() and any(projects.iterdir())):
        message = f"{projects.parent} is in use: the demo writes only into an empty folder"
        raise UsageError(message, "name an empty folder")


def _play_session(planned: Sequence[Plan], now: datetime, seed: int) -> list[tuple[Script, Conversation]]:
    zone = now.tzinfo or UTC
    played: list[tuple[Script, Conversation]] = []
    for number, (script, fork_of) in enumerate(planned):
        if fork_of is not None:
            script = script._replace(earlier=played[fork_of][1].as_earlier)
        talk = converse(script, Random(f"{seed} {number}"), zone)
        if number == len(planned) - 1:  # a rehearsal showed how long it takes: play it so that it ends on time
            late = now - LAST_WORD - max(talk.billed)
            script = script._replace(acts=[a._replace(start=a.start + late, until=a.until + late) for a in script.acts])
            talk = converse(script, Random(f"{seed} {number}"), zone)
        played.append((script, talk))
    return played


def _store(config: Path, script: Script, talk: Conversation) -> list[int]:
    """Write the files of one session; returns their sizes."""
    lines: list[Record | bytes] = list(talk.records)
    if "garbage" in script.odd:
        lines.insert(len(lines) // 2, _half_a_line(talk.records) + b'{"parentUuid":null}\n')
    if "torn" in script.odd:
        lines.append(_half_a_line(talk.records))
    folder = config / "projects" / records.folder_name(script.cwd)
    sizes = [_create(folder / f"{script.session}.jsonl", records.dump(lines), talk.ended)]
    for helper in talk.helpers:
        path = folder / script.session / "subagents" / f"agent-{helper.agent}.jsonl"
        sizes.append(_create(path, records.dump(helper.records), talk.ended))
        _create(path.with_suffix(".meta.json"), _pretty(helper.meta), talk.ended)
    return sizes


def _half_a_line(written: Sequence[Record]) -> bytes:
    """The beginning of an answer's line, as a client leaves it that dies while writing."""
    last = next(record for record in reversed(written) if record["type"] == "assistant")
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    whole = last | {"message": {"id": "msg_01" + "0" * 22, "role": "assistant", "model": "unknown", "usage": usage}}
    line = records.dump([whole])
    return line[: line.index(b'"cache_read_input')]


def _create(path: Path, content: bytes, at: datetime) -> int:
    """Write a new file that was last changed at that time; returns its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as file:
        file.write(content)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return len(content)


def _pretty(value: Record) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def _identity(now: datetime) -> Record:
    """The login that Claude Code stores: Ada, on a Max 20x plan."""
    mail = "ada@example.org"
    account = {
        "accountUuid": "ada00000-0000-4000-8000-000000000001",
        "emailAddress": mail,
        "organizationUuid": "ada00000-0000-4000-8000-000000000002",
        "organizationName": f"{mail}'s Organization",
        "organizationType": "claude_max",
        "organizationRateLimitTier": "default_claude_max_20x",
        "userRateLimitTier": None,
        "seatTier": None,
        "billingType": "stripe_subscription",
        "hasExtraUsageEnabled": False,
        "subscriptionCreatedAt": "2025-03-01T10:05:00Z",
        "displayName": "Ada",
        "organizationRole": "admin",
        "profileFetchedAt": int((now - timedelta(hours=3)).timestamp() * 1000),
    }
    return {"numStartups": 412, "userID": "ada0" * 16, "oauthAccount": account, "projects": {}}
