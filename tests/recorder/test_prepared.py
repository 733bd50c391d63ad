"""A prepared report is the report that would be made now, whatever happened since; a touched file costs no reading."""

import io
import os
import random
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from helpers import NOW_MS, Home
from tachograph.clock import FixedClock
from tachograph.demo import records
from tachograph.demo.records import assistant
from tachograph.recorder import ingest, prepared, preparing
from tachograph.ui.cli import carry_out
from tachograph.ui.cli.context import Context

TICK = 0.006  # seconds, longer than one of the file system's clock: so is everything that changes files between reports


@pytest.fixture(autouse=True)
def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be old enough to be trusted, without waiting for it."""
    for module in (ingest, preparing):
        monkeypatch.setattr(module, "filesystem_now_ns", lambda: time.time_ns() + 10_000_000_000)


def report(home: Home, *words: str, now_ms: int = NOW_MS, env: Mapping[str, str] | None = None) -> str:
    out, talk = io.StringIO(), io.StringIO()
    assert carry_out(words or ("daily",), Context({**home.env, **(env or {})}, FixedClock(now_ms), out, talk)) == 0
    return out.getvalue()


def prepared_report(home: Home, *words: str, now_ms: int = NOW_MS, env: Mapping[str, str] | None = None) -> str | None:
    """A report's text if it was prepared."""
    words = words or ("daily",)
    context = Context({**home.env, **(env or {})}, FixedClock(now_ms), io.StringIO(), io.StringIO())
    key = prepared.question(words, context.env, context.shape)
    return None if key is None else prepared.prepared_text(key, context.env, now_ms)


def made_again(home: Home, *words: str) -> str:
    return report(home, *words, env={"TACHOGRAPH_PREPARED": "0"})


@pytest.fixture
def calm(home: Home) -> Home:
    """A home of which the daily report is prepared."""
    home.write("p/x.jsonl", [assistant(f"M{n:02}") for n in range(60)])
    home.write("q/y.jsonl", [assistant("Y", output=7)])
    report(home)
    report(home)
    assert prepared_report(home) == report(home) == made_again(home)
    time.sleep(TICK)
    return home


def test_a_report_with_nothing_new_is_prepared_and_the_same(calm: Home) -> None:
    for words in (("weekly",), ("models", "--last", "7"), ("projects", "--by", "model")):
        first = report(calm, *words)
        assert prepared_report(calm, *words) == first == made_again(calm, *words)
    assert prepared_report(calm) == made_again(calm)  # the others left it there


def rewrite(home: Home, path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"output_tokens":100', b'"output_tokens":900', 1))


CHANGES: dict[str, Callable[[Home], object]] = {
    "a line more": lambda home: home.append("p/x.jsonl", [assistant("N", output=5)]),
    "a file more": lambda home: home.write("p/z.jsonl", [assistant("Z", output=5)]),
    "a folder more": lambda home: home.write("r/z.jsonl", [assistant("Z", output=5)]),
    "a file less": lambda home: (home.projects / "q/y.jsonl").unlink(),
    "a file moved": lambda home: (home.projects / "q/y.jsonl").rename(home.projects / "p/y2.jsonl"),
    "the middle rewritten": lambda home: rewrite(home, home.projects / "p/x.jsonl"),
    "settings": lambda home: (home.data / "settings.toml").write_text("week_start = 'sunday'\n"),
    "an alias": lambda home: (home.data / "settings.toml").write_text("[projects]\n'/work' = 'elsewhere'\n"),
    "a login": lambda home: (home.claude / ".claude.json").write_text("{}"),
    "no ledger": lambda home: (home.data / "ledger.sqlite3").unlink(),
    "another writer": lambda home: _write(home, "UPDATE hour SET output = output + 1"),
}


def _write(home: Home, sql: str) -> None:
    db = home.db()
    db.execute(sql)
    db.commit()
    db.close()


@pytest.mark.parametrize("what", CHANGES)
def test_nothing_is_prepared_any_more_after(calm: Home, what: str) -> None:
    CHANGES[what](calm)
    assert prepared_report(calm) is None
    assert report(calm) == made_again(calm)


def test_a_prepared_report_ends_with_the_day_and_begins_when_it_was_made(calm: Home) -> None:
    assert prepared_report(calm, now_ms=NOW_MS + 86_400_000) is None
    assert prepared_report(calm, now_ms=NOW_MS - 1) is None


@pytest.mark.parametrize("env", [{"TZ": "Asia/Tokyo"}, {"CLAUDE_CONFIG_DIR": "/nowhere"}, {"HOME": "/"}])
def test_a_report_in_other_surroundings_is_another_one(calm: Home, env: dict[str, str]) -> None:
    assert prepared_report(calm, env=env) is None


@pytest.mark.parametrize("flag", ["--json", "--csv", "--no-ingest", "--timezone=UTC", "--help", "--merge"])
def test_reports_of_the_moment_and_commands_that_change_something_are_never_prepared(calm: Home, flag: str) -> None:
    assert prepared.question(("daily", flag), calm.env, ()) is None


def test_while_another_program_has_commits_in_the_log_nothing_is_prepared(calm: Home) -> None:
    db = calm.db()
    db.execute("UPDATE hour SET output = output + 1")
    db.commit()
    assert prepared_report(calm) is None
    db.close()


@pytest.mark.parametrize("damage", [b"", b"tachograph", None])
def test_a_damaged_file_of_prepared_reports_is_not_used(calm: Home, damage: bytes | None) -> None:
    file = calm.data / "prepared"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data) if damage is None else damage)
    assert prepared_report(calm) is None
    assert report(calm) == made_again(calm)


