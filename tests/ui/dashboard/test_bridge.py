"""The bridge against everybody who is not the paired browser: every case over a real socket, and nothing changes.

The same attacks from hostile pages in a real Chromium stand in test_hostile_pages.py.
"""

import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from chromium import free_port, set_port
from helpers import NOW, NOW_MS, Home, MovedClock
from paired_browser import ACCOUNT, FIREFOX, ORGANIZATION, World, document
from tachograph.demo import usage_shapes
from tachograph.ledger.limits.readings import append
from tachograph.ledger.usage.strings import Strings
from tachograph.model.limits.limits import OAUTH, AccountId, Limit, Reading
from tachograph.paths import own_paths
from tachograph.recorder.extension_readings import compute_proof, offer_code
from tachograph.recorder.services import FAILED, OFF, RUNNING
from tachograph.server.http_server import MAX_CONNECTIONS
from tachograph.sources.extension import LONGEST, MOST_ACCOUNTS
from tachograph.ui.cli.bridge_service import BridgeService


@pytest.fixture
def unchanged(world: World) -> Iterator[World]:
    """A world in which nothing changes, and which still hears its browser afterwards."""
    before = world.state()
    yield world
    assert world.state() == before
    assert world.ask().status == 200


# -- who is heard


def test_B01_a_paired_client_is_heard_without_an_origin(world: World) -> None:
    assert world.ask(Origin=None, Sec_Fetch_Site=None).status == 200
    five = world.home.call("now", "--json").json["accounts"][0]["limits"][0]
    assert (five["key"], five["percent"], five["source"], five["browser"]) == (
        "five_hour",
        37.0,
        "browser",
        "Chromium 156",
    )


def test_B02_a_paired_extension_is_heard(world: World) -> None:
    said = world.ask()
    assert (said.status, said.body) == (200, {"kept": 1})
    assert "access-control" not in said.head.lower()


# -- who is not


def test_B03_text_from_a_page(unchanged: World) -> None:
    assert unchanged.ask(Origin="https://evil.test", Content_Type="text/plain", Authorization=None).status == 403


