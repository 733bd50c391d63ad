"""The extension's pure modules, in the browser that they are for, held against what the recorder makes of the same answers."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from chromium import ORIGIN, Browser
from helpers import NOW, NOW_MS, Home
from paired_browser import World, document
from tachograph.demo import usage_shapes
from tachograph.demo.usage_shapes import SHAPES
from tachograph.model.limits.limits import BROWSER
from tachograph.paths import own_paths
from tachograph.server.http_server import ANSWER_SECONDS, HEAD_AND_BODY_SECONDS
from tachograph.sources.usage_payload import parse_usage, plan_name

MINUTE = 60_000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of the extension; claude.ai leads nowhere."""
    with Browser(tmp_path_factory.mktemp("parts") / "profile", {"claude.ai:443": 9}) as browser:
        made = browser.context.new_page()
        made.goto(f"{ORIGIN}/popup.html")
        yield made


def call(page: Page, module: str, name: str, *arguments: object) -> Any:
    """A function of a module."""
    script = "async ([module, name, given]) => (await import(`/lib/${module}.js`))[name](...given)"
    return page.evaluate(script, [module, name, list(arguments)])


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_dropped_changes_nothing_that_is_shown(page: Page, shape: str) -> None:
    whole = usage_shapes.payload(shape, NOW)
    kept = call(page, "reduce", "usage", whole)
    assert json.loads(json.dumps(kept)) == kept
    ours, theirs = (parse_usage(payload, source=BROWSER, observed_at=NOW_MS) for payload in (whole, kept))
    # banked resets are redeemed in Claude Code: no browser has to send them
    assert theirs._replace(problems=()) == ours._replace(problems=(), banked=())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_popup_reads_the_same_limits_as_the_recorder(page: Page, shape: str) -> None:
    payload = usage_shapes.payload(shape, NOW, session=1.0, week=0.5)
    ours = parse_usage(payload, source=BROWSER, observed_at=NOW_MS).limits
    theirs = call(page, "limits", "limits", call(page, "reduce", "usage", payload))
    of_plan = {limit.key: (limit.percent, limit.resets_at) for limit in ours if limit.group in ("session", "weekly")}
    shown = {one["key"]: (one["percent"], one["resetsAt"]) for one in theirs if one["group"] in ("session", "weekly")}
    assert shown == of_plan
    assert {one["key"] for one in theirs} == {limit.key for limit in ours}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, 0), (0.4, 0.4), (1, 1), (1.0, 1), (99.6, 99.6), (101, 101), (-1, ...), ("34", ...), (1795435200, ...)],
)
def test_a_scale_is_never_guessed(page: Page, value: object, shown: object) -> None:
    found = call(page, "limits", "limits", {"five_hour": {"utilization": value, "resets_at": None}})
    assert [one["percent"] for one in found] == ([] if shown is ... else [shown])


def test_what_a_stranger_could_put_into_an_answer_is_dropped(page: Page) -> None:
    answer = {
        **usage_shapes.payload("2026-10", NOW),
        "payment_method": {"last4": "4242"},
        "secret": "x",
        "notes": ["a", "b"],
        "five_hour": {"utilization": 5, "resets_at": None, "owner": "Mary Example"},
    }
    kept = json.dumps(call(page, "reduce", "usage", answer))
    assert not any(word in kept for word in ("4242", "secret", "notes", "Mary", "locked_reason", "disclaimer"))
    details = {"status": "active", "next_charge_date": "2026-12-01", "payment_method": {"brand": "visa"}}
    assert call(page, "reduce", "subscription", details) == {"status": "active", "next_charge_date": "2026-12-01"}


@pytest.mark.parametrize(
    ("kind", "tier"),
    [
        ("claude_max", "default_claude_max_20x"),
        ("claude_max", "default_claude_max_5x"),
        ("claude_pro", "default_claude_ai"),
        ("claude_team", "default_raven"),
        ("", "default_claude_max_5x"),
        ("", "default_raven"),
    ],
)
def test_plans_have_the_recorder_s_words(page: Page, kind: str, tier: str) -> None:
    assert call(page, "words", "plan", {"type": kind, "tier": tier}) == plan_name(kind, tier)


