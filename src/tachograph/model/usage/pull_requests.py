"""The pull request of a message (accounting rule 8): by the session that linked it first, by branch second."""

from __future__ import annotations

from _bisect import bisect_left, bisect_right  # what bisect passes on
from _operator import itemgetter
from itertools import groupby, pairwise

from tachograph.lean_typing import Iterable, Iterator, Mapping, NamedTuple, Sequence
from tachograph.model.usage.messages import NO_TIME

DEFAULT_BRANCHES = frozenset(("main", "master", "trunk", "develop", "dev", "next", "staging", "production"))
UNKNOWN_BRANCHES = frozenset(("", "HEAD"))
CLAIM_MS = 30 * 86_400_000  # a branch is claimed so long before its first link and after its last
PAUSE_MS = 12 * 3_600_000

Claim = tuple[int, str, int]  # when a pull request was linked (NO_TIME if unknown), its address and its id
Claims = Mapping[tuple[int, str], Sequence[Claim]]
OwnDefaults = Mapping[int, frozenset[str]]  # by project: its default branches, where they were set for it
_NONE_SET: OwnDefaults = {}


class Stretch(NamedTuple):
    """Messages of a session that follow each other in one place: their times, in order (NO_TIME if unknown), the project
    (an id), the branch, and whether they are on the main chain."""

    times: Sequence[int]
    project: int
    branch: str
    is_main: bool


_place = itemgetter(1, 2)  # of a stretch: project and branch


class Link(NamedTuple):
    """A pull request's first mention in a session; `at` is NO_TIME if unknown."""

    at: int
    url: str
    pull: int
    project: int
    branch: str


Mention = tuple[int, str, str, int, str]  # when (NO_TIME if unknown), branch, folder, number, repository


def mention_order(at: int, branch: str, folder: str) -> tuple[int, bool, str, str]:
    """Of several mentions of a pull request in a session the first in this order counts: the earliest, and among those of
    the same time one that tells its folder."""
    return at, not folder, branch, folder


def join_mentions(a: Mention, b: Mention) -> Mention:
    """Two mentions of a pull request in a session as one."""
    first = min(a, b, key=lambda mention: mention_order(*mention[:3]))
    return (*first[:3], max(a[3], b[3]), max(a[4], b[4]))


class Assignment(NamedTuple):
    """The pull request of a message, 0 for none; `by_branch`: by its branch alone, not by the session that linked it."""

    pull: int = 0
    by_branch: bool = False


Share = tuple[int, Assignment]  # messages of a session that follow each other: how many, and their pull request
_Span = tuple[int, int, int]  # messages of a stretch, from one place to another, and their pull request
_NONE = Assignment()


def claims_of(links: Iterable[Link], own: OwnDefaults = _NONE_SET) -> dict[tuple[int, str], list[Claim]]:
    """By project and branch: when which pull requests were linked on it, in order; default branches are never claimed."""
    claims: dict[tuple[int, str], set[Claim]] = {}
    for link in links:
        if is_claimable(link.branch, own.get(link.project, DEFAULT_BRANCHES)):
            claims.setdefault((link.project, link.branch), set()).add((link.at, link.url, link.pull))
    return {place: sorted(on_branch) for place, on_branch in claims.items()}


def agree_between(a: Sequence[Claim], b: Sequence[Claim], first: int, last: int) -> bool:
    """Compare two lists of claims of a branch: True if both assign its messages between two times alike."""
    return a == b or _assignments(a, first, last) == _assignments(b, first, last)


def _assignments(claims: Sequence[Claim], first: int, last: int) -> tuple[int, int, list[tuple[int, int]]]:
    """Assignments that claims make between two times: the first and last time, and the pull requests, each with its last time.

    Consecutive claims of one pull request count as one. The last pull request has 0 instead of its time, because it applies
    until the end."""
    if not claims:
        return 0, 0, []
    start, end = max(first, claims[0][0] - CLAIM_MS), min(last, claims[-1][0] + CLAIM_MS)
    if start > end:
        return 0, 0, []
    begin = min(bisect_left(claims, (start,)), len(claims) - 1)
    concerned = claims[begin : bisect_left(claims, (end,)) + 1]
    ends = [(one[0], one[2]) for one, later in pairwise(concerned) if one[2] != later[2]]
    return start, end, [*ends, (0, concerned[-1][2])]


