"""What a model says of an event, and what is remembered of an entity."""

from __future__ import annotations

from datetime import datetime

import msgspec

from core.records import Answer, Contribution, Segment


class PredictAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of an event."""

    application: str
    event_id: str
    answer: Answer
    threshold: float | None = None
    model: str
    version: int
    """Of the snapshot, or of the registered model."""
    source: str
    """`live` or `registered`."""
    scores: dict[str, float | None]
    """Of this very model: prequential, or on its test rows."""
    naive: dict[str, float | None] | None = None
    snapshot_age_s: float
    """Seconds since the snapshot was made, or since the training ended."""
    latency_ms: float
    segment: Segment | None = None
    explanation: list[Contribution] | None = None
    """What moved the answer away from the usual one, the largest effect first; null where it was not asked,
    or where the model can't tell."""
    features: dict[str, float | int | None] | None = None
    """The windowed features that the model was given; null where nothing is remembered of the entity."""
    features_age_s: float | None = None
    """Seconds since the event by which they are known."""
    run_id: str | None = None
    """The training behind a registered model."""


class FeatureValue(msgspec.Struct, frozen=True, kw_only=True):
    """One feature of an entity; null where nothing is known of it."""

    name: str
    value: int | float | None = None
    unit: str
    help: str


class FeaturesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of an entity as of its last timely event: nothing decays since then."""

    application: str
    entity: str
    event_time: datetime
    age_s: float
    """Seconds since that event, now."""
    source_partition: int
    source_offset: int
    features: list[FeatureValue]
