"""How a batch of messages becomes rows of a table.

JSON in the value  -> the columns of the table's schema
dead letter        -> reason, field, detail, source from its headers; key and value as they came
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json

from core.declaration import Application
from core.names import EVENT_DATE, RejectHeader
from core.schemas import TableSpec

Integers = np.ndarray[Any, np.dtype[np.int64]]
Cells = Sequence[bytes | None]


def from_json(spec: TableSpec, application: Application, payloads: Sequence[bytes]) -> pa.Table:
    """JSON messages as rows of the table's schema, in order.

    Raises pyarrow.ArrowInvalid on a message that is not what the stage before writes: a field that the
    schema does not have is an error rather than dropped in silence.
    """
    whole = spec.schema(application)
    schema = whole.remove(whole.get_field_index(EVENT_DATE))
    lines = b"\n".join(payloads)
    table = pa.json.read_json(
        pa.BufferReader(lines),
        # One block: a row may not lie across two.
        read_options=pa.json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
    )
    if table.num_rows != len(payloads):
        raise ValueError(f"{len(payloads)} messages of {application.name} gave {table.num_rows} rows")
    return _with_day(table.select(schema.names), spec, application)


def from_letters(
    spec: TableSpec,
    application: Application,
    keys: Cells,
    payloads: Cells,
    sent_at: Sequence[str],
    headers: Sequence[Cells],
) -> pa.Table:
    """Dead letters as rows. `sent_at`: UTC, as SQL writes a time; `headers`: a column per RejectHeader."""
    cells = dict(zip(RejectHeader, headers, strict=True))
    arrays: list[Any] = [
        pa.array([None if cell is None else cell.decode(errors="replace") for cell in cells[name]])
        for name in (RejectHeader.REASON, RejectHeader.FIELD, RejectHeader.DETAIL)
    ]
    arrays += [
        pa.array([None if cell is None else int(cell) for cell in cells[name]])
        for name in (RejectHeader.SOURCE_PARTITION, RejectHeader.SOURCE_OFFSET)
    ]
    arrays.append(pa.array(np.array(sent_at, dtype="datetime64[us]")))
    arrays += [pa.array(list(column), pa.binary()) for column in (keys, payloads)]
    names = spec.schema(application).names[:-1]
    return _with_day(pa.table(arrays, names=names), spec, application)


def _with_day(table: pa.Table, spec: TableSpec, application: Application) -> pa.Table:
    day = table[spec.time(application)].cast(pa.date32())
    return table.append_column(EVENT_DATE, day).cast(spec.schema(application))
