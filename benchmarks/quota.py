#!/usr/bin/env python3
"""Run the shipped estimators over traces of plans' limits: benchmarks/quota.py TRACES_DIR OUT_DIR [KIND ...]

TRACES_DIR holds NAME.jsonl.gz (messages and readings of one account) and NAME.questions.json; OUT_DIR gets a
NAME.estimate.json for each. Every answer uses rows up to its own moment alone: windows are taken in one after another, and a
question is answered when its time comes. Files of `tachograph export calibration` are traces, too. Standard library and
tachograph, nothing else.
"""

import gzip
import itertools
import json
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tachograph.ledger.estimates.forecasts import outcome
from tachograph.model.estimates import attribution, learner, replay, weights
from tachograph.model.estimates import forecast as chances
from tachograph.model.estimates.learner import Learned, PlanChange, TrainingData
from tachograph.model.estimates.training_windows import (
    FIVE_HOURS,
    FULL,
    WEEK,
    Dollars,
    Message,
    Reading,
    loose_work,
    readings_of,
    same,
    week_days,
    week_start,
    windows,
    work_of,
)
from tachograph.model.estimates.window_filter import Explained
from tachograph.model.limits import series
from tachograph.model.limits.limits import FIVE_HOUR, OAUTH, SESSION, SEVEN_DAY, STATUSLINE, WEEKLY
from tachograph.model.limits.window_state import Observation
from tachograph.model.usage import prices

BASE_RATE = 0.1  # where a moment has no reading at all
_BOOK = prices.load()[0]


class Trace(NamedTuple):
    """Messages and readings of one account on one machine, in order of time. `scoped`: readings of weekly limits of one model."""

    messages: list[Message]
    readings: list[Reading]
    scoped: dict[str, list[Reading]]
    plans: list[tuple[float, str]]


def dollars(row: dict[str, Any]) -> Dollars:
    """A message's cost at list prices by class of token, without what long prompts add: limits are not known to count it."""
    rates = _BOOK.rates(row["model"], int(row["at"] * 1000), prices.tariff("", "", 0))
    if rates is None:
        return (0.0, 0.0, 0.0, 0.0)
    write = row["cache_write_5m"] * rates.cache_write_5m + row["cache_write_1h"] * rates.cache_write_1h
    sums = (row["input"] * rates.input, row["output"] * rates.output, write, row["cache_read"] * rates.cache_read)
    a, b, c, d = (value / prices.PICODOLLARS for value in sums)
    return (a, b, c, d)


def load(path: Path) -> Trace:
    """The rows of a trace. A status line says what its session's last answer knew, so it is as old as that answer."""
    messages: list[Message] = []
    five: list[Observation] = []
    week: list[Observation] = []
    scoped: dict[str, list[Observation]] = {}
    plans: list[tuple[float, str]] = []
    answered: dict[str, float] = {}
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = sorted(map(json.loads, text.splitlines()), key=lambda row: row["at"])
    for row in first_and_last(rows):
        at = row["at"]
        if row["type"] == "calibration":
            continue
        if row["type"] == "message":
            messages.append(Message(at, row["session"], row["model"], dollars(row)))
            answered[row["session"]] = at
            continue
        if row.get("plan") and (not plans or plans[-1][1] != row["plan"]):
            plans.append((at, row["plan"]))
        session = row.get("session") or ""
        if session:
            at = answered.get(session, at)
        for found, limit in ((five, row["five_hour"]), (week, row["seven_day"])):
            if limit["percent"] is not None:
                found.append(observation(at, limit, session))
        for one in row.get("scoped", ()):
            scoped.setdefault(one["model"], []).append(observation(at, one, session))
    messages.sort(key=lambda message: message.at)
    end = int(rows[-1]["at"] * 1000)
    return Trace(
        messages,
        readings_of(
            series.series(FIVE_HOUR, SESSION, five, end).points, series.series(SEVEN_DAY, WEEKLY, week, end).points
        ),
        {name: readings_of((), series.series(name, WEEKLY, found, end).points) for name, found in scoped.items()},
        plans,
    )


