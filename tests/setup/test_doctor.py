"""`tachograph doctor` says what is read, what could not be, whether the ledger is sound, and what to do."""

import ast
import inspect
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW_MS, Home, Result
from tachograph.demo import records
from tachograph.ledger.storage.integrity import rollup_differences
from tachograph.ledger.usage import totals
from tachograph.paths import own_paths
from tachograph.setup import count_findings, doctor
from tachograph.text.table import Style
from tachograph.ui.documents import doctor as words

OAUTH = {
    "accountUuid": "acc-1",
    "organizationUuid": "org-1",
    "emailAddress": "ada@example.org",
    "organizationRateLimitTier": "default_claude_max_20x",
}


def answers(label: str, count: int) -> bytes:
    return records.dump([records.assistant(f"{label}{n}", output=100 + n, session=label) for n in range(count)])


@pytest.fixture
def used(home: Home) -> Home:
    """Five messages read, and somebody logged in."""
    home.write("p/one.jsonl", answers("one", 5))
    (home.claude / ".claude.json").write_text(json.dumps({"oauthAccount": OAUTH}))
    home.ingest()
    return home


def found(done: Result, subject: str) -> str:
    """What is said about a subject, in one text."""
    return "\n".join(
        f"{f['kind']}: {f['text']} > {f['next']}" for f in done.json["findings"] if f["subject"] == subject
    )


def examined(home: Home, *flags: str, code: int = 0) -> Result:
    return home.run("doctor", "--json", *flags, code=code)


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


# -- all is well ---------------------------------------------------------------------------------------------------


def test_a_first_time_user_gets_a_calm_screen_and_nothing_is_made(tmp_path: Path, home: Home) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = home.run("doctor", env={"HOME": str(empty), "CLAUDE_CONFIG_DIR": "", "TACHOGRAPH_HOME": ""})
    assert f"{empty}/.claude is not there." in done.stdout
    assert "Claude Code has written no logs here yet." in done.stdout
    assert "tachograph demo" in done.stdout
    assert "the first report makes it" in done.stdout
    assert done.stdout.endswith("Nothing is wrong.\n")
    assert "▲" not in done.stdout
    assert done.stderr == ""
    assert tree(empty) == {}


def test_where_all_is_well_it_says_what_there_is(used: Home) -> None:
    done = used.run("doctor")
    screen = done.stdout
    assert screen.startswith("Tachograph ")
    assert f"SQLite {sqlite3.sqlite_version}" in screen
    assert f"{used.claude}: 1 transcript, " in screen
    assert "ada@example.org, Ultra, on record since Mon 23 Nov 12:00." in screen
    assert "5 messages, 1 session, 1 transcript, from Mon  2 Nov 09:00 to Mon  2 Nov 09:00." in screen
    assert "its totals are what the messages add up to" in screen
    assert "one is made every week" in screen
    assert screen.endswith("Nothing is wrong.\n")
    assert done.stderr == ""


def test_the_json_form_is_one_envelope(used: Home) -> None:
    made = examined(used).json
    assert (made["format"], made["report"], made["generated_at"]) == (1, "doctor", "2026-11-23T12:00:00.000Z")
    assert set(made["versions"]) == {"tachograph", "python", "sqlite"}
    for finding in made["findings"]:
        assert set(finding) == {"kind", "subject", "text", "next"}
        assert finding["kind"] in ("ok", "note", "wrong")
    assert {f["subject"] for f in made["findings"]} == {"platform", "logs", "account", "settings", "ledger", "backups"}


def test_it_reads_what_is_new_unless_told_not_to(used: Home) -> None:
    used.write("p/two.jsonl", answers("two", 3))
    assert "5 messages" in found(examined(used, "--no-ingest"), "ledger")
    assert "8 messages" in found(examined(used), "ledger")


def test_every_finding_has_its_words_and_all_words_are_used() -> None:
    used: set[str] = set()
    for node in (
        part for module in (doctor, count_findings) for part in ast.walk(ast.parse(inspect.getsource(module)))
    ):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
            used |= {str(part.value) for part in ast.walk(node.args[2]) if isinstance(part, ast.Constant)}
    assert used == set(words._WORDS)


