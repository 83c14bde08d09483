"""The search for better hyperparameters, within a budget of time, scored on validation rows only.

defaults -> trial, trial, ... (TPE) -> the parameters of the best trial
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from batch.datasets import Dataset
from batch.progress import Progress
from batch.split import Split
from batch.trainers.trainer import SEED, Parameter, Trainer, Value, merged
from core.batch import Stage
from core.declaration import Classification, Clustering
from models.registered.model import BatchModel

if TYPE_CHECKING:
    import optuna

MOST_TRIALS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a search came to."""

    parameters: dict[str, Any]
    """Those of the best trial that differ from the asked ones."""
    trials: int
    first: float
    """Validation loss of the parameters as asked."""
    best: float


def tune(
    trainer: Trainer,
    split: Split,
    parameters: Mapping[str, Any],
    seconds: float,
    threads: int,
    progress: Progress,
    seed: int = SEED,
) -> Tuned:
    """Tries parameters until the time is up; the first trial is what was asked, so none is worse than that.

    Fixed by the caller, a parameter is not varied. A trial under way when the time is up is finished. Raises
    ValueError where there is nothing to tune, Stopped.
    """
    task = split.train.application.task
    open_ = [one for one in trainer.parameters.values() if _varies(one, parameters, task)]
    if not open_:
        raise ValueError(f"{trainer.name} has no parameter left to tune")
    merged(trainer, parameters)
    study = _study(seed)
    study.enqueue_trial({one.name: parameters.get(one.name, one.default) for one in open_})
    began, best = monotonic(), dict(parameters)
    losses: list[float] = []
    while len(losses) < MOST_TRIALS and (not losses or monotonic() - began < seconds):
        progress.check()
        trial = study.ask()
        tried = {**parameters, **{one.name: _drawn(one, trial) for one in open_}}
        model = trainer.fit(split, tried, threads, Quiet(progress))
        loss = validation_loss(model, split.validation)
        study.tell(trial, loss)
        if not losses or loss < min(losses):
            best = tried
        losses.append(loss)
        _tell(progress, losses, tried, open_, monotonic() - began, seconds)
    return Tuned(parameters=best, trials=len(losses), first=losses[0], best=min(losses))


def validation_loss(model: BatchModel, validation: Dataset) -> float:
    """Log loss or mean error; both are lower for better answers."""
    from sklearn.metrics import log_loss

    answers = model.answers(validation.frame)
    if model.kind == "classification":
        return float(log_loss(validation.target, np.clip(answers, 1e-15, 1 - 1e-15), labels=[0, 1]))
    if model.kind == "regression" and validation.target is not None:
        return float(np.abs(answers - validation.target).mean())
    raise TypeError(f"a {model.kind} is not scored by a loss: its number of segments is searched for instead")


class Quiet:
    """Progress of one trial: a stop is heeded, lines and stages of its own are not shown."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def stage(self, stage: Stage, percent: float) -> None:
        """Says nothing."""
        self._progress.check()

    def line(self, text: str, **values: float) -> None:
        """Says nothing."""
        self._progress.check()

    def check(self) -> None:
        """Raises Stopped once a stop was asked."""
        self._progress.check()


def _varies(one: Parameter, fixed: Mapping[str, Any], task: object) -> bool:
    if one.name in fixed or isinstance(task, Clustering):
        return False
    if one.choices:
        return one.name == "class_weights" and isinstance(task, Classification)
    return one.tuned is not None


def _study(seed: int) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=seed))


def _drawn(one: Parameter, trial: optuna.Trial) -> Value:
    if one.choices:
        return str(trial.suggest_categorical(one.name, list(one.choices)))
    low, high = one.tuned or (one.low, one.high)
    if one.integer:
        return trial.suggest_int(one.name, int(low), int(high), log=one.log)
    return trial.suggest_float(one.name, low, high, log=one.log)


def _tell(
    progress: Progress,
    losses: list[float],
    tried: Mapping[str, Any],
    open_: list[Parameter],
    spent: float,
    seconds: float,
) -> None:
    shown = ", ".join(
        f"{one.name} {value:.4g}" if isinstance(value := tried[one.name], float) else f"{one.name} {value}"
        for one in open_
    )
    progress.line(
        f"trial {len(losses)}: validation loss {losses[-1]:.5g}, best {min(losses):.5g} ({shown})",
        trial=len(losses),
        loss=losses[-1],
        best=min(losses),
        remaining_s=round(max(0.0, seconds - spent), 1),
    )
    progress.stage(Stage.TUNING, 10 + 20 * min(1.0, spent / seconds if seconds > 0 else 1.0))
