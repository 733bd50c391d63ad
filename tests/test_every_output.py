"""Every command ends in a sentence, whatever its paths and its input are made of; the status line always in one line."""

import json
import os
import subprocess
import sys

import pytest

from conftest import NOT_HERE
from helpers import Home, command
from tachograph.demo.records import assistant

LONE = "\\ud800"  # half of a pair of code units, as JSON escapes it
DOCUMENTS = {
    "lone surrogates everywhere": f'{{"transcript_path":"/{LONE}/projects/a/b.jsonl","session_id":"{LONE}","cwd":"{LONE}",'
    f'"model":{{"display_name":"O{LONE}p"}},"rate_limits":{{"five_hour":{{"used_percentage":5}}}}}}',
    "a lone surrogate in a limit": f'{{"rate_limits":{{"{LONE}":{{"used_percentage":5}}}}}}',
    "not UTF-8": '{"model":{"display_name":"\udcff"},"rate_limits":{"five_hour":{"used_percentage":5}}}',
    "nothing": "",
    "half of it": '{"rate_limits":{"five_hour"',
    "deeply nested": "[" * 100_000,
    "a list": "[]",
    "huge numbers": '{"rate_limits":{"five_hour":{"used_percentage":1e999,"resets_at":9' + "9" * 5000 + "}}}",
    "a null byte": '{"session_id":"a\\u0000b","rate_limits":{"five_hour":{"used_percentage":5}}}',
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_the_status_line_is_one_line_and_exit_0(home: Home, document: str) -> None:
    data = document.encode("utf-8", "surrogateescape")
    done = subprocess.run([command(), "statusline"], input=data, env=home.env, capture_output=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1 and len(done.stdout) > 1


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
def test_the_status_line_does_not_wait_for_an_input_that_stays_open(home: Home) -> None:
    with subprocess.Popen(
        [command(), "statusline"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.env
    ) as child:
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        child.stdin.write(b'{"rate_limits":{"five_hour":{"used_percentage":41}}}')
        child.stdin.flush()
        assert b"41" in child.stdout.read()  # with the input still open: what had come is shown
        assert child.wait() == 0 and child.stderr.read() == b""


@pytest.mark.skipif(sys.platform == "win32", reason=NOT_HERE)
@pytest.mark.parametrize("other", ["yes", "head -c 600000000 /dev/zero", "sleep 60", "cat; kill -9 $$", "exec 1>&-"])
def test_the_status_line_outlives_the_command_that_it_wraps(home: Home, other: str) -> None:
    done = subprocess.run(
        [command(), "statusline", "--then", other],
        input=b'{"rate_limits":{"five_hour":{"used_percentage":41}}}',
        env=home.env,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"") and b"41" in done.stdout and len(done.stdout) < 100_000


COMMANDS = (
    ("daily",), ("daily", "--json"), ("sessions",), ("projects", "--csv"), ("branches",), ("models",), ("now",),
    ("now", "--json"), ("doctor",), ("doctor", "--json"), ("export", "messages"), ("export", "readings"), ("sources",),
    ("statusline",), ("status",), ("accounts",), ("guard",), ("watch", "--once"), ("why",), ("forecast",), ("limits",),
    ("autostart",), ("notifications",), ("prices",), ("setup", "--json"), ("statusline", "install"),
    ("statusline", "uninstall"), ("purge", "--yes"),
)  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason=NOT_HERE)
@pytest.mark.parametrize("where", ["HOME", "CLAUDE_CONFIG_DIR", "TACHOGRAPH_HOME"])
def test_a_path_that_is_not_utf_8_works(home: Home, where: str) -> None:
    folder = os.fsencode(home.root) + b"/caf\xe9 \xff"
    env = {os.fsencode(key): os.fsencode(value) for key, value in home.env.items()}
    env |= {b"HOME": folder, b"CLAUDE_CONFIG_DIR": folder + b"/.claude"} if where != "TACHOGRAPH_HOME" else {}
    if where == "HOME":
        del env[b"CLAUDE_CONFIG_DIR"], env[b"TACHOGRAPH_HOME"]
    if where == "TACHOGRAPH_HOME":
        env[b"TACHOGRAPH_HOME"] = folder
    config = env.get(b"CLAUDE_CONFIG_DIR", folder + b"/.claude")
    os.makedirs(config + b"/projects/p", exist_ok=True)
    with open(config + b"/projects/p/\xff.jsonl", "wb") as file:
        file.write(json.dumps(assistant("A")).encode() + b"\n")
    with open(config + b"/.claude.json", "w") as text:
        json.dump({"oauthAccount": {"accountUuid": "a\ud800", "organizationUuid": "\udfff", "emailAddress": "x"}}, text)
    for arguments in COMMANDS:
        done = subprocess.run([command(), *arguments], env=env, capture_output=True, input=b"{}", timeout=60)
        assert b"Traceback" not in done.stderr, (arguments, done.stderr)
        assert done.returncode not in (70, -6), (arguments, done.stderr)
        if arguments == ("daily", "--json"):
            assert json.loads(done.stdout)["totals"]["messages"] == 1
