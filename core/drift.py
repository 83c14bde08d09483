"""A drift report: how far the newest rows of an application lie from those that a run was trained on.

batch/drift.py -> DriftFound, DriftReference (JSON) -> Redis -> API -> screens, metrics
records of a request -> against the DriftReference -> DriftFound
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from core.diagnostics.shapes import Result

MODERATE = 0.1
STRONG = 0.25
"""Of the population stability index: the customary bounds (N. Siddiqi, Credit Risk Scorecards, 2006)."""


SHARE_WARNING = 0.2
SHARE_CRITICAL = 0.3
"""Of the inputs that drift: one alone is often the world's change, a fifth of them the source's."""


class Level(StrEnum):
    """How urgent a finding is."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


def level(value: float, warning: float, critical: float) -> Level:
    """Beyond which of two bounds a value lies."""
    if value > critical:
        return Level.CRITICAL
    return Level.WARNING if value > warning else Level.OK


class Verdict(StrEnum):
    """What is made of an input's drift."""

    STABLE = "stable"
    MODERATE = "moderate"
    """Worth a look."""
    STRONG = "strong"
    """The rows are others than those that were learned from: train anew, or find out what broke."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One input on one side of the comparison. Of a category, numbers are None."""

    nulls: float
    """Share of rows without a value."""
    mean: float | None = None
    median: float | None = None
    low: float | None = None
    high: float | None = None


class InputDrift(msgspec.Struct, frozen=True, kw_only=True):
    """How far one input, or the label, has moved."""

    name: str
    kind: str
    """number, flag, category, label."""
    verdict: Verdict
    psi: float
    """Population stability index over the tenths of the reference, or the values; nulls are one of them."""
    by_chance: float
    """What `psi` would stay below in 99 of 100 reports on samples of this size without any drift."""
    jensen_shannon: float
    """Distance of the same two distributions, in 0..1 (base 2)."""
    ks: float | None = None
    """Kolmogorov-Smirnov: the largest distance of the two distribution functions, in 0..1; of numbers."""
    wasserstein: float | None = None
    """How far values have moved on average, in standard deviations of the reference; of numbers."""
    outside: float | None = None
    """Share of the newest values beyond the range of the reference; of numbers."""
    unseen: dict[str, float] = {}
    """Values that the reference doesn't have, with their share of the newest rows; of categories."""
    reference: Side
    newest: Side


class DriftFound(msgspec.Struct, frozen=True, kw_only=True):
    """The report of an application."""

    application: str
    run_id: str
    """Whose training rows are the reference; empty: the older half of the same rows."""
    verdict: Verdict
    """The worst of its inputs'."""
    inputs: list[InputDrift]
    """The most drifted first; the label among them, where there is one."""
    rows: int
    reference_rows: int
    start: datetime
    end: datetime
    reference_start: datetime
    reference_end: datetime
    result: Result
    """The same, to be drawn."""
    id: str = ""
    """Under which the report is kept; empty when it is not."""
    source: str = "table"
    """Where the newest rows come from: table, captures, records (of a request)."""
    left_out: list[str] = []
    """Inputs that such rows don't have: windowed features are known of events of the stream only."""


class InputReference(msgspec.Struct, frozen=True, kw_only=True):
    """The older side of one input, small enough to be kept."""

    name: str
    kind: str
    labels: list[str]
    """Of the bins; the last of `counts` is that of nulls, which has no label."""
    counts: list[float]
    edges: list[float] = []
    """Of a number: between its bins."""
    points: list[float] = []
    """Of a number: quantiles that stand for its values, evenly spaced."""
    deviation: float | None = None
    """Of a number: standard deviation."""
    side: Side


class DriftReference(msgspec.Struct, frozen=True, kw_only=True):
    """What records are compared with: the older side of the latest report, input by input."""

    application: str
    run_id: str
    report: str
    """The report that it was kept with."""
    made: datetime
    rows: int
    independent: int
    """Of the rows: all, or in a clustering as many as there are entities."""
    start: datetime
    end: datetime
    inputs: list[InputReference]
    """Those that an event tells by itself, without what is remembered of its entities."""


class ReportSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A kept report in short."""

    id: str
    application: str
    time: datetime
    source: str
    run_id: str
    verdict: Verdict
    level: Level
    """Of the share of drifted inputs."""
    share: float
    drifted: int
    inputs: int
    rows: int
    reference_rows: int


def summary(found: DriftFound) -> ReportSummary:
    """A report in short."""
    drifted = sum(one.verdict is not Verdict.STABLE for one in found.inputs)
    share = drifted / len(found.inputs) if found.inputs else 0.0
    return ReportSummary(
        id=found.id,
        application=found.application,
        time=found.result.computed,
        source=found.source,
        run_id=found.run_id,
        verdict=found.verdict,
        level=level(share, SHARE_WARNING, SHARE_CRITICAL),
        share=round(share, 4),
        drifted=drifted,
        inputs=len(found.inputs),
        rows=found.rows,
        reference_rows=found.reference_rows,
    )
