#!/usr/bin/env python3
"""Make a seeded, realistic folder of Claude Code transcripts, with the true totals beside it.

    gen_corpus.py OUT_CONFIG_DIR TARGET_MB N_FILES DAYS [SEED]

Writes OUT/projects/<project>/<session>.jsonl, .../<session>/subagents/agent-*.jsonl and OUT/truth.json. The same
arguments give the same bytes on every machine: all chance comes from one random.Random, so the order in which it is
asked is part of the format. Change nothing here without changing the corpora's names in corpora.py.

What counts: each answer once, whatever the number of lines, files and sessions it stands in, with the largest output
of its copies; nothing of model <synthetic>; nothing that only looks like usage.

Key order follows Claude Code 2.x (head: parentUuid, isSidechain, userType, cwd, sessionId, version, gitBranch; then the
message; tail: requestId, type, uuid, timestamp). Traps included: toolUseResult.usage in user records, progress records
that embed an assistant message found nowhere else (it counts), "usage" as escaped text in tool output, <synthetic>
messages, lines cut off at the end of a file, messages without a requestId, 10 % of records in another key order,
answers streamed over several lines, resumed sessions that copy history, pull-request links, titles, iterations.
"""

from __future__ import annotations

import base64
import copy
import datetime
import json
import math
import os
import random
import sys
import time
import uuid
from dataclasses import dataclass, field

WORDS = (  # noqa: SIM905 - one word a line would be seventy lines
    "def return import self value class None token usage index buffer parse error result path config model session "
    "await async const function export type interface string number boolean if else for while try except raise "
    "lambda yield with open read write close stream file line count total cache daily monthly report chart table "
    "user project build test run assert equal true false null commit branch merge rebase push pull issue review"
).split()
_NAMES = "foo bar web-app api-server dotfiles ml-train game infra docs cli-tool mobile etl".split()  # noqa: SIM905
PROJECTS = [
    *((f"-home-u-code-{name}", f"/home/u/code/{name}") for name in _NAMES),
    ("-home-u-code-web-app--claude-worktrees-x", "/home/u/code/web-app/.claude/worktrees/x"),
]
MODELS = ["claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001", "claude-opus-4-6"]
VERSIONS = [b"2.0.14", b"2.0.76", b"2.1.3", b"2.1.29"]
TOOLS = (b"Read", b"Bash", b"Edit", b"Write", b"Grep", b"Glob", b"Task", b"TodoWrite")
LAST_DAY = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC).timestamp()
ALNUM = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789"

Counts = tuple[int, int, int, int, int]  # input, output, cache read, 1-hour write, 5-minute write


@dataclass
class Session:
    """The running state of one transcript: what its next record's head and time are made of."""

    cwd: bytes
    session_id: bytes
    version: bytes
    branch: bytes
    parent: bytes
    time: float
    agent: bytes = b""
    pull_request: int = 0


@dataclass
class Truth:
    """What a right reader must find."""

    messages: dict[tuple[bytes, bytes], tuple[str, str, Counts]] = field(default_factory=dict)
    usage_lines: int = 0
    duplicate_lines: int = 0
    size_bytes: int = 0
    files: int = 0

    def note(self, message_id: bytes, request_id: bytes, day: str, model: str, counts: Counts) -> None:
        """One line of a message: the first day and the largest output stand."""
        key = (message_id, request_id)
        old = self.messages.get(key)
        if old is None:
            self.messages[key] = (day, model, counts)
        elif counts[1] > old[2][1]:
            self.messages[key] = (min(old[0], day), model, counts)

    def as_json(self) -> dict[str, object]:
        by_day_model: dict[str, list[int]] = {}
        for day, model, counts in self.messages.values():
            row = by_day_model.setdefault(f"{day}|{model}", [0] * 6)
            row[0] += 1
            for i, count in enumerate(counts):
                row[i + 1] += count
        return {
            "bytes": self.size_bytes,
            "files": self.files,
            "usage_lines_generated": self.usage_lines,
            "dup_lines": self.duplicate_lines,
            "unique": len(self.messages),
            "totals[n,in,out,cr,c1h,c5m]": [sum(row[i] for row in by_day_model.values()) for i in range(6)],
            "by_day_model": by_day_model,
        }


