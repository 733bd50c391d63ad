"""The documentation says what is there: commands, keys, layers, places in the code; and its links lead somewhere."""

import argparse
import re
from pathlib import Path
from typing import Any

import pytest

from helpers import REPORTS, Home
from source_tree import SRC
from tachograph.demo.records import Record, assistant, pr_link, title
from tachograph.ui.cli.commands import COMMANDS
from tachograph.ui.cli.parser import parser
from tachograph.ui.documents.reports import FORMAT
from test_layers import ALLOWED

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
COMMAND_PAGES = (
    "agents.md",
    "reports.md",
    "drivers.md",
    "meter.md",
    "watch.md",
    "why.md",
    "sources.md",
    "browser.md",
    "ledger.md",
    "prices.md",
    "dashboard.md",
    "machines.md",
    "team.md",
)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """The part of a page below a heading, up to the next of the same or a higher level."""
    level = heading.split(" ")[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


def table(text: str) -> list[list[str]]:
    """The cells of the first table in a text, without its heading."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def words(cell: str) -> list[str]:
    """What stands in `quotes` in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# -- links and words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_relative_links_lead_to_a_file_and_a_heading(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"\n(?=\S)", " ", text)):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path.name}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{path.name}: {link}"


def test_every_page_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in DOCS.glob("*.md"):
        assert f"(docs/{path.name}" in readme, path.name


# -- commands and flags ----------------------------------------------------------------------------------------


def test_every_command_is_described() -> None:
    text = "".join(page(name) for name in COMMAND_PAGES)
    for command in COMMANDS:
        assert re.search(rf"`(tachograph )?{command.name}\b", text), command.name


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_flag_is_described(command: str) -> None:
    text = "".join(page(name) for name in COMMAND_PAGES)
    subparsers: Any = next(a for a in parser(command)._actions if a.choices)
    for action in subparsers.choices[command]._actions:
        for flag in action.option_strings:
            hidden = action.help == argparse.SUPPRESS
            assert hidden or flag in ("-h", "--help") or f"`{flag}" in text, f"{command} {flag}"


# -- for programs ----------------------------------------------------------------------------------------------


@pytest.fixture
def busy(home: Home) -> Home:
    """A home in which every report has a row, every column a value."""
    lines: list[Record | bytes] = [assistant("one"), title("A title"), pr_link(7)]
    home.write("p/a.jsonl", [*lines, assistant("two", model="claude-nova-1"), b'{"usage" torn\n'])
    return home


def test_the_envelope_is_as_described(busy: Home) -> None:
    described = [words(row[0])[0] for row in table(section(page("json.md"), "## The envelope"))]
    for report in REPORTS:
        assert list(busy.report(report)) == described, report
    assert f"`{FORMAT}`" in section(page("json.md"), "## The envelope")


def test_problems_are_as_described(busy: Home) -> None:
    described = [words(row[0])[0] for row in table(section(page("json.md"), "### Problems"))]
    assert list(busy.report("daily")["problems"]) == described


def test_measures_are_as_described(busy: Home) -> None:
    rows = table(section(page("json.md"), "### Measures"))
    totals = busy.report("daily")["totals"]
    assert list(totals) == [words(row[0])[0] for row in rows]
    tokens = next(row for row in rows if words(row[0]) == ["tokens"])
    assert list(totals["tokens"]) == words(tokens[2])


@pytest.mark.parametrize("report", [*REPORTS, "by"])
def test_the_keys_of_rows_are_as_described(busy: Home, report: str) -> None:
    described: dict[str, list[str]] = {}
    names: list[str] = []
    for where, keys, *_ in table(section(page("json.md"), "### Keys that name a row")):
        names = words(where) or names
        for name in names:
            described.setdefault(name, []).extend(words(keys))
    measures = busy.report("daily")["totals"].keys()
    for by in ("model", "project", "session", "branch", "pr", "day") if report == "by" else ("",):
        made = busy.report("monthly", "--by", by) if by else busy.report(report)
        row = made["rows"][0]["by"][0] if by else made["rows"][0]
        assert [key for key in row if key not in measures] == described[by or report], by


def test_the_columns_of_csv_are_as_described(busy: Home) -> None:
    text = section(page("json.md"), "## CSV")
    for report in REPORTS:
        columns = busy.call(report, "--csv").stdout.splitlines()[0].split(",")
        keys = page("json.md") if report == "prs" else section(page("json.md"), "### Keys that name a row")
        for column in columns:
            assert f"`{column}`" in text or f"`{column}`" in keys, f"{report}: {column}"


@pytest.mark.parametrize(("command", "heading"), [("prices", "## prices"), ("doctor", "## doctor")])
def test_other_documents_are_as_described(busy: Home, command: str, heading: str) -> None:
    made, text = busy.report(command), section(page("json.md"), heading)
    rows = made.get("rows") or made["findings"]
    assert list(rows[0]) == [key for row in table(text) for key in words(row[0])]
    for key in made:
        assert f"`{key}`" in text, key


def test_exit_codes_are_as_described() -> None:
    described = {int(row[0]) for row in table(section(page("json.md"), "## Exit codes"))}
    source = "".join((SRC / name).read_text() for name in ("errors.py", "__main__.py"))
    used = {int(code) for code in re.findall(r"(?:exit_code = |\n(?:    ){1,2}return )(\d+)", source)}
    assert used == described


# -- the architecture ------------------------------------------------------------------------------------------


def test_the_layers_table_is_the_enforced_one() -> None:
    rows = table(section(page("architecture.md"), "## Layers"))
    assert {words(row[0])[0]: set(words(row[1])) for row in rows} == ALLOWED


def test_every_package_has_a_line_in_the_architecture() -> None:
    tree = section(page("architecture.md"), "## Packages")
    for path in [*SRC.rglob("__init__.py"), *SRC.glob("*.py")]:
        name = path.stem if path.parent == SRC else f"{path.parent.name}/"
        assert name == "__init__" or re.search(rf"(^|\s){name}(\s|$)", tree, re.MULTILINE), path.relative_to(SRC)


def test_places_named_in_the_architecture_exist() -> None:
    rows = table(section(page("architecture.md"), "## Where to change what"))
    assert len(rows) > 30
    for row in rows:
        paths = words(row[1])
        assert paths, row
        for name in paths:
            assert (SRC / name).exists() or (ROOT / name).exists(), name
