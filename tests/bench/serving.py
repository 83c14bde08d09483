"""How long the API takes to answer, and how many answers a second: a real process with real neighbours.

    learners (one process: lessons, snapshots) -> Redis <- latest features
    load (one process) -> HTTP -> API (one worker) -> Redis, models in memory

All four share the machine's cores, as they do in use.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil

from core.applications import APPLICATIONS
from core.connect.redis import client
from tests.bench.serving_load import Connection, Timed, closed_loop, open_loop, request, spread
from tests.bench.serving_stream import Made, make, put_features, teach
from tests.e2e.stack import free_ports

BASELINE = "GET /health/live at the same rate in the same run: what HTTP itself costs"

PATH = "/api/v1/incremental/predict"
CLIENTS = (1, 8, 64)
ASKED = 300
"""Different requests per application."""

WARM_S = 5.0
CLOSED_S = 8.0
"""A closed loop, at most: shorter where the rate is held for less."""
READY_S = 120.0

Say = Callable[[str], None]


def measure(rate: float, seconds: float, lessons: int, teaching: float, say: Say) -> dict[str, Any]:
    """Figures of predictions with look-up of features at `rate` requests/s, and of closed loops.

    lessons: per application, before anything is measured; teaching: lessons per second and application that
    go on beside the requests.
    """
    began, going_on = datetime.now(UTC), int(teaching * (2 * seconds + 60))
    made: dict[str, Made] = {}
    for name, application in APPLICATIONS.items():
        say(f"{name}: making {lessons + going_on} events with their features")
        made[name] = make(application, lessons + going_on, ASKED, began)
    folder = Path(tempfile.mkdtemp(prefix="millrace-bench-"))
    try:
        return _beside(folder, made, (rate, seconds, lessons, teaching), say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _beside(
    folder: Path, made: dict[str, Made], how: tuple[float, float, int, float], say: Say
) -> dict[str, Any]:
    rate, seconds, lessons, teaching = how
    redis_port, port = free_ports(2)
    url, key = f"redis://127.0.0.1:{redis_port}/0", secrets.token_hex(16)
    with _redis(folder, redis_port, url), _learners(url, key, made, lessons, teaching) as learning:
        with client(url) as redis:
            entities = {name: put_features(redis, APPLICATIONS[name], one) for name, one in made.items()}
        say("the models are taught; the API starts")
        with _api(folder, port, url, key) as api:
            bodies = {name: _bodies(port, name, one) for name, one in made.items()}
            _wait_until_answered(port, [mine[0] for mine in bodies.values()])
            figures = _measured(api, port, list(bodies.values()), (rate, seconds), say)
            figures["api_rss_mb"] = round(api.memory_info().rss / 1e6)
    return {
        "rate": rate,
        **figures,
        "entities": entities,
        "snapshot_kb": {name: round(size / 1000) for name, size in learning["bytes"].items()},
        "snapshots": learning["written"],
        "lessons_per_s": teaching * len(made),
    }


def _measured(
    api: psutil.Process, port: int, mine: list[list[bytes]], how: tuple[float, float], say: Say
) -> dict[str, Any]:
    """All figures that a load gives; the requests of the applications take turns."""
    rate, seconds = how
    requests = [one for turn in zip(*mine, strict=True) for one in turn]
    bare, closed = [request("GET", "/health/live", port)], min(CLOSED_S, seconds)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as load:
        load.submit(open_loop, port, requests, rate, WARM_S).result()
        say(f"{rate:g} requests/s for {seconds:g} s, twice")
        used = [_cpu_s(api)]
        timed = load.submit(open_loop, port, requests, rate, seconds).result()
        used.append(_cpu_s(api))
        health = load.submit(open_loop, port, bare, rate, seconds).result()
        used.append(_cpu_s(api))
        say(f"closed loops of {', '.join(map(str, CLIENTS))} clients")
        throughput = {
            str(n): round(load.submit(closed_loop, port, requests, n, closed).result()) for n in CLIENTS
        }
        bare_throughput = round(load.submit(closed_loop, port, bare, CLIENTS[1], closed).result())
    return {
        "predict_ms": _spreads(timed),
        "cpu_us_per_request": round(1e6 * (used[1] - used[0]) / len(timed)),
        "health_cpu_us_per_request": round(1e6 * (used[2] - used[1]) / len(health)),
        "health_ms": spread([one.ms for one in health]),
        "sent_late_ms": spread([one.late_ms for one in timed]),
        "requests": len(timed),
        "failed": sum(one.status != 200 for one in timed),
        "requests_per_s": throughput,
        "health_requests_per_s": {str(CLIENTS[1]): bare_throughput},
    }


def _cpu_s(process: psutil.Process) -> float:
    """CPU that a process has used, in s: of the API, what it does besides answering is among it."""
    used = process.cpu_times()
    return used.user + used.system


def _spreads(timed: list[Timed]) -> dict[str, Any]:
    by = {
        name: spread([one.ms for one in timed if one.kind % len(APPLICATIONS) == n])
        for n, name in enumerate(APPLICATIONS)
    }
    return spread([one.ms for one in timed]) | {"slowest": round(max(one.ms for one in timed), 2)} | by


def _bodies(port: int, name: str, made: Made) -> list[bytes]:
    return [
        request("POST", PATH, port, msgspec.json.encode({"application": name, "event": event}))
        for event in made.asked
    ]


def _wait_until_answered(port: int, requests: list[bytes]) -> None:
    """Returns once every application answers, and answers with the features of an entity."""
    deadline = time.monotonic() + READY_S
    for one in requests:
        while True:
            try:
                status, body = Connection(port).ask(one)
            except OSError as error:
                status, body = 0, str(error).encode()
            if status == 200 and msgspec.json.decode(body)["features"] is not None:
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"no answer with features within {READY_S:g} s: {body.decode()}")
            time.sleep(0.2)


@contextmanager
def _redis(folder: Path, port: int, url: str) -> Iterator[None]:
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with client(url, retries=20) as probe:
            probe.ping()
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _learners(url: str, key: str, made: dict[str, Made], first: int, rate: float) -> Iterator[dict[str, Any]]:
    """The learners' process; says how large the snapshots are, and at the end how many there were."""
    spawn = multiprocessing.get_context("spawn")
    told, stop, known = spawn.Queue(), spawn.Event(), dict[str, Any]()
    process = spawn.Process(target=teach, args=(url, key.encode(), made, first, rate, told, stop))
    process.start()
    try:
        known["bytes"] = told.get(timeout=600)
        yield known
        stop.set()
        known["written"] = told.get(timeout=60)
    finally:
        stop.set()
        process.join(60)
        if process.is_alive():
            process.terminate()


@contextmanager
def _api(folder: Path, port: int, url: str, key: str) -> Iterator[psutil.Process]:
    """The API as the stack starts it, without broker and MLflow."""
    settings = {
        "MILLRACE_VAR": str(folder / "var"),
        "MILLRACE_SECRET": key,
        "MILLRACE_REDIS__URL": url,
        "MILLRACE_SERVING__PORT": str(port),
        # How fast it can be is the question, not how fast one caller may be.
        "MILLRACE_SERVING__REQUESTS_PER_SECOND": "0",
        "MILLRACE_BROKER__URL": "127.0.0.1:1",
        "MILLRACE_MLFLOW__URL": "http://127.0.0.1:1",
    }
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving"], env=os.environ | settings, stdout=log, stderr=log
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)
