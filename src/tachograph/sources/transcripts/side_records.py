"""Put into a batch what records beside the answers say: titles, links, `/clear`, sums, subagents."""

from __future__ import annotations

from tachograph.lean_typing import TYPE_CHECKING
from tachograph.model.usage.messages import NO_TIME
from tachograph.model.usage.pull_requests import join_mentions
from tachograph.sources.transcripts.batch import Batch
from tachograph.sources.transcripts.records import cost_state_of, parse_time, prompt_of, text_of, title_of
from tachograph.sources.transcripts.tool_calls import subagent_origin
from tachograph.sources.transcripts.ways import first_text, prompt_key, spawns_of

if TYPE_CHECKING:
    from typing import Any


CUSTOM, AI = 0, 1  # kinds of title


def note_clear(batch: Batch, record: dict[str, Any]) -> None:
    """Note that a session's context was cleared."""
    session, at = text_of(record.get("sessionId")), parse_time(record.get("timestamp"))
    if at != NO_TIME and at not in batch.clears.setdefault(session, []):
        batch.clears[session].append(at)


def note_cost_state(batch: Batch, record: dict[str, Any], stamp: str) -> None:
    """Note Claude Code's own sum of a session."""
    session, state = text_of(record.get("sessionId")), cost_state_of(record)
    if session and state is not None:
        new = (stamp, *state)
        batch.cost_states[session] = max(batch.cost_states.get(session, new), new)


def note_link(batch: Batch, record: dict[str, Any], repository: str, branch: str, cwd: str) -> None:
    """Note a link to a pull request; `branch` and `cwd` are those of the record before it."""
    url, session = text_of(record.get("prUrl")), text_of(record.get("sessionId"))
    if not url:
        return
    at = parse_time(record.get("timestamp"))
    number = record.get("prNumber")
    number = number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 62 else 0
    link = (at, branch, cwd, number, repository)
    old = batch.links.get((session, url))
    batch.links[session, url] = link if old is None else join_mentions(old, link)


def note_title(batch: Batch, record: dict[str, Any], kind: str, stamp: str, offset: int) -> None:
    """Note a title; `stamp` is the last timestamp before it, since it has none."""
    words = record.get("customTitle") if kind == "custom-title" else record.get("aiTitle")
    session = text_of(record.get("sessionId"))
    if not session or not isinstance(words, str) or not words.strip():
        return
    key = (session, CUSTOM if kind == "custom-title" else AI)
    title = (stamp, offset, title_of(words))
    batch.titles[key] = max(batch.titles.get(key, title), title)


def note_summary(batch: Batch, record: dict[str, Any]) -> None:
    """Note a title of the old form: it names the last record of its session."""
    leaf, words = record.get("leafUuid"), record.get("summary")
    if isinstance(leaf, str) and isinstance(words, str):
        batch.summaries[leaf] = max(batch.summaries.get(leaf, ""), title_of(words))


def note_spawns(batch: Batch, session: str, content: object) -> None:
    """Note the subagents that an answer starts."""
    for prompt, kind in spawns_of(content).items():
        batch.spawns[session, prompt] = max(batch.spawns.get((session, prompt), ""), kind)


def note_spawning_record(batch: Batch, record: dict[str, Any] | None) -> None:
    """Note the subagents that an answer starts; the compiled scanner has taken the rest of its record."""
    message = record.get("message") if record is not None else None
    if record is not None and isinstance(message, dict):
        note_spawns(batch, text_of(record.get("sessionId")), message.get("content"))


def note_progress_record(batch: Batch, record: dict[str, Any] | None) -> None:
    """Note the prompt of the subagent that a progress record is about; the compiled scanner has taken the rest of it."""
    data = record.get("data") if record is not None else None
    if record is not None and isinstance(data, dict):
        note_subagent(batch, text_of(record.get("sessionId")), text_of(data.get("agentId")), data.get("prompt"))


def note_subagent(batch: Batch, session: str, agent: str, prompt: object) -> None:
    """Note the prompt of a subagent."""
    if agent and isinstance(prompt, str) and prompt:
        key = prompt_key(prompt)
        batch.subagents[session, agent] = min(batch.subagents.get((session, agent), key), key)


def note_first_record(batch: Batch, record: dict[str, Any]) -> tuple[str, str]:
    """Note the prompt of a subagent, with which its transcript begins; returns its session and id."""
    message = record.get("message")
    session, agent = text_of(record.get("sessionId")), text_of(record.get("agentId"))
    if isinstance(message, dict):
        note_subagent(batch, session, agent, first_text(message.get("content")))
    return session, agent


def note_type_beside(batch: Batch, subagent: tuple[str, str], path: bytes) -> None:
    """Note the type of a subagent that a file beside its transcript names, as if a call had named it."""
    prompt = batch.subagents.get(subagent)
    origin = subagent_origin(path) if prompt is not None else None
    if prompt is not None and origin is not None and origin.kind:
        key = (subagent[0], prompt)
        batch.spawns[key] = max(batch.spawns.get(key, ""), origin.kind)


def note_prompt(batch: Batch, record: dict[str, Any]) -> bool:
    """Note the words that began a session; False if a user record holds none."""
    session, words = text_of(record.get("sessionId")), prompt_of(record)
    if not session or not words:
        return False
    prompt = (parse_time(record.get("timestamp")), words)
    batch.prompts[session] = min(batch.prompts.get(session, prompt), prompt)
    return True
