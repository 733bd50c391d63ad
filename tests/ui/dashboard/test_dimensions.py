"""Every dimension that transcripts name (agent, skill, plugin, MCP server, effort, program, speed) says the same as rows, as a
filter, in JSON, CSV and the export, and on the page."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from served_dashboard import Served

DIMENSIONS = ("agent", "skill", "plugin", "mcp", "effort", "entrypoint", "speed")
_RANGE = ("--last", "30")


@pytest.fixture(scope="module")
def exported(served: Served) -> list[dict[str, str]]:
    text = served.home.run("export", "messages", "--no-ingest").stdout
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _values(served: Served, dimension: str) -> dict[str | None, Any]:
    """Messages and cost by value, from the rows of a report with `--by`."""
    found: dict[str | None, list[float]] = defaultdict(lambda: [0, 0.0])
    report = served.home.report("monthly", *_RANGE, "--by", dimension, "--no-ingest")
    for month in report["rows"]:
        for sub in month["by"]:
            found[sub[dimension]][0] += sub["messages"]
            found[sub[dimension]][1] += sub["cost_usd"] or 0
    assert sum(messages for messages, _ in found.values()) == report["totals"]["messages"]
    assert sum(cost for _, cost in found.values()) == pytest.approx(report["totals"]["cost_usd"])
    return dict(found)


def _named(values: dict[str | None, Any]) -> Iterator[tuple[str, int, float]]:
    for name, (messages, cost) in values.items():
        if name is not None:
            yield name, messages, cost


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_rows_filters_csv_and_page_say_the_same(served: Served, dimension: str) -> None:
    values = _values(served, dimension)
    shown = served.home.call("models", *_RANGE, "--by", dimension, "--csv", "--no-ingest").stdout
    by_csv: dict[str, int] = defaultdict(int)
    for row in csv.DictReader(io.StringIO(shown, newline="")):
        by_csv[row[f"by_{dimension}"]] += int(row["messages"])
    assert by_csv == {name or "": messages for name, (messages, _) in values.items()}
    for name, messages, cost in _named(values):
        totals = served.home.report("models", *_RANGE, f"--{dimension}", name, "--no-ingest")["totals"]
        assert (totals["messages"], totals["cost_usd"]) == (messages, pytest.approx(cost)), (dimension, name)
        page = served.data(f"/api/totals?range=30d&{dimension}={name}")["totals"]
        assert (page["messages"], page["cost_usd"]) == (messages, pytest.approx(cost)), (dimension, name)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_export_names_every_dimension_of_a_message(
    served: Served, exported: list[dict[str, str]], dimension: str
) -> None:
    counted: dict[str, int] = defaultdict(int)
    for row in exported:
        if dimension == "agent":
            counted[row["agent_type"] if row["is_sidechain"] == "1" else "main"] += 1
        else:
            counted[row[dimension]] += 1
    report = served.home.report("monthly", "--last", "400", "--by", dimension, "--no-ingest")
    wanted: dict[str, int] = defaultdict(int)
    for month in report["rows"]:
        for sub in month["by"]:
            wanted[sub[dimension] or ""] += sub["messages"]
    assert counted == wanted
