"""The gate before everything that listens: each refusal alone, their order, and what goes through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachograph.server.request_guard import Refusal, Rules, digest, own_origins, refusal

PORT = 63762
OURS = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
TOKEN = "a token of this test"  # noqa: S105
POST = Rules(methods=frozenset({"POST"}), digests=(digest("another"), digest(TOKEN)), longest=65536)
GET = Rules(digests=(digest(TOKEN),))
SHELL = Rules(is_shell=True)
GOOD = {
    "Host": f"127.0.0.1:{PORT}",
    "Origin": OURS,
    "Sec-Fetch-Site": "none",
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/json",
    "Content-Length": "2",
}


def ask(
    method: str = "POST", rules: Rules | None = POST, more: tuple[str, str] = ("", ""), **changed: str
) -> int | None:
    """The status of the refusal of a good request with changes; None where it goes on. "without" takes a header out."""
    without = changed.pop("without", "")
    headers = {**GOOD, **{name.replace("_", "-"): value for name, value in changed.items()}}
    raw = [
        (name.encode(), value.encode("latin-1"))
        for name, value in [*headers.items(), more]
        if name not in (without, "")
    ]
    found = refusal(method, raw, rules, port=PORT, origins=(OURS, *own_origins(PORT)))
    return None if found is None else found.status


def test_a_good_request_goes_through_by_every_own_name() -> None:
    for host in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        assert ask(Host=f"{host}:{PORT}") is None
    assert ask(without="Origin") is None
    assert ask(without="Sec-Fetch-Site") is None
    assert ask(Sec_Fetch_Site="same-origin") is None
    assert ask(Content_Type="application/json; charset=utf-8") is None
    assert ask(Authorization=f"bearer {TOKEN}") is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "localhost",
        f"localhost.evil.test:{PORT}",
        f"rebind.test:{PORT}",
        "127.0.0.1:80",
        f"127.0.0.1:{PORT}1",
        f"127.0.0.2:{PORT}",
        f"0.0.0.0:{PORT}",
        f"user@127.0.0.1:{PORT}",
        f"127.0.0.1.:{PORT}",
    ],
)
def test_B07_B08_B09_other_names_and_ports(host: str) -> None:
    assert ask(Host=host) == 421


def test_a_host_that_is_missing_or_said_twice() -> None:
    assert ask(without="Host") == 421
    assert ask(more=("host", f"127.0.0.1:{PORT}")) == 421


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.test",
        "https://claude.ai",
        f"{OURS}.evil.test",
        f"{OURS}/",
        OURS.upper(),
        f"http://127.0.0.1:{PORT + 1}",
        f"https://127.0.0.1:{PORT}",
        "chrome-extension://aaaa",
        "moz-extension://1",
    ],
)
def test_B05_B11_other_origins(origin: str) -> None:
    assert ask(Origin=origin) == 403


def test_two_origins() -> None:
    assert ask(more=("origin", OURS)) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "none, cross-site"])
def test_B06_other_sites(site: str) -> None:
    assert ask("GET", GET, without="Origin", Sec_Fetch_Site=site) == 403


def test_an_extension_of_ours_is_believed_whatever_its_browser_calls_the_site() -> None:
    assert ask(Sec_Fetch_Site="cross-site") is None
    assert ask(Sec_Fetch_Site="cross-site", Origin="moz-extension://1") == 403


def test_a_link_may_lead_to_a_shell_and_to_nothing_else() -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    bare = {"without": "Origin", "Content_Length": "0"}
    assert ask("GET", SHELL, ("", ""), **bare, **link) is None
    assert ask("GET", SHELL, ("", ""), **bare, **{**link, "Sec_Fetch_Dest": "iframe"}) == 403
    assert ask("GET", SHELL, ("", ""), **bare, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors") == 403
    assert ask("GET", GET, ("", ""), **bare, **link) == 403


def test_paths_and_methods() -> None:
    assert ask(rules=None) == 404
    assert ask(rules=None, Origin="https://evil.test") == 403
    assert ask("GET") == 405
    assert ask("OPTIONS") == 405
    assert ask("OPTIONS", Origin="https://evil.test") == 403


@pytest.mark.parametrize("said", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer x {TOKEN}"])
def test_B12_other_tokens(said: str) -> None:
    assert ask(Authorization=said) == 401


def test_a_token_or_a_session_is_needed() -> None:
    assert ask(without="Authorization") == 401
    assert ask(without="Authorization", Cookie=f"tacho-1={TOKEN}") == 401
    assert ask(rules=Rules(frozenset({"POST"}), (), longest=9)) == 401
    without = {"without": "Authorization", "Content_Length": "0"}
    assert ask("GET", GET, ("", ""), **without, Cookie=f"tacho-1={TOKEN}") == 401  # a cookie is no token
    assert ask("GET", GET._replace(is_signed_in=True), ("", ""), **without) is None


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "application/x-www-form-urlencoded", "application/json, text/plain"]
)
def test_B13_other_kinds_of_bodies(kind: str) -> None:
    assert ask(Content_Type=kind) == 415


def test_B14_B15_B16_lengths() -> None:
    assert ask(Content_Length="65536") is None
    assert ask(Content_Length="65537") == 413
    assert ask(Content_Length="5000000000") == 413
    assert ask(Content_Length="9" * 5000) == 413
    for garbled in ("-1", "", "abc", "1e3", "0x10", "+1", "1_0", "\xb2"):
        assert ask(Content_Length=garbled) == 400
    assert ask(more=("Content-Length", "2")) == 400
    assert ask(without="Content-Length") == 411
    assert ask(Transfer_Encoding="chunked") == 411
    assert ask("GET", GET, Content_Length="1") == 413
    assert ask("GET", GET, without="Content-Length") is None


def test_the_order_in_which_a_request_with_every_fault_is_refused() -> None:
    faults = [
        ({"Host": "rebind.test"}, 421),
        ({"Origin": "https://evil.test"}, 403),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Content_Type": "text/plain"}, 415),
        ({"Transfer_Encoding": "chunked"}, 411),
        ({"Content_Length": "-1"}, 400),
    ]
    for index, (_, status) in enumerate(faults):
        changed: dict[str, str] = {}
        for fault, _ in faults[index:]:
            changed |= fault
        assert ask("POST", POST, ("", ""), **changed) == status


HEAD = st.lists(
    st.tuples(
        st.sampled_from([name.encode() for name in (*GOOD, "Transfer-Encoding", "Cookie", "Sec-Fetch-Mode")])
        | st.binary(max_size=8),
        st.sampled_from([value.encode() for value in GOOD.values()]) | st.binary(max_size=30),
    ),
    max_size=12,
)


@given(HEAD, st.sampled_from(["GET", "POST", "PUT", ""]))
def test_no_head_makes_it_fail_and_nothing_of_it_is_repeated(head: list[tuple[bytes, bytes]], method: str) -> None:
    found = refusal(method, head, POST, port=PORT, origins=(OURS,))
    assert found is None or isinstance(found, Refusal)
    if found is None:
        assert (b"authorization", f"Bearer {TOKEN}".encode()) in [(name.lower(), value) for name, value in head]
