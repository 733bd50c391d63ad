"""What the figures were measured on: the machine, the versions, and how busy it was."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

_ASK = """
import importlib.metadata, json, platform, sqlite3
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
print(json.dumps({"tachograph": version("tachograph"), "python": platform.python_version(),
                  "sqlite": sqlite3.sqlite_version, "msgspec": version("msgspec")}))
"""


def versions(python: Path) -> dict[str, str | None]:
    """What the measured interpreter runs with; None for what it does not have."""
    said = subprocess.run([python, "-I", "-c", _ASK], check=True, capture_output=True, timeout=60).stdout
    answer: dict[str, str | None] = json.loads(said)
    return answer


def machine() -> dict[str, object]:
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "load_average": os.getloadavg()[0],
    }


def available_bytes() -> int | None:
    """Memory that the page cache could still have; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    kib = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return int(kib) * 1024 if kib else None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
