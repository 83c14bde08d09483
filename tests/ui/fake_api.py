"""A small HTTP server that answers as the API is to answer, for tests and for looking at the screens.

`mode` chooses what it plays: "data", "empty", "error" or "slow".
Run it by hand: `python -m tests.ui.fake_api 8899`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

import msgspec

from core.applications import APPLICATIONS
from tests.ui import fake_data as data
from tests.ui import fake_replies
from tests.ui.fake_batch import FakeBatch

SLOW_SECONDS = 20.0
"""Of a query that sleeps."""


class FakeApi(ThreadingHTTPServer):
    """The server; `mode` may be changed while it runs."""

    daemon_threads = True

    def __init__(self, port: int = 0, mode: str = "data") -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.mode = mode
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.control: dict[str, dict[str, Any]] = {}
        """What reports say otherwise than usual, by application."""
        self.batch = FakeBatch()
        self.stopped = threading.Event()
        """A caller had its query stopped."""
        self.queries: dict[str, threading.Event] = {}
        """Those that sleep, by id."""
        at = "2026-11-21T12:00:00Z"
        self.history: list[dict[str, Any]] = [
            {"at": at, "kind": "rows", "sql": "SELECT 7 AS seven", "rows": 1, "ms": 2.5},
            {"at": at, "kind": "rows", "sql": "SELECT nothing FROM data", "error": "no column nothing"},
        ]
        self.saved: dict[str, dict[str, Any]] = {}
        self.token = ""
        """Where it is set, only who shows it is answered."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self._batch("GET", {}):
            return
        address = urlparse(self.path)
        asks = {name: int(values[0]) for name, values in parse_qs(address.query).items()}
        self._answer(*self._get(address.path.strip("/").split("/"), asks))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body))
        if not self._batch("POST", body):
            self._answer(*self._post(self.path, body))

    def do_DELETE(self) -> None:
        self.server.asked.append((self.path, {}))
        if self._batch("DELETE", {}):
            return
        *_, kind, name = unquote(self.path).split("/")
        if name == "history":
            self.server.history.clear()
            self._answer(200, {"queries": []})
            return
        if kind == "saved":
            self.server.saved.pop(name)
            self._answer(200, {"queries": list(self.server.saved.values())})
            return
        query = self.server.queries.get(name) if kind == "queries" else None
        if query is None:
            self._answer(404, data.problem(404, self.path))
            return
        query.set()
        self.server.stopped.set()
        self._answer(200, {"query_id": name})

    def _batch(self, method: str, body: dict[str, Any]) -> bool:
        """Answers what is about batch training; False where it is not."""
        address = urlparse(self.path)
        asks = {name: values[0] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
        parts = address.path.strip("/").split("/")[2:]
        if parts[0] not in ("batch", "jobs"):
            return False
        if self.server.mode == "error":
            self._answer(500, data.problem(500, "the cache does not answer"))
            return True
        if self.server.mode == "slow":
            time.sleep(1.5)
        answer = self.server.batch.answer(self.server.mode, method, parts, asks, body)
        self._answer(*(answer or (404, data.problem(404, self.path))))
        return True

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body))
        if self._batch("PUT", body):
            return
        if self.server.mode == "refusing":
            self._answer(503, data.problem(503, "Redis is away"))
            return
        if self.server.mode == "forbidding":
            self._answer(403, data.problem(403, "this needs the role operator; ann has the role viewer"))
            return
        *_, name, kind, last = unquote(self.path).split("/")
        if kind == "saved":
            self.server.saved[last] = body | {"name": last, "by": "local", "at": "2026-11-21T12:00:00Z"}
            self._answer(200, self.server.saved[last])
            return
        name = kind
        self.server.control[name] = self.server.control.get(name, {}) | {"training": body["on"]}
        self._answer(200, {"application": name})

    def _get(self, parts: list[str], asks: dict[str, int]) -> tuple[int, dict[str, Any]]:
        mode = self.server.mode
        if mode == "error":
            return 500, data.problem(500, "the cache does not answer")
        if mode == "slow":
            time.sleep(1.5)
        empty = mode == "empty"
        match parts[2:]:
            case ["status"]:
                return 200, data.empty_status() if empty else data.status()
            case ["incremental", name]:
                report = (data.empty_report if empty else data.report)(APPLICATIONS[name])
                return 200, report | self.server.control.get(name, {})
            case ["incremental", name, "versions"]:
                found = [] if empty else data.versions(APPLICATIONS[name])
                return 200, {"application": name, "versions": found}
            case ["incremental", name, "history"]:
                return 200, {
                    "points": [] if empty else data.history(APPLICATIONS[name], asks.get("points", 400))
                }
            case ["incremental", name, "predictions"]:
                limit, judged = asks.get("limit", 50), bool(asks.get("judged"))
                found = [] if empty else data.predictions(APPLICATIONS[name], limit, judged)
                return 200, {"predictions": found}
            case ["sql", name, what]:
                return 200, self._sql(name, what)
        return 404, data.problem(404, "/".join(parts))

    def _sql(self, name: str, what: str) -> dict[str, Any]:
        if what == "schema":
            return data.schema(APPLICATIONS[name])
        return {"queries": self.server.history if what == "history" else list(self.server.saved.values())}

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.server.mode == "error":
            return 500, data.problem(500, "the cache does not answer")
        if path.endswith("/reset"):
            name = path.split("/")[-2]
            self.server.control[name] = {"resetting": body["version"]}
            return 200, {"application": name}
        application = APPLICATIONS[body["application"]]
        if path.endswith("/plan"):
            return 200, {"plan": "TABLE_SCAN data", "analyzed": body["analyze"], "elapsed_ms": 1.0}
        if path.endswith("/query"):
            if "sleep" in body["sql"] and self._slept(body["query_id"]):
                return 409, data.problem(409, "the query was stopped, as its caller asked")
            return data.query(application, body["sql"])
        return fake_replies.live(application, body["event"], "explain" in path, self.server.mode == "empty")

    def _slept(self, query: str) -> bool:
        """A query that takes until it is stopped, or SLOW_SECONDS; whether it was stopped."""
        stop = self.server.queries[query] = threading.Event()
        return stop.wait(SLOW_SECONDS)

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        wanted = f"Bearer {self.server.token}"
        if self.server.token and self.headers.get("authorization") != wanted:
            code, body = 401, data.problem(401, "a token is needed: Authorization: Bearer TOKEN")
        content = msgspec.json.encode(body)
        self.send_response(code)
        kind = "application/json" if code < 400 else "application/problem+json"
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing: a test's output is not for access logs."""


@contextmanager
def serving(mode: str = "data", port: int = 0) -> Iterator[FakeApi]:
    """A running server on a free port, ended on leaving."""
    server = FakeApi(port, mode)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


if __name__ == "__main__":
    FakeApi(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "data").serve_forever()
