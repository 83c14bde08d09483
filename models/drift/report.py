"""Inputs on both sides put together: a verdict for the whole, and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core.diagnostics.shapes import Fact, Result, Sample
from core.drift import DriftFound, InputDrift, Verdict
from models.drift.figures import panels
from models.drift.inputs import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is compared with what, and what a reader must know of it."""

    application: str
    run_id: str
    source: str
    rows: int
    available: int
    how: str
    start: datetime
    end: datetime
    reference_rows: int
    reference_start: datetime
    reference_end: datetime
    note: str
    left_out: tuple[str, ...] = ()


def assembled(sides: Sides, found: Sequence[Found], seconds: float, report: str = "") -> DriftFound:
    """The report of at least one input; seconds: that its making took. report: its id where it is kept."""
    ordered = sorted(found, key=lambda one: one.drift.psi, reverse=True)
    drifts = [one.drift for one in ordered]
    result = Result(
        diagnostic="drift",
        application=sides.application,
        run_id=sides.run_id,
        parameters={},
        panels=panels(drifts, {one.drift.name: one.bins for one in ordered}),
        facts=_facts(sides, drifts),
        sample=Sample(rows=sides.rows, available=sides.available, split="latest", how=sides.how),
        seconds=round(seconds, 3),
        computed=datetime.now(UTC),
        note=sides.note,
    )
    return DriftFound(
        application=sides.application,
        run_id=sides.run_id,
        verdict=max((one.verdict for one in drifts), key=list(Verdict).index),
        inputs=drifts,
        rows=sides.rows,
        reference_rows=sides.reference_rows,
        start=sides.start,
        end=sides.end,
        reference_start=sides.reference_start,
        reference_end=sides.reference_end,
        result=result,
        id=report,
        source=sides.source,
        left_out=list(sides.left_out),
    )


def _facts(sides: Sides, drifts: list[InputDrift]) -> list[Fact]:
    counts = [
        Fact(
            title=f"{verdict.value.capitalize()} inputs", value=sum(one.verdict is verdict for one in drifts)
        )
        for verdict in Verdict
    ]
    return [
        *counts,
        Fact(title="Newest rows", value=sides.rows),
        Fact(title="Reference rows", value=sides.reference_rows),
    ]
