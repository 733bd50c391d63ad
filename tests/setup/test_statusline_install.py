"""`statusline install` and back leave settings.json as it was, byte for byte; what is not understood is not touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import NOT_HERE
from helpers import NOW_MS, Home, command
from tachograph.errors import TachographError
from tachograph.setup import statusline
from tachograph.setup.statusline import install, state, uninstall

OURS = "/opt/bin/tachograph statusline"
LINE = '{"type": "command", "command": "%s", "padding": 0}'

SETTINGS = {
    "minified": b'{"model":"opus","env":{"A":"b"}}',
    "two spaces": b'{\n  "model": "opus",\n  "env": {\n    "A": "b"\n  }\n}\n',
    "four spaces, no newline": b'{\n    "model": "opus"\n}',
    "tabs": b'{\n\t"model": "opus",\n\t"permissions": {"allow": []}\n}\n',
    "crlf": b'{\r\n  "model": "opus",\r\n  "x": [1, 2]\r\n}\r\n',
    "bom": b'\xef\xbb\xbf{\n  "model": "opus"\n}\n',
    "unicode": '{"greeting": "gr\u00fc\u00df dich \U0001f680", "x": "\\u00e9"}\n'.encode(),
    "empty object": b"{}",
    "empty object with room": b"{\n}\n",
    "space around colons": b'{ "a" : 1 , "b" : [ ] }',
    "blank lines": b'\n\n{\n\n  "a": {"statusLine": 5}\n\n}\n\n',
    "another first": b'{"statusLine": ' + (LINE % "npx ccstatusline").encode() + b', "model": "opus"}',
    "another in the middle": b'{"a": 1,\n "statusLine": ' + (LINE % "~/bin/line.sh --x 'y z'").encode() + b',\n "b": 2}\n',
    "another last": b'{"a": 1, "statusLine": ' + (LINE % "echo hi").encode() + b"}",
    "another alone": b'{"statusLine":{"command":"echo \\"a\\" $HOME && true","type":"command"}}',
    "another with odd escapes": b'{"statusLine":{"type":"command","command":"\\u0065cho \\/tmp gr\\u00fc\\u00df"}}',
    "another with newlines": b'{"statusLine":{"type":"command","command":"echo a\\necho b","refreshInterval":30}}',
}  # fmt: skip


@pytest.fixture
def path(home: Home) -> Path:
    return home.claude / "settings.json"


@pytest.mark.parametrize("before", SETTINGS.values(), ids=SETTINGS.keys())
def test_install_then_uninstall_leaves_every_byte(home: Home, path: Path, before: bytes) -> None:
    path.write_bytes(before)
    path.chmod(0o640)
    done = install(home.env, str(home.claude), OURS, NOW_MS)
    assert done.changed
    assert Path(done.backup).read_bytes() == before
    assert os.stat(done.backup).st_mode & 0o777 == 0o600
    document = json.loads(path.read_bytes().decode("utf-8-sig"))
    assert document["statusLine"]["command"].startswith(OURS)
    assert state(home.env, str(home.claude)).is_installed
    others = {key: value for key, value in json.loads(before.decode("utf-8-sig")).items() if key != "statusLine"}
    assert others.items() == {key: value for key, value in document.items() if key != "statusLine"}.items()
    assert not install(home.env, str(home.claude), OURS, NOW_MS).changed
    assert uninstall(home.env, str(home.claude), NOW_MS).changed
    assert path.read_bytes() == before
    assert os.stat(path).st_mode & 0o777 == 0o640
    assert not uninstall(home.env, str(home.claude), NOW_MS).changed


def test_a_file_that_we_made_is_gone_again(home: Home, path: Path) -> None:
    assert install(home.env, str(home.claude), OURS, NOW_MS).changed
    assert json.loads(path.read_text()) == {"statusLine": {"type": "command", "command": OURS}}
    uninstall(home.env, str(home.claude), NOW_MS)
    assert not path.exists()


@pytest.mark.parametrize("name", ["two spaces", "minified", "empty object", "another in the middle", "another alone"])
def test_what_was_changed_in_the_meantime_stays(home: Home, path: Path, name: str) -> None:
    path.write_bytes(SETTINGS[name])
    install(home.env, str(home.claude), OURS, NOW_MS)
    document = json.loads(path.read_text())
    document["added"] = {"by": "a person"}
    path.write_text(json.dumps(document, indent=4))
    uninstall(home.env, str(home.claude), NOW_MS)
    assert json.loads(path.read_text()) == {**json.loads(SETTINGS[name]), "added": {"by": "a person"}}


@pytest.mark.parametrize("name", [name for name in SETTINGS if name.startswith("another")])
def test_a_lost_data_folder_loses_nobodys_command(home: Home, path: Path, name: str) -> None:
    path.write_bytes(SETTINGS[name])
    install(home.env, str(home.claude), OURS, NOW_MS)
    (home.data / "statusline.json").unlink()
    uninstall(home.env, str(home.claude), NOW_MS)
    assert json.loads(path.read_text()) == json.loads(SETTINGS[name])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'"text"',
        b'{"a": 1',
        b'{"a": 1} x',
        b'{\n  // a comment\n  "a": 1\n}',
        b'{"a": 1,}',
        b'{"statusLine": null}',
        b'{"statusLine": "echo"}',
        b'{"statusLine": {"type": "static", "text": "x"}}',
        b'{"statusLine": {"type": "command"}}',
        b'{"statusLine": {"type": "command", "command": 5}}',
        b'{"statusLine": {"type": "command", "command": "a"}, "statusLine": {"type": "command", "command": "b"}}',
        b'{"statusLine": {"type": "command", "command": "a", "command": "b"}}',
        b'\xff\xfe{"a": 1}',
        b"[" * 100_000,
    ],
    ids=range(16),
)
def test_what_is_not_understood_is_refused_and_not_touched(home: Home, path: Path, text: bytes) -> None:
    path.write_bytes(text)
    for done in ("install", "uninstall"):
        with pytest.raises(TachographError) as refused:
            if done == "install":
                install(home.env, str(home.claude), OURS, NOW_MS)
            else:
                uninstall(home.env, str(home.claude), NOW_MS)
        assert "nothing was changed" in refused.value.message
        assert '"statusLine"' in refused.value.hint
    assert path.read_bytes() == text
    assert state(home.env, str(home.claude)).problem
    assert list(home.claude.glob("*.tachograph-*")) == []


def test_a_link_stays_a_link(home: Home, path: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.json"
    target.write_bytes(SETTINGS["two spaces"])
    path.symlink_to(target)
    install(home.env, str(home.claude), OURS, NOW_MS)
    assert path.is_symlink() and "statusLine" in target.read_text()
    uninstall(home.env, str(home.claude), NOW_MS)
    assert path.is_symlink() and target.read_bytes() == SETTINGS["two spaces"]


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_a_fifo_is_not_waited_for(home: Home, path: Path) -> None:
    os.mkfifo(path)
    assert "not a file" in state(home.env, str(home.claude)).problem


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_the_installed_command_runs_both_with_the_same_input(home: Home, path: Path) -> None:
    """As Claude Code runs it: the text of `command` through a shell, JSON on standard input."""
    other = 'python3 -c \'import json,sys; print("other says", json.load(sys.stdin)["model"]["display_name"])\''
    path.write_text(json.dumps({"statusLine": {"type": "command", "command": other}}))
    result = home.run("statusline", "install")
    assert "put around" in result.stdout and "uninstall" in result.stdout
    line = json.loads(path.read_text())["statusLine"]["command"]
    piped = {
        "model": {"display_name": "Opus 5.5"},
        "rate_limits": {"five_hour": {"used_percentage": 41, "resets_at": NOW_MS // 1000 + 7200}},
    }
    done = subprocess.run(line, shell=True, input=json.dumps(piped).encode(), env=home.env, capture_output=True, timeout=30)  # noqa: S602  # fmt: skip
    assert done.returncode == 0
    first, second = done.stdout.decode().splitlines()
    assert first == "other says Opus 5.5"
    assert second.startswith("Opus 5.5") and "5h 41 %" in second
    home.run("statusline", "uninstall")
    assert json.loads(path.read_text())["statusLine"]["command"] == other


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
@pytest.mark.parametrize(
    "other",
    [
        "false",
        "exit 3",
        pytest.param("sleep 60", marks=pytest.mark.slow),
        "no-such-command",
        "cat > /dev/null; yes | head -c 5",
    ],
)
def test_whatever_the_other_command_does_ours_is_shown(home: Home, other: str) -> None:
    done = subprocess.run(
        [command(), "statusline", "--then", other], input=b"{}", env=home.env, capture_output=True, timeout=30
    )
    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[-1].endswith("no limits known yet")


def test_without_a_claude_code_folder_it_says_so(home: Home) -> None:
    home.env["CLAUDE_CONFIG_DIR"] = str(home.root / "nowhere")
    assert "No Claude Code folder" in home.run("statusline", "install", code=1).stderr


def test_a_refusal_names_the_snippet(home: Home, path: Path) -> None:
    path.write_text("// mine\n{}")
    assert '"statusLine": {"type": "command"' in home.run("statusline", "install", code=1).stderr


def test_what_other_programs_would_write_meanwhile_is_not_lost(home: Home, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    path.write_bytes(b'{"a": 1}')
    read = statusline._read

    def racing(where: str) -> str | None:
        found = read(where)
        path.write_bytes(b'{"a": 2}')
        return found

    monkeypatch.setattr(statusline, "_read", racing)
    with pytest.raises(TachographError, match="changed by another program"):
        install(home.env, str(home.claude), OURS, NOW_MS)
    assert path.read_bytes() == b'{"a": 2}'
