#!/usr/bin/env python3
"""Measure what README.md beside this file promises, and say of every bound whether it holds.

Exits 0 if all bounds hold, 1 if one does not or could not be checked, 2 if nothing can be measured at all.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import fcntl
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

import ccusage
import corpora
import dashboard
import estimates
import growth
import hub
import machine
import meter
import reports
import table
import team
import watch
from corpora import Corpus
from measure import CommandFailed
from reports import Bench, Case
from table import Row

CASES: list[Case] = [
    *reports.CASES, *meter.CASES, *watch.CASES, *estimates.CASES, *dashboard.CASES, *hub.CASES, *team.CASES, *growth.CASES,  # another file adds its list here
]  # fmt: skip
README = Path(__file__).with_name("README.md")
BUSY_LOAD_PER_CORE = 0.3  # from here on, somebody else has a good part of a core


@dataclass(slots=True)
class Result:
    """What came of it; whatever is missing counts against the whole, a remark does not."""

    rows: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.missing and not any(row.holds is False or row.is_unchecked for row in self.rows)


@dataclass(frozen=True, slots=True)
class About:
    """Where, when and with what."""

    date: str
    command: str
    rounds: int
    machine: dict[str, object]
    versions: dict[str, str | None]


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _leave)
    if not args.tachograph.exists():
        say(f"there is no {args.tachograph}: install the project, or name the command with --tachograph")
        return 2
    args.out.mkdir(parents=True, exist_ok=True)
    result = Result()
    with _alone_in(args.out), _scratch(args.out) as scratch:
        here = machine.machine()  # before we are the load ourselves
        peer = _ccusage(args.out, result)
        bench = _bench(args, peer, scratch)
        about = About(
            date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            command=" ".join(["benchmarks/bench.py", *(sys.argv[1:] if argv is None else argv)]),
            rounds=args.runs,
            machine=here,
            versions={**machine.versions(bench.python), "ccusage": ccusage.VERSION if peer else None},
        )
        wanted = [case for case in CASES if not args.only or case.name in args.only]
        there = _corpora(args, wanted, result)
        _remark_on(about, there, result)
        for case in wanted:
            for name in case.corpora:
                if name in there:
                    _measure(case, bench, there[name], result)
    if args.json:
        figures = {"format": 1, **asdict(about), **asdict(result), "holds": result.holds, "raw": bench.raw}
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    _print(args, about, result)
    return 0 if result.holds else 1


def say(message: str) -> None:
    """Progress, on stderr: stdout is for the table."""
    print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--corpora", type=_names, default="S,M,L", help="which of S (20 MB), M (495 MB), L (3 GB)")
    parser.add_argument("--runs", type=int, default=5, help="runs of a first report on each corpus (default 5)")
    parser.add_argument("--quick", action="store_true", help="S and M, three runs")
    parser.add_argument("--only", type=_names, default=(), help="these cases: " + ",".join(case.name for case in CASES))
    parser.add_argument("--out", type=Path, default=README.with_name("out"), help="corpora, ccusage, scratch ledgers")
    parser.add_argument("--tachograph", type=Path, default=Path(sys.executable).with_name("tachograph"))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single figure there")
    parser.add_argument("--markdown", action="store_true", help="print the table as README.md holds it")
    parser.add_argument("--write", action="store_true", help="with --markdown: put it into README.md")
    args = parser.parse_args(argv)
    if args.quick:
        args.corpora, args.runs = ("S", "M"), 3
    if unknown := set(args.corpora) - set(corpora.RECIPES):
        parser.error(f"no such corpus: {', '.join(sorted(unknown))}")
    if unknown := set(args.only) - {case.name for case in CASES}:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if args.runs < 1:
        parser.error("--runs must be 1 or more")
    if args.write and not args.markdown:
        parser.error("--write goes with --markdown")
    args.out, args.tachograph = args.out.absolute(), args.tachograph.absolute()
    return args


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    """Go through every `finally`: a grown transcript is cut back, a running command is ended."""
    raise SystemExit(128 + signum)


@contextlib.contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Two benches at once would measure each other, and one grows a corpus that the other checks."""
    with open(out / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another bench is running in {out}")
            raise SystemExit(2) from None
        yield


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=out) as folder:
        (Path(folder) / "home").mkdir()
        yield Path(folder)