def test_a_narrow_terminal_breaks_lines_below_their_beginning() -> None:
    finding = words.Said("wrong", "ledger", "one two three four five six seven eight", "do this and then that, please")
    lines = words.screen([finding], 40, Style("<b>", "<d>", "<e>"), signs=False)
    assert lines == [
        "x Ledger    <b>one two three four five six<e>",
        "            <b>seven eight<e>",
        "              <d>do this and then that,<e>",
        "              <d>please<e>",
        "",
        "1 thing is wrong, marked x.",
    ]


# -- folders and accounts ------------------------------------------------------------------------------------------


def test_a_named_folder_that_is_not_there_is_wrong(used: Home, tmp_path: Path) -> None:
    used.env["CLAUDE_CONFIG_DIR"] = f"{tmp_path}/nowhere,{used.claude}"
    logs = found(examined(used, code=1), "logs")
    assert f"wrong: {tmp_path}/nowhere is named in CLAUDE_CONFIG_DIR but does not exist." in logs
    assert f"ok: {used.claude}: 1 transcript" in logs


def test_a_named_folder_without_transcripts_is_a_note(used: Home, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    used.env["CLAUDE_CONFIG_DIR"] = f"{tmp_path}/new,{used.claude}"
    assert f"note: {tmp_path}/new holds no transcripts yet." in found(examined(used), "logs")


def test_a_folder_that_cannot_be_read_is_wrong(used: Home) -> None:
    used.projects.chmod(0)
    try:
        if os.access(used.projects, os.R_OK):
            pytest.skip("not on this platform: root may read everything")
        assert "cannot be read" in found(examined(used, code=1), "logs")
    finally:
        used.projects.chmod(0o700)


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (None, "ok", "there is no"),
        ("{}", "ok", "names no account"),
        ('{"oauthAccount": {"accountUu', "wrong", "half-written or no JSON"),
    ],
)
def test_it_says_why_an_account_is_unknown(used: Home, content: str | None, kind: str, text: str) -> None:
    identity = used.claude / ".claude.json"
    identity.unlink() if content is None else identity.write_text(content)
    account = found(examined(used, code=int(kind == "wrong")), "account")
    assert account.startswith(kind)
    assert text in account


def test_another_account_than_the_recorded_one_is_not_on_record(used: Home) -> None:
    other = {**OAUTH, "accountUuid": "acc-2", "emailAddress": "bob@example.org"}
    (used.claude / ".claude.json").write_text(json.dumps({"oauthAccount": other}))
    assert "bob@example.org, Ultra, not yet on record." in found(examined(used, "--no-ingest"), "account")


def test_foreign_text_is_made_safe(used: Home) -> None:
    bad = "\x1b]0;gotcha\x07\u202e<b>"
    (used.claude / ".claude.json").write_text(json.dumps({"oauthAccount": {**OAUTH, "emailAddress": bad}}))
    used.write("p/\x1b[31mred\n.jsonl", b'{"type":"assistant","message":{"usage":{\n')
    done = used.run("doctor")
    assert "\\x1b]0;gotcha\\x07\\u202e<b>" in done.stdout
    assert "\\x1b[31mred\\x0a.jsonl" in done.stdout
    assert "\x1b" not in done.stdout


# -- what could not be read ----------------------------------------------------------------------------------------


def test_bad_lines_are_shown_with_the_files_that_have_most(used: Home) -> None:
    torn = b'{"type":"assistant","message":{"usage":{"output_tokens":\n'
    for number in range(5):
        used.write(f"p/torn{number}.jsonl", torn * (number + 1))
    files = found(examined(used), "files")
    assert files.startswith("note: 15 lines could not be read: ")
    names = [part.rpartition("/")[2] for part in files.partition(" > ")[0].split(", ")]
    assert names == ["torn4.jsonl 5", "torn3.jsonl 4", "torn2.jsonl 3 and 2 more files."]


def test_a_file_that_cannot_be_opened_is_wrong(used: Home) -> None:
    (used.projects / "p" / "loop.jsonl").symlink_to("loop.jsonl")
    files = found(examined(used, code=1), "files")
    assert "wrong: " in files
    assert "loop.jsonl: Too many levels of symbolic links." in files


