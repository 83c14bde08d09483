"""The calls of MLflow's REST API that the suite makes: runs, their numbers, their artifacts.

The full client costs each process 175 MB and seconds of a core to import, while learners want to learn and
the API wants to answer; these calls cost neither. Reference: MLflow's documentation, "REST API".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from core.connect import mlflow_stores as stores

if TYPE_CHECKING:
    import httpx

PROXIED = "mlflow-artifacts:"
"""Artifacts that go through the server; others need the full client."""

ARTIFACT_S = 30.0
"""How long an artifact may take; a learner's thread waits, never its loop."""

BATCH_METRICS = 500
BATCH_NAMED = 100
"""How many metrics, and parameters or tags, the server takes in one call."""

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class Run(NamedTuple):
    """A run as the server tells it."""

    id: str
    tags: dict[str, str]
    metrics: dict[str, float]
    """The newest value of each."""
    params: dict[str, str] = {}  # noqa: RUF012 - a default of a tuple's field, which nobody writes to
    status: str = ""
    start_ms: int = 0
    end_ms: int = 0
    experiment: str = ""
    root: str = ""
    """Where its artifacts are."""


class Mlflow:
    """A tracking server; every call raises httpx.HTTPError when it is away or refuses.

    patience_seconds: for so long a server that is away or overloaded is asked again, ever more slowly; a
    call that changes something may then be made twice.
    """

    def __init__(self, url: str, timeout_seconds: float = 5.0, patience_seconds: float = 0.0) -> None:
        import httpx

        self._url = url
        self._patience = patience_seconds
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=timeout_seconds)
        self._roots: dict[str, str] = {}
        """Run -> where its artifacts are."""

    def close(self) -> None:
        """Ends its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hasty(self) -> Self:
        """The same server over the same connections, asked once."""
        made = copy(self)
        made._patience = 0.0
        return made

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is made when there is none."""
        known = self.known_experiment(name)
        return known or str(self.call("POST", "experiments/create", {"name": name})["experiment_id"])

    def known_experiment(self, name: str) -> str | None:
        """The id of an experiment; None when there is none."""
        found = self.known("experiments/get-by-name", {"experiment_name": name})
        return None if found is None else str(found["experiment"]["experiment_id"])

    def running(self, experiment: str) -> list[str]:
        """The runs of an experiment that nobody has ended."""
        return [run.id for run in self.search(experiment, "attributes.status = 'RUNNING'", 1000)]

    def newest(self, experiment: str, most: int) -> list[Run]:
        """The latest runs of an experiment, the newest first."""
        return self.search(experiment, "", most)

    def search(self, experiment: str, wanted: str, most: int) -> list[Run]:
        """The latest runs that a filter of MLflow's search language lets through, the newest first."""
        asked: dict[str, Any] = {
            "experiment_ids": [experiment],
            "max_results": most,
            "order_by": ["attributes.start_time DESC"],
        }
        if wanted:
            asked["filter"] = wanted
        return [_run(one) for one in self.call("POST", "runs/search", asked).get("runs", [])]

    def run(self, run: str) -> Run | None:
        """A run; None when there is none of this id."""
        found = self.known("runs/get", {"run_id": run})
        return None if found is None else _run(found["run"])

    def start(self, experiment: str, at_ms: int, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
        """A new run with its tags and parameters; gives its id."""
        asked = {"experiment_id": experiment, "start_time": at_ms, "tags": pairs(tags)}
        run: str = self.call("POST", "runs/create", asked)["run"]["info"]["run_id"]
        self.describe(run, params)
        return run

    def describe(self, run: str, params: Mapping[str, Any]) -> None:
        """Sets parameters of a run: each once and for all."""
        self._log(run, "params", pairs(params), BATCH_NAMED)

    def log(self, run: str, at_ms: int, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics of one moment."""
        points = [
            {"key": name, "value": value, "timestamp": at_ms, "step": step} for name, value in metrics.items()
        ]
        self._log(run, "metrics", points, BATCH_METRICS)

    def end(self, run: str, at_ms: int, status: str) -> None:
        """Ends a run: FINISHED, FAILED or KILLED."""
        self.call("POST", "runs/update", {"run_id": run, "status": status, "end_time": at_ms})

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Sets tags of a run."""
        self._log(run, "tags", pairs(tags), BATCH_NAMED)

    def untag(self, run: str, name: str) -> None:
        """Takes a tag from a run; one that is not there is no error."""
        self.known("runs/delete-tag", {"run_id": run, "key": name}, "POST")

    def keep(self, run: str, path: str, content: bytes) -> None:
        """Stores an artifact of a run."""
        self.keep_below(self._root(run), path, content)

    def keep_below(self, root: str, path: str, content: bytes) -> None:
        """Stores an artifact below a root that the server has named."""
        where = _proxied(root, path)
        if where is None:
            stores.keep(self._url, root, path, content)
        else:
            self._send("PUT", where, content=content, timeout=ARTIFACT_S).raise_for_status()

    def fetch(self, run: str, path: str) -> bytes:
        """An artifact of a run."""
        root = self._root(run)
        where = _proxied(root, path)
        if where is None:
            return stores.fetch(self._url, root, path)
        return self._send("GET", where, timeout=ARTIFACT_S).raise_for_status().content

    def drop(self, run: str, path: str) -> None:
        """Deletes an artifact of a run; one that is not there is no error."""
        root = self._root(run)
        where = _proxied(root, path)
        if where is None:
            stores.drop(self._url, root, path)
            return
        answer = self._send("DELETE", where, timeout=ARTIFACT_S)
        if answer.status_code != NOT_FOUND:
            answer.raise_for_status()

    def listed(self, run: str, folder: str) -> list[str]:
        """The paths of the artifacts in a folder of a run."""
        answer = self.call("GET", "artifacts/list", {"run_id": run, "path": folder})
        return [one["path"] for one in answer.get("files", [])]

    def call(self, method: str, name: str, asked: Mapping[str, Any]) -> Any:
        """A call of the tracking API by its name below `/api/2.0/mlflow/`; gives the answer's JSON."""
        return _checked(self._send(method, _path(name), **_form(method, asked)))

    def known(self, name: str, asked: Mapping[str, Any], method: str = "GET") -> Any | None:
        """The same; None where the server says that there is no such thing."""
        answer = self._send(method, _path(name), **_form(method, asked))
        return None if answer.status_code == NOT_FOUND else _checked(answer)

    def _root(self, run: str) -> str:
        if run not in self._roots:
            self._roots[run] = self.call("GET", "runs/get", {"run_id": run})["run"]["info"]["artifact_uri"]
        return self._roots[run]

    def _log(self, run: str, kind: str, entries: list[dict[str, Any]], most: int) -> None:
        for start in range(0, len(entries), most):
            self.call("POST", "runs/log-batch", {"run_id": run, kind: entries[start : start + most]})

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """One request, again and again while the patience lasts."""
        import httpx

        end, pause = time.monotonic() + self._patience, FIRST_PAUSE_S
        while True:
            try:
                answer = self._http.request(method, path, **content)
                if answer.status_code < OVERLOADED or time.monotonic() + pause > end:
                    return answer
            except httpx.TransportError:
                if time.monotonic() + pause > end:
                    raise
            time.sleep(pause)
            pause = min(LONGEST_PAUSE_S, 2 * pause)


NOT_FOUND = 404
OVERLOADED = 500
"""And above: not the request is wrong, the server is."""


def _path(name: str) -> str:
    return f"/api/2.0/mlflow/{name}"


def _form(method: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"params" if method == "GET" else "json": asked}


def _proxied(root: str, path: str) -> str | None:
    """Where the server takes and gives an artifact; None where it does not stand before the store."""
    if not root.startswith(PROXIED):
        return None
    return f"/api/2.0/mlflow-artifacts/artifacts/{root.removeprefix(PROXIED).lstrip('/')}/{path}"


def _run(found: Mapping[str, Any]) -> Run:
    info, data = found["info"], found.get("data", {})
    return Run(
        id=info["run_id"],
        tags={one["key"]: one["value"] for one in data.get("tags", [])},
        metrics={one["key"]: one["value"] for one in data.get("metrics", [])},
        params={one["key"]: one["value"] for one in data.get("params", [])},
        status=info.get("status", ""),
        start_ms=int(info.get("start_time", 0)),
        end_ms=int(info.get("end_time", 0)),
        experiment=info.get("experiment_id", ""),
        root=info.get("artifact_uri", ""),
    )


def _checked(answer: httpx.Response) -> Any:
    """The JSON of a good answer; MLflow's own words are part of the error of a bad one."""
    import httpx

    if answer.is_error:
        raise httpx.HTTPStatusError(
            f"MLflow answered {answer.status_code}: {answer.text[:300]}",
            request=answer.request,
            response=answer,
        )
    return answer.json()


def pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """A mapping as the list of keys and values that the API takes."""
    return [{"key": key, "value": str(value)} for key, value in values.items()]