class Chance:
    """One seeded source of chance, and the texts, images and names drawn from it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.pool = [json.dumps(self._line() + "\n", ensure_ascii=False)[1:-1].encode() for _ in range(20000)]
        self.mean_line = sum(map(len, self.pool)) / len(self.pool)
        self.images = [base64.b64encode(self.rng.randbytes(self.rng.randint(150_000, 760_000))) for _ in range(24)]
        self.signatures = [base64.b64encode(self.rng.randbytes(self.rng.randint(200, 900))) for _ in range(200)]

    def _line(self) -> str:
        rng = self.rng
        k = rng.random()
        if k < 0.04:
            return ""
        line = " " * rng.choice((0, 0, 2, 4, 4, 8))
        line += " ".join(rng.choice(WORDS) for _ in range(rng.randint(2, 14)))
        if k < 0.2:
            return f'{line} = "{rng.choice(WORDS)}"'
        if k < 0.3:
            return f"{line}({rng.choice(WORDS)})  # {rng.randint(0, 99999)}"
        if k < 0.34:
            return line + " — é✓ 日本語"
        if k < 0.36:
            return f'{line} {{"usage": {{"input_tokens": {rng.randint(1, 999)}}}}}'
        if k < 0.38:
            return line + r' C:\path\to\x "type":"assistant"'
        return line

    def text(self, size_bytes: float) -> bytes:
        """Lines of JSON-escaped text, about this long."""
        lines = max(1, int(size_bytes / self.mean_line))
        start = self.rng.randrange(0, max(1, len(self.pool) - lines))
        return b"".join(self.pool[start : start + lines])

    def log_uniform(self, low: float, high: float) -> float:
        return math.exp(self.rng.uniform(math.log(low), math.log(high)))

    def uuid(self) -> bytes:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4)).encode()

    def id(self, prefix: str) -> bytes:
        return (prefix + "".join(self.rng.choices(ALNUM, k=22))).encode()


def stamp(seconds: float) -> bytes:
    ms = int(seconds * 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(ms // 1000))}.{ms % 1000:03}Z".encode()


class Writer:
    """Appends the records of one session to a list of lines until a budget of bytes is spent."""

    def __init__(self, chance: Chance, truth: Truth, session: Session, *, sidechain: bool, lines: list[bytes]) -> None:
        self.chance, self.rng, self.truth, self.session = chance, chance.rng, truth, session
        self.sidechain, self.lines = sidechain, lines
        self.size = 0
        self.time = session.time
        weights = (1, 3, 5, 1) if sidechain else (5, 4, 2, 2)
        self.model = self.rng.choices(MODELS, weights)[0]
        self.context = self.rng.randint(12000, 30000)

    def run(self, budget: float) -> None:
        while self.size < budget:
            self.time += self.rng.uniform(5, 300)
            self._prompt()
            for _ in range(self.rng.randint(2, 14)):
                tool, tool_id = self._answer()
                self._tool_result(tool, tool_id)
                self._asides(tool_id)
                if self.size > budget:
                    break
        self.session.time = self.time

    def _put(self, line: bytes) -> None:
        self.lines.append(line)
        self.size += len(line)

    def _head(self) -> bytes:
        s = self.session
        return head(s, sidechain=self.sidechain)

    def _tail(self, kind: bytes) -> bytes:
        self.session.parent = self.chance.uuid()
        return b'"type":"%s","uuid":"%s","timestamp":"%s"}\n' % (kind, self.session.parent, stamp(self.time))

    def _prompt(self) -> None:
        text, rng, s = self.chance.text, self.rng, self.session
        line = self._head()
        line += b'"message":{"role":"user","content":"%s"},' % text(self.chance.log_uniform(40, 1500))
        if rng.random() < 0.3:
            line += b'"thinkingMetadata":{"level":"high","disabled":false,"triggers":[]},'
        self._put(line + self._tail(b"user"))
        if not self.sidechain and rng.random() < 0.5:
            backups = b",".join(
                b'"src/f%d.py":{"backupFileName":"%s@v%d","version":%d,"backupTime":"%s"}'
                % (i, self.chance.uuid()[:16], i, i, stamp(self.time))
                for i in range(rng.randint(0, 8))
            )
            self._put(
                b'{"type":"file-history-snapshot","messageId":"%s","snapshot":{"messageId":"%s",'
                b'"trackedFileBackups":{%s},"timestamp":"%s"},"isSnapshotUpdate":false}\n'
                % (s.parent, s.parent, backups, stamp(self.time))
            )
        if rng.random() < 0.05:
            self._put(
                b'{"type":"queue-operation","operation":"enqueue","timestamp":"%s","sessionId":"%s","content":"%s"}\n'
                % (stamp(self.time), s.session_id, text(100))
            )

    def _answer(self) -> tuple[bytes, bytes]:
        """One answer over its one to four streamed lines; the tool it calls and that call's id."""
        chance, rng = self.chance, self.rng
        if rng.random() < 0.02:
            self.model = rng.choice(MODELS)
        message_id, request_id = chance.id("msg_01"), chance.id("req_011")
        self.time += rng.uniform(2, 40)
        cache_write, output = int(chance.log_uniform(200, 9000)), int(chance.log_uniform(30, 4000))
        input_tokens = rng.choice((1, 2, 3, 4, 5, 8, 12, 300))
        write_5m = cache_write if rng.random() < 0.5 else 0
        if rng.random() < 0.01:
            request_id = b""
        synthetic = rng.random() < 0.004
        tool = rng.choice(TOOLS)
        tool_id = chance.id("toolu_01")
        parts = self._parts(tool, tool_id)
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            so_far = output if last else min(output, rng.randint(1, 8) + i)
            counts: Counts = (input_tokens, so_far, self.context, cache_write - write_5m, write_5m)
            self._answer_line(
                part,
                ids=(message_id, request_id),
                counts=(0, 0, 0, 0, 0) if synthetic else counts,
                at=stamp(self.time + i * 0.4),
                synthetic=synthetic,
                last=last,
            )
        if self.context < 175000:
            self.context = min(180000, self.context + cache_write)
        else:
            self.context = rng.randint(15000, 40000)
        self.time += rng.uniform(0.2, 30)
        return tool, tool_id

    def _parts(self, tool: bytes, tool_id: bytes) -> list[bytes]:
        chance, rng, parts = self.chance, self.rng, []
        if rng.random() < 0.45:
            thought = chance.text(chance.log_uniform(100, 6000))
            parts.append(
                b'{"type":"thinking","thinking":"%s","signature":"%s"}' % (thought, rng.choice(chance.signatures))
            )
        if rng.random() < 0.6:
            parts.append(b'{"type":"text","text":"%s"}' % chance.text(chance.log_uniform(60, 3000)))
        longest = 12000 if tool in (b"Write", b"Edit") else 400
        parts.append(
            b'{"type":"tool_use","id":"%s","name":"%s","input":{"file_path":"%s/src/f.py","content":"%s"}}'
            % (tool_id, tool, self.session.cwd, chance.text(chance.log_uniform(60, longest)))
        )
        if rng.random() < 0.1:
            parts.append(
                b'{"type":"tool_use","id":"%s","name":"Bash","input":{"command":"%s"}}'
                % (chance.id("toolu_01"), chance.text(120))
            )
        return parts

    def _answer_line(
        self, part: bytes, *, ids: tuple[bytes, bytes], counts: Counts, at: bytes, synthetic: bool, last: bool
    ) -> None:
        rng = self.rng
        message_id, request_id = ids
        model = b"<synthetic>" if synthetic else self.model.encode()
        message = (
            b'"message":{"model":"%s","id":"%s","type":"message","role":"assistant","content":[%s],"stop_reason":%s,'
            b'"stop_sequence":null,%s,"context_management":null},'
            % (model, message_id, part, b'"tool_use"' if last else b"null", self._usage(counts))
        )
        request = b'"requestId":"%s",' % request_id if request_id else b""
        line_uuid = self.chance.uuid()
        if rng.random() < 0.1:  # another key order
            line = b'{"type":"assistant","timestamp":"%s","uuid":"%s",%s' % (at, line_uuid, request)
            line += message + self._head()[1:-1] + b"}\n"
        else:
            line = self._head() + message + request
            line += b'"type":"assistant","uuid":"%s","timestamp":"%s"}\n' % (line_uuid, at)
        self.session.parent = line_uuid
        self._put(line)
        self.truth.usage_lines += 1
        if not synthetic:
            self.truth.note(message_id, request_id, at[:10].decode(), self.model, counts)

    def _usage(self, counts: Counts) -> bytes:
        input_tokens, output, read, write_1h, write_5m = counts
        more = b""
        if self.rng.random() < 0.6:
            more = (
                b',"server_tool_use":{"web_search_requests":0,"web_fetch_requests":0},"inference_geo":"not_available",'
                b'"iterations":[{"type":"message","input_tokens":%d,"output_tokens":%d}]' % (input_tokens, output)
            )
        return (
            b'"usage":{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,'
            b'"cache_creation":{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":%d},"output_tokens":%d,'
            b'"service_tier":"standard"%s}'
            % (input_tokens, write_1h + write_5m, read, write_5m, write_1h, output, more)
        )

    def _tool_result(self, tool: bytes, tool_id: bytes) -> None:
        text, rng, log_uniform = self.chance.text, self.rng, self.chance.log_uniform
        k = rng.random()
        line = self._head()
        if tool == b"Task" and not self.sidechain:
            result = text(log_uniform(300, 6000))
            line += (
                b'"message":{"role":"user","content":[{"tool_use_id":"%s","type":"tool_result","content":'
                b'[{"type":"text","text":"%s"}]}]},"toolUseResult":{"status":"completed","prompt":"%s","agentId":"%s",'
                b'"content":[{"type":"text","text":"%s"}],"totalDurationMs":%d,"totalTokens":%d,"totalToolUseCount":9,'
                b'"usage":{"input_tokens":4,"cache_creation_input_tokens":905,"cache_read_input_tokens":58000,'
                b'"cache_creation":{"ephemeral_5m_input_tokens":905,"ephemeral_1h_input_tokens":0},"output_tokens":%d,'
                b'"service_tier":"standard"}},'
                % (
                    tool_id,
                    result,
                    text(300),
                    self.chance.uuid()[:8],
                    result,
                    rng.randint(1000, 99999),
                    rng.randint(9999, 99999),
                    rng.randint(100, 3000),
                )
            )
        elif k < 0.003:
            image = rng.choice(self.chance.images)
            line += (
                b'"message":{"role":"user","content":[{"tool_use_id":"%s","type":"tool_result","content":'
                b'[{"type":"image","source":{"type":"base64","data":"%s","media_type":"image/png"}}]}]},'
                b'"toolUseResult":{"type":"image","file":{"base64":"%s","type":"image/png","originalSize":%d}},'
                % (tool_id, image, image if rng.random() < 0.5 else b"", len(image))
            )
        else:
            result = text(log_uniform(1000, 60000) if rng.random() < 0.35 else log_uniform(80, 2500))
            second = result if rng.random() < 0.6 else b""
            line += (
                b'"message":{"role":"user","content":[{"tool_use_id":"%s","type":"tool_result","content":"%s",'
                b'"is_error":false}]},"toolUseResult":{"stdout":"%s","stderr":"","interrupted":false,"isImage":false},'
                % (tool_id, result, second)
            )
        self._put(line + self._tail(b"user"))

    def _asides(self, tool_id: bytes) -> None:
        """Records that are neither prompt, answer nor result."""
        text, rng, s = self.chance.text, self.rng, self.session
        if rng.random() < 0.04:
            line = self._head() + b'"subtype":"turn_duration","content":"%s","level":"info","durationMs":%d,' % (
                text(60),
                rng.randint(1, 99999),
            )
            self._put(line + self._tail(b"system"))
        if not self.sidechain and rng.random() < 0.03:
            self._progress(tool_id)
        if not self.sidechain and rng.random() < 0.004:  # a pull request, linked again now and then
            s.pull_request = s.pull_request or rng.randint(1, 900)
            name = s.cwd.rsplit(b"/", 1)[-1]
            self._put(
                b'{"type":"pr-link","sessionId":"%s","prNumber":%d,"prUrl":"https://example.org/u/%s/pull/%d",'
                b'"prRepository":"u/%s","timestamp":"%s"}\n'
                % (s.session_id, s.pull_request, name, s.pull_request, name, stamp(self.time))
            )
        if not self.sidechain and rng.random() < 0.02:
            self._put(b'{"type":"ai-title","sessionId":"%s","aiTitle":"%s"}\n' % (s.session_id, text(40)))

    def _progress(self, tool_id: bytes) -> None:
        """agent_progress embeds an assistant message found nowhere else: it counts."""
        message_id, request_id = self.chance.id("msg_01"), self.chance.id("req_011")
        at, model = stamp(self.time), MODELS[2]
        line = self._head() + (
            b'"data":{"message":{"type":"assistant","timestamp":"%s","message":{"model":"%s","id":"%s",'
            b'"type":"message","role":"assistant","content":[{"type":"text","text":"%s"}],"stop_reason":null,'
            b'"usage":{"input_tokens":3,"cache_creation_input_tokens":9,"cache_read_input_tokens":99,'
            b'"output_tokens":77}},"requestId":"%s","uuid":"%s"},"type":"agent_progress","agentId":"%s"},"toolUseID":"%s",'
            % (
                at,
                model.encode(),
                message_id,
                self.chance.text(900),
                request_id,
                self.chance.uuid(),
                self.chance.uuid()[:8],
                tool_id,
            )
        )
        self._put(line + self._tail(b"progress"))
        self.truth.note(message_id, request_id, at[:10].decode(), model, (3, 77, 99, 0, 9))


