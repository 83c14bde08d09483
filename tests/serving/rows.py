"""Rows of the Delta table `events` for any application, by the declaration."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from core import names
from core.declaration import Application, Classification
from core.features import AGE, EVENT_TIME, KEY, LATE, features
from core.forms import complete, randomize
from core.names import EVENT_DATE, SOURCE_OFFSET, SOURCE_PARTITION
from core.schemas import events_schema, features_schema

FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)


def event(application: Application, seed: int) -> dict[str, Any]:
    """A random request event: without its label."""
    made = complete(application, randomize(application, seed))
    if application.label:
        made.pop(application.label, None)
    return made


def table_uri(lake: Path, application: Application) -> str:
    return f"{lake}/{names.table_path(application.name, names.Table.EVENTS)}"


def append(lake: Path, application: Application, seeds: Iterable[int]) -> None:
    """Commits one row per seed; row n happens n hours after the first day's start."""
    rows = []
    for seed in seeds:
        time = FIRST_DAY + timedelta(hours=seed)
        row = event(application, seed) | {application.event_time.name: time}
        if application.label:
            row[application.label] = seed % 2 == 0 if isinstance(application.task, Classification) else seed
        rows.append(row | {SOURCE_PARTITION: 0, SOURCE_OFFSET: seed, EVENT_DATE: time.date()})
    table = pa.Table.from_pylist(rows, schema=events_schema(application))
    write_deltalake(table_uri(lake, application), table, mode="append", partition_by=[EVENT_DATE])


def append_features(lake: Path, application: Application, seeds: Iterable[int]) -> None:
    """Commits the features of such rows: every integer is the seed, every float half of it."""
    rows = []
    for seed in seeds:
        time = FIRST_DAY + timedelta(hours=seed)
        row: dict[str, Any] = {one.name: seed if one.integer else seed / 2 for one in features(application)}
        row |= {KEY: "someone", EVENT_TIME: time, LATE: False, AGE: 0.5, EVENT_DATE: time.date()}
        rows.append(row | {SOURCE_PARTITION: 0, SOURCE_OFFSET: seed})
    uri = f"{lake}/{names.table_path(application.name, names.Table.FEATURES)}"
    table = pa.Table.from_pylist(rows, schema=features_schema(application))
    write_deltalake(uri, table, mode="append", partition_by=[EVENT_DATE])


def day(number: int) -> date:
    return (FIRST_DAY + timedelta(days=number)).date()
