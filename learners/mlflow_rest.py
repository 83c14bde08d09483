"""The five calls of MLflow's REST API that a learner makes.

The full client costs each process 175 MB and seconds of a core to import, while the model wants to learn;
these calls cost neither. Reference: MLflow's documentation, "REST API", version 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

PROXIED = "mlflow-artifacts:"
"""Artifacts that go through the server; others need the full client."""


class Mlflow:
    """A tracking server; every call raises httpx.HTTPError when it is away or refuses."""

    def __init__(self, url: str, timeout_seconds: float = 5.0) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=timeout_seconds)

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is made when there is none."""
        found = self._http.get("/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": name})
        if found.status_code == httpx.codes.NOT_FOUND:
            return str(self._post("experiments/create", {"name": name})["experiment_id"])
        return str(_checked(found)["experiment"]["experiment_id"])

    def running(self, experiment: str) -> list[str]:
        """The runs of an experiment that nobody has ended."""
        asked = {
            "experiment_ids": [experiment],
            "filter": "attributes.status = 'RUNNING'",
            "max_results": 1000,
        }
        return [run["info"]["run_id"] for run in self._post("runs/search", asked).get("runs", [])]

    def start(self, experiment: str, at_ms: int, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
        """A new run with its tags and parameters; gives its id."""
        asked = {"experiment_id": experiment, "start_time": at_ms, "tags": _pairs(tags)}
        run: str = self._post("runs/create", asked)["run"]["info"]["run_id"]
        self._post("runs/log-batch", {"run_id": run, "params": _pairs(params)})
        return run

    def log(self, run: str, at_ms: int, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics of one moment."""
        points = [
            {"key": name, "value": value, "timestamp": at_ms, "step": step} for name, value in metrics.items()
        ]
        self._post("runs/log-batch", {"run_id": run, "metrics": points})

    def end(self, run: str, at_ms: int, status: str) -> None:
        """Ends a run: FINISHED, FAILED or KILLED."""
        self._post("runs/update", {"run_id": run, "status": status, "end_time": at_ms})

    def keep(self, run: str, name: str, content: bytes) -> None:
        """Stores an artifact of a run."""
        answer = self._http.get("/api/2.0/mlflow/runs/get", params={"run_id": run})
        uri: str = _checked(answer)["run"]["info"]["artifact_uri"]
        if uri.startswith(PROXIED):
            path = uri.removeprefix(PROXIED).lstrip("/")
            put = self._http.put(f"/api/2.0/mlflow-artifacts/artifacts/{path}/{name}", content=content)
            put.raise_for_status()
        else:
            self._keep_elsewhere(run, name, content)

    def _keep_elsewhere(self, run: str, name: str, content: bytes) -> None:
        """Through the full client, which knows the stores that the server does not stand before."""
        from mlflow import MlflowClient

        with TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            MlflowClient(tracking_uri=self._url).log_artifact(run, str(path))

    def _post(self, call: str, body: Mapping[str, Any]) -> Any:
        return _checked(self._http.post(f"/api/2.0/mlflow/{call}", json=body))


def _checked(answer: httpx.Response) -> Any:
    """The JSON of a good answer; MLflow's own words are part of the error of a bad one."""
    if answer.is_error:
        raise httpx.HTTPStatusError(
            f"MLflow answered {answer.status_code}: {answer.text[:300]}",
            request=answer.request,
            response=answer,
        )
    return answer.json()


def _pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": str(value)} for key, value in values.items()]