def head(s: Session, *, sidechain: bool) -> bytes:
    line = (
        b'{"parentUuid":"%s","isSidechain":%s,"userType":"external","cwd":"%s","sessionId":"%s","version":"%s",'
        b'"gitBranch":"%s",' % (s.parent, b"true" if sidechain else b"false", s.cwd, s.session_id, s.version, s.branch)
    )
    return line + (b'"agentId":"%s",' % s.agent if sidechain else b"")


def generate(out: str, target_mb: float, n_files: int, days: int, seed: int = 7) -> Truth:
    """Write the transcripts below out, then truth.json."""
    chance, truth = Chance(seed), Truth()
    rng, target = chance.rng, int(target_mb * 1e6)
    first_day = LAST_DAY - days * 86400
    previous: dict[str, tuple[bytes, list[bytes], float]] = {}  # by project: session, its lines, its end

    def save(path: str, lines: list[bytes], mtime: float) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = b"".join(lines)
        with open(path, "wb") as f:
            f.write(data)
        os.utime(path, (mtime, mtime))
        truth.size_bytes += len(data)
        truth.files += 1

    while truth.files < n_files or truth.size_bytes < target * 0.985:
        project, cwd = rng.choices(PROJECTS, [1 / (i + 1) for i in range(len(PROJECTS))])[0]
        s = Session(
            cwd=cwd.encode(),
            session_id=chance.uuid(),
            version=rng.choice(VERSIONS),
            branch=rng.choice((b"main", b"feat/x", b"fix-1")),
            parent=chance.uuid(),
            time=first_day + rng.random() * (days - 1) * 86400,
        )
        files_left = max(1, n_files - truth.files)
        share = max(2000, (target - truth.size_bytes) / files_left)
        budget = min(share * rng.choice((0.1, 0.3, 0.6, 0.8, 1, 1.3, 2.9)), target - truth.size_bytes + 2000)
        if files_left == 1:
            budget = max(2000, target - truth.size_bytes)
        lines: list[bytes] = []
        if rng.random() < 0.3:
            lines.append(
                b'{"type":"summary","summary":"%s","leafUuid":"%s"}\n' % (chance.text(60), chance.uuid()),
            )
        if project in previous and rng.random() < 0.35:  # resume: copied history with the new sessionId
            old_id, old_lines, old_end = previous[project]
            copied = old_lines[: max(1, int(len(old_lines) * rng.uniform(0.05, 0.3)))]
            if sum(map(len, copied)) < budget * 0.6:
                copied = [line.replace(old_id, s.session_id) for line in copied]
                truth.duplicate_lines += sum(b'"usage":{' in line for line in copied)
                lines += copied
                s.time = max(old_end, s.time)
        Writer(chance, truth, s, sidechain=False, lines=lines).run(budget - sum(map(len, lines)))
        if rng.random() < 0.03:  # cut off in the middle of a line
            lines.append(
                head(s, sidechain=False) + b'"message":{"model":"claude-opus-4-6","id":"msg_trunc","type":"message",'
                b'"role":"assistant","content":[{"type":"te'
            )
        folder = f"{out}/projects/{project}"
        save(f"{folder}/{s.session_id.decode()}.jsonl", lines, s.time)
        previous[project] = (s.session_id, lines[:1500], s.time)
        if truth.files < n_files and rng.random() < 0.35:
            for _ in range(rng.choice((1, 1, 2, 3))):
                if truth.files >= n_files:
                    break
                agent = copy.copy(s)
                agent.agent, agent.parent = chance.uuid()[:8], chance.uuid()
                agent.time = max(first_day, s.time - 3000)
                its_lines: list[bytes] = []
                its_budget = share * rng.choice((0.05, 0.15, 0.4))
                Writer(chance, truth, agent, sidechain=True, lines=its_lines).run(its_budget)
                path = f"{folder}/{s.session_id.decode()}/subagents/agent-{agent.agent.decode()}.jsonl"
                save(path, its_lines, agent.time)
    with open(f"{out}/truth.json", "w") as f:
        json.dump(truth.as_json(), f)
    return truth


def main() -> None:
    out, target_mb, n_files, days = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    truth = generate(out, target_mb, n_files, days, int(sys.argv[5]) if len(sys.argv) > 5 else 7)
    print(f"{truth.size_bytes:,} bytes, {truth.files:,} files, {len(truth.messages):,} messages")


if __name__ == "__main__":
    main()
