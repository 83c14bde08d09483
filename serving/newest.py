"""The newest messages of an application's events: rows of the table, and dead letters among them.

table events -> files by latest time -> the newest rows -> per partition: from which offset on
             -> table rejects from there on -> what was refused in the same stretch of the stream
"""

from __future__ import annotations

import json
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from core.declaration import Application
from core.names import EVENT_DATE, SOURCE_OFFSET, SOURCE_PARTITION, RejectHeader
from core.quality import Refused
from serving.tables import LakeTable, NoTable

if TYPE_CHECKING:
    import pyarrow as pa

MOST_REFUSED = 10_000
"""Dead letters that are looked at; more than that is bad in any case."""


def newest(
    application: Application, events: LakeTable, rejects: LakeTable, rows: int
) -> tuple[list[dict[str, Any]], list[Refused]]:
    """The newest rows by event time, at most `rows`, and the dead letters from the same offsets on.

    Raises NoTable where there is no table of events. Late rows don't reach further back: of each partition
    as many messages count as it has rows among the newest.
    """
    import pyarrow.compute as pc

    time = application.event_time.name
    found, light = _rows(events, time, rows)
    starts = {}
    for partition in pc.unique(found[SOURCE_PARTITION]).to_pylist():
        count = pc.sum(pc.equal(found[SOURCE_PARTITION], partition)).as_py()
        offsets = light.filter(pc.equal(light[SOURCE_PARTITION], partition))[SOURCE_OFFSET]
        starts[partition] = sorted(offsets.to_pylist())[-count]
    told = [name for name in found.column_names if name not in (SOURCE_PARTITION, SOURCE_OFFSET)]
    return found.select(told).to_pylist(), _refused(rejects, starts)


def _rows(table: LakeTable, time: str, rows: int) -> tuple[pa.Table, pa.Table]:
    """The newest rows, and time, partition and offset of all rows of their files."""
    import pyarrow.compute as pc

    files = table.newest_first(time)
    taken, count = 0, 0
    while taken < len(files) and count < rows:
        count += files[taken][1]
        taken += 1
    columns = [time, SOURCE_PARTITION, SOURCE_OFFSET]
    light = _read(table, [path for path, _, _ in files[:taken]], columns)
    if light.num_rows:
        since = _nth(light, time, rows)
        # Files that overlap in time with the last one may hold newer rows than it.
        more = [path for path, _, latest in files[taken:] if latest is not None and latest >= since]
        if more:
            light = _read(table, [path for path, _, _ in files[:taken]] + more, columns)
            since = _nth(light, time, rows)
        chosen = [path for path, _, _ in files[:taken]] + more
        whole = _read(table, chosen, None, pc.field(time) >= pc.scalar(since))
        return whole.sort_by([(time, "descending")]).slice(0, rows), light
    return _read(table, [], None), light


def _nth(light: pa.Table, time: str, rows: int) -> Any:
    """The time of the oldest of the newest rows."""
    ordered = light.select([time]).sort_by([(time, "descending")])
    return ordered[time][min(rows, light.num_rows) - 1].as_py()


def _read(table: LakeTable, files: list[str], columns: list[str] | None, chosen: Any = None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.dataset as ds

    schema = pa.schema([one for one in table.schema if one.name != EVENT_DATE])
    if not files:
        return schema.empty_table().select(columns or schema.names)
    return ds.dataset(files, schema=schema, format="parquet").to_table(columns=columns, filter=chosen)


def _refused(table: LakeTable, starts: dict[int, int]) -> list[Refused]:
    import pyarrow.compute as pc

    if not starts:
        return []
    try:
        files = list(table.current().files)
    except NoTable:
        return []  # nothing was ever refused
    chosen = reduce(
        or_,
        (
            (pc.field(SOURCE_PARTITION) == partition) & (pc.field(SOURCE_OFFSET) >= offset)
            for partition, offset in starts.items()
        ),
    )
    columns = [RejectHeader.REASON.value, RejectHeader.FIELD.value, "payload"]
    letters = _read(table, files, columns, chosen).slice(0, MOST_REFUSED).to_pylist()
    return [
        Refused(_record(one["payload"]), one[RejectHeader.REASON] or "", one[RejectHeader.FIELD] or "")
        for one in letters
    ]


def _record(payload: bytes | None) -> Any:
    """What a dead letter says, as far as it can be read at all."""
    try:
        return json.loads(payload or b"null")
    except (ValueError, RecursionError):
        return None
