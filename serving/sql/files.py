"""The rows of a query as a file, CSV or Parquet, made piece by piece: no file is written here.

A cell of text that a spreadsheet would take for a formula gets an apostrophe before it, in CSV only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
from pyarrow import csv, parquet

from serving.sql.job import Job, Mode, Written
from serving.sql.rows import exact, related

PIECE_BYTES = 256 * 1024
BATCH_ROWS = 20_000

_FORMULA = "=+-@\t\r\n"
"""A spreadsheet runs a cell that starts with one of these."""

_MARKED = (
    "CASE WHEN left({text}, 1) IN ('=', '+', '-', '@', chr(9), chr(10), chr(13)) "
    "THEN concat('''', {text}) ELSE {text} END"
)
_LONG_NUMBERS = ("HUGEINT", "UHUGEINT", "BIGNUM", "DECIMAL")
_WHOLE = frozenset(f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG")) | {
    "INTEGER",
    "UINTEGER",
}
_PLAIN = _WHOLE | {"BOOLEAN", "FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}


class _Sink:
    """Where the writers of Arrow write to."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._held = bytearray()
        self.closed = False

    def write(self, data: Any) -> int:
        """Takes bytes; sends them on once there are enough."""
        self._held += memoryview(data)
        if len(self._held) >= PIECE_BYTES:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Sends what is held."""
        if self._held:
            self._send(bytes(self._held))
            self._held.clear()

    def readable(self) -> bool:
        """Never."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Sends the rest."""
        self.flush()
        self.closed = True


def written(connection: duckdb.DuckDBPyConnection, job: Job, send: Callable[[bytes], None]) -> Written:
    """Sends the file; at most `job.rows` rows."""
    relation = related(connection, job)
    names, types = list(relation.columns), [str(kind) for kind in relation.types]
    flat = job.mode is Mode.CSV
    reader = (_texts(relation, types) if flat else exact(relation, types)).to_arrow_reader(BATCH_ROWS)
    sink = _Sink(send)
    schema = pa.schema(
        [pa.field(name, kind) for name, kind in zip(_distinct(names, flat), reader.schema.types, strict=True)]
    )
    rows = 0
    with pa.PythonFile(sink, mode="w") as file, _writer(file, schema, flat) as writer:
        for found in reader:
            batch = found.slice(0, job.rows - rows)
            writer.write_batch(pa.record_batch(batch.columns, schema=schema))
            rows += batch.num_rows
            if rows >= job.rows:
                break
    sink.flush()
    return Written(rows=rows)


def _writer(file: pa.PythonFile, schema: pa.Schema, flat: bool) -> Any:
    if flat:
        return csv.CSVWriter(file, schema)
    return parquet.ParquetWriter(file, schema, compression="zstd")


def _texts(relation: duckdb.DuckDBPyRelation, types: list[str]) -> duckdb.DuckDBPyRelation:
    """The same rows with whatever is no number, time or flag as harmless text."""
    parts = (f"{_cell(f'#{n}', kind)} AS c{n}" for n, kind in enumerate(types, 1))
    return relation.project(", ".join(parts))


def _cell(column: str, kind: str) -> str:
    text = f"CAST({column} AS VARCHAR)"
    if kind.endswith("]"):
        return _MARKED.format(text=text)
    if kind.startswith(_LONG_NUMBERS):
        return text
    return column if kind.partition("(")[0] in _PLAIN else _MARKED.format(text=text)


def _distinct(names: list[str], flat: bool) -> list[str]:
    """The columns' names; Parquet readers want them different, spreadsheets want them harmless."""
    if flat:  # not as an Arrow array: pyarrow imports pandas to make one of a list, for seconds
        return [f"'{name}" if name.startswith(tuple(_FORMULA)) else name for name in names]
    seen: dict[str, int] = {}
    told = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        told.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return told
