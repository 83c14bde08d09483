"""The learner's run in MLflow: parameters, tags, metrics over time, and the snapshots that are kept.

    the loop (never waits) -> newest metrics, tags, snapshot -> a thread -> MLflow

A run that a kill left open is resumed by the next learner: its id lies in the snapshot.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec
import structlog

from core.connect.mlflow import Mlflow
from core.control import Place, Version
from core.names import online_experiment
from core.snapshots import Header
from learners.versions import FOLDER, KEPT_PER_RUN, RUNS, TAG, described, in_runs, number_of, path_of

log = structlog.get_logger("millrace.learner")

LONGEST_PAUSE_S = 60.0
FIRST_PAUSE_S = 1.0

CONTINUED = "continued_from_run"
"""Tag: the run before this one."""

RESET_FROM = "reset_from"
"""Tag: the version that a person went back to, with which this run begins."""


class Tracker(threading.Thread):
    """Writes one run; `offer`, `tag` and `keep` return at once.

    run_id: of the run that is written; while MLflow has not answered yet, that of the run to go on with.
    """

    def __init__(
        self,
        url: str,
        application: str,
        params: Mapping[str, Any],
        run_id: str,
        seconds: float,
        tags: Mapping[str, str] | None = None,
        lineage: Callable[[Header], Mapping[str, str]] = lambda header: {},
        told: Callable[[list[Version]], None] = lambda kept: None,
    ) -> None:
        """`tags`: of the run when it begins, RESET_FROM among them makes it a new one; `lineage`: tags that a
        kept snapshot brings; `told`: is given the versions that MLflow keeps, whenever they change."""
        super().__init__(name="tracker", daemon=True)
        self._url = url
        self._mlflow = Mlflow(url)
        self._experiment = online_experiment(application)
        self._params = params
        self._seconds = seconds
        self._first_tags = dict(tags or {})
        self._lineage = lineage
        self._told = told
        self.run_id = run_id
        self._experiment_id = ""
        self._open = False
        self._lock = threading.Lock()
        self._metrics: tuple[int, int, dict[str, float]] | None = None
        self._tags: dict[str, str] = {}
        self._tagged: dict[str, str] = {}
        self._snapshot: tuple[Header, bytes] | None = None
        self._wake = threading.Event()
        self._status = ""
        self._ended = False

    def offer(self, step: int, metrics: dict[str, float | None]) -> None:
        """The newest metrics, at `step` taught events; what can't be computed yet is left out."""
        known = {name: value for name, value in metrics.items() if value is not None}
        with self._lock:
            self._metrics = step, _now_ms(), known

    def tag(self, tags: Mapping[str, str]) -> None:
        """Tags as they are now; those that have changed are written."""
        with self._lock:
            self._tags |= tags

    def keep(self, header: Header, sealed: bytes) -> None:
        """The newest snapshot that is kept for longer, signed."""
        with self._lock:
            self._snapshot = header, sealed

    def close(self, status: str, timeout: float) -> bool:
        """Ends the run as FINISHED or FAILED, after all that was offered; whether that was done in time."""
        self._status = status
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
                self._write_tags()
                self._write_snapshot()
                if ending:
                    self._mlflow.end(self.run_id, _now_ms(), self._status)
                    self._ended = True
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
        self._experiment_id = experiment = self._mlflow.experiment(self._experiment)
        running = self._mlflow.running(experiment)
        goes_on = self.run_id in running and RESET_FROM not in self._first_tags
        for orphan in running:
            if orphan != self.run_id or not goes_on:
                # One learner per application: what else runs was killed before a snapshot knew its run.
                self._mlflow.end(orphan, _now_ms(), "KILLED")
        if not goes_on:
            before = self.run_id
            tags = (
                {"training_mode": "continued", CONTINUED: before}
                if before
                else {"training_mode": "from_scratch"}
            )
            name = time.strftime("learner %Y-%m-%d %H:%M:%S", time.gmtime())
            self.run_id = self._mlflow.start(
                experiment, _now_ms(), tags | {"mlflow.runName": name} | self._first_tags, self._params
            )
        self._tell()
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

    def _write_tags(self) -> None:
        with self._lock:
            changed = {name: text for name, text in self._tags.items() if self._tagged.get(name) != text}
        if changed:
            self._mlflow.tag(self.run_id, changed)
            self._tagged |= changed

    def _write_snapshot(self) -> None:
        """Artifact, then the tag that describes it; then what is too old goes, tag before artifact."""
        with self._lock:
            offered = self._snapshot
        if offered is None:
            return
        header, sealed = offered
        self._mlflow.keep(self.run_id, path_of(header.version), sealed)
        text = msgspec.json.encode(described(header, len(sealed), Place.MLFLOW, self.run_id)).decode()
        self._mlflow.tag(self.run_id, dict(self._lineage(header)) | {f"{TAG}{header.version}": text})
        with self._lock:
            if self._snapshot is offered:
                self._snapshot = None
        stored = [number_of(path) for path in self._mlflow.listed(self.run_id, FOLDER)]
        for version in sorted((one for one in stored if one is not None), reverse=True)[KEPT_PER_RUN:]:
            self._mlflow.untag(self.run_id, f"{TAG}{version}")
            self._mlflow.drop(self.run_id, path_of(version))
        self._tell()

    def _tell(self) -> None:
        self._told(in_runs(self._mlflow.newest(self._experiment_id, RUNS)))


def _now_ms() -> int:
    return round(time.time() * 1000)
