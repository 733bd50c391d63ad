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


# Files whose tests take seconds each: killed processes, damaged disks, hundreds of invented histories.
SLOW_FILES = {
    "test_kill.py",
    "test_properties.py",
    "test_folder_order.py",
    "test_old_ledgers.py",
    "test_secrets.py",
    "test_process.py",
    "test_power_cut.py",
    "test_faults.py",
    "test_week.py",
    "test_day.py",
    "test_output.py",
    "test_outputs.py",
    "test_estimates.py",
    "test_rescue.py",
    "test_backup_restore_purge.py",
    "test_transcripts.py",
    "test_live.py",
    "test_retention.py",
    "test_real_transcripts.py",
    "test_replacing.py",
    "test_scenarios.py",
    "test_handed_out.py",
    "test_union.py",
    "test_failures.py",
    "test_payloads.py",
    "test_weights.py",
    "test_limit_histories.py",
    "test_frame.py",
    "test_every_output.py",
    "test_process_tree.py",
    "test_scripts.py",
    "test_quota_traces.py",
    "test_quota_ledger.py",
    "test_pages_agree.py",
}
DESKTOP_HELPERS = {"chromium", "firefox_browser", "linux_desktop", "tmux_terminal"}


def _needs_desktop(item: pytest.Item) -> bool:
    """A test file that imports a helper for a browser, a panel or a terminal needs that program."""
    module = getattr(item, "module", None)
    owners = {getattr(value, "__module__", None) or getattr(value, "__name__", "") for value in vars(module).values()}
    return bool(owners & DESKTOP_HELPERS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests that need a desktop; leave out soak and Windows tests unless they are asked for by mark or name."""
    for item in items:
        if _needs_desktop(item):
            item.add_marker("desktop")
        if item.path.name in SLOW_FILES:
            item.add_marker("slow")
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    left_out = [item for item in items if item.get_closest_marker("soak") or item.get_closest_marker("wine")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


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
