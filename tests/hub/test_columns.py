"""Facts by column are the same facts, and a document that no machine sends is refused."""

import json
import random
from typing import Any

import pytest

from tachograph.hub import wire
from tachograph.hub.columns import from_columns, to_columns
from tachograph.hub.wire import Malformed


def facts(rng: random.Random, count: int) -> list[list[Any]]:
    found: list[list[Any]] = []
    for number in range(count):
        identity, at = rng.randrange(1 << 61), 1_700_000_000_000 + number * rng.randrange(9_000)
        session = f"session-{rng.randrange(4)}"
        body: Any = [
            identity,
            at,
            [rng.randrange(10), number, 0, 0, 0, 0],
            -1,
            [-number, at, ["opus", ""]],
            {session: 0},
        ]
        if rng.random() < 0.2:
            body = {
                "id": identity,
                "at": None if rng.random() < 0.5 else at,
                "share": 0.5,
                "is_billed": True,
                "more": {},
            }
        found.append([rng.choice(("message", "session")), str(identity), number, body, rng.choice(("", "sealed"))])
    return found


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_facts_come_back_in_their_order(count: int) -> None:
    given = facts(random.Random(count), count)
    assert from_columns(json.loads(json.dumps(to_columns(given)))) == given


def test_a_message_needs_less_than_half_of_its_bytes() -> None:
    given = [fact for fact in facts(random.Random(5), 2_000) if isinstance(fact[3], list)]
    assert len(wire.pack(to_columns(given))) < 0.6 * len(wire.pack(given))


DEEP: Any = json.loads("[" * 12 + "null" + "]" * 12)
GOOD: dict[str, Any] = to_columns([["session", "a", 1, [1, 2], ""], ["session", "b", 2, [1, 3], ""]])


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {**GOOD, "count": 2_001},
        {**GOOD, "count": -1},
        {**GOOD, "count": 1},
        {**GOOD, "order": ["list", 0, 1]},
        {**GOOD, "order": ["list", 0]},
        {**GOOD, "groups": [[None, 2, []]]},
        {**GOOD, "groups": [[[None] * 5, 2, [["same", "a"]] * 6]]},
        {**GOOD, "groups": [[[None] * 5, 2, [["text", 4]] * 5]]},
        {**GOOD, "groups": [[[None] * 5, 2, [["equal", "x" * (20 << 20), 1, "ab"]] * 5]]},
        {**GOOD, "groups": [[[[None] * 30_000], 2, [["same", "x" * 1_000]] * 30_000]]},
        {**GOOD, "groups": [[{"object": [None]}, 2, [["same", "a"]]]]},
        {**GOOD, "groups": [[[None] * 5, 2, [["step", 1, "x"]] * 5]]},
        {**GOOD, "groups": [[[None] * 5, 2, [["random", "AAAA"]] * 5]]},
        {**GOOD, "groups": [[[None] * 5, 2, [["unknown", 1, 2]] * 5]]},
        {**GOOD, "groups": [[DEEP, 2, [["same", 1]]]]},
        {**GOOD, "groups": 5},
    ],
)
def test_a_document_that_no_machine_sends_is_refused(wrong: dict[str, Any]) -> None:
    assert from_columns(GOOD)
    with pytest.raises(Malformed):
        from_columns(wrong)
