"""One invented session as records: prompts, streamed answers, tools, subagents, compaction, limits, pull requests."""

from datetime import UTC, datetime, timedelta, tzinfo
from math import log
from random import Random
from typing import Any, NamedTuple

from tachograph.demo import records, stories
from tachograph.demo.chain import Chain
from tachograph.demo.records import Record
from tachograph.demo.script import Act, Earlier, Pull, Script
from tachograph.demo.ways import SessionWay
from tachograph.demo.workdays import Limit

LARGEST_OUTPUT = 4_000
TOOLS = ("Read", "Read", "Read", "Bash", "Bash", "Bash", "Edit", "Edit", "Edit", "Grep", "Grep", "Write", "TodoWrite")


class Helper(NamedTuple):
    agent: str
    records: list[Record]
    meta: Record


class Conversation(NamedTuple):
    """A finished session; `billed` has the time of every message and of every extra part of one."""

    records: list[Record]
    helpers: list[Helper]
    billed: list[datetime]
    ended: datetime
    as_earlier: Earlier


def converse(script: Script, rng: Random, zone: tzinfo) -> Conversation:
    """Play a script; the same script and generator state give the same records."""
    talk = _Talk(script, rng, zone)
    for number, act in enumerate(script.acts):
        talk.act(act, number)
    return talk.finish()


