"""An export as CSV, JSON Lines or Parquet in pieces, so that memory never holds all of it."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from tachograph.errors import UsageError
from tachograph.queries.export import MOMENT, NUMBER, TEXT, WHOLE, Field
from tachograph.text.format import iso
from tachograph.ui.documents.reports import csv_cell

FORMATS = ("csv", "jsonl", "parquet")
_BATCH = 2_000
_ROW_GROUP = 50_000


def chunks(form: str, fields: Sequence[Field], rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    """The bytes of an export. Raises UsageError where Parquet is asked for and pyarrow is not there."""
    if form == "csv":
        return _csv(fields, rows)
    if form == "jsonl":
        return _jsonl(fields, rows)
    return _parquet(fields, rows)


def _csv(fields: Sequence[Field], rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    """As in RFC 4180; a cell that a spreadsheet would take for a formula gets a mark before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([field.name for field in fields])
    moments = [place for place, field in enumerate(fields) if field.kind == MOMENT]
    texts = [place for place, field in enumerate(fields) if field.kind == TEXT]
    for number, row in enumerate(rows, 1):
        cells = list(row)
        for place in moments:
            cells[place] = iso(cells[place])
        for place in texts:
            cells[place] = csv_cell(cells[place])
        writer.writerow(cells)
        if number % _BATCH == 0:
            yield out.getvalue().encode("utf-8", "replace")
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode("utf-8", "replace")


def _jsonl(fields: Sequence[Field], rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    names = [field.name for field in fields]
    moments = [field.kind == MOMENT for field in fields]
    lines: list[str] = []
    for row in rows:
        values = [iso(value) if is_moment else value for value, is_moment in zip(row, moments, strict=True)]
        lines.append(json.dumps(dict(zip(names, values, strict=True)), allow_nan=False))
        if len(lines) >= _BATCH:
            yield ("\n".join(lines) + "\n").encode()
            lines = []
    yield ("\n".join(lines) + "\n").encode() if lines else b""


def _parquet(fields: Sequence[Field], rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            "Parquet needs the package pyarrow, which is not installed here.",
            "pipx inject tachograph pyarrow; in a clone: pip install '.[parquet]'. Or export as csv or jsonl.",
        ) from None
    kinds = {
        TEXT: pyarrow.string(),
        WHOLE: pyarrow.int64(),
        NUMBER: pyarrow.float64(),
        MOMENT: pyarrow.timestamp("ms", tz="UTC"),
    }
    schema = pyarrow.schema([(field.name, kinds[field.kind]) for field in fields])
    return _groups(pyarrow, schema, fields, rows)


def _groups(pyarrow: Any, schema: Any, fields: Sequence[Field], rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    sink = _Sink()
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        batch: list[tuple[Any, ...]] = []
        for row in rows:
            batch.append(row)
            if len(batch) >= _ROW_GROUP:
                writer.write_table(_table(pyarrow, schema, batch))
                batch = []
                yield sink.taken()
        if batch:
            writer.write_table(_table(pyarrow, schema, batch))
    yield sink.taken()


def _table(pyarrow: Any, schema: Any, batch: list[tuple[Any, ...]]) -> Any:
    columns = [pyarrow.array([row[place] for row in batch], type=field.type) for place, field in enumerate(schema)]
    return pyarrow.Table.from_arrays(columns, schema=schema)


class _Sink(io.RawIOBase):
    """A file in memory that only grows; its content is taken out piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._at += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._at

    def taken(self) -> bytes:
        made, self._parts = b"".join(self._parts), []
        return made


def write(form: str, fields: Sequence[Field], rows: Iterable[tuple[Any, ...]], out: BinaryIO) -> None:
    for chunk in chunks(form, fields, rows):
        out.write(chunk)
