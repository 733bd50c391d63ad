"""Days, hours, weeks and months of every zone add up, across changes of the clock."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from helpers import Home, flat
from tachograph.demo import records

if sys.platform == "win32":
    pytest.skip("not on this platform: limits, mounts and modes are POSIX's", allow_module_level=True)
from disturbed_ledger import contents

# zone: days on which its clocks changed in 2026, with their length in half hours
CHANGES = {
    "Europe/Berlin": {"2026-03-29": 46, "2026-10-25": 50},
    "America/St_Johns": {"2026-03-08": 46, "2026-11-01": 50},
    "Australia/Lord_Howe": {"2026-04-05": 49, "2026-10-04": 47},
    "Asia/Kathmandu": {},
    "Pacific/Kiritimati": {},
    "UTC": {},
}
STARTS = [datetime(2026, *day, tzinfo=UTC) for day in ((3, 5), (3, 27), (4, 3), (10, 2), (10, 23), (10, 30))]


@pytest.fixture(scope="module")
def half_hours(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A message every half hour over every change of the clocks in 2026, and some days before and after it."""
    home = Home(tmp_path_factory.mktemp("zones") / "home")
    made = []
    for start in STARTS:
        made += [
            records.assistant(f"{start:%m%d}h{n}", at=start + timedelta(minutes=30 * n), session=f"{start:%m%d}")
            for n in range(48 * 5)
        ]
    home.write("p/one.jsonl", made)
    home.ingest()
    return home


@pytest.mark.parametrize("zone", CHANGES)
def test_s11_days_have_the_length_they_had_and_sum_to_all(half_hours: Home, zone: str) -> None:
    report = half_hours.report("daily", "--timezone", zone)
    days = {row["period"]: row["messages"] for row in report["rows"]}
    assert sum(days.values()) == report["totals"]["messages"] == 6 * 48 * 5
    for day, length in CHANGES[zone].items():
        assert days[day] == length, day
    assert max(number for day, number in days.items() if day not in CHANGES[zone]) == 48
    expected: dict[str, int] = {}
    for start in STARTS:
        for n in range(48 * 5):
            local = (start + timedelta(minutes=30 * n)).astimezone(ZoneInfo(zone)).date().isoformat()
            expected[local] = expected.get(local, 0) + 1
    assert days == expected


@pytest.mark.parametrize("zone", CHANGES)
def test_s11_hours_weeks_and_months_sum_to_all(half_hours: Home, zone: str) -> None:
    for report in ("hourly", "weekly", "monthly"):
        made = half_hours.report(report, "--timezone", zone)
        assert sum(row["messages"] for row in made["rows"]) == 6 * 48 * 5
    hours = half_hours.report("hourly", "--timezone", zone)["rows"]
    assert len({row["period"] for row in hours}) == len(hours)


def test_s11_an_hour_of_which_half_comes_twice_is_two_rows(home: Home) -> None:
    for hour, minute in ((14, 35), (15, 5), (15, 35)):  # the clock is put back by half an hour at 15:00 UTC
        moment = datetime(2026, 4, 4, hour, minute, tzinfo=UTC)
        home.append("p/s.jsonl", [records.assistant(str(moment), at=moment)])
    rows = home.report("hourly", "--timezone", "Australia/Lord_Howe", "--since", "2026-04-01")["rows"]
    expected = ["2026-04-05T01:00+11:00", "2026-04-05T01:00+10:30", "2026-04-05T02:00+10:30"]
    assert [(row["period"], row["messages"]) for row in rows] == [(hour, 1) for hour in expected]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])
def test_s11_the_ledger_is_the_same_whatever_the_zone_of_the_machine(
    half_hours: Home, tmp_path: Path, zone: str
) -> None:
    other = Home(tmp_path / "home")
    other.env |= {"CLAUDE_CONFIG_DIR": str(half_hours.claude), "TZ": zone}
    there = other.run("daily", "--json").json
    here = half_hours.run("daily", "--json", "--timezone", zone).json
    assert there["rows"] == here["rows"]
    assert there["timezone"] == zone
    assert flat(there["totals"]) == flat(here["totals"])
    theirs, ours = contents(other.data / "ledger.sqlite3"), contents(half_hours.data / "ledger.sqlite3")
    for table in ("answer", "rollup", "hour"):
        assert theirs[table] == ours[table]
