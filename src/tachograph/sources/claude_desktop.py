"""Claude Desktop's samples of the plan's limits: one every 5 to 15 minutes while it runs, kept for 30 days.

`{"version": 2, "samples": [{"t": epoch ms, "org": uuid, "u": {"fh": 5-hour %, "sd": 7-day %, "xu": extra usage %}}]}`,
percentages from 0 to 100. It names the organization but no account, and no reset (read by several tools, 2026).
"""

from __future__ import annotations

import os
import sys

from tachograph.lean_json import loads
from tachograph.lean_typing import TYPE_CHECKING, Iterator, Mapping
from tachograph.model.limits.limits import DESKTOP, FIVE_HOUR, SEVEN_DAY, AccountId, ExtraUsage, Limit, Reading
from tachograph.model.parsing import describe, epoch_ms, limit_name, percentage, text
from tachograph.paths import home_folder

if TYPE_CHECKING:
    from collections import Counter

VERSION = 2
_FILE = "plan-usage-history.json"
_PACKAGE = "Claude_pzs8sxrjxfjjc"  # what Windows calls Claude Desktop where it came from the store
_WINDOWS = {"fh": FIVE_HOUR, "sd": SEVEN_DAY}


def history_files(env: Mapping[str, str], platform: str = sys.platform) -> list[str]:
    """Candidate paths of Claude Desktop's samples on this platform. Does not touch the disk."""
    home = home_folder(env)
    if platform == "darwin":
        folders = [os.path.join(home, "Library", "Application Support", "Claude")]
    elif platform == "win32":
        local = env.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        folders = [
            os.path.join(env.get("APPDATA") or os.path.join(home, "AppData", "Roaming"), "Claude"),
            os.path.join(local, "Packages", _PACKAGE, "LocalCache", "Roaming", "Claude"),
        ]
    else:
        folders = [os.path.join(env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "Claude")]
    return [os.path.join(folder, _FILE) for folder in folders]


def readings(data: bytes, since_ms: int) -> tuple[list[Reading], list[str]]:
    """The samples after a moment, oldest first, and problems, each kind once with its number."""
    from collections import Counter  # not where Claude Desktop has no samples

    problems: Counter[str] = Counter()
    found = [reading for sample in _samples(data, problems) if (reading := _reading(sample, since_ms, problems))]
    found.sort(key=lambda reading: reading.observed_at)
    return found, [f"{what} ({count} times)" if count > 1 else what for what, count in problems.items()]


def _samples(data: bytes, problems: Counter[str]) -> Iterator[object]:
    try:
        document = loads(data)
    except (ValueError, RecursionError):
        problems[f"{_FILE}: half-written or no JSON"] += 1
        return
    samples = document.get("samples") if isinstance(document, Mapping) else None
    if not isinstance(samples, list):
        problems[f"{_FILE} holds no samples"] += 1
        return
    if document.get("version") != VERSION:
        problems[f"{_FILE} is of version {describe(document.get('version'))}; we know version {VERSION}"] += 1
    yield from samples


def _reading(sample: object, since_ms: int, problems: Counter[str]) -> Reading | None:
    used = sample.get("u") if isinstance(sample, Mapping) else None
    at = sample.get("t") if isinstance(sample, Mapping) else None
    if not isinstance(sample, Mapping) or not isinstance(used, Mapping) or epoch_ms(at) is None:
        problems["a sample holds no time or no percentages"] += 1
        return None
    observed_at = epoch_ms(at) or 0
    if observed_at <= since_ms:
        return None
    limits, extra = [], None
    for key, value in used.items():
        percent = percentage(value)
        if value is None:
            continue
        if percent is None:
            problems[f"{text(key)} is {describe(value)}, not a percentage: left out"] += 1
        elif key in _WINDOWS:
            name = limit_name(_WINDOWS[key])
            limits.append(Limit(_WINDOWS[key], name.label, name.group, percent, None))
        elif key == "xu":
            extra = ExtraUsage(None, None, None, percent)
        else:
            problems[f"Claude Desktop notes something new: {text(key)}"] += 1
    if not limits and extra is None:
        return None
    account = AccountId("", text(sample.get("org"))) if text(sample.get("org")) else None
    return Reading(DESKTOP, observed_at, account=account, limits=tuple(limits), extra=extra)
