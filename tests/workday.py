"""A workday of the demo at one time, for tests: any command, the tray and the page in its home."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers import Home
from served_dashboard import Served
from tachograph.model.usage.periods import Calendar, parsed_zone
from tachograph.model.usage.prices import load
from tachograph.queries.tray_state import tray_state
from tachograph.ui.tray.view import Environment, Menu, view

UTC = Calendar(*parsed_zone("UTC"))


class Day:
    """A workday at one time: any command, the tray and the page in its home."""

    def __init__(self, root: Path, name: str, at: str) -> None:
        self.home = Home(root)
        where = ("--scenario", name, *(("--at", at) if at else ()), "--keep", str(root / "kept"))
        made = self.home.run("demo", *where, "now")
        self.screen, self.log = made.stdout, made.stderr
        line = next(line for line in made.stderr.splitlines() if "TACHOGRAPH_NOW=" in line)
        self.home.env |= dict(word.split("=", 1) for word in line.split() if "=" in word)

    @property
    def now_ms(self) -> int:
        return int(self.home.env["TACHOGRAPH_NOW"])

    def json(self, *command: str) -> Any:
        return self.home.run(*command, "--json", code=None).json

    def limits(self) -> dict[str, float]:
        return {one["key"]: one["percent"] for one in self.json("now")["accounts"][0]["limits"]}

    def tray(self) -> Menu:
        with self.home.ledger() as ledger:
            return view(tray_state(ledger.db, load({})[0], UTC, self.now_ms), Environment(), UTC)

    @contextmanager
    def page(self) -> Iterator[Served]:
        served = Served(self.home, self.now_ms)
        try:
            yield served
        finally:
            served.stop()
