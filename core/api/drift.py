"""What detectors and reports say of drift."""

from __future__ import annotations

from datetime import datetime

import msgspec

from core.drift import ReportSummary
from core.records import DriftEvent


class DetectorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one of the learner's detectors has said lately."""

    kind: str
    """error, input."""
    model: str = ""
    """Whose error is watched."""
    input: str = ""
    """Which input is watched, with "=value" behind the name of a category."""
    changes: int
    """Among the latest events that the learner tells of."""
    last: DriftEvent


class ReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The latest report of a source."""

    summary: ReportSummary
    age_s: float


class DriftStatusAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of drift now."""

    application: str
    state: str | None = None
    """Of the learner; null before it has reported."""
    changes: dict[str, int] | None = None
    """How many its detectors have found since it began, of "error" and of "input"."""
    detectors: list[DetectorAnswer]
    """Those that spoke lately, the latest first; the others are silent."""
    reports: dict[str, ReportAnswer]
    """The latest report by where its rows came from: table, captures, records."""
    reference: datetime | None = None
    """When what records are compared with was made; null before the first report."""


class ReportsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The drift reports that are kept, newest first."""

    application: str
    reports: list[ReportSummary]
