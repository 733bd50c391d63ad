"""The type of a subagent where its own records do not name it: that of the call that started it, or the one in its id.

A call names a type and a prompt, and the subagent's transcript begins with that prompt; they may be read in any order,
so both are stored. Compaction and prompt suggestions run as subagents without a call: their ids begin with their name.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping

from tachograph.ledger.usage.writer import MessageWriter
from tachograph.model.usage.entrypoints import COWORK, is_cowork
from tachograph.model.usage.messages import NO_WAY, Message, Way

_NAMED_ID = re.compile(r"a([a-z][a-z_]+)-[0-9a-f]{4,}\Z")


def type_in_id(agent: str) -> str:
    """The type that a subagent's id names; "" for an ordinary id."""
    found = _NAMED_ID.match(agent)
    return found[1] if found else ""


def write(
    db: sqlite3.Connection,
    spawns: Mapping[tuple[str, int], str],
    subagents: Mapping[tuple[str, str], int],
    sessions: Mapping[str, int],
) -> set[int]:
    """Store calls that start subagents, and the prompts of subagents. Returns the sessions concerned of which messages
    were stored before."""
    concerned = {sessions[uuid] for uuid, _ in (*spawns, *subagents)}
    db.executemany(
        "INSERT INTO spawn VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET agent_type = ?3 WHERE ?3 > agent_type",
        [(sessions[uuid], prompt, kind) for (uuid, prompt), kind in spawns.items()],
    )
    db.executemany(
        "INSERT INTO subagent VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET prompt = ?3 WHERE ?3 < prompt",
        [(sessions[uuid], agent, prompt) for (uuid, agent), prompt in subagents.items()],
    )
    sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM answer WHERE session = ?1) OR EXISTS (SELECT 1 FROM copy WHERE session = ?1)"
    return {session for session in concerned if db.execute(sql, (session,)).fetchone()}


def are_known(db: sqlite3.Connection) -> bool:
    """Test whether any call that starts a subagent is stored."""
    return db.execute("SELECT 1 FROM spawn LIMIT 1").fetchone() is not None


def types_of(db: sqlite3.Connection, sessions: Iterable[int]) -> dict[tuple[int, str], str]:
    """Types by session and id of the subagent, as far as calls are known."""
    sql = (
        "SELECT subagent.session, agent, agent_type FROM subagent JOIN spawn ON spawn.session = subagent.session"
        " AND spawn.prompt = subagent.prompt WHERE subagent.session = ?"
    )
    return {(session, agent): kind for one in sessions for session, agent, kind in db.execute(sql, (one,))}


class WayCompleter:
    """Completes the ways of messages with what their own records do not name."""

    def __init__(self, types: Mapping[tuple[int, str], str], sessions: Mapping[str, int]) -> None:
        self._types, self._sessions = types, sessions
        self._known: dict[Way, Way] = {}

    def completed(self, messages: list[Message]) -> list[Message]:
        """The messages with their ways completed; mostly the messages themselves."""
        folders = {message[4][2][8] for message in messages}
        cowork = {folder for folder in folders if is_cowork(folder)}
        return [
            self._completed(one, one[4][2][8] in cowork) if one[4][2][6] or one[4][2][8] in cowork else one
            for one in messages
        ]

    def _completed(self, message: Message, is_program: bool) -> Message:
        origin, way = message[4][2], message[6][6]
        kind = ""
        if origin[6]:
            kind = type_in_id(origin[6])
            if self._types:
                kinds = [self._types.get((self._sessions[uuid], origin[6]), "") for uuid in message[5]]
                kind = max(kind, *kinds)
        if not is_program and kind <= way[0]:
            return message
        new: Way = (max(way[0], kind), *way[1:5], COWORK if is_program else way[5])
        new = self._known.setdefault(new, new)
        return (*message[:6], (*message[6][:6], new))


def reassign(writer: MessageWriter, sessions: Iterable[int]) -> None:
    """Join the types of subagents into the rows of sessions that learned one after their messages were written."""
    for (session, agent), kind in types_of(writer.db, sorted(sessions)).items():
        condition = (
            "origin IN (SELECT origin.id FROM origin JOIN name ON name.id = origin.agent WHERE name.text = ?2) AND"
            " id IN (SELECT id FROM answer WHERE session = ?1 UNION SELECT message FROM copy WHERE session = ?1)"
        )
        for row in writer.rows(condition, (session, agent)):
            way = writer.ways.joined(row.way, (kind, *NO_WAY[1:]))
            if way != row.way:
                writer.change(row, row._replace(way=way))
        writer.finish()