def test_a_file_of_prepared_reports_that_others_may_write_is_not_used(calm: Home) -> None:
    os.chmod(calm.data / "prepared", 0o640)
    assert prepared_report(calm) is None


# -- touched files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [None, (1_700_000_000, 1_700_000_000)])
def test_touched_transcripts_are_not_read_again(calm: Home, times: tuple[int, int] | None) -> None:
    before = report(calm)
    for path in calm.projects.rglob("*.jsonl"):
        os.utime(path, times)
    assert prepared_report(calm) == before == made_again(calm)


def test_other_commands_do_not_read_touched_transcripts_again_either(calm: Home) -> None:
    for path in calm.projects.rglob("*.jsonl"):
        os.utime(path)
    assert calm.ingest().read == 0
    assert not calm.ingest().found.changed  # the ledger has the new times
    calm.append("p/x.jsonl", [assistant("N", output=5)])
    assert calm.ingest().read == 1
    assert report(calm) == made_again(calm)


@pytest.mark.parametrize("lines", [60, 2_000])
def test_a_middle_that_was_rewritten_with_the_same_size_is_read_again(home: Home, lines: int) -> None:
    path = home.write("p/x.jsonl", [assistant(f"M{n:04}") for n in range(lines)])
    for _ in range(2):
        report(home)
    time.sleep(TICK)
    data = records.dump([assistant(f"M{n:04}", output=900 if n == lines // 2 else 100) for n in range(lines)])
    assert len(data) == path.stat().st_size
    status = path.stat()
    path.write_bytes(data)
    if lines == 60:  # and given the time that it had
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert prepared_report(home) is None
    assert report(home) == made_again(home)
    assert home.totals()["output"] == lines * 100 + 800


# -- any history -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_after_any_history_a_report_is_the_one_that_is_made_without_prepared_ones(home: Home, seed: int) -> None:
    chance, number, hits = random.Random(seed), 0, 0

    def path() -> Path:
        return home.projects / f"p{chance.randrange(2)}" / f"{chance.randrange(3)}.jsonl"

    def grow() -> None:
        nonlocal number
        number += 1
        home.append(path(), [assistant(f"G{number}", output=chance.randrange(1, 99))])

    def act(kind: str) -> None:
        old, new = path(), path()
        if kind == "grow":
            grow()
        elif kind == "settings":
            (home.data / "settings.toml").write_text(f"week_start = '{chance.choice(('sunday', 'monday'))}'\n")
        elif not old.exists() or old == new:
            return
        elif kind == "touch":
            os.utime(old)
        elif kind == "rewrite":
            rewrite(home, old)
        elif kind == "delete":
            old.unlink()
        elif kind == "copy":
            new.parent.mkdir(exist_ok=True)
            shutil.copy2(old, new)

    grow()
    report(home)
    for _ in range(30):
        for _ in range(chance.choice((0, 0, 1, 2))):
            time.sleep(TICK)
            act(chance.choice(("grow", "touch", "touch", "rewrite", "delete", "copy", "settings")))
        words = chance.choice((("daily",), ("weekly", "--by", "model"), ("projects",)))
        hits += prepared_report(home, *words) is not None
        assert report(home, *words) == made_again(home, *words)
    assert hits
