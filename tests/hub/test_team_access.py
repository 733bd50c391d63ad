"""Access ends when it should: tokens, open pages and invitations of machines and persons that were sent away."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from helpers import Home
from hub_server import Hub, hub, join, post, sync, token_of
from hub_team import get, team, work
from postgres_server import fresh_schema
from tachograph.hub.names import clean_name
from ui.dashboard.test_team_pages import request, sign_in


def own_invitation(machine: Home) -> tuple[str, str]:
    """Code of an invitation that a machine made for its own person, and the person's key."""
    return machine.call("machines", "--invite").stdout.split()[3], str(
        json.loads((machine.data / "hub.json").read_text())["key"]
    )


def members(served: Hub) -> dict[str, bool]:
    """Members by name, with whether they are present."""
    found = served.home.call("hub", "members", "--json").json["members"]
    return {one["name"]: one["left_at"] is None and one["erased_at"] is None for one in found}


def is_signed_in(served: Hub, cookie: str) -> bool:
    return "Sign out" in request(served, "GET", "/", Cookie=cookie)[2]


def test_a_revoked_machine_leaves_no_page_open_and_no_invitation_behind(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member"})
        cookies = {name: sign_in(served, machine) for name, machine in machines.items()}
        code, key = own_invitation(machines["bob"])
        others = served.invite("cleo")
        served.home.run("hub", "revoke", "bob-laptop")
        assert is_signed_in(served, cookies["ada"]) and not is_signed_in(served, cookies["bob"])
        assert get(served, "me", token_of(machines["bob"]))[0] == 401
        thief = Home(tmp_path / "thief")
        assert "not valid" in thief.run("join", served.url, code, "--key", key, "--yes", code=1).stderr
        join(Home(tmp_path / "cleo"), others, "laptop")  # nobody else's invitation ended
        words = [*served.invite("bob"), "--key", key]  # an owner can let the person in again
        join(thief, words, "new-laptop")
        assert get(served, "me", token_of(thief))[1]["person"] == "bob"


@pytest.mark.parametrize("more", [(), ("--erase",)])
def test_a_removed_person_lets_no_one_in_again(tmp_path: Path, more: tuple[str, ...]) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "max": "manager"})
        cookie, (code, key) = sign_in(served, machines["max"]), own_invitation(machines["max"])
        served.home.run("hub", "remove", "max", *more)
        assert not is_signed_in(served, cookie)
        assert post(served.port, "invite", b"{}", token_of(machines["max"]))[0] == (410 if more else 401)
        Home(tmp_path / "again").run("join", served.url, code, "--key", key, "--yes", code=1)
        present = [name for name, is_present in members(served).items() if is_present]
        assert present == ["ada"]


