"""What a level of sharing keeps from the hub is nowhere on the wire, in its database or in its log."""

import json
import sqlite3
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW, NOW_MS, Home, command
from hub_server import Relay, answers, hub, invite_next, join, only_sqlite, sync, token_of
from tachograph.demo import records
from tachograph.hub.sharing import PersonKey

CANARIES = {
    "title": "canary-title-8841",
    "prompt": "canary-prompt-8842",
    "path": "canary-path-8843",
    "branch": "canary-branch-8844",
    "email": "canary-mail-8845",
    "answer": "canary-answer-8846",
    "session": "5e55101a-0000-4000-8000-ca0a0a0a8847",
    "request": "req_canary8848",
    "account": "acc00000-0000-4000-8000-ca0a0a0a8849",
}
PROJECT = "canary-project-8850"
PULL = "https://github.com/canary/canary-repo-8851/pull/7"


def fill(machine: Home) -> None:
    """A machine with a canary in every text."""
    cwd = f"/home/{CANARIES['path']}/{PROJECT}"
    common: dict[str, Any] = {"session": CANARIES["session"], "cwd": cwd, "branch": CANARIES["branch"]}
    at = NOW - timedelta(minutes=20)
    machine.write(
        "-p/one.jsonl",
        [
            records.user(CANARIES["prompt"], at=at, **common),
            {
                **records.assistant("A", at=at, output=50, text=CANARIES["answer"], **common),
                "requestId": CANARIES["request"],
            },
            records.title(CANARIES["title"], session=CANARIES["session"]),
            {**records.pr_link(7, at=at, session=CANARIES["session"]), "prUrl": PULL},
        ],
    )
    account = {"accountUuid": CANARIES["account"], "organizationUuid": "org00000-0000-4000-8000-000000000001"}
    identity = {"oauthAccount": {**account, "emailAddress": f"{CANARIES['email']}@example.org"}}
    (machine.claude / ".claude.json").write_text(json.dumps(identity))
    piped = {
        "session_id": CANARIES["session"],
        "model": {"display_name": "Opus"},
        "rate_limits": {"five_hour": {"used_percentage": 41, "resets_at": NOW_MS // 1000 + 7200}},
    }
    subprocess.run(
        [command(), "statusline"], input=json.dumps(piped).encode(), env=machine.env, check=True, capture_output=True
    )


@pytest.mark.parametrize("level", ["names", "counts"])
def test_no_text_of_the_person_reaches_the_hub(tmp_path: Path, level: str) -> None:
    only_sqlite()
    with hub(tmp_path / "hub") as served:
        relay = Relay(served.port)
        first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
        fill(first)
        words = served.invite()
        join(first, [f"http://127.0.0.1:{relay.port}", words[1]], "first", "--share", level)
        join(second, invite_next(first), "second", "--share", level)
        sync(second, first)
        assert answers(first) == answers(second)
        titles = [row["title"] for row in second.report("sessions")["rows"]]
        assert CANARIES["title"] in titles  # the person's own machine has it
        served.kill()
        store = "\n".join(sqlite3.connect(served.database).iterdump()).encode()
        places = {
            "wire": relay.plain(),
            "store": store + b"".join(path.read_bytes() for path in served.database.parent.glob("hub.sqlite3*")),
            "log": (served.home.root / "hub.log").read_bytes(),
        }
        assert len(places["wire"]) > 2_000 and b'"counts"' in places["wire"]
        hidden = {**CANARIES, **({"project": PROJECT, "pull": PULL} if level == "counts" else {})}
        for place, content in places.items():
            found = [name for name, text in hidden.items() if text.encode() in content]
            assert found == [], place
        key = json.loads((first.data / "hub.json").read_text())["key"]
        for secret in (key, key.replace("-", "")):
            assert all(secret.encode() not in content for content in places.values())
        assert token_of(first).encode() not in places["store"] + places["log"]
        relay.close()


@pytest.mark.parametrize("level", ["mine", "names", "counts"])
def test_the_rows_that_join_shows_are_those_that_leave(tmp_path: Path, level: str) -> None:
    only_sqlite()
    with hub(tmp_path / "hub") as served:
        first = Home(tmp_path / "first")
        fill(first)
        first.call("daily")
        before = [json.loads(line) for line in first.call("join", "--show", "--share", level).stdout.splitlines()]
        assert not (first.data / "hub.json").exists() and 1 <= len(before) <= 10
        join(first, served.invite(), "first", "--share", level)
        shown = [json.loads(line) for line in first.call("join", "--show").stdout.splitlines()]
        db = sqlite3.connect(served.database)
        stored = {
            (kind, key): None if body is None else json.loads(body)
            for kind, key, body in db.execute("SELECT kind, key, body FROM fact")
        }
        db.close()
        assert {kind for kind, *_ in shown} >= {"message", "session"}
        for kind, key, _, body, sealed in shown:
            assert stored[kind, key] == body
            assert bool(sealed) == (level != "mine")


def test_token_and_key_are_in_one_file_of_this_user_and_in_no_backup(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first = Home(tmp_path / "first")
        fill(first)
        join(first, served.invite(), "first", "--share", "names")
        file = first.data / "hub.json"
        assert file.stat().st_mode & 0o777 == 0o600
        backup = tmp_path / "ledger.backup"
        first.run("backup", str(backup))
        key = json.loads(file.read_text())["key"]
        for secret in (token_of(first), key):
            assert secret.encode() not in backup.read_bytes()
            assert secret.encode() not in (first.data / "ledger.sqlite3").read_bytes()
        file.chmod(0o644)
        done = first.run("sync", code=1)
        assert "secrets" in done.stderr and token_of(first) not in done.stderr


def test_without_the_key_a_second_machine_joins_only_after_it_was_given(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
        fill(first)
        join(first, served.invite(), "first", "--share", "names")
        words = served.invite()
        done = second.run("join", *words, "--share", "names", "--yes", code=1)
        assert "key" in done.stderr
        key = first.call("machines", "--key").stdout.strip()
        join(second, words, "second", "--share", "names", "--key", key)  # the code was not used up
        assert answers(first) == answers(second)


def test_with_a_second_person_nothing_stays_that_the_hub_can_read_in_full(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        first = Home(tmp_path / "first")
        fill(first)
        join(first, served.invite(), "first")
        done = served.home.run("hub", "invite", "bob", code=1)
        assert "titles" in done.stderr
        assert first.call("join", "--share", "names", "--yes").code == 0
        bob = Home(tmp_path / "bob")
        join(bob, served.invite("bob"), "laptop")
        assert json.loads((bob.data / "hub.json").read_text())["share"] == "names"


def test_a_value_that_is_sealed_again_gives_the_same_text_and_another_one_shares_nothing_with_it() -> None:
    key, other = PersonKey.new(), PersonKey.new()
    sealed = key.seal("message a", ["x", 1])
    assert sealed == key.seal("message a", ["x", 1]) and key.open("message a", sealed) == ["x", 1]
    for another in (
        key.seal("message b", ["x", 1]),
        key.seal("message a", ["x", 2]),
        other.seal("message a", ["x", 1]),
    ):
        assert another[:16] != sealed[:16]
    with pytest.raises(ValueError, match="another key"):
        other.open("message a", sealed)
