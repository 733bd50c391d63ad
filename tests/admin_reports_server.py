"""Anthropic's Admin API on this machine: answers in the form of the sample, with pages, failures and a record of requests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "sk-ant-admin01-canary-key-7741"
USE, COST = "/v1/organizations/usage_report/claude_code", "/v1/organizations/cost_report"


def row(actor: str, day: str, models: dict[str, tuple[int, float | None]], **more: Any) -> dict[str, Any]:
    """A row of the analytics report: tokens and cents by model. `actor` with an @ is a person, else an API key."""
    who = (
        {"email_address": actor, "type": "user_actor"} if "@" in actor else {"api_key_name": actor, "type": "api_actor"}
    )
    return {
        "actor": who,
        "core_metrics": {"commits_by_claude_code": 8, "lines_of_code": {"added": 342, "removed": 128}, "num_sessions": 15,
                         "pull_requests_by_claude_code": 2},
        "customer_type": "api", "date": f"{day}T00:00:00Z", "is_remote": False,
        "model_breakdown": [
            {
                "estimated_cost": None if cents is None else {"amount": cents, "currency": "USD"}, "model": model,
                "tokens": {"cache_creation": 0, "cache_read": 0, "input": tokens - tokens // 4, "output": tokens // 4},
            }
            for model, (tokens, cents) in models.items()
        ],
        "organization_id": "12345678-1234-5678-1234-567812345678", "terminal_type": "iTerm.app",
        "tool_actions": {}, "subscription_type": None, **more,
    }  # fmt: skip


class Reports:
    """State of the service. `uses` by day, `costs` in cents by day; `failures` are answered first, in order."""

    def __init__(self) -> None:
        self.uses: dict[str, list[Any]] = {}
        self.costs: dict[str, str] = {}
        self.failures: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.page_size = 2
        self.base = ""

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.requests.append((path, headers))
        if self.failures:
            return self.failures.pop(0)
        parts, query = urlsplit(path), {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        if headers.get("x-api-key") != KEY or headers.get("anthropic-version") != "2023-06-01":
            return 401, {}, json.dumps({"type": "error", "error": {"type": "authentication_error"}}).encode()
        if parts.path == USE:
            rows = self.uses.get(query["starting_at"], [])
        elif parts.path == COST:
            first, last = (date.fromisoformat(query[name][:10]) for name in ("starting_at", "ending_at"))
            rows = [self._bucket(first + timedelta(n)) for n in range((last - first).days)]
        else:
            return 404, {}, b"{}"
        start = int(query.get("page", "page_0").removeprefix("page_"))
        end = start + self.page_size
        more = end < len(rows)
        document = {"data": rows[start:end], "has_more": more, "next_page": f"page_{end}" if more else None}
        return 200, {}, json.dumps(document).encode()

    def _bucket(self, day: date) -> dict[str, Any]:
        amount = self.costs.get(day.isoformat())
        results = [] if amount is None else [{
            "amount": amount, "currency": "USD", "cost_type": None, "description": None, "model": None, "workspace_id": None,
        }]  # fmt: skip
        following = (day + timedelta(1)).isoformat()
        return {
            "starting_at": f"{day.isoformat()}T00:00:00Z",
            "ending_at": f"{following}T00:00:00Z",
            "results": results,
        }


@contextmanager
def reports_server() -> Iterator[Reports]:
    state = Reports()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = {name.lower(): value for name, value in self.headers.items()}
            status, headers, body = state.answer(self.path, found)
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
