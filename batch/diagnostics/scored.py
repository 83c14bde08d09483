"""What the diagnostics of classification and regression are functions of: truths and answers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from batch.diagnostics.subject import Drawn, Floats, Part, Subject, Unanswerable
from core.declaration import Application, Classification, Regression
from core.diagnostics.shapes import Axis, Sample

MOST_ROWS = 200_000
"""Rows of a part that are looked at: more change no curve that a screen can draw."""

UNCHOSEN = 0.5
"""The threshold of a model that has none of its own."""


class Scored(NamedTuple):
    """Probabilities of the positive class, and what happened."""

    truth: Floats
    """(n,): 1.0 for the positive class."""
    answers: Floats
    """(n,): its probability."""
    threshold: float
    """From which on an answer is an alarm."""
    classes: tuple[str, str]
    """Names of the negative and the positive class."""
    times: npt.NDArray[np.datetime64]


class Measured(NamedTuple):
    """Numbers, and what they turned out to be."""

    truth: Floats
    answers: Floats
    naive: Floats
    """(n,): the answer that costs nothing."""
    label: str
    unit: str
    times: npt.NDArray[np.datetime64]

    @property
    def residuals(self) -> Floats:
        """(n,): truth - answer."""
        return self.truth - self.answers


def class_names(application: Application) -> tuple[str, str]:
    """Names of the negative and the positive class; raises Unanswerable where there are no classes."""
    task = application.task
    if not isinstance(task, Classification):
        raise Unanswerable(f"{application.name} has no classes")
    label = task.label.rpartition(".")[2]
    return (f"{label}: no", f"{label}: yes") if task.positive else (f"{label}: yes", f"{label}: no")


def scored(
    subject: Subject, part: Part = "test", threshold: float = 0, both: bool = True
) -> tuple[Scored, Sample]:
    """The probabilities of a part; threshold 0 is the served one.

    Raises Unanswerable when `both` classes are needed and one is missing.
    """
    names, drawn = class_names(subject.application), subject.sample(MOST_ROWS, part)
    truth = _truth(subject, drawn)
    positives = int(truth.sum())
    if both and not 0 < positives < len(truth):
        missing = names[0] if positives else names[1]
        raise Unanswerable(f"the {len(truth):,} {part} rows hold no {missing!r}: take more rows for the run")
    served = UNCHOSEN if subject.model.threshold is None else subject.model.threshold
    found = Scored(truth, np.clip(drawn.answers, 0, 1), threshold or served, names, drawn.dataset.times)
    return found, drawn.sample


def measured(subject: Subject, part: Part = "test", most: int = MOST_ROWS) -> tuple[Measured, Sample]:
    """The numbers of a part; raises Unanswerable where the task has no number."""
    task = subject.application.task
    if not isinstance(task, Regression):
        raise Unanswerable(f"{subject.application.name} answers no number")
    drawn = subject.sample(most, part)
    label = task.label.rpartition(".")[2].replace("_", " ")
    naive = naive_answers(subject, drawn)
    truth = _truth(subject, drawn)
    return Measured(truth, drawn.answers, naive, label, task.unit, drawn.dataset.times), drawn.sample


def naive_answers(subject: Subject, drawn: Drawn) -> Floats:
    """(n,): the answer that costs nothing: the event's own field, or the share of positives in training."""
    match subject.application.task:
        case Regression(naive=naive) if naive in drawn.dataset.frame:
            found: Floats = drawn.dataset.frame[naive].to_numpy(dtype=np.float64)
            return found
        case Regression():
            return np.full(len(drawn.answers), float(np.median(subject.truth("train"))))
        case _:
            return np.full(len(drawn.answers), float(np.mean(subject.truth("train"))))


def share(title: str, **more: float) -> Axis:
    """An axis of shares, 0 to 1 unless said otherwise."""
    return Axis(title=title, share=True, low=more.get("low", 0), high=more.get("high", 1))


def _truth(subject: Subject, drawn: Drawn) -> Floats:
    if drawn.dataset.target is None:
        raise Unanswerable(f"{subject.application.name} has no label: nothing to compare the answers with")
    return drawn.dataset.target
