"""The type of a subagent where its own records do not name it: that of the call that started it, or the one in its id.

A call names a type and a prompt, and the subagent's transcript begins with that prompt; they may be read in any order,
so both are stored. Compaction and prompt suggestions run as subagents without a call: their ids begin with their name.
"""

from tachograph.lean_re import late_pattern
from tachograph.lean_sqlite import sqlite3
from tachograph.lean_typing import Mapping

_NAMED_ID = late_pattern(r"a([a-z][a-z_]+)-[0-9a-f]{4,}\Z")


def type_in_id(agent: str) -> str:
    """The type that a subagent's id names; "" for an ordinary id."""
    found = _NAMED_ID.match(agent) if "-" in agent else None
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


def types_of(db: sqlite3.Connection, session: int) -> dict[str, str]:
    """Types of a session's subagents by their ids; without those of unknown calls."""
    sql = (
        "SELECT agent, agent_type FROM subagent JOIN spawn ON spawn.session = subagent.session"
        " AND spawn.prompt = subagent.prompt WHERE subagent.session = ?"
    )
    return dict(db.execute(sql, (session,)).fetchall())
