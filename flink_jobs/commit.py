"""Writes a batch of valid messages as ONE Delta commit: the map of the job `lakehouse`.

    payload, partition, offset -> drop what the table has -> parse -> rows + next offsets -> commit

A commit holds rows and, per partition of the topic, the offset that comes next. When Flink replays after a
fault, rows below that offset are dropped, so a row enters the table once. Two writers that race (a worker
that outlived its TaskManager, and its successor) collide on the same offsets: Delta refuses the later one,
which then reloads and finds its rows written.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.json
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from tenacity import (
    before_sleep_log,
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from core.applications import get
from core.declaration import Application
from core.names import EVENT_DATE, transaction_id
from core.schemas import events_schema, valid_schema

if TYPE_CHECKING:
    import pandas as pd

Integers = np.ndarray[Any, np.dtype[np.int64]]

ATTEMPTS = 8
"""Tries of one commit against other writers before the job is restarted from its checkpoint."""

PAUSE_SECONDS = 0.05
"""Longest pause after the first lost try; it doubles."""

_log = logging.getLogger("millrace.lakehouse")


def parse(application: Application, payloads: Sequence[bytes]) -> pa.Table:
    """Messages of the valid topic as rows of `events_schema`, in order.

    Raises pyarrow.ArrowInvalid on a message that is not what `ingest` writes: a field that the declaration
    does not have is an error rather than dropped in silence.
    """
    schema = valid_schema(application)
    lines = b"\n".join(payloads)
    table = pa.json.read_json(
        pa.BufferReader(lines),
        # One block: a row may not lie across two.
        read_options=pa.json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
    )
    if table.num_rows != len(payloads):
        raise ValueError(f"{len(payloads)} messages of {application.name} gave {table.num_rows} rows")
    day = table[application.event_time.name].cast(pa.date32())
    return table.select(schema.names).append_column(EVENT_DATE, day).cast(events_schema(application))


def next_offsets(partitions: Integers, offsets: Integers) -> dict[int, int]:
    """Per partition the offset after its last row."""
    return {int(p): int(offsets[partitions == p].max()) + 1 for p in np.unique(partitions)}


def fresh(
    partitions: Integers, offsets: Integers, stored: Mapping[int, int]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows the table does not have: those at or above the stored next offset of their partition."""
    floor = np.zeros(len(offsets), dtype=np.int64)
    for partition, offset in stored.items():
        floor[partitions == partition] = offset
    return offsets >= floor


@dataclass(slots=True)
class EventsTable:
    """The Delta table of one application, as one process writes it. Opened at the first commit."""

    application: Application
    topic: str
    uri: str
    _table: DeltaTable | None = field(default=None, repr=False)

    def commit(self, payloads: Sequence[bytes], partitions: Integers, offsets: Integers) -> int:
        """Adds the rows that the table does not have and returns how many; all of them are in it afterwards.

        Raises CommitFailedError when other writers win every time, and deltalake's errors as they are.
        """
        if not len(payloads):
            return 0
        rows: pa.Table | None = None
        ends = next_offsets(partitions, offsets)

        @retry(
            retry=retry_if_exception_type(CommitFailedError),
            wait=wait_random_exponential(multiplier=PAUSE_SECONDS, max=2),
            stop=stop_after_attempt(ATTEMPTS),
            before_sleep=before_sleep_log(_log, logging.WARNING),
            reraise=True,
        )
        def attempt() -> int:
            nonlocal rows
            table = self._current()
            stored = {p: table.transaction_version(transaction_id(self.topic, p)) or 0 for p in ends}
            wanted = fresh(partitions, offsets, stored)
            if not wanted.any():
                return 0
            if rows is None:
                rows = parse(self.application, payloads)
            added = rows if wanted.all() else rows.filter(pa.array(wanted))
            self._write(table, added, {p: end for p, end in ends.items() if end > stored[p]})
            return int(added.num_rows)

        try:
            return attempt()
        except BaseException:
            self._table = None  # whatever it was, the next batch looks at the table anew
            raise

    def _current(self) -> DeltaTable:
        if self._table is None:
            self._table = DeltaTable(self.uri)
        else:
            self._table.update_incremental()
        return self._table

    def _write(self, table: DeltaTable, rows: pa.Table, ends: Mapping[int, int]) -> None:
        marks = [Transaction(transaction_id(self.topic, p), end) for p, end in sorted(ends.items())]
        write_deltalake(
            table, rows, mode="append", commit_properties=CommitProperties(app_transactions=marks)
        )


@dataclass(frozen=True, slots=True)
class CommitMap:
    """The vectorised map: a frame of valid messages in, their offsets out once they are in the table.

    It travels to the workers as three names; the table is opened there, once per process.
    """

    application: str
    topic: str
    uri: str

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns by position: key, payload, partition, offset."""
        _, payloads, partitions, offsets = (frame[name] for name in frame.columns)
        table = _table(self.application, self.topic, self.uri)
        table.commit(payloads.tolist(), partitions.to_numpy(np.int64), offsets.to_numpy(np.int64))
        return offsets.to_frame()


@cache
def _table(application: str, topic: str, uri: str) -> EventsTable:
    return EventsTable(get(application), topic, uri)
