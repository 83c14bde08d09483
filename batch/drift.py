"""The drift report: the newest rows of an application against those that a run was trained on.

newest rows (batch.datasets), training rows of a run (batch.runs) -> per input (batch.drifted) -> verdicts
      -> DriftFound -> Redis -> API -> screens
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from batch import drifted
from batch.datasets import BadData, Dataset, load
from batch.drift_figures import panels
from batch.drifted import Bins, Floats
from batch.progress import Progress
from batch.runs import champion, load_run
from core import applications, names
from core.batch import DriftReport, Stage
from core.connect import redis as redis_connect
from core.declaration import Application
from core.diagnostics.shapes import Fact, Result, Sample
from core.drift import MODERATE, STRONG, DriftFound, InputDrift, Side, Verdict
from core.settings import Settings
from models.registered.inputs import MISSING, Input, inputs

LEAST = 100
"""Rows on each side: with fewer, chance alone moves every input."""

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared with what, and what a reader must know of it."""

    reference: Dataset
    newest: Dataset
    run_id: str
    note: str


def report(settings: Settings, request: DriftReport, progress: Progress) -> dict[str, Any]:
    """Writes the report of an application to Redis, and returns it in short.

    Raises BadData when a side has too few rows, BadRun and TrackingAway of `batch.runs`.
    """
    began = time.perf_counter()
    application = applications.get(request.application)
    pair = compared(settings, application, request, progress)
    progress.stage(Stage.COMPUTING, 70)
    found = {one.drift.name: one for one in _inputs(application, pair, progress)}
    ordered = sorted(found.values(), key=lambda one: one.drift.psi, reverse=True)
    made = _found(application, pair, ordered, time.perf_counter() - began)
    progress.stage(Stage.LOGGING, 95)
    with redis_connect.client(settings.redis.url) as redis:
        redis.set(names.drift_report_key(application.name), msgspec.json.encode(made))
    counts = {verdict.value: sum(one.verdict is verdict for one in made.inputs) for verdict in Verdict}
    progress.line(f"{made.verdict} drift" if made.verdict is not Verdict.STABLE else "stable", **counts)
    drifts = {one.name: round(one.psi, 4) for one in made.inputs if one.verdict is not Verdict.STABLE}
    return {"run_id": made.run_id, "verdict": made.verdict.value, "inputs": counts, "psi": drifts}


def compared(
    settings: Settings, application: Application, request: DriftReport, progress: Progress
) -> Compared:
    """The rows of the request, and those of the run; without any run, the older and the newer half."""
    run_id = request.run_id
    if not run_id:
        leading = champion(settings, application)
        run_id = leading.run_id if leading else ""
    newest = load(settings, application, request.rows, progress, apart=False)
    progress.check()
    if not run_id:
        return _halves(newest)
    reference = load_run(settings, application, run_id).split.train
    progress.line(f"training rows of run {run_id}", rows=reference.rows)
    after = np.flatnonzero(newest.times > reference.times.max())
    notes = [_clock_note(reference, newest)]
    if len(after) >= LEAST:
        newest = newest.take(after)
    else:
        notes.append("The newest rows overlap with those that the run was trained on.")
    return _checked(Compared(reference, newest, run_id, " ".join(filter(None, notes))))


def _halves(rows: Dataset) -> Compared:
    half = rows.rows // 2
    older, newer = rows.take(np.arange(half)), rows.take(np.arange(half, rows.rows))
    note = "No model is registered: the older half of the rows stands for what one would be trained on."
    return _checked(Compared(older, newer, "", " ".join(filter(None, (note, _clock_note(older, newer))))))


def _checked(pair: Compared) -> Compared:
    for name, side in (("reference", pair.reference), ("newest", pair.newest)):
        if side.rows < LEAST:
            raise BadData(f"the {name} side has {side.rows} rows; at least {LEAST} are needed to compare")
    return pair


def _clock_note(reference: Dataset, newest: Dataset) -> str:
    """A short window differs from a long one in whatever follows the clock."""
    old, new = (side.times.max() - side.times.min() for side in (reference, newest))
    if new >= DAY or old <= 2 * new:
        return ""
    return "The newest rows span less than a day: what follows the hour differs by that alone."


@dataclass(frozen=True, slots=True)
class Found:
    """An input's drift, and the bins that it was computed from."""

    drift: InputDrift
    bins: Bins


