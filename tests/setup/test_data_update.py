"""Signed data files: only a release key's signature over a higher serial is ever installed."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from helpers import Home
from tachograph.demo.records import assistant
from tachograph.errors import UsageError
from tachograph.model.estimates import learner
from tachograph.model.limits import plans
from tachograph.model.limits.plans import plan_name
from tachograph.paths import own_paths
from tachograph.settings import SettingsFollower
from tachograph.setup import data_update

CONTENT: dict[str, Any] = {
    "kind": "tachograph-data",
    "serial": 5,
    "created": "2026-11-20",
    "prices": {"models": []},
    "limit_changes": [{"at": "2026-11-01", "note": "x\x1b[2J" + "y" * 500}],
}


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def signed(path: Path, key: Ed25519PrivateKey, content: object, *, damage: bool = False) -> str:
    payload = json.dumps(content).encode()
    signature = key.sign(payload)
    if damage:
        payload = payload.replace(b'"serial": 5', b'"serial": 9')
    envelope = {"payload": base64.b64encode(payload).decode(), "signature": base64.b64encode(signature).decode()}
    path.write_text(json.dumps(envelope))
    return str(path)


KEY, NEXT, OTHER = (Ed25519PrivateKey.generate() for _ in range(3))
KEYS = (public(KEY), public(NEXT))


@pytest.mark.parametrize("key", [KEY, NEXT])
def test_either_release_key_verifies_and_the_file_installs(key: Ed25519PrivateKey, tmp_path: Path) -> None:
    update = data_update.read(signed(tmp_path / "in.json", key, CONTENT), 4, KEYS)
    assert (update.serial, update.created) == (5, "2026-11-20")
    data_update.install(str(tmp_path / "installed.json"), update)
    assert data_update.installed(str(tmp_path / "installed.json")) == update


def test_text_is_printable_and_short(tmp_path: Path) -> None:
    update = data_update.read(signed(tmp_path / "in.json", KEY, CONTENT), 0, KEYS)
    note = update.tables["limit_changes"][0]["note"]
    assert "\x1b" not in note and len(note) <= data_update.MOST_LETTERS


@pytest.mark.parametrize("installed", [5, 6])
def test_an_equal_or_older_serial_is_refused(installed: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="serial"):
        data_update.read(signed(tmp_path / "in.json", KEY, CONTENT), installed, KEYS)


def test_another_key_and_a_changed_payload_are_refused(tmp_path: Path) -> None:
    for path in (signed(tmp_path / "a", OTHER, CONTENT), signed(tmp_path / "b", KEY, CONTENT, damage=True)):
        with pytest.raises(UsageError, match="signature"):
            data_update.read(path, 0, KEYS)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"kind": "else"},
        {**CONTENT, "serial": True},
        {**CONTENT, "serial": 0},
        {**CONTENT, "serial": 10**4000},
        {**CONTENT, "created": 3},
        None,
    ],
)
def test_signed_but_unfit_content_is_refused(content: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        data_update.read(signed(tmp_path / "in.json", KEY, content), 0, KEYS)


def test_deep_and_large_tables_are_refused(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    for table in (deep, list(range(data_update.MOST_VALUES + 1))):
        with pytest.raises(UsageError, match="more than"):
            data_update.read(signed(tmp_path / "in.json", KEY, {**CONTENT, "prices": table}), 0, KEYS)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b'{"payload": 1, "signature": 2}', b"x" * (1 << 20) + b"x"]
)
def test_what_is_no_data_file_is_refused_with_a_sentence(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(data)
    with pytest.raises(UsageError):
        data_update.read(str(tmp_path / "in.json"), 0, KEYS)


def test_without_a_release_key_every_file_is_refused_and_the_command_says_so(home: Home, tmp_path: Path) -> None:
    assert data_update.PUBLIC_KEYS == ()
    done = home.run("prices", "update", signed(tmp_path / "in.json", KEY, CONTENT), code=2)
    assert "no release key yet" in done.stderr and "Traceback" not in done.stderr


def test_updated_prices_price_messages_and_yield_to_the_persons_own(home: Home) -> None:
    home.write("p/a.jsonl", [assistant("one", model="claude-nova-9")])
    assert home.report("models")["totals"]["cost_usd"] is None
    price = dict.fromkeys(("output", "cache_write_5m", "cache_write_1h", "cache_read"), 0)
    tables = {"prices": {"claude-nova-9": {"input": 3, **price}, "claude-broken-1": {"input": "x"}}}
    data_update.install(own_paths(home.env).data_update, data_update.DataUpdate(7, "2026-11-24", tables))
    updated = home.report("models")["totals"]["cost_usd"]
    assert updated > 0
    (home.data / "settings.toml").write_text(
        '[prices."claude-nova-9"]\ninput = 6\noutput = 0\ncache_write_5m = 0\ncache_write_1h = 0\ncache_read = 0\n'
    )
    assert home.report("models")["totals"]["cost_usd"] == pytest.approx(2 * updated)


def test_the_command_installs_a_verified_file_once(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_update, "PUBLIC_KEYS", KEYS)
    path = signed(tmp_path / "in.json", KEY, CONTENT)
    assert "serial 5" in home.call("prices", "update", path).stdout
    with pytest.raises(UsageError, match="installed already"):
        home.call("prices", "update", path)


@pytest.mark.parametrize("price", [float("nan"), float("inf"), -5, 1e308, True, "3", None, []])
def test_a_price_that_is_no_price_is_left_out_once_and_said(
    price: object, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_update, "PUBLIC_KEYS", KEYS)
    good = dict.fromkeys(("input", "output", "cache_write_5m", "cache_write_1h", "cache_read"), 1)
    prices = {"claude-nova-9": good, "claude-odd-\x1b[31m1": {**good, "input": price}}
    done = home.call("prices", "update", signed(tmp_path / "in.json", KEY, {**CONTENT, "prices": prices}))
    assert "claude-odd-" in done.stderr and "left out" in done.stderr and "\x1b" not in done.stderr
    shown = home.call("prices", "nova")
    assert "claude-nova-9" in shown.stdout and shown.stderr == ""


@pytest.mark.parametrize("table", [[1], "x", None, 3])
def test_prices_that_are_no_table_are_left_out(table: object) -> None:
    update, problems = data_update.without_unusable_rows(data_update.DataUpdate(1, "2026-11-20", {"prices": table}))
    assert problems and "prices" not in update.tables


def test_a_damaged_data_file_stops_no_command(home: Home) -> None:
    path = Path(own_paths(home.env).data_update)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[" * 200_000)
    assert home.call("prices", "opus").code == 0


@pytest.mark.parametrize("data", [b"", b"[]", b'{"serial": "x"}', b"\xff", b"[" * 200_000])
def test_a_damaged_installed_file_counts_as_none(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "installed.json").write_bytes(data)
    assert data_update.installed(str(tmp_path / "installed.json")) is None


# -- plan names and changes of limits ------------------------------------------------------------------------------

NEW_YEAR = 1_798_761_600  # 2027-01-01 00:00 UTC
TABLES = {
    "plans": [
        {"tier": "40x", "since": "2027-01-01", "name": "Ultra 40x"},
        {"type": "nova", "name": "Nova"},
        {"tier": "80x", "since": "soon", "name": "Later"},
        "no row",
    ],
    "limit_changes": [{"at": "2027-01-01", "limit": "seven_day", "factor": 2}, {"at": 5}, None],
}


@pytest.fixture
def without_update() -> Iterator[None]:
    yield
    plans.use_update(())
    learner.use_update(())


@pytest.mark.usefixtures("without_update")
def test_names_and_changes_of_an_installed_file_are_used_until_it_is_deleted(home: Home) -> None:
    paths = own_paths(home.env)
    follower = SettingsFollower(paths.settings)
    follower.refresh()
    assert plan_name("claude_nova", "") == "claude_nova"
    data_update.install(paths.data_update, data_update.DataUpdate(7, "2026-12-01", TABLES))
    assert follower.refresh()
    assert plan_name("claude_nova", "") == "Nova"
    assert plan_name("claude_max", "default_claude_max_40x", NEW_YEAR * 1000) == "Ultra 40x"
    assert plan_name("claude_max", "default_claude_max_40x", NEW_YEAR * 1000 - 1) == "Max"
    assert learner.is_announced(NEW_YEAR + 86_400)
    Path(paths.data_update).unlink()
    assert follower.refresh()
    assert plan_name("claude_nova", "") == "claude_nova"
    assert not learner.is_announced(NEW_YEAR + 86_400)


@pytest.mark.usefixtures("without_update")
@pytest.mark.parametrize("table", ["x", 5, None, {"tier": "40x"}])
def test_rows_that_cannot_be_used_are_left_out_and_said(table: object) -> None:
    update, problems = data_update.without_unusable_rows(data_update.DataUpdate(7, "2026-12-01", TABLES))
    assert len(update.tables["plans"]) == 2 and len(update.tables["limit_changes"]) == 1
    assert len(problems) == 4 and all("left out" in problem for problem in problems)
    wrong = data_update.DataUpdate(7, "2026-12-01", {"plans": table, "limit_changes": table})
    update, problems = data_update.without_unusable_rows(wrong)
    assert update.tables == {"plans": [], "limit_changes": []} and len(problems) == 2
