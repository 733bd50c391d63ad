"""Answers that are remembered for some seconds: made once, and gone when they are too old."""

from tachograph.clock import Clock
from tachograph.workspace.snapshot import TtlCache


class Ticking(Clock):
    """A clock that is set."""

    at = 0.0

    def monotonic(self) -> float:
        return self.at


def test_an_answer_is_made_again_when_it_is_too_old_and_old_ones_take_no_room() -> None:
    clock = Ticking()
    cache = TtlCache(clock)
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [cache.answer("one", 5.0, make) for _ in range(3)] == [0, 0, 0]
    clock.at = 5.0
    assert cache.answer("one", 5.0, make) == 1
    for version in range(1000):
        clock.at += 1.0
        cache.answer(("drivers", version), 5.0, make)
    assert len(cache._answers) <= 6
