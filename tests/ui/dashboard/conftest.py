"""One invented home with its dashboard for all tests that only look, or let its session go on."""

from collections.abc import Iterator

import pytest

from served_dashboard import Served, invented, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(invented(tmp_path_factory.mktemp("dashboard") / "home")) as made:
        yield made
