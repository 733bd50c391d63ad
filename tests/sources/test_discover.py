"""Every transcript is found wherever it stands below `projects`, once; nothing else is opened; what hinders is told."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import Home, flat, same_as_oracle, tokens
from tachograph.demo import records
from tachograph.demo.records import SESSION, assistant

if sys.platform == "win32":
    pytest.skip("not on this platform: links, pipes, bytes in names", allow_module_level=True)


def as_nobody(do: Callable[[], object]) -> str:
    """Do something in a child process without root's rights, which opens whatever it likes; what it returns, as text."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os.write(send, repr(do()).encode())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent shall say it
            os.write(send, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(send)
    with open(receive, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


@pytest.fixture
def nobodys(home: Home) -> Home:
    """A home that belongs to whom `as_nobody` acts as."""
    home.totals()  # what is imported late is imported now: the child cannot read the interpreter's own folders
    home.call("daily")
    if os.getuid() == 0:
        for folder in (home.root, *home.root.parents):
            if folder.stat().st_uid == 0 and folder != Path("/") and not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
        for path in (home.root, *home.root.rglob("*")):
            os.chown(path, 65534, 65534)
    return home


def give(home: Home, path: Path) -> Path:
    if os.getuid() == 0:
        os.chown(path, 65534, 65534)
        os.chown(path.parent, 65534, 65534)
    return path


# -- where transcripts stand -----------------------------------------------------------------------------------


def test_trap_10_transcripts_of_subagents_belong_to_the_session_they_name(home: Home) -> None:
    helper: dict[str, Any] = {"sidechain": True, "agent": "a1"}
    home.write("p/s.jsonl", [assistant("A")])
    home.write("p/subagents/agent-1.jsonl", [assistant("B", **helper)])
    home.write(f"p/{SESSION}/subagents/agent-2.jsonl", [assistant("C", **helper)])
    home.write(f"p/{SESSION}/subagents/workflows/wf/agent-3.jsonl", [assistant("D", **helper)])
    rows = home.report("sessions")["rows"]
    assert [(row["session"], flat(row)) for row in rows] == [(SESSION, tokens(messages=4, input=40, output=400))]


def test_only_jsonl_files_are_read(home: Home) -> None:
    for name in ("a/s.json", "a/s.jsonl.bak", "a/jsonl", "a/s.meta.json", "a/.jsonl.swp"):
        home.write(name, [assistant("A")])
    home.write("s.jsonl", [assistant("B")])
    home.write("a/.hidden/deep/er/s.jsonl", [assistant("C")])
    assert home.totals()["messages"] == 2


def test_nothing_at_all_is_no_error(home: Home) -> None:
    assert home.totals() == tokens(messages=0)
    home.projects.rmdir()
    home.claude.rmdir()
    assert home.totals() == tokens(messages=0)


def test_several_config_folders_are_one_ledger(home: Home) -> None:
    other = home.root / "other"
    home.write("a/s.jsonl", [assistant("A"), assistant("B")])
    home.write(other / "projects/a/s.jsonl", [assistant("B"), assistant("C")])
    home.env["CLAUDE_CONFIG_DIR"] = f"{home.claude}, {other}/projects,{home.root}/none"
    assert home.totals() == tokens(messages=3, input=30, output=300)


# -- links, folders and things that are no files (L16) ---------------------------------------------------------


def test_L16_trap_25_a_linked_folder_and_a_linked_file_are_followed(home: Home) -> None:
    outside = home.root / "outside"
    home.write(outside / "s.jsonl", [assistant("A")])
    home.write(home.root / "single.txt", [assistant("B")])
    (home.projects / "linked").symlink_to(outside)
    (home.projects / "t.jsonl").symlink_to(home.root / "single.txt")
    assert home.totals() == tokens(messages=2, input=20, output=200)


def test_L16_trap_25_a_linked_projects_folder_is_followed(home: Home) -> None:
    home.projects.rmdir()
    home.write(home.root / "elsewhere/p/s.jsonl", [assistant("A")])
    home.projects.symlink_to(home.root / "elsewhere")
    assert home.totals() == tokens(input=10, output=100)
    home.append(home.root / "elsewhere/p/s.jsonl", [assistant("B")])
    assert home.totals()["messages"] == 2


def test_L16_links_in_a_circle_come_to_an_end(home: Home) -> None:
    home.write("a/b/s.jsonl", [assistant("A")])
    (home.projects / "a" / "b" / "up").symlink_to(home.projects / "a")
    (home.projects / "a" / "self").symlink_to(home.projects / "a" / "self")
    (home.projects / "a" / "home").symlink_to(home.root)
    (home.projects / "one").symlink_to(home.projects / "two")
    (home.projects / "two").symlink_to(home.projects / "one")
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


def test_L16_a_file_under_two_names_is_read_once(home: Home) -> None:
    path = home.write("a/s.jsonl", [assistant("A"), b'{"usage":\n'])
    (home.projects / "a" / "hard.jsonl").hardlink_to(path)
    (home.projects / "soft.jsonl").symlink_to(path)
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {"bad_lines": 1}


def test_L16_a_folder_named_like_a_transcript_is_a_folder(home: Home) -> None:
    home.write("x.jsonl/s.jsonl", [assistant("A")])
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


def test_L16_pipes_sockets_and_devices_are_not_opened(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A")])
    os.mkfifo(home.projects / "a" / "pipe.jsonl")
    here = Path.cwd()
    os.chdir(home.projects / "a")  # the path of a socket may be 107 bytes long
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket.jsonl")
    finally:
        os.chdir(here)
    (home.projects / "a" / "zero.jsonl").symlink_to("/dev/zero")
    (home.projects / "a" / "tty.jsonl").symlink_to("/dev/tty")
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


def test_L16_a_dangling_link_is_nothing(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A")])
    (home.projects / "a" / "gone.jsonl").symlink_to(home.projects / "nowhere.jsonl")
    assert home.totals() == tokens(input=10, output=100)
    assert home.problems() == {}


# -- what cannot be opened (L17) -------------------------------------------------------------------------------


@pytest.mark.parametrize("settled", [False, True])
def test_L17_a_file_that_may_not_be_read_is_one_problem_and_the_others_are_read(nobodys: Home, settled: bool) -> None:
    closed = give(nobodys, nobodys.write("a/closed.jsonl", [assistant("A")]))
    give(nobodys, nobodys.write("a/open.jsonl", [assistant("B")]))
    closed.chmod(0)
    if settled:
        nobodys.settle()
    seen = as_nobody(lambda: (nobodys.totals()["messages"], nobodys.problems(), nobodys.problems()))
    assert seen == repr((1, {"unreadable_files": 1}, {"unreadable_files": 1}))
    closed.chmod(0o600)
    assert as_nobody(lambda: (nobodys.totals()["messages"], nobodys.problems())) == repr((2, {}))


@pytest.mark.parametrize("settled", [False, True])
def test_L17_a_folder_that_may_not_be_listed_is_one_problem_and_the_others_are_read(
    nobodys: Home, settled: bool
) -> None:
    closed = give(nobodys, nobodys.write("closed/s.jsonl", [assistant("A")])).parent
    give(nobodys, nobodys.write("open/s.jsonl", [assistant("B")]))
    if settled:
        nobodys.settle()
    closed.chmod(0)
    seen = as_nobody(lambda: (nobodys.totals()["messages"], nobodys.problems(), nobodys.problems()))
    assert seen == repr((1, {"unreadable_files": 1}, {"unreadable_files": 1}))
    closed.chmod(0o700)
    assert as_nobody(lambda: (nobodys.totals()["messages"], nobodys.problems())) == repr((2, {}))


@pytest.mark.parametrize("change", ["append", "replace", "delete", "move", "link", "folder", "chmod"])
def test_changes_in_folders_that_were_long_quiet_are_seen(home: Home, change: str) -> None:
    """Some of them change a folder's time and some do not."""
    path = home.write("a/s.jsonl", [assistant("A")])
    home.write("a/t.jsonl", [assistant("B")])
    outside = home.write(home.root / "outside/u.jsonl", [assistant("C")])
    home.settle()
    assert home.totals()["messages"] == 2
    assert home.totals()["messages"] == 2
    if change == "append":
        home.append(path, [assistant("D")])
    elif change == "replace":
        home.write("../new", [assistant("D")]).replace(path)
    elif change == "delete":
        path.unlink()
    elif change == "move":
        path.rename(home.projects / "s.jsonl")
        home.append("s.jsonl", [assistant("D")])
    elif change == "link":
        (home.projects / "a" / "linked").symlink_to(outside.parent)
    elif change == "folder":
        home.write("a/deep/er/s.jsonl", [assistant("D")])
    else:
        path.chmod(0o600)
    wanted = 2 if change in ("delete", "chmod") else 3
    assert home.totals()["messages"] == wanted
    assert home.totals()["messages"] == wanted
    assert home.problems() == {}


def test_L17_what_was_counted_stays_when_its_file_is_closed(nobodys: Home) -> None:
    path = give(nobodys, nobodys.write("a/s.jsonl", [assistant("A")]))
    assert as_nobody(lambda: nobodys.totals()["messages"]) == "1"
    path.chmod(0)
    assert as_nobody(lambda: (nobodys.totals()["messages"], nobodys.problems())) == repr((1, {"unreadable_files": 1}))


def test_L17_a_file_that_vanishes_while_others_are_read(home: Home, small_batches: int) -> None:
    """The first batch ends within the first file: between it and the second, the second goes."""
    os.utime(home.write("a/long.jsonl", [assistant(f"M{n}x") for n in range(small_batches)]), (1, 1))
    late = home.write("a/late.jsonl", [assistant("Z")])
    home.ingest(lambda done, total: late.unlink(missing_ok=True))
    assert home.totals()["messages"] == small_batches
    home.write("a/late.jsonl", [assistant("Z")])
    assert home.totals()["messages"] == small_batches + 1
    assert home.problems() == {}


# -- names (L18) -----------------------------------------------------------------------------------------------

NAMES = [
    b"a\nb.jsonl",
    "\N{GRINNING FACE}\u202e.jsonl".encode(),
    b"\xff\xfe caf\xe9.jsonl",
    b"x" * 249 + b".jsonl",
    b" .jsonl",
    b"\x1b[31mred.jsonl",
    b"?#%41.jsonl",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_L18_any_name_is_read_and_remembered(home: Home, name: bytes) -> None:
    path = os.path.join(os.fsencode(home.projects), name)
    try:
        with open(path, "wb") as file:
            file.write(records.dump([assistant("A"), b'{"usage":\n']))
    except OSError:
        pytest.skip("not on this platform: the file system takes no such name")
    assert home.totals() == tokens(input=10, output=100)
    with open(path, "ab") as file:
        file.write(records.dump([assistant("B")]))
    assert home.totals()["messages"] == 2
    assert home.problems() == {"bad_lines": 1}
    os.unlink(path)
    assert home.totals()["messages"] == 2
    assert home.db().execute("SELECT path, gone FROM file").fetchall() == [(path, 1)]


# -- many (L19) ------------------------------------------------------------------------------------------------


def test_L19_the_newest_files_are_read_first_and_progress_is_told(home: Home, small_batches: int) -> None:
    """Of 300 files, whose ages are mixed, each batch of messages is older than the one before."""
    for n in range(300):
        path = home.write(f"p{n % 7}/s{n}.jsonl", [assistant(f"M{n}x{i}", content="") for i in range(2)])
        os.utime(path, (age := 1_700_000_000 + n * 37 % 300, age))
    told: list[tuple[int, int]] = []
    newest: list[int] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        mtimes = [mtime // 10**9 for (mtime,) in home.db().execute("SELECT mtime FROM file")]
        assert len(mtimes) == 300 or min(mtimes) + len(mtimes) > max(mtimes)
        newest.append(min(mtimes))

    home.ingest(progress)
    size = sum(path.stat().st_size for path in home.projects.rglob("*.jsonl"))
    assert [total for _, total in told] == [size] * len(told)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (size, size)
    assert len(told) >= 3
    assert newest == sorted(newest, reverse=True)
    assert home.totals()["messages"] == 600


# -- what changed since the last pass --------------------------------------------------------------------------


def test_nothing_is_read_where_nothing_changed(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A")])
    assert home.ingest().read == 1
    assert home.ingest().read == 0
    home.append("a/s.jsonl", [assistant("B")])
    assert home.ingest().read == 1


def set_times(folder: Path, at: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (at, at))


@pytest.mark.parametrize("at", [1_600_000_000, 1_700_000_000, 4_000_000_000])
def test_new_lines_files_and_folders_are_seen_whatever_the_clock_says(home: Home, at: int) -> None:
    """A folder's time says nothing of its files, and may lie in the past or the future."""
    home.write("a/s.jsonl", [assistant("A")])
    set_times(home.claude, at)
    assert home.totals()["messages"] == 1
    home.append("a/s.jsonl", [assistant("B")])
    assert home.totals()["messages"] == 2
    home.write("a/t.jsonl", [assistant("C")])
    set_times(home.claude, at)
    assert home.totals()["messages"] == 3
    home.write("b/c/u.jsonl", [assistant("D")])
    set_times(home.claude, at)
    assert home.totals()["messages"] == 4
    home.write("b/c/v.jsonl", [assistant("E")])
    set_times(home.claude, at)
    assert home.totals()["messages"] == 5
    same_as_oracle(home)


def test_files_written_in_quick_succession_are_all_seen(home: Home) -> None:
    """Within one tick of the file system's clock, a folder changes without its time changing."""
    for n in range(30):
        home.write(f"a/s{n}.jsonl", [assistant(f"M{n}")])
        assert home.totals()["messages"] == n + 1


def test_a_file_changed_behind_a_link_is_seen(home: Home) -> None:
    outside = home.write(home.root / "outside/s.jsonl", [assistant("A")])
    (home.projects / "linked").symlink_to(outside.parent)
    assert home.totals()["messages"] == 1
    home.append(outside, [assistant("B")])
    assert home.totals()["messages"] == 2
    home.write(home.root / "outside/deep/t.jsonl", [assistant("C")])
    assert home.totals()["messages"] == 3
