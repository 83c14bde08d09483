"""The drift report: the newest rows of an application against those that a run was trained on.

newest rows (batch.datasets) or captures (batch.captured), training rows of a run (batch.runs)
      -> per input (models.drift) -> verdicts -> DriftFound -> core.drift_reports -> API -> screens
      `-> of the older side -> DriftReference -> what records of a request are compared with
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from batch.captured import captured
from batch.datasets import BadData, Dataset, load
from batch.progress import Progress
from batch.runs import champion, load_run
from core import applications, drift_reports
from core.batch import HISTORY, DriftReport, DriftSource, Stage
from core.connect import redis as redis_connect
from core.declaration import Application, Clustering
from core.drift import DriftFound, DriftReference, Verdict
from core.settings import Settings
from models.drift.inputs import Found, category_reference, number_reference, of_category, of_number
from models.drift.report import Sides, assembled
from models.registered.events import own
from models.registered.inputs import inputs, plain

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
    """Keeps the report of an application in Redis, with its reference, and returns it in short.

    Raises BadData when a side has too few rows, BadRun and TrackingAway of `batch.runs`.
    """
    began = time.perf_counter()
    application = applications.get(request.application)
    pair = compared(settings, application, request, progress)
    older = pair.reference
    if request.source is DriftSource.TABLE:
        older = as_events(settings, application, older, progress)
    progress.stage(Stage.COMPUTING, 70)
    found = list(_inputs(application, request, pair, progress))
    sides, made_id = _sides(application, request, pair), drift_reports.fresh_id()
    made = assembled(sides, found, time.perf_counter() - began, made_id)
    progress.stage(Stage.LOGGING, 95)
    with redis_connect.client(settings.redis.url) as redis:
        drift_reports.keep(redis, made, _kept(application, older, made))
    counts = {verdict.value: sum(one.verdict is verdict for one in made.inputs) for verdict in Verdict}
    progress.line(f"{made.verdict} drift" if made.verdict is not Verdict.STABLE else "stable", **counts)
    drifts = {one.name: round(one.psi, 4) for one in made.inputs if one.verdict is not Verdict.STABLE}
    told = {"run_id": made.run_id, "verdict": made.verdict.value, "inputs": counts, "psi": drifts}
    return told | {"report": made.id}


def compared(
    settings: Settings, application: Application, request: DriftReport, progress: Progress
) -> Compared:
    """The rows of the request, and those of the run; without any run, the older and the newer half."""
    run_id = request.run_id
    if not run_id:
        leading = champion(settings, application)
        run_id = leading.run_id if leading else ""
    if request.source is DriftSource.CAPTURES:
        return _of_captures(settings, application, request, run_id, progress)
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


def _of_captures(
    settings: Settings, application: Application, request: DriftReport, run_id: str, progress: Progress
) -> Compared:
    """Captured events, and those that the run was trained on; without any run, events of the table."""
    newest = captured(settings, application, request.rows, progress)
    progress.check()
    notes = []
    if run_id:
        trained = load_run(settings, application, run_id).split.train
        reference = as_events(settings, application, trained, progress)
    else:
        reference = load(settings, application, HISTORY, progress, apart=False, entities=False)
        notes.append("No model is registered: rows of the table stand for what one would be trained on.")
    notes.append(_clock_note(reference, newest))
    return _checked(Compared(reference, newest, run_id, " ".join(filter(None, notes))))


def as_events(settings: Settings, application: Application, rows: Dataset, progress: Progress) -> Dataset:
    """The same rows where each is an event already; of a clustering events of the table up to their end.

    An entity's row is a mean over all that was seen of it: single events can't be compared with that.
    """
    if not isinstance(application.task, Clustering):
        return rows
    events = load(settings, application, HISTORY, progress, apart=False, entities=False)
    until = np.flatnonzero(events.times <= rows.times.max())
    return events.take(until) if len(until) else events


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


def _inputs(
    application: Application, request: DriftReport, pair: Compared, progress: Progress
) -> Iterator[Found]:
    """Every input that both sides have, then the label."""
    known = [one for one in inputs(application) if one.name in pair.newest.frame]
    count = len(known) + (pair.newest.target is not None)
    sizes = None
    if request.source is DriftSource.CAPTURES:
        sizes = _independent(application, pair.reference), _independent(application, pair.newest)
    for one in known:
        progress.check()
        old, new = pair.reference.frame[one.name], pair.newest.frame[one.name]
        if one.kind == "category":
            yield of_category(one.name, one.kind, _texts(old), _texts(new), count, sizes)
        else:
            yield of_number(one.name, one.kind, plain(one, old), plain(one, new), count, sizes)
    if pair.newest.target is not None and pair.reference.target is not None:
        label = application.label or "label"
        yield of_number(label, "label", pair.reference.target, pair.newest.target, count)


def _texts(values: pd.Series[Any]) -> Any:
    return values.astype(object).to_numpy()


def _kept(application: Application, old: Dataset, found: DriftFound) -> DriftReference:
    """The older side of what an event tells by itself; old: events."""
    return DriftReference(
        application=application.name,
        run_id=found.run_id,
        report=found.id,
        made=found.result.computed,
        rows=old.rows,
        independent=_independent(application, old),
        start=_moment(old.times.min()),
        end=_moment(old.times.max()),
        inputs=[
            category_reference(one.name, _texts(old.frame[one.name]))
            if one.kind == "category"
            else number_reference(one.name, one.kind, plain(one, old.frame[one.name]))
            for one in own(application)
        ],
    )


def _independent(application: Application, events: Dataset) -> int:
    """As `models.registered.events.independent`."""
    alike = isinstance(application.task, Clustering)
    return len(np.unique(events.keys.astype(str))) if alike else events.rows


def _sides(application: Application, request: DriftReport, pair: Compared) -> Sides:
    old, new = pair.reference, pair.newest
    return Sides(
        application=application.name,
        run_id=pair.run_id,
        source=request.source.value,
        rows=new.rows,
        available=new.source.available,
        how=new.source.how,
        start=_moment(new.times.min()),
        end=_moment(new.times.max()),
        reference_rows=old.rows,
        reference_start=_moment(old.times.min()),
        reference_end=_moment(old.times.max()),
        note=pair.note,
        left_out=tuple(one.name for one in inputs(application) if one.name not in new.frame),
    )


def _moment(at: np.datetime64) -> datetime:
    found: datetime = at.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)
