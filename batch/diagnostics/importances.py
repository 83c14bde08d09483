"""Which inputs the model rests on.

validation rows -> one input shuffled -> answers -> how much worse, or how many change -> importances
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from batch.diagnostics.arrays import cells
from batch.diagnostics.cells import floats, named, ordered, rounded
from batch.diagnostics.groups import Groups, by_segment, groups
from batch.diagnostics.matrix import fill
from batch.diagnostics.ranks import association, codes, explained
from batch.diagnostics.subject import Computation, Drawn, Floats, Found, Indices, Subject
from core.declaration import Application, Classification, Clustering, Regression
from core.diagnostics.shapes import Axis, Bars, Fact, Panel

if TYPE_CHECKING:
    import pandas as pd

    from models.registered.inputs import Input

MOST = 2_000
"""Rows that are asked about again for every input."""

MOST_CELLS = 2_000_000
"""Rows times inputs times repeats: keeps wide frames within the time."""

MOST_SHOWN = 30

Loss = Callable[[Floats], float]
"""(n,) answers -> how bad they are."""


def permuted(
    answer: Callable[[pd.DataFrame], Floats],
    frame: pd.DataFrame,
    names: list[str],
    loss: Loss,
    repeats: int,
    rng: np.random.Generator,
    check: Callable[[], None],
) -> Floats:
    """(repeats, inputs): how much the loss grows when one input's values are dealt out anew.

    Breiman 2001, "Random forests"; Fisher, Rudin and Dominici 2019. `check` is called before each question.
    """
    before = loss(answer(frame))
    made = np.empty((repeats, len(names)))
    for n, name in enumerate(names):
        for repeat in range(repeats):
            check()
            dealt = frame.copy(deep=False)
            dealt[name] = frame[name].take(rng.permutation(len(frame))).array
            made[repeat, n] = loss(answer(dealt)) - before
    return made


def loss_of(application: Application, target: Floats | None, answers: Floats) -> tuple[Loss, str, str]:
    """What grows when answers get worse, its name and unit.

    Log loss, mean absolute error, or, where nothing is labelled, the share of rows that change segment.
    """
    match application.task:
        case Classification():
            truth = _known(target) > 0.5
            return lambda p: _log_loss(truth, p), "log loss", ""
        case Regression(unit=unit):
            known = _known(target)
            return lambda said: float(np.abs(said - known).mean()), "mean absolute error", unit
        case Clustering():
            return lambda said: float((said != answers).mean()), "share of rows in another segment", ""


def _log_loss(truth: np.ndarray[Any, np.dtype[np.bool_]], p: Floats) -> float:
    sure = np.clip(np.where(truth, p, 1 - p), 1e-7, 1)
    return float(-np.log(sure).mean())


def _known(target: Floats | None) -> Floats:
    if target is None:
        raise ValueError("a labelled task without labels")
    return target


def by_permutation(subject: Subject, repeats: int = 3) -> tuple[Floats, Drawn, str, str]:
    """(repeats, inputs) of the run's model on validation rows, the rows, and the loss with its unit."""
    return subject.once(("permuted", repeats), lambda: _by_permutation(subject, repeats))  # type: ignore[no-any-return]


