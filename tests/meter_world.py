"""A person's meter, driven from outside: sign-ins, status lines, refusals, answers and cached answers, by the installed
command and at any minute."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers import NOW_MS, Home, Result, command

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SESSION = "aaaaaaaa-0000-4000-8000-000000000001"
ADA = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222", "ada@example.org")
BOB = ("33333333-3333-4333-8333-333333333333", "44444444-4444-4444-8444-444444444444", "bob@example.com")


class MeterWorld:
    """A home at a moment that a test moves on (`at`, epoch ms)."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.at = NOW_MS
        self._count = 0

    def wait(self, milliseconds: int) -> None:
        self.at += milliseconds

    def run(self, *arguments: str, code: int | None = 0, **env: str) -> Result:
        return self.home.run(*arguments, code=code, env={"TACHOGRAPH_NOW": str(self.at), **env})

    def guard(self, *arguments: str) -> int:
        """The exit code of `guard`."""
        return self.run("guard", "--quiet", *arguments, code=None).code

    def limits(self) -> dict[str, dict[str, Any]]:
        """The limits of the leading account, by key."""
        accounts = self.run("now", "--json").json["accounts"]
        return {limit["key"]: limit for limit in accounts[0]["limits"]} if accounts else {}

    def labels(self) -> list[str | None]:
        return [account["label"] for account in self.run("now", "--json").json["accounts"]]

    def headline(self) -> str:
        return self.run("now", "--format", "medium").stdout.strip()

    # -- what happens on the machine

    def login(self, who: tuple[str, str, str], kind: str = "claude_max", tier: str = "default_claude_max_20x", folder: Path | None = None) -> None:  # fmt: skip
        """Sign in, as Claude Code writes it down."""
        account, organization, email = who
        self._write_config(
            folder,
            oauthAccount={
                "accountUuid": account,
                "organizationUuid": organization,
                "emailAddress": email,
                "organizationType": kind,
                "organizationRateLimitTier": tier,
            },
        )

    def cache(self, payload: dict[str, Any], account: str = ADA[0], at: int | None = None, folder: Path | None = None) -> None:  # fmt: skip
        """An answer of the usage endpoint that Claude Code keeps."""
        fetched = self.at if at is None else at
        cached = {"fetchedAtMs": fetched, "accountUuid": account, "utilization": payload}
        self._write_config(folder, cachedUsageUtilization=cached)

    def _write_config(self, folder: Path | None, **parts: object) -> None:
        path = (folder or self.home.claude) / ".claude.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        new = path.with_suffix(".new")
        new.write_text(json.dumps({**known, **parts}))
        os.replace(new, path)

    def draw(
        self,
        five: tuple[float, int] | None = None,
        week: tuple[float, int] | None = None,
        *,
        session: str = SESSION,
        folder: Path | None = None,
        api_ms: int | None = None,
        more: dict[str, Any] | None = None,
        model: str = "claude-opus-5-5",
        encoding: str = "utf-8",
    ) -> str:
        """One redraw of a status line; resets in epoch milliseconds."""
        limits: dict[str, Any] = dict(more or {})
        for key, value in (("five_hour", five), ("seven_day", week)):
            if value is not None:
                limits[key] = {"used_percentage": value[0], "resets_at": value[1] // 1000}
        document: dict[str, Any] = {
            "session_id": session,
            "transcript_path": str(self.transcript(session, folder)),
            "model": {"id": model, "display_name": "M"},
            "rate_limits": limits,
        }
        if api_ms is not None:
            document["cost"] = {"total_api_duration_ms": api_ms}
        done = subprocess.run(
            [command(), "statusline"],
            env={**self.home.env, "TACHOGRAPH_NOW": str(self.at), "PYTHONIOENCODING": encoding},
            input=json.dumps(document).encode(),
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert not done.stderr, done.stderr
        return done.stdout.decode(encoding).strip()

    def transcript(self, session: str = SESSION, folder: Path | None = None) -> Path:
        return (folder or self.home.claude) / "projects" / "-p" / f"{session}.jsonl"

    def answer(self, model: str = "claude-opus-5-5", session: str = SESSION, at: int | None = None, folder: Path | None = None) -> None:  # fmt: skip
        """A billed answer."""
        usage = {"input_tokens": 10, "output_tokens": 500, "cache_read_input_tokens": 20_000}
        message = {"model": model, "role": "assistant", "type": "message", "stop_reason": "end_turn", "content": [], "usage": usage}  # fmt: skip
        self._write(session, at, message, folder)

    def prompt(self, session: str = SESSION, at: int | None = None, *, result: bool = False, folder: Path | None = None) -> None:  # fmt: skip
        """A prompt, or the result of a tool: the beginning of a request."""
        content: object = [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}] if result else "go on"
        self._write(session, at, {"role": "user", "content": content}, folder, type="user")

    def refuse(self, text: str, quota: dict[str, Any] | None = None, session: str = SESSION, at: int | None = None, folder: Path | None = None) -> None:  # fmt: skip
        """A refusal, as Claude Code writes it into the transcript."""
        message = {
            "model": "<synthetic>",
            "role": "assistant",
            "type": "message",
            "content": [{"type": "text", "text": text}],
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        more: dict[str, Any] = {"isApiErrorMessage": True, "error": "rate_limit", "apiErrorStatus": 429}
        if quota is not None:
            more["quotaLimits"] = quota
        self._write(session, at, message, folder, **more)

    def refuse_week(self, resets_at: int, session: str = SESSION) -> None:
        self.refuse(
            "You've hit your weekly limit",
            {"status": "rejected", "resetsAt": resets_at // 1000, "rateLimitType": "seven_day"},
            session,
        )

    def _write(self, session: str, at: int | None, message: dict[str, Any], folder: Path | None = None, **more: object) -> None:  # fmt: skip
        self._count += 1
        when = datetime.fromtimestamp((self.at if at is None else at) / 1000, UTC)
        id = f"{session[-4:]}{self._count}"
        record = {
            "type": "assistant",
            "uuid": f"u{id}",
            "requestId": f"req_{id}",
            "timestamp": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "sessionId": session,
            "cwd": "/p",
            "version": "2.1.330",
            "message": {"id": f"msg_{id}", **message},
            **more,
        }
        path = self.transcript(session, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a") as file:
            file.write(json.dumps(record) + "\n")


def iso(milliseconds: int) -> str:
    """A moment as the service writes it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def window(percent: float | None, resets_at: int | None) -> dict[str, Any]:
    return {"utilization": percent, "resets_at": None if resets_at is None else iso(resets_at)}