def test_B04_a_form_of_a_page(unchanged: World) -> None:
    form = {"Origin": "https://evil.test", "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert unchanged.ask(Content_Type="text/plain", Authorization=None, **form).status == 403


def test_B05_a_sandboxed_frame(unchanged: World) -> None:
    assert unchanged.ask(Origin="null").status == 403


def test_B06_a_get_across_sites(unchanged: World) -> None:
    for site in ("cross-site", "same-site"):
        said = unchanged.ask(method="GET", Origin=None, Sec_Fetch_Site=site)
        assert said.status == 403 and "access-control" not in said.head.lower()


@pytest.mark.parametrize(
    "host", ["rebind.test", "rebind.test:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.test:{port}"]
)
def test_B07_B08_B09_other_hosts(unchanged: World, host: str) -> None:
    assert unchanged.ask(Host=host.format(port=unchanged.port)).status == 421


def test_B10_a_preflight(unchanged: World) -> None:
    asks = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Private_Network": "true"}
    said = unchanged.ask(method="OPTIONS", Origin="https://evil.test", Authorization=None, **asks)
    assert said.status == 403 and "access-control" not in said.head.lower()


@pytest.mark.parametrize("origin", ["chrome-extension://aaaaaaaabbbbbbbbccccccccdddddddd", FIREFOX])
def test_B11_another_extension(unchanged: World, origin: str) -> None:
    assert unchanged.ask(Origin=origin).status == 403
    assert unchanged.ask("/v1/pair", Origin=origin).status == 403


def test_B12_another_person_of_this_machine(unchanged: World) -> None:
    assert unchanged.ask(Authorization=None).status == 401
    assert unchanged.ask(Authorization="Bearer guessed").status == 401


def test_B13_a_token_with_a_body_that_is_not_json(unchanged: World) -> None:
    assert unchanged.ask(Content_Type="text/plain").status == 415


def test_B14_B15_B16_lengths(unchanged: World) -> None:
    assert unchanged.ask(Content_Length="5000000000").status == 413
    for garbled in ("-1", "abc", "1e3", "1, 2"):
        assert unchanged.ask(Content_Length=garbled).status == 400
    assert unchanged.ask(Content_Length=None, Transfer_Encoding="chunked").status == 411


def test_B17_a_deep_body(unchanged: World) -> None:
    assert unchanged.ask(body=b"[" * 30_000).status == 400
    assert unchanged.ask(body=b'{"a":' * 10_000).status == 400


def test_B18_more_accounts_than_anybody_has(unchanged: World) -> None:
    many = [{**document()["accounts"][0], "usage": {}, "account": f"{n:08x}{ACCOUNT[8:]}"} for n in range(60)]
    said = unchanged.ask(body={**document(), "accounts": many})
    assert said.status == 422 and f"at most {MOST_ACCOUNTS}" in said.body["error"]


def accounts_of(count: int) -> bytes:
    """A document with so many accounts, each as short as it can be."""
    plain: dict[str, Any] = {"organization": ORGANIZATION, "observed_at": NOW_MS, "outcome": "offline"}
    many = [{"account": f"{n:08x}{ACCOUNT[8:]}", **plain} for n in range(count)]
    return json.dumps({**document(), "accounts": many}, separators=(",", ":")).encode()


def test_B18_as_many_accounts_as_there_is_room_for(unchanged: World) -> None:
    each = len(accounts_of(2)) - len(accounts_of(1))
    count = 1 + (LONGEST - len(accounts_of(1))) // each
    body = accounts_of(count)
    assert LONGEST - each < len(body) <= LONGEST and count > 300
    assert unchanged.ask(body=body).status == 422


def test_B18_twenty_thousand_accounts(unchanged: World) -> None:
    body = accounts_of(20_000)
    assert len(body) > 2_000_000
    said = unchanged.ask(body=body[:200_000], Content_Length=str(len(body)))  # the answer comes before the rest is sent
    assert said.status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"version": NaN}',
        b"\xff\xfe",
        json.dumps(document(observed_at=True)).encode(),
        json.dumps(document(outcome="fine")).encode(),
        json.dumps(document(account="mary")).encode(),
        json.dumps(document(label="x" * 201)).encode(),
        json.dumps(document(usage=[])).encode(),
        json.dumps(document(usage={"five_hour": {"utilization": 10**30}})).encode(),
        json.dumps(document(usage={"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}})).encode(),
        json.dumps({**document(), "accounts": [document()["accounts"][0]] * 2}).encode(),
        json.dumps({**document(), "version": 2}).encode(),
    ],
    ids=range(16),
)
def test_a_document_that_is_not_as_agreed(unchanged: World, body: bytes) -> None:
    said = unchanged.ask(body=body)
    assert said.status in (400, 422)
    assert "mary" not in json.dumps(said.body)


def test_B23_a_moment_that_cannot_be(unchanged: World) -> None:
    for off in (-6 * 60_000, 6 * 60_000, 86_400_000 * 365):
        assert unchanged.ask(body=document(observed_at=NOW_MS + off)).status == 422
        assert unchanged.ask(body={**document(), "sent_at": NOW_MS + off}).status == 422
    assert unchanged.ask(body=document(observed_at=-(10**300))).status in (400, 422)


def test_garbage_that_is_no_http(unchanged: World) -> None:
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\0" * 20_000, b"A" * 70_000):
        got = unchanged.send(data)
        assert got == b"" or got.split()[1].startswith(b"4")
    head = f"POST /v1/readings HTTP/1.1\r\nHost: 127.0.0.1:{unchanged.port}\r\n".encode()
    assert unchanged.send(head + b"X: " + b"y" * 40_000 + b"\r\n\r\n").split()[1].startswith(b"4")
    for twice in (b"Host: a\r\n", b"Content-Length: 1\r\nContent-Length: 2\r\n"):
        assert unchanged.send(head + twice + b"\r\n").split()[1] in (b"400", b"421")


def test_nothing_is_read_and_there_is_nothing_else(unchanged: World) -> None:
    for path in (
        "/",
        "/v1",
        "/v1/readings/",
        "/v1/readings?x",
        "/snapshots",
        "/v1/pair",
        "/v1/pair/hello",
        "//v1/readings",
    ):
        assert unchanged.ask(path, method="GET", Content_Length="0", body=b"").status in (404, 405)
    for method in ("PUT", "DELETE", "PATCH", "HEAD", "TRACE", "CONNECT"):
        assert unchanged.ask(method=method).status == 405


# -- who is slow


def test_B19_a_body_that_never_ends_holds_nobody_up(unchanged: World) -> None:
    head = (
        f"POST /v1/readings HTTP/1.1\r\nHost: 127.0.0.1:{unchanged.port}\r\nAuthorization: Bearer {unchanged.token}\r\n"
    )
    plugs = [socket.create_connection(("127.0.0.1", unchanged.port), timeout=10) for _ in range(3)]
    for plug in plugs:
        plug.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 2000\r\n\r\n{{".encode())
    time.sleep(0.1)
    assert unchanged.ask("/v1/hello", {"pairing": "pairing-1", "nonce": "0" * 32}).status == 200
    for plug in plugs:
        assert plug.recv(4096).split()[1] == b"408"
        plug.close()


def test_B20_slow_heads_and_more_connections_than_there_is_room_for(unchanged: World) -> None:
    end = threading.Event()

    def drip() -> None:
        while not end.is_set():
            try:
                with closing(socket.create_connection(("127.0.0.1", unchanged.port), timeout=5)) as plug:
                    for byte in b"POST /v1/readings HTTP/1.1\r\nX: " + b"y" * 1000:
                        plug.sendall(bytes([byte]))
                        if end.wait(0.05):
                            return
            except OSError:
                pass

    threads = [threading.Thread(target=drip) for _ in range(3 * MAX_CONNECTIONS)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    answered = [unchanged.ask("/v1/hello", {"pairing": "pairing-1", "nonce": "0" * 32}).status for _ in range(20)]
    end.set()
    for thread in threads:
        thread.join()
    assert answered.count(200) >= 18


def test_B20_bursts_of_connections_leave_no_more_open_than_there_is_room_for(unchanged: World) -> None:
    plugs = []
    for _ in range(3):
        for _ in range(60):
            plug = socket.socket()
            plug.setblocking(False)
            plug.connect_ex(("127.0.0.1", unchanged.port))
            plugs.append(plug)
        time.sleep(0.2)
    time.sleep(0.5)  # far less than a slow one is given
    still_open = 0
    for plug in plugs:
        try:
            plug.recv(1)
        except BlockingIOError:
            still_open += 1
        except OSError:
            pass  # let go
        plug.close()
    assert 1 <= still_open <= MAX_CONNECTIONS


def test_B22_a_flood_of_posts(world: World) -> None:
    statuses = [world.ask(Authorization="Bearer guessed").status for _ in range(200)]
    assert set(statuses) == {401}
    assert world.ask().status == 200
    world.clock.at += timedelta(milliseconds=100)
    assert {world.ask(body=document(99.0)).status for _ in range(50)} == {429}
    assert world.home.call("now", "--json").json["accounts"][0]["limits"][0]["percent"] == 37.0


def test_many_who_ask_for_proofs_at_once_do_not_keep_the_browser_out(world: World) -> None:
    end = threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        while not end.is_set():
            said = world.ask("/v1/hello", {"pairing": "pairing-1", "nonce": "0" * 32}, Authorization=None, Origin=None)
            statuses.append(said.status)

    threads = [threading.Thread(target=ask) for _ in range(4 * MAX_CONNECTIONS)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    heard = [world.ask().status for _ in range(30)]
    end.set()
    for thread in threads:
        thread.join()
    assert 200 in heard and set(heard) <= {0, 200, 429, 503}
    assert set(statuses) <= {0, 200, 503}


# -- B21: who holds the port


def test_B21_a_taken_port_is_said_loudly_and_never_moved(home: Home) -> None:
    with closing(socket.socket()) as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        set_port(home, port)
        bridge = BridgeService(own_paths(home.env), MovedClock(NOW))
        with home.ledger() as ledger:
            assert bridge.tick(ledger).state == OFF
            offer_code(ledger, NOW_MS)
            status = bridge.tick(ledger)
            assert status.state == FAILED and f"port {port} is taken" in status.text
            squatter.close()
            assert bridge.tick(ledger).state == RUNNING
    bridge.stop()


def test_a_changed_port_is_followed_by_the_next_tick(world: World) -> None:
    old, new = world.port, free_port()
    set_port(world.home, new)
    assert world.tick() == RUNNING
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", old), timeout=1)
    world.port = new
    assert world.ask().status == 200
    listening = world.bridge._open
    assert world.tick() == RUNNING and world.bridge._open is listening  # only then
    with closing(socket.socket()) as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        set_port(world.home, squatter.getsockname()[1])
        assert world.tick() == FAILED
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", new), timeout=1)


def test_only_who_has_the_token_s_digest_can_prove_to_be_the_recorder(world: World) -> None:
    nonce = secrets.token_hex(24)
    said = world.ask("/v1/hello", {"pairing": "pairing-1", "nonce": nonce}, Authorization=None)
    assert said.body == {"proof": compute_proof(hashlib.sha256(world.token.encode()).digest(), "bridge", nonce)}
    assert world.ask("/v1/hello", {"pairing": "other", "nonce": nonce}, Authorization=None).status == 410
    for bad in ("", "0" * 31, "0" * 129, "G" * 32, 5, None):
        assert world.ask("/v1/hello", {"pairing": "pairing-1", "nonce": bad}, Authorization=None).status == 422


# -- merge


def test_B24_a_browser_against_another_fresh_source_is_shown_and_not_averaged(world: World) -> None:
    who = AccountId(ACCOUNT, ORGANIZATION)
    resets = usage_shapes.payload("2026-10", NOW)["five_hour"]["resets_at"]
    from tachograph.model.parsing import iso_ms

    five = Limit("five_hour", "5-hour", "session", 72.0, iso_ms(resets))
    with world.home.ledger() as ledger, ledger.transaction() as db:
        append(db, Strings(db), Reading(OAUTH, NOW_MS - 60_000, account=who, limits=(five,)))
    assert world.ask(body=document(3.0)).status == 200
    account = world.home.call("now", "--json").json["accounts"][0]
    assert account["limits"][0]["percent"] == 3.0
    assert [(one["source"], one["percent"]) for one in account["limits"][0]["differs"]] == [("oauth", 72.0)]
    assert any(
        "disagree on 5-hour: Chromium 156 3 % (newer, shown), usage endpoint 72 %" in w for w in account["problems"]
    )


def test_growth_between_two_sources_is_no_disagreement(world: World) -> None:
    assert world.ask(body=document(30.0, observed_at=NOW_MS - 200_000)).status == 200
    resets = usage_shapes.payload("2026-10", NOW)["five_hour"]["resets_at"]
    from tachograph.model.parsing import iso_ms

    five = Limit("five_hour", "5-hour", "session", 41.0, iso_ms(resets))
    with world.home.ledger() as ledger, ledger.transaction() as db:
        append(db, Strings(db), Reading(OAUTH, NOW_MS, account=AccountId(ACCOUNT, ORGANIZATION), limits=(five,)))
    limit = world.home.call("now", "--json").json["accounts"][0]["limits"][0]
    assert (limit["percent"], limit["source"], limit["differs"]) == (41.0, "oauth", [])


def test_a_browser_never_overwrites_a_newer_reading(world: World) -> None:
    resets = usage_shapes.payload("2026-10", NOW)["five_hour"]["resets_at"]
    from tachograph.model.parsing import iso_ms

    five = Limit("five_hour", "5-hour", "session", 41.0, iso_ms(resets))
    with world.home.ledger() as ledger, ledger.transaction() as db:
        append(db, Strings(db), Reading(OAUTH, NOW_MS - 1000, account=AccountId(ACCOUNT, ORGANIZATION), limits=(five,)))
    assert world.ask(body=document(30.0, observed_at=NOW_MS - 240_000)).status == 200
    limit = world.home.call("now", "--json").json["accounts"][0]["limits"][0]
    assert (limit["percent"], limit["source"]) == (41.0, "oauth")


def test_an_account_that_no_browser_reports_any_more_goes_stale_and_is_offered_to_be_forgotten(world: World) -> None:
    other = {**document()["accounts"][0], "organization": f"{ORGANIZATION[:-1]}d", "label": "team@example.org"}
    both = document()
    both["accounts"].append(other)
    assert world.ask(body=both).status == 200
    world.clock.at += timedelta(seconds=60)
    world.home.env["TACHOGRAPH_NOW"] = str(world.clock.now_ms())
    later = document(observed_at=world.clock.now_ms())
    assert world.ask(body={**later, "sent_at": world.clock.now_ms()}).status == 200
    accounts = {one["label"]: one for one in world.home.call("now", "--json").json["accounts"]}
    assert {one["state"] for one in accounts["team@example.org"]["limits"]} == {"stale"}
    assert any("accounts forget" in words for words in accounts["team@example.org"]["problems"])
    assert accounts["team@example.org"]["browsers"][0]["gone_at"]
    assert accounts["mary@example.org"]["limits"][0]["state"] == "fresh"
    assert not accounts["mary@example.org"]["problems"]


def test_what_claude_ai_alone_says_is_kept_and_a_card_is_not(world: World) -> None:
    card: dict[str, Any] = {"status": "active", "next_charge_date": "2026-12-02", "billing_interval": "monthly"}
    card |= {"payment_method": {"brand": "visa", "last4": "4242"}}
    more: dict[str, Any] = {"subscription": card, "credits": {"amount": 2500, "currency": "EUR"}, "overage": {}}
    assert world.ask(body=document(**more)).status == 200
    said = world.home.call("now", "--json").json["accounts"][0]["subscription"]
    assert (said["next_charge_on"], said["credits_left"], said["currency"]) == ("2026-12-02", 25.0, "EUR")
    assert "credits left, next charge 2026-12-02" in world.home.call("now").stdout
    assert not any(b"4242" in path.read_bytes() for path in world.home.data.glob("ledger*"))
