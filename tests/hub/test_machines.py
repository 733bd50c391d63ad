"""A machine stays one machine: forks and copies of data folders, keys that no list of processes shows, tries of codes."""

import json
import random
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from helpers import NOW, NOW_MS, Home, command
from hub_facts import message
from hub_server import Hub, answers, hub, identity, invite_next, join, rows, sync, token_of
from tachograph.clock import FixedClock
from tachograph.demo import records
from tachograph.errors import UsageError
from tachograph.hub.api import MAX_TRIES_OF_ADDRESS, HubApi
from tachograph.hub.store.open import open_store
from tachograph.ui.cli.parser import parsed

ORIGINAL, FORK = "5e55101a-0000-4000-8000-00000000000a", "5e55101a-0000-4000-8000-00000000000b"
OWNERS = "SELECT answer.identity, uuid, flags FROM answer JOIN session ON session.id = session ORDER BY 1"


def test_a_fork_that_two_ledgers_own_differently_belongs_to_one_session_everywhere(tmp_path: Path) -> None:
    first, second, union = (Home(tmp_path / name) for name in ("first", "second", "union"))
    at = [NOW - timedelta(hours=2, minutes=-n) for n in range(4)]
    first.write(
        f"-p/{ORIGINAL}.jsonl",
        [records.assistant(f"M{n}", at=at[n], output=10 + n, session=ORIGINAL) for n in range(3)],
    )
    copied = [records.assistant(f"M{n}", at=at[n], output=10 + n, session=FORK, forked_from=ORIGINAL) for n in range(3)]
    second.write(f"-p/{FORK}.jsonl", [*copied, records.assistant("N", at=at[3], output=50, session=FORK)])
    union.env["CLAUDE_CONFIG_DIR"] = f"{first.claude},{second.claude}"
    for home in (first, second, union):
        home.call("daily")
    assert rows(first, OWNERS)[0][1] != rows(second, OWNERS)[0][1]
    with hub(tmp_path / "hub") as served:
        join(first, served.invite(), "first")
        join(second, invite_next(first), "second")
        sync(first, second, first)
        assert rows(first, OWNERS) == rows(second, OWNERS) == rows(union, OWNERS)
        assert answers(first)["sessions"] == answers(second)["sessions"] == answers(union)["sessions"]


def test_nothing_waits_after_an_exchange_that_moved_messages(tmp_path: Path) -> None:
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    for home, label in ((first, "A"), (second, "B")):
        (home.claude / ".claude.json").write_text(identity(0))
        home.write(f"-p/{label}.jsonl", [records.assistant(label, output=5)])
    second.append("-p/B.jsonl", [records.pr_link(7, at=NOW)])
    with hub(tmp_path / "hub") as served:
        join(first, served.invite(), "first")
        join(second, invite_next(first), "second")
        sync(first)
        assert first.call("machines", "--json").json["waiting"] == 0
        assert rows(first, "SELECT count(*) FROM touched") == [(0,)]


def pair(tmp_path: Path, served: Hub | None) -> tuple[Home, Path]:
    """A machine that joined a hub or a folder."""
    first, shared = Home(tmp_path / "first"), tmp_path / "shared"
    shared.mkdir()
    first.write("-p/a.jsonl", [records.assistant("A", output=5)])
    join(first, [f"folder:{shared}"] if served is None else served.invite(), "first")
    return first, shared


def check_copy(first: Home, root: Path) -> None:
    """Copy the data folder; both go on, and each sees what the other writes."""
    second = Home(root / "second")
    shutil.copytree(first.data, second.data)
    second.write("-p/b.jsonl", [records.assistant("B", output=7)])
    sync(second)
    first.append("-p/a.jsonl", [records.assistant("C", output=9)])
    sync(first, second, first)
    assert answers(first) == answers(second)
    assert first.call("daily", "--json").json["totals"]["messages"] == 3
    ids = [json.loads((home.data / "hub.json").read_text()) for home in (first, second)]
    assert ids[0]["machine"] != ids[1]["machine"] and ids[0]["ledger"] != ids[1]["ledger"]
    assert len(first.call("machines", "--json").json["machines"]) == 2


