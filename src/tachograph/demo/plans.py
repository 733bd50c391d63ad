"""Sessions of the demo: project, task, model and oddities of each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from tachograph.demo import stories
from tachograph.demo.projects import PROJECTS, SHOP, Project, Step, Task
from tachograph.demo.script import Act, Pull, Script
from tachograph.demo.workdays import Sitting, sittings

STORY_DAYS = 60  # the tasks of `stories` last that long; a longer span starts them again
LIVE_START = timedelta(minutes=45)  # about how long before now the running session began
NEW_MODELS_AFTER = 0.3  # of the span

OLD_MODELS = {"claude-opus-4-8": 74, "claude-sonnet-4-6": 12, "claude-fable-5-1": 14}
NEW_MODELS = {"claude-opus-5-5": 52, "claude-sonnet-5-5": 8, "claude-fable-5-1": 32, "claude-opus-4-8": 8}
OLD_HELPERS = {"claude-haiku-4-5-20251001": 8, "claude-sonnet-4-6": 2}
NEW_HELPERS = {"claude-haiku-5-5": 8, "claude-sonnet-5-5": 2}
TITLES = {"ai": 76, "custom": 8, "": 16}
ROOMS = (165_000, 450_000, 450_000)  # tokens of context at which a session is compacted

# Rare things, each with its places (as parts of all sessions), so that no seed goes without them.
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
}
WORKTREE_AFTER = 0.82
PULL_REQUEST_AFTER = 0.4  # of a task's sittings: opened early, looked at again in most of the later ones
SIDE_FIX_EVERY = 6  # pull requests, until one of them brings a second in the same session
CONTINUE_EVERY, FORK_EVERY = 9, 14  # sittings that could go on with the session before; see _drafts


class Plan(NamedTuple):
    """A session to be; `fork_of` is the index, in the list of plans, of the session it is forked from."""

    script: Script
    fork_of: int | None = None


class _Work(NamedTuple):
    """Work of a sitting: the `part`-th of `parts` sittings on a task; `number` counts the project's tasks."""

    sitting: Sitting
    project: Project
    task: Task
    number: int
    part: int
    parts: int
    last: bool

    @property
    def branch(self) -> str:
        again = self.number // len(self.project.tasks)
        return f"{self.task.branch}-{again + 1}" if again and self.task.pull_request else self.task.branch


def plans(now: datetime, days: int, rng: Random) -> list[Plan]:
    """One plan for each session, in the order in which they begin; the last one still goes on."""
    worked = [sitting for sitting in sittings(now, days, rng) if sitting.until < now - 2 * LIVE_START]
    live = Sitting(now - LIVE_START, now + timedelta(days=1))
    drafts = _drafts(_works([*worked, live], days, rng), now, days, rng)
    *past, running = drafts
    odd = _place_oddities(len(past))
    past = [plan._replace(script=_apply_oddities(plan.script, odd[i])) for i, plan in enumerate(past)]
    _move_to_worktree(past)
    return [*past, running._replace(script=_without_end(running.script))]


