"""The live models: their scores, their answers of late, what is asked of their learners."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from core.control import Place
from core.records import DriftEvent, Estimate, Promotion, Segment, Standing


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
    bad_features: int | None = None
    """Messages of features that could not be read, since the learner started."""
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
    champion: str | None = None
    """Chosen by hand; null: by rule."""
    resetting: int | None = None
    """The version that it shall go back to; null once it has answered."""
    state: str | None = None


class VersionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A version that a learner can go back to."""

    version: int
    created: datetime
    model: str
    """Its champion."""
    asked: int
    taught: int
    clock: datetime | None = None
    """Event time reached."""
    scores: dict[str, float | None]
    bytes: int
    places: list[Place]
    """Where it lies."""
    run_id: str | None = None
    run_url: str | None = None


class VersionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner can go back to, newest first."""

    application: str
    versions: list[VersionAnswer]


class ScorePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The scores at one moment; `time` is the wall clock, `clock` the event time reached."""

    time: datetime
    clock: datetime | None = None
    asked: int | None = None
    taught: int | None = None
    rate: float | None = None
    scores: dict[str, float | None] = {}
    naive: dict[str, float | None] = {}


class HistoryAnswer(msgspec.Struct, frozen=True):
    """Score points, oldest first."""

    points: list[ScorePoint]


class RecentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of late, with what was asked and, once known, the truth."""

    event_id: str
    entity: str
    event_time: datetime
    model: str | None = None
    version: int | None = None
    value: bool | int | float
    probability: float | None = None
    threshold: float | None = None
    asked_at: datetime | None = None
    known_time: datetime | None = None
    """Event time at which the label was due; of answers that are judged."""
    event: dict[str, Any] = msgspec.field(default_factory=dict)
    truth: bool | int | float | None = None


class PredictionsAnswer(msgspec.Struct, frozen=True):
    """The newest answers, newest first."""

    predictions: list[RecentAnswer]