def is_claimable(branch: str, defaults: frozenset[str] = DEFAULT_BRANCHES) -> bool:
    return branch not in UNKNOWN_BRANCHES and branch not in defaults


def assign(
    work: Sequence[Stretch],
    links: Sequence[Link],
    clears: Sequence[int],
    claims: Claims,
    own: OwnDefaults = _NONE_SET,
) -> list[Share]:
    """The pull requests of all messages of one session, in the order of its work: how many follow each other, and theirs.

    `links` and `clears` (times of `/clear`) are those of the session, `claims` those of all sessions, `own` the default
    branches set for projects.
    """
    main = [one for one in work if one.is_main] or work
    joined = _join_places(main)
    in_order = sorted(links, key=lambda link: link[:3])
    by_session = _by_session(work, joined, in_order, sorted(clears), own) if links else [()] * len(joined)
    of_joined = [_shares(one, spans, claims) for one, spans in zip(joined, by_session, strict=True)]
    in_main = [share for shares in of_joined for share in shares]
    if len(main) == len(work):
        return in_main
    begun = [first for one, shares in zip(joined, of_joined, strict=True) for first in _beginnings(one.times, shares)]
    assigned = [one for _, one in in_main]
    of_main = iter(_split(in_main, [len(one.times) for one in main]))
    return [
        share for one in work for share in (next(of_main) if one.is_main else _like_main(one.times, begun, assigned))
    ]


def _join_places(main: Sequence[Stretch]) -> list[Stretch]:
    """Join consecutive stretches in one place. Only subagents worked between them."""
    joined = list[Stretch]()
    for _, several in groupby(main, key=_place):
        first, *others = several
        if others:
            times = [*first.times]
            for one in others:
                times += one.times
            first = first._replace(times=times)
        joined.append(first)
    return joined


def _split(shares: Iterable[Share], counts: Iterable[int]) -> Iterator[list[Share]]:
    """Split shares into lists that cover the given numbers of messages."""
    following, left, assigned = iter(shares), 0, _NONE
    for count in counts:
        part = list[Share]()
        while count:
            if not left:
                left, assigned = next(following)
            took = min(left, count)
            part.append((took, assigned))
            left, count = left - took, count - took
        yield part


def _shares(one: Stretch, by_session: Sequence[_Span], claims: Claims) -> list[Share]:
    """Shares of a stretch: the pull request that its branch was linked for, the next, else the last (8a); else the
    session's own."""
    count, linked = len(one.times), claims.get((one.project, one.branch))
    if not linked and not by_session:
        return [(count, _NONE)]
    mine, claimed = _cover(by_session, count), _cover(_by_branch(one.times, linked) if linked else (), count)
    shares, start, i, j = list[Share](), 0, 0, 0
    while start < count:
        (end, pull), (until, branch_pull) = mine[i], claimed[j]
        stop = end if end < until else until
        shares.append((stop - start, Assignment(branch_pull or pull, branch_pull not in (0, pull))))
        i, j, start = i + (end == stop), j + (until == stop), stop
    return shares


def _cover(spans: Sequence[_Span], count: int) -> list[tuple[int, int]]:
    """All of `count` messages: the end of each span, and its pull request; 0 between the spans."""
    cover, place = list[tuple[int, int]](), 0
    for first, end, pull in spans:
        if first > place:
            cover.append((first, 0))
        cover.append((end, pull))
        place = end
    if place < count:
        cover.append((count, 0))
    return cover


def _by_branch(times: Sequence[int], linked: Sequence[Claim]) -> list[_Span]:
    """Messages on a claimed branch, by the claim that follows them, else the last."""
    spans = []
    first, last = linked[0][0], linked[-1][0]
    start = bisect_left(times, first - CLAIM_MS)
    end = bisect_left(times, NO_TIME if last == NO_TIME else last + CLAIM_MS + 1)
    while start < end:
        place = min(bisect_left(linked, (times[start],)), len(linked) - 1)
        at, _, pull = linked[place]
        until = end if place == len(linked) - 1 else bisect_right(times, at, start, end)
        spans.append((start, until, pull))
        start = until
    return spans


