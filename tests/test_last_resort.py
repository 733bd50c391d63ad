"""The outermost try of the command: what the system refuses ends in a sentence, a mistake of ours in a traceback."""

import errno
import os

import pytest

from tachograph import __main__
from tachograph.ui import cli


def outcome_of(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    def fail(_: list[str]) -> int:
        raise error

    monkeypatch.setattr(cli, "run", fail)
    code = __main__.outcome()
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "name", "hint"),
    [
        (errno.ENOENT, "/data/recorder.log", "not moved or removed"),
        (errno.EACCES, b"/data/\xff", "the right to use it"),
        (errno.ENOSPC, None, "Make room"),
        (errno.EMFILE, None, "ulimit"),
        (errno.EISDIR, "/data/settings.toml", "Look at it"),
    ],
)
def test_what_the_system_refuses_ends_in_a_sentence(
    number: int,
    name: str | bytes | None,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said = outcome_of(OSError(number, os.strerror(number), name), monkeypatch, capsys)
    assert code == 1
    assert os.strerror(number) in said
    assert hint in said
    assert "Traceback" not in said
    assert said.isprintable() or said.replace("\n", "").isprintable()


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), OSError(errno.EBADF, "Bad file descriptor")])
def test_a_mistake_of_ours_shows_a_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = outcome_of(error, monkeypatch, capsys)
    assert code == 70
    assert "Traceback" in said
    assert "mistake in Tachograph" in said
