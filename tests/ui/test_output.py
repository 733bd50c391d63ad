"""What reports print: right for a program, whole in a pipe, readable at any width."""

import os
import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from wcwidth import wcswidth

from helpers import NOW, REPORTS, Home, added, bys, command, flat, keyed, tokens
from report_output import table_of
from tachograph.demo import records
from tachograph.demo.records import MODEL, SESSION, assistant, pr_link, title

SPEND = {
    "messages",
    "unfinished",
    "tokens",
    "web_searches",
    "cost_usd",
    "unpriced_messages",
    "billed_usd",
    "billed_after_limit_usd",
    "missing_output_at_least",
}
NOTHING_BY_BRANCH = {"messages": 0, "cost_usd": None}
TOKENS = {"input", "output", "cache_write_5m", "cache_write_1h", "cache_read"}
SESSION_KEYS = {"session", "title", "project", "branch", "started_at", "ended_at", "more_projects", "more_branches"}
KEYS: dict[str, set[str]] = {
    **{name: {"period"} for name in ("daily", "weekly", "monthly", "hourly", "day")},
    **dict.fromkeys(("sessions", "session"), SESSION_KEYS),
    **{name: {"project", "path"} for name in ("projects", "project")},
    **{name: {"model"} for name in ("models", "model")},
    **{name: {"branch", "project"} for name in ("branches", "branch")},
    **{name: {"pr", "linked_at", "by_branch"} for name in ("prs", "pr")},
    "windows": {"starts_at", "ends_at", "estimated", "peak_percent"},
}
PROBLEMS = {
    "bad_lines",
    "unreadable_files",
    "bad_counts",
    "long_lines",
    "unknown_times",
    "future_times",
    "shared_ids",
    "unmarked_forks",
}


