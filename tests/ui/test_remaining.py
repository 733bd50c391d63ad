"""`[display] limits = "remaining"`: every surface shows what is left of a limit, and programs get what is used."""

from pathlib import Path

import pytest

from helpers import Home
from meter_world import ADA, DAY, HOUR, MINUTE, MeterWorld, iso, window
from served_dashboard import serving
from tachograph.settings import USED, load, shows_left

SPEND = {"is_enabled": True, "monthly_limit": 4000, "used_credits": 3000, "currency": "USD", "decimal_places": 2}


@pytest.fixture
def world(home: Home) -> MeterWorld:
    found = MeterWorld(home)
    found.login(ADA)
    home.data.mkdir(mode=0o700)
    (home.data / "settings.toml").write_text('[display]\nlimits = "remaining"\n')
    found.draw((78, found.at + 2 * HOUR), (91, found.at + 3 * DAY))
    return found


def test_every_surface_shows_what_is_left(world: MeterWorld) -> None:
    world.wait(MINUTE)
    line = world.draw((78, world.at + 2 * HOUR - MINUTE), (91, world.at + 3 * DAY - MINUTE))
    assert "5h 22 % left 1h59" in line and "7d 9 % left ▲" in line
    screen = world.run("now").stdout
    assert "22 % left" in screen and "9 % left ▲" in screen and "78" not in screen
    assert "22 % left" in world.run().stdout
    assert world.headline() == "5h 22% · 7d 9% left"
    assert world.run("now", "--format", "compact").stdout.strip() == "22% · 9%"
    watched = world.run("watch", "--once", COLUMNS="100").stdout
    assert " left  " in watched and "22 %" in watched and "used" not in watched.splitlines()[1]
    with serving(world.home, world.at) as served:
        page = served.get("/").text
    assert "22 % left" in page and 'data-percent="78.0"' in page


def test_colors_guard_and_programs_count_what_is_used(world: MeterWorld) -> None:
    (account,) = world.run("now", "--json").json["accounts"]
    assert [limit["percent"] for limit in account["limits"]] == [78, 91]
    assert world.guard() == 10
    template = "{five_hour} {five_hour_left} {seven_day_reset_epoch}"
    assert world.run("now", "--format", template).stdout.strip() == f"78 22 {(world.at + 3 * DAY) // 1000}"


def test_the_tray_shows_what_is_left(world: MeterWorld) -> None:
    from tachograph.ledger.storage.open import open_ledger
    from tachograph.model.usage.periods import Calendar, parsed_zone
    from tachograph.model.usage.prices import load as prices
    from tachograph.paths import own_paths
    from tachograph.queries.tray_state import tray_state
    from tachograph.ui.tray.view import Environment, view

    utc = Calendar(*parsed_zone("UTC"))
    with open_ledger(own_paths(world.home.env), world.at) as ledger:
        menu = view(tray_state(ledger.db, prices({})[0], utc, world.at, left=True), Environment(), utc)
    assert menu.plain_title == "5h 22% · 7d 9% ▲ left"
    assert (menu.icon.text, menu.icon.level) == ("9", "high")
    row = next(row for row in (*menu.rows, *menu.rows[0].children) if row.text.startswith("5-hour"))
    assert row.text.startswith("5-hour   22 % left   resets") and "even pace 40 %" in row.text


def test_money_shows_what_is_left_of_its_cap(world: MeterWorld) -> None:
    world.cache({"five_hour": None, "seven_day": None, "limits": [], "extra_usage": SPEND, "spend": None})
    world.wait(8 * DAY)
    world.cache({"five_hour": None, "seven_day": None, "limits": [], "extra_usage": SPEND})
    assert "25 % left   $10.00 of $40.00 left" in world.run("now").stdout
    assert world.headline() == "$10 of $40 left"


def test_nothing_is_left_of_a_full_limit_and_the_unknown_stays_a_dash(world: MeterWorld) -> None:
    world.wait(MINUTE)
    week = {"limits": [{"kind": "weekly_scoped", "percent": 112, "resets_at": iso(world.at + DAY), "scope": {"model": {"display_name": "Fable"}}}]}  # fmt: skip
    world.cache({"five_hour": window(None, None), "seven_day": window(20, world.at + DAY), **week})
    screen = world.run("now").stdout
    assert "0 % left ■" in screen and "-12" not in screen
    assert "–" in world.run("now", "--format", "plain").stdout or "–" in screen


@pytest.mark.parametrize(
    ("text", "expected", "problem"),
    [
        ('[display]\nlimits = "used"\n', False, ""),
        ('[display]\nlimits = "remaining"\n', True, ""),
        ('[display]\nlimits = "left"\n', False, "display.limits: 'left' is not understood"),
        ('[display]\ncolour = "remaining"\n', False, "display.colour is not a setting"),
        ("# remaining\n", False, ""),
        ("[display\nremaining", False, "is not TOML"),
    ],
)
def test_the_setting_is_read_with_care(tmp_path: Path, text: str, expected: bool, problem: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    settings = load(str(path))
    assert shows_left(str(path)) == settings.shows_left == expected
    assert problem in "; ".join(settings.problems)
    assert expected or settings.limits == USED
    assert not shows_left(str(tmp_path / "none"))
