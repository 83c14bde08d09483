"""The registered champion of every application, decoded and in memory, and a few other runs.

    MLflow: aliases --(every few seconds; only where the version is another one)--> artifact
           -> signature -> decode -> swap

One background thread does all of it, the import of CatBoost or scikit-learn with the first model included:
a request takes what is there, or waits for that thread. While MLflow is away the held models answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

import httpx
import structlog

from core.applications import APPLICATIONS
from core.batch import Alias
from core.connect.mlflow import NOT_FOUND, Mlflow
from core.registry import BadRun, of_alias, registry, usable
from core.runs import MODEL, RunSummary
from core.settings import Settings
from serving.meters import Meters

if TYPE_CHECKING:
    from models.registered.model import BatchModel

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

POLL_SECONDS = 3.0
ANSWER_SECONDS = 5.0
STALE_SECONDS = 30.0
"""After so long without a round through MLflow, what is in memory says nothing about now."""

HELD_RUNS = 4
"""Models of runs other than the champions that stay decoded, the latest asked for."""

Decode = Callable[[bytes, bytes], "BatchModel"]


class CorruptModel(BadRun):
    """The artifact of a run is missing, changed, of another application, or signed with another key."""


@dataclass(frozen=True, slots=True)
class Held:
    """A decoded model and what is known of its run."""

    info: RunSummary
    model: BatchModel
    bytes: int
    """Of the artifact."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one application: replaced as a whole, so a reader never sees half a change."""

    champion: Held | None = None
    wanted: RunSummary | None = None
    """Who has the alias; another one than the champion held where that was refused."""
    challenger: RunSummary | None = None
    refused: str = ""
    """Why the present holder of the alias was not taken."""


def _decode(blob: bytes, key: bytes) -> BatchModel:
    from models.registered.sealed import unseal

    return unseal(blob, key)


class BatchModels:
    """Keeps a Standing per application up to date from a background thread, and decodes runs on demand."""

    def __init__(self, settings: Settings, meters: Meters, decode: Decode = _decode) -> None:
        self._mlflow = Mlflow(settings.mlflow.url, ANSWER_SECONDS)
        self._key = settings.signing_key
        self._meters = meters
        self._decode = decode
        self._standings = dict.fromkeys(APPLICATIONS, Standing())
        self._runs: OrderedDict[tuple[str, str], Held] = OrderedDict()
        self._problem = "not asked yet"
        self._heard = -STALE_SECONDS
        self._stop = threading.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="batch-models")
        """All decoding happens in it, one at a time: models are large, requests many."""
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="batch-models-clock", daemon=True
        )

    def start(self) -> None:
        """Starts the background thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the background thread; it may take as long as one answer of MLflow."""
        self._stop.set()
        self._worker.shutdown(wait=False, cancel_futures=True)
        if self._thread.is_alive():
            self._thread.join(timeout=ANSWER_SECONDS)
        self._mlflow.close()

    def standing(self, application: str) -> Standing:
        """What is known of an application; touches memory only."""
        return self._standings[application]

    @property
    def mlflow(self) -> Mlflow:
        """The tracking server, for routes that ask it themselves."""
        return self._mlflow

    @property
    def away(self) -> str:
        """Why MLflow can't be asked, or empty."""
        if monotonic() - self._heard > STALE_SECONDS:
            return self._problem or f"no answer for {STALE_SECONDS:g} s"
        return self._problem

    def soon(self) -> Future[None]:
        """A round at once, as after a promotion."""
        return self._worker.submit(self.poll)

    def of_run(self, application: str, run_id: str) -> Held:
        """The model of a run; where it is not held, this waits until the background thread has decoded it.

        Raises BadRun, and httpx.HTTPError where MLflow is away and the model is not held.
        """
        champion = self._standings[application].champion
        if champion and champion.info.run_id == run_id:
            return champion
        held = self._runs.get((application, run_id))
        return held or self._worker.submit(self._take, application, run_id).result()

    def poll(self) -> None:
        """One round: aliases of all applications, then the models that are new."""
        try:
            for name in APPLICATIONS:
                self._follow(name)
        except httpx.HTTPError as error:
            if not self._problem:
                log.warning("mlflow is away; the held models go on answering", error=str(error))
            self._problem = f"{type(error).__name__}: {error}"
        except Exception as error:
            # The thread must outlive whatever a strange value does; the old models stay.
            log.exception("polling batch models failed")
            self._problem = f"{type(error).__name__}: {error}"
        else:
            if self._problem:
                log.info("mlflow answers")
            self._problem = ""
            self._heard = monotonic()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._worker.submit(self.poll).result()
            except RuntimeError:
                return  # the worker was shut down
            self._stop.wait(POLL_SECONDS)

    def _follow(self, name: str) -> None:
        """Takes the model that has the alias by now in place of the held one."""
        before = self._standings[name]
        known = registry(self._mlflow, name)
        wanted = of_alias(self._mlflow, known, Alias.CHAMPION)
        challenger = of_alias(self._mlflow, known, Alias.CHALLENGER)
        champion, refused = self._champion(name, wanted, before)
        self._standings[name] = Standing(champion, wanted, challenger, refused)
        self._measure(name)

    def _champion(self, name: str, wanted: RunSummary | None, before: Standing) -> tuple[Held | None, str]:
        if wanted is None:
            return None, ""
        held = before.champion
        if held and held.info.run_id == wanted.run_id:
            return replace(held, info=wanted), ""
        if before.refused and before.wanted and before.wanted.run_id == wanted.run_id:
            return held, before.refused
        try:
            made = self._runs.pop((name, wanted.run_id), None) or self._decoded(name, wanted)
        except BadRun as error:
            log.error("batch model refused", application=name, run_id=wanted.run_id, error=str(error))
            self._meters.refused_batch_models.labels(name).inc()
            return held, str(error)
        log.info("batch model taken", application=name, run_id=wanted.run_id, version=wanted.version)
        return replace(made, info=wanted), ""

    def _take(self, application: str, run_id: str) -> Held:
        """Decodes a run and holds it; one that is not asked for lately goes."""
        key = (application, run_id)
        if key not in self._runs:
            self._runs[key] = self._decoded(application, usable(self._mlflow, application, run_id))
        self._runs.move_to_end(key)
        while len(self._runs) > HELD_RUNS:
            self._runs.popitem(last=False)
        return self._runs[key]

    def _decoded(self, application: str, info: RunSummary) -> Held:
        from models.base import BadModel

        try:
            blob = self._mlflow.fetch(info.run_id, MODEL)
            model = self._decode(blob, self._key())
        except httpx.HTTPStatusError as error:
            if error.response.status_code != NOT_FOUND:
                raise
            raise CorruptModel(f"run {info.run_id} has lost its artifact {MODEL}") from None
        except BadModel as error:
            raise CorruptModel(f"the model of run {info.run_id} is refused: {error}") from None
        if model.application != application:
            raise CorruptModel(
                f"the model of run {info.run_id} is of {model.application}, not of {application}"
            )
        return Held(info, model, len(blob))

    def _measure(self, name: str) -> None:
        champion = self._standings[name].champion
        if champion and champion.info.version is not None:
            self._meters.batch_version.labels(name).set(champion.info.version)
            age = datetime.now(UTC) - (champion.info.ended or champion.info.started)
            self._meters.batch_age.labels(name).set(age.total_seconds())
            for metric, value in champion.info.scores.items():
                if value is not None:
                    self._meters.batch_score.labels(name, metric).set(value)
