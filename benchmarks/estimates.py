"""What we promise about estimates: an answer over a year, whole processes; and how exact they are on simulated traces,
where BENCH_QUOTA_TRACES names a folder of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import measure
import quota_score
from corpora import Corpus
from measure import CommandFailed
from reports import WARM_ROUNDS, Bench, Case
from table import Row, timed

ANSWER_SECONDS = 0.150
_DAYS = 365


def answers(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """Over an invented year with its readings, beside an empty Python; the corpus only names the case."""
    year = bench.scratch / "year"
    if not year.exists():
        made = bench.ours(corpus, "demo", "--days", str(_DAYS), "--keep", str(year), "doctor")
        subprocess.run(made.argv, env=made.env, cwd=made.cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)  # fmt: skip
    moved = {
        "HOME": str(year),
        "CLAUDE_CONFIG_DIR": str(year / ".claude"),
        "TACHOGRAPH_HOME": str(year / ".tachograph"),
    }
    named = {
        "why": ("why",),
        "forecast": ("forecast",),
        "next": ("next",),
        "what-if": ("what-if", "--model", "sonnet"),
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
    yield timed("python -I -c pass beside them", measure.wall(runs["python"]), None)


def accuracy(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """Errors and coverage over simulated traces, by the shipped estimators."""
    folder = os.environ.get("BENCH_QUOTA_TRACES")
    if not folder:
        return
    out = bench.scratch / "estimates"
    script = Path(__file__).with_name("quota.py")
    done = subprocess.run([str(bench.python), str(script), folder, str(out)], stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    if done.returncode:
        raise CommandFailed(f"benchmarks/quota.py: {done.stderr[-300:]}")
    by_kind = {
        kind: quota_score.score(Path(folder), out, (kind,)) for kind in ("base", "quiet", "remote", "misspec", "")
    }
    both = quota_score.score(Path(folder), out, ("base", "shift"))
    bench.raw["accuracy"] = {**by_kind, "base+shift": both}
    for kind, most in (("base", 1.5), ("quiet", 2.0), ("remote", 2.5), ("misspec", 5.0)):
        yield _row(f"share of Opus, mean error in points, {kind}", by_kind[kind]["opus_share_mae_points"], most)
    for kind, most in (("base", 2.5), ("remote", 5.0)):
        yield _row(f"not explained, mean error in points, {kind}", by_kind[kind]["unexplained_mae_points"], most)
    yield _row("points of a session, mean error, base", by_kind["base"]["session_mae_points"], 0.7)
    yield _row("squared error of chances, of the base rate's", both["brier_of_base_rate"], 0.8)
    yield _row("calibration error of chances", both["ece"], 0.05)
    held = by_kind[""]["coverage_80"]
    for name, (least, most) in {"session": (0.72, 0.92), "model": (0.7, 1.0), "unexplained": (0.7, 1.0)}.items():
        value = held[name]
        yield Row(f"80 % intervals hold, {name}", f"{value:.2f}", f"{least:.2f} to {most:.2f}", least <= value <= most)


def _row(what: str, value: float, most: float) -> Row:
    return Row(what, f"{value:.2f}", f"≤ {most:g}", value <= most)


CASES = [Case("estimates", ("S",), answers), Case("accuracy", ("S",), accuracy)]
