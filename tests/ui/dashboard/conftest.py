"""One invented home with its dashboard for all tests that only look, or let its session go on."""

from collections.abc import Iterator

import pytest

from helpers import Home
from served_dashboard import Served, invented, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(invented(tmp_path_factory.mktemp("dashboard") / "home")) as made:
        yield made


@pytest.fixture
def small(home: Home) -> Iterator[Served]:
    """A home of a test's own, with nothing in it yet."""
    home.data.mkdir(mode=0o700, exist_ok=True)
    (home.data / "settings.toml").write_text('timezone = "UTC"\n')
    with serving(home) as made:
        yield made
