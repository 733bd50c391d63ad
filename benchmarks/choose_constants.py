#!/usr/bin/env python3
"""Choose constants of the estimates by leaving each user out: choose_constants.py TRACES_DIR [--only CONSTANT …] [KIND …]

Every value of every constant below is tried, one constant at a time, over all traces. For each user the value is taken
that serves all others best, and scored on that user alone. A constant is worth changing only if the values that were taken
that way beat the shipped one on the users that were left out. The loss of an answer is its interval score (Gneiting and
Raftery 2007): the width of its 80 % interval, and ten times what the truth lies beyond it, in points; shares of a week and
sessions count half each, each beside what the shipped value comes to.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import quota


class Constant(NamedTuple):
    """A constant of a module, and the values that are tried beside the shipped one."""

    module: str
    name: str
    values: tuple[float, ...]


CONSTANTS = (
    Constant("week_scale", "_DRIFT", (0.009, 0.013, 0.026)),
    Constant("week_scale", "_PEAK_DRIFT", (0.0, 0.01)),
    Constant("week_scale", "_PEAK_SD", (0.08, 0.25)),
    Constant("week_scale", "_ROUNDED", (0.06, 0.12)),
    Constant("learner", "_DRIFT_SCALE", (0.005, 0.02)),
    Constant("learner", "_DRIFT", (0.002, 0.008)),
    Constant("window_filter", "_ROUNDING", (0.09, 0.16)),
    Constant("weights", "_CUT_MIDDLE", (0.15, 0.25)),
    Constant("attribution", "_UNSURE", (0.85, 1.0, 1.3)),
    Constant("attribution", "SESSION_POINTS", (0.02, 0.06)),
    Constant("attribution", "SESSION_SHARE", (0.004, 0.012, 0.016)),
)
_ASKED = ("weeks", "sessions", "scoped_weeks")
_MISS = 2 / 0.2  # weight of what lies outside of an 80 % interval


class Loss(NamedTuple):
    """Mean interval scores of one user, in points: of shares of weeks, and of sessions (None without any)."""

    weeks: float | None
    sessions: float | None


def losses(path: Path) -> Loss:
    """The loss of the answers about one trace, as the modules are now."""
    truth = json.loads(path.with_name(path.name.replace(".jsonl.gz", ".truth.json")).read_text())
    asked = json.loads(path.with_name(path.name.replace(".jsonl.gz", ".questions.json")).read_text())
    made = quota.estimate(path, {key: asked[key] for key in _ASKED if key in asked})
    weeks = {week["resets_at"]: week for week in made["weeks"]}
    of_weeks = []
    for week in truth["weeks"]:
        guess = weeks[week["resets_at"]]
        of_weeks.append(100 * score(week["unexplained"], guess["unexplained"]))
        for model, share in week["share_of_used"].items():
            band = guess["share_of_used"].get(model, {"low": 0.0, "high": 0.0})
            of_weeks.append(100 * score(share, band))
    by_session = {(one["session"], one["window_resets_at"]): one["points"] for one in made["sessions"]}
    of_sessions = [
        score(one["points"], by_session[one["session"], one["window_resets_at"]]) for one in truth["sessions"]
    ]
    return Loss(fmean(of_weeks) if of_weeks else None, fmean(of_sessions) if of_sessions else None)


def score(truth: float, band: dict[str, float]) -> float:
    """The interval score of one answer."""
    outside = max(0.0, band["low"] - truth, truth - band["high"])
    return band["high"] - band["low"] + _MISS * outside


def run(task: tuple[Path, str, str, float | None]) -> Loss:
    """One trace with one value of a constant; None is the shipped one."""
    path, module, name, value = task
    where = import_module(f"tachograph.model.estimates.{module}")
    shipped = getattr(where, name)
    if value is not None:
        setattr(where, name, value)
    try:
        return losses(path)
    finally:
        setattr(where, name, shipped)


def relative(loss: Loss, shipped: Loss) -> float:
    """A loss beside that of the shipped value: 1 is the same, less is better."""
    pairs = [(a, b) for a, b in zip(loss, shipped, strict=True) if a is not None and b]
    return fmean(a / b for a, b in pairs) if pairs else 1.0


def left_out(table: dict[float | None, list[float]]) -> tuple[dict[float | None, int], float]:
    """For each value, the number of left-out users for which it fits all others best, and the mean loss of these others."""
    users = len(table[None])
    chosen: dict[float | None, int] = {}
    kept = []
    for user in range(users):
        others = {value: sum(rows) - rows[user] for value, rows in table.items()}
        best = min(others, key=lambda value: (others[value], value is not None))
        chosen[best] = chosen.get(best, 0) + 1
        kept.append(table[best][user])
    return chosen, fmean(kept)


def lines(paths: Sequence[Path], constants: Sequence[Constant], processes: int) -> Iterator[str]:
    """A row of the table for each constant."""
    yield "| constant | shipped | tried: loss | taken with users left out | loss of those |"
    yield "| --- | --- | --- | --- | --- |"
    with ProcessPoolExecutor(processes) as pool:
        shipped = list(pool.map(run, [(path, constants[0].module, constants[0].name, None) for path in paths]))
        for module, name, values in constants:
            table: dict[float | None, list[float]] = {None: [1.0] * len(paths)}
            for value in values:
                found = pool.map(run, [(path, module, name, value) for path in paths])
                table[value] = [relative(one, before) for one, before in zip(found, shipped, strict=True)]
            chosen, kept = left_out(table)
            is_now: Any = getattr(import_module(f"tachograph.model.estimates.{module}"), name)
            tried = ", ".join(f"{value:g}: {fmean(table[value]):.4f}" for value in values)
            taken = ", ".join(f"{'shipped' if value is None else f'{value:g}'} × {times}" for value, times in sorted(chosen.items(), key=lambda one: -one[1]))  # fmt: skip
            yield f"| `{module}.{name}` | {is_now:g} | {tried} | {taken} | {kept:.4f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("traces", type=Path)
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--only", action="append", default=[], help="these constants")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    paths = [path for path in sorted(arguments.traces.glob("*.jsonl.gz")) if path.name != "" and (not arguments.kinds or path.name.split("-")[0] in arguments.kinds)]  # fmt: skip
    constants = [one for one in CONSTANTS if not arguments.only or one.name in arguments.only]
    for line in lines(paths, constants, arguments.processes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
