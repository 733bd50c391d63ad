"""Plain messages of the compiled reader: found, taken out, and the same in another process."""

from typing import Any

import pytest

from helpers import NOW_MS
from tachograph.demo import records
from tachograph.demo.records import assistant
from tachograph.ledger.usage.kept_rows import kept_places
from tachograph.ledger.usage.messages import Row
from tachograph.sources.transcripts.c_scanner import IDENTITIES, KEPT_ROWS, PLAIN_MESSAGES, SCAN

pytestmark = pytest.mark.skipif(SCAN is None, reason="the reader was not compiled: there is no C compiler here")


def scanned(*lines: dict[str, Any]) -> Any:
    assert SCAN is not None
    block, into = records.dump(lines), PLAIN_MESSAGES()
    SCAN(block, len(block), "/c", 0, NOW_MS, into, {}, {})
    return into


def some(count: int = 300) -> Any:
    """Messages on two branches, every third without a stop reason."""
    return scanned(*(assistant(f"m{n}", branch=f"b{n % 2}", stop="end_turn" if n % 3 else None) for n in range(count)))


def test_another_process_makes_the_same_messages_of_a_dump() -> None:
    messages = some()
    again = PLAIN_MESSAGES(*messages.dump())
    assert len(again) == len(messages) == 300
    assert again.tables() == messages.tables()
    one = again.take(None)[17]
    assert PLAIN_MESSAGES(*messages.dump()).pop(one[0]) == messages.pop(one[0]) == one
    assert PLAIN_MESSAGES(*messages.dump()).take(None) == messages.take(None)


def test_what_is_taken_out_is_gone() -> None:
    messages = some(10)
    first, second, *others = PLAIN_MESSAGES(*messages.dump()).take(None)
    assert messages.pop(first[0]) == first and messages.pop(first[0]) is None
    among = IDENTITIES()
    among.update([second[0], first[0], 5])
    assert messages.take(among) == [second]
    assert messages.take(frozenset({others[0][0]})) == [others[0]] and len(messages) == 7
    left = PLAIN_MESSAGES(*messages.dump())
    assert len(left) == 7 and left.take(None) == others[1:]


def test_the_tables_name_only_what_is_left() -> None:
    messages = scanned(*(assistant(f"m{n}", branch=f"b{n}") for n in range(3)))
    origins, sessions, _ = messages.tables()
    assert [origin[4] for origin in origins] == ["b0", "b1", "b2"] and len(sessions) == 1
    messages.pop(PLAIN_MESSAGES(*messages.dump()).take(None)[1][0])
    assert [origin and origin[4] for origin in messages.tables()[0]] == ["b0", None, "b2"]
    messages.take(None)
    assert messages.tables()[0] == [None] * 3


@pytest.mark.parametrize("cut", ["items", "texts", "origins", "sessions", "ways"])
def test_a_dump_that_is_not_whole_is_refused(cut: str) -> None:
    dump = list(some(5).dump())
    place = ("items", "texts", "origins", "sessions", "ways").index(cut)
    dump[place] = dump[place][:-1]
    with pytest.raises(ValueError, match="another form"):
        PLAIN_MESSAGES(*dump)


def test_a_message_without_values_for_what_it_names_gets_no_row() -> None:
    rows = KEPT_ROWS(kept_places(Row._fields))
    with pytest.raises(ValueError, match="unknown origin"):
        rows.add(some(5), 1, [], [], [], lambda *_: (0, 0, 0, 0, 0), set())
