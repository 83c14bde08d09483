"""A real Redis per session, settings of its own per test."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI

from core import settings as all_settings
from core.connect.redis import client as redis_client
from core.settings import Settings
from serving.app import create_app
from serving.services import Services

KEY = "a key of the tests"


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Tracebacks without every local variable: those take seconds to draw."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()]
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, home = free_port(), tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        with redis_client(url) as probe:
            eventually(lambda: _answers(probe))
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def redis(redis_url: str) -> Iterator[object]:
    """An empty Redis."""
    with redis_client(redis_url) as client:
        client.flushall()
        yield client


def make_settings(
    var: Path,
    redis_url: str = "redis://127.0.0.1:1/0",
    broker_url: str = "127.0.0.1:1",
    serving: all_settings.Serving | None = None,
    mlflow_url: str = "http://127.0.0.1:1",
) -> Settings:
    """Settings whose parts are away unless they are named."""
    return Settings(
        var=var,
        secret=KEY,
        redis=all_settings.Redis(url=redis_url),
        mlflow=all_settings.Mlflow(url=mlflow_url),
        broker=all_settings.Broker.model_validate({"url": broker_url}),
        serving=serving or all_settings.Serving(),
    )


class Api(httpx.Client):
    """A client of an API that listens on a port of its own, and the services behind it."""

    services: Services


@contextmanager
def serving(settings: Settings, *, background: bool = False, app: FastAPI | None = None) -> Iterator[Api]:
    """The API for the settings; its threads and workers run only with `background`."""
    app = app or create_app(settings)
    config = uvicorn.Config(app, log_config=None, lifespan="on" if background else "off")
    server = uvicorn.Server(config)
    # Named as TCP, as the loop does by itself: else it leaves Nagle's delay on, 40 ms for each answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        thread = threading.Thread(target=asyncio.run, args=(_serve(server, listener, app),))
        thread.start()
        try:
            eventually(lambda: server.started)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with Api(base_url=url, timeout=60, trust_env=False) as client:
                client.services = app.state.services
                yield client
        finally:
            server.should_exit = True
            thread.join()


async def _serve(server: uvicorn.Server, listener: socket.socket, app: FastAPI) -> None:
    """As `Server.run`, but what belongs to the event loop ends with it even without a lifespan."""
    await server.serve([listener])
    await app.state.services.lookups.aclose()


def eventually(check: Callable[[], object], seconds: float = 15) -> None:
    """Waits until `check` is true."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        time.sleep(0.05)


def _answers(client: object) -> bool:
    from redis import exceptions

    try:
        return bool(client.ping())  # type: ignore[attr-defined]
    except exceptions.ConnectionError:
        return False
