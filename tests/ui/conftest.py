"""Homes with messages that several files of tests look at."""

import pytest

from helpers import NOW, Home
from tachograph.demo import transcripts
from tachograph.demo.records import assistant


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A fortnight of the demo, read once; tests that use it change nothing."""
    home = Home(tmp_path_factory.mktemp("demo") / "home")
    transcripts.write(home.root / "demo", end=NOW, days=14)
    home.env["CLAUDE_CONFIG_DIR"] = str(home.root / "demo")
    home.run("daily")
    return home


@pytest.fixture
def days(home: Home) -> Home:
    """One answer an hour before midnight UTC of every day from 2026-11-01 to 2026-11-23, with its day as output."""
    for day in range(1, 24):
        at = f"2026-11-{day:02}T23:00:00.000Z"
        home.write(
            f"a/{day}.jsonl", [assistant(f"D{day}x", at=at, output=day, session=f"s{day}", cwd=f"/x/p{day % 2}")]
        )
    return home
