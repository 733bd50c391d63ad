"""Exports of the dashboard, its vendored libraries, and its weight."""

import csv
import hashlib
import io
import json
import re
from pathlib import Path

import pytest

from dashboard_pages import STATIC, Found
from served_dashboard import PAGES, SESSION, Served, invented, serving


def test_an_export_holds_everything_in_every_form(served: Served, tmp_path: Path) -> None:
    home = served.home
    totals = home.report("daily")["totals"]
    home.call("export", "all", "--format", "jsonl", "--to", str(tmp_path / "out"))
    read = {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in (tmp_path / "out").iterdir()
    }
    assert set(read) == {"messages", "sessions", "readings", "windows"}
    assert len(read["messages"]) == totals["messages"]
    assert sum(row["cost_usd"] or 0 for row in read["messages"]) == pytest.approx(totals["cost_usd"])
    assert sum(row["messages"] for row in read["sessions"]) == totals["messages"]
    for what, lines in read.items():
        rows = list(csv.DictReader(io.StringIO(home.run("export", what).stdout, newline="")))
        assert len(rows) == len(lines)
        assert list(rows[0]) == list(lines[0])
        assert served.get(f"/export/{what}.csv").text.splitlines() == home.run("export", what).stdout.splitlines()
    assert home.call("export", "windows", "--to", str(tmp_path / "w.csv")).code == 0
    with pytest.raises(Exception, match="already exists"):
        home.call("export", "windows", "--to", str(tmp_path / "w.csv"))


def test_parquet_says_the_same_as_csv(served: Served, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    served.home.call("export", "messages", "--format", "parquet", "--to", str(tmp_path / "m.parquet"))
    table = parquet.read_table(tmp_path / "m.parquet")
    rows = list(csv.DictReader(io.StringIO(served.home.run("export", "messages").stdout, newline="")))
    assert table.column_names == list(rows[0])
    assert table.column("output").to_pylist() == [int(row["output"]) for row in rows]
    assert str(table.schema.field("at").type) == "timestamp[ms, tz=UTC]"


def test_vendored_libraries_are_what_their_list_says() -> None:
    listed = json.loads((STATIC / "vendor" / "vendor.json").read_text())
    there = {
        path.relative_to(STATIC / "vendor").as_posix() for path in (STATIC / "vendor").rglob("*") if path.is_file()
    }
    named = {"vendor.json"}
    for library in listed:
        assert library["version"] and library["licence"] and library["version"] in library["source"]
        assert (STATIC / "vendor" / library["licence_file"]).read_text().strip()
        named.add(library["licence_file"])
        for name, digest in library["files"].items():
            assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest, name
            named.add(name)
    assert there == named


def test_pages_load_nothing_from_elsewhere() -> None:
    for path in [*STATIC.rglob("*.js"), *STATIC.rglob("*.css"), *(STATIC.parent / "templates").iterdir()]:
        if "vendor" not in path.parts:
            for address in re.findall(r"(?:https?:)?//[a-z][^\s\"'`)]*", path.read_text(encoding="utf-8")):
                assert address.startswith(("https://claude.ai/settings/usage", "http://www.w3.org/", "https://')")), (
                    path.name,
                    address,
                )
        if path.suffix == ".html":
            assert " style=" not in path.read_text() and " onclick" not in path.read_text()


MOST_BYTES = 250_000  # of a page with all that it loads for the first time, as sent: compressed


def _sent(served: Served, path: str) -> int:
    """Bytes of a page with its frame, sheets and scripts, compressed as a browser gets them."""

    def wire(address: str) -> int:
        return len(served.get(address, accept_encoding="gzip").body)

    shell = served.ask(path, headers={"Accept-Encoding": "gzip"}).body
    named = {
        attrs.get("src") or attrs.get("href") or ""
        for tag, attrs in Found(served.ask(path).text).elements
        if tag in ("script", "link")
    }
    modules = {f"/static/{one.relative_to(STATIC)}" for one in STATIC.rglob("*.js") if "vendor" not in one.parts}
    modules -= {name.partition("?")[0] for name in named}
    assert len(named) > 5 and len(modules) > 10
    return len(shell) + wire(path) + sum(wire(one) for one in named | modules)


def test_the_page_is_light(served: Served) -> None:
    for path in (*PAGES, f"/sessions/{SESSION}"):
        assert _sent(served, path) < MOST_BYTES, path


@pytest.mark.slow
def test_every_page_over_a_full_demo_life_is_light(tmp_path: Path) -> None:
    """Compressed with everything that it loads, and its own HTML uncompressed."""
    with serving(invented(tmp_path / "home", days=60)) as served:
        for path in (*PAGES, f"/sessions/{SESSION}", "/usage?range=all", "/sessions?range=all", "/pulls?range=all"):
            assert _sent(served, path) < MOST_BYTES, path
            assert len(served.get(path).body) < MOST_BYTES, path
