"""Names from elsewhere: what a terminal would obey, wide letters, formulas in spreadsheets."""

import csv
import io
import re

import pytest
from wcwidth import wcswidth

from helpers import NOW, REPORTS, Home, flat
from report_output import table_of
from tachograph.demo.records import assistant, pr_link, title

EVIL = {
    "\x1b[31mred": "\\x1b[31mred",
    "\x1b]8;;https://evil.test\x07link": "\\x1b]8;;https://evil.test\\x07link",
    "\x1b]52;c;cm0=\x1b\\clip": "\\x1b]52;c;cm0=\\x1b\\clip",
    "one\rtwo": "one\\x0dtwo",
    "bell\x07": "bell\\x07",
    "nul\x00": "nul\\x00",
    "del\x7f": "del\\x7f",
    "c1\x9b31m": "c1\\x9b31m",
    "bidi\u202egnp.exe": "bidi\\u202egnp.exe",
    "iso\u2066late": "iso\\u2066late",
    "zero\u200bwidth": "zero\\u200bwidth",
    "joi\u200dner": "joi\\u200dner",
    "mark\ufeff": "mark\\ufeff",
    "soft\xadhyphen": "soft\\xadhyphen",
    "tag\U000e0041": "tag\\U000e0041",
    "line\u2028end": "line\\u2028end",
}
FOLDED = {"one\rtwo": "one two", "line\u2028end": "line end"}  # white space in a title becomes a space
INNOCENT = ("日本語のプロジェクト", "café", "cafe\u0301", "naïve-ветка", "🚀-launch", "עברית")


def evil_home(home: Home, text: str) -> None:
    """The text as a model, a branch, a project, a title and a repository, beside innocent ones."""
    line = assistant("A", model=text, branch=text, cwd=f"/x/{text}", session="evil")
    link = pr_link(1, session="evil", repository=text)
    home.write("a/evil.jsonl", [line, link, title(text, session="evil"), assistant("B", session="plain")])


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_O02_what_a_terminal_would_obey_is_shown_as_an_escape(home: Home, text: str) -> None:
    evil_home(home, text)
    for report in ("models", "branches", "projects", "sessions", "prs"):
        printed = home.call(report).stdout
        shown = FOLDED.get(text, EVIL[text]) if report == "sessions" else EVIL[text]
        if report == "projects":  # a project is shown by the last part of its path
            shown = re.split(r"[/\\](?!x|u|U)", shown)[-1]
        assert shown in printed, report
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\xad]", printed)
        widths = {wcswidth(line) for line in table_of(printed)}
        assert len(widths) == 1, "the table is not aligned"


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_O02_sub_rows_and_the_overview_are_as_safe(home: Home, text: str) -> None:
    evil_home(home, text)
    printed = [home.call("daily", "--by", by).stdout for by in ("model", "project", "session", "branch", "pr")]
    home.write("a/now.jsonl", [assistant("N", at=NOW, model=text, cwd=f"/x/{text}")])
    for out in (*printed, home.run().stdout):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\xad]", out)


@pytest.mark.parametrize("text", INNOCENT)
def test_O02_wide_and_combined_letters_are_shown_and_aligned(home: Home, text: str) -> None:
    evil_home(home, text)
    for report in ("models", "branches", "projects", "sessions", "prs"):
        printed = home.call(report).stdout
        assert text in printed, report
        assert len({wcswidth(line) for line in table_of(printed)}) == 1, report


def test_O02_a_message_about_a_foreign_name_is_safe(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", cwd="/x/\x1b]0;evil\x07")])
    done = home.run("daily", "--project", "none\x1b[31m", code=1)
    assert "\x1b" not in done.stderr
    assert "\x07" not in done.stderr


def test_O02_the_json_says_exactly_what_was_logged(home: Home) -> None:
    text = "\x1b]8;;x\x07\u202e日本"
    home.write("a/s.jsonl", [assistant("A", model=text, branch=text)])
    done = home.run("branches", "--by", "model", "--json")
    assert done.stdout.isascii()
    assert (done.json["rows"][0]["branch"], done.json["rows"][0]["by"][0]["model"]) == (text, text)


@pytest.mark.parametrize("text", ["=1+2", "+1", "-1", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("x")', "=1,2", '="\n'])
def test_O03_no_cell_is_a_formula(home: Home, text: str) -> None:
    home.write("a/s.jsonl", [assistant("A", model=text, branch=text, cwd=text), title(text, "custom")])
    for report in ("models", "branches", "projects", "sessions"):
        written = home.call(report, "--csv").stdout
        (row,) = csv.DictReader(io.StringIO(written, newline=""))
        for name, cell in row.items():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), name
        name = {"models": "model", "branches": "branch", "projects": "path", "sessions": "title"}[report]
        assert row[name] == "'" + text or (report == "sessions" and row[name].removeprefix("'") == text.strip())
    assert home.report("models")["rows"][0]["model"] == text


def test_csv_says_what_json_says_and_numbers_stay_numbers(demo: Home) -> None:
    for report in REPORTS:
        rows = list(csv.DictReader(io.StringIO(demo.call(report, "--csv", "--no-ingest").stdout, newline="")))
        document = demo.report(report, "--no-ingest")
        assert len(rows) == len(document["rows"])
        for name in ("messages", "input", "output", "cache_write_5m", "cache_write_1h", "cache_read", "web_searches"):
            assert [int(row[name]) for row in rows] == [flat(row)[name] for row in document["rows"]]
        costs = [float(row["cost_usd"]) if row["cost_usd"] else None for row in rows]
        assert costs == [row["cost_usd"] for row in document["rows"]]


def test_csv_with_sub_rows_has_one_line_for_each(demo: Home) -> None:
    rows = list(csv.DictReader(io.StringIO(demo.call("daily", "--by", "model", "--csv", "--no-ingest").stdout)))
    document = demo.report("daily", "--by", "model", "--no-ingest")
    wanted = [(row["period"], sub["model"], str(sub["messages"])) for row in document["rows"] for sub in row["by"]]
    assert [(row["period"], row["by_model"], row["messages"]) for row in rows] == wanted
