"""The shapes of the API's answers. None stands for what can't be known at the moment, never zero."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from fastapi.responses import Response

from core.batch import JobLine, JobReport
from core.control import Place
from core.records import (
    Answer,
    Contribution,
    DriftEvent,
    Estimate,
    Promotion,
    Segment,
    Standing,
    UpkeepReport,
)
from core.scenarios import Logged, Scenario
from serving.features.report import Freshness


class Json(Response):
    """An answer encoded by msgspec: times in UTC, NaN as null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The content as JSON."""
        return msgspec.json.encode(content)


class LearnerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner does and which model it serves."""

    state: str | None = None
    champion: str | None = None
    version: int | None = None
    snapshot_age_s: float | None = None
    error: str | None = None
    run_id: str | None = None
    run_url: str | None = None


class FeaturesStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far the features of an application are, as their writer last said."""

    rows: int
    late: int
    entities: int
    """Whose latest features are held."""
    newest_event_time: datetime | None
    behind_s: float | None
    """Seconds of event time between the newest event that the learner met and the newest feature row."""
    freshness_s: Freshness | None
    """From an event's arrival at the broker until its features could be read; null when none came of late."""
    written: datetime | None


class ApplicationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far an application's events have come."""

    produced: int | None
    valid: int | None
    rejected: int | None
    rejected_by_reason: dict[str, int] | None
    delta_rows: int | None
    delta_version: int | None
    asked: int | None = None
    taught: int | None = None
    pending: int | None = None
    last_event_time: datetime | None = None
    lag: int | None = None
    rate: float | None = None
    learner: LearnerStatus
    features: FeaturesStatus | None = None


class PartStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the stack."""

    state: str
    pid: int | None
    rss_mb: float | None
    since: datetime | None
    error: str


class StatusAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The whole stack at one moment; `away` says why numbers are missing."""

    applications: dict[str, ApplicationStatus]
    parts: dict[str, PartStatus]
    upkeep: UpkeepReport | None
    """The tables as the latest round of upkeep left them: version, files, bytes, rows."""
    time: datetime
    away: dict[str, str]


class ReadyPart(msgspec.Struct, frozen=True):
    """Whether one dependency is as it should be."""

    ok: bool
    detail: str


class ReadyAnswer(msgspec.Struct, frozen=True):
    """Whether requests can be answered."""

    ready: bool
    parts: dict[str, ReadyPart]


class LiveAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A learner's latest report."""

    application: str
    state: str | None = None
    champion: str | None = None
    version: int | None = None
    asked: int | None = None
    taught: int | None = None
    pending: int | None = None
    clock: datetime | None = None
    lag: int | None = None
    rate: float | None = None
    threshold: float | None = None
    scores: dict[str, float | None] | None = None
    naive: dict[str, float | None] | None = None
    confusion: dict[str, int] | None = None
    calibration: list[tuple[float, float, int]] | None = None
    segments: list[Segment] | None = None
    models: list[Standing] | None = None
    """Every model of the roster, as declared: the leaderboard."""
    pinned: bool | None = None
    promotions: list[Promotion] | None = None
    estimated: dict[str, Estimate] | None = None
    drift: list[DriftEvent] | None = None
    drifts: dict[str, int] | None = None
    without_features: int | None = None
    run_id: str | None = None
    run_url: str | None = None
    error: str | None = None
    heartbeat: datetime | None = None
    training: bool | None = None
    """Whether the learner is asked to take events; `state` says what it does."""
    resetting: int | None = None
    """The version that it is asked to go back to, until it has answered."""


class ControlAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a learner, and what it does: it follows within a second or two."""

    application: str
    training: bool
    champion: str | None
    """Chosen by hand; null: by rule."""
    resetting: int | None
    """The version that it shall go back to; null once it has answered."""
    state: str | None


class VersionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A version that a learner can go back to."""

    version: int
    created: datetime
    model: str
    """Its champion."""
    asked: int
    taught: int
    clock: datetime | None
    """Event time reached."""
    scores: dict[str, float | None]
    bytes: int
    places: list[Place]
    """Where it lies."""
    run_id: str | None
    run_url: str | None


class VersionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner can go back to, newest first."""

    application: str
    versions: list[VersionAnswer]


class PredictAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of an event."""

    application: str
    event_id: str
    answer: Answer
    threshold: float | None
    model: str
    version: int
    """Of the snapshot, or of the registered model."""
    source: str
    """`live` or `registered`."""
    scores: dict[str, float | None]
    """Of this very model: prequential, or on its test rows."""
    naive: dict[str, float | None] | None
    snapshot_age_s: float
    """Seconds since the snapshot was made, or since the training ended."""
    latency_ms: float
    segment: Segment | None
    explanation: list[Contribution] | None
    """What moved the answer away from the usual one, the largest effect first; null where it was not asked,
    or where the model can't tell."""
    features: dict[str, float | int | None] | None
    """The windowed features that the model was given; null where nothing is remembered of the entity."""
    features_age_s: float | None
    """Seconds since the event by which they are known."""
    run_id: str | None = None
    """The training behind a registered model."""


class FeatureValue(msgspec.Struct, frozen=True, kw_only=True):
    """One feature of an entity; null where nothing is known of it."""

    name: str
    value: int | float | None
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


class HistoryAnswer(msgspec.Struct, frozen=True):
    """Score points, oldest first."""

    points: list[dict[str, Any]]


class PredictionsAnswer(msgspec.Struct, frozen=True):
    """The newest answers, newest first, each with its event and, once known, the truth."""

    predictions: list[dict[str, Any]]


class LetterCount(msgspec.Struct, frozen=True):
    """Dead letters of one kind."""

    reason: str
    field: str
    count: int


class DeadLettersAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The messages that were refused; `letters` are the newest, newest first."""

    application: str
    total: int
    replayed: int
    unconfirmed: int
    """Taken for a replay that never said whether the broker has them."""
    counts: list[LetterCount]
    letters: list[dict[str, Any]]


class ReplayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a replay."""

    application: str
    dry_run: bool
    matching: int
    already_replayed: int
    selected: int
    replayed: int
    failed: int


class ColumnAnswer(msgspec.Struct, frozen=True):
    """A column of a result."""

    name: str
    type: str


class QueryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a query returned."""

    columns: list[ColumnAnswer]
    rows: msgspec.Raw
    row_count: int
    truncated: bool
    elapsed_ms: float
    table_version: int
    table_rows: int


class HelpedColumn(msgspec.Struct, frozen=True):
    """A column of a table."""

    name: str
    type: str
    help: str


class TableAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A table that queries may name."""

    name: str
    rows: int
    version: int
    columns: list[HelpedColumn]


class SchemaAnswer(msgspec.Struct, frozen=True):
    """The tables of an application."""

    tables: list[TableAnswer]


class ScenarioKind(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario that can be asked for; its strength means `meaning`, within [low, high]."""

    name: str
    help: str
    meaning: str
    default: float
    low: float
    high: float


class ScenarioAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to a stream on purpose; `current` may begin later and is null when all is normal."""

    application: str
    time: datetime
    current: Scenario | None
    scenarios: list[ScenarioKind]
    log: list[Logged]


class JobsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs of the batch worker, newest first."""

    jobs: list[JobReport]
    slots: int
    """How many the worker could do at the same time; 0: no worker runs, and jobs wait."""


class JobLogAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a job's log, oldest first."""

    lines: list[JobLine]
    last: str
    """Where they end: ask for what comes after it."""
