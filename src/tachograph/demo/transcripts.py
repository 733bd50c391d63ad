"""Writes some weeks of invented Claude Code transcripts under a config folder, for the demo and for tests.

The same arguments always give the same bytes. No file is ever overwritten: a folder that is in use stays as it is.
"""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple
from uuid import UUID

from tachograph.demo import records, stories
from tachograph.demo.conversation import Act, Conversation, Pull, Script, converse
from tachograph.demo.records import Record
from tachograph.demo.stories import Project, Step, Task
from tachograph.demo.workdays import Sitting, sittings

STORY_DAYS = 60  # the tasks of `stories` last that long; a longer span starts them again
NEW_MODELS_AFTER = 0.3  # of the span: then opus 5.5, sonnet 5.5 and haiku 5.5 take over
LIVE_LENGTH = timedelta(minutes=45)
LAST_WORD = timedelta(minutes=3)  # the running session's last message, before `end`

OLD_MODELS = {"claude-opus-4-8": 70, "claude-sonnet-4-6": 22, "claude-fable-5-1": 8}
NEW_MODELS = {"claude-opus-5-5": 64, "claude-sonnet-5-5": 16, "claude-fable-5-1": 16, "claude-opus-4-8": 4}
OLD_HELPERS = {"claude-haiku-4-5-20251001": 8, "claude-sonnet-4-6": 2}
NEW_HELPERS = {"claude-haiku-5-5": 8, "claude-sonnet-5-5": 2}
TITLES = {"ai": 76, "custom": 8, "": 16}

# Rare things, each with the places (as parts of all sessions) where it happens, so that no seed goes without them.
ODD = {
    "summary": (0.0, 0.04, 0.09),
    "five-minute-writes": (0.15, 0.7),
    "torn": (0.35,),
    "plain": (0.4, 0.6, 0.8),
    "garbage": (0.45,),
    "fast": (0.5, 0.77, 0.9),
    "search": (0.3, 0.55, 0.85),
    "compaction": (0.62,),
    "deep errand": (0.66,),
    "advisor": (0.74,),
    "nova": (0.93,),
    "worktree": (0.82,),
}


class Written(NamedTuple):
    """What was written. `messages` counts every billed message once, and the extra billed parts of one."""

    folder: Path
    files: int
    sessions: int
    messages: int
    bytes: int
    first_at: datetime
    last_at: datetime


def write(config: Path, *, end: datetime, days: int = 60, seed: int = 7, identity: Path | None = None) -> Written:
    """Write the transcripts of the `days` days up to `end` under `config`, and who is logged in beside it.

    `end` is the demo's now: the last session still goes on, and its zone is where Ada lives (naive means UTC).
    `identity` is the path of `.claude.json`, by default in the folder that holds `config`.
    Raises FileExistsError, before anything else is written, when the identity file is there already.
    """
    now = end if end.tzinfo else end.replace(tzinfo=UTC)
    _create(identity or config.parent / ".claude.json", _identity(now), now)
    billed: list[datetime] = []
    sizes: list[int] = []
    scripts = _scripts(now, days, Random(f"{seed} plan"))
    for script, talk in _played(scripts, now, seed):
        billed += talk.billed
        sizes += _store(config, script, talk)
    return Written(config, len(sizes), len(scripts), len(billed), sum(sizes), min(billed), max(billed))


class _Planned(NamedTuple):
    """A sitting with the work that is done in it; `part` and `parts` say how far its task is."""

    sitting: Sitting
    project: Project
    task: Task
    round: int
    part: int
    parts: int


class _Draft(NamedTuple):
    """A script, and the number of the script whose history it starts with."""

    script: Script
    fork_of: int | None


def _played(scripts: Sequence[_Draft], now: datetime, seed: int) -> list[tuple[Script, Conversation]]:
    assert now.tzinfo is not None
    talks: list[tuple[Script, Conversation]] = []
    for number, (script, fork_of) in enumerate(scripts):
        if fork_of is not None:
            script = script._replace(earlier=talks[fork_of][1].as_earlier)
        talk = converse(script, Random(f"{seed} {number}"), now.tzinfo)
        if number == len(scripts) - 1:
            late = now - LAST_WORD - max(talk.billed)
            moved = [act._replace(start=act.start + late, until=act.until + late) for act in script.acts]
            script = script._replace(acts=moved)
            talk = converse(script, Random(f"{seed} {number}"), now.tzinfo)
        talks.append((script, talk))
    return talks


def _scripts(now: datetime, days: int, rng: Random) -> list[_Draft]:
    """One script for each session, in order; the last one is the session that still goes on."""
    free = now - LIVE_LENGTH * 2
    worked = [sitting for sitting in sittings(now, days, rng) if sitting.until < free]
    planned = _with_work([*worked, Sitting(now - LIVE_LENGTH, now + LIVE_LENGTH)], days, rng)
    pulls = _pulls(planned, rng)
    odd = _odd(len(planned))
    drafts: list[_Draft] = []
    latest: dict[tuple[str, str, int], int] = {}
    chances = 0
    for number, plan in enumerate(planned):
        key = (plan.project.cwd, plan.task.branch, plan.round)
        live = number == len(planned) - 1
        fork_of = None
        if key in latest and not live and plan.sitting.limit is None:
            chances += 1
            before = latest[key]
            if chances % 9 == 4 and "torn" not in odd[before] and before not in (d.fork_of for d in drafts):
                joined = drafts[before].script
                more = _acts(plan, pulls, number, rng, live=False)
                drafts[before] = drafts[before]._replace(script=joined._replace(acts=[*joined.acts, *more]))
                drafts.append(drafts[before])
                continue
            fork_of = before if chances % 14 == 2 else None
        latest[key] = number
        drafts.append(_Draft(_script(plan, pulls, number, len(planned), odd[number], rng), fork_of))
    return drafts
