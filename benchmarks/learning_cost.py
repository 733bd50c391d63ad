#!/usr/bin/env python3
"""Measure what learning and forecasts cost a recorder over a working day: learning_cost.py HOME [HOURS]

HOME holds a year of transcripts and readings (`tachograph demo --days 365 --keep HOME`). The recorder runs step by step under
a clock of its own, while a session grows by a message a minute and the limits are read every minute. Prints CPU seconds as
JSON: of everything, and of learning in it.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tachograph.clock import Clock
from tachograph.demo import records
from tachograph.ledger.limits import readings
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import CLAUDE_JSON, FIVE_HOUR, SEVEN_DAY, AccountId, Limit, Reading
from tachograph.paths import own_paths
from tachograph.queries.limits.current import now as now_question
from tachograph.recorder import daemon
from tachograph.recorder import learn as recorder_learn

_STEP = 2  # seconds between two looks of the recorder while a session runs
_MESSAGE = 60


class _Moved(Clock):
    """A clock that is moved by hand, epoch seconds."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now_ms(self) -> int:
        return int(self.at * 1000)

    def monotonic(self) -> float:
        return self.at


def measure(home: Path, hours: float) -> dict[str, float]:
    """CPU seconds of a recorder over some hours of work, and of learning in them."""
    env = {**os.environ, "HOME": str(home), "CLAUDE_CONFIG_DIR": str(home / ".claude"), "TACHOGRAPH_HOME": str(home / ".tachograph")}  # fmt: skip
    paths = own_paths(env)
    clock = _Moved(time.time())
    spent = {"learning": 0.0}
    original = recorder_learn.learn

    def learn(*arguments: Any) -> Any:
        began = time.process_time()
        try:
            return original(*arguments)
        finally:
            spent["learning"] += time.process_time() - began

    vars(daemon)["learn"] = learn
    transcript = home / ".claude" / "projects" / "-bench-shop" / "0b5e55ed-0000-4000-8000-000000000001.jsonl"
    transcript.parent.mkdir(parents=True, exist_ok=True)
    with open_ledger(paths, clock.now_ms()) as ledger:
        account = next(one for one in now_question(ledger.db, clock.now_ms()).accounts if one.id)
        who = AccountId(account.uuid, account.organization)
        recorder = daemon.Recorder(paths, env, clock, lambda line: None)
        recorder.step(ledger)  # the first pass reads all transcripts
        spent["learning"] = total = 0.0
        begun, five, week = clock.at, 0.0, 10.0
        reset, week_reset = begun + 5 * 3600, begun + 5 * 86_400
        message = 0.0
        while clock.at < begun + hours * 3600:
            clock.at += _STEP
            if clock.at >= reset:
                reset, five = reset + 5 * 3600, 0.0
            if clock.at - message >= _MESSAGE:
                message, five, week = clock.at, five + 0.3, week + 0.03
                _work(transcript, clock.at)
                limits = (
                    Limit(FIVE_HOUR, "5-hour", "session", float(int(five)), int(reset * 1000)),
                    Limit(SEVEN_DAY, "7-day", "weekly", float(int(week)), int(week_reset * 1000)),
                )
                with ledger.transaction() as db:
                    readings.append(db, Strings(db), Reading(CLAUDE_JSON, clock.now_ms(), account=who, limits=limits))
            began = time.process_time()
            recorder.step(ledger)
            total += time.process_time() - began
    return {"hours": hours, "cpu_seconds": total, "learning_cpu_seconds": spent["learning"]}


def _work(transcript: Path, at: float) -> None:
    line = records.assistant(f"bench{at:.0f}", at=datetime.fromtimestamp(at, UTC), session=transcript.stem, cwd="/bench/shop", output=900, cache_read=60_000)  # fmt: skip
    with open(transcript, "ab") as file:
        file.write(records.dump([line]))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(json.dumps(measure(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 8.0)))
