"""Over random histories every surface of the installed command gives the value that the newest evidence proves."""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from helpers import Home
from outside_meter import FIVE, WEEK, OutsideHistory, Person
from served_dashboard import Served
from tachograph.ledger.storage.open import open_ledger
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load
from tachograph.paths import own_paths
from tachograph.queries.tray_state import tray_state
from tachograph.ui.tray.view import Environment, view

UTC = Calendar(*parsed_zone("UTC"))
BOOK = load({})[0]
FRESH_SECONDS = 30 * 60
ORDER = (0, 20, 10, 12, 11)  # of several limits the one that says most decides
SOAK_HISTORIES = int(os.environ.get("TACHOGRAPH_HISTORIES", "50"))


def surfaces(history: OutsideHistory, served: Served) -> dict[str, Any]:
    """The accounts by label as `now` gives them, after every other surface was held against them."""
    world = history.world
    document = world.run("now", "--json").json
    served.clock._now_ms = world.at
    watched = world.run("watch", "--once", "--json", "--no-recorder", "--no-ingest").json
    page = served.data("/api/now")
    with open_ledger(own_paths(world.home.env), world.at) as ledger:
        menu = view(tray_state(ledger.db, BOOK, UTC, world.at), Environment(), UTC)
    for other in (watched, page):
        assert other["headline"] == document["headline"]
        assert [_bare(one) for one in other["accounts"]] == [_bare(one) for one in document["accounts"]]
    assert menu.plain_title.replace(" ■", "").replace(" ▲", "") == document["headline"]
    return {account["label"]: account for account in document["accounts"]}


def _bare(account: dict[str, Any]) -> dict[str, Any]:
    """An account without what only the live screen says."""
    more = ("percent_per_hour", "lasting_percent_per_hour", "course", "resets")
    limits = [{key: value for key, value in limit.items() if key not in more} for limit in account["limits"]]
    return {**account, "limits": limits}


def verdict(limit: dict[str, Any], at: int) -> int:
    """The exit code of `guard` that a limit of `now --json` calls for."""
    if limit["state"] == "wall":
        return 11
    if limit["state"] == "overage":
        return 12
    if limit["state"] == "reset":
        since = at / 1000 - datetime.fromisoformat(limit["resets_at"]).timestamp()
        return 0 if since <= FRESH_SECONDS else 20
    if limit["percent"] is None:
        return 20
    if limit["near"]:
        return 10
    return 20 if limit["state"] == "stale" else 0


def check(history: OutsideHistory, served: Served) -> None:
    """Hold every surface against the truth at the present moment."""
    found = surfaces(history, served)
    for person in history.people:
        account = found.get(person.who[2])
        if account is None:
            assert all(person.expected(key, history.at)[1] == "unknown" for key in (FIVE, WEEK)), person.news
            continue
        limits = {limit["key"]: limit for limit in account["limits"]}
        for key in (FIVE, WEEK):
            _check_limit(person, key, history.at, limits.get(key))
        extra = limits.get("extra_usage")
        if person.known_extra is not None:
            assert extra is not None and extra["used"] == person.known_extra[1] / 100
        codes = [verdict(limits[key], history.at) for key in (FIVE, WEEK) if key in limits]
        guarded = history.world.run("guard", "--json", "--no-ingest", "--account", person.who[2], code=None)
        if codes and not any(limit["percent"] is None for limit in limits.values() if limit["key"] in (FIVE, WEEK)):
            assert guarded.code == max(codes, key=ORDER.index), (guarded.stdout, account["limits"])
        elif 11 in codes:
            assert guarded.code == 11
        else:
            assert guarded.code in (0, 20, *codes), (guarded.stdout, codes)
        assert guarded.json["exit_code"] == guarded.code


def _check_limit(person: Person, key: str, at: int, limit: dict[str, Any] | None) -> None:
    percent, state = person.expected(key, at)
    if limit is None:
        assert state == "unknown", (key, percent, state)
        return
    shown = {"wall": "reached", "overage": "metered", "reset": "unknown", "unknown": "unknown"}.get(
        limit["state"], "open"
    )
    assert (limit["percent"], shown) == (percent, state), (key, limit, person.news.get(key), person.refused.get(key))


def live(home: Home, seed: int, steps: int) -> None:
    history = OutsideHistory(home, seed)
    served = Served(home, history.at)
    try:
        for _ in range(steps):
            history.step()
            history.world.wait(history.rnd.randrange(0, 3) * 60_000)
            check(history, served)
        history.world.wait(history.rnd.randrange(0, 6 * 60) * 60_000)
        check(history, served)
    except AssertionError:
        print(f"seed {seed}:", *history.log, sep="\n  ")
        raise
    finally:
        served.stop()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_surface_gives_the_value_of_the_newest_evidence(home: Home, seed: int) -> None:
    live(home, seed, 10)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 100 + SOAK_HISTORIES))
def test_every_surface_gives_the_value_of_the_newest_evidence_over_many_histories(tmp_path: Path, seed: int) -> None:
    live(Home(tmp_path / "home"), seed, 14)