@pytest.mark.parametrize(
    ("percent", "text", "color"), [(78, "22", "#344050"), (91, "9", "#DB7620"), (112, "0", "#D73A49")]
)
def test_the_badge_shows_what_is_left_where_the_popup_is_set_so(
    page: Page, percent: float, text: str, color: str
) -> None:
    resets = datetime.fromtimestamp(NOW_MS / 1000 + 3600, UTC).isoformat()
    usage = {"five_hour": {"utilization": percent, "resets_at": resets}}
    account = {"label": "ada", "outcome": "ok", "observed_at": NOW_MS, "usage": usage}
    saved = {"accounts": [account], "outcome": "ok"}
    used, left = (call(page, "badge", "badge", {**saved, "left": left}, NOW_MS) for left in (False, True))
    assert (used["text"], left["text"]) == (str(percent), text)
    assert used["colour"] == left["colour"] == color
    assert f"{text} % left" in left["title"] and "left" not in used["title"]


# -- when


def hour(page: Page, spending: bool = False) -> dict[str, int]:
    """How often each is due in an hour of minutes, once everything was asked."""
    script = """async ([spending, now]) => {
        const { NOTHING, after, due, noted } = await import("/lib/schedule.js")
        let memory = NOTHING
        const counts = { account: 0, usage: 0, overage: 0, slow: 0 }
        for (let n = 0; n <= 60; n++) {
            const wanted = due(memory, ["o"], now, false)
            for (const name of ["usage", "overage", "slow"]) counts[name] += n && wanted.orgs.o[name]
            counts.account += n && wanted.account
            if (wanted.account) memory = { ...memory, accountAt: now }
            const spent = spending ? `${n}` : "0"
            memory = { ...memory, orgs: { o: noted(memory.orgs.o, wanted.orgs.o, spent, now) } }
            memory = after(memory, "ok", null, now)
            now += 60_000 + (n % 3) * 400 - 300
        }
        return counts
    }"""
    return {name: int(value) for name, value in page.evaluate(script, [spending, NOW_MS]).items()}


def test_an_hour_of_minutes(page: Page) -> None:
    assert hour(page) == {"account": 1, "usage": 60, "overage": 12, "slow": 1}


def test_the_overage_is_asked_for_every_minute_while_it_is_spent(page: Page) -> None:
    assert hour(page, spending=True)["overage"] >= 55


@pytest.mark.parametrize(
    ("outcome", "retry", "minutes"),
    [
        ("limited", None, 5),
        ("limited", 3600, 60),
        ("limited", 0, 5),
        ("expired", None, 5),
        ("blocked", None, 5),
        ("offline", None, 0),
    ],
)
def test_what_it_waits_for(page: Page, outcome: str, retry: int | None, minutes: int) -> None:
    nothing = {"accountAt": 0, "waitUntil": 0, "strikes": 0, "outcome": "", "orgs": {}}
    memory = call(page, "schedule", "after", nothing, outcome, retry, NOW_MS)
    early = call(page, "schedule", "due", memory, ["o"], NOW_MS + (minutes - 1) * MINUTE, False)
    assert (early is None) == bool(minutes)
    assert call(page, "schedule", "due", memory, ["o"], NOW_MS + minutes * MINUTE, False) is not None
    asked = call(page, "schedule", "due", memory, ["o"], NOW_MS + 1000, True)
    assert (asked is None) == (outcome == "limited")  # a person's wish stands behind the service's alone


def test_a_clock_that_was_set_back_does_not_silence_it(page: Page) -> None:
    later = NOW_MS + 86_400_000
    known = {"usageAt": later, "overageAt": later, "slowAt": later, "spendingUntil": 0, "spent": None}
    memory = {"accountAt": later, "waitUntil": later, "strikes": 1, "outcome": "limited", "orgs": {"o": known}}
    wanted = call(page, "schedule", "due", memory, ["o"], NOW_MS, False)
    assert wanted["account"] and wanted["orgs"]["o"] == {"usage": True, "overage": True, "slow": True}


