"""Events per second through the one check, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson

from core.applications import APPLICATIONS
from core.validation import Check
from producers.registry import generator

BASELINE = "orjson.loads of the same bytes, no check"


def measure(events: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Per application: rows/s checked and canonical, rows/s merely parsed, and their ratio."""
    figures = {}
    now = datetime.now(UTC)
    for name, application in APPLICATIONS.items():
        say(f"{name}: making {events} events")
        source = generator(name, seed=1)
        made = [source.next(now + timedelta(milliseconds=n)) for n in range(events)]
        messages = [(event[application.key].encode(), orjson.dumps(event)) for event in made]
        check = Check(application)
        later = now + timedelta(days=1)
        checked = _rate(messages, partial(check, now=later))
        parsed = _rate(messages, lambda key, value: orjson.loads(value))
        figures[name] = {
            "validate_rows_per_s": round(checked),
            "baseline_rows_per_s": round(parsed),
            "ratio": round(checked / parsed, 3),
            "cpu_us_per_row": round(1e6 / checked, 2),
        }
    return figures


def _rate(messages: list[tuple[bytes, bytes]], call: Callable[[bytes, bytes], object]) -> float:
    began = time.process_time()
    for key, value in messages:
        call(key, value)
    return len(messages) / (time.process_time() - began)
