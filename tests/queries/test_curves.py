"""The course of a limit: each window is a line of its own, whatever a source says between two of them."""

import sqlite3

import pytest

from tachograph.ledger.limits import windows
from tachograph.ledger.limits.windows import Level
from tachograph.model.limits.limits import FIVE_HOUR
from tachograph.queries.limits import curves

HOUR = 3_600_000
RESET = 5 * HOUR


def _course(monkeypatch: pytest.MonkeyPatch, *levels: tuple[int, float, int | None]) -> list[tuple[int, float | None]]:
    said = [Level(FIVE_HOUR, at, percent, resets_at, "usage") for at, percent, resets_at in levels]
    monkeypatch.setattr(windows, "levels", lambda *_: said)
    monkeypatch.setattr(windows, "all_windows", lambda *_, **__: [])
    (curve,) = curves.curves(sqlite3.connect(":memory:"), 1, 0, 20 * HOUR, (FIVE_HOUR,))
    return [(point.at, point.percent) for point in curve.points]


def test_a_window_that_was_read_at_once_is_apart_from_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    at = RESET - 60_000  # it was over earlier than was said
    made = _course(monkeypatch, (HOUR, 40, RESET), (at, 2, 2 * RESET))
    assert made == [(HOUR, 40), (at - 1_000, None), (at, 2)]


def test_no_window_is_apart_from_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a reset and before the next message sources say 0, and name no reset."""
    later = RESET + HOUR
    made = _course(
        monkeypatch,
        (HOUR, 40, RESET),
        (later, 0, None),
        (later + 1_000, 0, None),
        (later + 2_000, 40, RESET),  # an idle source repeats what it knew
        (later + HOUR, 3, 3 * RESET),
    )
    assert made == [
        (HOUR, 40),
        (RESET, None),
        (later, 0),
        (later + 1_000, 0),
        (later + HOUR, 3),
    ]
