"""A transcript is read on by byte offset: what is torn waits, what was rewritten is read again, nothing counts twice."""

import os
import subprocess
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from helpers import Home, command, same_as_oracle, tokens
from tachograph.demo import records
from tachograph.demo.records import assistant, pr_link, user
from tachograph.sources.transcripts import link_place, tail

A, B, C = (records.dump([assistant(label)]) for label in "ABC")
LONGEST_LINE = 64 << 20


def offset(home: Home) -> int:
    ((found,),) = home.db().execute("SELECT offset FROM file")
    return int(found)


def touch_back(path: Path, status: os.stat_result) -> None:
    """Give a file the times that it had before it was written to."""
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


# -- last lines (L01, L02) -------------------------------------------------------------------------------------


def test_L01_a_whole_last_line_without_a_newline_counts_now_and_once(home: Home) -> None:
    home.write("a/s.jsonl", A + B[:-1])
    assert home.totals()["messages"] == 2
    assert offset(home) == len(A)
    home.append("a/s.jsonl", b"\n" + C)
    assert home.totals() == tokens(messages=3, input=30, output=300)
    assert offset(home) == len(A + B + C)


@pytest.mark.parametrize("kept", [1, 2, 40, len(B) - 2])
def test_L01_a_torn_last_line_waits_for_its_rest(home: Home, kept: int) -> None:
    home.write("a/s.jsonl", A + B[:kept])
    assert home.totals()["messages"] == 1
    assert home.problems() == {}
    assert offset(home) == len(A)
    home.append("a/s.jsonl", B[kept:])
    assert home.totals() == tokens(messages=2, input=20, output=200)
    assert home.problems() == {}


def test_L01_a_line_that_arrives_byte_by_byte_counts_once(home: Home) -> None:
    line = records.dump([assistant("A", content="é" * 5, output=7)])
    cuts = [0, *range(1, len(line), 97), len(line)]
    for start, end in pairwise(cuts):
        home.append("a/s.jsonl", line[start:end])
        home.ingest()
    assert home.totals() == tokens(input=10, output=7)
    assert home.problems() == {}


def test_L01_a_line_torn_within_a_character_waits(home: Home) -> None:
    line = records.dump([assistant("A", branch="café")])
    cut = line.index("é".encode()) + 1
    home.write("a/s.jsonl", line[:cut])
    assert home.totals()["messages"] == 0
    home.append("a/s.jsonl", line[cut:])
    assert [row["branch"] for row in home.report("branches")["rows"]] == ["café"]
    assert home.problems() == {}


def test_L01_what_a_last_line_says_wrong_is_counted_once_when_it_is_finished(home: Home) -> None:
    line = records.dump([assistant("A", usage={"output_tokens": -1})])
    home.write("a/s.jsonl", line[:-1])
    assert home.totals()["messages"] == 1
    home.append("a/s.jsonl", b"\n")
    assert home.totals() == tokens(input=10)
    assert home.problems() == {"bad_counts": 1}


def test_L01_a_link_in_a_last_line_keeps_its_branch_when_it_is_finished(home: Home) -> None:
    link = records.dump([pr_link(1)])
    home.write("a/s.jsonl", records.dump([assistant("A", branch="one")]) + link[:-1])
    home.ingest()
    home.append("a/s.jsonl", b"\n" + records.dump([assistant("B", branch="two")]))
    assert home.totals()["messages"] == 2
    same_as_oracle(home)


def test_L02_a_torn_line_that_another_process_wrote_on_is_one_bad_line(home: Home) -> None:
    home.write("a/s.jsonl", A + B[:-30])
    home.ingest()
    home.append("a/s.jsonl", b"\n" + C)
    assert home.totals() == tokens(messages=2, input=20, output=200)
    assert home.problems() == {"bad_lines": 1}


def test_L02_a_torn_line_with_the_next_one_glued_to_it_costs_those_two_only(home: Home) -> None:
    home.write("a/s.jsonl", A + B[:-30])
    home.ingest()
    home.append("a/s.jsonl", B + C)
    assert home.totals()["messages"] == 2
    assert home.problems() == {"bad_lines": 1}


def test_a_bad_line_is_counted_once_however_often_its_file_is_read(home: Home) -> None:
    path = home.write("a/s.jsonl", A + b'{"usage":\n' + B)
    assert home.problems() == {"bad_lines": 1}
    os.utime(path, (1, 1))
    assert home.problems() == {"bad_lines": 1}
    home.append("a/s.jsonl", C)
    assert home.problems() == {"bad_lines": 1}


# -- files that change otherwise (L03, L04, L05, L06) ----------------------------------------------------------


