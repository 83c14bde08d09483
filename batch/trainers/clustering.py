"""What clusterers share: the search for the number of segments, the space, the segments' numbers.

train -> space -> how many segments -> clusterer -> numbers by size -> BatchModel
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from batch.datasets import BadData, Dataset
from batch.progress import Progress
from batch.split import Split
from batch.trainers.search import best, search
from batch.trainers.segments import as_before, by_size, described, reorder
from batch.trainers.space import Points, preprocessing, transformed
from batch.trainers.trainer import about, merged, teachable
from core.batch import Stage
from core.declaration import Clustering
from core.recipes import SEARCHED, BadParameter, Parameter
from models.registered.model import BatchModel
from models.registered.threads import limited

LEAST_PER_SEGMENT = 5
"""Entities to train on, for each segment that is asked for."""


class Clusterer:
    """A recipe that groups entities. A subclass says which algorithm makes the groups."""

    name: ClassVar[str]
    title: ClassVar[str]
    tasks: ClassVar[tuple[type, ...]] = (Clustering,)
    parameters: ClassVar[Mapping[str, Parameter]] = SEARCHED

    def steps(self, points: Points, held: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """The fitted last steps of a pipeline; the very last one tells segments. points: (n, inputs)."""
        raise NotImplementedError

    def fit(
        self, split: Split, parameters: Mapping[str, Any], threads: int, progress: Progress
    ) -> BatchModel:
        """Searches for the number of segments where none is asked for, then fits; see Trainer."""
        held = merged(self, parameters)
        if held["fewest"] > held["most"]:
            raise BadParameter(f"fewest {held['fewest']} is above most {held['most']}")
        if held["segments"] == 1:
            raise BadParameter("segments 1: it is 0, for a search, or at least 2")
        train = split.train
        teachable(train, train.application.task)
        with limited(threads, train.rows):
            steps = preprocessing(train.application, train.frame)
            if not held["segments"]:
                held["segments"] = _searched(split, steps, held, progress)
            _enough(train, held["segments"])
            progress.check()
            progress.stage(Stage.FITTING, 60)
            progress.line(
                f"fitting {held['segments']} segments to {train.rows:,} entities", k=held["segments"]
            )
            return self._fitted(train, steps, held, None)

    def refit(
        self,
        model: BatchModel,
        dataset: Dataset,
        parameters: Mapping[str, Any] | None = None,
        threads: int = 1,
    ) -> BatchModel:
        """As many segments as the model has, with its numbers where they are alike; see Trainer."""
        teachable(dataset, dataset.application.task)
        held = merged(self, parameters or {}, model.parameters)
        held["segments"] = held["segments"] or len(model.segments)
        _enough(dataset, held["segments"])
        with limited(threads, dataset.rows):
            steps = preprocessing(dataset.application, dataset.frame)
            return self._fitted(dataset, steps, held, model)

    def _fitted(
        self, rows: Dataset, steps: list[tuple[str, Any]], held: Mapping[str, Any], before: BatchModel | None
    ) -> BatchModel:
        from sklearn.pipeline import Pipeline

        pipeline = Pipeline([*steps, *self.steps(transformed(steps, rows.frame), held)])
        made = BatchModel(**about(rows.application, self.name, held), estimator=pipeline)
        return numbered(made, rows, before)


def numbered(model: BatchModel, rows: Dataset, before: BatchModel | None) -> BatchModel:
    """The model with its segments described, and numbered as another model's, or by size."""
    fitted = model.estimator[-1]
    k = int(model.parameters["segments"])
    labels = model.answers(rows.frame).astype(np.int64)
    if before is None:
        order = by_size(labels, k)
    else:
        order = as_before(labels, before.answers(rows.frame).astype(np.int64), k)
    reorder(fitted, order)
    place = np.argsort(order)
    return replace(model, segments=described(rows, place[labels], k))


def _searched(split: Split, steps: list[tuple[str, Any]], held: Mapping[str, Any], progress: Progress) -> int:
    train, validation = split.train, split.validation
    task = train.application.task
    progress.stage(Stage.SEARCHING, 30)
    tried = search(
        transformed(steps, train.frame),
        transformed(steps, validation.frame) if validation.rows else np.empty((0, 0)),
        range(held["fewest"], held["most"] + 1),
        held["seed"],
        progress,
    )
    if not tried:
        raise BadData(f"{train.rows} entities to train on are too few for {held['fewest']} segments")
    k = best(tried, task.segments if isinstance(task, Clustering) else 0)
    progress.line(f"{k} segments, by stability over two halves of the rows", k=k)
    return k


def _enough(rows: Dataset, k: int) -> None:
    if rows.rows < LEAST_PER_SEGMENT * k:
        raise BadData(
            f"{rows.rows} entities to train on are too few for {k} segments: "
            f"at least {LEAST_PER_SEGMENT * k} are needed; take more rows or fewer segments"
        )
