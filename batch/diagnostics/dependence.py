"""What the model answers when inputs are set by hand.

rows -> one or two inputs set to a grid of values -> the run's own model -> answers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from batch.diagnostics.arrays import cells
from batch.diagnostics.cells import axis, floats, grid, named, rounded
from batch.diagnostics.groups import pictured
from batch.diagnostics.importances import leading
from batch.diagnostics.projections import clouds
from batch.diagnostics.segments import segment_name
from batch.diagnostics.subject import Computation, Floats, Found, Subject, Unanswerable
from core.declaration import Classification, Clustering, Regression
from core.diagnostics.shapes import Axis, Bars, Cell, Fact, Heat, Lines, Panel, Series

if TYPE_CHECKING:
    from models.registered.inputs import Input

MOST = 400
"""Rows whose input is set to every value in turn."""

STEPS = 20
"""Values of a number, from its 5 % quantile to its 95 %."""

MOST_VALUES = 15
"""Of a category: the most frequent ones."""

FIRST = 4
"""Inputs that are shown when none is chosen."""

SIDE = 40
"""Values of each number of a decision boundary."""

DOTS = 400

Answers = Callable[[pd.DataFrame], Floats]


def settings(frame: pd.DataFrame, one: Input) -> list[Any]:
    """The values that an input is set to: a grid, both sides of a flag, or the most frequent categories."""
    column = frame[one.name]
    if one.kind == "category":
        return [str(value) for value in column.value_counts().index[:MOST_VALUES] if (column == value).any()]
    values = column.dropna().to_numpy(np.float64)
    if not len(values):
        return []
    if one.kind == "flag":
        return [float(value) for value in np.unique(values)]
    low, high = np.quantile(values, (0.05, 0.95))
    several = np.unique(values)
    inner = several[(several >= low) & (several <= high)]
    return list(inner) if len(inner) <= STEPS else list(np.linspace(low, high, STEPS))


def swept(answer: Answers, frame: pd.DataFrame, name: str, values: Sequence[Any]) -> Floats:
    """(values, n): what is answered to every row when one input is set to each value in turn."""
    stacked = pd.concat([frame] * len(values), ignore_index=True)
    column = np.repeat(np.asarray(values, dtype=object), len(frame))
    stacked[name] = _like(frame[name], column)
    return answer(stacked).reshape(len(values), len(frame))


def _like(column: pd.Series[Any], values: Any) -> Any:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pd.Categorical(values, dtype=column.dtype)
    return values.astype(column.dtype)


def partial_dependence(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """What the model answers on average when one input is set to each of its values."""
    drawn = subject.sample(MOST, "validation")
    frame = drawn.dataset.frame
    wanted = str(chosen["input"])
    inputs = [subject.input(wanted)] if wanted else leading(subject)
    panels: list[Panel] = []
    for one in inputs:
        values = settings(frame, one)
        if len(values) < 2 and not wanted:
            continue
        if not values:
            raise Unanswerable(f"{one.name} is null in all of {len(frame)} rows: nothing to set it to")
        subject.progress.check()
        panels.append(_panel(subject, one, values, swept(subject.model.answers, frame, one.name, values)))
        if len(panels) == FIRST:
            break
    note = "The others keep each row's values, so rows may arise that never occur where inputs go together."
    return Found(panels=panels, facts=_range(panels), sample=drawn.sample, note=note)


def _panel(subject: Subject, one: Input, values: list[Any], answers: Floats) -> Panel:
    match subject.application.task:
        case Classification(label=label):
            y, curves = Axis(title=f"Probability of {label}", share=True), [("mean answer", answers)]
        case Regression(label=label, unit=unit):
            y, curves = Axis(title=label, unit=unit), [("mean answer", answers)]
        case Clustering():
            y = Axis(title="Share of the rows", low=0, high=1, share=True)
            numbers = np.unique(answers)
            curves = [(segment_name(n), (answers == n).astype(np.float64)) for n in numbers]
    banded = len(curves) == 1
    if one.kind == "number":
        x = axis(one)
        series: list[Series] = [_line(name, values, rows, banded) for name, rows in curves]
    else:
        x = Axis(title=named(one), scale="category", categories=[_said(one, value) for value in values])
        series = [_bars(name, rows, banded) for name, rows in curves]
    said = "Band: 80 % of the rows." if banded else ""
    return Panel(title=f"Answers over {named(one)}", x=x, y=y, series=series, note=said)


def _line(name: str, values: list[Any], rows: Floats, banded: bool) -> Lines:
    low, high = _band(rows) if banded else ([], [])
    return Lines(name=name, x=cells(np.array(values)), y=cells(rows.mean(axis=1)), low=low, high=high)


def _bars(name: str, rows: Floats, banded: bool) -> Bars:
    low, high = _band(rows) if banded else ([], [])
    return Bars(name=name, values=cells(rows.mean(axis=1)), low=low, high=high)


def _band(rows: Floats) -> tuple[list[Cell], list[Cell]]:
    low, high = np.quantile(rows, (0.1, 0.9), axis=1)
    return cells(low), cells(high)


def _said(one: Input, value: Any) -> str:
    return ("yes" if value else "no") if one.kind == "flag" else str(value)


def _range(panels: Sequence[Panel]) -> list[Fact]:
    made = []
    for panel in panels:
        first = panel.series[0]
        heights = first.y if isinstance(first, Lines) else first.values if isinstance(first, Bars) else []
        known = [float(value) for value in heights if isinstance(value, float | int)]
        if len(panel.series) == 1 and known:
            title = f"{panel.title}: largest less smallest"
            made.append(Fact(title=title, value=rounded(max(known) - min(known)), unit=panel.y.unit))
    return made


def usual_row(frame: pd.DataFrame) -> dict[str, Any]:
    """One row of medians, and of the most frequent categories; a flag takes its more frequent side."""
    made: dict[str, Any] = {}
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object:
            made[name] = column.mode().iloc[0]
        else:
            whole = set(column.dropna().unique()) <= {0.0, 1.0}
            made[name] = round(column.mean()) if whole and column.notna().any() else column.median()
    return made


def surface(answer: Answers, frame: pd.DataFrame, x: str, y: str, xs: Floats, ys: Floats) -> Floats:
    """(len(ys), len(xs)): the answers over a grid of two inputs, all others at their usual value."""
    usual = usual_row(frame)
    size = len(xs) * len(ys)
    table = {}
    for name in frame.columns:
        column = np.full(size, usual[name], dtype=object)
        table[name] = _like(frame[name], column)
    table[x], table[y] = np.tile(xs, len(ys)), np.repeat(ys, len(xs))
    return answer(pd.DataFrame(table)).reshape(len(ys), len(xs))


def decision_boundary(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """What the run's own model answers over two numbers, all other inputs at their usual value."""
    x, y = two_numbers(subject, str(chosen["x"]), str(chosen["y"]))
    drawn, groups = pictured(subject, DOTS, "validation")
    frame = drawn.dataset.frame
    xs, ys = _ticks(frame, x), _ticks(frame, y)
    answers = surface(subject.model.answers, frame, x.name, y.name, xs, ys)
    middles = [[float(value) for value in floats(ticks) if value is not None] for ticks in (xs, ys)]
    heat = Heat(name=_heat_name(subject), values=grid(answers), x=middles[0], y=middles[1])
    dots = frame[[x.name, y.name]].to_numpy(np.float64)
    inside = (dots[:, 0] >= xs[0]) & (dots[:, 0] <= xs[-1]) & (dots[:, 1] >= ys[0]) & (dots[:, 1] <= ys[-1])
    shown = groups.take(np.flatnonzero(inside))
    panel = Panel(
        title=f"{heat.name} over {named(x)} and {named(y)}",
        x=axis(x, low=rounded(xs[0]), high=rounded(xs[-1])),
        y=axis(y, low=rounded(ys[0]), high=rounded(ys[-1])),
        series=[heat, *clouds(dots[inside], shown)],
        wide=True,
        note=f"Dots: rows {groups.title}. Their other inputs differ from those of the surface.",
    )
    note = "The run's own model, all other inputs at their median or most frequent value."
    return Found(panels=[panel], facts=_facts(subject, answers), sample=drawn.sample, note=note)


