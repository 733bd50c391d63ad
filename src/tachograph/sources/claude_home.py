"""Who is logged in for a Claude Code config folder, from the identity that `.claude.json` holds. No secret stands there."""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from tachograph.paths import identity_files

_LARGEST = 64 << 20  # the file also holds project histories; beyond this it is not what we know


class Seen(NamedTuple):
    """Account and organisation uuid, label and plan; or a problem in words where the file could not be read."""

    account: str
    organization: str
    label: str
    plan: str
    problem: str = ""


def identity(folder: str, env: Mapping[str, str]) -> Seen | None:
    """The identity logged in for a config folder, None where no file names one. Never changes the file."""
    trouble = None
    for path in identity_files(folder, env):
        try:
            with open(path, "rb") as file:
                data = file.read(_LARGEST)
        except FileNotFoundError:
            continue
        except OSError as error:
            trouble = Seen("", "", "", "", f"{path}: {error.strerror}")
            continue
        try:
            found = _of(json.loads(data))
        except (ValueError, RecursionError):
            trouble = Seen("", "", "", "", f"{path}: half-written or no JSON")  # written while we read: next time
            continue
        if found is not None:
            return found
    return trouble


def identity_signature(folder: str, env: Mapping[str, str]) -> tuple[int, ...]:
    """What shows that the identity files have not changed, without reading them."""
    signature: list[int] = []
    for path in identity_files(folder, env):
        try:
            status = os.stat(path)
        except OSError:
            signature.append(0)
        else:
            signature += (status.st_mtime_ns, status.st_size)
    return tuple(signature)


def _of(document: Any) -> Seen | None:
    account = document.get("oauthAccount") if isinstance(document, dict) else None
    if not isinstance(account, dict):
        return None

    def text(*keys: str) -> str:
        return next((v.strip()[:200] for key in keys if isinstance(v := account.get(key), str) and v.strip()), "")

    if not text("accountUuid"):
        return None
    label = text("emailAddress", "displayName", "organizationName")
    plan = text("organizationRateLimitTier", "userRateLimitTier", "organizationType")
    return Seen(text("accountUuid"), text("organizationUuid"), label, plan)
