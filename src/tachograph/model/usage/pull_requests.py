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


# A message: its time (NO_TIME if unknown), id, project (an id), branch, and whether it is on the main chain. A plain tuple,
# since a session may have thousands, and sorted as they are.
Work = tuple[int, int, int, str, bool]


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
    work: Sequence[Work],
    links: Sequence[Link],
    clears: Sequence[int],
    claims: Claims,
    own: OwnDefaults = _NONE_SET,
) -> dict[int, Assignment]:
    """The pull request of every message of one session, by message id.

    `links` and `clears` (times of `/clear`) are those of the session, `claims` those of all sessions, `own` the default
    branches set for projects.
    """
    ordered = sorted(work)
    main = [one for one in ordered if one[4]] or ordered
    in_order = sorted(links, key=lambda link: link[:3])
    by_session = _by_session(ordered, main, in_order, sorted(clears), own) if links else {}
    assigned: dict[int, Assignment] = {}
    found, held = Assignment(), (0, 0)
    place_project, place_branch = 0, ""
    claimed, until = 0, -NO_TIME
    for at, id, project, branch, _ in main:
        if at >= until or branch is not place_branch or project != place_project:
            place_project, place_branch = project, branch
            claimed, until = _claim(at, claims.get((project, branch)))
        follows = by_session.get(id, 0)
        if (claimed, follows) != held:
            held = claimed, follows
            found = Assignment(claimed or follows, claimed != 0 and claimed != follows)
        assigned[id] = found
    if len(main) < len(ordered):  # subagents follow their main chain
        times = [one[0] for one in main]
        for at, id, *_ in ordered:
            if id not in assigned:
                place = bisect_left(times, at + 1) - 1
                assigned[id] = assigned[main[max(place, 0)][1]]
    return assigned


def _claim(at: int, linked: Sequence[tuple[int, str, int]] | None) -> tuple[int, int]:
    """The pull request that the branch of a message was linked for: the next, else the last (8a); and the moment from
    which on that may be another one."""
    if not linked or at == NO_TIME:
        return 0, NO_TIME
    first, last = linked[0][0], linked[-1][0]
    if at < first - CLAIM_MS:
        return 0, first - CLAIM_MS
    if last != NO_TIME and at > last + CLAIM_MS:
        return 0, NO_TIME
    place = bisect_left(linked, (at,))
    if place < len(linked):
        return linked[place][2], min(linked[place][0] + 1, NO_TIME)
    return linked[-1][2], last + CLAIM_MS + 1


def _by_session(
    ordered: Sequence[Work], main: Sequence[Work], links: Sequence[Link], clears: Sequence[int], own: OwnDefaults
) -> dict[int, int]:
    """Messages that led to a link of the session, or follow its last one (8b, 8c)."""
    times = [one[0] for one in ordered if one[0] != NO_TIME]
    pauses = [(later, time) for time, later in pairwise(times) if later - time > PAUSE_MS]
    main_times = [one[0] for one in main]
    last_on = {(project, branch): at for at, _, project, branch, _ in main}  # ordered by time: the last one stays
    found: dict[int, int] = {}
    before = -NO_TIME
    for link in links:
        start = max([before, _pause_before(times, pauses, link.at), *(at for at in clears if at < link.at)])
        for _, id, project, branch, _ in main[bisect_right(main_times, start) : bisect_right(main_times, link.at)]:
            if project == link.project and id not in found and _leads_to(project, branch, link, last_on, own):
                found[id] = link.pull
        before = max(before, link.at)
    last = links[-1]
    defaults = own.get(last.project, DEFAULT_BRANCHES)
    end = _pause_after(times, last.at)
    for at, id, project, branch, _ in main[bisect_right(main_times, last.at) :]:
        if project == last.project and (
            (at < end and branch in UNKNOWN_BRANCHES) or (branch == last.branch and is_claimable(branch, defaults))
        ):
            found[id] = last.pull
    return found


def _leads_to(project: int, branch: str, link: Link, last_on: Mapping[tuple[int, str], int], own: OwnDefaults) -> bool:
    """Test the branch of a message before a link: the link's, a default or unknown one, or one that does not come again."""
    if branch == link.branch or not is_claimable(branch, own.get(project, DEFAULT_BRANCHES)):
        return True
    return last_on[project, branch] <= link.at


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
