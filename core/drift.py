"""A drift report: how far the newest rows of an application lie from those that a run was trained on.

batch/drift.py -> DriftFound (JSON) -> Redis -> API -> screens, metrics
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from core.diagnostics.shapes import Result

MODERATE = 0.1
STRONG = 0.25
"""Of the population stability index: the customary bounds (N. Siddiqi, Credit Risk Scorecards, 2006)."""


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
