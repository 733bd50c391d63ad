"""The `.claude.json` of a Claude Code config folder: the login, and the limits as Claude Code last fetched them.

The file holds no secret. Claude Code writes the file all the time: a half-written one is reported, never changed.
"""

from __future__ import annotations

import os

from tachograph.lean_json import loads
from tachograph.lean_typing import TYPE_CHECKING, Iterable, Iterator, Mapping, NamedTuple
from tachograph.paths import identity_files

if TYPE_CHECKING:
    from typing import Any

    from tachograph.model.limits.limits import Reading

_LARGEST = 64 << 20  # the file also holds project histories; beyond this it is not what we know


class LoginIdentity(NamedTuple):
    """Account and organization uuid, label and plan; or the problem of an unreadable file."""

    account: str
    organization: str
    label: str
    plan: str
    problem: str = ""


def identity(folder: str, env: Mapping[str, str], read: Iterable[Document] | None = None) -> LoginIdentity | None:
    """The identity logged in for a config folder, None where no file names one. Never changes the file.

    `read`: what `documents` gave for the folder, for who asks for the cached limits too: the file may have megabytes.
    """
    trouble = None
    for one in documents(folder, env) if read is None else read:
        if one.problem:
            trouble = LoginIdentity("", "", "", "", one.problem)
        elif (found := _parse_identity(one.document, one.written_ms)) is not None:
            return found
    return trouble


def cached_reading(folder: str, env: Mapping[str, str], read: Iterable[Document] | None = None) -> Reading | None:
    """The answer of the usage endpoint that Claude Code keeps (`cachedUsageUtilization`), or None.

    It may be days old: `observed_at` is when Claude Code fetched it. Where it cannot be read, the outcome is SHAPE and
    `observed_at` when the file was written.
    """
    from tachograph.model.limits.limits import CLAUDE_JSON, SHAPE, Reading  # not for a report's warm path

    trouble = None
    for one in documents(folder, env) if read is None else read:
        cached = _object(one.document).get("cachedUsageUtilization")
        if one.problem:
            trouble = Reading(CLAUDE_JSON, one.written_ms, SHAPE, problems=(one.problem,))
        elif isinstance(cached, Mapping) and cached.get("utilization") is not None:
            return _parse_cached(cached, _object(_object(one.document).get("oauthAccount")), one.written_ms)
    return trouble


def identity_signature(folder: str, env: Mapping[str, str]) -> tuple[int, ...]:
    """Modification times and sizes of the identity files: equal as long as the files are unchanged."""
    signature: list[int] = []

    for path in identity_files(folder, env):
        try:
            status = os.stat(path)
        except OSError:
            signature.append(0)
        else:
            signature += (status.st_mtime_ns, status.st_size)
    return tuple(signature)


class Document(NamedTuple):
    """An identity file: its content, when it was written (epoch ms), and why it cannot be read."""

    document: Any
    written_ms: int
    problem: str = ""


def documents(folder: str, env: Mapping[str, str]) -> Iterator[Document]:
    """The identity files that are there, decoded; or why one is not."""
    for path in identity_files(folder, env):
        written_ms = 0
        try:
            with open(path, "rb") as file:
                written_ms = os.fstat(file.fileno()).st_mtime_ns // 1_000_000
                data = file.read(_LARGEST)
            yield Document(loads(data), written_ms)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Document(None, written_ms, f"{path}: {error.strerror}")
        except (ValueError, RecursionError):
            yield Document(None, written_ms, f"{path}: half-written or no JSON")  # written while we read: next time


def _parse_cached(cached: Mapping[str, object], login: Mapping[str, object], written_ms: int) -> Reading:
    from tachograph.model.limits.limits import CLAUDE_JSON, SHAPE, AccountId, Reading
    from tachograph.model.parsing import epoch_ms, text
    from tachograph.sources.usage_payload import parse_usage, plan_name

    fetched_at = epoch_ms(cached.get("fetchedAtMs"))
    if fetched_at is None:
        return Reading(
            CLAUDE_JSON, written_ms, SHAPE, problems=("the cached limits do not say when they were fetched",)
        )
    found = parse_usage(cached.get("utilization"), source=CLAUDE_JSON, observed_at=fetched_at)
    uuid = text(cached.get("accountUuid"))
    if not uuid or uuid != text(login.get("accountUuid")):  # fetched before another login: its organization is unknown
        return found._replace(account=AccountId(uuid, "") if uuid else None)
    plan = plan_name(login.get("organizationType"), login.get("organizationRateLimitTier"), fetched_at)
    return found._replace(account=AccountId(uuid, text(login.get("organizationUuid"))), plan=plan)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _parse_identity(document: Any, written_ms: int) -> LoginIdentity | None:
    account = document.get("oauthAccount") if isinstance(document, dict) else None
    if not isinstance(account, dict):
        return None

    def text(*keys: str) -> str:
        return next((v.strip()[:200] for key in keys if isinstance(v := account.get(key), str) and v.strip()), "")

    if not text("accountUuid"):
        return None
    label = text("emailAddress", "displayName", "organizationName")
    from tachograph.sources.usage_payload import plan_name  # not for a report's warm path

    tier = text("organizationRateLimitTier", "userRateLimitTier")
    plan = plan_name(text("organizationType"), tier, written_ms) or ""
    return LoginIdentity(text("accountUuid"), text("organizationUuid"), label, plan)
