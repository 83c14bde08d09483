"""A small server that speaks the part of MLflow's REST API that learners use."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"


class FakeMlflow:
    """Experiments, runs and artifacts in memory."""

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, bytes] = {}
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.is_up = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.is_up = False
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
                wanted = [name for name in self.runs if "filter" not in asked or self._open(name)]
                newest = wanted[::-1][: asked["max_results"]]
                return 200, {"runs": [self._found(name) for name in newest]} if newest else {}
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
                run["tags"] |= {one["key"]: one["value"] for one in asked.get("tags", [])}
                return 200, {}
            case "runs/delete-tag":
                tags = self.runs[asked["run_id"]]["tags"]
                return (404, {}) if tags.pop(asked["key"], None) is None else (200, {})
            case "artifacts/list":
                root = f"1/{asked['run_id']}/artifacts/"
                paths = [name.removeprefix(root) for name in self.artifacts if name.startswith(root)]
                return 200, {
                    "files": [{"path": path} for path in paths if path.startswith(f"{asked['path']}/")]
                }
            case "runs/get":
                return 200, {
                    "run": {"info": {"artifact_uri": f"mlflow-artifacts:/1/{asked['run_id']}/artifacts"}}
                }
        assert call == "runs/update"
        self.runs[asked["run_id"]]["status"] = asked["status"]
        return 200, {}

    def _open(self, run: str) -> bool:
        return bool(self.runs[run]["status"] == "RUNNING")

    def _found(self, run: str) -> dict[str, Any]:
        known = self.runs[run]
        tags = [{"key": name, "value": text} for name, text in known["tags"].items()]
        newest = {name: value for name, value, _ in known["metrics"]}
        metrics = [{"key": name, "value": value} for name, value in newest.items()]
        return {"info": {"run_id": run}, "data": {"tags": tags, "metrics": metrics}}


class _Handler(BaseHTTPRequestHandler):
    fake: FakeMlflow

    def _reply(self, status: int, body: Any) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _call(self) -> str:
        return urlparse(self.path).path.removeprefix("/api/2.0/mlflow/")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _artifact(self) -> str:
        return self.path.removeprefix(ARTIFACTS)

    def do_GET(self) -> None:
        if self.path.startswith(ARTIFACTS):
            found = self.fake.artifacts.get(self._artifact())
            self._send(200 if found is not None else 404, found or b"")
            return
        asked = {key: values[0] for key, values in parse_qs(urlparse(self.path).query).items()}
        self._reply(*self.fake.answer(self._call(), asked))

    def do_POST(self) -> None:
        self._reply(*self.fake.answer(self._call(), json.loads(self._body())))

    def do_PUT(self) -> None:
        self.fake.artifacts[self._artifact()] = self._body()
        self._reply(200, {})

    def do_DELETE(self) -> None:
        self._reply(404 if self.fake.artifacts.pop(self._artifact(), None) is None else 200, {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""
