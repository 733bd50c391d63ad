"""Every report on Windows' own Python says what Linux says, to the token."""

import json
from typing import Any

import pytest

from conftest import NOT_HERE  # noqa: F401 - the suite's conftest is loaded first
from helpers import BY, REPORTS, bys

TABLES = [(report, "--csv") for report in REPORTS]
ROWS = [(report, "--json") for report in REPORTS]
SUB_ROWS = [(report, "--by", by, "--json") for report in ("daily", "projects", "models") for by in bys(report)]
FILTERS = [
    ("daily", "--last", "7", "--json"),
    ("daily", "--since", "2026-11-10", "--until", "2026-11-15", "--json"),
    ("weekly", "--week-start", "sunday", "--json"),
    ("daily", "--timezone", "Europe/Berlin", "--json"),
    ("daily", "--timezone", "America/New_York", "--json"),
    ("hourly", "--last", "48", "--timezone", "Asia/Kolkata", "--json"),
    ("sessions", "--project", "shop", "--sort", "tokens", "--json"),
    ("models", "--model", "opus", "--json"),
]
OTHERS = [
    ("now", "--json"),
    ("guard", "--json"),
    ("limits", "--json"),
    ("limits", "--csv"),
    ("why", "--json"),
    ("forecast", "--json"),
    ("next", "--json"),
    ("what-if", "--model", "sonnet", "--json"),
    ("drivers", "--json"),
    ("reconcile", "--json"),
    ("prices", "--json"),
    ("accounts", "--json"),
    ("sources", "--json"),
    ("watch", "--once", "--json", "--no-recorder"),
    ("export", "messages", "--format", "csv"),
    ("export", "messages", "--format", "jsonl"),
    ("export", "readings", "--format", "jsonl"),
    ("export", "sessions", "--format", "csv"),
    ("export", "windows", "--format", "csv"),
]
TEXTS = [(), ("now",), ("daily",), ("sessions",), ("prs",), ("why",), ("forecast",), ("limits",), ("sources",)]


def comparable(text: str) -> Any:
    """A document with rounded numbers and without folders, which differ by the home; or sorted lines, because an export
    has the order in which the file system lists the transcripts."""
    try:
        return json.loads(text, parse_float=lambda number: round(float(number), 6), object_hook=without_folder)
    except ValueError:
        return sorted(text.splitlines())


def without_folder(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "folder"}


@pytest.mark.parametrize("arguments", [*ROWS, *TABLES, *SUB_ROWS, *FILTERS], ids=" ".join)
def test_a_report_is_that_of_linux(life: Any, arguments: tuple[str, ...]) -> None:
    windows = life.windows.quick(*arguments).stdout
    assert comparable(windows) == comparable(life.linux_output(*arguments))


@pytest.mark.parametrize("arguments", OTHERS, ids=" ".join)
def test_an_answer_for_programs_is_that_of_linux(life: Any, arguments: tuple[str, ...]) -> None:
    done = life.windows.quick(*arguments, code=None)
    assert done.stdout and comparable(done.stdout) == comparable(life.linux_output(*arguments))


@pytest.mark.parametrize("arguments", TEXTS, ids=" ".join)
def test_a_screen_is_that_of_linux(life: Any, arguments: tuple[str, ...]) -> None:
    assert life.windows.quick(*arguments).stdout.splitlines() == life.linux_output(*arguments).splitlines()


@pytest.mark.parametrize("by", BY)
def test_one_session_in_full_is_that_of_linux(life: Any, by: str) -> None:
    session = json.loads(life.linux_output("sessions", "--json"))["rows"][0]["session"]
    arguments = ("session", session, "--json", *(() if by == "session" else ("--by", by)))
    assert comparable(life.windows.quick(*arguments).stdout) == comparable(life.linux_output(*arguments))


@pytest.mark.parametrize("layout", ["full", "narrow", "pane", "line"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "cp1252", "ascii"])
def test_the_live_screen_prints_plain_signs_in_every_code_page(life: Any, layout: str, encoding: str) -> None:
    env = {"PYTHONUTF8": "0", "PYTHONIOENCODING": encoding, "COLUMNS": "100", "LINES": "30"}
    done = life.windows.run("watch", "--once", "--no-recorder", "--no-ingest", "--layout", layout, env=env)
    assert done.stdout.strip() and "\\u" not in done.stdout


@pytest.mark.parametrize("form", ["long", "medium", "compact", "plain", "waybar", "tmux", "i3blocks", "xbar", "prometheus"])  # fmt: skip
def test_one_line_of_now_is_that_of_linux(life: Any, form: str) -> None:
    arguments = ("now", "--no-ingest", "--format", form)
    windows, linux = life.windows.quick(*arguments).stdout, life.linux_output(*arguments)
    assert windows.strip() and without_program(windows) == without_program(linux)


def without_program(text: str) -> list[str]:
    """Lines without the path of our program, which a menu of xbar names."""
    return [line.split(" | ")[0] for line in text.splitlines()]
