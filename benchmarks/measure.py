"""What one run of a command costs: wall time, CPU time and memory of its whole process tree.

Wall is time.perf_counter from before the process is started until it has been reaped. CPU is user plus system time of
os.wait4's rusage, which holds the command and every child that it reaped itself, and so a forked worker too. Memory has
two readings, see Run. A child that outlives its command is counted in none of them, so it is an error here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

LONGEST_RUN_SECONDS = 600  # ccusage takes 4 s for the largest corpus on two cores; past ten minutes something hangs
SAMPLE_SECONDS = (
    0.002  # one sample of two processes costs 0.1 ms of the second core, and only in runs that are not timed
)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class CommandFailed(Exception):
    """A measured command ended with an error, hung, or left a process behind; the message says which."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command to measure, with all of its environment; `prepare` runs before it, outside the clock."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    prepare: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What one run cost.

    maxrss_bytes is rusage's: the largest single process of the tree, exact, but never less than this bench's own size,
    because Linux carries the high-water mark over exec. tree_rss_bytes is the largest sampled sum over all processes of
    the tree; pages shared by a fork count once in each process, so it errs upwards. None where it was not sampled.
    """

    wall_seconds: float
    cpu_seconds: float
    maxrss_bytes: int
    tree_rss_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the ends of some runs."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


def wall(runs: Sequence[Run]) -> Spread:
    return Spread.of([run.wall_seconds for run in runs])


def cpu(runs: Sequence[Run]) -> Spread:
    return Spread.of([run.cpu_seconds for run in runs])


def peak_memory(runs: Sequence[Run]) -> tuple[int, str]:
    """The most bytes any run held, and which of the two readings that was."""
    one_process = max(run.maxrss_bytes for run in runs)
    tree = max(run.tree_rss_bytes or 0 for run in runs)
    return (tree, "sampled sum over the tree") if tree > one_process else (one_process, "ru_maxrss")


def run(command: Command, *, sample_memory: bool = False) -> Run:
    """Run the command once, its output thrown away. Raises CommandFailed."""
    if command.prepare:
        command.prepare()
    with tempfile.TemporaryFile() as complaints, _time_limit(command):
        started = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            env=command.env,
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            process_group=0,
        )
        try:
            tree_rss = _sample_until_exit(process.pid) if sample_memory else None
            _, status, usage = os.wait4(process.pid, 0)
            wall_seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:  # also Ctrl-C, which a process group of its own does not receive
            _end_group(process.pid)
            process.wait()
            raise
        if process.returncode != 0:
            complaints.seek(0)
            last_words = complaints.read()[-2000:].decode(errors="replace").strip()
            raise CommandFailed(f"{command.name} ended with {process.returncode}: {last_words or 'no message'}")
        if _group_lives(process.pid):
            _end_group(process.pid)
            raise CommandFailed(f"{command.name} left a process behind, whose cost no figure would hold")
    return Run(
        wall_seconds=wall_seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        maxrss_bytes=usage.ru_maxrss * _MAXRSS_UNIT_BYTES,
        tree_rss_bytes=tree_rss,
    )


def output(command: Command) -> bytes:
    """What the command prints on stdout; not timed. Raises CommandFailed."""
    if command.prepare:
        command.prepare()
    try:
        done = subprocess.run(
            command.argv,
            env=command.env,
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LONGEST_RUN_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last_words = error.stderr[-2000:].decode(errors="replace").strip()
        raise CommandFailed(f"{command.name} ended with {error.returncode}: {last_words or 'no message'}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{command.name}: {error}") from error
    return done.stdout


def interleaved(
    commands: Sequence[Command],
    rounds: int,
    *,
    warm_up: bool = True,
    before_round: Callable[[], None] | None = None,
    sample_memory: bool = False,
) -> dict[str, list[Run]]:
    """The runs of each command by its name, taken in turns (A B A B), so that a busy minute falls on all of them.

    The warm-up is one turn of each whose figures are thrown away: it fills the page cache and compiles modules.
    """
    if warm_up:
        for command in commands:
            run(command)
    runs: dict[str, list[Run]] = {command.name: [] for command in commands}
    for _ in range(rounds):
        if before_round:
            before_round()
        for command in commands:
            runs[command.name].append(run(command, sample_memory=sample_memory))
    return runs


@contextlib.contextmanager
def _time_limit(command: Command) -> Iterator[None]:
    def too_long(signum: int, frame: FrameType | None) -> None:
        raise CommandFailed(f"{command.name} did not end within {LONGEST_RUN_SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST_RUN_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM where only zombies are left
        return False
    return True


def _end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _sample_until_exit(pid: int) -> int | None:
    """The largest sum of RSS over the tree until its root ends, which is left to be reaped; None without /proc."""
    if not Path(f"/proc/{pid}/statm").exists():
        return None
    most = 0
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        most = max(most, _tree_rss(pid))
        time.sleep(SAMPLE_SECONDS)
    return most


def _tree_rss(root: int) -> int:
    total, left = 0, [root]
    while left:
        pid = left.pop()
        try:
            with open(f"/proc/{pid}/statm") as statm:
                total += int(statm.read().split()[1]) * _PAGE_BYTES
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children") as children:
                    left += map(int, children.read().split())
        except OSError:  # it ended while we looked
            continue
    return total
