"""Downloads of the settings page: the same files as `tachograph export` writes."""

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


def parse_name(name: str) -> tuple[str, str]:
    """Table and format of a file name such as `messages.csv`. Raises NotFound."""
    what, _, form = name.partition(".")
    if what not in EVERYTHING or form not in TYPES:
        raise NotFound("There is no such export.", f"Tables: {', '.join(EVERYTHING)}; formats: {', '.join(TYPES)}.")
    return what, form


def chunks(pool: LedgerPool, what: str, form: str) -> Generator[bytes, None, None]:
    """The file in pieces, as of one moment. Raises UsageError if a package for the format is missing."""
    with pool.snapshot() as snapshot:
        one = EVERYTHING[what]
        yield from export.chunks(form, one.fields, one.rows(snapshot.db, snapshot.book, snapshot.calendar, ()))
