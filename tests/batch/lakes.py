"""Real Delta tables of generated events and their windowed features, for tests of what reads them.

seeded events -> features (the oracle in DuckDB) -> Delta tables as the job `lakehouse` fills them
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from pydantic import SecretStr

from core.declaration import Application
from core.features import features
from core.names import Table
from core.schemas import events_schema, features_schema, table_spec
from core.settings import Lake, Settings
from flink_jobs.tables import create, table_uri
from tests.bench.windows import windowed

Event = dict[str, Any]

KEY = SecretStr("a key of the tests")

PARTITIONS = 3
COMMITS = 4
"""So many files per table and day, roughly."""

BEHIND = 40
"""The newest rows have no features yet."""

LATE = 17
"""Every row of this number came late: its features are null."""


def settings(root: Path, **more: Any) -> Settings:
    """Settings whose lake and state lie below `root`."""
    return Settings(var=root / "var", secret=KEY, lake=Lake(uri=str(root / "lake")), **more)


def fill(lake: str, application: Application, events: Sequence[Event], behind: int = BEHIND) -> None:
    """Makes the tables `events` and `features` and commits the rows in a few steps."""
    rows = [_row(application, n, event) for n, event in enumerate(events)]
    known = windowed(application, events)
    made = [
        _features(application, row, found, n) for n, (row, found) in enumerate(zip(rows, known, strict=True))
    ]
    _write(lake, application, Table.EVENTS, pa.Table.from_pylist(rows, schema=events_schema(application)))
    kept = made[: max(0, len(made) - behind)] if features(application) else []
    _write(lake, application, Table.FEATURES, pa.Table.from_pylist(kept, schema=features_schema(application)))


def _write(lake: str, application: Application, table: Table, rows: pa.Table) -> None:
    create(lake, application, table_spec(table))
    step = max(1, -(-rows.num_rows // COMMITS))
    for start in range(0, rows.num_rows, step):
        write_deltalake(table_uri(lake, application.name, table), rows.slice(start, step), mode="append")


def _row(application: Application, n: int, event: Event) -> Event:
    time = datetime.fromisoformat(event[application.event_time.name])
    return {
        **event,
        application.event_time.name: time,
        "source_partition": n % PARTITIONS,
        "source_offset": n // PARTITIONS,
        "event_date": time.date(),
    }


def _features(application: Application, row: Event, found: dict[Any, Any], n: int) -> Event:
    time = row[application.event_time.name]
    late = n % 1000 == LATE
    return {
        "key": row[application.key],
        "source_partition": row["source_partition"],
        "source_offset": row["source_offset"],
        "event_time": time - timedelta(microseconds=time.microsecond % 1000),
        **({} if late else found),
        "late": late,
        "age_s": 0.5,
        "event_date": row["event_date"],
    }
