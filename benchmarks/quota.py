#!/usr/bin/env python3
"""Run the shipped estimators over traces of plans' limits: benchmarks/quota.py TRACES_DIR OUT_DIR

TRACES_DIR holds NAME.jsonl.gz (messages and readings of one account) and NAME.questions.json; OUT_DIR gets a
NAME.estimate.json for each of them. Every answer is made of rows up to its own moment alone: windows are taken in
one after another, and a question is answered when its time comes. Standard library and tachograph, nothing else.
"""

import gzip
import json
import sys
import time
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any

from tachograph.model.estimates import attribution, training_windows, weights
from tachograph.model.estimates import forecast as chances
from tachograph.model.usage import prices

BASE_RATE = 0.1  # where a moment has no reading at all
_BOOK = prices.load()[0]


def dollars(row: dict[str, Any]) -> training_windows.Dollars:
    """A message's cost at list prices by class of token."""
    rates = _BOOK.rates(row["model"], int(row["at"] * 1000), prices.tariff("", "", 0))
    if rates is None:
        return (0.0, 0.0, 0.0, 0.0)
    write = row["cache_write_5m"] * rates.cache_write_5m + row["cache_write_1h"] * rates.cache_write_1h
    sums = (row["input"] * rates.input, row["output"] * rates.output, write, row["cache_read"] * rates.cache_read)
    a, b, c, d = (value / prices.PICODOLLARS for value in sums)
    return (a, b, c, d)


def load(path: Path) -> tuple[list[training_windows.Message], list[training_windows.Reading]]:
    """The rows of a trace, both kinds in order of time."""
    messages, readings = [], []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row["type"] == "message":
                messages.append(training_windows.Message(row["at"], row["session"], row["model"], dollars(row)))
            else:
                five, week = row["five_hour"], row["seven_day"]
                readings.append(
                    training_windows.Reading(
                        row["at"], five["percent"], five["resets_at"], week["percent"], week["resets_at"]
                    )
                )
    messages.sort(key=lambda message: message.at)
    readings.sort(key=lambda reading: reading.at)
    return messages, readings


class Account:
    """What is known of an account as time goes on."""

    def __init__(self, messages: list[training_windows.Message], readings: list[training_windows.Reading]) -> None:
        self.messages, self.readings = messages, readings
        self.windows = training_windows.windows(messages, readings)
        self.times = [message.at for message in messages]
        self.heard = [reading.at for reading in readings]
        self.learned: weights.Weights | None = None
        self.taken = self.scored = 0
        self.past: list[chances.Past] = []
        self.begun: dict[str, float] = {}
        self.explained: dict[float, weights.Explained] = {}

    def advance(self, at: float) -> None:
        """Take in every window that is over by then."""
        while self.taken < len(self.windows) and self.windows[self.taken].reset <= at:
            window = self.windows[self.taken]
            if self.learned is None:
                guess = weights.first_guess(self.windows[: self.taken + 1])
                if guess is not None:
                    self.learned = weights.begin(guess, self.windows[0].start)
                    for known in self.windows[: self.taken]:
                        self._take(self.learned, known)
            if self.learned is not None:
                self._take(self.learned, window)
            self.taken += 1

    def _take(self, learned: weights.Weights, window: training_windows.Window) -> None:
        # The traces count a session as far as its window was read.
        learned, self.explained[window.reset] = weights.learned(learned, window.watched)
        self.learned = weights.side_by_side(learned, training_windows.rises(self.during(window)))

    def during(self, window: training_windows.Window) -> list[training_windows.Reading]:
        return self.readings[bisect_left(self.heard, window.start) : bisect_left(self.heard, window.reset)]

    def pace(self, readings: list[training_windows.Reading], at: float) -> chances.Pace | None:
        """How a running window stands, from its readings so far."""
        if not self.begun:
            for message in self.messages:
                self.begun.setdefault(message.session, message.at)
        hour = self.messages[bisect_right(self.times, at - 3600) : bisect_right(self.times, at)]
        done = None
        if self.learned is not None:
            done = [
                chances.Done(
                    m.at, m.session, sum(weights.points(self.learned, [training_windows.Work(*m[1:])]).values())
                )
                for m in hour
            ]
        over = [window for window in self.windows[: self.taken] if window.reset <= at]
        hits = sum(any((step.percent or 0) >= training_windows.FULL for step in window.steps) for window in over)
        first = self.begun[hour[-1].session] if hour else None
        return chances.pace(readings, at, done, first, hits, len(over))

    def forecast(self, at: float, reset: float) -> chances.Forecast | None:
        """The chance of the wall in the window that resets then, blended with the forecasts of windows that are over."""
        readings = [r for r in self.readings[bisect_left(self.heard, reset - training_windows.FIVE_HOURS) : bisect_right(self.heard, at)] if training_windows.same(r.five_reset, reset)]  # fmt: skip
        if not readings:
            return None
        self._score(at)
        self.advance(at)
        seen = self.pace(readings, at)
        return None if seen is None else chances.chance(seen, self.past)

    def _score(self, at: float) -> None:
        """What a recorder would have said before, and what came of it: a forecast each quarter hour of each window."""
        while self.scored < len(self.windows) and self.windows[self.scored].reset <= at:
            window = self.windows[self.scored]
            readings = [r for r in self.during(window) if training_windows.same(r.five_reset, window.reset)]
            hit = any((r.five or 0) >= training_windows.FULL for r in readings)
            last = 0.0
            for place, reading in enumerate(readings):
                if (reading.five or 0) >= training_windows.FULL or reading.at - last < chances.EVERY:
                    continue
                last = reading.at
                self.advance(reading.at)
                seen = self.pace(readings[: place + 1], reading.at)
                if seen is not None:
                    self.past.append(chances.Past(chances.chance(seen).prior, window.reset, hit))
            self.scored += 1

    def week(self, reset: float, until: float) -> attribution.Shares | None:
        learned = self.learned
        if learned is None:
            return None
        since = reset - training_windows.WEEK
        known = self.readings[bisect_left(self.heard, since) : bisect_right(self.heard, until)]
        used = [
            reading
            for reading in known
            if training_windows.same(reading.week_reset, reset) and reading.week is not None
        ]
        if not used:
            return None
        # put together anew, of rows up to the question alone
        first, last = since - training_windows.FIVE_HOURS - 60, until
        messages = self.messages[bisect_left(self.times, first) : bisect_right(self.times, last)]
        readings = self.readings[bisect_left(self.heard, first) : bisect_right(self.heard, last)]
        inside = [window for window in training_windows.windows(messages, readings) if window.reset > since]
        return attribution.week(learned, inside, used[-1].week or 0.0, used[-1].at, since)


