"""CatBoost: gradient boosting that takes categories as text, and nulls as they are.

rows -> Pool (text stays text) -> trees -> estimator
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any, ClassVar

from batch.datasets import Dataset
from batch.progress import Progress, Stopped
from batch.split import Split
from batch.trainers.boosting import Boosting
from batch.trainers.supervised import taught
from batch.trainers.trainer import categories
from core.batch import Stage
from core.declaration import Classification
from core.recipes import CATBOOST, Parameter
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


class CatBoost(Boosting):
    """Gradient boosting of symmetric trees."""

    name: ClassVar[str] = CATBOOST.name
    title: ClassVar[str] = CATBOOST.title
    parameters: ClassVar[Mapping[str, Parameter]] = CATBOOST.parameters
    quick: ClassVar[Mapping[str, Any]] = {"iterations": 120, "learning_rate": 0.15}

    def grown(
        self, held: Mapping[str, Any], split: Split, form: Target | None, threads: int, progress: Progress
    ) -> Any:
        """The trees up to the best score on validation rows; all where there are none."""
        watch = Watch(progress, held["iterations"])
        watched: dict[str, Any] = {}
        if split.validation.rows:
            watched = {
                "eval_set": _pool(split.validation, form),
                "early_stopping_rounds": PATIENCE,
                "use_best_model": True,
            }
        estimator = self._estimator(split.train.application.task, held, threads)
        estimator.fit(_pool(split.train, form), callbacks=[watch], **watched)
        watch.settle()
        return estimator

    def fitted(self, held: Mapping[str, Any], rows: Dataset, form: Target | None, threads: int) -> Any:
        """So many trees."""
        return self._estimator(rows.application.task, held, threads).fit(_pool(rows, form))

    def trees(self, estimator: Any) -> int:
        """How many an estimator has."""
        return int(estimator.tree_count_)

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

    return Pool(dataset.frame, taught(dataset, form), cat_features=categories(dataset.application))


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