def _beginnings(times: Sequence[int], shares: Iterable[Share]) -> Iterator[int]:
    """The time of the first message of each share of a stretch."""
    place = 0
    for count, _ in shares:
        yield times[place]
        place += count


def _like_main(times: Sequence[int], begun: Sequence[int], assigned: Sequence[Assignment]) -> Iterator[Share]:
    """Shares of a subagent's messages, which follow the main chain. `begun`: when each share of that begins."""
    number, place = max(bisect_right(begun, times[0]) - 1, 0), 0
    while number + 1 < len(begun) and begun[number + 1] <= times[-1]:
        end = bisect_left(times, begun[number + 1], place)
        if end > place:
            yield end - place, assigned[number]
        number, place = number + 1, end
    yield len(times) - place, assigned[number]


def _by_session(
    work: Sequence[Stretch], main: Sequence[Stretch], links: Sequence[Link], clears: Sequence[int], own: OwnDefaults
) -> list[list[_Span]]:
    """Messages that led to a link of the session, or follow its last one (8b, 8c)."""
    times = list[int]()
    for one in work:
        times += one.times
    del times[bisect_left(times, NO_TIME) :]
    pauses = list(_pauses(times))
    last_on = {(one.project, one.branch): one.times[-1] for one in main}  # ordered by time: the last one stays
    found: list[list[_Span]] = [[] for _ in main]
    before = -NO_TIME
    for link in links:  # each begins where the one before it ends
        start = max([before, _pause_before(times, pauses, link.at), *(at for at in clears if at < link.at)])
        for one, spans in zip(main, found, strict=True):
            if one.project == link.project and _leads_to(one, link, last_on, own):
                _add(spans, bisect_right(one.times, start), bisect_right(one.times, link.at), link.pull)
        before = max(before, link.at)
    last = links[-1]
    defaults = own.get(last.project, DEFAULT_BRANCHES)
    end = _pause_after(times, pauses, last.at)
    for one, spans in zip(main, found, strict=True):
        first = bisect_right(one.times, last.at)
        if one.project != last.project:
            continue
        if one.branch == last.branch and is_claimable(one.branch, defaults):
            _add(spans, first, len(one.times), last.pull)
        elif one.branch in UNKNOWN_BRANCHES:
            _add(spans, first, bisect_left(one.times, end), last.pull)
    return found


def _add(spans: list[_Span], first: int, end: int, pull: int) -> None:
    if first < end:
        spans.append((first, end, pull))


def _leads_to(one: Stretch, link: Link, last_on: Mapping[tuple[int, str], int], own: OwnDefaults) -> bool:
    """Test the branch of messages before a link: the link's, a default or unknown one, or one that does not come again."""
    if one.branch == link.branch or not is_claimable(one.branch, own.get(one.project, DEFAULT_BRANCHES)):
        return True
    return last_on[one.project, one.branch] <= link.at


def _pauses(times: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The time of the first message after each pause, and of the last one before it."""
    place = 0
    while times:  # a pause begins so long after each message at the earliest
        place = bisect_right(times, times[place] + PAUSE_MS, place)
        if place == len(times):
            return
        if times[place] - times[place - 1] > PAUSE_MS:
            yield times[place], times[place - 1]


def _pause_before(times: Sequence[int], pauses: Sequence[tuple[int, int]], at: int) -> int:
    """The time of the last message before a pause that ends before a moment; long ago without one."""
    place = bisect_right(times, at)
    if place and at != NO_TIME and at - times[place - 1] > PAUSE_MS:
        return times[place - 1]
    ended = bisect_right(pauses, at, key=lambda pause: pause[0])
    return pauses[ended - 1][1] if ended else -NO_TIME


def _pause_after(times: Sequence[int], pauses: Sequence[tuple[int, int]], at: int) -> int:
    """The first moment after which nothing happened for a pause, counted from a moment on."""
    if at == NO_TIME:
        return NO_TIME
    place = bisect_right(times, at)
    if place == len(times) or times[place] - at > PAUSE_MS:
        return at + 1
    ended = bisect_right(pauses, times[place], key=lambda pause: pause[0])
    return (pauses[ended][1] if ended < len(pauses) else times[-1]) + 1
