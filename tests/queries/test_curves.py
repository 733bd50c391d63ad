"""The curve of a limit: each window is a line of its own, whatever a source says between two of them."""

from tachograph.model.limits.limits import FIVE_HOUR, SESSION
from tachograph.model.limits.series import series
from tachograph.model.limits.window_state import Observation
from tachograph.queries.limits.curves import points

HOUR = 3_600_000
RESET = 5 * HOUR


def _curve(*read: tuple[int, float, int | None]) -> list[tuple[int, float | None]]:
    seen = [Observation(at, percent, resets_at, "oauth") for at, percent, resets_at in read]
    return [(point.at, point.percent) for point in points(series(FIVE_HOUR, SESSION, seen, 20 * HOUR))]


def test_a_window_that_was_read_at_once_is_apart_from_the_one_before() -> None:
    at = RESET - 60_000  # it was over earlier than was said
    assert _curve((HOUR, 40, RESET), (at, 2, 2 * RESET - 60_000)) == [(HOUR, 40), (at - 1_000, None), (at, 2)]


def test_no_window_is_apart_from_the_one_before() -> None:
    """After a reset and before the next message sources say 0, and name no reset."""
    later = RESET + HOUR
    found = _curve((HOUR, 40, RESET), (later, 0, None), (later + 1_000, 0, None), (later + HOUR, 3, later + 6 * HOUR))
    assert found == [(HOUR, 40), (RESET, None), (later, 0), (later + 1_000, 0), (later + HOUR, 3)]
