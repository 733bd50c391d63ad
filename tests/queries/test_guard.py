"""`guard`: the verdict for scripts, pure and as a command."""

import json
import subprocess
import time

import pytest

from helpers import NOW_MS, Home, command
from tachograph.model.limits.limits import SEVEN_DAY, STATUSLINE, Limit, Reading
from tachograph.queries.limits.current import FRESH, OVERAGE, RESET, STALE, UNKNOWN, WALL, Now, NowAccount, NowLimit
from tachograph.queries.limits.guard import find_accounts, find_limit_keys, judge

T, HOUR = NOW_MS, 3_600_000


def limit(percent: float | None, state: str = FRESH, key: str = "five_hour", age: int = 0) -> NowLimit:
    group = "session" if key == "five_hour" else "weekly"
    scope = key.rpartition(":")[2].title() if ":" in key else None
    name = "5-hour" if key == "five_hour" else "7-day" if key == SEVEN_DAY else f"{scope} week"
    return NowLimit(key, name, group, scope, percent, T + HOUR, None, "oauth", T - age, state)


def now(*limits: NowLimit, label: str = "ada@example.org", id: int = 1) -> Now:
    return Now(T, (NowAccount(id, f"uuid-{id}", "o", label, "Max", limits, None, (), (), T),))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ((limit(12),), 0),
        ((limit(89.9),), 0),
        ((limit(90),), 10),
        ((limit(100, WALL),), 11),
        ((limit(100, OVERAGE),), 12),
        ((limit(None, UNKNOWN),), 20),
        ((), 20),
        ((limit(95, STALE),), 10),  # a window only fills
        ((limit(50, STALE),), 20),
        ((limit(10), limit(95, key="weekly_scoped:opus"), limit(60, key=SEVEN_DAY)), 10),
        ((limit(100, WALL), limit(95, key=SEVEN_DAY)), 11),
        ((limit(100, OVERAGE), limit(95, key=SEVEN_DAY)), 12),
        ((limit(100, OVERAGE), limit(100, WALL, key=SEVEN_DAY)), 11),
        ((limit(None, UNKNOWN), limit(95, key=SEVEN_DAY)), 10),
        ((limit(None, UNKNOWN), limit(5, key=SEVEN_DAY)), 20),
    ],
)
def test_exit_codes(limits: tuple[NowLimit, ...], code: int) -> None:
    assert judge(now(*limits)).exit_code == code


def test_overage_can_be_allowed_and_a_wall_cannot() -> None:
    assert judge(now(limit(100, OVERAGE)), allow_overage=True).exit_code == 0
    assert judge(now(limit(100, WALL)), allow_overage=True).exit_code == 11


def test_the_threshold_the_age_and_the_limit_are_settable() -> None:
    assert judge(now(limit(60)), threshold=50).exit_code == 10
    old = limit(60, age=10 * 60_000)
    assert judge(now(old)).exit_code == 0
    assert judge(now(old), fresh_ms=5 * 60_000).exit_code == 20
    both = now(limit(99), limit(5, key=SEVEN_DAY))
    assert judge(both, keys=(SEVEN_DAY,)).exit_code == 0
    assert judge(both, keys=("seven_day_opus",)).exit_code == 20


def test_a_window_that_has_just_reset_is_clear_and_long_after_unknown() -> None:
    reset = limit(None, RESET)._replace(resets_at=T - 60_000)
    assert judge(now(reset)).exit_code == 0
    assert judge(now(reset._replace(resets_at=T - 2 * HOUR))).exit_code == 20


def test_names_that_people_use() -> None:
    of = now(limit(1), limit(2, key=SEVEN_DAY), limit(3, key="weekly_scoped:opus"))
    assert find_limit_keys(of, "opus") == find_limit_keys(of, "Opus week") == ("weekly_scoped:opus",)
    assert find_limit_keys(of, "5h") == find_limit_keys(of, "session") == ("five_hour",)
    assert find_limit_keys(of, "fable") == ()
    assert [a.id for a in find_accounts(of, "a")] == [1]
    assert find_accounts(of, "bob") == ()


# -- the command -----------------------------------------------------------------------------------------------


def pipe(home: Home, percent: float) -> None:
    piped = {"rate_limits": {"five_hour": {"used_percentage": percent, "resets_at": NOW_MS // 1000 + 7200}}}
    subprocess.run(
        [command(), "statusline"], input=json.dumps(piped).encode(), env=home.env, check=True, capture_output=True
    )


def test_the_command(home: Home) -> None:
    assert "no reading" in home.run("guard", code=20).stdout
    pipe(home, 41)
    assert home.run("guard").stdout.startswith("clear: the 5-hour limit is at 41 %; resets in 2 h 0 min, 14:00")
    pipe(home, 93.4)
    document = home.run("guard", "--json", code=10).json
    assert (document["state"], document["percent"], document["limit"]) == ("near", 93.4, "five_hour")
    assert home.run("guard", "--threshold", "95", "--quiet").stdout == ""
    assert "No limit" in home.run("guard", "--limit", "opus", code=1).stderr
    assert "is not known" in home.run("guard", "--account", "bob", code=1).stderr
    home.run("guard", "--threshold", "0", code=2)


def test_a_ledger_that_cannot_be_used_is_unknown(home: Home) -> None:
    (home.root / "file").write_text("")
    assert home.run("guard", code=20, env={"TACHOGRAPH_HOME": str(home.root / "file" / "x")}).stderr


@pytest.mark.slow  # waits for a reset
def test_wait_ends_when_it_is_clear(home: Home) -> None:
    """With a clock that runs, and a window that resets in three seconds."""
    home.env.pop("TACHOGRAPH_NOW")
    piped = {"rate_limits": {"five_hour": {"used_percentage": 97, "resets_at": int(time.time()) + 3}}}
    subprocess.run(
        [command(), "statusline"], input=json.dumps(piped).encode(), env=home.env, check=True, capture_output=True
    )
    result = home.run("guard", "--wait", "--timeout", "30")
    assert "Waiting. near: the 5-hour limit" in result.stderr
    assert result.stdout.startswith("clear: the 5-hour limit has just reset")


def test_wait_gives_up_at_its_timeout(home: Home) -> None:
    pipe(home, 97)
    home.env.pop("TACHOGRAPH_NOW")
    with home.ledger() as ledger:
        from tachograph.ledger.limits import readings
        from tachograph.ledger.usage.strings import Strings

        at = int(time.time() * 1000)
        five = Limit("five_hour", "5-hour", "session", 97.0, at + HOUR)
        with ledger.transaction() as db:
            readings.append(db, Strings(db), Reading(STATUSLINE, at, limits=(five,)))
    home.run("guard", "--wait", "--timeout", "0.5", code=10)
