"""A drift report for the fake API: one input of each verdict, the rest as learned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from core.applications import APPLICATIONS
from core.declaration import Category, leaves
from core.diagnostics.shapes import Axis, Bars, Fact, Mark, Panel, Result, Sample
from core.drift import DriftFound, InputDrift, Side, Verdict
from tests.ui.fake_data import problem

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def answer(name: str, known: bool) -> tuple[int, dict[str, Any]]:
    if not known:
        return 404, problem(404, "there is no drift report yet")
    return 200, dict(msgspec.to_builtins(report(name)))


def report(name: str) -> DriftFound:
    inputs = [_input(n, path, leaf) for n, (path, leaf) in enumerate(leaves(APPLICATIONS[name]))]
    return DriftFound(
        application=name,
        run_id="3a9c7e51d24bb8f0",
        verdict=Verdict.STRONG,
        inputs=inputs,
        rows=10_000,
        reference_rows=6_000,
        start=NOW - timedelta(hours=1),
        end=NOW,
        reference_start=NOW - timedelta(hours=9),
        reference_end=NOW - timedelta(hours=6),
        result=_result(name, inputs),
    )


def _input(place: int, path: str, leaf: Any) -> InputDrift:
    verdicts = {1: Verdict.STRONG, 3: Verdict.MODERATE}
    category = isinstance(leaf, Category)
    return InputDrift(
        name=path,
        kind="category" if category else "number",
        verdict=verdicts.get(place, Verdict.STABLE),
        psi={1: 0.412, 3: 0.163}.get(place, 0.004 + 0.002 * place),
        by_chance=0.011,
        jensen_shannon=0.08,
        outside=None if category else 0.013,
        unseen={"new one": 0.021} if category else {},
        reference=Side(nulls=0.0, mean=None if category else 310.2),
        newest=Side(nulls=0.04, mean=None if category else 402.7),
    )


def _result(name: str, inputs: list[InputDrift]) -> Result:
    ordered = sorted(inputs, key=lambda one: -one.psi)[:12]
    panel = Panel(
        title="How far each input has moved",
        x=Axis(title="Population stability index", low=0),
        y=Axis(title="", scale="category", categories=[one.name for one in ordered]),
        series=[Bars(name="PSI", values=[one.psi for one in ordered])],
        marks=[Mark(text="moderate", x=0.1), Mark(text="strong", x=0.25)],
        note="Below the first line nothing has changed that matters.",
        wide=True,
    )
    return Result(
        diagnostic="drift",
        application=name,
        run_id="3a9c7e51d24bb8f0",
        parameters={},
        panels=[panel],
        facts=[Fact(title="Strong inputs", value=1), Fact(title="Newest rows", value=10_000)],
        sample=Sample(rows=10_000, available=38_402, split="latest", how="the newest"),
        seconds=0.8,
        computed=NOW,
    )