@pytest.mark.parametrize("left", [b"", A, A + B[:50]])
def test_L03_a_file_that_became_shorter_takes_nothing_away(home: Home, left: bytes) -> None:
    home.write("a/s.jsonl", A + B)
    assert home.totals()["messages"] == 2
    home.write("a/s.jsonl", left)
    assert home.totals() == tokens(messages=2, input=20, output=200)
    home.append("a/s.jsonl", b"\n" + C)
    assert home.totals() == tokens(messages=3, input=30, output=300)


def test_L03_a_file_that_was_truncated_and_grew_past_its_old_end_is_read_again(home: Home) -> None:
    home.write("a/s.jsonl", A + B)
    home.ingest()
    others = [assistant(f"M{n}") for n in range(5)]
    home.write("a/s.jsonl", others)
    assert home.totals()["messages"] == 7


@pytest.mark.parametrize("size", [2, 60])
def test_L04_a_file_rewritten_with_the_same_size_and_time_is_read_again(home: Home, size: int) -> None:
    lines = [assistant(f"M{n:02}") for n in range(size)]
    path = home.write("a/s.jsonl", lines)
    assert home.totals()["output"] == size * 100
    status = path.stat()
    home.write("a/s.jsonl", [assistant("M00", output=900), *lines[1:]])
    touch_back(path, status)
    assert path.stat().st_size == status.st_size
    assert home.totals() == tokens(messages=size, input=size * 10, output=size * 100 + 800)


def test_L04_a_rewrite_in_the_middle_of_a_long_file_is_read_again(home: Home) -> None:
    """Beyond what hashes of the first and the last bytes can see: the file changed though nothing was added."""
    lines = [assistant(f"M{n:02}") for n in range(60)]
    path = home.write("a/s.jsonl", lines)
    home.ingest()
    status = path.stat()
    lines[30] = assistant("M30", output=900)
    home.write("a/s.jsonl", lines)
    touch_back(path, status)
    assert home.totals()["output"] == 6800


def test_L05_a_moved_file_is_read_on_from_where_we_were(home: Home) -> None:
    path = home.write("a/s.jsonl", A + b'{"usage":\n')
    assert home.problems() == {"bad_lines": 1}
    target = home.projects / "b" / "t.jsonl"
    target.parent.mkdir()
    path.rename(target)
    home.append("b/t.jsonl", B)
    assert home.totals() == tokens(messages=2, input=20, output=200)
    assert home.problems() == {"bad_lines": 1}
    assert home.db().execute("SELECT count(*) FROM file").fetchone() == (1,)


def test_L05_a_file_moved_and_another_put_in_its_place(home: Home) -> None:
    path = home.write("a/s.jsonl", A)
    home.ingest()
    path.rename(path.with_name("s-old.jsonl"))
    home.write("a/s.jsonl", B)
    assert home.totals() == tokens(messages=2, input=20, output=200)
    home.append("a/s.jsonl", C)
    home.append("a/s-old.jsonl", records.dump([assistant("D")]))
    assert home.totals()["messages"] == 4


def test_L05_a_file_replaced_by_a_longer_copy_of_itself(home: Home) -> None:
    """As an editor or a synchroniser writes: a new inode under the old name."""
    path = home.write("a/s.jsonl", A)
    home.ingest()
    fresh = home.write("a/s.tmp", A + B)
    fresh.replace(path)
    assert home.totals() == tokens(messages=2, input=20, output=200)


def test_L06_a_deleted_file_takes_nothing_away_and_is_known_to_be_gone(home: Home) -> None:
    path = home.write("a/s.jsonl", A + B)
    before = home.report("daily")
    path.unlink()
    assert home.report("daily") == before
    assert home.db().execute("SELECT gone FROM file").fetchall() == [(1,)]


def test_L06_a_file_that_comes_back_counts_nothing_twice(home: Home) -> None:
    path = home.write("a/s.jsonl", A + B)
    home.ingest()
    path.unlink()
    home.ingest()
    home.write("a/s.jsonl", A + B + C)
    assert home.totals() == tokens(messages=3, input=30, output=300)
    assert home.db().execute("SELECT gone FROM file").fetchall() == [(0,)]


def test_a_session_whose_first_prompt_comes_after_the_first_pass_gets_its_title(home: Home) -> None:
    """Claude Code begins a transcript with notes of its own; a pass may come between them and the prompt."""
    home.write("a/s.jsonl", [records.system("init")])
    home.ingest()
    home.append("a/s.jsonl", [user("fix the checkout"), assistant("A")])
    assert [row["title"] for row in home.report("sessions")["rows"]] == ["fix the checkout"]


# -- long lines (L11) ------------------------------------------------------------------------------------------


