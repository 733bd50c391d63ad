"""Which config folders the installed command reads, offers and names: settings, folders counted before, Cowork, WSL."""

import json
import os
from pathlib import Path

import pytest

from helpers import NOW_MS, Home
from tachograph.demo.records import assistant
from tachograph.paths import desktop_session_folders
from tachograph.setup import other_folders
from tachograph.setup.other_folders import windows_folders, wsl_folders

IDENTITY = {"oauthAccount": {"accountUuid": "a-2", "organizationUuid": "o-2", "emailAddress": "ada@example.org"}}
LIMITS = {"five_hour": {"utilization": 42.0, "resets_at": "2026-11-23T15:00:00+00:00"}}


def settings(home: Home, text: str) -> None:
    home.data.mkdir(exist_ok=True)
    (home.data / "settings.toml").write_text(text)


def messages(home: Home, **env: str) -> int:
    return int(home.run("daily", "--json", env=env).json["totals"]["messages"])


@pytest.fixture
def work(home: Home) -> Path:
    """A second config folder, with a login and limits of its own."""
    folder = home.root / ".claude-work"
    home.write(folder / "projects/p/w.jsonl", [assistant("W", session="w")])
    cached = {"fetchedAtMs": NOW_MS - 60_000, "accountUuid": "a-2", "utilization": LIMITS}
    (folder / ".claude.json").write_text(json.dumps({**IDENTITY, "cachedUsageUtilization": cached}))
    return folder


def test_a_folder_of_the_settings_is_read_for_messages_logins_and_limits(home: Home, work: Path) -> None:
    home.write("p/s.jsonl", [assistant("A")])
    assert messages(home) == 1
    settings(home, '[claude]\nconfig_dirs = ["~/.claude-work"]\n')
    assert messages(home) == 2
    accounts = home.run("now", "--json").json["accounts"]
    assert [account["label"] for account in accounts] == ["ada@example.org"]
    assert accounts[0]["limits"][0]["percent"] == 42.0
    found = home.run("setup", "--json").json
    assert [one["folder"] for one in found["folders"]] == [str(home.claude), str(work)]
    home.run("statusline", "install")
    assert all("tachograph" in (folder / "settings.json").read_text() for folder in (home.claude, work))
    assert str(work) in home.run("doctor").stdout


def test_a_folder_counted_once_is_read_again_without_being_named(home: Home, work: Path) -> None:
    home.write("p/s.jsonl", [assistant("A")])
    assert messages(home, CLAUDE_CONFIG_DIR=str(work)) == 1
    home.append(work / "projects/p/w.jsonl", [assistant("X", session="w")])
    assert messages(home) == 3
    assert home.run("now", "--json").json["accounts"][0]["label"] == "ada@example.org"
    assert str(work) in home.run("doctor").stdout


def test_a_folder_that_is_gone_is_named_until_it_is_ignored(home: Home, work: Path) -> None:
    home.write("p/s.jsonl", [assistant("A")])
    messages(home, CLAUDE_CONFIG_DIR=f"{home.claude},{work}")
    work.rename(home.root / "moved")
    document = home.run("daily", "--json").json
    assert document["problems"]["folders_not_read"] == [str(work)]
    assert document["totals"]["messages"] == 2
    for report in (["daily"], ["projects"], []):
        assert f"Not read: {work}" in home.run(*report).stdout
    assert f"{work} was counted before and is not there now" in home.run("doctor").stdout
    settings(home, '[claude]\nignore_dirs = ["~/.claude-work"]\n')
    assert "Not read" not in home.run("daily").stdout
    assert "was counted before" not in home.run("doctor").stdout
    assert messages(home) == 2


def test_an_ignored_folder_is_not_read_even_where_it_was_counted(home: Home, work: Path) -> None:
    messages(home, CLAUDE_CONFIG_DIR=f"{home.claude},{work}")
    settings(home, '[claude]\nignore_dirs = ["~/.claude-work"]\n')
    home.append(work / "projects/p/w.jsonl", [assistant("X", session="w")])
    assert messages(home) == 1


def test_a_missing_folder_of_the_settings_is_wrong_and_says_where_it_is_named(home: Home) -> None:
    settings(home, '[claude]\nconfig_dirs = ["~/nowhere"]\n')
    found = home.run("doctor", code=1).stdout
    assert f"{home.root / 'nowhere'} is named in settings.toml but does not exist." in found


@pytest.mark.parametrize(
    "text",
    ['[claude]\nconfig_dirs = "x"\n', "[claude]\nconfig_dirs = [1]\n", "[claude]\nconfig = []\n", "claude = 3\n"],
)
def test_a_bad_list_of_folders_is_reported_and_left_out(home: Home, text: str) -> None:
    home.write("p/s.jsonl", [assistant("A")])
    settings(home, text)
    told = home.run("daily", "--json")
    assert told.json["totals"]["messages"] == 1
    assert "settings.toml" in told.stderr


def test_a_purge_names_folders_that_only_the_ledger_knows(home: Home, work: Path) -> None:
    messages(home, CLAUDE_CONFIG_DIR=f"{home.claude},{work}")
    assert f"Only the ledger knows of {work}" in home.run("purge", code=2).stderr
    settings(home, '[claude]\nconfig_dirs = ["~/.claude-work"]\n')
    assert "Only the ledger" not in home.run("purge", code=2).stderr


# -- Cowork ----------------------------------------------------------------------------------------------------


