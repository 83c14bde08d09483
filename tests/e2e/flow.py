"""Events that flow while a test does something to the stack, and what has come of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.applications import APPLICATIONS
from tests.e2e.stack import REPO, Stack

EVENTS_PER_S = 200
"""Over all applications."""


@contextmanager
def flow(stack: Stack, rate: float = EVENTS_PER_S) -> Iterator[None]:
    """Events of all applications, until the block ends; then every producer has delivered what it made.

    rate: events per second over all applications.
    """
    env = stack.env | {
        "MILLRACE_PRODUCERS__RATE": str(rate / len(APPLICATIONS)),
        "MILLRACE_PRODUCERS__SEED": "7",
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "producers", "run", name],
            env=env,
            cwd=REPO,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in APPLICATIONS
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait(60) for process in running]
    assert codes == [0] * len(codes), "every event that was made is with the broker"


def audit(stack: Stack, wait: float) -> dict[str, Any]:
    """What scripts/audit prints; fails when it can't look."""
    command = [sys.executable, "-m", "infra.audit", "--json", "--wait", str(wait)]
    done = subprocess.run(
        command, env=stack.env, cwd=REPO, capture_output=True, text=True, timeout=wait + 60, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exact"] == (done.returncode == 0)
    return found


def rows(stack: Stack) -> dict[str, int]:
    """The rows of the tables `events`, as the API tells them."""
    return {name: int(stack.application(name)["delta_rows"] or 0) for name in APPLICATIONS}


def grown(stack: Stack, before: dict[str, int], by: int) -> dict[str, int] | None:
    """The rows of the tables once each has `by` more than before."""
    now = rows(stack)
    return now if all(now[name] >= before[name] + by for name in APPLICATIONS) else None