def _inputs(application: Application, pair: Compared, progress: Progress) -> Iterator[Found]:
    """Every input, then the label."""
    known = inputs(application)
    count = len(known) + (pair.newest.target is not None)
    for one in known:
        progress.check()
        old, new = pair.reference.frame[one.name], pair.newest.frame[one.name]
        if one.kind == "category":
            yield _category(one, old.astype(object).to_numpy(), new.astype(object).to_numpy(), count)
        else:
            yield _number(one.name, one.kind, _plain(one, old), _plain(one, new), count)
    if pair.newest.target is not None and pair.reference.target is not None:
        yield _number(application.label or "label", "label", pair.reference.target, pair.newest.target, count)


def _plain(one: Input, values: pd.Series[Any]) -> Floats:
    """In the input's own unit."""
    numbers = values.to_numpy(np.float64)
    return np.expm1(numbers) if one.log else numbers


def _category(one: Input, old: Any, new: Any, inputs: int) -> Found:
    bins = drifted.binned_values(old, new, MISSING)
    sides = (Side(nulls=float(side[-1] / side.sum())) for side in (bins.reference, bins.newest))
    return _judged(one.name, one.kind, bins, inputs, *sides, unseen=drifted.unseen(bins))


def _number(name: str, kind: str, old: Floats, new: Floats, inputs: int) -> Found:
    bins = drifted.binned_numbers(old, new)
    return _judged(
        name,
        kind,
        bins,
        inputs,
        _side(old),
        _side(new),
        ks=drifted.kolmogorov_smirnov(old, new),
        wasserstein=drifted.wasserstein(old, new),
        outside=drifted.outside(old, new),
    )


def _judged(name: str, kind: str, bins: Bins, inputs: int, old: Side, new: Side, **more: Any) -> Found:
    psi, by_chance = drifted.psi(bins), drifted.psi_by_chance(bins, inputs)
    drift = InputDrift(
        name=name,
        kind=kind,
        verdict=verdict(psi, by_chance),
        psi=psi,
        by_chance=by_chance,
        jensen_shannon=drifted.jensen_shannon(bins),
        reference=old,
        newest=new,
        **more,
    )
    return Found(drift, bins)


def verdict(psi: float, by_chance: float) -> Verdict:
    """By the customary bounds; what chance could do on samples of this size is no drift."""
    if psi <= max(MODERATE, by_chance):
        return Verdict.STABLE
    return Verdict.STRONG if psi > STRONG else Verdict.MODERATE


def _side(values: Floats) -> Side:
    known = values[~np.isnan(values)]
    nulls = 1 - len(known) / len(values)
    if not len(known):
        return Side(nulls=nulls)
    low, median, high = np.quantile(known, [0, 0.5, 1]).tolist()
    return Side(nulls=nulls, mean=float(known.mean()), median=median, low=low, high=high)


def _found(application: Application, pair: Compared, ordered: list[Found], seconds: float) -> DriftFound:
    drifts = [one.drift for one in ordered]
    worst = max((one.verdict for one in drifts), key=list(Verdict).index)
    old, new = pair.reference, pair.newest
    result = Result(
        diagnostic="drift",
        application=application.name,
        run_id=pair.run_id,
        parameters={},
        panels=panels(drifts, {one.drift.name: one.bins for one in ordered}),
        facts=_facts(pair, drifts),
        sample=Sample(rows=new.rows, available=new.source.available, split="latest", how=new.source.how),
        seconds=round(seconds, 3),
        computed=datetime.now(UTC),
        note=pair.note,
    )
    return DriftFound(
        application=application.name,
        run_id=pair.run_id,
        verdict=worst,
        inputs=drifts,
        rows=new.rows,
        reference_rows=old.rows,
        start=_moment(new.times.min()),
        end=_moment(new.times.max()),
        reference_start=_moment(old.times.min()),
        reference_end=_moment(old.times.max()),
        result=result,
    )


def _facts(pair: Compared, drifts: list[InputDrift]) -> list[Fact]:
    counts = [
        Fact(
            title=f"{verdict.value.capitalize()} inputs", value=sum(one.verdict is verdict for one in drifts)
        )
        for verdict in Verdict
    ]
    return [
        *counts,
        Fact(title="Newest rows", value=pair.newest.rows),
        Fact(title="Reference rows", value=pair.reference.rows),
    ]


def _moment(at: np.datetime64) -> datetime:
    found: datetime = at.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)