def _works(all_sittings: Sequence[Sitting], days: int, rng: Random) -> list[_Work]:
    """Each sitting with its project and task; every project gets through its tasks in order, evenly over the span."""
    projects: list[Project] = []
    for _ in all_sittings[:-1]:
        stay = projects and rng.random() < 0.4
        weights = [project.weight for project in PROJECTS]
        projects.append(projects[-1] if stay else rng.choices(PROJECTS, weights)[0])
    projects.append(SHOP)
    found: dict[int, _Work] = {}
    for project in PROJECTS:
        mine = [place for place, chosen in enumerate(projects) if chosen is project]
        count = min(len(mine), max(1, round(len(project.tasks) * days / STORY_DAYS)))
        numbers = [place * count // len(mine) for place in range(len(mine))]
        for place, number in zip(mine, numbers, strict=True):
            found[place] = _Work(
                all_sittings[place],
                project,
                project.tasks[number % len(project.tasks)],
                number,
                part=mine.index(place) - numbers.index(number),
                parts=numbers.count(number),
                last=number == count - 1,
            )
    return [found[place] for place in range(len(all_sittings))]


def _drafts(works: Sequence[_Work], now: datetime, days: int, rng: Random) -> list[Plan]:
    """The plans without their oddities. Some sittings continue an earlier session in its file, some fork it."""
    drafts: list[Plan] = []
    desk = _ActPlanner(rng)
    latest: dict[tuple[str, int], int] = {}
    chances = 0
    for work in works:
        task = (work.project.cwd, work.number)
        acts = desk.acts(work)
        fork_of = None
        if task in latest and work is not works[-1]:
            chances += 1
            before = latest[task]
            if chances % CONTINUE_EVERY == 4:
                script = drafts[before].script
                drafts[before] = drafts[before]._replace(script=script._replace(acts=[*script.acts, *acts]))
                continue
            fork_of = before if chances % FORK_EVERY == 2 else None
        latest[task] = len(drafts)
        age = 1 - (now - work.sitting.start) / timedelta(days=days)
        drafts.append(Plan(_script(work, acts, age, rng), fork_of))
    return drafts


def _script(work: _Work, acts: Sequence[Act], age: float, rng: Random) -> Script:
    """`age` runs from 0 at the start of the span to 1 now."""
    new = age > NEW_MODELS_AFTER
    kind = _pick(TITLES, rng)
    return Script(
        session=str(UUID(int=rng.getrandbits(128), version=4)),
        project=work.project,
        cwd=work.project.cwd,
        model=_pick(NEW_MODELS if new else OLD_MODELS, rng),
        helper=_pick(NEW_HELPERS if new else OLD_HELPERS, rng),
        version=f"2.1.{290 + int(age * 40)}",
        room=rng.choice(ROOMS),
        acts=acts,
        title=(kind, _step(work).title) if kind else None,
    )


class _ActPlanner:
    """Deals out the acts of each sitting in order, and remembers which pull requests are open."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.numbers = {project.cwd: project.number for project in PROJECTS}
        self.latest: dict[str, tuple[str, Pull]] = {}
        self.opened = 0

    def acts(self, work: _Work) -> list[Act]:
        sitting, rng = work.sitting, self.rng
        turns = 40 if sitting.limit else rng.randint(3, 7)
        act = Act(work.branch, _step(work).prompt, turns, sitting.start, sitting.until, limit=sitting.limit)
        if not work.task.pull_request:
            return [*self._before(work, act), act]
        opens_at = int(work.parts * PULL_REQUEST_AFTER)
        if work.part < opens_at or (work.last and work.project is not SHOP):
            return [*self._before(work, act), act]
        if work.part > opens_at:
            return [act._replace(seen=self.latest[work.project.cwd][1] if rng.random() < 0.8 else None)]
        pull = self._pull(work.project)
        acts = [*self._before(work, act), act._replace(opens=pull)]
        self.latest[work.project.cwd] = (work.branch, pull)
        self.opened += 1
        return [*acts, self._side_fix(work.project, sitting)] if self.opened % SIDE_FIX_EVERY == 2 else acts

    def _before(self, work: _Work, act: Act) -> list[Act]:
        """Acts before a new task: sometimes a look at main, sometimes the review of the last pull request."""
        if work.part or work.branch == "main":
            return []
        if work.number % 3 == 1 and work.project.cwd in self.latest:
            branch, pull = self.latest[work.project.cwd]
            prompt = self.rng.choice(stories.REVIEW_PROMPTS).format(number=pull.number)
            return [act._replace(branch=branch, prompt=prompt, turns=2, seen=pull, limit=None)]
        if work.number % 3 == 2:
            return [act._replace(branch="main", prompt=self.rng.choice(stories.EXPLORE_PROMPTS), turns=1, limit=None)]
        return []

    def _side_fix(self, project: Project, sitting: Sitting) -> Act:
        step = stories.SIDE_FIXES[self.opened // SIDE_FIX_EVERY % len(stories.SIDE_FIXES)]
        pull = self._pull(project)
        return Act(f"fix/{_slug(step.title)}", step.prompt, 1, sitting.start, sitting.until, opens=pull)

    def _pull(self, project: Project) -> Pull:
        number = self.numbers[project.cwd]
        self.numbers[project.cwd] += self.rng.randint(1, 4)
        return Pull(number, project.repository)


def _step(work: _Work) -> Step:
    """The task's own steps spread over its sittings, with something general in between."""
    steps = work.task.steps
    place = work.part * len(steps) // work.parts
    if work.parts <= len(steps) or work.part == -(-place * work.parts // len(steps)):
        return steps[place]
    general = stories.FOLLOW_UPS[(work.part * 3 + work.number) % len(stories.FOLLOW_UPS)]
    words = work.task.branch.rpartition("/")[2].split("-")
    name = " ".join(stories.SPELLINGS.get(word, word) for word in words)
    return Step(general.title.format(name=name), general.prompt.format(name=name))


def _place_oddities(count: int) -> list[frozenset[str]]:
    places: list[set[str]] = [set() for _ in range(count)]
    for name, parts in ODD.items():
        for part in parts:
            if places:
                places[int(part * count)].add(name)
    return [frozenset(names) for names in places]


def _apply_oddities(script: Script, odd: frozenset[str]) -> Script:
    """The script with what these oddities need: an old title, a model with a fast mode, a helper with tiers."""
    if "summary" in odd:
        script = script._replace(title=("summary", script.title[1] if script.title else "Loose ends"))
    if "fast" in odd and "opus" not in script.model:
        script = script._replace(model="claude-opus-5-5")
    if "deep errand" in odd:
        script = script._replace(helper="claude-haiku-5-5")
    return script._replace(odd=odd)


def _without_end(script: Script) -> Script:
    """The script of a session that is still going on: nothing is opened in it yet."""
    last = next((n for n, act in enumerate(script.acts) if act.opens), len(script.acts) - 1)
    acts = [*script.acts[:last], script.acts[last]._replace(opens=None)]
    return script._replace(acts=acts, odd=frozenset({"still going"}))


def _move_to_worktree(past: list[Plan]) -> None:
    """One late session of the shop happens in a worktree that Claude Code made."""
    for place in range(int(len(past) * WORKTREE_AFTER), len(past)):
        plan = past[place]
        script = plan.script
        forked = plan.fork_of is not None or place in (other.fork_of for other in past)
        pull = script.acts[0].opens or script.acts[0].seen
        if script.project is SHOP and len(script.acts) == 1 and not pull and not forked:
            cwd = f"{script.cwd}/.claude/worktrees/{stories.WORKTREE}"
            acts = [script.acts[0]._replace(branch=f"worktree-{stories.WORKTREE}")]
            past[place] = plan._replace(script=script._replace(cwd=cwd, acts=acts))
            return


def _pick(weights: dict[str, int], rng: Random) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _slug(title: str) -> str:
    return "-".join(title.lower().split())
