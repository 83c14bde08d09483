"""The answers that were furthest from what happened, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from batch.diagnostics.arrays import cells, moments, number
from batch.diagnostics.effects import importance
from batch.diagnostics.scored import UNCHOSEN, class_names, share
from batch.diagnostics.slices import LEAST_PROBABILITY, Told, told
from batch.diagnostics.subject import Found, Indices, Subject
from core.declaration import Classification
from core.diagnostics.shapes import Axis, Fact, Lines, Mark, Panel, Points

CLOUD = 1_000
INPUTS_TOLD = 6
WORST_SHARE = 0.01


def worst_answers(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The rows with the largest loss, each with its entity, time and leading inputs."""
    one = told(subject)
    count = min(int(chosen["rows"]), len(one.loss))
    order = np.argsort(-one.loss, kind="stable")
    at = order[:count]
    texts = row_texts(subject, one, at)
    if isinstance(subject.application.task, Classification):
        panel = _of_classes(subject, one, at, texts)
    else:
        panel = _of_numbers(subject, one, at, texts)
    few = max(1, round(WORST_SHARE * len(one.loss)))
    held = float(one.loss[order[:few]].sum() / (one.loss.sum() or 1))
    facts = [
        Fact(title="Largest", value=number(float(one.loss[order[0]])), unit=one.unit),
        Fact(title=f"Share of all loss that the worst {few} rows hold", value=float(f"{held:.3g}")),
    ]
    note = f"The {count} rows with the largest {one.title.lower()}; point at one to see what it was."
    return Found(panels=[panel], facts=facts, sample=one.drawn.sample, note=note)


def _of_classes(subject: Subject, one: Told, at: Indices, texts: list[str]) -> Panel:
    names = class_names(subject.application)
    times = one.drawn.dataset.times
    series = []
    for name, positive in ((f"missed ({names[1]})", True), (f"false alarm ({names[0]})", False)):
        mine = [
            (place, text) for place, text in zip(at, texts, strict=True) if (one.truth[place] > 0) == positive
        ]
        places = np.array([place for place, _ in mine], dtype=np.int64)
        answers = np.maximum(one.drawn.answers[places], LEAST_PROBABILITY)
        series.append(
            Points(name=name, x=moments(times[places]), y=cells(answers), text=[text for _, text in mine])
        )
    threshold = UNCHOSEN if subject.model.threshold is None else subject.model.threshold
    return Panel(
        title="Answers furthest from what happened",
        x=Axis(title="Time", scale="time"),
        y=share("Probability answered"),
        series=list(series),
        marks=[Mark(text="served threshold", y=float(f"{threshold:.4g}"))],
        wide=True,
    )


def _of_numbers(subject: Subject, one: Told, at: Indices, texts: list[str]) -> Panel:
    answers = one.drawn.answers
    cloud = subject.drawn(len(one.truth), CLOUD)
    ends = cells([min(one.truth.min(), answers.min()), max(one.truth.max(), answers.max())])
    return Panel(
        title="Answers furthest from what happened",
        x=Axis(title="Actual", unit=one.unit),
        y=Axis(title="Predicted", unit=one.unit),
        series=[
            Points(name="other rows", x=cells(one.truth[cloud]), y=cells(answers[cloud])),
            Points(name="worst", x=cells(one.truth[at]), y=cells(answers[at]), text=texts),
            Lines(name="identity", x=ends, y=ends, reference=True),
        ],
        wide=True,
    )


def row_texts(subject: Subject, one: Told, at: Indices) -> list[str]:
    """What each row was: entity, time, truth, answer, and the inputs that matter most to the model."""
    dataset, names = one.drawn.dataset, list(importance(subject))[:INPUTS_TOLD]
    times = moments(dataset.times[at])
    made = []
    for place, time in zip(at.tolist(), times, strict=True):
        values = [(name, dataset.frame[name].iloc[place]) for name in names]
        told_inputs = ", ".join(f"{name} {told_value(value)}" for name, value in values)
        made.append(
            f"{dataset.keys[place]}, {time}: happened {told_value(one.truth[place])}, "
            f"answered {told_value(one.drawn.answers[place])}; {told_inputs}"
        )
    return made


def told_value(value: Any) -> str:
    """A value of a cell for a text."""
    if isinstance(value, str):
        return value
    return number(float(value))
