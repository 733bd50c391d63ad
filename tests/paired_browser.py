"""A bridge in this process with a browser that was paired, and what such a browser posts."""

import hashlib
import json
import secrets
import socket
from contextlib import closing
from typing import Any, NamedTuple

from chromium import ORIGIN, free_port, set_port
from helpers import NOW, NOW_MS, Home, MovedClock
from tachograph.demo import usage_shapes
from tachograph.ledger.limits import pairings
from tachograph.paths import own_paths
from tachograph.recorder.services import RUNNING
from tachograph.ui.cli.bridge_service import BridgeService

ACCOUNT, ORGANIZATION = "5ca1ab1e-0000-4000-8000-00000000000a", "5ca1ab1e-0000-4000-8000-00000000000b"
FIREFOX = "moz-extension://0f0f0f0f-0000-4000-8000-00000000000f"


class Said(NamedTuple):
    status: int
    head: str
    body: dict[str, Any]


class World:
    """A home, its bridge in this process, and a browser that was paired."""

    def __init__(self, home: Home) -> None:
        self.home, self.clock = home, MovedClock(NOW)
        self.port = free_port()
        set_port(home, self.port)
        self.bridge = BridgeService(own_paths(home.env), self.clock)
        self.token = secrets.token_urlsafe(32)
        with home.ledger() as ledger, ledger.transaction() as db:
            digest = hashlib.sha256(self.token.encode()).digest()
            pairings.add(db, "pairing-1", digest, ORIGIN, "Chromium 156", NOW_MS)
        assert self.tick() == RUNNING

    def tick(self) -> str:
        with self.home.ledger() as ledger:
            return self.bridge.tick(ledger).state

    def send(self, data: bytes, *, patience: float = 10.0) -> bytes:
        """Bytes to the bridge, and all that comes back."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=patience)) as plug:
            plug.sendall(data)
            got = b""
            try:
                while part := plug.recv(65536):
                    got += part
            except ConnectionResetError:
                pass
            return got

    def ask(
        self, path: str = "/v1/readings", body: object = None, *, method: str = "POST", **headers: str | None
    ) -> Said:
        """A good request of the paired browser, with headers changed or (None) left out."""
        data = body if isinstance(body, bytes) else json.dumps(document() if body is None else body).encode()
        all_headers: dict[str, str | None] = {
            "Host": f"127.0.0.1:{self.port}",
            "Origin": ORIGIN,
            "Sec-Fetch-Site": "none",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
        }
        all_headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}\r\n" for name, value in all_headers.items() if value is not None]
        got = self.send(f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1") + data)
        head, _, rest = got.partition(b"\r\n\r\n")
        return Said(int(head.split()[1]) if head else 0, head.decode("latin-1"), json.loads(rest) if rest else {})

    def state(self) -> list[Any]:
        """Everything that a post could change."""
        with closing(self.home.db()) as db:
            tables = (
                "reading",
                "level",
                "window",
                "account",
                "pairing",
                "sighting",
                "billing",
                "offer",
                "choice",
                "poll",
            )
            return [db.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


def document(percent: float = 37.0, /, **changes: Any) -> dict[str, Any]:
    """What a browser posts."""
    account = {
        "account": ACCOUNT,
        "organization": ORGANIZATION,
        "label": "mary@example.org",
        "plan": {"type": "claude_max", "tier": "default_claude_max_20x"},
        "observed_at": NOW_MS,
        "outcome": "ok",
        "usage": usage_shapes.payload("2026-10", NOW, session=percent),
        **changes,
    }
    return {"version": 1, "sent_at": NOW_MS, "browser": "Chromium 156", "outcome": "ok", "accounts": [account]}
