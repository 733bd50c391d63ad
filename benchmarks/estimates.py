"""What we promise about estimates: an answer over a year, whole processes; and how exact they are on simulated traces,
where BENCH_QUOTA_TRACES names a folder of them."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import measure
import quota
import quota_score
from corpora import Corpus
from measure import CommandFailed
from reports import WARM_ROUNDS, Bench, Case
from table import Row, of_python, timed

ANSWER_SECONDS = 0.150
ANSWER_OF_PYTHON = 9.0  # CPU time, of an empty Python's
_DAYS = 365
_CLOCK = "clock"  # file with the moment (epoch ms) at which the year ends: later on, its readings would be old


def answers(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """Over an invented year with its readings, beside an empty Python; the corpus only names the case."""
    year = _year(bench, corpus, "year")
    moved = {
        "TACHOGRAPH_NOW": (year / _CLOCK).read_text(),
        "HOME": str(year),
        "CLAUDE_CONFIG_DIR": str(year / ".claude"),
        "TACHOGRAPH_HOME": str(year / ".tachograph"),
    }
    named = {
        "why": ("why",),
        "forecast": ("forecast",),
        "next": ("next",),
        "what-if": ("what-if",),
        "what-if --model": ("what-if", "--model", "sonnet"),
        "reconcile": ("reconcile",),
    }
    commands = []
    for name, words in named.items():
        command = bench.ours(corpus, *words)
        commands.append(replace(command, name=name, env={**command.env, **moved}))
    measure.interleaved(commands, 1)  # the first one learns
    runs = measure.interleaved([*commands, bench.empty_python(corpus)], WARM_ROUNDS)
    bench.keep("estimates", runs)
    for name in named:
        yield timed(f"{name}, a year of messages", measure.wall(runs[name]), None, at_most_seconds=ANSWER_SECONDS)
        yield of_python(f"{name}, CPU of an empty Python's", runs[name], runs["python"], ANSWER_OF_PYTHON)
    yield timed("python -I -c pass beside them", measure.wall(runs["python"]), None)


LEARNING = 0.1  # of a recorder's CPU without it
_HOURS = 3


def learning(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """CPU of learning and forecasts beside all else that a recorder does in some hours of work, over a year."""
    home = _year(bench, corpus, "learning")
    script = Path(__file__).with_name("learning_cost.py")
    done = subprocess.run([str(bench.python), str(script), str(home), str(_HOURS)], capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        raise CommandFailed(f"benchmarks/learning_cost.py: {done.stderr[-300:]}")
    made = json.loads(done.stdout)
    bench.raw["learning"] = made
    share = made["learning_cpu_seconds"] / (made["cpu_seconds"] - made["learning_cpu_seconds"])
    yield Row(f"learning beside the rest of a recorder, {_HOURS} hours of work", f"{share:.1%} of its CPU", f"≤ {LEARNING:.0%}", share <= LEARNING)  # fmt: skip


def _year(bench: Bench, corpus: Corpus, name: str) -> Path:
    """A home with an invented year in it."""
    year = bench.scratch / name
    if not year.exists():
        made = bench.ours(corpus, "demo", "--days", str(_DAYS), "--keep", str(year), "doctor")
        done = subprocess.run(made.argv, env=made.env, cwd=made.cwd, capture_output=True, text=True, check=True)
        found = re.search(r"TACHOGRAPH_NOW=(\d+)", done.stdout + done.stderr)
        if found is None:
            raise CommandFailed("`demo --keep` does not print the moment its data ends at")
        (year / _CLOCK).write_text(found[1])
    return year


# Most error in points by kind: Opus settled, Opus soon after a change, unexplained settled, unexplained soon after.
TARGETS = dict.fromkeys(("fiveh2", "week83", "week150", "upgrade", "downgrade", "propromax", "peak", "weekonly", "grant", "steer", "floor", "scoped"), (2.0, 3.0, 3.0, 5.0))  # fmt: skip
TARGETS["week150"] = TARGETS["downgrade"] = (2.0, 3.0, 4.0, 5.0)
TARGETS |= {"base": (1.5, 1.5, 2.5, 2.5), "quiet": (2.0, 2.0, 2.5, 2.5), "remote": (2.5, 2.5, 5.0, 5.0)}
TARGETS |= {"shift": (2.0, 2.0, 3.0, 3.0), "misspec": (5.0, 5.0, 5.0, 5.0)}
COVERED = (0.70, 0.95)
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "why.md"
_BEGIN, _END = "<!-- accuracy: begin (make accuracy writes this) -->", "<!-- accuracy: end -->"


def accuracy(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """Errors, coverage and chances over simulated traces by the shipped estimators, each kind apart."""
    folder = os.environ.get("BENCH_QUOTA_TRACES")
    if not folder:
        return
    out = bench.scratch / "estimates"
    script = Path(__file__).with_name("quota.py")
    done = subprocess.run([str(bench.python), str(script), folder, str(out)], stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    if done.returncode:
        raise CommandFailed(f"benchmarks/quota.py: {done.stderr[-300:]}")
    made = quota_score.score(Path(folder), out)
    bench.raw["accuracy"] = made
    for kind, one in made["by_kind"].items():
        yield from of_kind(kind, one)
    both = quota_score.score(Path(folder), out, ("base", "shift"))
    yield _row("squared error of 5-hour chances, of the base rate's", both["brier_of_base_rate"], 0.8)
    yield _row("calibration error of 5-hour chances", both["ece"], 0.05)


def of_kind(kind: str, one: dict[str, Any]) -> Iterator[Row]:
    """The figures of one kind beside their targets."""
    names = ("opus_mae_settled", "opus_mae_after_event", "unexplained_mae_settled", "unexplained_mae_after_event")
    for name, most in zip(names, TARGETS.get(kind, (2.0, 3.0, 3.0, 5.0)), strict=True):
        if one[name] is not None:
            yield _row(f"{kind}: {name.replace('_mae', '').replace('_', ' ')}, points", one[name], most)
    for what, value in one["coverage_80"].items():
        if value is None:
            continue
        slack = math.sqrt(0.16 / max(1, one["session_windows"] if what == "session" else one["weeks"]))
        least, most = COVERED[0] - slack, min(1.0, COVERED[1] + slack)
        yield Row(
            f"{kind}: 80 % intervals hold, {what}", f"{value:.2f}", f"{least:.2f} to {most:.2f}", least <= value <= most
        )
    week = one["limits"]["seven_day"]
    if kind == "steer" and week["brier"] is not None:
        yield _row(
            "steer: squared error of week chances, of the base rate's", week["brier"] / week["brier_base_rate"], 0.97
        )
    if kind == "weekonly":
        yield _row("weekonly: weeks without an answer", one["weeks_unanswered"], 0.0)
        yield _row("weekonly: weeks split by list price", one["weeks_like_list_price"], 0.0)
    if one["shown_wrong"] is not None:
        yield _row(f"{kind}: percentages shown wrong", one["shown_wrong"], 0.05)


def write_table(figures: dict[str, Any], document: Path = DOCUMENT) -> None:
    """Put the table of all kinds into docs/why.md: a row for each kind of trace, and the targets that it misses."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    if not after:
        raise SystemExit(f"{document} has no {_BEGIN} and {_END} to write between")
    head, line, *rows = quota_score.markdown(figures).splitlines()
    missed = {
        kind: "; ".join(
            f"{row.what.partition(': ')[2]} {row.figure}" for row in of_kind(kind, one) if row.holds is False
        )
        for kind, one in figures["by_kind"].items()
    }
    rows = [f"{row} {missed[row.split('|')[1].strip()] or '–'} |" for row in rows]
    table = "\n".join([f"{head} beyond its target |", f"{line} --- |", *rows])
    document.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}", encoding="utf-8")


def _row(what: str, value: float, most: float) -> Row:
    return Row(what, f"{value:.2f}", f"≤ {most:g}", value <= most)


CASES = [Case("estimates", ("S",), answers), Case("learning", ("S",), learning), Case("accuracy", ("S",), accuracy)]

if __name__ == "__main__":  # run the estimators over traces, print their figures, and write the table of docs/why.md
    if len(sys.argv) != 3:
        sys.exit("benchmarks/estimates.py TRACES_DIR ESTIMATE_DIR (ESTIMATE_DIR is filled if it does not exist)")
    folders = (Path(sys.argv[1]), Path(sys.argv[2]))
    if not folders[1].exists():
        quota.main(*folders, ())
    scored = quota_score.score(*folders)
    write_table(scored)
    for kind_of_trace, figures_of_kind in scored["by_kind"].items():
        for row in of_kind(kind_of_trace, figures_of_kind):
            print("ok " if row.holds else "NO ", row.what, row.figure, row.bound)
