"""How long the whole stack takes to come up, and what it holds in memory."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.stack import Stack

BASELINE = "the first start (empty state folder, with history) against the warm one, in the same run"

SETTLE_SECONDS = 30


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of a first and a warm start, and resident MiB of each part; both stacks on free ports."""
    folder = Path(tempfile.mkdtemp(prefix="millrace-bench-"))
    stack = Stack(folder, {})
    try:
        first, first_steps = _up(stack, say)
        stack.local("down")
        warm, warm_steps = _up(stack, say)
        time.sleep(SETTLE_SECONDS)
        parts = json.loads(stack.local("status", "--json").stdout)
        rss = {name: part["rss_mb"] for name, part in parts.items()}
    finally:
        stack.local("down")
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "first_up_s": first,
        "warm_up_s": warm,
        "first_prediction_s": _scored(warm_steps),
        "first_prediction_first_up_s": _scored(first_steps),
        "ratio": round(warm / first, 3),
        "rss_mb": rss | {"in all": round(sum(rss.values()), 1)},
    }


def _up(stack: Stack, say: Callable[[str], None]) -> tuple[float, list[str]]:
    began = time.monotonic()
    done = stack.local("up", "--detach")
    took = round(time.monotonic() - began, 1)
    say(done.stdout)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return took, done.stdout.splitlines()


def _scored(lines: list[str]) -> int:
    """Seconds after the start at which the last application had a score, read from the numbered steps."""
    return max(int(line.rpartition("(")[2].rstrip(" s)")) for line in lines if "first score" in line)
