"""Pairing a browser: codes, their tries and end, revoked browsers, ports."""

import hashlib
import secrets
import socket
import threading
import tomllib
from contextlib import closing
from datetime import timedelta

import pytest

from chromium import ORIGIN
from helpers import Home
from paired_browser import FIREFOX, Said, World
from tachograph.recorder.extension_readings import compute_proof, key_of, may_pair, new_code, offer_code
from tachograph.recorder.services import OFF, RUNNING
from tachograph.settings import of_table


def offer(world: World) -> str:
    with world.home.ledger() as ledger:
        code = offer_code(ledger, world.clock.now_ms())
    assert world.tick() == RUNNING
    return code


def paired(world: World, code: str, origin: str = FIREFOX) -> Said:
    nonce = secrets.token_hex(24)
    shown = compute_proof(key_of(code), "browser", nonce)
    body = {"nonce": nonce, "proof": shown, "browser": "Firefox 153"}
    return world.ask("/v1/pair", body, Origin=origin, Authorization=None, Sec_Fetch_Site="cross-site")


def test_a_code_pairs_one_browser_once_and_its_token_is_its_own(world: World) -> None:
    code = offer(world)
    nonce = secrets.token_hex(24)
    hello = world.ask("/v1/pair/hello", {"nonce": nonce}, Origin=FIREFOX, Authorization=None)
    assert hello.body == {"proof": compute_proof(key_of(code.lower().replace("-", " ")), "bridge", nonce)}
    said = paired(world, code)
    assert said.status == 200
    assert paired(world, code).status in (403, 404)  # at once: the code is used
    own = f"Bearer {said.body['token']}"
    assert world.ask(Authorization=own, Origin=FIREFOX).status == 200
    assert world.ask(Authorization=own).status == 401  # with another browser's origin
    with closing(world.home.db()) as db:
        stored = db.execute("SELECT digest FROM pairing ORDER BY id").fetchall()
        assert stored[1][0] == hashlib.sha256(said.body["token"].encode()).digest()
        assert db.execute("SELECT count(*) FROM offer").fetchone() == (0,)
    listed = world.home.call("pair", "--list", "--json").json["pairings"]
    assert [one["browser"] for one in listed] == ["Chromium 156", "Firefox 153"]


def test_a_browser_that_was_paired_during_a_tick_is_heard_at_once(world: World) -> None:
    code, is_paired = offer(world), threading.Event()
    has_read = threading.Event()

    def wait(statement: str) -> None:
        if "FROM offer" in statement:  # by then the tick has read who is paired
            has_read.set()
            is_paired.wait(1.0)

    def tick() -> None:
        with world.home.ledger() as ledger:
            ledger.db.set_trace_callback(wait)
            world.bridge.tick(ledger)
            ledger.db.set_trace_callback(None)

    thread = threading.Thread(target=tick)
    thread.start()
    assert has_read.wait(60.0)
    said = paired(world, code)
    is_paired.set()
    thread.join()
    assert said.status == 200
    assert world.ask(Authorization=f"Bearer {said.body['token']}", Origin=FIREFOX).status == 200


def test_every_question_needs_a_nonce_and_says_what_else_it_needs(world: World) -> None:
    offer(world)
    nonce = {"nonce": "0" * 32}
    for path in ("/v1/hello", "/v1/pair/hello", "/v1/pair"):
        for bad in ({}, {"nonce": 5}, {"nonce": "0" * 31}, {"nonce": "G" * 32}):
            said = world.ask(
                path,
                {"pairing": "pairing-1", "proof": "0", **bad},
                Authorization=None,
                Origin=FIREFOX if "pair" in path else ORIGIN,
            )
            assert (said.status, said.body) == (422, {"error": "A nonce of 32 to 128 hexadecimal digits is asked for."})
    assert world.ask("/v1/hello", nonce, Authorization=None).body == {"error": "A pairing is asked for."}
    assert world.ask("/v1/pair", nonce, Authorization=None).body == {"error": "A proof is asked for."}


def test_a_wrong_code_may_be_tried_five_times(world: World) -> None:
    code = offer(world)
    assert [paired(world, new_code()).status for _ in range(5)] == [401] * 5
    assert paired(world, code).status in (403, 404, 409)


def test_a_code_that_is_over_is_void(world: World) -> None:
    code = offer(world)
    world.clock.at += timedelta(minutes=11)
    assert paired(world, code).status == 409  # and from the next tick on there is no such path
    assert world.tick() == RUNNING
    assert paired(world, code).status == 403


def test_pages_cannot_pair(world: World) -> None:
    code = offer(world)
    for origin in ("https://evil.test", "null", "http://127.0.0.1:3000", "chrome-extension://" + "a" * 32):
        assert paired(world, code, origin).status == 403
    assert not may_pair("moz-extension://x")


def test_nothing_listens_before_a_pairing_and_after_the_last_is_revoked(world: World) -> None:
    assert "is revoked" in world.home.call("pair", "--revoke", "chromium").stdout
    assert world.ask().status == 401  # at once, and not from the next tick on
    assert world.tick() == OFF
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", world.port), timeout=1)


def test_an_old_backup_brings_no_pairing_back(world: World) -> None:
    backup = world.home.root / "before.sqlite3"
    world.home.run("backup", str(backup))
    world.home.run("pair", "--revoke", "all")
    said = world.home.run("restore", str(backup), "--yes")
    assert "was paired in that backup; it isn't any more" in said.stdout
    assert world.home.call("pair", "--list", "--json").json["pairings"] == []
    assert world.ask().status == 401
    # and one that is paired now stays so
    code = offer(world)
    assert paired(world, code).status == 200
    world.home.run("backup", str(backup), "--force")
    assert "was paired" not in world.home.run("restore", str(backup), "--yes").stdout
    assert len(world.home.call("pair", "--list", "--json").json["pairings"]) == 1


@pytest.mark.parametrize("value", ["80", "65536", '"x"', "true", "1.5"])
def test_a_port_that_cannot_be_is_a_problem_and_the_usual_one_holds(home: Home, value: str) -> None:
    settings = of_table(tomllib.loads(f"bridge_port = {value}"), "settings.toml")
    assert settings.bridge_port == 63762 and "bridge_port" in settings.problems[0]