def on_a_terminal(home: Home, columns: int, *arguments: str, **env: str) -> str:
    """What the installed command writes to a terminal with so many columns."""
    if sys.platform == "win32":
        pytest.skip("not on this platform: there are no pseudo-terminals")
    import pty
    import subprocess

    ours, theirs = pty.openpty()
    surroundings = {**home.env, "COLUMNS": str(columns), "TERM": "xterm-256color", **env}
    with subprocess.Popen(
        [command(), *arguments], env=surroundings, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
        except OSError:  # Linux says so when the other end is closed
            pass
        os.close(ours)
        said = process.stderr.read() if process.stderr else b""
    assert (process.returncode, said) == (0, b"")
    return b"".join(parts).decode().replace("\r\n", "\n")


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


# -- JSON (O04 and the envelope) -------------------------------------------------------------------------------


def is_spend(part: dict[str, Any], keys: set[str]) -> None:
    assert set(part) == SPEND | keys
    assert set(part["tokens"]) == TOKENS
    for number in (part["messages"], part["web_searches"], part["unpriced_messages"], *part["tokens"].values()):
        assert type(number) is int
        assert number >= 0
    assert part["cost_usd"] is None or type(part["cost_usd"]) is float


@pytest.mark.parametrize("report", REPORTS)
def test_every_report_has_the_same_envelope(demo: Home, report: str) -> None:
    for by in (None, *bys(report)):
        document = demo.report(report, *(("--by", by) if by else ()), "--no-ingest")
        assert set(document) == {
            *("format", "report", "generated_at", "timezone", "range", "rows", "totals", "problems")
        }
        assert (document["format"], document["report"], document["timezone"]) == (1, report, "UTC")
        assert document["generated_at"] == "2026-11-23T12:00:00.000Z"
        assert document["range"] == {"since": None, "until": None}
        assert set(document["problems"]) >= PROBLEMS  # new kinds may come under the same format (docs/json.md)
        is_spend(document["totals"], set())
        assert document["rows"]
        for row in document["rows"]:
            is_spend(row, KEYS[report] | ({"by"} if by else set()))
            for sub in row.get("by", ()):
                is_spend(sub, KEYS[str(by)])
        assert added(document["rows"]) == flat(document["totals"])


def test_the_installed_command_prints_one_document_and_nothing_else(demo: Home) -> None:
    done = demo.run("daily", "--json")
    assert done.stderr == ""
    assert done.stdout.startswith("{\n")
    assert done.stdout.endswith("}\n")
    assert done.json == demo.report("daily")


def test_O04_there_is_never_a_nan(home: Home) -> None:
    odd = '{"output_tokens":NaN,"input_tokens":Infinity,"cache_read_input_tokens":-Infinity}'
    line = records.dump([assistant("A", cost_usd=0.5)])
    start, end = line.index(b'"usage":') + 8, line.index(b'},"requestId"')
    home.write("a/s.jsonl", line[:start] + odd.encode() + line[end:].replace(b"0.5", b"NaN"))
    for report in REPORTS:
        for by in (None, *bys(report)):
            printed = (
                home.run(report, "--json").stdout if by is None else home.call(report, "--json", "--by", by).stdout
            )
            assert "NaN" not in printed
            assert "Infinity" not in printed
    assert home.totals() == tokens()


def test_unknown_is_null_in_every_key(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", at=None, session=None, branch=None, cwd=None, model="novel")])

    def key(report: str) -> dict[str, Any]:
        (row,) = home.report(report)["rows"]
        return {name: row[name] for name in KEYS[report]}

    assert key("daily") == key("weekly") == key("monthly") == key("hourly") == {"period": None}
    session = key("sessions")
    assert {name for name in session if session[name] is not None} == {"more_projects", "more_branches"}
    assert key("projects") == {"project": None, "path": None}
    assert key("branches") == {"branch": None, "project": None}
    assert key("prs") == {"pr": None, "linked_at": None, "by_branch": NOTHING_BY_BRANCH}
    assert key("windows") == {"starts_at": None, "ends_at": None, "estimated": None, "peak_percent": None}
    assert home.report("models")["rows"][0]["cost_usd"] is None
    assert home.report("models")["totals"]["cost_usd"] is None


def test_nothing_used_is_empty_rows_and_zero_totals(home: Home) -> None:
    for report in REPORTS:
        document = home.report(report)
        assert document["rows"] == []
        assert flat(document["totals"]) == tokens(messages=0)
        assert "Nothing was used" in home.call(report).stdout
        assert home.call(report, "--csv").code == 0


def test_the_keys_of_rows(home: Home) -> None:
    at = "2026-11-21T13:20:30.456Z"
    lines = [assistant("A", at=at, branch="fix", cwd="/x/shop"), pr_link(7, at=at), title("Mend it", "custom")]
    home.write("a/s.jsonl", lines)
    zone = ("--timezone", "Europe/Berlin")

    def key(report: str) -> dict[str, Any]:
        (row,) = home.report(report, *zone)["rows"]
        return {name: row[name] for name in KEYS[report]}

    assert key("daily") == {"period": "2026-11-21"}
    assert key("weekly") == {"period": "2026-11-16"}
    assert key("monthly") == {"period": "2026-11"}
    assert key("hourly") == {"period": "2026-11-21T14:00+01:00"}
    assert key("models") == {"model": MODEL}
    assert key("projects") == {"project": "shop", "path": "/x/shop"}
    assert key("branches") == {"branch": "fix", "project": "shop"}
    pull = {"url": "https://github.com/ada/shop/pull/7", "number": 7, "repository": "ada/shop"}
    assert key("prs") == {"pr": pull, "linked_at": at, "by_branch": NOTHING_BY_BRANCH}
    bounds = {"starts_at": at, "ends_at": "2026-11-21T18:20:30.456Z"}
    assert key("windows") == {**bounds, "estimated": True, "peak_percent": None}
    assert key("sessions") == {
        "session": SESSION,
        "title": "Mend it",
        "project": "shop",
        "branch": "fix",
        "started_at": at,
        "ended_at": at,
        "more_projects": 0,
        "more_branches": 0,
    }


def test_a_session_on_several_branches_names_the_one_with_the_most_messages(home: Home) -> None:
    lines = [assistant(f"M{n}", branch=branch, cwd=f"/x/{branch}") for n, branch in enumerate("abbbcc")]
    home.write("a/s.jsonl", lines)
    (row,) = home.report("sessions")["rows"]
    assert (row["branch"], row["more_branches"]) == ("b", 2)
    assert (row["project"], row["more_projects"]) == ("b", 2)
    assert "b +2" in home.call("sessions").stdout


# -- tables ----------------------------------------------------------------------------------------------------

TELLING: dict[str, Any] = {  # what tells a row of JSON from the others, as a table shows it
    "daily": lambda row: row["period"],
    "weekly": lambda row: row["period"],
    "monthly": lambda row: row["period"],
    "hourly": lambda row: row["period"][11:16],
    "sessions": lambda row: row["session"][:8],
    "projects": lambda row: row["project"],
    "models": lambda row: row["model"].removeprefix("claude-").removesuffix("-20251001"),
    "branches": lambda row: row["branch"],
    "prs": lambda row: f"#{row['pr']['number']}" if row["pr"] else "no pull request",
    "windows": lambda row: row["starts_at"][11:16],
}


@pytest.mark.parametrize("columns", [80, 100, 160])
@pytest.mark.parametrize("report", REPORTS)
def test_a_table_fits_and_tells_its_rows_apart(demo: Home, report: str, columns: int) -> None:
    printed = on_a_terminal(demo, columns, report, "--no-ingest")
    plain = COLOUR.sub("", printed)
    assert "\x1b" not in plain
    lines = table_of(plain)
    assert max(wcswidth(line) for line in plain.split("\n")) <= columns
    rows = demo.report(report, "--no-ingest")["rows"]
    for row, line in zip(rows, lines[1:], strict=False):
        assert (TELLING[report](row) or "–") in line
        assert line.endswith("–" if row["cost_usd"] is None else f"{row['cost_usd']:,.2f}") or "<$0.01" in line
    assert len(lines) == 1 + len(rows) + 1


@pytest.mark.parametrize("by", ["model", "project", "session", "branch", "pr"])
def test_a_table_with_sub_rows_fits_too(demo: Home, by: str) -> None:
    plain = COLOUR.sub("", on_a_terminal(demo, 80, "daily", "--by", by, "--no-ingest"))
    rows = demo.report("daily", "--by", by, "--no-ingest")["rows"]
    assert len(table_of(plain)) == 2 + sum(1 + len(row["by"]) for row in rows)
    assert len({wcswidth(line) for line in table_of(plain)}) == 1


def test_a_wider_terminal_shows_more(demo: Home) -> None:
    headings = [
        COLOUR.sub("", on_a_terminal(demo, columns, "branches", "--no-ingest")).split("\n")[0] for columns in (80, 160)
    ]
    assert set(headings[0].split()) < set(headings[1].split())


def test_colour_only_on_a_terminal_that_wants_it(demo: Home) -> None:
    assert "\x1b[" in on_a_terminal(demo, 100, "daily", "--no-ingest")
    assert "\x1b" not in on_a_terminal(demo, 100, "daily", "--no-ingest", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(demo, 100, "daily", "--no-ingest", TERM="dumb")


@pytest.mark.parametrize("report", REPORTS)
def test_in_a_pipe_there_is_no_colour_and_nothing_is_cut(demo: Home, report: str) -> None:
    done = demo.run(report, "--no-ingest", env={"COLUMNS": "40"})
    assert "\x1b" not in done.stdout
    assert "…" not in done.stdout
    for heading in ("Messages", "Tokens", "Cost*"):
        assert heading in done.stdout.split("\n")[0]
    assert "API-equivalent estimate" in done.stdout


def test_the_last_line_of_a_table_is_its_totals(demo: Home) -> None:
    document = demo.report("projects", "--no-ingest")
    last = table_of(demo.call("projects", "--no-ingest").stdout)[-1]
    assert last.startswith(f"{len(document['rows'])} projects")
    assert last.endswith(f"${document['totals']['cost_usd']:,.2f}")


def test_what_could_not_be_read_is_told(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A"), b'{"usage":\n', b'{"usage":\n'])
    assert "2 lines could not be read" in home.call("daily").stdout
    assert home.run("daily").stderr == ""


def test_half_a_pipe_is_no_error(demo: Home) -> None:
    """`tachograph hourly | head -1`: whoever read us has enough."""
    import subprocess

    with subprocess.Popen(
        [command(), "hourly"], env=demo.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


# -- what cannot be understood ---------------------------------------------------------------------------------

WRONG: dict[str, Sequence[str]] = {
    "a flag": ("daily", "--nope"),
    "a command": ("dayly",),
    "a word too many": ("daily", "today"),
    "a date": ("daily", "--since", "soon"),
    "a day of no month": ("daily", "--until", "2026-02-30"),
    "an empty range": ("daily", "--since", "2026-11-05", "--until", "2026-11-04"),
    "two ranges": ("daily", "--last", "3", "--since", "2026-11-05"),
    "a zone": ("daily", "--timezone", "Mars/Olympus"),
    "a zone that is a path": ("daily", "--timezone", "../../etc/passwd"),
    "a weekday": ("weekly", "--week-start", "someday"),
    "a number": ("daily", "--last", "0"),
    "no number": ("daily", "--last", "three"),
    "a dimension": ("daily", "--by", "colour"),
    "its own dimension": ("models", "--by", "model"),
    "an order": ("daily", "--sort", "beauty"),
    "two forms": ("daily", "--json", "--csv"),
    "no value": ("daily", "--since"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_understood_is_one_sentence_and_exit_code_2(home: Home, wrong: str) -> None:
    done = home.run(*WRONG[wrong], code=2)
    assert done.stdout == ""
    first, *more = done.stderr.rstrip("\n").split("\n")
    assert re.fullmatch(r"tachograph: [A-Z0-9'-].*[.?]", first), first
    assert len(more) <= 1


def test_flags_of_the_overview_may_stand_without_a_command(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", at=NOW)])
    assert home.run("--timezone", "Europe/Berlin").stdout == home.run("--timezone=Europe/Berlin").stdout
    assert "Today" in home.run("--no-ingest").stdout


def test_help_and_version_of_everything(home: Home) -> None:
    assert re.fullmatch(r"tachograph \d+\.\d+\.\d+\S*\n", home.run("--version").stdout)
    assert home.run("version").stdout == home.run("--version").stdout
    assert "daily" in home.run("--help").stdout
    for report in REPORTS:
        assert "--since" in home.run(report, "--help").stdout


def test_L15_what_is_dated_in_the_future_is_kept_out_of_the_screen_of_now(home: Home) -> None:
    """A clock that was wrong must not show as today's or this week's use; reports by day still have it on its day."""
    ahead = [timedelta(hours=-1), timedelta(hours=2), timedelta(days=2), timedelta(days=366)]
    home.write("a/s.jsonl", [assistant(f"M{n}x", at=NOW + by) for n, by in enumerate(ahead)])
    lines = {line[:12].strip(): line for line in home.run().stdout.split("\n")}
    for span in ("Today", "This week", "Four weeks"):
        assert lines[span][12:].split()[0] == "1", span
    assert home.totals()["messages"] == 4


@pytest.mark.parametrize("report", [report for report in REPORTS if "day" in bys(report)])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_days_within_any_report_are_those_of_the_daily_one(demo: Home, report: str, zone: str) -> None:
    flags = ("--timezone", zone, "--no-ingest")
    days = {row["period"]: flat(row) for row in demo.report("daily", *flags)["rows"]}
    rows = demo.report(report, "--by", "day", *flags)["rows"]
    assert keyed((sub for row in rows for sub in row["by"]), "period") == days


def test_a_screen_without_anything_lately_says_when_there_was(home: Home) -> None:
    home.write("a/s.jsonl", [assistant("A", at="2025-06-10T12:37:00.000Z")])
    said = home.run().stdout
    assert "The newest message is of Tue 10 Jun 2025 (all of them: tachograph monthly)." in said
    home.write("a/t.jsonl", [assistant("B")])
    assert "newest message" not in home.run().stdout


def test_an_old_code_page_gets_a_plain_sign_for_every_sign_that_we_print(home: Home) -> None:
    """Names may need an escape; lines, bars and marks may not."""
    home.write("p/a.jsonl", [assistant("one")])
    plain = {"PYTHONIOENCODING": "ascii", "COLUMNS": "100", "LINES": "40"}
    for line in ("", "now", "daily", "doctor", "sources", "watch --once --no-recorder"):
        assert "\\u" not in home.run(*line.split(), env=plain).stdout, line
