"""Against a small server that speaks the part of MLflow's REST API that is used."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from learners.tracking import ARTIFACT, CONTINUED, Tracker


class FakeMlflow:
    """Experiments, runs and artifacts in memory."""

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, bytes] = {}
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, call: str, asked: dict[str, Any]) -> tuple[int, Any]:
        match call:
            case "experiments/get-by-name":
                found = self.experiments.get(asked["experiment_name"])
                return (
                    (200, {"experiment": {"experiment_id": found}}) if found else (404, {"error_code": "x"})
                )
            case "experiments/create":
                self.experiments[asked["name"]] = "1"
                return 200, {"experiment_id": "1"}
            case "runs/search":
                open_runs = [name for name, run in self.runs.items() if run["status"] == "RUNNING"]
                return 200, {"runs": [{"info": {"run_id": name}} for name in open_runs]} if open_runs else {}
            case "runs/create":
                name = f"run{len(self.runs)}"
                tags = {tag["key"]: tag["value"] for tag in asked["tags"]}
                self.runs[name] = {"status": "RUNNING", "tags": tags, "params": {}, "metrics": []}
                return 200, {"run": {"info": {"run_id": name}}}
            case "runs/log-batch":
                run = self.runs[asked["run_id"]]
                run["params"] |= {one["key"]: one["value"] for one in asked.get("params", [])}
                run["metrics"] += [
                    (one["key"], one["value"], one["step"]) for one in asked.get("metrics", [])
                ]
                return 200, {}
            case "runs/get":
                return 200, {
                    "run": {"info": {"artifact_uri": f"mlflow-artifacts:/1/{asked['run_id']}/artifacts"}}
                }
        assert call == "runs/update"
        self.runs[asked["run_id"]]["status"] = asked["status"]
        return 200, {}


class _Handler(BaseHTTPRequestHandler):
    fake: FakeMlflow

    def _reply(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _call(self) -> str:
        return urlparse(self.path).path.removeprefix("/api/2.0/mlflow/")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        asked = {key: values[0] for key, values in parse_qs(urlparse(self.path).query).items()}
        self._reply(*self.fake.answer(self._call(), asked))

    def do_POST(self) -> None:
        self._reply(*self.fake.answer(self._call(), json.loads(self._body())))

    def do_PUT(self) -> None:
        self.fake.artifacts[self.path.removeprefix("/api/2.0/mlflow-artifacts/artifacts/")] = self._body()
        self._reply(200, {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    fake = FakeMlflow()
    yield fake
    fake.close()


def tracker(url: str, run_id: str = "") -> Tracker:
    one = Tracker(url, "toy", {"model": "m", "seed": 42}, run_id, seconds=0.05)
    one.start()
    return one


def test_a_run_from_start_to_finish(mlflow: FakeMlflow) -> None:
    one = tracker(mlflow.url)
    one.offer(10, {"mae": 5.0, "r2": None})
    assert one.close("FINISHED", b"model", 5)
    run = mlflow.runs[one.run_id]
    assert run["status"] == "FINISHED"
    assert run["params"] == {"model": "m", "seed": "42"}
    assert run["metrics"] == [("mae", 5.0, 10)]
    assert mlflow.artifacts == {f"1/{one.run_id}/artifacts/{ARTIFACT}": b"model"}


def test_a_killed_learner_leaves_a_run_that_the_next_resumes(mlflow: FakeMlflow) -> None:
    mlflow.answer("runs/create", {"tags": []})
    one = tracker(mlflow.url, run_id="run0")
    assert one.close("FINISHED", b"model", 5)
    assert list(mlflow.runs) == ["run0"]
    assert mlflow.runs["run0"]["status"] == "FINISHED"


def test_after_a_finished_run_a_new_one_names_it(mlflow: FakeMlflow) -> None:
    first = tracker(mlflow.url)
    assert first.close("FINISHED", b"model", 5)
    second = tracker(mlflow.url, run_id=first.run_id)
    assert second.close("FAILED", None, 5)
    assert second.run_id != first.run_id
    assert mlflow.runs[second.run_id]["tags"][CONTINUED] == first.run_id
    assert mlflow.runs[second.run_id]["status"] == "FAILED"


def test_orphans_do_not_run_for_ever(mlflow: FakeMlflow) -> None:
    mlflow.answer("runs/create", {"tags": []})
    one = tracker(mlflow.url)
    assert one.close("FINISHED", b"model", 5)
    assert mlflow.runs["run0"]["status"] == "KILLED"


def test_mlflow_away_never_blocks(mlflow: FakeMlflow) -> None:
    mlflow.close()
    one = tracker(mlflow.url, run_id="before")
    one.offer(1, {"mae": 1.0})
    assert one.close("FINISHED", b"model", 5) is False
    assert not one.is_alive()
    assert one.run_id == "before"
