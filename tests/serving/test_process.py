"""The API as a process: how it ends, and what its logs hold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.serving.conftest import eventually, free_port

SLOW = """
import sys, time
from serving import __main__ as command
from serving.app import create_app
from core.settings import load
from core.telemetry import configure

found = load()
configure("serving", found.log_level)
api = create_app(found)

@api.get("/slow")
def slow(seconds: float) -> dict[str, bool]:
    time.sleep(seconds)
    return {"ended": True}

command.GRACE_SECONDS = 3
command.run(api, command._listen(found))
"""


def start(tmp_path: Path, **more: str) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    env = {
        "PATH": os.environ["PATH"],
        "MILLRACE_SECRET": "x",
        "MILLRACE_VAR": str(tmp_path),
        "MILLRACE_SERVING__PORT": str(port),
        "MILLRACE_REDIS__URL": "redis://127.0.0.1:1/0",
        "MILLRACE_BROKER__URL": "127.0.0.1:1",
        "MILLRACE_MLFLOW__URL": "http://127.0.0.1:1",
        **more,
    }
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen([sys.executable, "-c", SLOW], env=env, stdout=log, stderr=log)
    log.close()
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: _answers(url), seconds=60)
    return process, url


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(("seconds", "answered"), [(1.5, True), (30.0, False)])
def test_a_running_request_may_end_within_a_limit(tmp_path: Path, seconds: float, answered: bool) -> None:
    process, url = start(tmp_path)
    found: list[object] = []

    def ask() -> None:
        try:
            response = httpx.get(f"{url}/slow", params={"seconds": seconds}, timeout=40, trust_env=False)
            found.append(response.json() if response.is_success else response.status_code)
        except httpx.TransportError as error:
            found.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        time.sleep(0.5)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        eventually(lambda: not _answers(url), seconds=2)
        assert not found, "the request is still under way"
        asking.join(20)
        assert (found == [{"ended": True}]) == answered, found
        if answered:
            assert process.wait(20) in (0, -signal.SIGTERM)
            assert time.monotonic() - told < 10
    finally:
        process.kill()
        process.wait()
        asking.join()


SECRET = "the-secret-of-ann-0123456789"  # noqa: S105


def test_its_logs_hold_the_caller_and_no_token(tmp_path: Path) -> None:
    given = {"MILLRACE_SERVING__TOKENS": f"ann:viewer:{SECRET}", "MILLRACE_LOG_LEVEL": "DEBUG"}
    process, url = start(tmp_path, **given)
    try:
        headers = {"authorization": f"Bearer {SECRET}"}
        for path in ("/api/v1/access", "/nowhere", "/slow?seconds=none"):
            httpx.get(f"{url}{path}", headers=headers, trust_env=False)
        httpx.put(f"{url}/api/v1/models/reload", headers=headers, trust_env=False)
        process.terminate()
        process.wait(20)
    finally:
        process.kill()
        process.wait()
    text = (tmp_path / "log").read_text()
    assert text.count('"caller": "ann"') >= 4
    assert SECRET not in text
    assert SECRET not in (tmp_path / "logs" / "audit.log").read_text(), "written before the end"
