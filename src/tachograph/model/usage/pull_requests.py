"""The pull request of a message (accounting rule 8): by the session that linked it first, by branch second."""

from __future__ import annotations

from bisect import bisect_left

from tachograph.lean_typing import Iterable, Mapping, NamedTuple, Sequence
from tachograph.model.usage.messages import NO_TIME

DEFAULT_BRANCHES = frozenset(("main", "master", "trunk", "develop", "dev", "next", "staging", "production"))
UNKNOWN_BRANCHES = frozenset(("", "HEAD"))
CLAIM_MS = 30 * 86_400_000  # a branch is claimed so long before its first link and after its last
PAUSE_MS = 12 * 3_600_000

Claims = Mapping[tuple[int, str], Sequence[tuple[int, str, int]]]
OwnDefaults = Mapping[int, frozenset[str]]  # by project: its default branches, where they were set for it
_NONE_SET: OwnDefaults = {}


class Work(NamedTuple):
    """A message: its time (NO_TIME if unknown), project (an id), branch, and whether it is on the main chain."""

    id: int
    at: int
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
    ordered = sorted(work, key=lambda one: (one.at, one.id))
    main = [one for one in ordered if one.is_main] or ordered
    in_order = sorted(links, key=lambda link: link[:3])
    by_session = _by_session(ordered, main, in_order, sorted(clears), own) if links else {}
    assigned = {one.id: _assignment(one, by_session.get(one.id, 0), claims) for one in main}
    if len(main) < len(ordered):  # subagents follow their main chain
        times = [one.at for one in main]
        for one in ordered:
            if one.id not in assigned:
                place = bisect_left(times, one.at + 1) - 1
                assigned[one.id] = assigned[main[max(place, 0)].id]
    return assigned


def _assignment(one: Work, by_session: int, claims: Claims) -> Assignment:
    claimed = _claim(one, claims)
    return Assignment(claimed or by_session, bool(claimed) and claimed != by_session)


def _claim(one: Work, claims: Claims) -> int:
    """The pull request that a message's branch was linked for: the next, else the last (8a)."""
    linked = claims.get((one.project, one.branch))
    if not linked or one.at == NO_TIME:
        return 0
    first, last = linked[0][0], linked[-1][0]
    if one.at < first - CLAIM_MS or (last != NO_TIME and one.at > last + CLAIM_MS):
        return 0
    return linked[min(bisect_left(linked, (one.at,)), len(linked) - 1)][2]


def _by_session(
    ordered: Sequence[Work], main: Sequence[Work], links: Sequence[Link], clears: Sequence[int], own: OwnDefaults
) -> dict[int, int]:
    """Messages that led to a link of the session, or follow its last one (8b, 8c)."""
    times = [one.at for one in ordered if one.at != NO_TIME]
    last_on = {(one.project, one.branch): one.at for one in main}  # ordered by time: the last one stays
    found: dict[int, int] = {}
    before = -NO_TIME
    for link in links:
        start = max([before, _pause_before(times, link.at), *(at for at in clears if at < link.at)])
        for one in main:
            is_before = start < one.at <= link.at and one.project == link.project
            if is_before and one.id not in found and _leads_to(one, link, last_on, own):
                found[one.id] = link.pull
        before = max(before, link.at)
    last = links[-1]
    defaults = own.get(last.project, DEFAULT_BRANCHES)
    end = _pause_after(times, last.at)
    for one in main:
        if (last.at < one.at < end and one.project == last.project and one.branch in UNKNOWN_BRANCHES) or (
            one.at > last.at
            and one.project == last.project
            and one.branch == last.branch
            and is_claimable(one.branch, defaults)
        ):
            found[one.id] = last.pull
    return found


def _leads_to(one: Work, link: Link, last_on: Mapping[tuple[int, str], int], own: OwnDefaults) -> bool:
    """Test the branch of a message before a link: the link's, a default or unknown one, or one that does not come again."""
    if one.branch == link.branch or not is_claimable(one.branch, own.get(one.project, DEFAULT_BRANCHES)):
        return True
    return last_on[one.project, one.branch] <= link.at


def _pause_before(times: Sequence[int], at: int) -> int:
    """The time of the last message before a pause that ends before a moment; long ago without one."""
    later = at
    for time in reversed(times[: bisect_left(times, at + 1)]):
        if later != NO_TIME and later - time > PAUSE_MS:
            return time
        later = time
    return -NO_TIME


def _pause_after(times: Sequence[int], at: int) -> int:
    """The first moment after which nothing happened for a pause, counted from a moment on."""
    now = at
    for time in times[bisect_left(times, at + 1) :]:
        if time - now > PAUSE_MS:
            break
        now = time
    return now + 1 if at != NO_TIME else NO_TIME
