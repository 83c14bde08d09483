"""What batch training and diagnostics add to the client: recipes, runs, jobs, results.

BatchClient.start(...) -> JobReport -> job(id), log(id, after) ... until it has ended
BatchClient.diagnose(...) -> Result when it was computed before, else the JobReport that computes it
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec

from core.api.batch import BatchAnswer, RunsAnswer
from core.api.client.base import ATTEMPTS, ApiProblem, Client
from core.api.diagnostics import DiagnosticsAnswer, DiagnosticTab
from core.api.jobs import JobLogAnswer, JobsAnswer
from core.batch import JobReport, Request
from core.diagnostics.shapes import Result
from core.drift import DriftFound

Value = float | int | str


_ACCEPTED: Final = HTTPStatus.ACCEPTED


class BatchClient(Client):
    """Trains, watches jobs, compares runs, diagnoses."""

    def training(self, application: str) -> BatchAnswer:
        """Recipes, rows at hand, champion and challenger."""
        return self._get(f"/api/v1/batch/{application}", BatchAnswer)

    def runs(self, application: str, limit: int) -> RunsAnswer:
        """Trained models, newest first."""
        return self._get(f"/api/v1/batch/{application}/runs", RunsAnswer, limit=limit)

    def jobs(self, application: str, limit: int) -> list[JobReport]:
        """Jobs of an application, newest first."""
        return self._get("/api/v1/jobs", JobsAnswer, application=application, limit=limit).jobs

    def job(self, job: str) -> JobReport:
        """How far a job is."""
        return self._get(f"/api/v1/jobs/{quote(job)}", JobReport)

    def log(self, job: str, after: str = "") -> JobLogAnswer:
        """What a job has told after a place in its log."""
        return self._get(
            f"/api/v1/jobs/{quote(job)}/log", JobLogAnswer, **({"after": after} if after else {})
        )

    def start(self, request: Request) -> JobReport:
        """Puts a request into the queue."""
        body = msgspec.to_builtins(request)
        application = body.pop("application")
        path = f"/api/v1/batch/{application}/jobs"
        return self._decode(self._call("POST", path, json=body), JobReport)

    def stop(self, job: str) -> JobReport:
        """Asks a job to stop."""
        answer = self._call("DELETE", f"/api/v1/jobs/{quote(job)}", attempts=ATTEMPTS)
        return self._decode(answer, JobReport)

    def promote(self, application: str, run_id: str) -> None:
        """Makes a run the champion; a problem with status 409 wants both evaluated first."""
        self._call("PUT", f"/api/v1/batch/{application}/champion", json={"run_id": run_id})

    def drift(self, application: str) -> DriftFound | None:
        """The latest drift report, or None before the first."""
        try:
            return self._get(f"/api/v1/batch/{application}/drift", DriftFound)
        except ApiProblem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def menu(self, application: str) -> list[DiagnosticTab]:
        """The diagnostics that apply to an application."""
        return self._get(f"/api/v1/batch/{application}/diagnostics", DiagnosticsAnswer).tabs

    def diagnose(
        self, application: str, diagnostic: str, run_id: str, parameters: Mapping[str, Value]
    ) -> Result | JobReport:
        """The result where it was computed before, else the job that computes it."""
        body = {"run_id": run_id, "parameters": dict(parameters)}
        answer = self._call("POST", _diagnostic(application, diagnostic), json=body)
        if answer.status_code == _ACCEPTED:
            return self._decode(answer, JobReport)
        return self._decode(answer, Result)

    def diagnosed(
        self, application: str, diagnostic: str, run_id: str, parameters: Mapping[str, Value]
    ) -> Result | None:
        """The result if it was computed before, else None."""
        asks: dict[str, int | str] = {name: str(value) for name, value in parameters.items() if value != ""}
        try:
            return self._get(_diagnostic(application, diagnostic), Result, **{"run_id": run_id} | asks)
        except ApiProblem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise


def _diagnostic(application: str, diagnostic: str) -> str:
    return f"/api/v1/batch/{application}/diagnostics/{quote(diagnostic)}"
