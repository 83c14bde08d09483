"""A sound event of any application, made from its declaration alone."""

from __future__ import annotations

from typing import Any

from core.declaration import Application, Classification, Regression
from core.forms import complete, randomize


def sound(application: Application, seed: int = 1) -> dict[str, Any]:
    """A complete event, label included, with every value in its form range."""
    event = complete(application, randomize(application, seed))
    match application.task:
        case Classification(label=label):
            event[label] = seed % 2 == 0
        case Regression(label=label, naive=naive):
            event[label] = event[naive]
    return event
