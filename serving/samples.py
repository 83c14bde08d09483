"""Events of a Delta table chosen at random, without reading the table.

files with their rows -> a file, by its share of the rows -> a row group -> a row; each row at most once
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.declaration import Application
from serving.tables import TableState

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

FILES = 8
"""Files that one sample is taken from, at most: reading is what costs."""

GROUPS = 2
"""Row groups of a file that are read, at most."""


def sample(application: Application, state: TableState, limit: int, seed: int) -> list[dict[str, Any]]:
    """At most `limit` different events with their declared fields; fewer where the table has fewer.

    The files are drawn by their shares of the rows, so that each row is as likely as any other for a single
    event; larger samples come from a few places of the table. Raises OSError.
    """
    rng = random.Random(seed)  # noqa: S311 - examples, not secrets
    columns = [one.name for one in application.fields]
    weights = dict(zip(state.files, state.records, strict=True))
    left = {uri: rows for uri, rows in weights.items() if rows}
    found: list[dict[str, Any]] = []
    for _ in range(min(FILES, len(left))):
        if len(found) >= limit:
            break
        uri = rng.choices(list(left), weights=list(left.values()))[0]
        rows = left.pop(uri)
        # A share of what is missing, so that the rest comes from elsewhere; all of it once nothing is left.
        share = limit - len(found) if not left else max(1, -(-(limit - len(found)) // 2))
        found += _rows(_opened(uri), columns, min(share, rows), rng)
    return found[:limit]


def as_request(application: Application, event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as a model may be asked about it: without label and identifier."""
    hidden = {application.label, application.identifier.name}
    return {name: value for name, value in event.items() if name not in hidden}


def _opened(uri: str) -> pq.ParquetFile:
    import pyarrow.parquet as pq
    from pyarrow.fs import FileSystem

    system, path = FileSystem.from_uri(uri)
    return pq.ParquetFile(system.open_input_file(path))


def _rows(file: pq.ParquetFile, columns: list[str], wanted: int, rng: random.Random) -> list[dict[str, Any]]:
    with file:
        known: Any = file.metadata
        sizes = [known.row_group(n).num_rows for n in range(known.num_row_groups)]
        groups = rng.choices(range(len(sizes)), weights=sizes, k=GROUPS)
        read: dict[int, pa.Table] = {}
        chosen: dict[int, set[int]] = defaultdict(set)
        for n in range(wanted):
            group = groups[n % GROUPS]
            if len(chosen[group]) < sizes[group]:
                chosen[group].add(rng.choice(_free(sizes[group], chosen[group], rng)))
        for group in chosen:
            read[group] = file.read_row_group(group, columns=columns)
        return [row for group, rows in chosen.items() for row in read[group].take(sorted(rows)).to_pylist()]


def _free(size: int, taken: set[int], rng: random.Random) -> list[int]:
    """A few places that are not taken."""
    while True:
        found = [n for n in (rng.randrange(size) for _ in range(8)) if n not in taken]
        if found:
            return found
