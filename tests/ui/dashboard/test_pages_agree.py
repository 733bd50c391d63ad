"""A page says one thing once: one chance, one context for the monitor and the page, no zero where nothing is known, and
nothing drawn of nothing."""

import contextlib
import html
import itertools
import json
import re
from pathlib import Path
from typing import Any

from helpers import NOW_MS, Home
from served_dashboard import PAGES, SESSION, Served, invented, serving
from tachograph.ledger.estimates import forecasts
from tachograph.ledger.usage import context_windows
from tachograph.model.limits.limits import FIVE_HOUR
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load
from tachograph.queries.limits.current import now
from tachograph.queries.live import live_state
from tachograph.text.format import percent


def _charts(text: str) -> list[dict[str, Any]]:
    return [json.loads(html.unescape(found)) for found in re.findall(r'data-chart="([^"]*)"', text)]


def test_a_page_says_one_chance_and_draws_what_is_likely(tmp_path: Path) -> None:
    home = invented(tmp_path / "home", 5)
    with contextlib.closing(home.db()) as db:
        limit = now(db, NOW_MS).accounts[0].limit(FIVE_HOUR)
        account = now(db, NOW_MS).accounts[0].id
        assert limit is not None
        assert limit.resets_at is not None
        made = forecasts.StoredForecast(
            account, FIVE_HOUR, limit.resets_at, NOW_MS - 60_000, 27.0, 0.08, 0.08, 30.0, 60.0, 90.0, 1
        )
        with db:
            forecasts.store(db, made)
    with serving(home) as served:
        text = served.get("/").text
    assert re.findall(r"(\d+) % chance", text) == ["8", "8"]  # the limit's row, and the words of its curve
    fan = next(chart["fan"] for chart in _charts(text) if chart["fan"])
    assert fan["chance"] == 0.08
    low, middle, high = fan["ends"]
    assert 0 <= low <= middle <= high


def test_the_page_and_the_monitor_say_the_same_of_a_session(tmp_path: Path) -> None:
    home = invented(tmp_path / "home", 3)
    with contextlib.closing(home.db()) as db:
        with db:
            context_windows.note(db, SESSION, 1_000_000)
        seen = live_state(db, load({})[0], Calendar(*parsed_zone("UTC")), NOW_MS)
    (mine,) = [one for one in seen.sessions if one.session == SESSION]
    assert mine.context is not None
    assert mine.context.share is not None
    with serving(home) as served:
        row = re.search(rf'<tr id="running-{SESSION}".*?</tr>', served.get("/").text, flags=re.DOTALL)
    assert row is not None
    assert f'data-value="{mine.context.tokens}"' in row[0]
    assert f">{percent(mine.context.share)}</td>" in row[0]
    assert ">none active</td>" in row[0]
    assert not mine.agents


def test_a_reset_is_a_break_of_the_line_and_never_a_fall(served: Served) -> None:
    lines = [chart for chart in _charts(served.get("/").text) if chart["kind"] == "line"]
    falls = 0
    for chart in lines:
        assert chart["x"] == sorted(set(chart["x"]))
        for one in chart["series"]:
            values = [value for value in one["values"] if value != ""]
            known = [value for value in values if value is not None]
            falls += sum(b < a for a, b in itertools.pairwise(known))
            for before, after in itertools.pairwise(values):
                assert before is None or after is None or after >= before
    assert falls


def test_what_is_empty_draws_nothing_and_knows_no_cost(home: Home) -> None:
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text('timezone = "UTC"\n')
    with serving(home) as served:
        for path in PAGES:
            text = served.get(path).text
            assert not _charts(text), path
            assert "$0.00" not in text, path
            assert "data-csv" not in text or path == "/settings", path  # the price book is there always
            assert served.ask(path).text.count("API-equivalent estimate") == 1, path
        assert "–" in served.get("/usage").text


def test_a_limit_of_one_model_is_not_given_what_all_of_them_used(served: Served) -> None:
    text = served.get("/limits").text
    rows = re.findall(r'<tr id="windows-[^>]*>.*?</tr>', text, flags=re.DOTALL)
    weeks_of_fable = [row for row in rows if "Fable week" in row]
    (week,) = [row for row in rows if "7-day (running)" in row]
    assert "$" in week
    assert weeks_of_fable and not [row for row in weeks_of_fable if "$" in row]
