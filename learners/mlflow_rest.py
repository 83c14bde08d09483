"""The calls of MLflow's REST API that a learner makes.

The full client costs each process 175 MB and seconds of a core to import, while the model wants to learn;
these calls cost neither. Reference: MLflow's documentation, "REST API", version 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from learners import stores

PROXIED = "mlflow-artifacts:"
"""Artifacts that go through the server; others need the full client."""

ARTIFACT_S = 30.0
"""How long an artifact may take; a learner's thread waits, never its loop."""


class Run(NamedTuple):
    """A run as a search gives it."""

    id: str
    tags: dict[str, str]
    metrics: dict[str, float]
    """The newest value of each."""


class Mlflow:
    """A tracking server; every call raises httpx.HTTPError when it is away or refuses."""

    def __init__(self, url: str, timeout_seconds: float = 5.0) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=timeout_seconds)
        self._roots: dict[str, str] = {}
        """Run -> where its artifacts are."""

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is made when there is none."""
        known = self.known_experiment(name)
        return known or str(self._post("experiments/create", {"name": name})["experiment_id"])

    def known_experiment(self, name: str) -> str | None:
        """The id of an experiment; None when there is none."""
        found = self._http.get("/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": name})
        if found.status_code == httpx.codes.NOT_FOUND:
            return None
        return str(_checked(found)["experiment"]["experiment_id"])

    def running(self, experiment: str) -> list[str]:
        """The runs of an experiment that nobody has ended."""
        asked = {
            "experiment_ids": [experiment],
            "filter": "attributes.status = 'RUNNING'",
            "max_results": 1000,
        }
        return [run["info"]["run_id"] for run in self._post("runs/search", asked).get("runs", [])]

    def newest(self, experiment: str, most: int) -> list[Run]:
        """The latest runs of an experiment, the newest first."""
        asked = {
            "experiment_ids": [experiment],
            "max_results": most,
            "order_by": ["attributes.start_time DESC"],
        }
        return [
            Run(
                one["info"]["run_id"],
                {tag["key"]: tag["value"] for tag in one["data"].get("tags", [])},
                {metric["key"]: metric["value"] for metric in one["data"].get("metrics", [])},
            )
            for one in self._post("runs/search", asked).get("runs", [])
        ]

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

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Sets tags of a run."""
        self._post("runs/log-batch", {"run_id": run, "tags": _pairs(tags)})

    def untag(self, run: str, name: str) -> None:
        """Takes a tag from a run; one that is not there is no error."""
        answer = self._http.post("/api/2.0/mlflow/runs/delete-tag", json={"run_id": run, "key": name})
        if answer.status_code != httpx.codes.NOT_FOUND:
            _checked(answer)

    def keep(self, run: str, path: str, content: bytes) -> None:
        """Stores an artifact of a run."""
        where = self._proxied(run, path)
        if where is None:
            stores.keep(self._url, run, path, content)
        else:
            self._http.put(where, content=content, timeout=ARTIFACT_S).raise_for_status()

    def fetch(self, run: str, path: str) -> bytes:
        """An artifact of a run."""
        where = self._proxied(run, path)
        if where is None:
            return stores.fetch(self._url, run, path)
        return self._http.get(where, timeout=ARTIFACT_S).raise_for_status().content

    def drop(self, run: str, path: str) -> None:
        """Deletes an artifact of a run; one that is not there is no error."""
        where = self._proxied(run, path)
        if where is None:
            stores.drop(self._url, run, path)
            return
        answer = self._http.delete(where, timeout=ARTIFACT_S)
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()

    def listed(self, run: str, folder: str) -> list[str]:
        """The paths of the artifacts in a folder of a run."""
        answer = self._http.get("/api/2.0/mlflow/artifacts/list", params={"run_id": run, "path": folder})
        return [one["path"] for one in _checked(answer).get("files", [])]

    def _proxied(self, run: str, path: str) -> str | None:
        """Where the server takes and gives an artifact; None where it does not stand before the store."""
        if run not in self._roots:
            answer = self._http.get("/api/2.0/mlflow/runs/get", params={"run_id": run})
            self._roots[run] = _checked(answer)["run"]["info"]["artifact_uri"]
        root = self._roots[run]
        if not root.startswith(PROXIED):
            return None
        return f"/api/2.0/mlflow-artifacts/artifacts/{root.removeprefix(PROXIED).lstrip('/')}/{path}"

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