def test_a_wrong_key_does_not_bring_a_person_back(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member"})
        served.home.run("hub", "remove", "bob")
        words = served.invite("bob", "--role", "manager")
        body = {"code": words[1], "name": "x", "share": "names", "key_check": "another"}
        assert post(served.port, "join", json.dumps(body).encode())[0] == 409
        assert members(served) == {"ada": True, "bob": False}
        key = json.loads((machines["bob"].data / "hub.json").read_text())["key"]
        back = Home(tmp_path / "back")
        join(back, [*words, "--key", key], "new")
        assert (
            members(served) == {"ada": True, "bob": True} and get(served, "me", token_of(back))[1]["role"] == "manager"
        )


def test_an_invitation_follows_a_rename(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member"})
        code, key = own_invitation(machines["bob"])
        served.home.run("hub", "rename", "bob", "Bob B.")
        second = Home(tmp_path / "second")
        join(second, [served.url, code, "--key", key], "second")
        assert members(served) == {"ada": True, "Bob B.": True}
        assert get(served, "me", token_of(second))[1]["person"] == "Bob B."


def test_titles_of_one_person_stop_a_second_one_at_the_door_too(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        words = {name: served.invite(name) for name in ("ada", "bob")}  # both before anything is stored
        ada, bob = Home(tmp_path / "ada"), Home(tmp_path / "bob")
        work(ada, "ada")
        join(ada, words["ada"], "laptop")
        assert "share less" in bob.run("join", *words["bob"], "--yes", code=1).stderr
        for command in (("invite", "cleo"), ("telemetry", "cleo")):
            assert "in the clear" in served.home.run("hub", *command, code=1).stderr
        assert members(served) == {"ada": True}
        ada.run("join", "--share", "names", "--yes")
        join(bob, words["bob"], "laptop")  # the code was not used up
        assert members(served) == {"ada": True, "bob": True}


def test_an_owner_who_agrees_lets_others_in_beside_titles(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        ada, bob = Home(tmp_path / "ada"), Home(tmp_path / "bob")
        work(ada, "ada")
        join(ada, served.invite("ada"), "laptop")
        served.home.run("hub", "invite", "bob", code=1)
        join(bob, served.invite("bob", "--owner-agrees"), "laptop")
        record = ada.call("team", "me", "--json").json["record"]
        assert "agree to others" in {line["action"] for line in record}
        assert members(served) == {"ada": True, "bob": True}


def test_names_are_one_spelling_on_one_line() -> None:
    assert clean_name("Jose\u0301") == clean_name(" José ") == "José"
    assert clean_name("a\0b\u202egnp\ud800\n c\u200f") == "abgnp c"
    assert clean_name('👩\u200d💻 أدا O\'Neil "q" <b>') == '👩\u200d💻 أدا O\'Neil "q" <b>'
    assert clean_name("x" * 500) == "x" * 60 and clean_name("\u202e \0") == clean_name(None) == clean_name(7) == ""


ODD_NAMES = ("José", "أدا", "👩\u200d💻 dev", 'O\'Neil "q"; --', "<img src=x onerror=alert(1)>", "=1+1", "n" * 60)


def test_odd_names_of_people_and_machines_travel_through_every_command(tmp_path: Path) -> None:
    with fresh_schema() as database, hub(tmp_path / "hub", database=database) as served:
        ada = Home(tmp_path / "ada")
        work(ada, "ada")
        join(ada, served.invite("ada"), "ada-laptop", "--share", "names")
        homes = {}
        for number, name in enumerate(ODD_NAMES):
            homes[name] = Home(tmp_path / str(number))
            work(homes[name], chr(98 + number))
            join(homes[name], served.invite(name), f"{name}\u202e\n2", "--share", "names")
        assert set(members(served)) == {"ada", *ODD_NAMES}
        served.home.run("hub", "policy", "team")
        for machine in homes.values():
            machine.run("team", "allow", "spend", "team")
        seen = {row["person"] for row in ada.call("team", "--json").json["rows"]}
        assert seen == {"ada", *ODD_NAMES}
        table = ada.run("team", "--csv").stdout
        assert "\n=1+1" not in table and "José" in table
        cookie = sign_in(served, ada)
        for path in ("/", "/limits", "/projects", "/me", "/members"):
            status, _, text = request(served, "GET", path, Cookie=cookie)
            assert status == 200 and "<img src=x" not in text and "\u202e" not in text, path
        served.home.run("hub", "rename", "Jose\u0301", "Zoë")
        served.home.run("hub", "rename", "Zoë", "أدا", code=1)
        served.home.run("hub", "remove", ODD_NAMES[3], "--erase")
        assert "Zoë" in served.home.run("hub", "members").stdout


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_text_that_no_database_takes_is_refused_and_the_rest_lands(tmp_path: Path, where: str) -> None:
    with fresh_schema() as database, hub(tmp_path / "hub", database=database * (where == "postgresql")) as served:
        machines = team(tmp_path, served, {"ada": "owner"})
        token = token_of(machines["ada"])

        def push(**fields: object) -> tuple[int, dict[str, object]]:
            body = {"ledger": "l", "facts": [], **fields}
            return post(served.port, "push", json.dumps(body).encode(), token)

        bad = [["session", f"k{text}", 1, {"a": 1}, ""] for text in ("\0", "\ud800", "\x1b")]
        bad += [
            ["session", "k", 1, {"a": "\0"}, ""],
            ["session", "s", 1, None, "\ud800"],
            ["session", "s", 1, None, "\0"],
        ]
        status, body = push(facts=[["session", "good", 1, {"title": "half \ud800"}, ""], *bad])
        assert status == 200 and body["taken"] == 1
        assert [place for place, _ in body["refused"]] == [1, 2, 3, 4, 5, 6]  # type: ignore[attr-defined]
        for text in ("l\0", "\ud800"):
            assert push(ledger=text)[0] == 400, text
        odd: list[dict[str, Any]] = [{"version": "\0\ud800"}, {"sent_at": 10**30}, {"sent_at": -(10**30)}]
        for fields in odd:
            new = [["session", json.dumps(fields), 1, {"a": 1}, ""]]
            assert push(facts=new, **fields)[0] == 200, fields
        for field in ("code", "name", "share", "key_check"):
            for text in ("\0", "\ud800"):
                asked = {"code": "AAAA-AAAA", "name": "n", "share": "names", "key_check": "", field: text}
                assert post(served.port, "join", json.dumps(asked).encode())[0] in (400, 403), (field, text)
        for text in ("null", "[]", "7", '"x"'):
            assert post(served.port, "join", text.encode())[0] == 400, text
        for value in ("\0\ud800", None, 7, "", " \n"):
            assert get(served, "invite", token, "POST", {"name": value})[0] == 400, value
        for name, fields in (("remove", {"name": "\0"}), ("role", {"name": "\ud800", "role": "owner"})):
            assert get(served, name, token, "POST", fields)[0] == 404, fields
        log = (served.home.root / "hub.log").read_text()
        assert "Traceback" not in log and "A fault" not in log


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_machines_that_join_at_the_same_moment_are_one_person_and_a_code_works_once(tmp_path: Path, where: str) -> None:
    with fresh_schema() as database, hub(tmp_path / "hub", database=database * (where == "postgresql")) as served:
        codes = [served.invite("ada")[1] for _ in range(4)]
        answers: list[int] = []

        def ask(code: str) -> None:
            body = {"code": code, "name": "m", "share": "names", "key_check": "k"}
            answers.append(post(served.port, "join", json.dumps(body).encode())[0])

        threads = [threading.Thread(target=ask, args=(code,)) for code in codes for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(answers) == [200] * 4 + [403] * 8
        found = served.home.call("hub", "members", "--json").json["members"]
        assert [(one["name"], len(one["machines"])) for one in found] == [("ada", 4)]
        assert len({machine["name"] for machine in found[0]["machines"]}) == 4


def test_a_person_who_leaves_and_comes_back_keeps_numbers_and_choices(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member", "cleo": "member"})
        before = machines["ada"].call("team", "--json").json["totals"]
        served.home.run("hub", "remove", "bob")
        assert machines["ada"].call("team", "--json").json["totals"] == before
        assert "revoked" in machines["bob"].run("sync", code=1).stderr
        key = str(json.loads((machines["bob"].data / "hub.json").read_text())["key"])
        machines["bob"].run("leave", "--yes")
        join(machines["bob"], [*served.invite("bob"), "--key", key], "bob-new", "--share", "names")
        sync(machines["bob"])
        assert machines["ada"].call("team", "--json").json["totals"] == before  # nothing lost, nothing twice
        assert machines["bob"].call("team", "--json").json["totals"] == before
        assert members(served) == {"ada": True, "bob": True, "cleo": True}


def test_flags_without_effect_and_bad_values_are_refused_with_the_next_step(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        machines = team(tmp_path, served, {"ada": "owner", "bob": "member"})
        for words, code, expected in (
            (("--last", "7", "--since", "2026-11-01"), 2, "can't be combined"),
            (("limits", "--by", "model"), 2, "has no --by"),
            (("members", "--last", "7"), 2, "has no --by"),
            (("spend", "limits"), 2, "takes no"),
            (("--last", "0"), 2, "from 1 to"),
            (("--since", "2026-11-20", "--until", "2026-11-01"), 2, "after until"),
            (("books", "--by", "project"), 2, "day, person, model"),
            (("me", "--csv"), 2, "--json"),
        ):
            done = machines["ada"].run("team", *words, code=code)
            assert expected in done.stderr and not done.stdout, (words, done)
        assert "team members" in machines["bob"].run("team", "books", code=1).stderr
        token = token_of(machines["ada"])
        assert get(served, "spend?last=7&since=2026-11-01", token)[0] == 400
        wrong: list[tuple[tuple[str, ...], int, str]] = [
            (("role", "bob"), 2, "hub role bob manager"),
            (("revoke",), 2, "hub members"),
            (("status", "--db", "mysql://x"), 2, "postgresql://"),
            (("invite", "\u202e"), 2, "hub invite ada"),
        ]
        for command, code, expected in wrong:
            assert expected in served.home.run("hub", *command, code=code).stderr, command
        assert "messages 2, sessions 2" in machines["ada"].run("team", "me").stdout
