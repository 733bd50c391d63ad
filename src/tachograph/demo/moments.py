"""Moments of an invented workday, and the files that Claude Code would write at each."""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tachograph.demo import records, usage_shapes
from tachograph.demo.records import Record

CWD = "/home/ada/code/shop"
_ACCOUNT, _ORGANIZATION = "ada00000-0000-4000-8000-000000000001", "ada00000-0000-4000-8000-000000000002"


class Moment(NamedTuple):
    """Events of a moment: `lines` are written to the transcript, `piped` goes to the status line, `served` is
    what the usage endpoint answers from then on, `cached` what Claude Code keeps of an answer of its own."""

    at: datetime
    says: str
    lines: tuple[Record, ...] = ()
    piped: Mapping[str, Any] | None = None
    served: Mapping[str, Any] | None = None
    cached: Mapping[str, Any] | None = None


class Scenario(NamedTuple):
    """A workday. `plan`: organization type and tier as the service names them; `asks`: the endpoint may be asked."""

    name: str
    title: str
    plan: tuple[str, str]
    asks: bool
    moments: tuple[Moment, ...]
    session: str
    week_resets: datetime
    week_before: float  # percent of the week on the evening before
    scoped_before: Mapping[str, float] = MappingProxyType({})  # the same of the weeks of model families


def sign_in(config: Path, played: Scenario) -> None:
    """Write who is logged in, and an invented login that never runs out."""
    config.mkdir(parents=True, exist_ok=True)
    kind, tier = played.plan
    account = {
        "accountUuid": _ACCOUNT,
        "emailAddress": "ada@example.org",
        "organizationUuid": _ORGANIZATION,
        "organizationName": "ada@example.org's Organization",
        "organizationType": kind,
        "organizationRateLimitTier": tier,
    }
    _write(config / ".claude.json", {"oauthAccount": account})
    login = {"accessToken": "sk-ant-oat01-invented", "expiresAt": 4_102_444_800_000, "scopes": ["user:profile"]}
    _write(config / ".credentials.json", {"claudeAiOauth": login, "organizationUuid": _ORGANIZATION})


def write_moment(config: Path, played: Scenario, moment: Moment) -> None:
    """Write Claude Code's records of a moment."""
    for line in moment.lines:
        path = transcript(config, played).with_name(f"{line.get('sessionId', played.session)}.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as file:
            file.write(records.dump([line]))
    if moment.cached is not None:
        known = json.loads((config / ".claude.json").read_bytes())
        at = int(moment.at.timestamp() * 1000)
        known["cachedUsageUtilization"] = {"fetchedAtMs": at, "accountUuid": _ACCOUNT, "utilization": moment.cached}
        _write(config / ".claude.json", known)


def transcript(config: Path, played: Scenario) -> Path:
    return config / "projects" / records.folder_name(CWD) / f"{played.session}.jsonl"


def profile(played: Scenario) -> dict[str, Any]:
    """Answer of the profile endpoint."""
    answer = usage_shapes.profile(played.plan[1], played.plan[0])
    answer["account"] |= {"uuid": _ACCOUNT, "email": "ada@example.org", "full_name": "Ada", "display_name": "Ada"}
    answer["organization"] |= {"uuid": _ORGANIZATION, "name": "ada@example.org's Organization"}
    return answer


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
    os.chmod(path, 0o600)
