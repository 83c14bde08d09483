"""A training's run in MLflow: what is logged, and how the run ends whatever happens.

parameters, tags -> run -> data sets, scores, rows, model (native, sealed) -> FINISHED -> batch/registry
                     `-> on an error FAILED, on a stop KILLED: neither is ever a candidate
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import httpx
import structlog

from batch import flavours
from batch.kept import kept
from batch.progress import Stopped
from batch.split import Split, save
from core.connect.mlflow import Mlflow
from core.names import batch_experiment
from core.runs import FAILED, FINISHED, KILLED, MODEL, ROWS, SCORES, Tag, grouped
from core.settings import Settings
from models.registered.model import BatchModel
from models.registered.sealed import seal

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

PATIENCE_S = 20.0
"""How long a training waits for an MLflow that is away; it has time, and its fit is worth the wait."""

ANSWER_S = 20.0

NATIVE = "model"
"""The name of the model in its native flavour, a logged model of the run."""

LONGEST_TEXT = 5000
"""Characters of a tag that MLflow takes."""

Scores = Mapping[str, float | None]


class TrackingAway(RuntimeError):
    """MLflow could not be reached or refused; says where and why."""


def tracker(settings: Settings) -> Mlflow:
    """The tracking server as jobs ask it; use as a context."""
    return Mlflow(settings.mlflow.url, ANSWER_S, PATIENCE_S)


@contextmanager
def reached(settings: Settings, doing: str) -> Iterator[None]:
    """Turns what goes wrong between here and MLflow into TrackingAway."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise TrackingAway(f"{doing}: MLflow at {settings.mlflow.url} refused: {error}") from error
    except httpx.HTTPError as error:
        raise TrackingAway(
            f"{doing}: MLflow at {settings.mlflow.url} does not answer, asked for {PATIENCE_S:g} s: "
            f"{type(error).__name__}: {error}"
        ) from error


class TrackedRun:
    """A run that is being written. Use as a context: it ends well only where the body does."""

    def __init__(
        self, mlflow: Mlflow, application: str, tags: Mapping[str, str], params: Mapping[str, Any]
    ) -> None:
        self._mlflow = mlflow
        self.application = application
        self.experiment = mlflow.experiment(batch_experiment(application))
        self.id = mlflow.start(self.experiment, now_ms(), tags, params)
        self._digests: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._mlflow.tag(self.id, {Tag.DIGESTS: json.dumps(self._digests)})
            self._mlflow.end(self.id, now_ms(), FINISHED)
        else:
            self.give_up(error)

    def give_up(self, error: BaseException) -> None:
        """Ends the run as FAILED or, after a stop, as KILLED."""
        stopped = isinstance(error, Stopped)
        said = "stopped" if stopped else f"{type(error).__name__}: {error}"
        mlflow = self._mlflow.hasty()
        try:
            mlflow.tag(self.id, {Tag.ERROR: said[:LONGEST_TEXT]})
            mlflow.end(self.id, now_ms(), KILLED if stopped else FAILED)
        except httpx.HTTPError as away:
            # The next training of the job ends it; without a version it is no candidate meanwhile.
            log.warning("run left open", run_id=self.id, reason=str(away))

    def describe(self, params: Mapping[str, Any]) -> None:
        """More parameters."""
        self._mlflow.describe(self.id, params)

    def tag(self, tags: Mapping[str, str]) -> None:
        """More tags."""
        self._mlflow.tag(self.id, tags)

    def log(self, metrics: Mapping[str, float]) -> None:
        """Metrics."""
        self._mlflow.log(self.id, now_ms(), 0, metrics)

    def scores(self, groups: Mapping[str, Scores], about: Mapping[str, Any]) -> None:
        """Scores by group ("test", "validation", "naive"), as metrics and with the rest as an artifact."""
        self.log(
            {
                name: value
                for group, scores in groups.items()
                for name, value in grouped(group, scores).items()
            }
        )
        told = {
            group: {name: _finite(value) for name, value in scores.items()}
            for group, scores in groups.items()
        }
        self.keep(SCORES, json.dumps(told | dict(about), indent=2).encode())

    def datasets(self, made: Split) -> None:
        """The data sets as MLflow's inputs of a run: where they are from, how many rows, which."""
        inputs = [flavours.dataset_input(name, part) for name, part in made.parts.items()]
        self._mlflow.call("POST", "runs/log-inputs", {"run_id": self.id, "datasets": inputs})

    def rows(self, made: Split) -> None:
        """The rows of the split, as far as they are kept."""
        with TemporaryDirectory() as home:
            folder = Path(home)
            save(kept(made), folder)
            for path in sorted(folder.iterdir()):
                self.keep(f"{ROWS}/{path.name}", path.read_bytes())

    def model(self, model: BatchModel, made: Split, key: bytes) -> str:
        """The model, sealed for the suite and in its native flavour for others; gives the native one's id."""
        self.keep(MODEL, seal(model, key))
        asked = {"experiment_id": self.experiment, "name": NATIVE, "source_run_id": self.id}
        found = self._mlflow.call("POST", "logged-models", asked)["model"]["info"]
        id_, root = str(found["model_id"]), str(found["artifact_uri"])
        with TemporaryDirectory() as home:
            folder = Path(home) / NATIVE
            flavours.save_native(model, made.test.frame.head(flavours.EXAMPLE_ROWS), folder, id_, self.id)
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    self._mlflow.keep_below(root, path.relative_to(folder).as_posix(), path.read_bytes())
        ready = {"model_id": id_, "status": "LOGGED_MODEL_READY"}
        self._mlflow.call("PATCH", f"logged-models/{id_}", ready)
        outputs = {"run_id": self.id, "models": [{"model_id": id_, "step": 0}]}
        self._mlflow.call("POST", "runs/outputs", outputs)
        return id_

    def keep(self, path: str, content: bytes) -> None:
        """An artifact; its digest is remembered, so that a reader knows the bytes again."""
        self._digests[path] = digest(content)
        self._mlflow.keep(self.id, path, content)


def digest(content: bytes) -> str:
    """SHA-256 of an artifact."""
    return hashlib.sha256(content).hexdigest()


def now_ms() -> int:
    """The wall clock as MLflow counts it."""
    return round(time.time() * 1000)


def _finite(value: float | None) -> float | None:
    return None if value is None or value != value else value
