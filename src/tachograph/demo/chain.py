"""One transcript file as it grows: a chain of records, and what the prompt cache would make of it."""

import string
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from tachograph.demo import records
from tachograph.demo.records import Record

SYSTEM_TOKENS = 15_000  # prompt and tools of the client: cached for all sessions, so even a cold start reads them
_LETTERS = string.ascii_letters + string.digits


class Chain:
    """The records of one file, each with the one before it as its parent, and the state of the prompt cache."""

    def __init__(self, rng: Random, now: datetime, *, model: str, hour: bool, known: int, **place: Any) -> None:
        self.rng, self.now, self.model, self.hour, self.place = rng, now.astimezone(UTC), model, hour, place
        self.records: list[Record] = []
        self.billed: list[datetime] = []
        self.parent: str | None = None
        self.cached, self.pending = SYSTEM_TOKENS if known else 0, known
        self.last = self.now
        self.way: dict[str, Any] = {}  # fields of the next answers

    @property
    def context(self) -> int:
        return self.cached + self.pending

    def wait(self, least: float, most: float) -> None:
        self.now += timedelta(seconds=self.rng.uniform(least, most))

    def uuid(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def token(self, prefix: str, length: int = 22) -> str:
        return prefix + "".join(self.rng.choices(_LETTERS, k=length))

    def user(self, text: str | Sequence[Record], size: int, **more: Any) -> None:
        """Something new in the context, `size` tokens long."""
        self.pending += size
        self.add(records.user(text, **self.here(), **more))

    def system(self, subtype: str, **more: Any) -> None:
        here = self.here()
        self.add(records.system(subtype, **here, **more))

    def answer(
        self,
        blocks: Sequence[Record],
        output: int,
        *,
        stop: str = "end_turn",
        model: str | None = None,
        searches: int = 0,
        speed: str = "standard",
        parts: str = "",
    ) -> None:
        """A billed message, one line per block; early lines often carry a placeholder for the output."""
        self.wait(1.5, 7)
        alive = self.now - self.last < timedelta(minutes=60 if self.hour else 5)
        read = self.cached if alive else min(self.cached, SYSTEM_TOKENS)
        spent: dict[str, Any] = {
            "input": self.rng.randint(1, 9),
            "cache_write_1h" if self.hour else "cache_write_5m": self.context - read,
            "cache_read": read,
        }
        said: dict[str, Any] = {
            "model": model or self.model,
            "speed": speed,
            "request": self.token("req_011C", 20),
            "web_searches": searches,
        }
        message = self.token("msg_01")
        early = self.rng.random() < 0.7
        self.billed.append(self.now)
        for index, block in enumerate(blocks):
            last = index == len(blocks) - 1
            self.add(
                records.assistant(
                    message,
                    content=[block],
                    output=output if last or not early else self.rng.randint(1, 7),
                    stop=stop if last else None,
                    iterations=self._iterations(parts, spent | {"output": output}) if last and parts else None,
                    thinking=output // 3 if last and blocks[0]["type"] == "thinking" else 0,
                    **spent,
                    **said,
                    **self.way,
                    **self.here(),
                )
            )
            self.now += timedelta(seconds=output / 70 / len(blocks))
        self.cached, self.pending, self.last = self.context, output, self.now

    def forget(self, size: int) -> None:
        """The context is replaced by a summary of that size."""
        self.cached, self.pending = SYSTEM_TOKENS, size

    def _iterations(self, parts: str, spent: dict[str, Any]) -> list[Record]:
        mirror = records.iteration(**spent)
        if parts == "compaction":
            self.billed.append(self.billed[-1])
            return [records.iteration("compaction", input=40, output=1800, cache_read=150_000), mirror]
        if parts == "advisor":
            self.billed.append(self.billed[-1])
            return [mirror, records.iteration("advisor_message", model="claude-fable-5-1", input=5200, output=640)]
        return [mirror]

    def here(self) -> dict[str, Any]:
        return {"at": self.now, "uuid": self.uuid(), "parent": self.parent, **self.place}

    def add(self, record: Record) -> None:
        self.records.append(record)
        self.parent = record["uuid"]
