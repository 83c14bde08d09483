"""Writes a batch of messages as ONE Delta commit: the map of the job `lakehouse`.

    messages, partition, offset -> drop what was read before -> parse -> drop what the table has -> commit

A commit holds rows and, per partition of the topic, the offset that comes next. When Flink replays after a
fault, rows below that offset are dropped. The topic itself may hold a row twice: a job that lost its newest
checkpoint, or a killed learner, writes again at new offsets. So a commit also marks, per partition of the
topic and source partition, the next source offset; a row below it is looked up in the table, and dropped if
it is there. Where rows come in the order of their offsets nothing is looked up; where they do not, as in
`features`, few are. No order is relied on: a mark alone never drops a row.

Two writers that race (a worker that outlived its TaskManager, and its successor) collide on the same
offsets: Delta refuses the later one, which then reloads and finds its rows written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from pyarrow import dataset
from tenacity import (
    before_sleep_log,
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from core.applications import get
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, Table, source_transaction_id, transaction_id
from core.schemas import table_spec
from flink_jobs.rows import Integers, from_json, from_letters

if TYPE_CHECKING:
    import pandas as pd

ATTEMPTS = 8
"""Tries of one commit against other writers before the job is restarted from its checkpoint."""

PAUSE_SECONDS = 0.05
"""Longest pause after the first lost try; it doubles."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_ROOM = 2**44
"""More than any offset: a partition and an offset make one number."""

_log = logging.getLogger("millrace.lakehouse")


def next_offsets(partitions: Integers, offsets: Integers) -> dict[int, int]:
    """Per partition the offset after its last row."""
    return {int(p): int(offsets[partitions == p].max()) + 1 for p in np.unique(partitions)}


def fresh(partitions: Integers, offsets: Integers, stored: Mapping[int, int]) -> Mask:
    """Which rows the table does not have: those at or above the stored next offset of their partition."""
    floor = np.zeros(len(offsets), dtype=np.int64)
    for partition, offset in stored.items():
        floor[partitions == partition] = offset
    return offsets >= floor


def behind(
    partitions: Integers, sources: Integers, offsets: Integers, stored: Mapping[tuple[int, int], int]
) -> tuple[Mask, dict[tuple[int, int], int]]:
    """Which rows do not pass all before them, and the next source offset per (partition, source partition).

    stored: the next source offset of what the table has. Only a row behind can be a repeat.
    """
    found = np.zeros(len(offsets), dtype=np.bool_)
    ends: dict[tuple[int, int], int] = {}
    for lane in lanes(partitions, sources):
        mine = (partitions == lane[0]) & (sources == lane[1])
        highest = np.maximum.accumulate(np.concatenate(([stored.get(lane, 0) - 1], offsets[mine])))
        found[mine] = offsets[mine] <= highest[:-1]
        ends[lane] = int(highest[-1]) + 1
    return found, ends


