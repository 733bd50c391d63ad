"""The person's own command and webhook: what they get, and what they never get."""

import json
import os
import stat
from pathlib import Path

import pytest

from helpers import Home
from tachograph.recorder.forwarding import TEST, forward_notification, run_command
from tachograph.recorder.notifications import Notification
from tachograph.settings import NotificationSettings, Secret, load

NEAR = Notification(
    1, "threshold", "five_hour", 90.0, 0, 91.0, "Claude: 5-hour at 91 %", "The 5-hour limit is at 91 %."
)


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}


def test_a_command_gets_the_notification_by_environment_and_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = script(
        tmp_path / "notify",
        f'echo "$TACHOGRAPH_TITLE|$TACHOGRAPH_PERCENT|$TACHOGRAPH_LIMIT|$1" > {out}; cat >> {out}; pwd >> {out}',
    )
    assert run_command(NEAR, NotificationSettings(command=(program, "--urgent; touch pwned")), env(tmp_path)) == ""
    first, document, folder = out.read_text().splitlines()
    assert first == "Claude: 5-hour at 91 %|91.0|five_hour|--urgent; touch pwned"  # one argument: no shell
    assert json.loads(document)["kind"] == "threshold"
    assert folder == "/"


def test_an_unknown_percent_is_empty_and_not_zero(tmp_path: Path) -> None:
    program = script(tmp_path / "notify", f'echo "[$TACHOGRAPH_PERCENT]" > {tmp_path / "out"}')
    assert run_command(TEST, NotificationSettings(command=(program,)), env(tmp_path)) == ""
    assert (tmp_path / "out").read_text() == "[]\n"


def test_zero_bytes_neither_stop_the_command_nor_get_into_it(tmp_path: Path) -> None:
    program = script(tmp_path / "notify", f'echo "$TACHOGRAPH_TITLE" > {tmp_path / "out"}')
    assert run_command(NEAR._replace(title="a\0b"), NotificationSettings(command=(program,)), env(tmp_path)) == ""
    assert (tmp_path / "out").read_text() == "ab\n"
    (tmp_path / "settings.toml").write_text('[notifications]\ncommand = ["/bin/true", "a\\u0000b"]\n')
    settings = load(str(tmp_path / "settings.toml"))
    assert settings.notifications.command == () and "is not understood" in settings.problems[0]


def test_a_command_by_name_never_comes_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "notify-me", f"touch {tmp_path / 'ran'}")
    monkeypatch.chdir(tmp_path)
    for path in ("", ".", f".:{os.environ['PATH']}", "bin"):
        problem = run_command(NEAR, NotificationSettings(command=("notify-me",)), {"PATH": path, "HOME": str(tmp_path)})
        assert "not found" in problem
    assert not (tmp_path / "ran").exists()


def test_a_failing_command_and_webhook_are_named_without_the_address(tmp_path: Path) -> None:
    program = script(tmp_path / "notify", "exit 3")
    settings = NotificationSettings(command=(program,), webhook=Secret("http://127.0.0.1:1/s3cret"))
    problem = forward_notification(NEAR, settings, env(tmp_path))
    assert "exit code 3" in problem and "webhook: the service could not be reached" in problem
    assert "s3cret" not in problem


def test_a_webhook_address_is_in_no_representation_and_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[notifications]\nwebhook = "https://hooks.example/s3cret"\nwebhook_format = "slack"\n')
    settings = load(str(file))
    assert settings.notifications.webhook == "https://hooks.example/s3cret" and not settings.problems
    assert "s3cret" not in repr(settings)
    file.write_text('[notifications]\nwebhook = ["https://hooks.example/s3cret"]\ncommand = "rm -rf x"\n')
    settings = load(str(file))
    assert len(settings.problems) == 2 and "s3cret" not in "".join(settings.problems)
    assert settings.notifications.command == ()  # a string would need a shell's rules


def test_the_older_name_of_the_table_still_counts(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[alarms]\nthresholds = [80]\n\n[notifications]\nsound = true\n")
    settings = load(str(file)).notifications
    assert settings.thresholds == (80.0,) and settings.sound


def test_the_test_command_reports_each_channel_and_no_secret(home: Home, tmp_path: Path) -> None:
    program = script(tmp_path / "notify", "exit 0")
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text(
        f'[notifications]\ndesktop = false\ncommand = ["{program}"]\nwebhook = "http://127.0.0.1:1/s3cret"\n'
    )
    done = home.run("alarms", "test", code=1)
    assert "command  sent" in done.stdout and "webhook  failed" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    for other in (("doctor",), ("doctor", "--json"), ("alarms", "--json"), ("setup", "--json")):
        assert "s3cret" not in (found := home.run(*other, code=None)).stdout + found.stderr
