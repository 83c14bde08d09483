"""A Redis and a small MLflow of their own per test."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from core.connect.redis import client
from tests.learners.fake_mlflow import FakeMlflow


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    fake = FakeMlflow()
    yield fake
    fake.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Redis]:
    """An empty Redis."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    with client(f"redis://127.0.0.1:{port}/0") as one:
        for _ in range(200):
            if _answers(one):
                break
            time.sleep(0.05)
        yield one
    process.kill()
    process.wait()


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False
