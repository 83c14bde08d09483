"""What a model says of many events at once."""

from __future__ import annotations

from typing import Final

import msgspec

from core.api.errors import FieldError
from core.records import Answer

MOST_RECORDS: Final = 10_000
"""Of one request that takes lists."""


class RecordAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the model says of one record, or what is wrong with it."""

    event_id: str | None = None
    answer: Answer | None = None
    features: dict[str, float | int | None] | None = None
    """The windowed features that the model was given; null where nothing is remembered of the entity."""
    features_age_s: float | None = None
    """Seconds since the event by which they are known."""
    error: FieldError | None = None
    """What is wrong with the record, of one that was passed over."""


class RecordsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one model says of many events: the words of a single prediction, told once."""

    application: str
    model: str
    version: int
    source: str
    """`live` or `registered`."""
    threshold: float | None = None
    scores: dict[str, float | None]
    naive: dict[str, float | None] | None = None
    snapshot_age_s: float
    run_id: str | None = None
    count: int
    """Records that were answered."""
    refused: int
    """Records that were passed over because something is wrong with them."""
    latency_ms: float
    answers: list[RecordAnswer]
    """One per record, in their order."""