def _facts(subject: Subject, answers: Floats) -> list[Fact]:
    if isinstance(subject.application.task, Clustering):
        return [Fact(title="Segments on the surface", value=len(np.unique(answers)))]
    unit = getattr(subject.application.task, "unit", "")
    made = [
        Fact(title="Smallest answer", value=rounded(answers.min()), unit=unit),
        Fact(title="Largest answer", value=rounded(answers.max()), unit=unit),
    ]
    threshold = subject.model.threshold
    if threshold is not None:
        share = float((answers >= threshold).mean())
        made.append(
            Fact(
                title=f"Of the surface above the threshold {threshold:.3g}",
                value=rounded(100 * share),
                unit="%",
            )
        )
    return made


def _heat_name(subject: Subject) -> str:
    match subject.application.task:
        case Classification(label=label):
            return f"Probability of {label}"
        case Regression(label=label):
            return label
        case Clustering():
            return "Segment"


def _ticks(frame: pd.DataFrame, one: Input) -> Floats:
    values = frame[one.name].dropna().to_numpy(np.float64)
    if len(values) < 2 or np.ptp(values) == 0:
        raise Unanswerable(f"{one.name} never varies in {len(frame)} rows: choose another number")
    low, high = np.quantile(values, (0.01, 0.99))
    if low == high:
        low, high = values.min(), values.max()
    return np.linspace(low, high, SIDE)


def two_numbers(subject: Subject, x: str, y: str) -> tuple[Input, Input]:
    """The two that were chosen; one that is left open is the most important other number that varies."""
    varied = [one for one in leading(subject, "number") if _varies(subject, one)]
    if len(varied) < 2:
        raise Unanswerable(f"{len(varied)} numeric inputs vary in these rows: two are needed")
    first = subject.input(x, "number") if x else next(one for one in varied if one.name != y)
    second = subject.input(y, "number") if y else next(one for one in varied if one.name != first.name)
    if first.name == second.name:
        raise Unanswerable(f"{first.name} was chosen twice: choose two different numbers")
    return first, second


def _varies(subject: Subject, one: Input) -> bool:
    """Whether a picture of the validation rows has a place for more than one of its values."""
    return subject.split.validation.frame[one.name].nunique() > 1


COMPUTATIONS: dict[str, Computation] = {
    "partial_dependence": partial_dependence,
    "decision_boundary": decision_boundary,
}
