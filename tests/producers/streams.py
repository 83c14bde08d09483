"""Stretches of the generated streams, made once per test run and then only read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from producers.registry import generator

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)

Event = dict[str, Any]


@cache
def stream(
    application: str, events: int, gap_seconds: float, seed: int = 42, stretch: int = 0
) -> tuple[list[Event], list[dict[str, Any]]]:
    """Events at even times from a Monday on, and the truth behind each."""
    source = generator(application, seed, stretch)
    told, truths = [], []
    for n in range(events):
        told.append(source.next(MONDAY + timedelta(seconds=n * gap_seconds)))
        truths.append(source.truth)
    return told, truths


def near(value: float, wanted: float, of: int, sigmas: float = 4) -> bool:
    """Whether a share measured on `of` events is what chance allows around `wanted`."""
    return bool(abs(value - wanted) <= sigmas * (wanted * (1 - wanted) / of) ** 0.5)
