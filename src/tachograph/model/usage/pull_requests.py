"""The pull request of a message (accounting rule 8): by the session that linked it first, by branch second."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise

from tachograph.lean_typing import Iterable, Mapping, NamedTuple, Sequence
from tachograph.model.usage.messages import NO_TIME

DEFAULT_BRANCHES = frozenset(("main", "master", "trunk", "develop", "dev", "next", "staging", "production"))
UNKNOWN_BRANCHES = frozenset(("", "HEAD"))
CLAIM_MS = 30 * 86_400_000  # a branch is claimed so long before its first link and after its last
PAUSE_MS = 12 * 3_600_000

Claims = Mapping[tuple[int, str], Sequence[tuple[int, str, int]]]
OwnDefaults = Mapping[int, frozenset[str]]  # by project: its default branches, where they were set for it
_NONE_SET: OwnDefaults = {}


class Stretch(NamedTuple):
    """Messages of a session that follow each other in one place: their times, in order (NO_TIME if unknown), the project
    (an id), the branch, and whether they are on the main chain."""

    times: Sequence[int]
    project: int
    branch: str
    is_main: bool


class Link(NamedTuple):
    """A pull request's first mention in a session; `at` is NO_TIME if unknown."""

    at: int
    url: str
    pull: int
    project: int
    branch: str


class Assignment(NamedTuple):
    """The pull request of a message, 0 for none; `by_branch`: by its branch alone, not by the session that linked it."""

    pull: int = 0
    by_branch: bool = False


def claims_of(links: Iterable[Link], own: OwnDefaults = _NONE_SET) -> dict[tuple[int, str], list[tuple[int, str, int]]]:
    """By project and branch: when which pull requests were linked on it, in order; default branches are never claimed."""
    claims: dict[tuple[int, str], list[tuple[int, str, int]]] = {}
    for link in links:
        if is_claimable(link.branch, own.get(link.project, DEFAULT_BRANCHES)):
            claims.setdefault((link.project, link.branch), []).append((link.at, link.url, link.pull))
    for on_branch in claims.values():
        on_branch.sort()
    return claims


def is_claimable(branch: str, defaults: frozenset[str] = DEFAULT_BRANCHES) -> bool:
    return branch not in UNKNOWN_BRANCHES and branch not in defaults


def assign(
    work: Sequence[Stretch],
    links: Sequence[Link],
    clears: Sequence[int],
    claims: Claims,
    own: OwnDefaults = _NONE_SET,
) -> list[list[Assignment]]:
    """The pull request of every message of one session: for each stretch of its work, in order of time.

    `links` and `clears` (times of `/clear`) are those of the session, `claims` those of all sessions, `own` the default
    branches set for projects.
    """
    main = [one for one in work if one.is_main] or work
    in_order = sorted(links, key=lambda link: link[:3])
    by_session = _by_session(work, main, in_order, sorted(clears), own) if links else [[0] * len(m.times) for m in main]
    of_main = [_assignments(one, pulls, claims) for one, pulls in zip(main, by_session, strict=True)]
    if len(main) == len(work):
        return of_main
    times = [at for one in main for at in one.times]  # subagents follow their main chain
    flat = [assigned for of_stretch in of_main for assigned in of_stretch]
    following = iter(of_main)
    return [
        next(following) if one.is_main else [flat[max(bisect_right(times, at) - 1, 0)] for at in one.times]
        for one in work
    ]


def _assignments(one: Stretch, by_session: Sequence[int], claims: Claims) -> list[Assignment]:
    """Assignments of a stretch: the pull request that its branch was linked for, the next, else the last (8a); else the
    session's own."""
    known = {pull: Assignment(pull) for pull in set(by_session)}
    is_one = len(known) == 1  # nearly always
    assigned = [*known.values()] * len(by_session) if is_one else [known[pull] for pull in by_session]
    linked = claims.get((one.project, one.branch))
    if linked:
        first, last = linked[0][0], linked[-1][0]
        start = bisect_left(one.times, first - CLAIM_MS)
        end = bisect_left(one.times, NO_TIME if last == NO_TIME else last + CLAIM_MS + 1)
        while start < end:
            place = min(bisect_left(linked, (one.times[start],)), len(linked) - 1)
            at, _, pull = linked[place]
            until = end if place == len(linked) - 1 else bisect_right(one.times, at, start, end)
            claimed = Assignment(pull, by_branch=True)
            if is_one:
                assigned[start:until] = [known.get(pull, claimed)] * (until - start)
            else:
                assigned[start:until] = [mine if mine.pull == pull else claimed for mine in assigned[start:until]]
            start = until
    return assigned


def _by_session(
    work: Sequence[Stretch], main: Sequence[Stretch], links: Sequence[Link], clears: Sequence[int], own: OwnDefaults
) -> list[list[int]]:
    """Messages that led to a link of the session, or follow its last one (8b, 8c): their pull requests, else 0."""
    times = [at for one in work for at in one.times if at != NO_TIME]
    pauses = [(later, time) for time, later in pairwise(times) if later - time > PAUSE_MS]
    last_on = {(one.project, one.branch): one.times[-1] for one in main}  # ordered by time: the last one stays
    found = [[0] * len(one.times) for one in main]
    before = -NO_TIME
    for link in links:
        start = max([before, _pause_before(times, pauses, link.at), *(at for at in clears if at < link.at)])
        for one, pulls in zip(main, found, strict=True):
            if one.project == link.project and _leads_to(one, link, last_on, own):
                for place in range(bisect_right(one.times, start), bisect_right(one.times, link.at)):
                    pulls[place] = pulls[place] or link.pull
        before = max(before, link.at)
    last = links[-1]
    defaults = own.get(last.project, DEFAULT_BRANCHES)
    end = _pause_after(times, last.at)
    for one, pulls in zip(main, found, strict=True):
        first = bisect_right(one.times, last.at)
        if one.project != last.project:
            continue
        if one.branch == last.branch and is_claimable(one.branch, defaults):
            pulls[first:] = [last.pull] * (len(pulls) - first)
        elif one.branch in UNKNOWN_BRANCHES:
            until = max(first, bisect_left(one.times, end))
            pulls[first:until] = [last.pull] * (until - first)
    return found


def _leads_to(one: Stretch, link: Link, last_on: Mapping[tuple[int, str], int], own: OwnDefaults) -> bool:
    """Test the branch of messages before a link: the link's, a default or unknown one, or one that does not come again."""
    if one.branch == link.branch or not is_claimable(one.branch, own.get(one.project, DEFAULT_BRANCHES)):
        return True
    return last_on[one.project, one.branch] <= link.at


def _pause_before(times: Sequence[int], pauses: Sequence[tuple[int, int]], at: int) -> int:
    """The time of the last message before a pause that ends before a moment; long ago without one.

    `pauses`: the time of the first message after each, and of the last one before it.
    """
    place = bisect_right(times, at)
    if place and at != NO_TIME and at - times[place - 1] > PAUSE_MS:
        return times[place - 1]
    ended = bisect_right(pauses, at, key=lambda pause: pause[0])
    return pauses[ended - 1][1] if ended else -NO_TIME


def _pause_after(times: Sequence[int], at: int) -> int:
    """The first moment after which nothing happened for a pause, counted from a moment on."""
    now = at
    for time in times[bisect_left(times, at + 1) :]:
        if time - now > PAUSE_MS:
            break
        now = time
    return now + 1 if at != NO_TIME else NO_TIME
