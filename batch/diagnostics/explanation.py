"""What moved the answers: over many rows, and in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from batch.diagnostics.arrays import cells, moments, short
from batch.diagnostics.effects import effects, explained, importance
from batch.diagnostics.slices import told
from batch.diagnostics.subject import Floats, Found, Subject, Unanswerable
from batch.diagnostics.worst import told_value
from core.declaration import Classification
from core.diagnostics.shapes import Axis, Bars, Fact, Lines, Mark, Panel, Points

SHOWN = 15
POINTS_EACH = 130
"""Points per input, so that the whole cloud stays below 2,000."""

LEVELS = ("low value", "middle value", "high value", "category or not known")


def _axis(subject: Subject, title: str) -> Axis:
    if isinstance(subject.application.task, Classification):
        return Axis(title=title, unit="log-odds")
    return Axis(title=title, unit=getattr(subject.application.task, "unit", ""))


def summary(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """Mean |effect| per input, and each row's effect by the value that had it."""
    one = explained(subject)
    names = list(importance(subject))[:SHOWN]
    places = [subject.model.inputs.index(name) for name in names]
    values = one.effects.values[:, places]
    mean = np.abs(values).mean(axis=0)
    down = Axis(title="Input", scale="category", categories=names)
    panels = [
        Panel(
            title="How much each input moves an answer",
            x=_axis(subject, "Mean |SHAP value|"),
            y=down,
            series=[Bars(name="mean |SHAP value|", values=cells(mean))],
        ),
        Panel(
            title="Which way, by the input's value",
            x=_axis(subject, "SHAP value"),
            y=down,
            series=_cloud(subject, names, values),
            marks=[Mark(text="no effect", x=0)],
            wide=True,
        ),
    ]
    whole = np.abs(one.effects.values).mean(axis=0).sum()
    facts = [
        Fact(title=f"Share of {name}", value=short(float(part / whole)))
        for name, part in zip(names[:3], mean[:3], strict=True)
    ]
    note = f"{one.effects.how[0].upper()}{one.effects.how[1:]}."
    return Found(panels=panels, facts=facts, sample=one.drawn.sample, note=note)


def _cloud(subject: Subject, names: list[str], values: Floats) -> list[Any]:
    """One group of points per level of the input's value: thirds by rank."""
    frame = explained(subject).drawn.dataset.frame
    rows = subject.drawn(len(frame), POINTS_EACH)
    groups: dict[str, tuple[list[float], list[str], list[str]]] = {name: ([], [], []) for name in LEVELS}
    numeric = {one.name for one in subject.inputs("number", "flag")}
    for place, name in enumerate(names):
        column = frame[name].iloc[rows]
        levels = np.full(len(rows), 3)
        if name in numeric:
            array = column.to_numpy(dtype=np.float64)
            known = np.isfinite(array)
            thirds = np.unique(np.quantile(array[known], [1 / 3, 2 / 3])) if known.any() else np.zeros(0)
            levels[known] = _levels(array[known], thirds)
        for level, effect, value in zip(levels, values[rows, place], column, strict=True):
            group = groups[LEVELS[level]]
            group[0].append(float(effect))
            group[1].append(name)
            group[2].append(f"{name} {told_value(value)}")
    return [
        Points(name=level, x=cells(group[0]), y=list(group[1]), text=group[2])
        for level, group in groups.items()
        if group[0]
    ]


def _levels(values: Floats, thirds: Floats) -> Any:
    """0, 1 or 2 by thirds; where many are alike only what is below or above them counts as low or high."""
    if len(thirds) < 2:
        middle = thirds[0] if len(thirds) else 0.0
        return np.where(values < middle, 0, np.where(values > middle, 2, 0 if values.max() > middle else 1))
    return np.where(values <= thirds[0], 0, np.where(values <= thirds[1], 1, 2))


def one_row(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """What moved the answer to one test row, input by input, from the usual answer to this one."""
    dataset, place = subject.part("test"), int(chosen["row"])
    if place > dataset.rows:
        raise Unanswerable(f"row={place}: there are {dataset.rows:,} test rows")
    if place == 0:
        one = told(subject)
        place = int(one.drawn.rows[np.argmax(one.loss)]) + 1
    row = dataset.take(np.array([place - 1]))
    found = effects(subject, row.frame)
    values, usual = found.values[0], float(found.usual[0])
    order = np.argsort(-np.abs(values), kind="stable")
    leading = [subject.model.inputs[at] for at in order[:SHOWN]]
    names = [f"{name} = {told_value(row.frame[name].iloc[0])}" for name in leading]
    shown = values[order[:SHOWN]].tolist()
    if len(order) > SHOWN:
        names.append(f"{len(order) - SHOWN} other inputs")
        shown.append(float(values[order[SHOWN:]].sum()))
    panels = _walk(subject, names, shown, usual)
    truth, answer = subject.truth("test")[place - 1], float(subject.model.answers(row.frame)[0])
    facts = [
        Fact(title="Row", value=place),
        Fact(title=str(subject.application.key), value=str(row.keys[0])),
        Fact(title="Time", value=str(moments(row.times)[0])),
        Fact(title="Happened", value=short(float(truth))),
        Fact(title="Answered", value=short(answer)),
    ]
    sample = subject.told(1)
    note = f"{found.how[0].upper()}{found.how[1:]}. Rows are counted from the oldest test row, 1."
    return Found(panels=panels, facts=facts, sample=sample, note=note)


def _walk(subject: Subject, names: list[str], shown: list[float], usual: float) -> list[Panel]:
    """The effects as bars, and as steps from the usual answer on."""
    steps = ["usual answer", *names]
    walked = np.cumsum([usual, *shown])
    return [
        Panel(
            title="What moved the answer",
            x=_axis(subject, "Effect"),
            y=Axis(title="Input", scale="category", categories=names),
            series=[
                Bars(name="upwards", values=cells(max(value, 0.0) for value in shown), stack="effect"),
                Bars(name="downwards", values=cells(min(value, 0.0) for value in shown), stack="effect"),
            ],
            marks=[Mark(text="no effect", x=0)],
        ),
        Panel(
            title="From the usual answer to this one",
            x=Axis(title="Input", scale="category", categories=steps),
            y=_axis(subject, "Answer so far"),
            series=[Lines(name="answer so far", x=list(steps), y=cells(walked), step=True)],
            wide=True,
        ),
    ]
