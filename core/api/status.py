"""The state of the whole stack."""

from __future__ import annotations

from datetime import datetime

import msgspec

from core.records import UpkeepReport


class LearnerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner does and which model it serves."""

    state: str | None = None
    champion: str | None = None
    version: int | None = None
    snapshot_age_s: float | None = None
    error: str | None = None
    run_id: str | None = None
    run_url: str | None = None


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from an event's arrival at the broker until its features could be read, of late."""

    p50: float
    p95: float
    samples: int


class FeaturesStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far the features of an application are, as their writer last said."""

    rows: int
    late: int
    entities: int
    """Whose latest features are held."""
    newest_event_time: datetime | None = None
    behind_s: float | None = None
    """Seconds of event time between the newest event that the learner met and the newest feature row."""
    freshness_s: Freshness | None = None
    """From an event's arrival at the broker until its features could be read; null when none came of late."""
    written: datetime | None = None


class ApplicationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far an application's events have come."""

    produced: int | None = None
    valid: int | None = None
    rejected: int | None = None
    rejected_by_reason: dict[str, int] | None = None
    delta_rows: int | None = None
    delta_version: int | None = None
    asked: int | None = None
    taught: int | None = None
    pending: int | None = None
    last_event_time: datetime | None = None
    lag: int | None = None
    rate: float | None = None
    learner: LearnerStatus = LearnerStatus()
    features: FeaturesStatus | None = None


class PartStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the stack."""

    state: str
    pid: int | None = None
    rss_mb: float | None = None
    since: datetime | None = None
    error: str = ""


class StatusAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The whole stack at one moment; `away` says why numbers are missing."""

    applications: dict[str, ApplicationStatus]
    parts: dict[str, PartStatus] = {}
    upkeep: UpkeepReport | None = None
    """The tables as the latest round of upkeep left them: version, files, bytes, rows."""
    time: datetime
    away: dict[str, str] = {}


class ReadyPart(msgspec.Struct, frozen=True):
    """Whether one dependency is as it should be."""

    ok: bool
    detail: str


class ReadyAnswer(msgspec.Struct, frozen=True):
    """Whether requests can be answered."""

    ready: bool
    parts: dict[str, ReadyPart]
