"""What can be carried away from the settings page: the same as `tachograph export` writes."""

from collections.abc import Generator

from tachograph.errors import NotFound
from tachograph.queries.export import EVERYTHING
from tachograph.ui.documents import export
from tachograph.workspace.pool import LedgerPool

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


def meant(name: str) -> tuple[str, str]:
    """What and in which form, from `messages.csv`. Raises NotFound."""
    what, _, form = name.partition(".")
    if what not in EVERYTHING or form not in TYPES:
        raise NotFound("There is no such export.")
    return what, form


def chunks(pool: LedgerPool, what: str, form: str) -> Generator[bytes, None, None]:
    """Its bytes, as of one moment. Raises UsageError where the form needs what is not installed."""
    with pool.snapshot() as look:
        one = EVERYTHING[what]
        yield from export.chunks(form, one.fields, one.rows(look.db, look.book, look.calendar))
