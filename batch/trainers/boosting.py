"""What trainers of boosted trees share: the form of the target, early stopping, the same number again.

train, validation -> form of the target -> trees, until validation rows say stop -> BatchModel -> threshold
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, ClassVar

from batch.datasets import Dataset
from batch.progress import Progress
from batch.split import Split
from batch.trainers.supervised import chosen_form, finished, target
from batch.trainers.trainer import about, merged, teachable
from core.batch import Stage
from core.declaration import Application, Classification, Regression
from core.recipes import Parameter
from models.registered.model import BatchModel
from models.registered.target import Target


class Boosting:
    """A classifier or a regressor of trees, as the task needs. A subclass says which library grows them."""

    name: ClassVar[str]
    title: ClassVar[str]
    tasks: ClassVar[tuple[type, ...]] = (Classification, Regression)
    parameters: ClassVar[Mapping[str, Parameter]]
    quick: ClassVar[Mapping[str, Any]]
    """Parameters of the small models that decide the form of the target."""

    def grown(
        self, held: Mapping[str, Any], split: Split, form: Target | None, threads: int, progress: Progress
    ) -> Any:
        """An estimator of as many trees as are good for the validation rows; raises Stopped."""
        raise NotImplementedError

    def fitted(self, held: Mapping[str, Any], rows: Dataset, form: Target | None, threads: int) -> Any:
        """An estimator of exactly as many trees as `held` says."""
        raise NotImplementedError

    def trees(self, estimator: Any) -> int:
        """How many an estimator has."""
        raise NotImplementedError

    def within(self, threads: int, rows: int) -> AbstractContextManager[Any]:
        """Where the library is to be told of the threads other than by a parameter."""
        return nullcontext()

    def fit(
        self, split: Split, parameters: Mapping[str, Any], threads: int, progress: Progress
    ) -> BatchModel:
        """Fits with early stopping on validation rows; see Trainer."""
        held = merged(self, parameters)
        application, train = split.train.application, split.train
        teachable(train, application.task)
        with self.within(threads, train.rows):
            form = self._form(application, held, split, threads, progress)
            progress.stage(Stage.FITTING, 30)
            estimator = self.grown(held, split, form, threads, progress)
        made = BatchModel(**about(application, self.name, held), estimator=estimator, target=form)
        return finished(application, made, split.validation)

    def refit(
        self,
        model: BatchModel,
        dataset: Dataset,
        parameters: Mapping[str, Any] | None = None,
        threads: int = 1,
    ) -> BatchModel:
        """As many trees as the model has, unless `iterations` says another number; see Trainer."""
        asked = parameters or {}
        teachable(dataset, dataset.application.task)
        held = merged(self, asked, model.parameters)
        if "iterations" not in asked:
            held["iterations"] = max(1, self.trees(model.estimator))
        form = model.target and target(model.target.form, dataset)
        with self.within(threads, dataset.rows):
            estimator = self.fitted(held, dataset, form, threads)
        return replace(model, parameters=held, estimator=estimator, target=form)

    def _form(
        self,
        application: Application,
        held: dict[str, Any],
        split: Split,
        threads: int,
        progress: Progress,
    ) -> Target | None:
        """The form of a regressor's target, which `held` then names; None for a classifier."""
        if not isinstance(application.task, Regression):
            return None

        def attempt(rows: Dataset, tried: Target) -> Any:
            return self.fitted({**held, **self.quick}, rows, tried, threads)

        if held["target"] == "auto":
            held["target"] = chosen_form(split.train, split.validation, attempt, progress)
        return target(held["target"], split.train)
