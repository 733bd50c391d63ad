"""Claude Code's own login is read when it is needed, shown nowhere, and never changed (T04)."""

import copy
import json
import os
import pickle
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from tachograph.clock import FixedClock
from tachograph.model.limits.limits import DENIED, EXPIRED, FORBIDDEN, NO_LOGIN, SHAPE
from tachograph.sources import credentials
from tachograph.sources.credentials import NoToken, Token, keychain_services, read_token

CANARY = "sk-ant-oat01-CANARY-in-a-coal-mine"
NOW = 1_795_435_200_000
CLOCK = FixedClock(NOW)
LOGIN = {
    "accessToken": CANARY,
    "refreshToken": "sk-ant-ort01-CANARY-of-the-refresh",
    "expiresAt": NOW + 3_600_000,
    "scopes": ["user:inference", "user:profile"],
    "subscriptionType": "max",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / ".claude"
    made.mkdir()
    return made


def put(folder: Path, document: object) -> Path:
    path = folder / ".credentials.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    path.chmod(0o600)
    return path


def ask(folder: Path, **env: str) -> Token | NoToken:
    return read_token(str(folder), {"HOME": str(folder.parent), **env}, "linux", clock=CLOCK)


def secret_of(found: Token | NoToken) -> str:
    assert isinstance(found, Token), found
    return found.authorization()


def refused(found: Token | NoToken) -> str:
    assert isinstance(found, NoToken)
    assert "CANARY" not in repr(found)
    assert found.problem
    return found.outcome


def test_a_login_gives_a_token_and_the_file_stays_as_it_is(folder: Path) -> None:
    path = put(folder, {"claudeAiOauth": LOGIN, "organizationUuid": "org-1", "mcpOAuth": {}})
    before, data = path.stat(), path.read_bytes()
    found = ask(folder)
    assert secret_of(found) == f"Bearer {CANARY}"
    assert isinstance(found, Token)
    assert (found.expires_at, found.organization) == (LOGIN["expiresAt"], "org-1")
    after = path.stat()
    assert (path.read_bytes(), os.listdir(folder)) == (data, [".credentials.json"])
    assert (before.st_mtime_ns, before.st_ctime_ns, before.st_ino, before.st_mode) == (
        after.st_mtime_ns,
        after.st_ctime_ns,
        after.st_ino,
        after.st_mode,
    )


def test_it_is_read_anew_each_time(folder: Path) -> None:
    put(folder, {"claudeAiOauth": LOGIN})
    first = ask(folder)
    put(folder, {"claudeAiOauth": LOGIN | {"accessToken": "sk-ant-oat01-the-next"}})
    second = ask(folder)
    assert secret_of(second) == "Bearer sk-ant-oat01-the-next"
    assert isinstance(first, Token)
    assert isinstance(second, Token)
    assert first.is_same(first)
    assert not first.is_same(second)


# -- a token shows itself nowhere (T01) -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "show",
    [
        lambda made: f"{made}",
        lambda made: format(made, "s"),
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        lambda made: Token(CANARY + "\r\nX: y"),
        lambda made: Token(CANARY + "\u00e9"),
        lambda made: Token(""),
        lambda made: vars(made),
        lambda made: bytes(made),
    ],
)
def test_T01_a_token_cannot_be_formatted_pickled_copied_or_made_of_anything_else(
    show: Callable[[Token], object],
) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        show(Token(CANARY))
    assert CANARY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


def test_T01_a_token_prints_as_something_else() -> None:
    made = Token(CANARY, 5, "org")
    assert str(made) == repr(made) == "Token(not shown)"
    assert "%s %r" % (made, made) == "Token(not shown) Token(not shown)"  # noqa: UP031 - this way of formatting is meant
    assert "CANARY" not in repr([made]) + repr(dir(made)) + repr((made.expires_at, made.organization))


# -- what may stand there instead (T04) -------------------------------------------------------------------------------


