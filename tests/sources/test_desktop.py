"""What Claude Desktop's own samples say."""

import json
import ntpath
import os

import pytest

from tachograph.model.limits.limits import DESKTOP, FIVE_HOUR, SEVEN_DAY, AccountId, ExtraUsage, Limit, Reading
from tachograph.sources.claude_desktop import history_files, readings

ORG = "5ca1ab1e-0000-4000-8000-00000000000b"
AT = 1_795_400_000_000


def sample(at: object = AT, org: object = ORG, **used: object) -> dict[str, object]:
    return {"t": at, "org": org, "u": used}


def of(*samples: object, since_ms: int = 0, version: object = 2) -> tuple[list[Reading], list[str]]:
    return readings(json.dumps({"version": version, "samples": samples}).encode(), since_ms)


def test_a_sample_is_a_reading_of_an_organisation() -> None:
    found, problems = of(sample(fh=34, sd=61.5, xu=24))
    limits = (
        Limit(FIVE_HOUR, "5-hour", "session", 34.0, None),
        Limit(SEVEN_DAY, "7-day", "weekly", 61.5, None),
    )
    extra = ExtraUsage(None, None, None, 24.0)
    assert found == [Reading(DESKTOP, AT, account=AccountId("", ORG), limits=limits, extra=extra)]
    assert problems == []


def test_samples_come_oldest_first_and_only_those_after_a_moment() -> None:
    found, _ = of(sample(AT + 2, fh=2), sample(AT, fh=0), sample(AT + 1, fh=1), since_ms=AT)
    assert [reading.observed_at for reading in found] == [AT + 1, AT + 2]


def test_N01_what_a_sample_lacks_is_unknown() -> None:
    found, problems = of(sample(fh=None, sd=3), sample(AT + 1), sample(AT + 2, fh=None), sample(AT + 3, org=None, sd=1))
    assert [[limit.key for limit in reading.limits] for reading in found] == [[SEVEN_DAY], [SEVEN_DAY]]
    assert [reading.extra for reading in found] == [None, None]
    assert [reading.account for reading in found] == [AccountId("", ORG), None]
    assert problems == []


def test_N02_what_cannot_be_a_percentage_is_left_out_and_counted_once_for_its_kind() -> None:
    found, problems = of(*(sample(AT + index, fh=-1, sd=1) for index in range(3)), sample(AT + 9, fh="34", sd=True))
    assert [[(limit.key, limit.percent) for limit in reading.limits] for reading in found] == [[(SEVEN_DAY, 1.0)]] * 3
    assert problems == [
        "fh is -1, not a percentage: left out (3 times)",
        "fh is text, not a percentage: left out",
        "sd is true, not a percentage: left out",
    ]


def test_what_is_new_in_it_is_reported_and_the_rest_still_read() -> None:
    found, problems = of(sample(fh=1, fable=9), sample(AT + 1, fh=2, fable=9), version=3)
    assert len(found) == 2
    assert problems == [
        "plan-usage-history.json is of version 3; we know version 2",
        "Claude Desktop notes something new: fable (2 times)",
    ]


@pytest.mark.parametrize(
    "broken", ["text", None, {}, {"t": AT}, sample("now", fh=1), sample(5, fh=1), sample(True, fh=1)]
)
def test_a_sample_that_cannot_be_read_is_counted(broken: object) -> None:
    found, problems = of(broken, sample(fh=1))
    assert len(found) == 1
    assert problems == ["a sample holds no time or no percentages"]


@pytest.mark.parametrize("data", [b"", b'{"version": 2, "samples": [{"t": 17954', b"\xff\x00", b"[" * 100_000])
def test_a_half_written_file_is_reported(data: bytes) -> None:
    assert readings(data, 0) == ([], ["plan-usage-history.json: half-written or no JSON"])


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"samples": {}}', b"null"])
def test_a_file_of_another_shape_is_reported(data: bytes) -> None:
    assert readings(data, 0) == ([], ["plan-usage-history.json holds no samples"])


def test_where_the_file_stands_on_each_platform() -> None:
    env = {"HOME": "/home/mary"}
    (mac,) = history_files(env, "darwin")
    assert mac == os.path.join("/home/mary", "Library", "Application Support", "Claude", "plan-usage-history.json")
    roaming, packaged = history_files({"APPDATA": "C:/R", "LOCALAPPDATA": "C:/L", "USERPROFILE": "C:/U"}, "win32")
    assert ntpath.normpath(roaming) == "C:\\R\\Claude\\plan-usage-history.json"
    assert ntpath.normpath(packaged).startswith("C:\\L\\Packages\\Claude_")
    assert ntpath.normpath(packaged).endswith("\\LocalCache\\Roaming\\Claude\\plan-usage-history.json")
    assert history_files(env | {"XDG_CONFIG_HOME": "/cfg"}, "linux") == ["/cfg/Claude/plan-usage-history.json"]