def test_transcripts_that_are_gone_are_counted(used: Home) -> None:
    used.write("p/two.jsonl", answers("two", 3))
    (used.projects / "p/one.jsonl").unlink()
    assert "8 messages, 2 sessions, 2 transcripts, 1 of them gone" in found(examined(used), "ledger")


def test_settings_that_cannot_be_used_are_wrong(used: Home) -> None:
    (used.data / "settings.toml").write_text('timezone = "Mars/Olympus"\ncolour = "red"\n')
    settings = found(examined(used, code=1), "settings")
    assert settings.count("wrong: ") == 2
    assert "Mars/Olympus" in settings
    assert "colour is not a setting" in settings
    (used.data / "settings.toml").write_text("timezone = ")
    assert "is not TOML" in found(examined(used, code=1), "settings")
    (used.data / "settings.toml").write_text('timezone = "Asia/Kathmandu"\n')
    assert found(examined(used), "settings").startswith("ok: ")
    assert "on record since Mon 23 Nov 17:45" in found(examined(used), "account")


# -- the ledger ----------------------------------------------------------------------------------------------------


def spoil(home: Home, table: str) -> None:
    with home.db() as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    db.close()
    with open(home.data / "ledger.sqlite3", "r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)


def test_damage_is_found_and_left_alone_until_repair_is_asked_for(used: Home) -> None:
    spoil(used, "summary")  # a table that a pass without news never touches
    before = tree(used.data)
    ledger = found(examined(used, code=1), "ledger")
    assert "wrong: " in ledger
    assert "is damaged" in ledger
    assert "tachograph doctor --repair" in ledger
    assert tree(used.data)[str(used.data / "ledger.sqlite3")] == before[str(used.data / "ledger.sqlite3")]
    done = used.run("doctor", "--repair")
    assert "nothing was deleted" in done.stderr
    assert "a damaged ledger that was set aside" in done.stdout
    assert used.totals()["messages"] == 5


def test_an_index_that_disagrees_with_its_table_is_damage(used: Home) -> None:
    ledger = used.data / "ledger.sqlite3"
    data = ledger.read_bytes()
    assert data.count(b"claude-opus-5-5") == 2  # in the table of names, and in its index
    ledger.write_bytes(data.replace(b"claude-opus-5-5", b"claude-opus-5-6", 1))
    assert "is damaged: row " in found(examined(used, code=1), "ledger")
    used.run("doctor", "--repair")
    assert used.totals() == used.oracle().total


def test_totals_that_differ_are_found_and_added_up_again(used: Home) -> None:
    with used.db() as db:
        db.execute("UPDATE rollup SET output = output + 1000")
        db.execute("INSERT INTO hour SELECT hour + 1, model, tariff, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 FROM hour")
    db.close()
    ledger = found(examined(used, code=1), "ledger")
    assert "wrong: 3 totals are not what the messages add up to." in ledger
    done = used.run("doctor", "--repair")
    assert "The totals were added up again; 3 of them differed." in done.stderr
    assert used.totals() == used.oracle().total
    (kept,) = (used.data / "backups").iterdir()
    assert kept.name.endswith("before-repair.sqlite3")
    assert "There is nothing to repair." in used.run("doctor", "--repair").stderr
    assert len(list((used.data / "backups").iterdir())) == 1


def test_references_that_lead_nowhere_are_made_unknown(used: Home) -> None:
    with used.db() as db:
        db.execute("UPDATE answer SET session = 999 WHERE id = 1")
        db.execute("UPDATE answer SET origin = 999 WHERE id = 2")
        db.execute("UPDATE origin SET branch = 999")
    db.close()
    assert "wrong: 3 references lead to something that is not there." in found(examined(used, code=1), "ledger")
    used.run("doctor", "--repair")
    assert used.totals() == used.oracle().total
    assert sorted(row["messages"] for row in used.report("sessions")["rows"]) == [1, 4]
    assert sorted(row["messages"] for row in used.report("models")["rows"]) == [1, 4]
    assert {row["branch"] for row in used.report("branches")["rows"]} == {None}


def test_the_totals_are_added_up_exactly_as_they_were_written(home: Home, ingest: Any) -> None:
    """Every corner of a total's key: fast mode, US inference, long prompts, no time, long ago, logged costs."""
    home.write(
        "p/one.jsonl",
        [
            records.assistant("A", speed="fast", geo="us", input=300_000, session="s1"),
            records.assistant("B", at=None, cost_usd=1.25, session="s1"),
            records.assistant("C", at="1969-12-31T23:52:00.000Z", session="s2"),
            records.assistant("D", at="1969-12-31T22:59:59.999Z", session="s2", cache_read=250_000),
            records.assistant("E", stop="refusal", output=0, session="s2"),
            records.assistant("F", geo="us", cost_usd=0.5, session="s3", branch=None, cwd=None),
            records.pr_link(7, session="s3"),
        ],
    )
    ingest()
    with home.ledger() as ledger:
        assert rollup_differences(ledger.db) == 0
        before = [list(ledger.db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")) for table in ("rollup", "hour")]
        totals.derive(ledger.db)
        after = [list(ledger.db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")) for table in ("rollup", "hour")]
        assert before == after
        assert len(before[0]) >= 5
        ledger.db.execute("DELETE FROM hour")
        assert rollup_differences(ledger.db) == len(after[1])


def test_a_ledger_that_is_gone_is_repaired_from_its_backup(used: Home) -> None:
    used.write("p/two.jsonl", answers("two", 1))
    used.run("daily", env={"TACHOGRAPH_NOW": str(NOW_MS + 2 * 86_400_000)})
    (used.data / "ledger.sqlite3").unlink()
    assert "gone though there are backups" in found(examined(used, code=1), "ledger")
    used.run("doctor", "--repair")
    assert used.totals()["messages"] == 6


def test_a_newer_versions_ledger_is_only_read(used: Home) -> None:
    with used.db() as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    before = (used.data / "ledger.sqlite3").read_bytes()
    ledger = found(examined(used, "--repair", code=1), "ledger")
    assert "a newer version of Tachograph wrote it" in ledger
    assert "Update Tachograph" in ledger
    assert "schema 999" in ledger
    assert (used.data / "ledger.sqlite3").read_bytes() == before


def test_files_that_others_could_read_are_closed_and_noted(used: Home) -> None:
    (used.data / "ledger.sqlite3").chmod(0o644)
    used.data.chmod(0o755)
    ledger = found(examined(used), "ledger")
    assert f"note: {used.data} could be read by others (0755); now it cannot (0700)." in ledger
    assert f"note: {used.data / 'ledger.sqlite3'} could be read by others (0644); now it cannot (0600)." in ledger
    assert "could be read" not in found(examined(used), "ledger")


def test_a_network_file_system_is_a_note(used: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "is_network_folder", lambda folder: folder == str(used.data))
    noted = [f for f in doctor.examine(own_paths(used.env), used.env, NOW_MS) if f.what == "on_network"]
    assert [f.kind for f in noted] == ["note"]


def test_backups_and_damaged_copies_are_listed(used: Home) -> None:
    used.write("p/two.jsonl", answers("two", 1))
    used.run("daily", env={"TACHOGRAPH_NOW": str(NOW_MS + 2 * 86_400_000)})
    (used.data / "ledger.sqlite3").write_bytes(b"broken")
    used.run("daily")
    backups = found(examined(used), "backups")
    assert "ok: " in backups
    assert "1 backup, " in backups
    assert "the newest of Wed 25 Nov 12:00" in backups
    assert f"note: {used.data}/damaged-20261123-120000: a damaged ledger" in backups
    (backup,) = (used.data / "backups").iterdir()
    backup.write_bytes(backup.read_bytes()[:8192])
    assert f"wrong: {backup} cannot be used" in found(examined(used, code=1), "backups")


def test_a_data_folder_that_is_none_is_wrong_and_no_more(used: Home) -> None:
    shutil.rmtree(used.data)
    used.data.write_text("a file where the folder should be")
    assert "wrong: " in found(examined(used, code=1), "ledger")


def test_the_platform_is_described(home: Home) -> None:
    text = home.run("--version", "--verbose").stdout
    assert text.startswith("tachograph ") and str(home.data) in text
    for word in ("system", "python", "scanner", "ledger", "settings", "logs", "tested"):
        assert f"\n  {word} " in text, word
    assert "Platform" in home.run("doctor").stdout
    assert home.run("--version").stdout.count("\n") == 1
