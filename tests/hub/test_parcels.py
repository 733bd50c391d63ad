"""Parcels at `names` and `counts`: whole again with the key, useless without it, and few bytes on the wire."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from helpers import NOW_MS
from tachograph.clock import FixedClock
from tachograph.hub import parcels, wire
from tachograph.hub.api import HubApi
from tachograph.hub.columns import to_columns
from tachograph.hub.sharing import COUNTS, NAMES, PersonKey, outgoing
from tachograph.hub.store import HubStore
from tachograph.hub.store.open import open_store
from tachograph.ledger.exchange.facts import Fact
from tachograph.model.usage.messages import NO_TIME


def message(rng: random.Random, number: int, at: int = 1_700_000_000_000, **changes: Any) -> Fact:
    """An answer like those of real transcripts: most of it repeats, three random ids don't."""
    identity, at = rng.randrange(1 << 62), at + number * 7_000 + rng.randrange(5_000)
    counts = [5, rng.randrange(900), rng.randrange(3_000), 0, 20_000 + number * 700, 0]
    origin = [
        "claude-opus-4-8",
        "standard",
        "global",
        "tool_use",
        "main",
        "/home/ada/code/shop",
        "",
        "",
        "@a:/home/ada",
    ]
    request = "req_011C" + "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz") for _ in range(20))
    trace = [at, at, rng.randrange(1 << 63), request, "", [], ["cli", "", "", "", "", ""]]
    body = [identity, at, counts, -1, [-counts[1], at, origin], {"5e55101a-0000-4000-8000-000000000001": 0}, trace]
    body = [changes.get(str(place), part) for place, part in enumerate(body)]
    return Fact("message", str(identity), number, body, "/home/ada/code/shop", "https://github.com/a/b/pull/7", "u|o")


def other_facts() -> list[Fact]:
    session = {"span": [1, 2], "titles": [[0, "s", 3, "Ein Titel — \ud83d\ude00"]], "spawns": []}
    link = ["uuid", "https://github.com/a/b/pull/7", 5, "main", "/home/ada", 7, "a/b"]
    levels = {"columns": ["key", "percent", "resets_at", "label"], "rows": [["five_hour", 41.5, 9, "5-hour"]]}
    reading = {"source": "statusline", "confirmed_at": 4, "account": ["u", "o"], "plan": "max", "levels": levels}
    return [Fact("session", "uuid", 8, session), Fact("link", "uuid url", 9, link), Fact("reading", "a x", 10, reading)]


def facts() -> list[Fact]:
    rng = random.Random(4)
    found = [message(rng, number) for number in range(20)] + other_facts()
    unknown = message(rng, 21)
    unknown.body[1] = unknown.body[4][1] = NO_TIME
    early = message(rng, 22)
    early.body[6][:2] = [NO_TIME, NO_TIME]
    logged = message(rng, 23)
    logged.body[3], logged.body[4][0] = 120, -1  # a cost of its own; the text of a copy with less output
    return [*found, unknown, early, logged]


def opened(parcel: parcels.SealedParcel, key: PersonKey) -> list[Fact]:
    rests = parcels.unseal(parcel.sealed, key)
    travelled = [wire.parse_fact(value) for value in json.loads(json.dumps(list(map(list, parcel.facts))))]
    return [parcels.join(shared, rest, key) for shared, rest in zip(travelled, rests, strict=True)]


@pytest.mark.parametrize("level", [NAMES, COUNTS])
def test_the_persons_machines_get_every_fact_whole(level: str) -> None:
    key = PersonKey.new()
    found = opened(parcels.seal(facts(), level, key), key)
    assert [one[:4] for one in found] == [one[:4] for one in facts()]


def test_another_key_opens_nothing() -> None:
    parcel = parcels.seal(facts(), NAMES, PersonKey.new())
    with pytest.raises(ValueError, match="another key"):
        parcels.unseal(parcel.sealed, PersonKey.new())


def test_a_fact_that_the_hub_changed_is_refused() -> None:
    key = PersonKey.new()
    parcel = parcels.seal(facts(), NAMES, key)
    rests = parcels.unseal(parcel.sealed, key)
    first, second = parcel.facts[0], parcel.facts[1]
    changed = [
        (first._replace(body={**first.body, "counts": [1, 1, 1, 1, 1, 1]}), rests[0]),
        (first._replace(body={**first.body, "model": "claude-haiku-4-5"}), rests[0]),
        (first._replace(key=second.key, body={**first.body, "id": second.body["id"]}), rests[0]),
        (first, rests[1]),
        (first, None),
        (first._replace(kind="session"), rests[0]),
        (first._replace(body=None), rests[0]),
    ]
    for shared, rest in changed:
        with pytest.raises(ValueError, match=r"changed|not a sealed"):
            parcels.join(shared, rest, key)