def test_T04_nobody_is_signed_in(folder: Path) -> None:
    assert refused(ask(folder)) == NO_LOGIN
    found = ask(folder, CLAUDE_CODE_OAUTH_TOKEN=CANARY)
    assert refused(found) == NO_LOGIN
    assert isinstance(found, NoToken)
    assert found.problem.endswith("the login in CLAUDE_CODE_OAUTH_TOKEN may not read usage")


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        ({"mcpOAuth": {"server": {"accessToken": CANARY}}}, NO_LOGIN),
        ({}, NO_LOGIN),
        ({"claudeAiOauth": None}, NO_LOGIN),
        ({"claudeAiOauth": {"accessToken": ""}}, NO_LOGIN),
        ({"claudeAiOauth": LOGIN | {"scopes": ["user:inference"]}}, FORBIDDEN),
        ({"claudeAiOauth": LOGIN | {"scopes": "user:inference org:create_api_key"}}, FORBIDDEN),
        ({"claudeAiOauth": LOGIN | {"scopes": []}}, FORBIDDEN),
        ({"claudeAiOauth": LOGIN | {"expiresAt": NOW}}, EXPIRED),
        ({"claudeAiOauth": LOGIN | {"expiresAt": NOW // 1000 - 1}}, EXPIRED),
        ({"claudeAiOauth": LOGIN | {"accessToken": CANARY + "\nX: y"}}, SHAPE),
        ({"claudeAiOauth": LOGIN | {"accessToken": {"value": CANARY}}}, SHAPE),
        ([CANARY], SHAPE),
        (b"", SHAPE),
        (f'{{"claudeAiOauth": {{"accessToken": "{CANARY}'.encode(), SHAPE),
        (b"\xff\xfe" + CANARY.encode(), SHAPE),
        (b"[" * 100_000, SHAPE),
        (b'{"claudeAiOauth": "' + b"x" * (2 << 20) + b'"}', SHAPE),
    ],
)
def test_T04_what_is_no_login_that_could_ask_is_refused_in_words(folder: Path, document: object, outcome: str) -> None:
    put(folder, document)
    assert refused(ask(folder)) == outcome


@pytest.mark.parametrize(
    "change", [{"scopes": None}, {"scopes": "user:profile"}, {"expiresAt": None}, {"expiresAt": "soon"}]
)
def test_what_nobody_said_is_for_the_service_to_judge(folder: Path, change: dict[str, object]) -> None:
    put(folder, {"claudeAiOauth": LOGIN | change})
    assert secret_of(ask(folder)) == f"Bearer {CANARY}"


@pytest.mark.parametrize(
    "first",
    [b'{"claudeAiOauth": {"acc', json.dumps({"claudeAiOauth": LOGIN | {"expiresAt": 1_700_000_000_000}}).encode()],
)
def test_T04_a_torn_or_expired_file_is_read_once_more(
    folder: Path, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, first)
    pauses = []

    def renewed(seconds: float) -> None:
        pauses.append(seconds)
        put(folder, {"claudeAiOauth": LOGIN})

    monkeypatch.setattr(time, "sleep", renewed)
    assert secret_of(ask(folder)) == f"Bearer {CANARY}"
    assert len(pauses) == 1


def test_T04_a_link_is_followed_to_a_file_of_one_s_own(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles"
    kept.mkdir()
    put(kept, {"claudeAiOauth": LOGIN})
    (folder / ".credentials.json").symlink_to(kept / ".credentials.json")
    assert secret_of(ask(folder)) == f"Bearer {CANARY}"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="not on this platform: files have no owner by number")
def test_T04_a_file_of_somebody_else_is_not_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"claudeAiOauth": LOGIN})
    (folder / ".credentials.json").symlink_to(tmp_path / ".credentials.json")
    monkeypatch.setattr(os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    found = ask(folder)
    assert refused(found) == DENIED
    assert isinstance(found, NoToken)
    assert "another user" in found.problem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="not on this platform: no FIFOs")
def test_T04_a_pipe_a_folder_or_a_ring_of_links_is_refused_at_once(folder: Path) -> None:
    path = folder / ".credentials.json"
    os.mkfifo(path)
    assert refused(ask(folder)) == DENIED
    path.unlink()
    path.mkdir()
    assert refused(ask(folder)) == DENIED
    path.rmdir()
    path.symlink_to(path)
    assert refused(ask(folder)) == DENIED


def test_T04_replaced_while_it_is_read_gives_the_old_login_or_the_new_and_never_a_mixture(folder: Path) -> None:
    done = threading.Event()

    def rewrite() -> None:
        number = 0
        while not done.is_set():
            number += 1
            name = "sk-ant-oat01-" + str(number % 10) * (20 + number % 7)
            fresh = folder / "fresh"
            fresh.write_text(json.dumps({"claudeAiOauth": LOGIN | {"accessToken": name}}))
            fresh.replace(folder / ".credentials.json")

    put(folder, {"claudeAiOauth": LOGIN | {"accessToken": "sk-ant-oat01-" + "0" * 20}})
    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(200):
            digits = secret_of(ask(folder)).removeprefix("Bearer sk-ant-oat01-")
            assert len(set(digits)) == 1
    finally:
        done.set()
        writer.join()


