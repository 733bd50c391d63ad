"""Parsers of foreign documents are linear up to the largest document that is read: four times the input, about four times the work."""

import json
import time
from collections.abc import Callable

import pytest

from tachograph.sources.statusline import parse_status_input
from tachograph.sources.usage_payload import parse_usage

AT = 1_795_693_817_626
Make = Callable[[int], object]


def windows(count: int) -> object:
    return {f"k{n:05d}": {"utilization": n % 100, "resets_at": "2026-11-26T16:00:00Z"} for n in range(count)}


def weekly_windows(count: int) -> object:
    return {f"seven_day_k{n:05d}": {"utilization": n % 100, "resets_at": None} for n in range(count)}


def entries(count: int) -> object:
    return {
        "limits": [{"kind": "weekly_scoped", "group": "weekly", "percent": 5, "scope": f"M{n}"} for n in range(count)]
    }


def same_entries(count: int) -> object:
    return {"limits": [{"kind": "session", "percent": n % 100} for n in range(count)]}


def scoped(count: int) -> object:
    return {"model_scoped": [{"display_name": f"M{n}", "utilization": 5} for n in range(count)]}


def shares(count: int) -> object:
    return {
        **same_entries(count),  # type: ignore[dict-item]
        "weekly_scoped_shares": [{"limit_index": n, "allowance_percent_of_weekly": 5} for n in range(count)],
    }


def grants(count: int) -> object:
    return {"five_hour": None, "cedar_ember": {"grants": [{"id": f"g{n}", "resets_left": 10} for n in range(count)]}}


def breakdown(count: int) -> object:
    return {"seven_day_breakdown": {"rows": [{"key": f"k{n}", "percent": 1} for n in range(count)]}}


def unknown_fields(count: int) -> object:
    return {f"new_{n}": n for n in range(count)}


DOCUMENTS: list[Make] = [
    windows, weekly_windows, entries, same_entries, scoped, shares, grants, breakdown, unknown_fields,
]  # fmt: skip


def work(parse: Callable[[], object]) -> float:
    """Processor seconds, the least of three."""
    spent = []
    for _ in range(3):
        began = time.process_time()
        parse()
        spent.append(time.process_time() - began)
    return min(spent)


def is_linear(parse: Callable[[object], object], make: Make) -> bool:
    small, large = make(1000), make(8000)
    return work(lambda: parse(large)) < 24 * work(lambda: parse(small)) + 0.05  # quadratic would be 64 times


@pytest.mark.parametrize("make", DOCUMENTS, ids=lambda make: make.__name__)
def test_the_usage_payload_is_parsed_in_linear_time(make: Make) -> None:
    assert is_linear(lambda payload: parse_usage(payload, source="oauth", observed_at=AT), make)


@pytest.mark.parametrize("make", DOCUMENTS, ids=lambda make: make.__name__)
def test_the_status_line_is_parsed_in_linear_time(make: Make) -> None:
    def parse(payload: object) -> object:
        return parse_status_input(json.dumps({"rate_limits": payload}).encode(), AT)

    assert is_linear(parse, make)


def test_claude_desktops_samples_are_parsed_in_linear_time() -> None:
    from tachograph.sources import claude_desktop

    def samples(count: int) -> object:
        sample = {"timestamp": AT, "five_hour": {"utilization": 5}, "seven_day": {"utilization": 6}}
        return "\n".join(json.dumps(sample) for _ in range(count)).encode()

    assert is_linear(lambda data: claude_desktop.readings(data, 0), samples)  # type: ignore[arg-type]