@pytest.mark.parametrize("level", [NAMES, COUNTS])
def test_a_message_needs_a_quarter_of_the_bytes_of_one_that_is_sealed_alone(level: str) -> None:
    rng, key = random.Random(5), PersonKey.new()
    given = [message(rng, number) for number in range(1_000)]
    parcel = parcels.seal(given, level, key)
    whole = wire.pack({"parcel": {"facts": to_columns(parcel.facts), "sealed": parcel.sealed}})
    alone = wire.pack({"facts": to_columns([outgoing(fact, level, key) for fact in given])})
    assert len(whole) / len(given) < 70
    assert len(whole) < 0.3 * len(alone)


def joined(api: HubApi, key: PersonKey, name: str) -> Any:
    code = api.invite("ada")
    answer = api.join({"code": code, "name": name, "share": NAMES, "key_check": key.check}, "127.0.0.1")
    return api.machine_of(answer.body["token"])


def push(api: HubApi, machine: Any, given: list[Fact], key: PersonKey, *, is_whole: bool = True) -> dict[str, Any]:
    document: dict[str, Any] = {"sent_at": NOW_MS, "version": "1", "ledger": "l"}
    if is_whole:
        parcel = parcels.seal(given, NAMES, key)
        document["parcel"] = {"facts": to_columns(parcel.facts), "sealed": parcel.sealed}
    else:
        document["facts"] = to_columns([outgoing(fact, NAMES, key) for fact in given])
    answer = api.push(machine, json.loads(json.dumps(document)))
    assert answer.status == 200, answer
    return answer.body


def parcel_count(store: HubStore) -> int:
    return int(store.db.all("SELECT count(*) FROM parcel")[0][0])


@pytest.fixture
def api(tmp_path: Path) -> HubApi:
    return HubApi(open_store(str(tmp_path / "hub.sqlite3"), NOW_MS), FixedClock(NOW_MS))


def test_a_hub_keeps_a_parcel_while_it_seals_the_newest_version_of_a_fact(api: HubApi) -> None:
    key = PersonKey.new()
    first, second = joined(api, key, "first"), joined(api, key, "second")
    given = [fact._replace(revision=number) for number, fact in enumerate(facts(), 1)]
    assert push(api, first, given, key)["changed"] == len(given)
    assert push(api, first, [fact._replace(revision=90) for fact in given], key)["changed"] == 0
    assert parcel_count(api._store) == 1
    changed = [given[0]._replace(revision=91, body=[*given[0].body[:5], {"other": 0}, given[0].body[6]])]
    assert push(api, first, changed, key)["changed"] == 1 and parcel_count(api._store) == 2
    body = api.mine(second, 0).body
    assert len(body["parcels"]) == 2 and len(body["places"]) == len(given)
    newer = facts()
    for fact in newer:
        if fact.kind == "message":
            fact.body[3] = 7
    session, link, reading = (newer[place] for place in (20, 21, 22))
    session.body["span"], link.body[2], reading.body["plan"] = [1, 3], 4, "pro"
    push(api, first, [fact._replace(revision=100 + number) for number, fact in enumerate(newer)], key)
    assert parcel_count(api._store) == 1
    api.share(first, {"share": COUNTS})
    assert parcel_count(api._store) == 0


def test_a_large_history_arrives_in_answers_of_limited_size(api: HubApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tachograph.hub.store.facts._PAGE_BYTES", 3_000)
    rng, key = random.Random(6), PersonKey.new()
    first, second = joined(api, key, "first"), joined(api, key, "second")
    for start in range(5):
        push(api, first, [message(rng, start * 30 + number) for number in range(1, 30)], key)
    seen, after, answers = 0, 0, 0
    while True:
        body = api.mine(second, after).body
        seen += body["facts"]["count"]
        answers += 1
        after = body["until"]
        if after >= body["seq"]:
            break
    assert seen == 5 * 29 and answers > 1


def test_machines_of_old_versions_go_on(api: HubApi) -> None:
    rng, key = random.Random(7), PersonKey.new()
    old, new = joined(api, key, "old"), joined(api, key, "new")
    given = [message(rng, number) for number in range(1, 9)]
    push(api, old, given, key, is_whole=False)
    body = api.mine(new, 0).body
    assert body["places"] == [(0, 0)] * 8 and not body["parcels"]
    assert api.mine(old, 0, format=1).status == 200
    push(api, new, given, key)
    refused = api.mine(old, 0, format=1)
    assert refused.status == 426 and "update" in refused.body["error"]


@pytest.mark.parametrize("sealed", [None, 5, "", "no base64!", ["x"]])
def test_a_parcel_that_no_machine_sends_is_refused(api: HubApi, sealed: Any) -> None:
    machine = joined(api, PersonKey.new(), "first")
    with pytest.raises(wire.Malformed):
        api.push(machine, {"ledger": "l", "parcel": {"facts": to_columns([]), "sealed": sealed}})


def test_a_fact_without_a_mark_is_refused_by_its_number(api: HubApi) -> None:
    key = PersonKey.new()
    machine = joined(api, key, "first")
    parcel = parcels.seal(facts(), NAMES, key)
    sent = [list(fact) for fact in parcel.facts]
    sent[3][4] = ""
    answer = api.push(machine, {"ledger": "l", "parcel": {"facts": sent, "sealed": parcel.sealed}})
    assert [place for place, _ in answer.body["refused"]] == [3]