class _Talk:
    """A session while it is being played."""

    def __init__(self, script: Script, rng: Random, zone: tzinfo) -> None:
        self.script, self.rng, self.zone = script, rng, zone
        first = script.acts[0]
        self.chain = Chain(
            rng,
            first.start,
            model=script.model,
            hour="five-minute-writes" not in script.odd,
            known=rng.randint(25_000, 60_000),
            session=script.session,
            cwd=script.cwd,
            branch=first.branch,
            version=script.version,
        )
        self.way = SessionWay(script.session, script.version)
        self.helpers: list[Helper] = []
        self.links: list[Pull] = []
        self.dropped = 0
        self.answers = 0
        self.limit: Limit | None = None
        self.until = first.until
        if script.earlier:
            self._copy(script.earlier)

    def finish(self) -> Conversation:
        chain, script = self.chain, self.script
        if script.title and script.title[0] == "summary":
            chain.records.insert(0, records.title(script.title[1], "summary", leaf=chain.parent or ""))
        past = Earlier(script.session, list(chain.records), chain.context, list(self.links))
        return Conversation(chain.records, self.helpers, chain.billed, chain.now, past)

    def act(self, act: Act, number: int) -> None:
        chain = self.chain
        if act.start > chain.now:
            chain.now = act.start.astimezone(UTC)
        elif number:
            chain.wait(60, 300)
        if number:
            self._links_again()
        self.limit, self.until = act.limit, act.until
        self._prompt(act.prompt)
        if act.branch != chain.place["branch"]:
            self._bash(f"git switch {act.branch}", f"Switched to branch '{act.branch}'", branch=act.branch)
        if act.seen:
            self._bash(f"gh pr view {act.seen.number}", f"open · {act.seen.url}", link=act.seen)
        unfinished = "still going" in self.script.odd and act is self.script.acts[-1]
        self._work(last=unfinished and act.turns == 1)
        if number == 0:
            self._title()
        for turn in range(1, act.turns):
            if chain.now >= act.until:
                break
            chain.wait(50, 420)
            self._prompt(self.rng.choice(stories.NEXT_PROMPTS))
            self._work(last=unfinished and turn == act.turns - 1)
        if act.opens:
            self._open(act.opens)

    def _work(self, *, last: bool) -> None:
        """Claude's side of a turn: tools and errands, then the answer; a last turn is left in the middle."""
        chain, rng, started = self.chain, self.rng, self.chain.now
        if rng.random() < 0.13 or "deep errand" in self.script.odd:
            self._errands()
        for _ in range(2 + min(16, int(rng.expovariate(1 / 2.4)))):
            if chain.now >= self.until:
                break
            self._limit_if_due()
            self._tool()
            if chain.context > self.script.room:
                self._compact()
        if last:
            return
        if rng.random() < 0.01 or ("search" in self.script.odd and self.answers < 10):
            self._search()
        self._say(rng.choice(stories.SUMMARIES), stop="end_turn")
        spent = int((chain.now - started) / timedelta(milliseconds=1))
        chain.system("turn_duration", durationMs=spent, messageCount=len(chain.records), isMeta=False)

    def _prompt(self, text: str) -> None:
        chain = self.chain
        if self.rng.random() < 0.15:
            at = records.timestamp(chain.now)
            queued: Record = {"type": "queue-operation", "timestamp": at, "sessionId": self.script.session}
            chain.records += [queued | {"operation": "enqueue", "content": text}, queued | {"operation": "dequeue"}]
        chain.user(text, 40 + len(text) // 3)
        if self.rng.random() < 0.5:
            snapshot: Record = {
                "messageId": chain.parent,
                "trackedFileBackups": {},
                "timestamp": records.timestamp(chain.now),
            }
            chain.records.append(
                {
                    "type": "file-history-snapshot",
                    "messageId": chain.parent,
                    "snapshot": snapshot,
                    "isSnapshotUpdate": False,
                }
            )

    def _say(self, text: str, *, stop: str, call: Record | None = None) -> None:
        """An answer of up to three blocks: a thought, a sentence, a call."""
        rng, self.answers = self.rng, self.answers + 1
        blocks: list[Record] = []
        if rng.random() < 0.3:
            blocks.append({"type": "thinking", "thinking": rng.choice(stories.THOUGHTS), "signature": "Eo8B"})
        if call is None or rng.random() < 0.45:
            blocks.append({"type": "text", "text": text})
        if call is not None:
            blocks.append(call)
        fast = "fast" in self.script.odd and self.answers % 4 == 2
        parts = "" if self.answers != 3 else next((x for x in _PARTS if x in self.script.odd), "")
        writing = call is None or call["name"] in ("Edit", "Write")
        self.chain.way = self.way.fields()
        self.chain.answer(
            blocks,
            _size(rng, 1_500 if writing else 650, 0.7, LARGEST_OUTPUT),
            stop=stop,
            model="claude-nova-1" if "nova" in self.script.odd and self.answers in (2, 3) else None,
            speed="fast" if fast else "standard",
            parts=parts,
        )

    def _tool(self) -> None:
        rng = self.rng
        name, file = rng.choice(TOOLS), rng.choice(self.script.project.files)
        call = self._call(self.way.tool(name), stories.tool_input(name, self.script.project, file))
        self._say(rng.choice(stories.REMARKS), stop="tool_use", call=call)
        self.chain.wait(0.5, 25 if name == "Bash" else 4)
        size = _size(rng, 15_000, 0.8, 50_000) if name in ("Read", "Bash", "Grep") else rng.randint(90, 700)
        self._result(call, rng.choice(stories.OUTPUTS), size)

    def _bash(self, command: str, output: str, *, branch: str | None = None, link: Pull | None = None) -> None:
        """A command with output that matters: it may change the branch or name a pull request."""
        call = self._call("Bash", {"command": command})
        self._say(self.rng.choice(stories.REMARKS), stop="tool_use", call=call)
        self.chain.wait(1, 5)
        if branch:
            self.chain.place["branch"] = branch
        self._result(call, output, 120)
        if link:
            if link not in self.links:
                self.links.append(link)
            self._link(link)

    def _call(self, name: str, given: dict[str, Any]) -> Record:
        return {"type": "tool_use", "id": self.chain.token("toolu_01"), "name": name, "input": given}

    def _result(self, call: Record, output: str, size: int) -> None:
        block = {"type": "tool_result", "tool_use_id": call["id"], "content": output, "is_error": False}
        outcome = {"stdout": output, "stderr": "", "interrupted": False} if call["name"] == "Bash" else output
        self.chain.user([block], size, toolUseResult=outcome, sourceToolAssistantUUID=self.chain.parent)

    def _search(self) -> None:
        query = {"type": "server_tool_use", "name": "web_search", "input": {"query": self.rng.choice(stories.SEARCHES)}}
        found = {"type": "text", "text": "The second result describes exactly this."}
        self.answers += 1
        self.chain.answer([query, found], self.rng.randint(200, 900), searches=self.rng.randint(1, 3))

    def _open(self, pull: Pull) -> None:
        self.chain.wait(40, 200)
        self._prompt(self.rng.choice(stories.OPEN_PROMPTS))
        self._bash("git push -u origin HEAD", "branch set up to track origin")
        self._bash("gh pr create --fill", pull.url, link=pull)
        self._say(f"Pull request #{pull.number} is open.", stop="end_turn")

    def _link(self, pull: Pull) -> None:
        link = records.pr_link(
            pull.number, at=self.chain.now, session=self.script.session, repository=pull.repository, url=pull.url
        )
        self.chain.records.append(link)

    def _links_again(self) -> None:
        for pull in self.links:
            self._link(pull)

    def _title(self) -> None:
        if self.script.title is None or self.script.title[0] == "summary":
            return
        kind, text = self.script.title
        self.chain.records.append(records.title(text, session=self.script.session))
        if kind == "custom":
            short = str(self.chain.place["branch"]).rpartition("/")[2]
            self.chain.records.append(records.title(short, "custom", session=self.script.session))

    def _compact(self) -> None:
        chain, before, after = self.chain, self.chain.context, self.rng.randint(9_000, 16_000)
        self.dropped += before - after
        chain.wait(25, 70)
        facts = {
            "trigger": "auto",
            "preTokens": before,
            "postTokens": after,
            "cumulativeDroppedTokens": self.dropped,
            "durationMs": 41_000,
        }
        chain.system("compact_boundary", content="Conversation compacted", level="info", compactMetadata=facts)
        chain.user(stories.COMPACT_SUMMARY, 0, isCompactSummary=True, isVisibleInTranscriptOnly=True)
        chain.forget(after)
        self._links_again()

    def _limit_if_due(self) -> None:
        """The notice of the limit, the wait until it resets, and a word to go on."""
        chain, limit = self.chain, self.limit
        if limit is None or chain.now < limit.hit:
            return
        self.limit = None
        chain.wait(1, 3)
        notice = records.limit(
            text=f"You've hit your session limit · resets {_clock(limit.resets, self.zone)}",
            resets_at=limit.resets,
            message=chain.uuid(),
            request=chain.token("req_011C", 20),
            **chain.here(),
        )
        chain.add(notice)
        chain.now = limit.resets.astimezone(UTC)
        chain.wait(60, 420)
        self._prompt("continue")

    def _errands(self) -> None:
        """One to three subagents, each with a file of its own; the session waits for the slowest."""
        count = self.rng.choice((1, 1, 2, 3))
        calls = []
        for kind, what, prompt in self.rng.sample(stories.ERRANDS, count):
            calls.append((kind, self._call("Agent", {"description": what, "prompt": prompt, "subagent_type": kind})))
        began = self.chain.now
        for kind, call in calls:
            self._say(self.rng.choice(stories.REMARKS), stop="tool_use", call=call)
            done = self._helper(kind, call)
            self.chain.now = max(self.chain.now, done)
            self._result(call, "Found what you asked for; details above.", self.rng.randint(400, 1600))
            if self.chain.now - began > timedelta(minutes=6):
                break

    def _helper(self, kind: str, call: Record) -> datetime:
        """A subagent at work; returns when it is done."""
        rng, script = self.rng, self.script
        agent = f"{rng.getrandbits(68):017x}"
        chain = Chain(
            rng,
            self.chain.now,
            model=script.helper,
            hour=False,
            known=rng.randint(3_000, 6_000),
            **{**self.chain.place, "agent": agent, "sidechain": True},
        )
        chain.way = self.way.of_helper(kind)
        chain.user(call["input"]["prompt"], 300)
        deep = "deep errand" in script.odd and not self.helpers
        for _ in range(50 if deep else rng.randint(4, 12)):
            name, file = rng.choice(("Read", "Grep", "Read")), rng.choice(script.project.files)
            inner = self._call(name, stories.tool_input(name, script.project, file))
            chain.answer([inner], _size(rng, 160, 0.5, 900), stop="tool_use")
            chain.wait(0.3, 3)
            block = {"type": "tool_result", "tool_use_id": inner["id"], "content": rng.choice(stories.OUTPUTS)}
            chain.user([block], _size(rng, 2_600, 0.6, 9_000))
        text = {"type": "text", "text": "Here is what I found, with file and line for each place."}
        chain.answer([text], _size(rng, 500, 0.5, 2_000))
        self.chain.billed += chain.billed
        meta = {
            "agentType": kind,
            "toolUseId": call["id"],
            "spawnDepth": 1,
            "isFork": False,
            "description": call["input"]["description"],
            "model": script.helper,
        }
        self.helpers.append(Helper(agent, chain.records, meta))
        return chain.now

    def _copy(self, earlier: Earlier) -> None:
        """The history of another session under this session's id, as --fork-session writes it."""
        chain = self.chain
        for record in earlier.records:
            if "uuid" in record:
                origin = record.get("forkedFrom") or {"sessionId": earlier.session, "messageUuid": record["uuid"]}
                chain.add(record | {"sessionId": self.script.session, "forkedFrom": origin})
        chain.forget(earlier.context)
        self.links = list(earlier.links)
        self._links_again()


_PARTS = ("plain", "compaction", "advisor")


def _size(rng: Random, median: int, spread: float, most: int) -> int:
    """A size around its median with a long tail, from 50 tokens up."""
    return min(most, max(50, int(rng.lognormvariate(log(median), spread))))


def _clock(at: datetime, zone: tzinfo) -> str:
    """`2:40pm (Europe/Berlin)`, as Claude Code words it."""
    local = at.astimezone(zone)
    minutes = f":{local.minute:02d}" if local.minute else ""
    half = "am" if local.hour < 12 else "pm"
    return f"{local.hour % 12 or 12}{minutes}{half} ({getattr(zone, 'key', None) or local.tzname()})"