@pytest.mark.parametrize(
    ("status", "headers", "text", "outcome"),
    [
        (200, {"content-type": "application/json"}, "{}", "ok"),
        (200, {"content-type": "application/json"}, "7", "shape"),
        (401, {"content-type": "application/json"}, "{}", "expired"),
        (403, {"content-type": "application/json"}, "{}", "forbidden"),
        (403, {"content-type": "text/html", "cf-mitigated": "challenge"}, "<html>", "blocked"),
        (403, {"content-type": "text/html"}, "<title>Just a moment...</title>", "blocked"),
        (200, {"content-type": "text/html"}, "<title>Just a moment...</title>", "blocked"),
        (200, {"content-type": "text/html"}, "<html>hotel</html>", "shape"),
        (429, {"content-type": "application/json"}, "{}", "limited"),
        (503, {"content-type": "text/html"}, "<html>", "server"),
        (0, {}, "", "shape"),
    ],
)
def test_every_answer_has_its_outcome(
    page: Page, status: int, headers: dict[str, str], text: str, outcome: str
) -> None:
    script = """async ([status, headers, text]) =>
        (await import("/lib/claude.js")).judged(status, new Headers(headers), text).outcome"""
    assert page.evaluate(script, [status, headers, text]) == outcome


def test_codes_are_read_as_people_type_them(page: Page) -> None:
    for typed in ("ABCD-EFGH-JKLM", "abcd efgh jklm", " abcdefghjklm ", "ABCD-EFGH-JKLM:63762"):
        assert call(page, "bridge", "parsed", typed) == {"plain": "ABCDEFGHJKLM", "port": 63762}
    assert call(page, "bridge", "parsed", "ABCD-EFGH-JKLM:40000")["port"] == 40000
    for typed in ("", "ABCD", "ABCD-EFGH-JKLM-N", "ABCD-EFGH-JKLM:99999", "ABCD-EFGH-JKLM:1:2", "a" * 999):
        assert call(page, "bridge", "parsed", typed) is None


def test_foreign_text_is_text(page: Page, tmp_path: Path) -> None:
    evil = '<img src=x onerror="document.title=1">"\'><script>document.title=2</script>'
    account = {
        "account": "a",
        "organization": "b",
        "label": evil,
        "plan": {"type": "", "tier": evil},
        "observed_at": NOW_MS,
        "outcome": "ok",
        "usage": {"limits": [{"kind": evil, "percent": 5, "group": "weekly", "display_name": evil}]},
        "subscription": {"next_charge_date": evil},
    }
    page.evaluate("saved => chrome.storage.local.set(saved)", {"accounts": [account], "outcome": "ok", "checkedAt": 1})
    page.wait_for_selector("section h2")
    assert page.locator("img").count() == 0 and page.title() == "Tachograph"
    assert "<img" in page.locator("h2").inner_text()
    page.evaluate("() => chrome.storage.local.remove(['accounts'])")


def test_a_busy_ledger_is_waited_for_and_not_taken_for_an_absent_recorder(page: Page, home: Home) -> None:
    world = World(home)
    is_held = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(own_paths(home.env).ledger, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            is_held.set()
            time.sleep(6.0)  # longer than most would wait, and within what the bridge does
            db.execute("ROLLBACK")

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert is_held.wait(5.0)
        pairing = {"id": "pairing-1", "token": world.token, "port": world.port}
        assert call(page, "bridge", "send", pairing, document()) == {"state": "ok"}
    finally:
        thread.join()
        world.bridge.stop()


def test_the_extension_waits_longer_than_the_bridge_takes(page: Page) -> None:
    source = str(page.evaluate("async () => (await fetch('/lib/bridge.js')).text()"))
    waits = int(source.partition("const DEADLINE = ")[2].split()[0].strip(";").replace("_", ""))
    assert waits > (HEAD_AND_BODY_SECONDS + ANSWER_SECONDS) * 1000