def _by_permutation(subject: Subject, repeats: int) -> tuple[Floats, Drawn, str, str]:
    names = [one.name for one in subject.inputs()]
    drawn = subject.sample(max(200, min(MOST, MOST_CELLS // (repeats * len(names)))), "validation")
    loss, title, unit = loss_of(subject.application, drawn.dataset.target, drawn.answers)
    found = permuted(
        subject.model.answers,
        drawn.dataset.frame,
        names,
        loss,
        repeats,
        subject.rng(),
        subject.progress.check,
    )
    return found, drawn, title, unit


def own(subject: Subject) -> Floats | None:
    """(inputs,): the model's own figures, in percent of their sum; None where it has none.

    CatBoost: PredictionValuesChange, how much answers move on average when the input does.
    """
    told = getattr(subject.model.estimator, "get_feature_importance", None)
    if told is None:
        return None
    values = np.asarray(told(), dtype=np.float64)
    by_name = dict(zip(subject.model.inputs, values, strict=True))
    mine = np.array([by_name[one.name] for one in subject.inputs()])
    return 100 * mine / mine.sum() if mine.sum() > 0 else mine


def apart(frame: pd.DataFrame, inputs: tuple[Input, ...], segments: Groups) -> Floats:
    """(inputs,): the share of each input's variance that lies between segments; Cramer's V of a category."""
    return np.array([_apart(frame, one, segments.codes) for one in inputs])


def _apart(frame: pd.DataFrame, one: Input, segments: Indices) -> float:
    if one.kind == "category":
        return association(segments, codes(frame, one))
    values, _ = fill(frame[one.name].to_numpy(np.float64)[:, None])
    return explained(segments, values[:, 0]) ** 2


def leading(subject: Subject, *kinds: str) -> list[Input]:
    """The model's inputs of the given kinds, the most important first."""
    among = subject.inputs()
    figures = subject.once("leading", lambda: _figures(subject))
    order = ordered([one.name for one in among], figures)
    return [among[n] for n in order if not kinds or among[n].kind in kinds]


def _figures(subject: Subject) -> Floats:
    """The cheapest importances that the model has: its own, else between segments, else by permutation."""
    mine = own(subject)
    if mine is not None:
        return mine
    if isinstance(subject.application.task, Clustering):
        drawn = subject.sample(MOST, "validation")
        return np.nan_to_num(apart(drawn.dataset.frame, subject.inputs(), by_segment(drawn.answers)))
    found: Floats = by_permutation(subject, 1)[0].mean(axis=0)
    return found


def feature_importances(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """By permutation on validation rows, and by the model's own figures or what tells segments apart."""
    found, drawn, title, unit = by_permutation(subject, int(chosen["repeats"]))
    inputs = subject.inputs()
    mean = found.mean(axis=0)
    order = ordered([one.name for one in inputs], mean)[:MOST_SHOWN]
    names = [named(inputs[n]) for n in order]
    axis = Axis(title="Input", scale="category", categories=names)
    bars = Bars(
        name="by permutation",
        values=cells(mean[order]),
        low=cells(found.min(axis=0)[order]),
        high=cells(found.max(axis=0)[order]),
    )
    growth = Axis(title=f"Growth of the {title}", unit=unit)
    if isinstance(subject.application.task, Clustering):
        growth = Axis(title=title.capitalize(), share=True)
    panels = [Panel(title="When an input is shuffled", x=growth, y=axis, series=[bars], wide=True)]
    panels += _second(subject, drawn, order)
    facts = [Fact(title=f"Most important: {names[0]}", value=rounded(mean[order[0]]), unit=unit)]
    idle = int((mean <= 0).sum())
    facts.append(Fact(title="Inputs without effect", value=idle))
    return Found(panels=panels, facts=facts, sample=drawn.sample, note=_note(len(inputs)))


def _second(subject: Subject, drawn: Drawn, order: list[int]) -> list[Panel]:
    mine, title, x = own(subject), "By the model's own account", Axis(title="Share of what moves answers, %")
    if mine is None and isinstance(subject.application.task, Clustering):
        segments = groups(subject, None, drawn.answers)
        mine = apart(drawn.dataset.frame, subject.inputs(), segments)
        title, x = "What tells the segments apart", Axis(title="Between segments", low=0, high=1, share=True)
    if mine is None:
        return []
    names = [subject.inputs()[n].name for n in order]
    second = sorted(range(len(order)), key=lambda n: (-np.nan_to_num(mine[order[n]]), names[n]))
    shown = [named(subject.inputs()[order[n]]) for n in second]
    values = list(floats(mine[[order[n] for n in second]]))
    y = Axis(title="Input", scale="category", categories=shown)
    return [Panel(title=title, x=x, y=y, series=[Bars(name="own", values=list(values))])]


def _note(size: int) -> str:
    said = "Inputs that tell the same share their importance: each alone can be spared."
    return said if size <= MOST_SHOWN else f"{said} The first {MOST_SHOWN} of {size} inputs are shown."


COMPUTATIONS: dict[str, Computation] = {"feature_importances": feature_importances}
