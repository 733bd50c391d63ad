"""Import the limits that other programs on this machine have already written down.

The cached answer in `.claude.json` and the samples of Claude Desktop; what Claude Code pipes to its status line comes
by itself (ui/documents/statusline.py), and notices in transcripts with the transcripts (ingest.py).
"""

import os

from tachograph.lean_typing import Mapping
from tachograph.ledger.limits import accounts, readings
from tachograph.ledger.storage.connection import Ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import CLAUDE_JSON, CLOCK, DESKTOP, OK, Reading
from tachograph.recorder.config_folders import followed
from tachograph.sources import claude_config, claude_desktop

_LARGEST = 32 << 20  # of a history of samples


def collect(ledger: Ledger, env: Mapping[str, str], now_ms: int) -> list[str]:
    """Bring the ledger's readings up to date; returns the problems, in plain words. Raises LedgerError."""
    problems: list[str] = []
    fresh: list[tuple[str, Reading]] = []
    identities = {}
    for folder in followed(ledger.db, env):
        read = tuple(claude_config.documents(folder, env))
        seen = claude_config.identity(folder, env, read)
        if seen is not None and seen.problem:
            problems.append(seen.problem)
        elif seen is not None:
            identities[folder] = accounts.Identity(*seen[:4])
        reading = claude_config.cached_reading(folder, env, read)
        if reading is not None and reading.outcome != OK:
            problems += reading.problems
        elif reading is not None and reading.observed_at > readings.last_at(ledger.db, CLAUDE_JSON, folder, now_ms):
            fresh.append((folder, reading))
    found, wrong = _samples(env, readings.last_at(ledger.db, DESKTOP, "", now_ms))
    fresh += [("", reading) for reading in found]
    problems += wrong
    new = [folder for folder, who in identities.items() if not accounts.is_known(ledger.db, folder, who)]
    if fresh or new:
        from tachograph.ledger.limits import clock_repair

        with ledger.transaction() as db:
            names = Strings(db)
            clock_repair.repair_clock(db, now_ms)
            for folder, who in identities.items():
                accounts.observe(db, names, folder, who, now_ms)
            for folder, reading in fresh:
                account = readings.account_id(db, reading.account, names.id(folder), now_ms)
                if clock_repair.was_ahead(db, reading.source, reading.observed_at):
                    continue
                if clock_repair.is_ahead(db, account, reading.observed_at, now_ms):
                    minutes = f"{(reading.observed_at - now_ms) // 60_000}"
                    reading = reading._replace(outcome=CLOCK, observed_at=now_ms - 1, problems=(minutes,))
                readings.append(db, names, reading, folder)
    return list(dict.fromkeys(problems))


def _samples(env: Mapping[str, str], since_ms: int) -> tuple[list[Reading], list[str]]:
    found: list[Reading] = []
    problems: list[str] = []
    for path in claude_desktop.history_files(env):
        try:
            with open(path, "rb") as file:
                data = file.read(_LARGEST)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{os.path.basename(path)} of Claude Desktop cannot be read: {error.strerror}")
            continue
        samples, wrong = claude_desktop.readings(data, since_ms)
        found += samples
        problems += [f"Claude Desktop's samples: {what}" for what in wrong]
    return found, problems
