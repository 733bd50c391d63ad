"""What `.claude.json` says: who is logged in, and the limits that Claude Code keeps there. It is never changed."""

import json
import os
from pathlib import Path

import pytest

from tachograph.model.limits.limits import CLAUDE_JSON, FIVE_HOUR, OK, SEVEN_DAY, SHAPE, AccountId
from tachograph.sources.claude_config import LoginIdentity, cached_reading, identity

FETCHED = 1_795_410_000_000
LOGIN = {
    "accountUuid": "acc-1",
    "organizationUuid": "org-1",
    "emailAddress": "mary@example.org",
    "organizationType": "claude_max",
    "organizationRateLimitTier": "default_claude_max_5x",
}
USAGE = {"five_hour": {"utilization": 34.0, "resets_at": None}, "seven_day": {"utilization": 61, "resets_at": None}}
CACHED = {"fetchedAtMs": FETCHED, "accountUuid": "acc-1", "utilization": USAGE}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / ".claude").mkdir()
    return {"HOME": str(tmp_path)}


def put(env: dict[str, str], document: object, *, inside: bool = False) -> Path:
    path = Path(env["HOME"], *([".claude"] if inside else []), ".claude.json")
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return path


def folder(env: dict[str, str]) -> str:
    return os.path.join(env["HOME"], ".claude")


def test_the_cached_answer_is_a_reading_of_when_it_was_fetched(env: dict[str, str]) -> None:
    put(env, {"oauthAccount": LOGIN, "cachedUsageUtilization": CACHED, "projects": {}})
    found = cached_reading(folder(env), env)
    assert found is not None
    assert (found.source, found.observed_at, found.outcome, found.problems) == (CLAUDE_JSON, FETCHED, OK, ())
    assert [(limit.key, limit.percent) for limit in found.limits] == [(FIVE_HOUR, 34.0), (SEVEN_DAY, 61.0)]
    assert (found.account, found.plan) == (AccountId("acc-1", "org-1"), "Max")


def test_N10_an_answer_fetched_for_another_login_stays_with_its_own_account(env: dict[str, str]) -> None:
    put(env, {"oauthAccount": LOGIN, "cachedUsageUtilization": CACHED | {"accountUuid": "acc-0"}})
    found = cached_reading(folder(env), env)
    assert found is not None
    assert (found.account, found.plan) == (AccountId("acc-0", ""), None)
    put(env, {"oauthAccount": LOGIN, "cachedUsageUtilization": CACHED | {"accountUuid": None}})
    found = cached_reading(folder(env), env)
    assert found is not None
    assert found.account is None


@pytest.mark.parametrize("document", [{}, {"oauthAccount": LOGIN}, {"cachedUsageUtilization": None}, [], 3])
def test_no_cached_answer_is_no_reading(env: dict[str, str], document: object) -> None:
    assert cached_reading(folder(env), env) is None
    put(env, document)
    assert cached_reading(folder(env), env) is None


def test_a_cached_answer_that_is_empty_is_no_reading(env: dict[str, str]) -> None:
    put(env, {"cachedUsageUtilization": CACHED | {"utilization": None}})
    assert cached_reading(folder(env), env) is None


@pytest.mark.parametrize("at", [None, "now", -1, 0, True, 10**30])
def test_an_answer_of_an_unknown_time_is_reported(env: dict[str, str], at: object) -> None:
    path = put(env, {"cachedUsageUtilization": CACHED | {"fetchedAtMs": at}})
    found = cached_reading(folder(env), env)
    assert found is not None
    assert (found.outcome, found.limits) == (SHAPE, ())
    assert found.observed_at == path.stat().st_mtime_ns // 1_000_000
    assert found.problems == ("the cached limits do not say when they were fetched",)


def test_a_changed_shape_is_reported(env: dict[str, str]) -> None:
    put(env, {"cachedUsageUtilization": CACHED | {"utilization": {"new": {"x": 1}}}})
    found = cached_reading(folder(env), env)
    assert found is not None
    assert (found.outcome, found.observed_at) == (SHAPE, FETCHED)


@pytest.mark.parametrize("data", [b"", b'{"oauthAccount": {"accountUuid": "acc', b"\x00\x00", b"[" * 100_000])
def test_a_half_written_file_is_reported_and_not_changed(env: dict[str, str], data: bytes) -> None:
    path = put(env, data)
    before = path.stat()
    found, seen = cached_reading(folder(env), env), identity(folder(env), env)
    assert found is not None
    assert seen is not None
    assert (found.outcome, found.problems) == (SHAPE, (f"{path}: half-written or no JSON",))
    assert seen == LoginIdentity("", "", "", "", f"{path}: half-written or no JSON")
    after = path.stat()
    assert path.read_bytes() == data
    assert (before.st_mtime_ns, before.st_ino, before.st_mode) == (after.st_mtime_ns, after.st_ino, after.st_mode)


def test_the_file_beside_the_folder_stands_in_for_a_torn_one_inside(env: dict[str, str]) -> None:
    put(env, b"{", inside=True)
    put(env, {"oauthAccount": LOGIN, "cachedUsageUtilization": CACHED})
    found, seen = cached_reading(folder(env), env), identity(folder(env), env)
    assert found is not None
    assert (found.outcome, found.observed_at) == (OK, FETCHED)
    assert seen == LoginIdentity("acc-1", "org-1", "mary@example.org", "Max")


def test_a_file_that_may_not_be_read_is_reported(env: dict[str, str]) -> None:
    Path(env["HOME"], ".claude.json").mkdir()  # also root cannot read that
    found = cached_reading(folder(env), env)
    assert found is not None
    assert (found.outcome, found.observed_at, len(found.problems)) == (SHAPE, 0, 1)
