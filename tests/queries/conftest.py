"""Six weeks of work, made once for all tests of estimates, and copies of their ledger."""

import shutil
from collections.abc import Iterator

import pytest

import six_weeks
from helpers import Home
from tachograph.ledger.storage.connection import Ledger
from tachograph.model.usage.prices import PriceBook, load


@pytest.fixture(scope="session")
def book() -> PriceBook:
    return load()[0]


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory, book: PriceBook) -> six_weeks.SixWeeks:
    return six_weeks.make(tmp_path_factory.mktemp("six_weeks") / "home", book)


@pytest.fixture
def ledger(lived_in: six_weeks.SixWeeks, home: Home) -> Iterator[Ledger]:
    """A copy of the ledger of that home, to do with as a test likes."""
    shutil.copytree(lived_in.home.data, home.data, dirs_exist_ok=True)
    with home.ledger() as opened:
        yield opened
