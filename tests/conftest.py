"""Fixtures of all tests: a temporary home, and the real transcripts where this machine has some.

`TACHOGRAPH_TRANSCRIPTS` names a folder with sets of real transcripts (NAME/config/projects/**, NAME/oracle.json).
`TACHOGRAPH_TEST_REQUIRE_ALL=1` makes a failure of every test that is skipped because something is missing, so that a
green run says that everything ran.
"""

import os
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from helpers import NOW_MS, Home, Result
from tachograph.recorder.ingest import Pass

NOT_HERE = "not on this platform"  # a skip for this reason is no missing component


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own, and this process's environment pointing to it."""
    made = Home(tmp_path / "home")
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "NO_COLOR", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if hasattr(time, "tzset"):
        time.tzset()
    return made


@pytest.fixture
def write(home: Home) -> Callable[..., Path]:
    return home.write


@pytest.fixture
def run(home: Home) -> Callable[..., Result]:
    return home.run


@pytest.fixture
def ingest(home: Home) -> Callable[..., Pass]:
    return home.ingest


@pytest.fixture(scope="session")
def transcripts_root() -> Path:
    """The folder of real transcripts."""
    root = Path(os.environ.get("TACHOGRAPH_TRANSCRIPTS") or "-")
    if not root.is_dir():
        pytest.skip("TACHOGRAPH_TRANSCRIPTS names no folder of real transcripts")
    return root


@pytest.fixture
def now_ms() -> int:
    return NOW_MS


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> int:
    """A pass commits whenever it holds so many messages, as it does after some thousands otherwise."""
    from tachograph.recorder import workers

    monkeypatch.setattr(workers, "_BATCH_MESSAGES", 100)
    return 100


# -- what is run, and what a skip means ------------------------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Soak tests run only where they are asked for: `-m soak`, or by name."""
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]


def _requires_all() -> bool:
    return os.environ.get("TACHOGRAPH_TEST_REQUIRE_ALL") == "1"


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure, unless it is an expected failure or meant for another platform."""
    if not _requires_all() or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if NOT_HERE in reason:
        return
    report.outcome = "failed"
    report.longrepr = f"skipped, but TACHOGRAPH_TEST_REQUIRE_ALL=1: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report