# -- macOS ------------------------------------------------------------------------------------------------------------


class Keychain:
    """`security` as a table of items; what is not in it is not found."""

    def __init__(self, **items: tuple[int | None, bytes]) -> None:
        self.items = {name.replace("_", "-"): item for name, item in items.items()}
        self.asked: list[str] = []

    def __call__(self, command: list[str], seconds: float) -> tuple[int | None, bytes]:
        assert command[:3] == ["/usr/bin/security", "find-generic-password", "-s"]
        assert command[4:] == ["-w"]
        assert seconds == 5.0
        self.asked.append(command[3])
        return self.items.get(command[3].removeprefix("Claude Code-"), (44, b""))


STORED = json.dumps({"claudeAiOauth": LOGIN}).encode() + b"\n"


def on_mac(folder: Path, keychain: Keychain, **env: str) -> Token | NoToken:
    return read_token(str(folder), {"HOME": str(folder.parent), **env}, "darwin", clock=CLOCK, runner=keychain)


def test_on_a_mac_the_keychain_is_asked_and_the_file_is_not_touched(folder: Path) -> None:
    put(folder, b"torn")
    keychain = Keychain(credentials=(0, STORED))
    assert secret_of(on_mac(folder, keychain)) == f"Bearer {CANARY}"
    assert keychain.asked == ["Claude Code-credentials"]


def test_a_secret_printed_in_hexadecimal_is_read(folder: Path) -> None:
    assert secret_of(on_mac(folder, Keychain(credentials=(0, STORED.hex().encode())))) == f"Bearer {CANARY}"


@pytest.mark.parametrize("item", [(44, b""), (0, b'{"mcpOAuth": {"x": {}}}')])
def test_where_the_keychain_has_no_login_the_file_stands_in(folder: Path, item: tuple[int, bytes]) -> None:
    keychain = Keychain(credentials=item)
    assert refused(on_mac(folder, keychain)) == NO_LOGIN
    put(folder, {"claudeAiOauth": LOGIN})
    assert secret_of(on_mac(folder, keychain)) == f"Bearer {CANARY}"


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        ((None, b""), DENIED),  # nobody answered the dialog
        ((36, b""), DENIED),
        ((51, CANARY.encode()), DENIED),
        ((128, b""), DENIED),
        ((127, b""), DENIED),
        ((0, b"CANARY"), SHAPE),
        ((0, json.dumps({"claudeAiOauth": LOGIN | {"expiresAt": NOW - 1}}).encode()), EXPIRED),
    ],
)
def test_what_the_keychain_refuses_is_asked_once_and_not_looked_for_elsewhere(
    folder: Path, item: tuple[int | None, bytes], outcome: str
) -> None:
    put(folder, {"claudeAiOauth": LOGIN})
    keychain = Keychain(credentials=item)
    assert refused(on_mac(folder, keychain)) == outcome
    assert len(keychain.asked) == 1


def test_the_name_of_the_item_ends_in_a_hash_of_the_folder_as_it_was_written() -> None:
    """Both hashes were published by a tool that reads them."""
    home = {"HOME": "/Users/test"}
    plain = "Claude Code-credentials"
    assert keychain_services("/Users/test/.claude", home) == [plain]
    assert keychain_services("/Users/test/.claude-work", home) == [f"{plain}-03abf0ee"]
    written = {"CLAUDE_CONFIG_DIR": "/Users/test/.claude-work/"}
    assert keychain_services("/Users/test/.claude-work", home | written) == [f"{plain}-8bd6f0f5", f"{plain}-03abf0ee"]
    first, *_, last = keychain_services("/Users/test/.claude", home | {"CLAUDE_CONFIG_DIR": "~/.claude, /elsewhere"})
    assert first.startswith(f"{plain}-")
    assert last == plain


def test_a_command_that_outlasts_its_limit_is_ended_and_says_nothing() -> None:
    began = time.monotonic()
    assert credentials._run(["/bin/sh", "-c", "echo CANARY; sleep 20"], 0.2) == (None, b"")
    assert time.monotonic() - began < 5
    assert credentials._run(["/bin/sh", "-c", "echo out; exit 44"], 5) == (44, b"out\n")
    assert credentials._run(["/nonexistent/security"], 5) == (127, b"")
