"""The anomalies by the names that trusted systems are tested for, over what was sent, stored and read.

Pure: an event is its place, the partition and offset in its `events` topic. Each function lists what it
found, so an empty list is the promise kept and anything else says where to look.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from deltalake import DeltaTable

from core.names import SOURCE_OFFSET, SOURCE_PARTITION

Place = tuple[int, int]
"""Source partition and source offset."""

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Read:
    """What a reader saw of a table: its version and the number of its rows."""

    version: int
    rows: int


def lost_writes(acknowledged: Iterable[Place], stored: Iterable[Place]) -> list[Place]:
    """Events that the broker acknowledged to their producer, and that no table holds."""
    return sorted(set(acknowledged) - set(stored))


def duplicates(stored: Iterable[Place]) -> list[Place]:
    """Events that stand more than once, over all tables."""
    return sorted(place for place, times in Counter(stored).items() if times > 1)


def skipped_offsets(stored: Iterable[Place]) -> list[Place]:
    """Offsets that no table holds, while it holds later ones of their partition."""
    present = set(stored)
    ends: dict[int, int] = {}
    for partition, offset in present:
        ends[partition] = max(ends.get(partition, 0), offset)
    return sorted(
        (partition, offset)
        for partition, end in ends.items()
        for offset in range(end)
        if (partition, offset) not in present
    )


def non_monotonic_reads(reads: Sequence[Read]) -> list[tuple[Read, Read]]:
    """Pairs of reads, one after the other, where the table went back: an older version, or fewer rows."""
    return [
        (one, then) for one, then in pairwise(reads) if then.version < one.version or then.rows < one.rows
    ]


def unseen(valid: Iterable[tuple[int, Place]], answered: Iterable[Place]) -> list[Place]:
    """Committed events that the learner was never asked about.

    valid: the topic's rows in order, each with its partition. A model answers from some event on, so those
    before the first answer of their partition are no proof of anything.
    """
    known, begun = set(answered), set[int]()
    found = set()
    for partition, place in valid:
        if place in known:
            begun.add(partition)
        elif partition in begun:
            found.add(place)
    return sorted(found)


def places(uri: str) -> list[Place]:
    """The places of a table's rows, repeats included."""
    columns = [SOURCE_PARTITION, SOURCE_OFFSET]
    rows = DeltaTable(uri).to_pyarrow_table(columns=columns)
    return list(zip(*(rows[name].to_pylist() for name in columns), strict=True))


def look(uri: str) -> Read:
    """One read of a table, of one version."""
    table = DeltaTable(uri)
    return Read(table.version(), int(table.to_pyarrow_dataset().count_rows()))


@contextmanager
def watched(uris: Iterable[str]) -> Iterator[dict[str, list[Read]]]:
    """Reads the tables over and over until the block ends, and once after it."""
    reads: dict[str, list[Read]] = {uri: [] for uri in uris}
    failures: list[BaseException] = []
    over = threading.Event()

    def go_on() -> None:
        try:
            _all(reads)
            while not over.wait(POLL_SECONDS):
                _all(reads)
        except BaseException as error:  # noqa: BLE001 - a reader that fails is the finding, told below
            failures.append(error)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield reads
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]
    _all(reads)


def _all(reads: dict[str, list[Read]]) -> None:
    for uri, found in reads.items():
        found.append(look(uri))