def long_line(path: Path, size: int, *, ends: bool = True) -> None:
    """Append a line of so many bytes that would be an answer, were it not too long; its middle is a hole of NULs."""
    with open(path, "ab") as file:
        file.write(b'{"type":"assistant","message":{"usage":{},"content":"')
        file.truncate(file.tell() + size)
        file.seek(0, os.SEEK_END)
        file.write(b'"}}\n' if ends else b"")


def test_L11_a_line_that_is_too_long_is_skipped_and_reported(home: Home) -> None:
    path = home.write("a/s.jsonl", A)
    long_line(path, LONGEST_LINE + (3 << 20))
    home.append("a/s.jsonl", B)
    assert home.totals() == tokens(messages=2, input=20, output=200)
    assert home.problems() == {"long_lines": 1}
    home.append("a/s.jsonl", C)
    assert home.totals()["messages"] == 3
    assert home.problems() == {"long_lines": 1}


def test_L11_two_long_lines_in_a_row(home: Home) -> None:
    path = home.write("a/s.jsonl", A)
    for _ in range(2):
        long_line(path, LONGEST_LINE)
    home.append("a/s.jsonl", B)
    assert home.totals()["messages"] == 2
    assert home.problems() == {"long_lines": 2}


def test_L11_a_long_line_that_arrives_in_two_passes_is_reported_once(home: Home) -> None:
    path = home.write("a/s.jsonl", A)
    long_line(path, LONGEST_LINE + 10, ends=False)
    assert home.totals()["messages"] == 1
    home.append("a/s.jsonl", b'more","usage":{}}}\n' + B)
    assert home.totals() == tokens(messages=2, input=20, output=200)
    assert home.problems() == {"long_lines": 1}


def test_L11_a_line_just_short_enough_is_read(home: Home) -> None:
    """Most of the line is a tool's result in an answer: its counts are as good as any."""
    line = records.dump([assistant("A", content="HERE")])
    home.write("a/s.jsonl", line.replace(b"HERE", b"x" * (5 << 20)) + B)
    assert home.totals() == tokens(messages=2, input=20, output=200)


@pytest.mark.slow
def test_L11_memory_stays_bounded(home: Home) -> None:
    """A line of 200 MB, read by the installed command under a limit of memory that could not hold it twice."""
    if sys.platform == "win32":
        pytest.skip("not on this platform: there are no resource limits")
    import resource

    long_line(home.write("a/s.jsonl", A), 200 << 20)
    limit = 420 << 20
    done = subprocess.run(
        [command(), "daily", "--json"],
        env=home.env,
        capture_output=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b'"long_lines": 1' in done.stdout


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_lines_that_end_at_the_edge_of_a_block(home: Home, extra: int) -> None:
    """The block is 1 MiB: a line that ends just before, at or behind its edge is whole all the same."""
    line = records.dump([assistant("A", content="HERE")])
    filled = line.replace(b"HERE", b"x" * ((1 << 20) - len(line) + 4 + extra))
    assert len(filled) == (1 << 20) + extra
    home.write("a/s.jsonl", filled + B + filled.replace(b"msg_01A", b"msg_01Z") + C)
    assert home.totals() == tokens(messages=4, input=40, output=400)


def test_a_link_takes_the_branch_of_an_earlier_block(home: Home) -> None:
    filler = user("x" * (1 << 20), branch=None)
    home.write("a/s.jsonl", [assistant("A", branch="feature"), filler, filler, pr_link(7)])
    same_as_oracle(home)
    home.append("a/s.jsonl", [assistant("B", branch="other", at="2026-11-02T08:00:00.000Z"), pr_link(8)])
    same_as_oracle(home)


# -- what lies before the part that is read ------------------------------------------------------------------------


@pytest.mark.parametrize("block", [256, 1 << 20])
@pytest.mark.parametrize("back", [64, 1 << 18])
def test_a_link_finds_the_folder_of_its_repository_wherever_reading_begins(
    home: Home, monkeypatch: pytest.MonkeyPatch, block: int, back: int
) -> None:
    monkeypatch.setattr(tail, "BLOCK", block)
    monkeypatch.setattr(link_place, "_PIECE", back)
    parts = [
        records.dump([assistant("A", cwd="/home/ada/shop", branch="one", content="a" * 900)]),
        records.dump(
            [user("elsewhere", cwd="/srv/web"), assistant("B", cwd="/srv/web", branch="two", content="b" * 900)]
        ),
        records.dump([pr_link(7, repository="ada/shop"), pr_link(8, repository="ada/other")]),
    ]
    for part in parts:
        home.append("a/s.jsonl", part)
        home.ingest()
    sql = "SELECT number, name.text FROM link JOIN pull ON pull.id = pull JOIN name ON name.id = cwd ORDER BY 1"
    with closing(home.db()) as db:
        assert db.execute(sql).fetchall() == [(7, "/home/ada/shop"), (8, "/srv/web")]
