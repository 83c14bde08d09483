"""The declared windowed features of a stream that lies in memory, for benchmarks that run without Flink.

events -> DuckDB (the oracle that the Flink job is checked against) -> features by name, one row per event
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from core.declaration import Application
from core.features import features
from models import row
from models.base import Row
from tests.e2e import oracle

Event = dict[str, Any]


def windowed(application: Application, events: Sequence[Event]) -> list[Row]:
    """The features of every event, in the order of the events; null on an entity's first where nothing is.

    Events of one time are taken in the order given. Empty rows where the application declares no window.
    """
    names = [one.name for one in features(application)]
    if not names or not events:
        return [{} for _ in events]
    bodies = [
        orjson.dumps(event | {"source_partition": 0, "source_offset": n}) for n, event in enumerate(events)
    ]
    made = oracle.expected(application, bodies).sort_by("source_offset").select(names)
    columns = [column.to_pylist() for column in made.columns]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def rows(application: Application, events: Sequence[Event]) -> list[Row]:
    """What a model reads of every event, its windowed features included."""
    known = windowed(application, events)
    return [row(application, event, found) for event, found in zip(events, known, strict=True)]