def estimate(trace: Path, questions: dict[str, Any]) -> dict[str, Any]:
    """Every question of a trace answered, in order of their moments."""
    account = Account(*load(trace))
    made: dict[str, Any] = {"weeks": [], "sessions": [], "decisions": []}
    asked = [(w["until"], 0, w) for w in questions["weeks"]]
    asked += [(d["at"], 2, d) for d in questions["decisions"]]
    asked += [(s["window_resets_at"], 1, s) for s in questions["sessions"]]
    for at, kind, question in sorted(asked, key=lambda one: one[:2]):
        if kind == 2:
            found = account.forecast(at, question["resets_at"])
            when = None if found is None or found.when is None else found.when._asdict()
            chance = BASE_RATE if found is None else found.chance
            made["decisions"].append({**question, "p_wall": chance, "wall_minutes": when})
            continue
        account.advance(at)
        if kind == 0:
            answer = account.week(question["resets_at"], question["until"])
            made["weeks"].append({"resets_at": question["resets_at"], **_week(answer)})
        else:
            made["sessions"].append({**question, "points": _session(account, question)})
    return made


def _week(answer: attribution.Shares | None) -> dict[str, Any]:
    if answer is None:
        return {"share_of_used": {}, "unexplained": {"value": 0.5, "low": 0.0, "high": 1.0}}
    by_model = {model: estimate._asdict() for model, estimate in answer.by_model.items()}
    return {"share_of_used": by_model, "unexplained": answer.unexplained._asdict()}


def _session(account: Account, question: dict[str, Any]) -> dict[str, float]:
    explained = account.explained.get(question["window_resets_at"])
    part = explained.sessions.get(question["session"]) if explained is not None else None
    return attribution.session_points(*(part or (0.0, 10.0)))._asdict()


def main(traces: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(traces.glob("*.jsonl.gz")):
        name = path.name.removesuffix(".jsonl.gz")
        questions = json.loads((traces / f"{name}.questions.json").read_text(encoding="utf-8"))
        began = time.perf_counter()
        made = estimate(path, questions)
        (out / f"{name}.estimate.json").write_text(json.dumps(made), encoding="utf-8")
        print(f"{name}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
