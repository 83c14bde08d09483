"""The rows of a query as a file, CSV or Parquet, made piece by piece: no file is written here.

A cell of text that a spreadsheet would take for a formula gets an apostrophe before it, in CSV only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from serving.sql.job import Job, Mode, Written
from serving.sql.rows import exact, related

PIECE_BYTES = 256 * 1024
BATCH_ROWS = 20_000

_FORMULA = r"^[=+\-@\t\r\n|%]"
_NESTED = ("STRUCT", "MAP", "BLOB")


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
            columns = [_harmless(one) if flat else one for one in batch.columns]
            writer.write_batch(pa.record_batch(columns, schema=schema))
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
    """The same rows with everything that a CSV cell can't hold written as text."""
    plain = exact(relation, types)
    nested = [str(kind).startswith(_NESTED) or str(kind).endswith("]") for kind in plain.types]
    if not any(nested):
        return plain
    parts = (f"CAST(#{n} AS VARCHAR) AS c{n}" if one else f"#{n} AS c{n}" for n, one in enumerate(nested, 1))
    return plain.project(", ".join(parts))


def _distinct(names: list[str], flat: bool) -> list[str]:
    """The columns' names; Parquet readers want them different, spreadsheets want them harmless."""
    if flat:
        cells: list[str] = _harmless(pa.array(names, pa.string())).to_pylist()
        return cells
    seen: dict[str, int] = {}
    told = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        told.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return told


def _harmless(cells: pa.Array) -> pa.Array:
    """Texts that no spreadsheet takes for a formula; columns of other types as they are."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if not (pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)):
        return cells
    formulas = pc.match_substring_regex(cells, _FORMULA)
    if not pc.any(formulas).as_py():
        return cells
    marked = pc.binary_join_element_wise(pa.scalar("'", cells.type), cells, pa.scalar("", cells.type))
    return pc.if_else(formulas, marked, cells)
