"""Claims of a branch: when two lists of them give a session's messages the same pull requests."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tachograph.model.usage.messages import NO_TIME
from tachograph.model.usage.pull_requests import CLAIM_MS, Claim, Stretch, agree_between, assign

DAY = 86_400_000
times = st.one_of(st.integers(0, 150).map(DAY.__mul__), st.integers(0, 5), st.just(NO_TIME))
claims = st.lists(
    st.builds(lambda at, pull: (at, f"https://github.com/ada/shop/pull/{pull}", pull), times, st.integers(1, 3)),
    max_size=5,
    unique=True,
).map(sorted)


def pulls(of: Sequence[int], claimed: list[Claim]) -> list[int]:
    """The pull request of each message on a branch."""
    shares = assign([Stretch(of, 1, "one", is_main=True)], [], [], {(1, "one"): claimed} if claimed else {})
    return [assigned.pull for count, assigned in shares for _ in range(count)]


@given(claims, claims, st.booleans(), st.lists(times, min_size=1, max_size=8).map(sorted))
def test_claims_that_agree_give_the_same_pull_requests(
    a: list[Claim], b: list[Claim], more: bool, work: list[int]
) -> None:
    if more:
        b = sorted({*a, *b})
    if agree_between(a, b, work[0], work[-1]):
        assert pulls(work, a) == pulls(work, b)


def test_a_claim_says_nothing_of_messages_before_the_one_before_it() -> None:
    first, later, again = (DAY * 50, "u1", 1), (DAY * 60, "u2", 2), (DAY * 40, "u1", 1)
    assert agree_between([first], [first, later], DAY * 30, DAY * 50)
    assert not agree_between([first], [first, later], DAY * 30, DAY * 50 + 1)
    assert agree_between([first], [again, first], DAY * 30, DAY * 50)
    assert agree_between([first], [], 0, first[0] - CLAIM_MS - 1)
    assert not agree_between([first], [], 0, first[0] - CLAIM_MS)
