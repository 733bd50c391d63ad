"""Decide which reports may be given again without being made again, and keep them (`prepared.py` gives them).

A report is kept only if the pass before it found nothing new, nothing was said beside it, and the ledger's file did not
change from before the report was made until after it was closed. Marks younger than the tick of the file system's clock
are not trusted: something may still be written in the same tick.
"""

from __future__ import annotations

import os
import sys

from tachograph.clock import filesystem_now_ns
from tachograph.lean_datetime import timedelta
from tachograph.lean_typing import TYPE_CHECKING, Iterable, Iterator, Mapping
from tachograph.paths import desktop_session_folders, identity_files, own_paths
from tachograph.recorder import prepared
from tachograph.recorder.ingest import Pass
from tachograph.settings import config_folders
from tachograph.sources.transcripts.discover import UNTRUSTED, desktop_tree
from tachograph.sources.transcripts.file_state import Signature
from tachograph.sources.transcripts.touch import content_sum

if TYPE_CHECKING:
    from typing import Any

    from tachograph.model.usage.periods import Calendar

_MOST_ANSWERS = 24
_TICK_NS, _COARSE_TICK_NS = 50_000_000, 2_500_000_000  # the coarse one: file systems with times in whole seconds


def keep(
    key: tuple[Any, ...],
    text: str,
    env: Mapping[str, str],
    done: Pass,
    before: Signature | None,
    calendar: Calendar,
    now_ms: int,
) -> None:
    """Keep a report's text until the day is over, if it may be. The ledger must be closed.

    `done`: the pass that the report was made after; `before`: `ledger_mark` from before it was opened.
    """
    paths = own_paths(env)
    found = done.found
    is_calm = not (done.read or found.changed or found.gone or found.unreadable)
    if not is_calm or before is None or prepared.has_unwritten(paths) or UNTRUSTED in found.directories.values():
        return
    marks = {path: prepared.mark_of(path) for path in _files(env, done)}
    marks[paths.ledger] = prepared.mark_of(paths.ledger)
    if marks[paths.ledger] != before or not _are_settled(marks.values()):
        return
    folders = {path: prepared.folder_mark(os.stat(path)) for path in found.directories}
    if any(mark[2] != found.directories[path] for path, mark in folders.items()):
        return
    old = prepared.load(paths)
    transcripts = _with_sums(done, old)
    if transcripts is None:
        return
    answers: dict[Any, tuple[int, int, str]] = {}
    if old is not None and (old.folders, old.transcripts) == (folders, transcripts) and prepared.are_true(old.marks):
        answers = dict(old.answers)
        marks = {**old.marks, **marks}  # another report may load other files of ours
    for oldest in list(answers)[: len(answers) + 1 - _MOST_ANSWERS]:
        del answers[oldest]
    end = calendar.start_of(calendar.day(now_ms) + timedelta(days=1))
    answers[key] = (now_ms, end, text)
    prepared.save(paths, prepared.World(marks, folders, transcripts, answers))


def _files(env: Mapping[str, str], done: Pass) -> Iterator[str]:
    """Files that reports depend on, beside the ledger and transcripts, and folders that may appear."""
    paths = own_paths(env)
    yield from (paths.settings, paths.data_update, "/etc/localtime")
    for folder in done.folders:
        yield from identity_files(folder, env)
    for folder in (*config_folders(env), *done.counted):
        if folder not in done.folders:
            yield os.path.join(folder, "projects")
    yield from desktop_session_folders(env)
    for where, _ in desktop_tree(env):
        yield where
    for name, module in list(sys.modules.items()):  # our own code, of which another version may be installed
        if name.startswith("tachograph") and getattr(module, "__file__", None):
            yield str(module.__file__)
    from tachograph.model.usage import prices

    yield os.path.join(os.path.dirname(prices.__file__), "prices.json")


def _are_settled(marks: Iterable[Signature | None]) -> bool:
    """True if no file changed so recently that another change could leave the same times."""
    now = filesystem_now_ns()
    for mark in marks:
        if mark is not None:
            newest = max(mark[3], mark[4])
            tick = _COARSE_TICK_NS if mark[3] % 1_000_000_000 == 0 else _TICK_NS
            if newest <= now < newest + tick:
                return False
    return True


def _with_sums(done: Pass, old: prepared.World | None) -> dict[bytes, tuple[Signature, int]] | None:
    """All transcripts with their marks and sums; None if one changed meanwhile."""
    before = {} if old is None else old.transcripts
    transcripts = {}
    for path in done.found.paths:
        mark = done.known[path]
        kept = before.get(path)
        content = kept[1] if kept is not None and kept[0] == mark else content_sum(path, mark)
        if content is None:
            return None
        transcripts[path] = (mark, content)
    return transcripts
