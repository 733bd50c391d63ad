"""Anthropic's own reports on a hub: read from a local service of the same form, stored as sums, shown beside the logs."""

import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from admin_reports_server import COST, KEY, USE, Reports, reports_server, row
from helpers import NOW, NOW_MS, Home
from hub_server import Hub, hub, token_of
from hub_team import get, team
from tachograph.clock import FixedClock
from tachograph.hub.books.collect import EVERY_MS, FIRST_WAIT_MS, Collector
from tachograph.hub.books.reports import Unavailable, billed_by_day, use_of_day
from tachograph.hub.store import HubStore, open_store, schema
from tachograph.hub.store.sqlite import APPLICATION_ID
from tachograph.sources import admin_reports
from tachograph.sources.http import HttpAnswer

DAY = (NOW - timedelta(days=1)).date().isoformat()
OTHER_DAY = (NOW - timedelta(days=2)).date().isoformat()
OPUS, SONNET = "claude-opus-4-8", "claude-sonnet-5-5"
MAILS = [f"canary{n}@example.com" for n in range(4)]


@pytest.fixture
def reports() -> Iterator[Reports]:
    with reports_server() as state:
        yield state


def owner_home(folder: Path, reports: Reports) -> Home:
    home = Home(folder)
    home.env |= {"TACHOGRAPH_ADMIN_BASE": reports.base, "TACHOGRAPH_HUB_ADMIN_KEY": KEY}
    return home


def collector(store: HubStore, reports: Reports, now_ms: int = NOW_MS) -> Collector:
    key, clock = admin_reports.AdminKey(KEY), FixedClock(now_ms)
    environ = {"TACHOGRAPH_ADMIN_BASE": reports.base}
    return Collector(store, lambda path: admin_reports.ask(key, path, environ, clock), clock)


def of_people(*names: str, day: str = DAY, tokens: int = 100, cents: float = 50) -> list[Any]:
    return [row(name, day, {OPUS: (tokens, cents)}) for name in names]


def test_the_shared_sample_is_read_as_it_is() -> None:
    sample = Path(os.environ.get("TACHOGRAPH_SAMPLES", "/nowhere")) / "admin_claude_code_report.json"
    if not sample.exists():
        pytest.skip("the samples are not here")
    document = json.loads(sample.read_text())

    def ask(path: str) -> Any:
        last = {**document, "has_more": False, "next_page": None} if "page=" in path else document
        return HttpAnswer("ok", last)

    uses, refused = use_of_day(ask, 20_308)  # 2025-08-08
    assert refused == 0 and len(uses) == 2  # the same page twice: its row, its model
    assert uses[0] == ("user@emaildomain.com", True, "claude-opus-4-8", 45_230 + 12_450 + 8_790 + 2_340, 1_860_000_000)
    assert use_of_day(ask, 20_309) == ([], 2)  # rows of another day are refused