def _bench(args: argparse.Namespace, peer: Path | None, scratch: Path) -> Bench:
    beside = args.tachograph.with_name("python")
    return Bench(
        tachograph=args.tachograph,
        python=beside if beside.exists() else Path(sys.executable),
        ccusage=peer,
        scratch=scratch,
        rounds=args.runs,
    )


def _ccusage(out: Path, result: Result) -> Path | None:
    try:
        return ccusage.obtain(out, say)
    except ccusage.NotToBeHad as error:
        say(str(error))
        result.missing.append(f"no ratios: {error}")
        return None


def _corpora(args: argparse.Namespace, cases: Sequence[Case], result: Result) -> dict[str, Corpus]:
    there = {}
    for name in args.corpora:
        if not any(name in case.corpora for case in cases):
            continue
        try:
            there[name] = corpora.obtain(name, args.out, say)
        except corpora.CorpusError as error:
            say(str(error))
            result.missing.append(str(error))
    return there


def _remark_on(about: About, there: dict[str, Corpus], result: Result) -> None:
    """Say what could make the figures worse than they are."""
    load, cores = about.machine["load_average"], about.machine["cores"]
    if isinstance(load, float) and isinstance(cores, int) and load > BUSY_LOAD_PER_CORE * cores:
        result.remarks.append(f"the machine was busy when we began (load {load:.1f} on {cores} cores)")
    largest = max((corpus.size_bytes for corpus in there.values()), default=0)
    available = machine.available_bytes()
    if available is not None and available < largest * 1.2:
        result.remarks.append(f"{available / 1e9:.1f} GB of memory cannot keep the largest corpus cached: disks count")
    for remark in result.remarks:
        say(remark)


def _measure(case: Case, bench: Bench, corpus: Corpus, result: Result) -> None:
    say(f"{case.name} {corpus.name}")
    try:
        for row in case.rows(bench, corpus):
            result.rows.append(row)
    except CommandFailed as error:
        say(str(error))
        result.missing.append(f"{case.name} {corpus.name}: {error}")


def _print(args: argparse.Namespace, about: About, result: Result) -> None:
    if not args.markdown:
        print("\n".join([table.plain(result.rows), "", _setting(about), *_remarks(result), _verdict(result)]))
        return
    parts = [_setting(about), table.markdown(result.rows), *_remarks(result), _verdict(result)]
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        before, start, rest = README.read_text().partition("<!-- figures -->\n")
        _, end, after = rest.partition("<!-- /figures -->")
        if not (start and end):
            raise SystemExit(f"{README} has no <!-- figures --> and <!-- /figures --> to write between")
        README.write_text(f"{before}{start}\n{text}\n\n{end}{after}")


def _setting(about: About) -> str:
    m = about.machine
    versions = ", ".join(f"{name} {version}" for name, version in about.versions.items() if version)
    return (
        f"{about.date}; {m['cpu']}, {m['cores']} cores, {int(str(m['memory_bytes'])) / 1e9:.0f} GB, {m['kernel']}, "
        f"load {m['load_average']:.1f}; {versions}. Medians (lowest–highest) of {about.rounds} runs, warm "
        f"{reports.WARM_ROUNDS}, growing {reports.GROWING_ROUNDS}."
    )


def _remarks(result: Result) -> list[str]:
    return [f"Note: {line}" for line in result.remarks] + [f"Missing: {line}" for line in result.missing]


def _verdict(result: Result) -> str:
    bounded = [row for row in result.rows if row.bound]
    broken = [row.what for row in bounded if row.holds is False]
    unchecked = [row.what for row in bounded if row.is_unchecked]
    if result.holds:
        return f"All {len(bounded)} bounds hold." if bounded else "These figures have no bounds."
    parts = []
    if broken:
        parts.append(f"{len(broken)} of {len(bounded)} bounds do not hold: {'; '.join(broken)}.")
    if unchecked:
        parts.append(f"{len(unchecked)} of {len(bounded)} bounds could not be checked: {'; '.join(unchecked)}.")
    return " ".join(parts or ["No bound is broken, but not all could be measured."])


if __name__ == "__main__":
    sys.exit(main())