def first_and_last(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows without readings that repeat the one before of their source, as a ledger keeps them: of equal ones in a row
    the first and the last."""
    newest: dict[str, Any] = {}
    dropped: set[int] = set()
    repeated: dict[str, int] = {}
    for place, row in enumerate(rows):
        if row["type"] != "reading" or row.get("session"):
            continue
        source = row.get("source", "")
        values = (row["five_hour"], row["seven_day"], row.get("scoped"))
        if source in newest and newest[source] == values:
            if source in repeated:
                dropped.add(repeated[source])
            repeated[source] = place
        else:
            newest[source] = values
            repeated.pop(source, None)
    return (row for place, row in enumerate(rows) if place not in dropped)


def observation(at: float, limit: dict[str, Any], session: str) -> Observation:
    reset = None if limit["resets_at"] is None else int(limit["resets_at"] * 1000)
    return Observation(int(at * 1000), limit["percent"], reset, STATUSLINE if session else OAUTH, 0, session)


class Account:
    """What is known of an account as time goes on."""

    def __init__(self, messages: list[Message], readings: list[Reading], plans: list[tuple[float, str]]) -> None:
        self.messages, self.readings = messages, readings
        changes = [PlanChange(at, before, plan) for (_, before), (at, plan) in itertools.pairwise(plans)]
        self.data: TrainingData = learner.training_data(messages, readings, changes)
        self.windows = self.data.windows
        self.times = [message.at for message in messages]
        self.seen = [reading.at for reading in readings]
        self.learned = Learned(plan=plans[0][1] if plans else "")
        self.scored = 0
        self.past: list[chances.Past] = []
        self.past_weeks: list[replay.Replayed] | None = None
        self.begun: dict[str, float] = {}
        self.explained: dict[float, Explained] = {}

    def advance(self, at: float) -> None:
        """Take in everything that is over by then."""
        self.learned, explained = learner.advance(self.learned, self.data, at)
        self.explained |= explained

    def during(self, start: float, end: float) -> list[Reading]:
        return self.readings[bisect_left(self.seen, start) : bisect_right(self.seen, end)]

    def pace(self, readings: list[Reading], at: float) -> chances.Pace | None:
        """The pace of a running 5-hour window, from its readings so far."""
        if not self.begun:
            for message in self.messages:
                self.begun.setdefault(message.session, message.at)
        hour = self.messages[bisect_right(self.times, at - 3600) : bisect_right(self.times, at)]
        done = None
        if self.learned.five is not None:
            five, peak = self.learned.five, self.learned.hour_weight
            done = [
                chances.RecentWork(m.at, m.session, sum(weights.points(five, [work_of(m)], peak).values()))
                for m in hour
            ]
        over = [window for window in self.windows if window.reset <= at]
        hits = sum(any((step.percent or 0) >= FULL for step in window.steps) for window in over)
        first = self.begun[hour[-1].session] if hour else None
        return chances.pace(readings, at, done, first, hits, len(over))

    def forecast(self, at: float, reset: float) -> tuple[chances.Forecast, tuple[float, float, float]] | None:
        """The chance of reaching the 5-hour limit before a reset, blended with the forecasts of earlier windows."""
        readings = [r for r in self.during(reset - FIVE_HOURS, at) if same(r.five_reset, reset)]
        if not readings:
            return None
        self._score(at)
        self.advance(at)
        seen = self.pace(readings, at)
        if seen is None:
            return None
        found = chances.chance(seen, self.past)
        return found, chances.ends(seen, found.chance)

    def _score(self, at: float) -> None:
        """Forecasts that a recorder would have made before, one each quarter hour of each window, with their outcome."""
        while self.scored < len(self.windows) and self.windows[self.scored].reset <= at:
            window = self.windows[self.scored]
            readings = [r for r in self.during(window.start, window.reset) if same(r.five_reset, window.reset)]
            hit = any((r.five or 0) >= FULL for r in readings)
            last = 0.0
            for place, reading in enumerate(readings):
                if (reading.five or 0) >= FULL or reading.at - last < chances.EVERY:
                    continue
                last = reading.at
                self.advance(reading.at)
                seen = self.pace(readings[: place + 1], reading.at)
                if seen is not None:
                    self.past.append(chances.Past(chances.chance(seen).prior, window.reset, hit))
            self.scored += 1

    def week_forecast(self, at: float, reset: float) -> tuple[chances.Forecast, tuple[float, float, float]] | None:
        """The chance of reaching the weekly limit before a reset."""
        readings = [r for r in self.during(reset - WEEK, at) if same(r.week_reset, reset) and r.week is not None]
        if not readings:
            return None
        before: dict[int, float] = {}
        for reading in self.during(0.0, at):
            if reading.week is not None and reading.week_reset is not None and reading.week_reset <= at:
                place = round(reading.week_reset / 3600)
                before[place] = max(before.get(place, 0.0), reading.week)
        seen = chances.week_pace(readings, at, [before[place] for place in sorted(before)][-6:])
        if seen is None:
            return None
        if self.past_weeks is None:
            self.past_weeks = list(replay.replay_weeks(self.readings, self.readings[-1].at))
        past = [chances.Past(w.forecast.prior, w.reset, w.peak >= FULL) for w in self.past_weeks if w.reset <= at]
        found = chances.chance(seen, past)
        return found, chances.ends(seen, found.chance)

    def week(self, reset: float, until: float) -> attribution.Shares | None:
        """The shares of a week, of rows up to the question alone."""
        self.advance(until)
        used = [r for r in self.during(reset - WEEK, until) if same(r.week_reset, reset) and r.week is not None]
        if not used:
            return None
        since = week_start(self.during(reset - WEEK - 86_400, until), reset, until)
        first = since - FIVE_HOURS - 60
        messages = self.messages[bisect_left(self.times, first) : bisect_right(self.times, until)]
        breaks = [event.at for event in self.data.plan_changes]
        put_together = week_days if self.learned.weights is self.learned.week else windows
        touching = [one for one in put_together(messages, self.during(first, until), breaks) if one.reset > since]
        loose = loose_work(messages, touching, since)
        return attribution.week(self.learned, touching, used[-1].week or 0.0, used[-1].at, since, loose)


def estimate(path: Path, questions: dict[str, Any]) -> dict[str, Any]:
    """Every question of a trace answered, in order of their moments."""
    trace = load(path)
    account = Account(trace.messages, trace.readings, trace.plans)
    made: dict[str, list[Any]] = {key: [] for key in questions}
    kinds = {"weeks": "until", "sessions": "window_resets_at", "scoped_weeks": "until", "decisions": "at", "week_decisions": "at", "shown": "at"}  # fmt: skip
    asked = [
        (one.get(field, one.get("resets_at")), place, kind, one)
        for place, (kind, field) in enumerate(kinds.items())
        for one in questions.get(kind, ())
    ]
    for at, _, kind, question in sorted(asked, key=lambda one: one[:2]):
        if kind == "weeks":
            answer = account.week(question["resets_at"], question["until"])
            made[kind].append({"resets_at": question["resets_at"], **_week(answer)})
        elif kind == "sessions":
            account.advance(at)
            made[kind].append({**question, "points": _session(account, question)})
        elif kind == "scoped_weeks":
            answer = scoped_week(account, trace, question)
            made[kind].append({"model": question["model"], "resets_at": question["resets_at"], "unexplained": _week(answer)["unexplained"]})  # fmt: skip
        elif kind == "shown":
            last = account.during(0.0, at)
            made[kind].append({"at": at, "five_hour": last[-1].five, "seven_day": last[-1].week} if last else {"at": at, "five_hour": None, "seven_day": None})  # fmt: skip
        else:
            find = account.forecast if kind == "decisions" else account.week_forecast
            found = find(at, question["resets_at"])
            if found is None:
                made[kind].append({**question, "p_wall": BASE_RATE, "wall_minutes": None})
                continue
            forecast, ends = found
            when = None if forecast.when is None else forecast.when._asdict()
            made[kind].append({**question, "p_wall": forecast.chance, "wall_minutes": when, "ends": dict(zip(("p10", "p50", "p90"), ends, strict=True))})  # fmt: skip
    return made


def scoped_week(account: Account, trace: Trace, question: dict[str, Any]) -> attribution.Shares | None:
    """The shares of a week of a limit of one model, with a scale of its own learned from the weeks before."""
    at, reset, first = question["until"], question["resets_at"], question["until"] - 35 * 86_400
    account.advance(at)
    messages = [m for m in trace.messages if m.model == question["model"] and first <= m.at <= at]
    readings = [r for r in trace.scoped.get(question["model"], ()) if first <= r.at <= at]
    used = [r for r in readings if same(r.week_reset, reset) and r.week is not None]
    if not used:
        return None
    days = week_days(messages, readings)
    learned, _ = learner.advance(learner.begin_scoped(account.learned), TrainingData((), days, readings), at)
    since = week_start(readings, reset, at)
    touching = [day for day in days if day.reset > since]
    return attribution.week(learned, touching, used[-1].week or 0.0, used[-1].at, since)


def _week(answer: attribution.Shares | None) -> dict[str, Any]:
    if answer is None:
        return {"share_of_used": {}, "unexplained": {"value": 0.5, "low": 0.0, "high": 1.0}}
    by_model = {model: estimate._asdict() for model, estimate in answer.by_model.items()}
    return {"share_of_used": by_model, "unexplained": answer.unexplained._asdict()}


def _session(account: Account, question: dict[str, Any]) -> dict[str, float]:
    explained = account.explained.get(question["window_resets_at"])
    part = explained.sessions.get(question["session"]) if explained is not None else None
    return attribution.session_points(*(part or (0.0, 10.0)), account.learned.five)._asdict()


def replay_export(path: Path) -> dict[str, Any]:
    """A trace without questions, as `tachograph export calibration` writes it: the learned scales, and how forecasts
    of its own windows did, each limit apart and each window counted once. A window without a reading near its end does not
    count."""
    trace = load(path)
    account = Account(trace.messages, trace.readings, trace.plans)
    end = trace.readings[-1].at if trace.readings else 0.0
    account.advance(end)
    learned = account.learned
    five, peak = learned.five, learned.hour_weight
    work = [] if five is None else [chances.RecentWork(m.at, m.session, sum(weights.points(five, [work_of(m)], peak).values())) for m in trace.messages]  # fmt: skip
    replayed = {
        FIVE_HOUR: replay.replay_five_hours(trace.readings, work, end),
        SEVEN_DAY: replay.replay_weeks(trace.readings, end),
    }
    made: dict[str, Any] = {}
    for key, found in replayed.items():
        by_window: dict[float, list[tuple[float, bool]]] = {}
        for one in found:
            hit = outcome(key, int(one.reset * 1000), [(one.peak, None, int(one.last_at * 1000))])
            if hit is not None:
                by_window.setdefault(one.reset, []).append((one.forecast.chance, hit))
        each = [(sum((p - hit) ** 2 for p, hit in rows) / len(rows), sum(hit for _, hit in rows) / len(rows)) for rows in by_window.values()]  # fmt: skip
        rate = sum(hit for _, hit in each) / len(each) if each else 0.0
        made[key] = {"windows": len(each), "forecasts": sum(map(len, by_window.values())), "hit_rate": round(rate, 4), "brier": round(sum(b for b, _ in each) / len(each), 4) if each else None, "brier_base_rate": round(rate * (1 - rate), 4)}  # fmt: skip
    if learned.weights is not None:
        made["fit"], made["misfit"], made["windows"] = round(learned.weights.fit, 3), round(learned.weights.misfit, 3), learned.weights.windows  # fmt: skip
    if learned.scale is not None:
        made["window_of_week"] = round(learned.scale.plain, 4)
    return made


def main(traces: Path, out: Path, kinds: tuple[str, ...]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted([*traces.glob("*.jsonl.gz"), *traces.glob("*.jsonl")]):
        name = path.name.removesuffix(".gz").removesuffix(".jsonl")
        if kinds and name.split("-")[0] not in kinds:
            continue
        asked = traces / f"{name}.questions.json"
        if not asked.exists():
            print(f"{name}: {json.dumps(replay_export(path))}")
            continue
        questions = json.loads(asked.read_text(encoding="utf-8"))
        began = time.perf_counter()
        made = estimate(path, questions)
        (out / f"{name}.estimate.json").write_text(json.dumps(made), encoding="utf-8")
        print(f"{name}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:]))
