"""Rows of the topic `features` for any application, as Flink writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from core.declaration import Application
from core.features import AGE, EVENT_TIME, KEY, LATE, features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from serving.features.store import Letter

START = datetime(2026, 11, 1, tzinfo=UTC)


def message(
    application: Application,
    entity: str,
    seconds: float,
    *,
    late: bool = False,
    offset: int = 0,
    age_s: float = 1.0,
) -> bytes:
    """A row whose event happened so many seconds after START; its integers are the whole seconds."""
    moment = (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    row: dict[str, Any] = {KEY: entity, SOURCE_PARTITION: 0, SOURCE_OFFSET: offset}
    row[EVENT_TIME] = moment.replace("+00:00", "Z")
    for one in features(application):
        row[one.name] = None if late else int(seconds) if one.integer else float(seconds)
    return msgspec.json.encode(row | {LATE: late, AGE: age_s})


def letter(
    application: Application,
    offset: int,
    entity: str,
    seconds: float,
    *,
    late: bool = False,
    partition: int = 0,
) -> Letter:
    """Such a row at a place of the topic."""
    value = message(application, entity, seconds, late=late, offset=offset)
    return Letter(partition, offset, entity.encode(), value)
