"""The owner of a message with copies: the session whose messages, in order of time and identity, come first."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from tachograph.ledger.storage.schema import SCHEMA
from tachograph.ledger.usage.messages import Row
from tachograph.ledger.usage.owners import Owners
from tachograph.model.usage.messages import NO_TIME

SESSIONS = ("c", "a", "d", "b")
messages = st.lists(
    st.tuples(
        st.sampled_from((None, 1, 2, 3, 10, 11, 12)),
        st.lists(st.sampled_from(range(1, len(SESSIONS) + 1)), min_size=1, max_size=3, unique=True),
    ),
    min_size=1,
    max_size=12,
)


@given(messages, st.randoms(use_true_random=False))
def test_the_first_of_several_sessions_owns_what_they_share(
    made: list[tuple[int | None, list[int]]], chance: object
) -> None:
    identities = list(range(1, len(made) + 1))
    chance.shuffle(identities)  # type: ignore[attr-defined]
    db = sqlite3.connect(":memory:")
    for statement in SCHEMA:
        db.execute(statement)
    db.executemany("INSERT INTO session (id, uuid) VALUES (?, ?)", enumerate(SESSIONS, 1))
    content: dict[int, list[tuple[int, int]]] = {}
    for identity, (at, sessions) in zip(identities, made, strict=True):
        row = dict.fromkeys(Row._fields, 0) | {"id": identity, "identity": identity, "at": at, "session": sessions[0]}
        row["shared"] = int(len(sessions) > 1)
        db.execute(f"INSERT INTO answer ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        if len(sessions) > 1:
            db.executemany("INSERT INTO copy VALUES (?, ?, 0)", [(identity, session) for session in sessions])
        for session in sessions:
            content.setdefault(session, []).append((NO_TIME if at is None else at, identity))
    owners = Owners(db)
    for _, sessions in made:
        first = min(sessions, key=lambda session: (sorted(content[session]), SESSIONS[session - 1]))
        assert owners.owner(dict.fromkeys(sessions, 0)) == first
    db.close()
