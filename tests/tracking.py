"""A real MLflow server, and trainings in it, made once per test run: they take seconds."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from batch.progress import Silent
from batch.train import train
from core import settings as all_settings
from core.applications import APPLICATIONS
from core.batch import Rows, Take, Train
from core.recipes import RECIPES
from core.settings import Lake, Settings
from infra.local import stores
from tests.batch import lakes
from tests.producers.streams import stream
from tests.serving.conftest import free_port

KEY = "a key of the tests"

EVENTS = 3000
GAP_S = 60.0

START_S = 240
"""On a machine that is busy with the rest."""

QUICK: Mapping[str, float | int | str] = {"iterations": 30, "segments": 4}
"""Fewer trees than anybody would take, and no search for segments."""


@contextmanager
def mlflow_server(home: Path) -> Iterator[str]:
    """The address of a server on SQLite and disk, as `scripts/up` starts it."""
    port = free_port()
    mlflow = all_settings.Mlflow(url=f"http://127.0.0.1:{port}")
    settings = Settings(var=home, mlflow=mlflow)
    stores.prepare_mlflow(settings)
    program = stores.mlflow(settings)
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            program.command, env=dict(os.environ) | dict(program.env), stdout=log, stderr=log
        )
    try:
        _wait(mlflow.url, process, home / "log")
        yield mlflow.url
    finally:
        process.terminate()
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "MLflow does not answer"
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)


@dataclass
class Trained:
    """A lake, an MLflow, and what trainings in it returned: champion and challenger of every application."""

    settings: Settings
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def run(self, application: str, number: int = 0) -> str:
        """The run of a training: 0 became champion, 1 challenger."""
        return str(self.results[application][number]["run_id"])


def trained(root: Path, url: str, **more: Any) -> Trained:
    """Fits the first recipe of every application twice, on the older and on nearly all of its rows."""
    settings = Settings(
        var=root / "var",
        secret=KEY,
        lake=Lake(uri=str(root / "lake")),
        mlflow=all_settings.Mlflow(url=url),
        redis=all_settings.Redis(url="redis://127.0.0.1:1/0"),
        **more,
    )
    found = Trained(settings)
    for name, application in APPLICATIONS.items():
        lakes.fill(settings.lake_uri, application, stream(name, EVENTS, GAP_S)[0])
        asked = [request(name, amount) for amount in (2500, 1500)]
        found.results[name] = [train(settings, one, Silent(), job=f"{name}-job") for one in asked]
    return found


def request(name: str, amount: int, **parameters: float | int | str) -> Train:
    """A training on the newest rows that takes no longer than a test may."""
    recipe = APPLICATIONS[name].batch[0]
    quick = {one: value for one, value in QUICK.items() if one in RECIPES[recipe].parameters}
    rows = Rows(take=Take.RECENT, amount=amount)
    return Train(application=name, recipe=recipe, rows=rows, parameters=quick | parameters)
