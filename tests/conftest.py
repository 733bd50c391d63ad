"""Fixtures of all tests: a temporary home, and the real transcripts where this machine has some.

`TACHOGRAPH_TRANSCRIPTS` names a folder with sets of real transcripts (NAME/config/projects/**, NAME/oracle.json).
`TACHOGRAPH_TEST_REQUIRE_ALL=1` makes a failure of every test that is skipped because something is missing, so that a
green run says that everything ran.
"""

import gc
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from helpers import NOW_MS, Home, Result
from tachograph.recorder.ingest import Pass

NOT_HERE = "not on this platform"  # a skip for this reason is no missing component

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job; the programs under test inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


# -- where temporary files lie ---------------------------------------------------------------------------------

_ROOM = 6 << 30  # bytes


def _choose_memory_for_temporary_files(folder: str = "/dev/shm") -> None:  # noqa: S108 - a folder of files in memory
    """Keep temporary homes in memory where there is room: each closed ledger waits for the disk, for half of the time.

    What the tests claim of full disks, killed processes and power cuts does not depend on it: a disk that fills up is a
    file system of its own, and a power cut is played by files that miss their last writes.
    """
    if sys.platform != "linux" or not os.access(folder, os.W_OK | os.X_OK):
        return
    status = os.statvfs(folder)
    if status.f_bavail * status.f_frsize > _ROOM and not status.f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folder)


_choose_memory_for_temporary_files()

# -- memory that is never given back --------------------------------------------------------------------------

# Imported modules, test items and syntax trees last as long as the run. Looking through them for garbage after each
# few hundred new objects took a fifth of its time.
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    gc.freeze()


# -- time ------------------------------------------------------------------------------------------------------

# A loaded machine takes seconds for what takes milliseconds alone: that fails no test.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


# -- what is run, and what a skip means ------------------------------------------------------------------------


TESTS = Path(__file__).parent
# Files that take seconds of a core: installed commands, killed processes, servers, hundreds of invented histories.
SLOW_FILES = {
    "demo/test_transcripts.py",
    "hub/test_client.py",
    "hub/test_erasing.py",
    "hub/test_failures.py",
    "hub/test_limits.py",
    "hub/test_machines.py",
    "hub/test_postgres.py",
    "hub/test_privacy.py",
    "hub/test_restore.py",
    "hub/test_route_access.py",
    "hub/test_team.py",
    "hub/test_team_access.py",
    "hub/test_team_documents.py",
    "hub/test_team_forecasts.py",
    "hub/test_team_promises.py",
    "hub/test_telemetry.py",
    "hub/test_union.py",
    "ledger/test_faults.py",
    "ledger/test_ledger_folders.py",
    "ledger/test_old_ledgers.py",
    "ledger/test_power_cut.py",
    "ledger/test_retention.py",
    "ledger/test_schema_versions.py",
    "ledger/test_zones.py",
    "model/test_learner.py",
    "model/test_weights.py",
    "queries/test_estimates.py",
    "queries/test_limit_histories.py",
    "queries/test_sources.py",
    "queries/test_what_if.py",
    "recorder/test_claude_code.py",
    "recorder/test_day.py",
    "recorder/test_ingest.py",
    "recorder/test_kill.py",
    "recorder/test_prepared.py",
    "recorder/test_process.py",
    "recorder/test_process_tree.py",
    "recorder/test_week.py",
    "setup/test_backup_restore_purge.py",
    "setup/test_doctor.py",
    "setup/test_replacing.py",
    "setup/test_rescue.py",
    "test_every_output.py",
    "test_folder_order.py",
    "test_outputs.py",
    "test_payloads.py",
    "test_properties.py",
    "test_quota_ledger.py",
    "test_quota_traces.py",
    "test_real_transcripts.py",
    "test_samples.py",
    "test_secrets.py",
    "text/test_estimate_claims.py",
    "ui/dashboard/test_dashboard_delivery.py",
    "ui/dashboard/test_dashboard_numbers.py",
    "ui/dashboard/test_dashboard_trouble.py",
    "ui/dashboard/test_dimensions.py",
    "ui/dashboard/test_handed_out.py",
    "ui/dashboard/test_pages_agree.py",
    "ui/dashboard/test_scripts.py",
    "ui/terminal/test_frame.py",
    "ui/terminal/test_live.py",
    "ui/test_evidence.py",
    "ui/test_foreign_text.py",
    "ui/test_mcp.py",
    "ui/test_money.py",
    "ui/test_output.py",
    "ui/test_ranges_and_filters.py",
    "ui/test_remaining.py",
    "ui/test_scenarios.py",
    "ui/test_watch.py",
    "ui/test_why.py",
    "ui/tray/test_day.py",
    "ui/tray/test_diff.py",
    "usage/test_billing.py",
    "usage/test_certainty_and_identity.py",
    "usage/test_config_folders.py",
    "usage/test_places.py",
    "usage/test_usage_on_the_page.py",
}
DESKTOP_HELPERS = {"chromium", "dashboard_browser", "firefox_browser", "linux_desktop", "tmux_terminal"}
# Files that take longest, the longest first. They begin first, so that no core waits for the other's last file in the end.
LONGEST_FILES = (
    "recorder/test_process_tree.py",
    "ui/dashboard/test_live_updates.py",
    "hub/test_union_oracle.py",
    "ui/dashboard/test_dashboard_pages.py",
    "test_properties.py",
    "hub/test_postgres.py",
    "ui/dashboard/test_extension.py",
    "ui/dashboard/test_drivers_section.py",
    "queries/test_two_months.py",
    "ui/tray/test_linux.py",
    "recorder/test_kill.py",
    "ui/test_workdays_docs.py",
    "test_real_transcripts.py",
    "ui/dashboard/test_dashboard_trouble.py",
    "ui/dashboard/test_dashboard_delivery.py",
    "ui/test_demo_life.py",
    "ui/dashboard/test_scripts.py",
    "ui/dashboard/test_dashboard_numbers.py",
    "queries/test_limit_histories.py",
    "ui/dashboard/test_team_pages.py",
    "ui/dashboard/test_hostile_dashboard.py",
    "test_folder_order.py",
    "recorder/test_ingest.py",
    "test_outputs.py",
    "test_chaos.py",
)
_IMPORTS_DESKTOP_HELPER = re.compile(rf"^(?:from|import) (?:{'|'.join(sorted(DESKTOP_HELPERS))})\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files by name that the marks would leave out: importing them took longer than a tenth of the fast tests."""
    if collection_path.suffix != ".py" or not collection_path.is_relative_to(TESTS):
        return None
    marks = config.option.markexpr
    if "not slow" in marks and collection_path.relative_to(TESTS).as_posix() in SLOW_FILES:
        return True
    if "not desktop" in marks and _IMPORTS_DESKTOP_HELPER.search(collection_path.read_text(encoding="utf-8")):
        return True
    return None


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
        if item.path.relative_to(TESTS).as_posix() in SLOW_FILES:
            item.add_marker("slow")
    items.sort(key=_place_of_longest)
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    left_out = [item for item in items if item.get_closest_marker("soak") or item.get_closest_marker("wine")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _place_of_longest(item: pytest.Item) -> int:
    name = item.path.relative_to(TESTS).as_posix()
    return LONGEST_FILES.index(name) if name in LONGEST_FILES else len(LONGEST_FILES)


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
