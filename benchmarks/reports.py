"""What we promise about reports over transcripts: `tachograph daily` on a new ledger, a current one, and a growing one.

A case is a function that measures one thing on one corpus and yields its rows; CASES at the end lists them. To add one,
write the function, give it bounds by corpus, and put it in the list.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import measure
from corpora import Corpus, NewUsage, Totals, growing
from measure import Command, CommandFailed, Run
from table import Row, format_bytes, of_python, timed

COLD_WALL = {"M": 0.65, "L": 0.55}  # of ccusage's, which keeps nothing and so always reads everything;
COLD_CPU = {"M": 0.60, "L": 0.50}  # on S, starting Python is most of it
WARM_SECONDS = {"M": 0.045, "L": 0.070}
GROWN_SECONDS = {"M": 0.060}
WARM_OF_PYTHON = {"M": 2.5, "L": 4.0}  # CPU time, of an empty Python's
GROWN_OF_PYTHON = {"M": 6.5}
MEMORY_BYTES = {"L": 120e6}

WARM_ROUNDS = 21  # the runs are short and their spread is wide
GROWING_ROUNDS = 7
MEMORY_ROUNDS = 3
NEW_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Bench:
    """What every case needs: the tools, a scratch folder, and a place for the raw figures."""

    tachograph: Path
    python: Path  # the interpreter tachograph runs with
    ccusage: Path | None
    scratch: Path
    rounds: int
    raw: dict[str, Any] = field(default_factory=dict)

    def ours(self, corpus: Corpus, *arguments: str, cold: bool = False) -> Command:
        """A tachograph command on the corpus; cold: each run begins without a ledger."""
        return Command(
            name="tachograph",
            argv=[str(self.tachograph), *arguments],
            env=self._env(corpus),
            cwd=self._home,
            prepare=self.forget if cold else None,
        )

    def theirs(self, corpus: Corpus, *arguments: str) -> list[Command]:
        """The ccusage command, or nothing where there is no ccusage."""
        if self.ccusage is None:
            return []
        argv = [str(self.ccusage), "claude", *arguments, "--offline"]
        return [Command(name="ccusage", argv=argv, env=self._env(corpus), cwd=self._home)]

    def empty_python(self, corpus: Corpus) -> Command:
        argv = [str(self.python), "-I", "-c", "pass"]
        return Command(name="python", argv=argv, env=self._env(corpus), cwd=self._home)

    def forget(self) -> None:
        """Leave no ledger."""
        shutil.rmtree(self.ledger, ignore_errors=True)

    def keep(self, key: str, runs: Mapping[str, Sequence[Run]]) -> None:
        """Every single figure goes into --json."""
        self.raw[key] = {name: [asdict(run) for run in some] for name, some in runs.items()}

    @property
    def ledger(self) -> Path:
        return self.scratch / "ledger"

    @property
    def _home(self) -> Path:
        return self.scratch / "home"

    def _env(self, corpus: Corpus) -> dict[str, str]:
        """All of it: nothing of the caller's settings or locale leaks in."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "CLAUDE_CONFIG_DIR": str(corpus.path),
            "TACHOGRAPH_HOME": str(self.ledger),
            "LOG_LEVEL": "0",  # ccusage's: no notices, only the table
        }


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    corpora: tuple[str, ...]
    rows: Callable[[Bench, Corpus], Iterator[Row]]