def test_a_copied_data_folder_becomes_a_machine_of_its_own_in_a_hub(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, _ = pair(tmp_path, served)
        sync(first)
        check_copy(first, tmp_path)
        assert token_of(first) != json.loads((tmp_path / "second/tachograph/hub.json").read_text())["token"]


def test_a_copied_data_folder_becomes_a_machine_of_its_own_in_a_folder(tmp_path: Path) -> None:
    first, _ = pair(tmp_path, None)
    sync(first)
    check_copy(first, tmp_path)


def test_a_data_folder_that_moved_is_the_same_machine(tmp_path: Path) -> None:
    first, _ = pair(tmp_path, None)
    sync(first)
    before = json.loads((first.data / "hub.json").read_text())["machine"]
    first.data.rename(tmp_path / "elsewhere")
    first.data, first.env["TACHOGRAPH_HOME"] = tmp_path / "elsewhere", str(tmp_path / "elsewhere")
    sync(first)
    assert json.loads((first.data / "hub.json").read_text())["machine"] == before


@pytest.mark.parametrize("is_folder", [False, True])
def test_the_key_is_piped_in_and_no_command_line_shows_it(tmp_path: Path, is_folder: bool) -> None:
    with hub(tmp_path / "hub") as served:
        first, _ = pair(tmp_path, None if is_folder else served)
        second = Home(tmp_path / "second")
        invited, key = first.call("machines", "--invite"), first.call("machines", "--key").stdout
        words = invited.stdout.split()
        assert key.strip() not in invited.stdout and key.strip() in invited.stderr
        without = second.run(*words[1:], "--yes", code=1)
        assert "Paste it when join asks" in without.stderr
        done = subprocess.run(
            [command(), *words[1:], "--as", "second", "--yes"],
            input=key,
            env=second.env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        sync(first, second)
        assert answers(first) == answers(second)


@pytest.mark.parametrize("name", ["now", "limits", "why", "forecast", "guard", "watch"])
def test_commands_of_an_account_name_those_that_tell_machines_apart(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        parsed([name, "--machine", "desk"])
    assert "tachograph why" in refused.value.hint and "--by machine" in refused.value.hint


@pytest.mark.parametrize("attached", [False, True])
def test_a_key_in_the_command_itself_is_refused_and_not_repeated(tmp_path: Path, attached: bool) -> None:
    home, key = Home(tmp_path), "ABCD-ABCD-ABCD-ABCD-ABCD-ABCD-ABCD-ABCE"
    words = [f"K7QF-2M9D.{key}"] if attached else ["K7QF-2M9D", f"--key={key}"]
    done = home.run("join", "http://127.0.0.1:9", *words, "--yes", code=2)
    assert "pipe it in" in done.stderr and key not in done.stdout + done.stderr


def test_a_folder_takes_no_machine_with_another_key(tmp_path: Path) -> None:
    _, shared = pair(tmp_path, None)
    second = Home(tmp_path / "second")
    wrong = "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"
    done = second.run("join", f"folder:{shared}", "--key", wrong, "--yes", code=1)
    assert "not the key" in done.stderr and not (second.data / "hub.json").exists()


def test_ten_thousand_wrong_codes_open_nothing_and_burn_no_invitation(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "hub.sqlite3"), NOW_MS)
    api = HubApi(store, FixedClock(NOW_MS))
    code = api.invite("ada")
    document = {"name": "x", "share": "mine", "key_check": ""}
    found = [
        api.join({**document, "code": f"{code[:4]}-{n:04d}-AAAA-AAAA-AAAA"}, f"2001:db8::{n:x}").status
        for n in range(10_000)
    ]
    assert set(found) == {403, 429} and found.count(403) <= MAX_TRIES_OF_ADDRESS  # one network, whatever its addresses
    assert api.join({**document, "code": code}, "203.0.113.5").status == 200
    store.close()


def test_a_parcel_that_arrives_again_later_says_nothing_of_the_clock(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "hub.sqlite3"), NOW_MS)
    api = HubApi(store, FixedClock(NOW_MS + 400))
    joined = api.join({"code": api.invite("ada"), "name": "x", "share": "names", "key_check": "k"}, "127.0.0.1").body
    parcel = {"ledger": "l", "sent_at": NOW_MS, "facts": [message(random.Random(1), 7, NOW_MS, 50)]}
    for later in (400, 7_200_000):
        machine = api.machine_of(joined["token"])
        assert machine is not None
        assert HubApi(store, FixedClock(NOW_MS + later)).push(machine, parcel).status == 200
        assert [one.skew_ms for one in store.machines()] == [400]
    store.close()


def test_a_machine_revoked_between_two_parcels_keeps_what_was_confirmed_and_sends_no_more(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, _ = pair(tmp_path, served)
        sync(first)
        first.write("-p/many.jsonl", [records.assistant(f"M{n}", output=n + 1) for n in range(2_600)])
        process = subprocess.Popen([command(), "sync"], env=first.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.poll() is None and stored(served) < 1_000:
            pass
        served.home.run("hub", "revoke", "first")
        process.communicate(timeout=60)
        held = stored(served)
        assert held in (1_999, 2_000, 2_001, 2_601)  # whole parcels
        assert first.run("sync", code=1).stderr.count("revoked") == 1
        assert stored(served) == held


def stored(served: Hub) -> int:
    import sqlite3

    db = sqlite3.connect(served.database)
    try:
        return int(db.execute("SELECT count(*) FROM fact WHERE kind = 'message'").fetchone()[0])
    finally:
        db.close()


@pytest.mark.parametrize("words", [("statusline",), ("now",), ("daily",)])
def test_fast_commands_import_nothing_of_the_hub_even_after_joining(tmp_path: Path, words: tuple[str, ...]) -> None:
    first, _ = pair(tmp_path, None)
    sync(first)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tachograph", *words],
        input=b"{}", env=first.env, capture_output=True,
    )  # fmt: skip
    names = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines() if line.startswith("import")}
    assert any(name.startswith("tachograph.ledger") for name in names)
    assert not [name for name in names if name.startswith("tachograph.hub") or "cryptography" in name]


def test_a_machine_that_leaves_with_erase_takes_what_it_sent_along(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, shared = pair(tmp_path, served)
        second = Home(tmp_path / "second")
        join(second, invite_next(first), "second")
        assert first.call("leave", "--erase", "--yes").code == 0
        assert stored(served) == 0 and not (first.data / "hub.json").exists()
        for home in (first, second):  # each keeps what it has
            assert home.call("daily", "--json").json["totals"]["messages"] == 1
        join(first, [f"folder:{shared}"], "first")
        assert list(shared.rglob("*.facts"))
        first.call("leave", "--erase", "--yes")
        assert not list(shared.rglob("*.facts"))


@pytest.mark.slow
def test_the_demo_of_several_machines_gives_one_picture_and_shows_no_key(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    done = home.run("demo", "--machines", "3")
    shown = done.stdout + done.stderr
    assert "# server: ssh laptop tachograph machines --key | tachograph join folder:" in shown
    assert not re.search(r"(?:[A-Z2-7]{4}-){7}", shown)
    totals = [line.split()[2] for line in shown.splitlines() if line.startswith("4 weeks")]
    assert len(totals) == 3 and totals[0] != totals[1] == totals[2]
