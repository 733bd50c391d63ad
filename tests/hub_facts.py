"""Invented facts of several persons with several machines each, as they go over the wire, and a reference count of them."""

import random
from collections.abc import Iterator
from typing import Any

from tachograph.clock import FixedClock
from tachograph.hub.api import HubApi
from tachograph.hub.store import HubStore

NOW_MS = 1_795_435_200_000
DAY_MS = 86_400_000
MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "nova-1")


def message(rng: random.Random, identity: int, at: int, output: int, pull: str = "") -> list[Any]:
    """A fact of a message at level `names`; the counts follow from the output."""
    body = {
        "id": identity, "request": identity * 7 + 1, "chosen": at, "billed": True, "account": f"acc{identity % 3}",
        "pull": pull, "at": at, "counts": [output // 3, output, 0, output * 2, output * 50, 0], "cost": None,
        "model": MODELS[identity % 4], "speed": "", "geo": "", "project": f"project{identity % 5}",
    }  # fmt: skip
    return ["message", f"m{identity}", rng.randrange(1, 1 << 40), body, "sealed"]


def parcels(seed: int, member: int, machines: int, count: int) -> dict[int, list[list[Any]]]:
    """Parcels by machine: overlaps, copies that were cut off, a pull request that only one machine knows, replays."""
    rng = random.Random(f"{seed} {member}")
    known = {}
    for number in range(count):
        identity = (member + 1) * 1_000_000 + number if number else 42  # 42 is claimed by everybody
        at = NOW_MS - rng.randrange(40 * DAY_MS)
        if number == 0:
            at = NOW_MS - DAY_MS
        known[identity] = (at, 300 if number == 0 else rng.randrange(10, 2_000))
    found: dict[int, list[list[Any]]] = {}
    for machine in range(machines):
        facts = []
        for identity, (at, output) in known.items():
            if rng.random() < 0.75 or machine == identity % machines:
                is_cut = rng.random() < 0.2 and machine != identity % machines
                pull = f"https://github.com/x/y/pull/{identity % 9}" if machine == 0 and identity % 4 == 0 else ""
                facts.append(message(rng, identity, at, output // 2 if is_cut else output, pull))
        rng.shuffle(facts)
        cut = [facts[start : start + 37] for start in range(0, len(facts), 37)]
        found[machine] = [*cut, *rng.sample(cut, min(3, len(cut)))]
    return found


class Team:
    """Persons and machines on one store, by way of the requests that machines make."""

    def __init__(self, store: HubStore, people: int, machines: int) -> None:
        self.store, self.api = store, HubApi(store, FixedClock(NOW_MS))
        self.tokens: dict[tuple[int, int], str] = {}
        for person in range(people):
            for machine in range(machines):
                code = self.api.invite(f"p{person}")
                document = {"code": code, "name": f"m{machine}", "share": "names", "key_check": f"k{person}"}
                answer = self.api.join(document, "here")
                assert answer.status == 200, answer
                self.tokens[person, machine] = answer.body["token"]


def push(store: HubStore, token: str, facts: list[Any]) -> None:
    """Push as the server does: again if it lost a race."""
    api = HubApi(store, FixedClock(NOW_MS))

    def once() -> Any:
        machine = api.machine_of(token)
        assert machine is not None
        return api.push(machine, {"ledger": "l", "sent_at": NOW_MS, "facts": facts})

    answer = api.repeat(once)
    assert answer.status == 200 and not answer.body["refused"], answer


def content(store: HubStore) -> dict[str, set[tuple[Any, ...]]]:
    """Everything that follows from what was sent, whatever its order."""
    return {
        table: set(map(tuple, normal(store, table)))
        for table in ("message", "totals", "totals_day", "totals_week", "word")
    }


def normal(store: HubStore, table: str) -> Iterator[list[Any]]:
    for row in store.db.all(f"SELECT * FROM {table}"):
        yield [int(value) if isinstance(value, int) else value for value in row]
