"""The modules of a short command are kept in one file, and are always those of the sources as they are now."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from source_tree import SRC
from tachograph import __main__, module_bundle

COMMAND = "import sys; sys.argv = ['tachograph', 'statusline']\nfrom tachograph.__main__ import main\nmain()"
# Says before the command's own end which modules came from the file.
WATCHED = (
    "import os, sys\nsys.argv = ['tachograph', 'statusline']\nleave = os._exit\n"
    "def end(code):\n"
    "    loaders = {n: type(getattr(m, '__loader__', None)) for n, m in sys.modules.items()}\n"
    "    names = [n for n, kind in loaders.items() if kind.__module__ == 'tachograph.module_bundle']\n"
    "    print(*names, file=sys.stderr, flush=True)\n    leave(code)\n"
    "os._exit = end\nfrom tachograph.__main__ import main\nmain()"
)
SHOWN = "no limits known yet\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of our sources, where commands may keep their modules."""
    home = tmp_path / "tree"
    ignored = shutil.ignore_patterns("*.modules", "demo", "dashboard", "tray", "terminal", "hub")
    shutil.copytree(SRC, home / "tachograph", ignore=ignored)
    return home


def run(tree: Path, code: str = COMMAND, **more: str) -> tuple[str, set[str]]:
    """What a status line shows, and the modules that came from the file."""
    env = {"HOME": str(tree), "TACHOGRAPH_HOME": str(tree / "data"), "PYTHONPATH": str(tree), "TZ": "UTC", **more}
    done = subprocess.run([sys.executable, "-c", code], env=env, input="{}", capture_output=True, text=True, check=True)
    return done.stdout, set(done.stderr.split())


def kept(tree: Path) -> list[Path]:
    return list(tree.rglob("*.modules*"))


def test_the_second_run_of_a_command_takes_every_module_from_one_file(tree: Path) -> None:
    assert run(tree, WATCHED) == (SHOWN, set())
    assert [path.parent.name for path in kept(tree)] == ["__pycache__"]
    shown, found = run(tree, WATCHED)
    assert shown == SHOWN and len(found) > 40
    assert {"tachograph.ui", "tachograph.ui.cli.statusline", "tachograph.ledger.storage.open"} <= found
    before = kept(tree)[0].stat().st_mtime_ns
    run(tree)
    assert kept(tree)[0].stat().st_mtime_ns == before, "nothing was missing, so nothing is written"


def test_a_changed_source_counts_at_once(tree: Path) -> None:
    run(tree)
    source = tree / "tachograph" / "ui" / "cli" / "statusline.py"
    text = source.read_text(encoding="utf-8").replace("no limits known yet", "no limits known now")
    times = source.stat()
    source.write_text(text, encoding="utf-8")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))  # as tools do that keep times; the size is the same too
    shutil.rmtree(source.parent / "__pycache__", ignore_errors=True)
    shown, found = run(tree, WATCHED)
    assert shown == "no limits known now\n"
    assert "tachograph.ui.cli.statusline" not in found and "tachograph.ui.cli" in found
    shown, found = run(tree, WATCHED)
    assert shown == "no limits known now\n" and "tachograph.ui.cli.statusline" in found


@pytest.mark.parametrize("harm", ["cut", "empty", "foreign", "missing"])
def test_a_damaged_file_is_as_good_as_none_and_is_written_again(tree: Path, harm: str) -> None:
    run(tree)
    (path,) = kept(tree)
    data = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes({"cut": data[:-5000], "empty": b"", "foreign": b"\0" * len(data)}[harm])
    assert run(tree, WATCHED) == (SHOWN, set())
    assert len(run(tree, WATCHED)[1]) > 40


def test_a_folder_that_was_moved_starts_over(tree: Path) -> None:
    run(tree)
    moved = tree.with_name("moved")
    tree.rename(moved)
    assert run(moved, WATCHED) == (SHOWN, set())
    assert len(run(moved, WATCHED)[1]) > 40


def test_nothing_is_kept_where_python_keeps_nothing(tree: Path) -> None:
    assert run(tree, PYTHONDONTWRITEBYTECODE="1") == (SHOWN, set())
    assert kept(tree) == []


def test_a_file_closed_by_others_is_not_read_through_its_number(tmp_path: Path) -> None:
    path = tmp_path / "modules"
    path.write_bytes(b"0123456789")
    file = module_bundle._File(str(path))
    assert file.part(2, 3) == b"234" and file.part(8, 3) == b""
    os.close(file._descriptor)
    assert file.part(2, 3) == b""
    (tmp_path / "other").write_bytes(b"abcdefghij")
    other = os.open(tmp_path / "other", os.O_RDONLY)
    try:
        number = file._descriptor
        os.dup2(other, number)
        assert file.part(2, 3) == b""
        file.close()
        assert os.read(number, 3) == b"abc", "what is not ours is not closed"
        assert file._descriptor == -1
    finally:
        os.close(other)


def test_a_python_that_keeps_no_compiled_files_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tachograph", "now"])
    monkeypatch.setattr(sys.implementation, "cache_tag", None)
    finders = list(sys.meta_path)
    assert __main__._bundle() is None
    assert sys.meta_path == finders
