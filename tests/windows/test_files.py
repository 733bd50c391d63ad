"""Files on Windows' own Python: names, long paths, line ends, files that other programs hold, backups, Claude Code's settings."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from tachograph.demo import records
from tachograph.demo.records import Record, assistant
from wine import NOW_MS, WindowsHome, windows_path

SETTINGS = {
    "minified": b'{"model":"opus","env":{"A":"b"}}',
    "crlf": b'{\r\n  "model": "opus",\r\n  "x": [1, 2]\r\n}\r\n',
    "tabs": b'{\n\t"model": "opus"\n}\n',
    "bom": b'\xef\xbb\xbf{\n  "model": "opus"\n}\n',
    "unicode": '{"greeting": "grüß dich", "x": "\\u00e9"}\n'.encode(),
    "empty object": b"{}",
    "another status line": b'{"statusLine": {"type": "command", "command": "echo hi"}, "model": "opus"}',
    "a windows path": b'{"statusLine": {"type": "command", "command": "C:\\\\tools\\\\line.exe --x"}}\r\n',
}
STATUS = {
    "session_id": "5ca1ab1e-0000-4000-8000-000000000001",
    "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
    "cost": {"total_cost_usd": 1.23},
    "rate_limits": {
        "five_hour": {"used_percentage": 78, "resets_at": NOW_MS // 1000 + 6720},
        "seven_day": {"used_percentage": 91, "resets_at": NOW_MS // 1000 + 200_000},
    },
}


def write(home: WindowsHome, name: str, lines: Iterable[Record | bytes] | bytes) -> Path:
    path = home.claude / "projects" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lines if isinstance(lines, bytes) else records.dump(lines))
    return path


def messages(home: WindowsHome) -> int:
    return int(home.quick("daily", "--json").json["totals"]["messages"])


def test_the_scanner_is_compiled_and_says_what_python_says(home: WindowsHome, tmp_path: Path) -> None:
    assert "_scan.pyd" in home.python("from tachograph.sources.transcripts import _scan; print(_scan.__file__)").stdout
    write(home, "p/a.jsonl", [assistant(f"m{n}") for n in range(50)])
    compiled = home.run("daily", "--json").json["totals"]
    other = WindowsHome(tmp_path / "other")
    shutil.copytree(home.claude, other.claude, dirs_exist_ok=True)
    plain = (
        "import sys; sys.modules['tachograph.sources.transcripts._scan'] = None\n"
        "from tachograph.sources.transcripts import c_scanner; assert c_scanner.SCAN is None\n"
        "sys.argv = ['tachograph', 'daily', '--json']\nfrom tachograph.__main__ import main; main()"
    )
    assert json.loads(other.python(plain).stdout)["totals"] == compiled


@pytest.mark.parametrize("name", ["Müller & Söhne/größe.jsonl", "日本/語.jsonl", "with space/a b.jsonl", "a" * 100 + "/" + "b" * 100 + ".jsonl", "percent%20/100%.jsonl", "emoji-🚀/x.jsonl"])  # fmt: skip
def test_a_transcript_of_any_name_is_read(home: WindowsHome, name: str) -> None:
    write(home, name, [assistant("one"), assistant("two")])
    assert messages(home) == 2


def test_a_path_of_more_than_260_characters_is_read(home: WindowsHome) -> None:
    name = "/".join(["d" * 80] * 4) + "/long.jsonl"
    assert len(str(write(home, name, [assistant("one")]))) > 300
    assert messages(home) == 1


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_line_ends_of_both_kinds_are_read(home: WindowsHome, end: bytes) -> None:
    lines = records.dump([assistant("one"), assistant("two")]).replace(b"\n", end)
    write(home, "p/a.jsonl", lines)
    assert messages(home) == 2


def test_a_line_that_is_appended_is_counted_and_no_other_twice(home: WindowsHome) -> None:
    path = write(home, "p/a.jsonl", [assistant("one")])
    assert messages(home) == 1
    with path.open("ab") as file:
        file.write(records.dump([assistant("two")]))
    assert messages(home) == 2


def test_an_unchanged_transcript_is_not_read_again(home: WindowsHome) -> None:
    write(home, "p/a.jsonl", [assistant("one")])
    assert messages(home) == 1
    code = (
        "import os, time\n"
        "from tachograph.ledger.usage.files import signatures\nfrom tachograph.sources.transcripts import discover\n"
        "import sqlite3\ndb = sqlite3.connect(os.path.join(os.environ['TACHOGRAPH_HOME'], 'ledger.sqlite3'))\n"
        "folders = discover.folders(os.environ)\n"
        "print(len(discover.transcripts(folders, signatures(db), {}, time.time_ns()).changed))"
    )
    assert home.python(code).stdout.strip() == "0"


def test_projects_with_drive_letters_are_named_by_their_last_part(home: WindowsHome) -> None:
    write(home, "p/a.jsonl", [assistant("one", cwd=r"C:\Users\ada\code\shop"), assistant("two", cwd=r"D:\work\api")])
    rows = home.quick("projects", "--json").json["rows"]
    assert {row["project"] for row in rows} == {"shop", "api"}
    assert sum(row["messages"] for row in rows) == 2


def test_a_transcript_that_another_program_holds_open_is_read_or_reported(home: WindowsHome) -> None:
    path = write(home, "p/a.jsonl", [assistant("one")])
    code = (
        f"import subprocess, sys, os\nfile = open({windows_path(path)!r}, 'ab')\n"
        "done = subprocess.run([sys.executable, '-m', 'tachograph', 'daily', '--json'], capture_output=True,"
        " stdin=subprocess.PIPE)\nos.write(1, done.stdout)"
    )
    document = json.loads(home.python(code).stdout)
    assert document["totals"]["messages"] + document["problems"]["unreadable_files"] == 1


def test_a_ledger_that_another_program_writes_is_waited_for_then_shown_as_it_was(home: WindowsHome) -> None:
    write(home, "p/a.jsonl", [assistant("one")])
    assert messages(home) == 1
    write(home, "p/b.jsonl", [assistant("two")])
    code = (
        f"import sqlite3, subprocess, sys, os\ndb = sqlite3.connect({windows_path(home.data / 'ledger.sqlite3')!r})\n"
        "db.execute('BEGIN IMMEDIATE')\n"
        "done = subprocess.run([sys.executable, '-m', 'tachograph', 'daily', '--json'], capture_output=True,"
        " stdin=subprocess.PIPE)\nos.write(1, done.stdout)"
    )
    document = json.loads(home.python(code, env={"TACHOGRAPH_BUSY_SECONDS": "0.5"}).stdout)
    assert (document["totals"]["messages"], document["problems"]["not_updated"]) == (1, 1)
    assert messages(home) == 2


def in_own_profile(home: WindowsHome, *arguments: str) -> str:
    """Output of a command without any variable of ours. Wine sets the variables of the profile in each new process, so
    they are changed inside."""
    profile = {
        "USERPROFILE": windows_path(home.root),
        "LOCALAPPDATA": windows_path(home.root / "AppData" / "Local"),
    }
    code = (
        f"import os, sys; os.environ.update({profile!r}); sys.argv = {['tachograph', *arguments]!r}\n"
        "from tachograph.__main__ import main; main()"
    )
    return home.python(code, env={"TACHOGRAPH_HOME": "", "CLAUDE_CONFIG_DIR": ""}).stdout


def test_logs_and_ledger_are_found_where_windows_keeps_them(home: WindowsHome) -> None:
    write(home, "p/a.jsonl", [assistant("one")])
    assert json.loads(in_own_profile(home, "daily", "--json"))["totals"]["messages"] == 1
    assert (home.root / "AppData" / "Local" / "Tachograph" / "ledger.sqlite3").exists()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu"])
def test_time_zones_come_from_the_package_tzdata(home: WindowsHome, zone: str) -> None:
    write(home, "p/a.jsonl", [assistant("one")])
    assert home.quick("daily", "--timezone", zone, "--json").json["timezone"] == zone


# -- backups -------------------------------------------------------------------------------------------------------


def test_backup_restore_and_purge(home: WindowsHome, tmp_path: Path) -> None:
    write(home, "p/a.jsonl", [assistant("one"), assistant("two")])
    copy = tmp_path / "Kopie über alles.sqlite3"
    home.run("backup", windows_path(copy))
    assert copy.read_bytes().startswith(b"SQLite format 3")
    home.run("backup", windows_path(copy), code=1)  # it is there already
    home.run("backup", windows_path(copy), "--force")
    home.run("purge", "--yes")
    assert not (home.data / "ledger.sqlite3").exists()
    shutil.rmtree(home.claude / "projects")
    home.run("restore", windows_path(copy), "--yes")
    assert messages(home) == 2


def test_a_damaged_ledger_is_replaced_from_the_transcripts(home: WindowsHome) -> None:
    write(home, "p/a.jsonl", [assistant("one")])
    assert messages(home) == 1
    (home.data / "ledger.sqlite3").write_bytes(b"no ledger" * 1000)
    assert messages(home) == 1
    assert list(home.data.glob("damaged-*"))


@pytest.mark.parametrize("arguments", [("doctor",), ("doctor", "--json"), ("status", "--json"), ("--version",), ("--version", "--verbose"), ("--help",), ("completion", "bash"), ("setup", "--json"), ("pair", "--list"), ("prices",), ("demo", "--no-open", "--days", "3")], ids=" ".join)  # fmt: skip
def test_a_command_in_an_empty_home_ends_well(home: WindowsHome, arguments: tuple[str, ...]) -> None:
    done = home.run(*arguments, code=None)
    assert done.code in (0, 1) and done.stdout.strip()


# -- Claude Code's settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", SETTINGS.values(), ids=SETTINGS.keys())
def test_statusline_install_then_uninstall_leaves_every_byte(home: WindowsHome, before: bytes) -> None:
    path = home.claude / "settings.json"
    path.write_bytes(before)
    home.run("statusline", "install")
    command = json.loads(path.read_bytes().decode("utf-8-sig"))["statusLine"]["command"]
    assert "statusline" in command and "tachograph" in command.lower()
    home.run("statusline", "uninstall")
    assert path.read_bytes() == before


def test_a_status_line_is_stored_and_shown_by_now(home: WindowsHome) -> None:
    line = home.run("statusline", given=json.dumps(STATUS).encode()).stdout
    assert "78" in line and "91" in line and "Opus 5.5" in line
    limits = home.quick("now", "--json").json["accounts"][0]["limits"]
    assert {limit["key"]: limit["percent"] for limit in limits} == {"five_hour": 78, "seven_day": 91}
    assert home.run("guard", code=None).code == 10
    assert home.quick("guard", "--limit", "five_hour", "--threshold", "80").code == 0


@pytest.mark.parametrize("given", [b"", b"no json", b"{}", b'{"rate_limits": null}', b"\xff\xfe"])
def test_a_status_line_never_fails(home: WindowsHome, given: bytes) -> None:
    home.run("statusline", given=given)


def test_setup_takes_its_defaults(home: WindowsHome) -> None:
    write(home, "p/a.jsonl", [assistant("one")])
    home.run("setup", "--yes")
    try:
        assert "statusLine" in json.loads((home.claude / "settings.json").read_text())
        assert home.quick("sources", "--json").json["sources"]
    finally:
        home.quick("autostart", "off")


def test_distributions_of_wsl_are_named_by_the_registry(home: WindowsHome) -> None:
    """The keys that `wsl --install` writes, below one that is not a distribution's."""
    code = """
import winreg
from tachograph.setup.other_folders import distributions, wsl_folders
top = r"Software\\Microsoft\\Windows\\CurrentVersion\\Lxss"
names = {"{0a1b2c3d-0000-4000-8000-000000000001}": "Ubuntu-24.04", "{0a1b2c3d-0000-4000-8000-000000000002}": "docker-desktop",
         "{0a1b2c3d-0000-4000-8000-000000000003}": "Debian", "AppxInstallerCache": None}
for key, name in names.items():
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, top + "\\\\" + key) as made:
        if name:
            winreg.SetValueEx(made, "DistributionName", 0, winreg.REG_SZ, name)
            winreg.SetValueEx(made, "State", 0, winreg.REG_DWORD, 1)
try:
    print(distributions(), wsl_folders(distributions()))
finally:
    for key in names:
        winreg.DeleteKey(winreg.HKEY_CURRENT_USER, top + "\\\\" + key)
    winreg.DeleteKey(winreg.HKEY_CURRENT_USER, top)
print(distributions())
"""
    done = home.python(code)
    assert done.stdout.split("\n")[:2] == ["['Ubuntu-24.04', 'Debian'] []", "[]"], done.stderr