@pytest.mark.slow
def test_an_owner_sees_the_reports_beside_the_logs_and_no_one_else_does(tmp_path: Path, reports: Reports) -> None:
    reports.uses[DAY] = [*of_people(*MAILS), row("ci-key", DAY, {SONNET: (40, 10)})]
    reports.costs[DAY] = "275.5"
    home = owner_home(tmp_path / "hub", reports)
    home.env.pop("TACHOGRAPH_HUB_ADMIN_KEY")
    served = Hub(home)
    try:
        machines = team(tmp_path, served, {"ada": "owner", "max": "manager", "bob": "member"})
        empty = machines["ada"].call("team", "books", "--json").json
        assert empty["rows"] == [] and empty["read"]["at"] is None and empty["totals"]["books"] is None
        assert "hub serve --admin-key" in machines["ada"].call("team", "books").stdout
        assert reports.requests == []  # off without a key
        key = home.root / "admin.key"
        key.write_text(KEY + "\n")
        key.chmod(0o644)
        refused = home.run("hub", "books", "--admin-key", str(key), code=None)
        assert refused.code and "chmod 600" in refused.stderr and reports.requests == []
        key.chmod(0o600)
        assert home.run("hub", "books", "--admin-key", str(key)).stdout.startswith(
            "30 days of Anthropic's reports read."
        )
        document = machines["ada"].call("team", "books", "--json").json
        day = next(row for row in document["rows"] if row["period"] == DAY)
        assert day["books"] == {"people": 4, "tokens": 440, "cost_usd": 2.10}
        assert day["billed_usd"] == 2.755 and day["logs"]["messages"] == 3
        assert {one["source"] for one in document["sources"]} == {"logs", "books", "billed"}
        assert all(one["counts"] and one["cannot_see"] for one in document["sources"])
        assert document["read"]["days"] == document["read"]["days_billed"] == 29  # the range ends today
        text = machines["ada"].call("team", "books").stdout
        assert DAY in text and "$2.10" in text and "Priority Tier" in text
        table = machines["ada"].call("team", "books", "--by", "model", "--csv").stdout.splitlines()
        assert table[0] == "model,others,people,books_tokens,books_cost_usd,logs_tokens,logs_cost_usd,billed_usd"
        assert any(line.split(",")[:4] == ["", "True", "4", "440"] for line in table)  # the key hides among the persons
        for name in ("max", "bob"):
            assert get(served, "books", token_of(machines[name]))[0] == 403
            assert machines[name].call("team", "spend").code == 0
        assert get(served, "books?by=project", token_of(machines["ada"]))[0] == 400
        content = b"".join(path.read_bytes() for path in home.data.iterdir() if path.is_file())
        log = (home.root / "hub.log").read_bytes()
        for canary in (KEY, *MAILS, "ci-key"):
            assert canary.encode() not in content and canary.encode() not in log, canary
    finally:
        served.kill()


@pytest.mark.slow
def test_a_serving_hub_asks_by_itself_once(tmp_path: Path, reports: Reports) -> None:
    import time

    reports.uses[DAY] = of_people(*MAILS)
    home = owner_home(tmp_path / "hub", reports)
    served = Hub(home)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until and not served.rows("SELECT 1 FROM setting WHERE name = 'books_read_at'"):
            time.sleep(0.05)
        assert served.rows(f"SELECT people FROM book_day WHERE day = {NOW_MS // 86_400_000 - 1}") == [(4,)]
    finally:
        served.kill()
    assert len([path for path, _ in reports.requests if path.startswith(USE)]) == 31  # thirty days, one with two pages
    agents = {headers["user-agent"] for _, headers in reports.requests}
    assert all(agent.startswith("tachograph/") for agent in agents)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HubStore]:
    found = open_store(str(tmp_path / "hub.sqlite3"), NOW_MS)
    with found.transaction():
        for number, name in enumerate(("ada", "bob", "cleo", "dan")):
            found.add_member(name, "member" if number else "owner", NOW_MS)
    yield found
    found.close()


def test_a_day_is_asked_for_once_and_never_changes(store: HubStore, reports: Reports) -> None:
    reports.uses[DAY] = of_people(*MAILS)
    assert collector(store, reports).run().days == 30
    reports.requests.clear()
    reports.uses[DAY] = of_people(*MAILS[:3])  # a difference would show the fourth
    assert collector(store, reports).run() == (0, "", None)
    assert [path for path, _ in reports.requests if path.startswith(USE)] == []
    assert store.db.all("SELECT people, tokens FROM book_sum") == [(4, 400)]
    assert collector(store, reports, NOW_MS + 86_400_000).run().days == 1


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_people_are_in_no_sum_and_no_cost_of_that_day(store: HubStore, reports: Reports, count: int) -> None:
    reports.uses[DAY] = [*of_people(*MAILS[:count]), row("key", DAY, {OPUS: (7, 7)})]
    reports.uses[OTHER_DAY] = of_people(*MAILS, day=OTHER_DAY)
    reports.costs = {DAY: "100", OTHER_DAY: "200"}
    collector(store, reports).run()
    days = {
        row[0]: row[1:]
        for row in store.db.all("SELECT day, people, left_out, billed FROM book_day WHERE people + left_out > 0")
    }
    today = NOW_MS // 86_400_000
    assert days == {today - 1: (0, count + 1, None), today - 2: (4, 0, 2_000_000_000)}
    assert {row[0] for row in store.db.all("SELECT day FROM book_sum")} == {today - 2}


