"""CatBoost: gradient boosting that takes categories as text, and nulls as they are.

train -> Pool (text stays text) -> trees, until validation rows say stop -> BatchModel
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import Any, ClassVar

import pandas as pd

from batch.datasets import Dataset
from batch.progress import Progress, Stopped
from batch.split import Split
from batch.trainers.supervised import chosen_form, finished, target, truth
from batch.trainers.trainer import about, categories, merged, teachable
from core.batch import Stage
from core.declaration import Classification, Regression
from core.recipes import CATBOOST, Parameter
from models.registered.model import BatchModel
from models.registered.target import Target

PATIENCE = 50
"""Trees without a better score on validation rows, after which it stops."""

EVERY_S = 0.5
"""Seconds between two lines of the log."""

FIXED: Mapping[str, Any] = {
    # Ordered boosting, the library's choice for few rows, takes four times as long and scores no better here.
    "boosting_type": "Plain",
    "one_hot_max_size": 10,
    "max_ctr_complexity": 1,
    "allow_writing_files": False,
    "verbose": False,
}

QUICK: Mapping[str, Any] = {"iterations": 120, "learning_rate": 0.15}
"""Of the small models that decide the form of the target."""


class CatBoost:
    """Gradient boosting of symmetric trees: a classifier or a regressor, as the task needs."""

    name: ClassVar[str] = CATBOOST.name
    title: ClassVar[str] = CATBOOST.title
    tasks: ClassVar[tuple[type, ...]] = CATBOOST.tasks
    parameters: ClassVar[Mapping[str, Parameter]] = CATBOOST.parameters

    def fit(
        self, split: Split, parameters: Mapping[str, Any], threads: int, progress: Progress
    ) -> BatchModel:
        """Fits with early stopping on validation rows; see Trainer."""
        held = merged(self, parameters)
        application, train, validation = split.train.application, split.train, split.validation
        teachable(train, application.task)
        form = None
        if isinstance(application.task, Regression):
            form = self._target(held, train, validation, threads, progress)
            held["target"] = form.form
        progress.stage(Stage.FITTING, 30)
        estimator = self._estimator(application.task, held, threads)
        watch = Watch(progress, held["iterations"])
        watched: dict[str, Any] = {}
        if validation.rows:
            watched = {
                "eval_set": _pool(validation, form),
                "early_stopping_rounds": PATIENCE,
                "use_best_model": True,
            }
        estimator.fit(_pool(train, form), callbacks=[watch], **watched)
        watch.settle()
        made = BatchModel(**about(application, self.name, held), estimator=estimator, target=form)
        return finished(application, made, validation)

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
            held["iterations"] = max(1, int(model.estimator.tree_count_))
        form = model.target and target(model.target.form, dataset)
        estimator = self._estimator(dataset.application.task, held, threads)
        estimator.fit(_pool(dataset, form))
        return replace(model, parameters=held, estimator=estimator, target=form)

    def _target(
        self, held: Mapping[str, Any], train: Dataset, validation: Dataset, threads: int, progress: Progress
    ) -> Target:
        def attempt(rows: Dataset, form: Target) -> Any:
            estimator = self._estimator(rows.application.task, {**held, **QUICK}, threads)
            return estimator.fit(_pool(rows, form))

        form = held["target"]
        if form == "auto":
            form = chosen_form(train, validation, attempt, progress)
        return target(form, train)

    def _estimator(self, task: object, held: Mapping[str, Any], threads: int) -> Any:
        from catboost import CatBoostClassifier, CatBoostRegressor

        options = {
            **FIXED,
            "iterations": held["iterations"],
            "depth": held["depth"],
            "learning_rate": held["learning_rate"],
            "l2_leaf_reg": held["l2_leaf_reg"],
            "random_seed": held["seed"],
            "thread_count": threads,
        }
        if not isinstance(task, Classification):
            return CatBoostRegressor(**options)
        if held["class_weights"] != "none":
            options["auto_class_weights"] = held["class_weights"]
        return CatBoostClassifier(**options)


def _pool(dataset: Dataset, form: Target | None) -> Any:
    from catboost import Pool

    frame: pd.DataFrame = dataset.frame
    return Pool(
        frame,
        truth(dataset) if form is None else form.taught(truth(dataset), frame),
        cat_features=categories(dataset.application),
    )


class Watch:
    """CatBoost's callback: tells of iterations, and stops them when the job shall stop.

    True means go on and False means stop: an exception in here would be lost in the library's threads, so
    it is kept until `settle`.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress = progress
        self.total = total
        self.began = monotonic()
        self.told = 0.0
        self.best = float("inf")
        self.stopped: Stopped | None = None

    def after_iteration(self, info: Any) -> bool:
        """Called by CatBoost after each tree; whether it shall go on."""
        losses = (info.metrics or {}).get("validation") or (info.metrics or {}).get("learn") or {}
        loss = float(next(iter(losses.values()))[-1]) if losses else float("nan")
        self.best = min(self.best, loss)
        now, done = monotonic(), info.iteration
        try:
            if now - self.told >= EVERY_S or done == self.total:
                self.told = now
                self._tell(done, loss, (now - self.began) / max(done, 1) * (self.total - done))
        except Stopped as stopped:
            self.stopped = stopped
            return False
        return True

    def settle(self) -> None:
        """Raises Stopped where that is why the iterations ended."""
        if self.stopped is not None:
            raise self.stopped

    def _tell(self, done: int, loss: float, remaining: float) -> None:
        self.progress.check()
        self.progress.line(
            f"tree {done} of at most {self.total}: loss {loss:.5g}, best {self.best:.5g}",
            iteration=done,
            total=self.total,
            loss=loss,
            best=self.best,
            remaining_s=round(remaining, 1),
        )
        self.progress.stage(Stage.FITTING, 30 + 40 * done / self.total)
