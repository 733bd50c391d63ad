"""Points of drivers are those of `why`: the rows of a dimension share out exactly what the models of a limit week got."""

from pathlib import Path

import pytest

from helpers import NOW_MS
from served_dashboard import invented
from tachograph.model.usage.periods import Span
from tachograph.model.usage.prices import load
from tachograph.queries.estimates.attribution import attribution
from tachograph.queries.estimates.driver_points import drivers_with_points
from tachograph.queries.limits.current import now
from tachograph.queries.limits.guard import primary_account
from tachograph.queries.usage.rows import WAY_KEYS, SpendQuery

pytestmark = pytest.mark.slow


def test_rows_of_a_dimension_have_the_points_that_why_gives_the_models(tmp_path: Path) -> None:
    home, book = invented(tmp_path / "home"), load({})[0]
    with home.ledger() as ledger:
        db = ledger.db
        account = primary_account(now(db, NOW_MS))
        assert account is not None
        for back in (1, 2):
            week = attribution(db, book, account, NOW_MS, back=back)
            span = Span(week.since, week.resets_at)
            found = drivers_with_points(db, book, SpendQuery("day", span), account.id, NOW_MS)
            assert found.weeks == 1
            expected = sum(part.points.value for part in week.by_model if part.points is not None)
            assert expected > 5
            for dimension in WAY_KEYS:
                rows = [row for row in found.drivers.rows if row.kind == dimension]
                points = [row.points for row in rows if row.points is not None]
                assert len(points) == len(rows)
                assert sum(one.value for one in points) == pytest.approx(expected, rel=0.02), dimension
                assert all(one.low <= one.value <= one.high for one in points)


def test_a_range_of_two_weeks_adds_their_points_and_half_a_week_takes_its_part(tmp_path: Path) -> None:
    home, book = invented(tmp_path / "home"), load({})[0]
    with home.ledger() as ledger:
        db = ledger.db
        account = primary_account(now(db, NOW_MS))
        assert account is not None
        weeks = [attribution(db, book, account, NOW_MS, back=back) for back in (2, 1)]

        def main_points(start: int | None, end: int | None) -> float:
            question = SpendQuery("day", Span(start, end))
            row = drivers_with_points(db, book, question, account.id, NOW_MS).drivers.row("agent", "main")
            return 0.0 if row is None or row.points is None else row.points.value

        each = [main_points(week.since, week.resets_at) for week in weeks]
        assert main_points(weeks[0].since, weeks[1].resets_at) == pytest.approx(sum(each))
        middle = ((weeks[0].since or 0) + (weeks[0].resets_at or 0)) // 2
        halves = [main_points(weeks[0].since, middle), main_points(middle, weeks[0].resets_at)]
        assert sum(halves) == pytest.approx(each[0], rel=1e-6)
        assert all(0 <= half <= each[0] for half in halves)


def test_an_unknown_account_has_no_points(tmp_path: Path) -> None:
    home, book = invented(tmp_path / "home", 3), load({})[0]
    with home.ledger() as ledger:
        found = drivers_with_points(ledger.db, book, SpendQuery("day", Span(None, NOW_MS)), None, NOW_MS)
    assert found.weeks == 0
    assert all(row.points is None for row in found.drivers.rows)