def test_a_member_is_named_only_with_an_address_and_their_own_yes(store: HubStore, reports: Reports) -> None:
    from tachograph.hub.store.books import BookStore

    books = BookStore(store)
    reports.uses[DAY] = of_people(*MAILS)
    with store.transaction():
        store.set_setting("policy", "manager", NOW_MS)
        books.set_email(1, MAILS[0].upper())
        books.set_email(2, MAILS[1])
        books.set_email(3, MAILS[2])
        books.set_email(4, MAILS[2])  # two claim one address: it names neither
        store.set_consent(1, "books", "manager", NOW_MS)
        store.set_consent(3, "books", "team", NOW_MS)
    collector(store, reports).run()
    assert store.db.all("SELECT member, people, tokens FROM book_sum ORDER BY member") == [(0, 3, 300), (1, 1, 100)]
    with store.transaction():
        store.erase_member(1, NOW_MS)
    assert store.db.all("SELECT member FROM book_sum") == [(0,)]
    assert store.db.all("SELECT member FROM book_email ORDER BY member") == [(2,), (3,), (4,)]


def test_a_report_that_fails_is_asked_for_later_and_later(store: HubStore, reports: Reports) -> None:
    reports.failures = [(429, {"Retry-After": "7200"}, b"{}")]
    done = collector(store, reports).run_if_due()
    assert done is not None and done.problem and done.retry_after_seconds == 7200
    assert collector(store, reports, NOW_MS + 7_100_000).run_if_due() is None
    asker = collector(store, reports, NOW_MS + 7_300_000)
    reports.failures = [(500, {}, b"{}")]
    assert asker.run_if_due() is not None
    assert collector(store, reports, NOW_MS + 7_300_000 + FIRST_WAIT_MS - 1).run_if_due() is None
    done = collector(store, reports, NOW_MS + 7_300_000 + FIRST_WAIT_MS).run_if_due()
    assert done is not None and done.problem == ""
    assert collector(store, reports, NOW_MS + 7_300_000 + FIRST_WAIT_MS + EVERY_MS - 1).run_if_due() is None


@pytest.mark.parametrize(
    ("status", "headers", "body", "word"),
    [
        (401, {}, b'{"type":"error"}', "refuses the Admin API key"),
        (403, {}, b'{"type":"error"}', "may not read this report"),
        (302, {"Location": "https://example.com/"}, b"", "redirect"),
        (200, {}, b"not json", "no JSON object"),
        (200, {}, b'{"data": {}, "has_more": false}', "another form"),
        (200, {}, b'{"data": [], "has_more": true, "next_page": null}', "do not end"),
        (200, {"Content-Type": "text/html"}, b"<html>sign in</html>", "web page"),
    ],
)
def test_an_answer_that_is_no_report_stores_nothing(
    store: HubStore, reports: Reports, status: int, headers: dict[str, str], body: bytes, word: str
) -> None:
    reports.failures = [(status, headers, body)]
    done = collector(store, reports).run()
    assert done.days == 0 and word in done.problem and KEY not in done.problem
    assert store.db.all("SELECT count(*) FROM book_day") == [(0,)]
    assert len(reports.requests) == 1  # along no redirect, and not again at once


def test_rows_that_make_no_sense_are_counted_and_the_rest_is_taken(store: HubStore, reports: Reports) -> None:
    good, strange = of_people(*MAILS), of_people("x@example.com")[0]
    bad: list[Any] = [
        None, [], {}, {**strange, "actor": None}, {**strange, "actor": {"type": "user_actor", "email_address": 7}},
        {**strange, "date": "yesterday"}, {**strange, "date": "2020-01-01T00:00:00Z"}, {**strange, "model_breakdown": 5},
        row("x@example.com", DAY, {OPUS: (-5, 1)}), row("x@example.com", DAY, {OPUS: (10**15, 1)}),
        row("x@example.com", DAY, {OPUS: (5, float("inf"))}), row("x@example.com", DAY, {OPUS: (5, "NaN")}),  # type: ignore[dict-item]
    ]  # fmt: skip
    reports.uses[DAY] = [*bad, *good]
    assert collector(store, reports).run().problem == ""
    day = NOW_MS // 86_400_000 - 1
    assert store.db.all("SELECT people, refused FROM book_day WHERE day = ?", (day,)) == [(4, len(bad))]
    assert store.db.all("SELECT tokens FROM book_sum") == [(400,)]