def lanes(partitions: Integers, sources: Integers) -> list[tuple[int, int]]:
    """The pairs (partition, source partition) that occur."""
    return [(int(key) // _ROOM, int(key) % _ROOM) for key in np.unique(identity(partitions, sources))]


def identity(partitions: Integers, offsets: Integers) -> Integers:
    """Partition and offset as one number."""
    return partitions * _ROOM + offsets


def firsts(keys: Integers) -> Mask:
    """Which of these numbers were not among those before."""
    found = np.zeros(len(keys), dtype=np.bool_)
    found[np.unique(keys, return_index=True)[1]] = True
    return found


def present(table: DeltaTable, sources: Integers, offsets: Integers) -> Integers:
    """The identities of the table's rows in the ranges of these; reads two columns of the files they meet."""
    ranges = None
    for source in np.unique(sources):
        mine = offsets[sources == source]
        partition, offset = dataset.field(SOURCE_PARTITION), dataset.field(SOURCE_OFFSET)
        one = (partition == int(source)) & (offset >= int(mine.min())) & (offset <= int(mine.max()))
        ranges = one if ranges is None else ranges | one
    found = table.to_pyarrow_dataset().to_table(columns=[SOURCE_PARTITION, SOURCE_OFFSET], filter=ranges)
    return identity(*_places(found))


def _places(rows: pa.Table) -> tuple[Integers, Integers]:
    partitions, offsets = (
        rows[name].to_numpy().astype(np.int64) for name in (SOURCE_PARTITION, SOURCE_OFFSET)
    )
    return partitions, offsets


@dataclass(slots=True)
class LakeTable:
    """A Delta table, as one process writes it. Opened at the first commit."""

    topic: str
    uri: str
    keyed: bool = True
    """An event comes again in the same partition of the topic. Dead letters without a key may lie in any."""
    _table: DeltaTable | None = field(default=None, repr=False)

    def commit(self, parse: Callable[[], pa.Table], partitions: Integers, offsets: Integers) -> int:
        """Adds the rows that the table does not have and returns how many; all of them are in it afterwards.

        parse: makes the rows, one per message; called at most once, and not when all are there already.
        Raises CommitFailedError when other writers win every time, and deltalake's errors as they are.
        """
        if not len(offsets):
            return 0
        rows: pa.Table | None = None

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
            ends = next_offsets(partitions, offsets)
            stored = {p: table.transaction_version(transaction_id(self.topic, p)) or 0 for p in ends}
            wanted = fresh(partitions, offsets, stored)
            if not wanted.any():
                return 0
            if rows is None:
                rows = parse()
            read = rows if wanted.all() else rows.filter(pa.array(wanted))
            added, marks = self._new(table, read, partitions[wanted])
            marks |= {transaction_id(self.topic, p): end for p, end in ends.items() if end > stored[p]}
            self._write(table, added, marks)
            return int(added.num_rows)

        try:
            return attempt()
        except BaseException:
            self._table = None  # whatever it was, the next batch looks at the table anew
            raise

    def _new(
        self, table: DeltaTable, rows: pa.Table, partitions: Integers
    ) -> tuple[pa.Table, dict[str, int]]:
        """The rows that the table does not have, each once, and the marks that tell the next batch."""
        sources, offsets = _places(rows)
        if not self.keyed:
            partitions = np.zeros_like(partitions)  # one mark for all of them
        stored = {
            lane: table.transaction_version(source_transaction_id(self.topic, *lane)) or 0
            for lane in lanes(partitions, sources)
        }
        suspect, ends = behind(partitions, sources, offsets, stored)
        marks = {source_transaction_id(self.topic, *lane): end for lane, end in ends.items()}
        if not suspect.any():
            return rows, marks
        keys = identity(sources, offsets)
        known = present(table, sources[suspect], offsets[suspect])
        return rows.filter(pa.array(firsts(keys) & ~np.isin(keys, known))), marks

    def _current(self) -> DeltaTable:
        if self._table is None:
            self._table = DeltaTable(self.uri)
        else:
            self._table.update_incremental()
        return self._table

    def _write(self, table: DeltaTable, rows: pa.Table, marks: Mapping[str, int]) -> None:
        transactions = [Transaction(name, end) for name, end in sorted(marks.items())]
        write_deltalake(
            table, rows, mode="append", commit_properties=CommitProperties(app_transactions=transactions)
        )


@dataclass(frozen=True, slots=True)
class CommitMap:
    """The vectorised map: a frame of messages in, their offsets out once they are in the table.

    It travels to the workers as names; the table is opened there, once per process.
    """

    application: str
    table: Table
    topic: str
    uri: str

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns by position: key, payload, partition, offset; then, of dead letters, time and headers."""
        keys, payloads, partitions, offsets, *more = (frame[name] for name in frame.columns)
        spec, application = table_spec(self.table), get(self.application)

        def parse() -> pa.Table:
            if not spec.headers:
                return from_json(spec, application, payloads.tolist())
            sent_at, *headers = (column.tolist() for column in more)
            return from_letters(spec, application, keys.tolist(), payloads.tolist(), sent_at, headers)

        table = _table(self.topic, self.uri, not spec.headers)
        table.commit(parse, partitions.to_numpy(np.int64), offsets.to_numpy(np.int64))
        return offsets.to_frame()


@cache
def _table(topic: str, uri: str, keyed: bool) -> LakeTable:
    return LakeTable(topic, uri, keyed)