def cold(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """The first report there is: everything is read, and the ledger is written."""
    commands = [bench.ours(corpus, "daily", cold=True), *bench.theirs(corpus, "daily")]
    runs = measure.interleaved(commands, bench.rounds)
    bench.keep(f"cold {corpus.name}", runs)
    for what, of, bounds in (("wall", measure.wall, COLD_WALL), ("CPU", measure.cpu, COLD_CPU)):
        theirs = of(runs["ccusage"]) if "ccusage" in runs else None
        yield timed(
            f"cold {corpus.name}, {what}", of(runs["tachograph"]), theirs, at_most_ratio=bounds.get(corpus.name)
        )
    yield _totals_row(f"cold {corpus.name}, totals", bench, corpus, corpus.truth, with_ccusage=True)
    yield _ledger_row(bench, corpus)


def warm(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """The same report again, with nothing new to read."""
    bench.forget()
    commands = [bench.ours(corpus, "daily"), bench.empty_python(corpus), *bench.theirs(corpus, "daily")]
    runs = measure.interleaved(commands, WARM_ROUNDS)  # the warm-up run makes the ledger
    bench.keep(f"warm {corpus.name}", runs)
    bound = WARM_SECONDS.get(corpus.name)
    theirs = measure.wall(runs["ccusage"]) if "ccusage" in runs else None
    yield timed(f"warm {corpus.name}, wall", measure.wall(runs["tachograph"]), theirs, at_most_seconds=bound)
    yield timed(f"warm {corpus.name}, python -I -c pass beside it", measure.wall(runs["python"]), None)
    ratio = WARM_OF_PYTHON.get(corpus.name)
    yield of_python(f"warm {corpus.name}, CPU of an empty Python's", runs["tachograph"], runs["python"], ratio)


def growing_log(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """The report after a megabyte of new usage was appended to one transcript, again and again."""
    bench.forget()
    new, expected = NewUsage(corpus, NEW_BYTES), corpus.truth
    ours, theirs = bench.ours(corpus, "daily"), bench.theirs(corpus, "daily")
    what = f"{corpus.name} and 1 MB more"
    for command in (ours, ours, *theirs):  # the first makes the ledger, the second is warm
        measure.run(command)
    with growing(new.file) as append:

        def grow() -> None:
            nonlocal expected
            lines, adds = new.batch()
            append(lines)
            expected += adds

        commands = [ours, bench.empty_python(corpus), *theirs]
        runs = measure.interleaved(commands, GROWING_ROUNDS, warm_up=False, before_round=grow)
        bench.keep(what, runs)
        bound = GROWN_SECONDS.get(corpus.name)
        ccusage = measure.wall(runs["ccusage"]) if theirs else None
        yield timed(f"{what}, wall", measure.wall(runs["tachograph"]), ccusage, at_most_seconds=bound)
        ratio = GROWN_OF_PYTHON.get(corpus.name)
        yield of_python(f"{what}, CPU of an empty Python's", runs["tachograph"], runs["python"], ratio)
        yield _totals_row(f"{what}, totals after {GROWING_ROUNDS} times", bench, corpus, expected)
    bench.forget()
    yield _totals_row(f"{corpus.name} as it was before, totals", bench, corpus, corpus.truth)


def memory(bench: Bench, corpus: Corpus) -> Iterator[Row]:
    """The most memory that the first report needs. In runs of their own: looking costs time."""
    commands = [bench.ours(corpus, "daily", cold=True), *bench.theirs(corpus, "daily")]
    runs = measure.interleaved(commands, MEMORY_ROUNDS, warm_up=False, sample_memory=True)
    bench.keep(f"memory {corpus.name}", runs)
    ours, reading = measure.peak_memory(runs["tachograph"])
    theirs = measure.peak_memory(runs["ccusage"])[0] if "ccusage" in runs else None
    bound = MEMORY_BYTES.get(corpus.name)
    yield Row(
        what=f"cold {corpus.name}, peak memory",
        figure=f"{format_bytes(ours)} ({reading})",
        bound=f"≤ {format_bytes(bound)}" if bound else "",
        holds=ours <= bound if bound else None,
        ccusage=format_bytes(theirs) if theirs else "",
        ratio=ours / theirs if theirs else None,
    )


CASES = [
    Case("cold", ("S", "M", "L"), cold),
    Case("warm", ("S", "M", "L"), warm),
    Case("growing", ("M",), growing_log),
    Case("memory", ("L",), memory),
]


def _totals_row(what: str, bench: Bench, corpus: Corpus, expected: Totals, *, with_ccusage: bool = False) -> Row:
    """Our totals from the ledger as it stands: exact, or what is off by how much."""
    got = _our_totals(bench, corpus)
    bench.raw[what] = {"expected": asdict(expected), "got": asdict(got)}
    off = {kind: asdict(got)[kind] - count for kind, count in asdict(expected).items() if asdict(got)[kind] != count}
    ccusage = ""
    if with_ccusage and bench.ccusage:
        tokens = _ccusage_tokens(bench, corpus)
        bench.raw[what]["ccusage_tokens"] = tokens
        ccusage = f"{(tokens - expected.tokens) / expected.tokens:+.2%} tokens".replace("%", " %")
    return Row(
        what=what,
        figure=", ".join(f"{kind} {by:+,}" for kind, by in off.items()) or f"{got.messages:,} messages",
        bound="exact",
        holds=not off,
        ccusage=ccusage,
    )


def _our_totals(bench: Bench, corpus: Corpus) -> Totals:
    printed = measure.output(bench.ours(corpus, "daily", "--json", "--timezone", "UTC"))
    try:
        totals = json.loads(printed)["totals"]
        tokens = totals["tokens"]
        return Totals(
            messages=totals["messages"],
            input=tokens["input"],
            output=tokens["output"],
            cache_read=tokens["cache_read"],
            cache_write_1h=tokens["cache_write_1h"],
            cache_write_5m=tokens["cache_write_5m"],
        )
    except (ValueError, KeyError, TypeError) as error:
        message = f"tachograph daily --json prints no totals of the kind we read: {error!r}"
        raise CommandFailed(message) from error


def _ccusage_tokens(bench: Bench, corpus: Corpus) -> int:
    (command,) = bench.theirs(corpus, "daily", "--json", "--timezone", "UTC")
    tokens: int = json.loads(measure.output(command))["totals"]["totalTokens"]
    return tokens


def _ledger_row(bench: Bench, corpus: Corpus) -> Row:
    """All that a cold run leaves on disk."""
    size = sum(file.stat().st_size for file in bench.ledger.rglob("*") if file.is_file())
    bench.raw[f"ledger {corpus.name}"] = {"bytes": size}
    share = f"{size / corpus.size_bytes:.2%}".replace("%", " %")
    return Row(f"cold {corpus.name}, ledger on disk", f"{format_bytes(size)} ({share} of the log)")