def test_an_unknown_cost_stays_unknown(store: HubStore, reports: Reports) -> None:
    from tachograph.hub.team.documents import Range
    from tachograph.hub.team.queries import TeamQueries
    from tachograph.model.usage import prices

    reports.uses[DAY] = [*of_people(*MAILS[1:]), row(MAILS[0], DAY, {OPUS: (100, None)})]
    reports.costs[DAY] = "oops"
    collector(store, reports).run()
    today = NOW_MS // 86_400_000
    document = TeamQueries(store, prices.load()[0], store.member(1), NOW_MS).books("day", Range(today - 1, today - 1))
    assert document["rows"][0]["books"] == {"people": 4, "tokens": 400, "cost_usd": None}
    assert document["rows"][0]["billed_usd"] is None and document["totals"]["billed_usd"] is None


def test_the_key_goes_to_its_issuer_only(tmp_path: Path) -> None:
    from tachograph.errors import TachographError, UsageError

    key = admin_reports.AdminKey(KEY)
    assert KEY not in repr(key) and KEY not in str(vars(key).keys())
    for base in ("https://example.com", "http://api.anthropic.com", "https://api.anthropic.com@example.com"):
        with pytest.raises(UsageError):
            admin_reports.ask(key, COST, {"TACHOGRAPH_ADMIN_BASE": base}, FixedClock(NOW_MS))
    for text in ("sk-ant-api03-x", "", "sk-ant-admin\r\nX: y", "sk-ant-admin é"):
        with pytest.raises(TachographError) as caught:
            admin_reports.AdminKey(text)
        assert "sk-ant-api03" not in str(caught.value)
    link = tmp_path / "link"
    (tmp_path / "key").write_text(KEY)
    link.symlink_to(tmp_path / "key")
    with pytest.raises(TachographError):
        admin_reports.load_key(str(link), {})
    assert admin_reports.load_key("", {}) is None


def test_pages_without_an_end_are_left() -> None:
    def ask(path: str) -> Any:
        return HttpAnswer("ok", {"data": [], "has_more": True, "next_page": "page_same"})

    with pytest.raises(Unavailable):
        use_of_day(ask, 20_000)
    with pytest.raises(Unavailable):
        billed_by_day(ask, 20_000, 20_001)


def test_an_older_database_gets_the_tables_and_marks_telemetry_seats(tmp_path: Path) -> None:
    path = str(tmp_path / "hub.sqlite3")
    with sqlite3.connect(path) as db:
        for number in (1, 2):
            for statement in schema.statements(number):
                db.execute(statement)
        db.execute("INSERT INTO hub (id, salt, made_at) VALUES ('h', 'salt', 1)")
        for id, name, share in (("a", "telemetry", "counts"), ("b", "laptop", "counts")):
            db.execute(
                "INSERT INTO machine (id, member, name, token, share, joined_at) VALUES (?, 1, ?, ?, ?, 1)",
                (id, name, id.encode(), share),
            )
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 2")
    db.close()
    store = open_store(path, NOW_MS)
    assert [(one.id, one.is_seat) for one in store.machines()] == [("a", True), ("b", False)]
    assert store.db.all("SELECT count(*) FROM book_sum") == [(0,)]
    store.close()


@pytest.mark.slow
def test_the_hub_command_asks_for_a_key_and_for_an_address(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as served:
        home = served.home
        done = home.run("hub", "books", code=None)
        assert done.code and "--admin-key FILE" in done.stderr
        home.run("hub", "invite", "ada")
        assert "no member" in home.run("hub", "email", "zoe", "z@example.com", code=None).stderr
        assert home.run("hub", "email", "ada", code=None).code == 2
