"""Two months of status lines: at every step the newest value is shown, and nothing is at the limit after a lower one."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from helpers import Home
from meter_world import ADA, MeterWorld
from tachograph.ledger.limits import accounts, readings
from tachograph.ledger.storage.open import open_ledger
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import FIVE_HOUR, SEVEN_DAY, STATUSLINE, Limit, Reading
from tachograph.paths import own_paths
from tachograph.queries.limits.current import WALL, now
from two_months import BEGIN, DAYS, Draw, draws, since

KEYS = {FIVE_HOUR: ("5-hour", "session"), SEVEN_DAY: ("7-day", "weekly")}


def replay(folder: Path, series: Iterable[Draw]) -> tuple[int, int]:
    """Feed a series to a ledger, and hold what it shows against the truth. Returns steps, and those at a limit."""
    steps = full = 0
    with open_ledger(own_paths({"TACHOGRAPH_HOME": str(folder)}), BEGIN) as ledger:
        ledger.db.execute("PRAGMA synchronous = OFF")
        with ledger.transaction() as db:
            accounts.observe(db, Strings(db), "/c", accounts.Identity("u", "o", "ada", "Ultra"), BEGIN)
        for draw in series:
            limits = tuple(
                Limit(key, *KEYS[key], percent, resets_at)
                for key, (percent, resets_at) in zip(KEYS, (draw.five, draw.week), strict=True)
            )
            reading = Reading(STATUSLINE, draw.at, limits=limits, session=draw.session, api_ms=draw.api_ms)
            with ledger.transaction() as db:
                readings.append(db, Strings(db), reading, "/c")
            (account,) = now(ledger.db, draw.at).accounts
            steps += 1
            for key, (percent, resets_at) in draw.truth.items():
                limit = account.limit(key)
                assert limit is not None
                expected = percent if draw.at < resets_at else None
                assert limit.percent == expected, (draw, limit)
                assert (limit.state == WALL) == (expected is not None and expected >= 100), (draw, limit)
                full += limit.state == WALL
    return steps, full


@pytest.mark.slow
def test_ten_days_with_a_granted_reset(tmp_path: Path) -> None:
    steps, full = replay(tmp_path, draws(days=13))
    assert steps > 1_000 and full > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_two_months(tmp_path: Path, seed: int) -> None:
    steps, full = replay(tmp_path, draws(seed))
    assert steps > 5_000 and full > 50


def replay_from_outside(home: Home, series: Iterable[Draw], every: int) -> int:
    """The same with the installed command: each draw by `statusline`, and a look at `now` and `guard` now and then."""
    world = MeterWorld(home)
    world.at = BEGIN
    world.login(ADA)
    world.run("now")
    looks = 0
    for place, draw in enumerate(series):
        world.at = draw.at
        line = world.draw(draw.five, draw.week, session=draw.session, api_ms=draw.api_ms)
        truth = {key: percent if draw.at < resets_at else None for key, (percent, resets_at) in draw.truth.items()}
        for name, key in (("5h", FIVE_HOUR), ("7d", SEVEN_DAY)):
            shown = "–" if truth[key] is None else f"{truth[key]:.0f} %"
            assert f"{name} {shown}" in line.replace("~", ""), (draw, line)
        assert ("■" in line) == any(percent is not None and percent >= 100 for percent in truth.values()), (draw, line)
        if place % every == 0:
            looks += 1
            found = world.limits()
            assert {key: found[key]["percent"] for key in KEYS} == truth, draw
            code = world.guard("--no-ingest")
            assert (code == 11) == any(percent is not None and percent >= 100 for percent in truth.values()), draw
    return looks


@pytest.mark.slow
def test_a_day_of_status_lines_around_a_granted_reset_from_outside(home: Home) -> None:
    begin = BEGIN + int(11.3 * 86_400_000)
    day = [draw for draw in since(begin, draws(days=13)) if draw.at < begin + 14 * 3_600_000]
    assert replay_from_outside(home, day, 5) > 6


@pytest.mark.soak
def test_two_months_from_outside(home: Home) -> None:
    assert replay_from_outside(home, draws(3, DAYS), 10) > 500
