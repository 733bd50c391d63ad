"""Copies of config folders, forks and logins: in any order, split or repetition they come to the same ledger."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import Home
from ledger_rows import Rows, ledger_rows, without_home
from tachograph.demo.records import AT, assistant, progress
from test_properties import SCALE, Unit, lines, temporary_home, transcripts

FOLDERS = (".claude", "copy", "work")
Place = tuple[str, str]  # config folder, file
places = st.lists(st.tuples(st.sampled_from(FOLDERS), st.sampled_from("ab")), min_size=1, max_size=3)
logins = st.lists(st.sampled_from([None, "account-1", "account-2"]), min_size=3, max_size=3)
quick = settings(
    max_examples=30 * SCALE,
    deadline=None,
    derandomize=SCALE == 1,  # the same examples in every run; the long form searches for new ones
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def lines_of_shared_ids(draw: st.DrawFn) -> Unit:
    """A line of one of two ids, which may be one answer or several: near and far in time, ended early, of two requests."""
    label, second = draw(st.sampled_from("ST")), draw(st.sampled_from([0, 1, 2, 5, 9, 15, 300, 590, 700, 1100, 5000]))
    record = assistant(
        label,
        at=AT + timedelta(seconds=second),
        input=draw(st.integers(0, 1)),
        output=draw(st.integers(0, 3)),
        cache_read=draw(st.integers(0, 1)),
        stop=draw(st.sampled_from([None, None, "end_turn"])),
        request=draw(st.sampled_from([None, None, "r1", "r2"])),
        session=draw(st.sampled_from(["s1", "s2", "s3"])),
        cwd="/x/shop",
        branch=draw(st.sampled_from(["one", "main"])),
        sidechain=draw(st.booleans()),
        uuid=f"u-{label}-{second}" + draw(st.sampled_from(["", "-again"])),
        version="2.1.29",
        forked_from=draw(st.sampled_from([None, None, "s1"])),
    )
    return [record if draw(st.integers(0, 5)) else progress(record)]


shared_ids = st.lists(lines_of_shared_ids(), min_size=2, max_size=9)


def sign_in(home: Home, folder: str, account: str) -> None:
    path = home.root / folder / ".claude.json"
    path.parent.mkdir(exist_ok=True)
    login = {"accountUuid": account, "organizationUuid": "o", "emailAddress": f"{account}@example.org"}
    path.write_text(json.dumps({"oauthAccount": login}))


def files_of(units: list[Unit], where: list[list[Place]]) -> dict[Place, list[Unit]]:
    found: dict[Place, list[Unit]] = {}
    for unit, own in zip(units, where, strict=True):
        for place in own:  # a place that comes twice repeats the line
            found.setdefault(place, []).append(unit)
    return found


def read_at_once(files: dict[Place, list[Unit]], accounts: dict[str, str]) -> Rows:
    with temporary_home() as home:
        home.env["CLAUDE_CONFIG_DIR"] = ",".join(str(home.root / folder) for folder in FOLDERS)
        for folder, account in accounts.items():
            sign_in(home, folder, account)
        for (folder, file), units in files.items():
            home.write(home.root / folder / f"projects/{file}/s.jsonl", lines(units))
        home.ingest()
        return without_home(ledger_rows(home), home)


def read_in_steps(files: dict[Place, list[Unit]], accounts: dict[str, str], data: st.DataObject) -> Rows:
    """The same lines, shuffled and cut anywhere; folders, files and logins come in any order, a pass after each."""
    steps: list[tuple[str, str, bytes]] = [(folder, "", account.encode()) for folder, account in accounts.items()]
    for (folder, file), units in files.items():
        content = lines(data.draw(st.permutations(units)))
        cut = data.draw(st.integers(0, len(content)))
        steps += [(folder, file, content[:cut]), (folder, file, content[cut:])]
    order = data.draw(st.permutations(range(len(steps))))
    parts: dict[Place, list[bytes]] = {}
    for folder, file, content in steps:
        parts.setdefault((folder, file), []).append(content)
    with temporary_home() as home:
        listed = data.draw(st.permutations(FOLDERS))
        for number in order:
            folder, file, _ = steps[number]
            content = parts[folder, file].pop(0)  # what comes first in a file is written first
            if file:
                home.append(home.root / folder / f"projects/{file}/s.jsonl", content)
            else:
                sign_in(home, folder, content.decode())
            home.env["CLAUDE_CONFIG_DIR"] = ",".join(str(home.root / one) for one in listed)
            home.ingest()
        return without_home(ledger_rows(home), home)


def assert_any_order_is_the_same(units: list[Unit], data: st.DataObject) -> None:
    where = data.draw(st.lists(places, min_size=len(units), max_size=len(units)))
    accounts = {folder: name for folder, name in zip(FOLDERS, data.draw(logins), strict=True) if name}
    files = files_of(units, where)
    expected, found = read_at_once(files, accounts), read_in_steps(files, accounts, data)
    assert {name: [row for row in rows if row not in found[name]] for name, rows in expected.items()} == {
        name: [] for name in expected
    }
    assert found == expected


@quick
@given(transcripts, st.data())
def test_any_order_of_folders_logins_files_and_lines_gives_the_same_ledger(units: list[Unit], data: Any) -> None:
    assert_any_order_is_the_same(units, data)


@settings(quick, max_examples=20 * SCALE)
@given(shared_ids, st.data())
def test_any_order_of_lines_of_shared_ids_gives_the_same_ledger(units: list[Unit], data: Any) -> None:
    assert_any_order_is_the_same(units, data)


@pytest.mark.soak
@settings(quick, derandomize=False, max_examples=int(os.environ.get("TACHOGRAPH_SOAK_EXAMPLES", "1500")))
@given(st.one_of(transcripts, shared_ids), st.data())
def test_any_order_gives_the_same_ledger_over_many_examples(units: list[Unit], data: Any) -> None:
    assert_any_order_is_the_same(units, data)
