"""The project of work, by the folders and branches that transcripts name; aliases by command and by hand."""

from datetime import timedelta
from itertools import permutations

import pytest

from helpers import Home
from tachograph.demo.records import AT, Record, assistant, pr_link

MINUTE = timedelta(minutes=1)
Step = tuple[str, str, str | None]  # session, working directory, branch


def write(home: Home, *steps: Step) -> None:
    """One answer for each step, a minute apart; a session is a file."""
    sessions: dict[str, list[Record]] = {}
    for number, (session, cwd, branch) in enumerate(steps):
        line = assistant(
            f"M{number}", at=AT + number * MINUTE, session=session, cwd=cwd, branch=branch, uuid=f"u{number}"
        )
        sessions.setdefault(session, []).append({**line, "requestId": f"r{number}"})
    for session, lines in sessions.items():
        home.write(f"p/{session}.jsonl", lines)


def projects(home: Home) -> dict[str, int]:
    return {row["project"] or "unknown": row["messages"] for row in home.report("projects")["rows"]}


S, T, U = "s", "t", "u"
SITUATIONS: dict[str, tuple[list[Step], dict[str, int]]] = {
    "a monorepo with its packages": (
        [(S, "/h/mono", "main"), (S, "/h/mono/packages/api", "main"), (T, "/h/mono", "main"), (T, "/h/mono/web/src", "x")],
        {"mono": 4},
    ),
    "a nested repository with a session of its own": (
        [(S, "/h/shop", "main"), (S, "/h/shop/lib/x", "main"), (T, "/h/shop/lib", "main")],
        {"shop": 1, "lib": 2},
    ),
    "a session begun in the home folder": (
        [(S, "/home/ada", None), (S, "/home/ada/code/shop", "main"), (T, "/home/ada/code/api", "main")],
        {"ada": 1, "shop": 1, "api": 1},
    ),
    "a session begun in the home folder, in a repository known from another": (
        [(S, "/home/ada", ""), (S, "/home/ada/shop/src", "main"), (T, "/home/ada/shop", "main")],
        {"ada": 1, "shop": 2},
    ),
    "a session resumed in another repository": (
        [(S, "/h/shop", "main"), (S, "/h/api", "main"), (S, "/h/shop/src", "main"), (T, "/h/api", "main"), (T, "/h/api/x", "main")],
        {"shop": 2, "api": 3},
    ),
    "a session moved to a repository that no session began in": (
        [(S, "/h/shop", "main"), (S, "/h/api", "main"), (S, "/h/api/src/x", "main"), (S, "/h/shop/src", "main")],
        {"shop": 2, "api": 2},
    ),
    "a session begun at home moved into a repository and below": (
        [(S, "/home/ada", None), (S, "/home/ada/code/shop", "main"), (S, "/home/ada/code/shop/src", "main"), (T, "/home/ada/x", "main")],
        {"ada": 1, "shop": 2, "x": 1},
    ),
    "a session that came through the home folder, a repository itself": (
        [(S, "/h/api", "main"), (S, "/home/ada", "main"), (S, "/home/ada/shop", "main"), (T, "/home/ada/notes", "main")],
        {"api": 1, "ada": 1, "shop": 1, "notes": 1},
    ),
    "two projects of the same last name": (
        [(S, "/h/one/shop", "main"), (T, "/h/two/shop", "main"), (T, "/h/two/shop/src", "main")],
        {"one/shop": 1, "two/shop": 2},
    ),
    "Windows: drive letters, separators, letter case": (
        [(S, "C:\\Work\\Shop", "main"), (T, "c:\\work\\shop", "main"), (S, "c:/WORK/shop/src", "main"), (U, "\\\\?\\C:\\work\\shop\\", "main")],
        {"shop": 4},
    ),
    "Windows: a share": (
        [(S, "\\\\Server\\Code\\shop", "main"), (S, "//server/code/Shop/src", "main"), (U, "\\\\?\\UNC\\server\\code\\shop", "main")],
        {"shop": 3},
    ),
    "WSL seen from Windows by both host names": (
        [(S, "\\\\wsl.localhost\\Ubuntu\\home\\ada\\shop", "main"), (S, "\\\\wsl$\\Ubuntu\\home\\ada\\shop\\src", "main"), (T, "//wsl$/Ubuntu/home/ada/Shop", "main")],
        {"shop": 2, "Shop": 1},
    ),
    "Linux: letter case tells folders apart": ([(S, "/h/Shop", "main"), (T, "/h/shop", "main")], {"Shop": 1, "shop": 1}),
    "macOS: letter case, composed letters, /private": (
        [(S, "/Users/ada/Caf\u00e9", "main"), (T, "/Users/ada/cafe\u0301", "main"), (U, "/private/var/x", "main"), (U, "/var/x", "main")],
        {"Cafe\u0301": 0, "x": 2},
    ),
    "slashes too many": ([(S, "/h/shop/", "main"), (T, "/h//shop/./", "main"), (U, "/h/shop/././src", None)], {"shop": 3}),
    "a worktree whose repository nothing names": ([(S, "/h/.codex/worktrees/4f2a/shop", "x")], {"shop (worktree)": 1}),
    "a worktree of one of two repositories of that name": (
        [(S, "/h/a/shop", "main"), (T, "/h/b/shop", "main"), (U, "/h/.cursor/worktrees/shop/ab12", "x")],
        {"a/shop": 1, "b/shop": 1, "shop (worktree)": 1},
    ),
    "worktrees beside and inside": (
        [(S, "/h/shop", "main"), (T, "/h/shop-worktrees/x/src", "x"), (U, "/h/shop/.claude/worktrees/y", "y"), (U, "/h/shop/.worktrees/2", "z")],
        {"shop": 4},
    ),
    "no folder at all": ([(S, "", "main")], {"unknown": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_folder_belongs_to_the_repository_that_it_lies_in(home: Home, name: str) -> None:
    steps, expected = SITUATIONS[name]
    write(home, *steps)
    found = projects(home)
    if name.startswith("macOS"):
        assert sorted(found.values()) == [2, 2]
    else:
        assert found == expected


@pytest.mark.parametrize("order", list(permutations("stu")))
def test_the_order_of_sessions_changes_no_project(home: Home, order: tuple[str, ...]) -> None:
    steps = [(S, "/h/shop", "main"), (T, "/h/.codex/worktrees/1/shop", "x"), (U, "/h/shop/src", None)]
    for session in order:
        number = "stu".index(session)
        line = assistant(f"M{number}", session=session, cwd=steps[number][1], branch=steps[number][2])
        home.write(f"p/{session}.jsonl", [{**line, "requestId": f"r{number}"}])
        home.ingest()
    assert projects(home) == {"shop": 3}


# -- aliases ---------------------------------------------------------------------------------------------------


@pytest.fixture
def four(home: Home) -> Home:
    write(home, (S, "/h/one/shop", "main"), (T, "/h/two/shop", "main"), (U, "/h/api", "main"), ("v", "/h/web", "main"))
    assert projects(home) == {"one/shop": 1, "two/shop": 1, "api": 1, "web": 1}
    return home


def test_merge_and_split_change_the_whole_history_and_back(four: Home) -> None:
    before = projects(four)
    said = four.run("projects", "--merge", "api", "web").stderr
    assert "Undo: tachograph projects --split /h/web" in said
    assert projects(four) == {"one/shop": 1, "two/shop": 1, "web": 2}
    four.run("projects", "--merge", "web", "one/shop")
    assert projects(four) == {"one/shop": 3, "two/shop": 1}
    four.append("p/u.jsonl", [assistant("later", session=U, cwd="/h/api", uuid="later")])
    assert projects(four) == {"one/shop": 4, "two/shop": 1}
    four.run("projects", "--split", "/h/one/shop")
    assert projects(four) == {**before, "api": 2}


def test_a_name_that_fits_two_projects_is_refused_and_both_are_named(four: Home) -> None:
    found = four.run("projects", "--merge", "shop", "api", code=1)
    assert "/h/one/shop" in found.stderr and "/h/two/shop" in found.stderr
    assert four.run("projects", "--merge", "api", "api", code=1).stderr
    assert four.run("projects", "--split", "web", code=1).stderr
    assert projects(four) == {"one/shop": 1, "two/shop": 1, "api": 1, "web": 1}


@pytest.mark.parametrize("name", ["Kasse ☕ [x] = '1'", 'a"b', "#", "true", "x" * 300])
def test_any_printable_name_can_be_given_and_taken_back(four: Home, name: str) -> None:
    four.run("projects", "--rename", "api", name)
    assert projects(four)[name] == 1
    four.run("projects", "--split", name)
    assert projects(four)["api"] == 1


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", 'x"]\n[prices]', "\u202eevil", "a/b", "a\\b", "web", "WEB", "/h/web"]
)
def test_a_name_that_would_break_or_merge_something_is_refused(four: Home, name: str) -> None:
    assert four.run("projects", "--rename", "api", name, code=2).stderr
    assert projects(four) == {"one/shop": 1, "two/shop": 1, "api": 1, "web": 1}
    assert not (four.data / "settings.toml").exists()


def test_settings_by_hand_survive_a_command_and_broken_ones_stop_it(four: Home) -> None:
    file = four.data / "settings.toml"
    file.write_text(
        '# mine\ntimezone = "UTC" # here\n\n[projects] # shops\n# the old one\n"/h/two/shop" = "shop2"\n\n[prices]\n'
    )
    four.run("projects", "--rename", "api", "API service")
    text = file.read_text()
    assert '"/h/two/shop" = "shop2"' in text and '"/h/api" = "API service"' in text
    assert text.startswith('# mine\ntimezone = "UTC" # here\n') and "# the old one\n" in text and "[prices]" in text
    assert set(projects(four)) == {"shop", "shop2", "API service", "web"}
    file.write_text("[projects\n")
    assert "Fix it or delete the file" in four.run("projects", "--merge", "web", "one/shop", code=2).stderr
    assert file.read_text() == "[projects\n"


def test_aliases_in_a_circle_and_of_themselves_count_every_message_once(four: Home) -> None:
    file = four.data / "settings.toml"
    file.write_text('[projects]\n"/h/api" = "/h/web"\n"/h/web" = "/h/api"\n"/h/one/shop" = "/h/one/shop"\nx = "x"\n')
    assert projects(four) == {"one/shop": 1, "two/shop": 1, "api": 1, "web": 1}
    file.write_text('[projects]\n"/h" = "all"\n"/h/api" = "api"\n')
    assert projects(four) == {"all": 3, "api": 1}  # the longest prefix
    file.write_text('[projects]\n"/h/api" = "a\\tb\\nc"\n')
    assert projects(four)["a\tb\nc"] == 1
    file.unlink()
    assert projects(four) == {"one/shop": 1, "two/shop": 1, "api": 1, "web": 1}


def test_an_alias_unites_the_spellings_of_wsl_and_of_a_link(home: Home) -> None:
    write(home, (S, "C:\\code\\shop", "main"), (T, "/mnt/c/code/shop/src", "main"), (U, "/srv/link", "main"))
    home.data.mkdir(exist_ok=True)
    (home.data / "settings.toml").write_text(
        '[projects]\n"/mnt/c/code/shop" = "C:/code/shop"\n"/srv/link" = "C:/code/shop"\n'
    )
    assert projects(home) == {"shop": 3}


# -- default branches ------------------------------------------------------------------------------------------


def pull_requests(home: Home) -> dict[str, int]:
    rows = home.report("prs")["rows"]
    return {"none" if row["pr"] is None else f"#{row['pr']['number']}": row["messages"] for row in rows}


def test_default_branches_are_those_of_the_project(home: Home) -> None:
    for name in ("shop", "api"):
        line = [assistant(f"{name}0", session=name, cwd=f"/h/{name}", branch="release", uuid=name, request=name)]
        home.write(f"p/{name}.jsonl", [*line, pr_link(len(name), at=AT + MINUTE, session=name)])
        later = AT + timedelta(days=3)
        home.write(
            f"p/{name}2.jsonl",
            [assistant(f"{name}1", at=later, session=f"{name}2", cwd=f"/h/{name}", branch="release", uuid=f"{name}1")],
        )
    assert pull_requests(home) == {"#4": 2, "#3": 2}
    home.data.mkdir(exist_ok=True)
    (home.data / "settings.toml").write_text('[default_branches]\nshop = ["release"]\n')
    assert pull_requests(home) == {"#4": 1, "#3": 2, "none": 1}
    (home.data / "settings.toml").write_text("[default_branches]\nshop = 3\n")
    assert 'default_branches."shop": 3 is not understood' in home.run("prs").stderr
    assert pull_requests(home) == {"#4": 2, "#3": 2}
