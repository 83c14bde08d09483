"""What a score is made of: its words, its range, which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]

Span = Literal["all", "labels", "time"]
"""What a score looks back on: everything, a number of labels, or a span of event time."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A score: how it reads, what it is, and which way is better."""

    id: str
    title: str
    formula: str
    explanation: str
    better: Better
    low: float
    high: float | None
    unit: str = ""
    digits: int = 3
    span: Span = "all"
    group: str = ""
    """Where a screen shows it among others; empty where there are no groups."""


def share(id: str, title: str, formula: str, explanation: str, low: float = 0, span: Span = "all") -> Metric:  # noqa: A002
    """A score that is 1 at its best."""
    return Metric(id, title, formula, explanation, "higher", low, 1, span=span)


def error(
    id: str,  # noqa: A002
    title: str,
    formula: str,
    explanation: str,
    unit: str = "",
    digits: int = 4,
    high: float | None = None,
    span: Span = "all",
) -> Metric:
    """A score that is 0 at its best."""
    return Metric(id, title, formula, explanation, "lower", 0, high, unit, digits, span)
