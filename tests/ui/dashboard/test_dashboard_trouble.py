"""The dashboard over an empty, a large, a locked, a damaged and a hostile ledger."""

import csv
import io
import json
import re
import sqlite3
from typing import Any

import pytest

from dashboard_pages import Found
from helpers import NOW
from served_dashboard import PAGES, Served, go_on
from tachograph.demo import records


def test_an_empty_ledger_says_on_every_page_what_will_appear(small: Served) -> None:
    words = {
        "/": "No reading of your limits yet",
        "/usage": "Numbers appear here as soon as",
        "/sessions": "Sessions appear with their first answer",
        "/pulls": "Pull requests appear when",
        "/limits": "appear with the first reading",
        "/settings": "No account yet",
    }
    for path, said in words.items():
        text = small.get(path).text
        assert said in text, path
        assert 'class="trouble"' not in text, path


def test_a_locked_ledger_is_read_and_a_damaged_one_is_said(small: Served) -> None:
    go_on(small.home)
    with sqlite3.connect(small.home.data / "ledger.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "$" in small.get("/usage").text
        assert small.do({"do": "alarms", "value": "off"}).status == 503
        other.execute("ROLLBACK")
    small.stop()
    ledger = small.home.data / "ledger.sqlite3"
    for beside in small.home.data.glob("ledger.sqlite3-*"):
        beside.unlink()
    ledger.write_bytes(ledger.read_bytes()[:4096] + b"\xa5" * (ledger.stat().st_size - 4096))
    small.start()
    for path in (*PAGES, "/api/totals"):
        answer = small.get(path)
        assert "damaged" in answer.text, path
        assert "tachograph doctor" in answer.text


def test_three_thousand_sessions_come_in_parts(small: Served) -> None:
    lines = [
        records.assistant(
            f"m{n}", at=NOW, session=f"{n:08d}-0000-4000-8000-000000000000", cwd="/home/ada/code/shop", output=100
        )
        for n in range(3000)
    ]
    small.home.write("p/many.jsonl", lines)
    small.home.ingest()
    page = small.get("/sessions?sort=name").text
    assert page.count('id="chunk-') == 50
    assert page.count('<tr id="s-') == 60
    assert len(page) < 150_000
    part = small.get("/sessions?sort=name", x_tachograph_rows="49").text
    assert 'id="s-00002999-0000-4000-8000-000000000000"' in part or part.count('<tr id="s-') == 60
    assert small.get("/sessions?find=00001234").text.count('<tr id="s-') == 1


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</table></main><iframe src=//evil.test>",
    '=HYPERLINK("http://evil.test")',
    "\x1b]0;owned\x07\x9b31m",
    "\u202egnp.exe",
    "{{ 7*7 }}{% raw %}",
)


@pytest.fixture
def hostile(small: Served) -> Served:
    """Names from elsewhere that try to be more than names: projects, titles, branches, models, pull requests."""
    for n, name in enumerate(HOSTILE):
        id = f"{n:08d}-0000-4000-8000-000000000000"
        where: dict[str, Any] = {"session": id, "cwd": f"/home/ada/{name}", "branch": name}
        lines: list[Any] = [
            records.user(name, at=NOW, **where),
            records.assistant(f"m{n}", at=NOW, model=f"claude-{name}", **where),
        ]
        lines += [
            records.title(name, session=id),
            records.pr_link(n + 1, url=f"javascript:alert({n})//{name}", repository=name, session=id),
        ]
        small.home.write(f"p/{n}.jsonl", lines)
    small.home.ingest()
    return small


def test_names_from_elsewhere_stay_names(hostile: Served) -> None:
    sessions = [row["session"] for row in hostile.data("/api/spend?along=session")["rows"]]
    for path in (
        *PAGES,
        "/usage?stack=branch",
        "/usage?stack=session",
        f"/sessions/{sessions[0]}",
        "/usage?find=%3Cimg%20src=x%3E&project=%3Cb%3E",
    ):
        text = hostile.get(path).text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", "".join(Found(text).shown)), path
        for tag, attrs in Found(text).elements:
            assert tag not in ("img", "iframe", "object", "embed", "b"), path
            assert tag != "script" or (attrs.get("src") or "").startswith("/static/"), path
            assert not any(name.startswith("on") or name == "style" for name in attrs), (path, attrs)
            href = attrs.get("href") or ""
            assert not href.lower().lstrip().startswith(("javascript:", "//", "data:")), (path, href)
        assert "49{% raw" not in text


def test_cells_of_an_export_are_no_formulas_and_programs_get_names_as_they_are(hostile: Served) -> None:
    rows = list(csv.DictReader(io.StringIO(hostile.get("/export/messages.csv").body.decode(), newline="")))
    assert len(rows) == len(HOSTILE)
    assert any(row["branch"] == "'" + HOSTILE[5] for row in rows)
    for row in rows:
        assert not any(str(cell)[:1] in ("=", "+", "@", "\t", "\r") for cell in row.values())
    lines = [json.loads(line) for line in hostile.get("/export/messages.jsonl").body.splitlines()]
    assert {line["branch"] for line in lines} == set(HOSTILE)
