"""The learner's run in MLflow: parameters, metrics over time, the model at the end.

    the loop (never waits) -> newest metrics -> a thread -> MLflow

A run that a kill left open is resumed by the next learner: its id lies in the snapshot.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import structlog

from core.names import online_experiment
from learners.mlflow_rest import Mlflow

log = structlog.get_logger("millrace.learner")

LONGEST_PAUSE_S = 60.0
FIRST_PAUSE_S = 1.0

CONTINUED = "continued_from_run"
"""Tag: the run before this one."""

ARTIFACT = "model.snapshot"
"""The signed snapshot that a finished run keeps."""


class Tracker(threading.Thread):
    """Writes one run; `offer` returns at once.

    run_id: of the run that is written; while MLflow has not answered yet, that of the run to go on with.
    """

    def __init__(
        self, url: str, application: str, params: dict[str, Any], run_id: str, seconds: float
    ) -> None:
        super().__init__(name="tracker", daemon=True)
        self._url = url
        self._mlflow = Mlflow(url)
        self._experiment = online_experiment(application)
        self._params = params
        self._seconds = seconds
        self.run_id = run_id
        self._open = False
        self._lock = threading.Lock()
        self._metrics: tuple[int, int, dict[str, float]] | None = None
        self._wake = threading.Event()
        self._status = ""
        self._snapshot: bytes | None = None
        self._ended = False

    def offer(self, step: int, metrics: dict[str, float | None]) -> None:
        """The newest metrics, at `step` taught events; what can't be computed yet is left out."""
        known = {name: value for name, value in metrics.items() if value is not None}
        with self._lock:
            self._metrics = step, _now_ms(), known

    def close(self, status: str, snapshot: bytes | None, timeout: float) -> bool:
        """Ends the run as FINISHED or FAILED, with the signed model; whether that was done in time."""
        self._snapshot, self._status = snapshot, status
        self._wake.set()
        self.join(timeout)
        return self._ended

    def run(self) -> None:
        """Writes every few seconds until told to end."""
        pause, failures = 0.0, 0
        while True:
            ending = self._wake.wait(pause)
            try:
                self._connect()
                self._log_metrics()
                if ending:
                    self._finish()
                pause, failures = self._seconds, 0
            except (httpx.HTTPError, ValueError, KeyError) as error:
                if not failures:
                    log.warning("MLflow is away; learning goes on", url=self._url, reason=str(error))
                failures += 1
                pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures)
            except Exception:
                log.exception("tracking ended")
                return
            if ending:
                return

    def _connect(self) -> None:
        """The run: resumed when it is still open, else a new one."""
        if self._open:
            return
        experiment = self._mlflow.experiment(self._experiment)
        running = self._mlflow.running(experiment)
        for orphan in running:
            if orphan != self.run_id:
                # One learner per application: what else runs was killed before a snapshot knew its run.
                self._mlflow.end(orphan, _now_ms(), "KILLED")
        if self.run_id not in running:
            before = self.run_id
            tags = (
                {"training_mode": "continued", CONTINUED: before}
                if before
                else {"training_mode": "from_scratch"}
            )
            name = time.strftime("learner %Y-%m-%d %H:%M:%S", time.gmtime())
            self.run_id = self._mlflow.start(
                experiment, _now_ms(), tags | {"mlflow.runName": name}, self._params
            )
        self._open = True
        log.info("tracking", run_id=self.run_id, experiment=self._experiment)

    def _log_metrics(self) -> None:
        with self._lock:
            offered, self._metrics = self._metrics, None
        if offered is None:
            return
        step, at_ms, metrics = offered
        try:
            self._mlflow.log(self.run_id, at_ms, step, metrics)
        except httpx.HTTPError:
            with self._lock:
                self._metrics = self._metrics or offered
            raise

    def _finish(self) -> None:
        if self._snapshot is not None:
            self._mlflow.keep(self.run_id, ARTIFACT, self._snapshot)
        self._mlflow.end(self.run_id, _now_ms(), self._status)
        self._ended = True


def _now_ms() -> int:
    return round(time.time() * 1000)