def test_sessions_of_cowork_are_read_beside_a_named_folder(home: Home) -> None:
    base = Path(desktop_session_folders(home.env)[0]) / "acc/org/local_1/.claude"
    home.write(base / "projects/-sessions-x/s.jsonl", [assistant("C", session="c")])
    assert messages(home) == 1
    for path in sorted(base.parent.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert messages(home) == 1  # it stays counted, and its folder is no riddle: Cowork deletes its sessions
    assert home.run("daily", "--json").json["problems"]["folders_not_read"] == []


def test_cowork_on_windows_has_a_folder_for_each_build() -> None:
    env = {"USERPROFILE": "U", "APPDATA": "R", "LOCALAPPDATA": "L"}
    usual, store = desktop_session_folders(env, "win32")
    assert usual == os.path.join("R", "Claude", "local-agent-mode-sessions")
    assert store.startswith(os.path.join("L", "Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming", "Claude"))
    assert desktop_session_folders({**env, "CLAUDE_CONFIG_DIR": "X"}, "win32") == [usual, store]


# -- offered by setup ------------------------------------------------------------------------------------------


def test_setup_offers_folders_beside_the_usual_one_and_counts_them(home: Home, work: Path) -> None:
    (home.root / ".claude-empty/projects").mkdir(parents=True)
    offered = home.run("setup", "--json").json["other_folders"]
    assert offered == [{"folder": str(work), "transcripts": 1, "system": None}]
    assert f"Not read yet: {work} (1 file)" in home.run("setup").stdout
    settings(home, '# mine\n[claude]\nignore_dirs = ["~/x"] # old\n# kept\n\n[prices]\n')
    try:
        home.run("setup", "--yes")
    finally:  # it starts a recorder, too
        home.run("autostart", "off")
        home.run("stop")
    text = (home.data / "settings.toml").read_text()
    assert 'ignore_dirs = ["~/x"]' in text and text.startswith("# mine\n") and "# kept\n" in text
    assert home.run("setup", "--json").json["other_folders"] == []
    assert messages(home) == 1


def test_windows_is_seen_from_wsl_and_wsl_from_windows(tmp_path: Path) -> None:
    for path in ("c/Users/ada", "d/Users/bo", "Ubuntu/home/ada", "Ubuntu/root", "Debian/home/x y"):
        (tmp_path / path / ".claude/projects").mkdir(parents=True)
    (tmp_path / "c/Users/Public").mkdir()
    windows = [Path(path).relative_to(tmp_path).as_posix() for path in windows_folders({}, str(tmp_path))]
    assert windows == ["c/Users/ada/.claude", "d/Users/bo/.claude"]
    shared = {"USERPROFILE": str(tmp_path / "d/Users/bo")}
    assert windows_folders(shared, str(tmp_path))[0] == str(tmp_path / "d/Users/bo/.claude")
    wsl = wsl_folders(["Ubuntu", "Debian", "none"], [str(tmp_path / "no such host"), str(tmp_path)])
    assert [(Path(path).relative_to(tmp_path).as_posix(), name) for path, name in wsl] == [
        ("Ubuntu/home/ada/.claude", "Ubuntu"),
        ("Ubuntu/root/.claude", "Ubuntu"),
        ("Debian/home/x y/.claude", "Debian"),
    ]


@pytest.mark.parametrize(
    ("text", "root"),
    [
        (None, "/mnt"),
        ("[boot]\nsystemd=true\n", "/mnt"),
        ("[automount]\nenabled = true\nroot = /windir/\n", "/windir"),
        ('[automount]\nroot="/"\n', "/"),
        ("\0 no settings [", "/mnt"),
    ],
)
def test_the_drives_of_windows_are_looked_for_where_wsl_mounts_them(
    tmp_path: Path, text: str | None, root: str
) -> None:
    if text is not None:
        (tmp_path / "wsl.conf").write_text(text)
    assert other_folders.mounts(str(tmp_path / "wsl.conf")) == root


def test_inside_wsl_setup_offers_the_folder_of_windows(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "windows/c/Users/ada/.claude"
    home.write(theirs / "projects/C--code/s.jsonl", [assistant("W", cwd="C:\\code\\shop")])
    (tmp_path / "wsl.conf").write_text(f"[automount]\nroot = {tmp_path / 'windows'}\n")
    monkeypatch.setattr(other_folders, "_WSL_SETTINGS", str(tmp_path / "wsl.conf"))
    assert other_folders.other_folders(home.env, []) == []  # no WSL here
    inside = {**home.env, "WSL_DISTRO_NAME": "Ubuntu"}
    assert other_folders.other_folders(inside, []) == [(str(theirs), 1, "Windows")]
    assert other_folders.other_folders(inside, [str(theirs)]) == []
    home.env["CLAUDE_CONFIG_DIR"] = f"{home.claude},{theirs}"
    assert [row["project"] for row in home.run("projects", "--json").json["rows"]] == ["shop"]


def test_cowork_is_read_on_linux_beside_the_folder_of_the_variable(home: Home, work: Path) -> None:
    home.env["CLAUDE_CONFIG_DIR"] = str(work)
    before = messages(home)
    base = home.root / ".config/Claude/local-agent-mode-sessions/acc/org/local_2/.claude"
    home.write(base / "projects/-sessions-y/s.jsonl", [assistant("D", session="d")])
    assert messages(home) == before + 1
