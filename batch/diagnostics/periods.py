"""The target over time, from the first train row to the last test row.

times, labels or segments of all parts -> periods of equal length -> shares, means -> lines
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from batch.diagnostics.arrays import cells, moments
from batch.diagnostics.cells import rounded
from batch.diagnostics.groups import by_segment, few
from batch.diagnostics.scored import class_names
from batch.diagnostics.subject import Floats, Found, Indices, Subject, Unanswerable
from core.declaration import Classification, Clustering, Regression
from core.diagnostics.shapes import Axis, Fact, Lines, Mark, Panel, Sample, Series

Times = npt.NDArray[np.datetime64]

Z = 1.96
"""Standard errors that hold 95 %."""


def periods(times: Times, wanted: int) -> tuple[Times, Indices]:
    """Cuts times (n,) into at most `wanted` periods of equal length: their starts, (n,) the place of each.

    Raises Unanswerable without a row.
    """
    if not len(times):
        raise Unanswerable("no rows: nothing to follow over time")
    micros = times.astype("datetime64[us]").astype(np.int64)
    length = max(1, -(-(int(np.ptp(micros)) + 1) // wanted))
    codes = (micros - micros.min()) // length
    starts = (micros.min() + length * np.arange(codes.max() + 1)).astype("datetime64[us]")
    return starts, codes


def followed(values: Floats, codes: Indices, size: int) -> tuple[Floats, Floats, Indices]:
    """(size,) means, their standard errors, and rows per period; NaN where a period has none."""
    rows = np.bincount(codes, minlength=size)
    some = np.where(rows > 0, rows, np.nan)
    mean = np.bincount(codes, values, minlength=size) / some
    square = np.bincount(codes, values**2, minlength=size) / some
    return mean, np.sqrt(np.maximum(square - mean**2, 0) / some), rows


def target_over_time(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """How the target moves, with the places where validation and test begin."""
    parts = (subject.split.train, subject.split.validation, subject.split.test)
    together = np.concatenate([part.times for part in parts])
    starts, codes = periods(together, int(chosen["periods"]))
    axis = Axis(title="Event time", scale="time")
    x = moments(starts)
    y, series = _series(subject, x, codes, len(starts))
    rows = np.bincount(codes, minlength=len(starts))
    marks = [
        Mark(text=f"{name} begins", x=moments(part.times.min(keepdims=True))[0])
        for name, part in (("validation", parts[1]), ("test", parts[2]))
        if part.rows
    ]
    panels = [
        Panel(
            title=f"{subject.application.label or 'Segments'} over time",
            x=axis,
            y=y,
            series=series,
            marks=marks,
            wide=True,
            note="Band: 95 %, for chance alone." if len(series) == 1 else "",
        ),
        Panel(
            title="Rows",
            x=axis,
            y=Axis(title="Rows in a period", low=0),
            series=[Lines(name="rows", x=x, y=cells(rows), step=True)],
            marks=marks,
            wide=True,
        ),
    ]
    hours = float((starts[1] - starts[0]) / np.timedelta64(3600, "s")) if len(starts) > 1 else None
    facts = [Fact(title="A period is", value=None if hours is None else rounded(hours), unit="hours")]
    sample = Sample(rows=len(together), available=len(together), split="train, validation, test")
    return Found(panels=panels, facts=facts, sample=sample)


def _series(subject: Subject, x: list[Any], codes: Indices, size: int) -> tuple[Axis, list[Series]]:
    match subject.application.task:
        case Classification(label=label):
            truth = (_truth(subject) > 0.5).astype(np.float64)
            axis = Axis(title=f"Share of {label}", low=0, share=True)
            return axis, [_banded(class_names(subject.application)[1], x, truth, codes, size, 0.0)]
        case Regression(label=label, unit=unit, floor=floor):
            return Axis(title=label, unit=unit), [_banded("mean", x, _truth(subject), codes, size, floor)]
        case Clustering():
            said = np.concatenate([subject.answers(part) for part in ("train", "validation", "test")])
            made = few(by_segment(said))
            axis = Axis(title="Share of the rows", low=0, share=True)
            lines: list[Series] = []
            for name, mask in made.members():
                mean, _, _ = followed(mask.astype(np.float64), codes, size)
                lines.append(Lines(name=name, x=x, y=cells(mean)))
            return axis, lines


def _truth(subject: Subject) -> Floats:
    return np.concatenate([subject.truth(part) for part in ("train", "validation", "test")])


def _banded(name: str, x: list[Any], values: Floats, codes: Indices, size: int, floor: float) -> Lines:
    mean, error, _ = followed(values, codes, size)
    low = np.maximum(mean - Z * error, floor)
    return Lines(name=name, x=x, y=cells(mean), low=cells(low), high=cells(mean + Z * error))
