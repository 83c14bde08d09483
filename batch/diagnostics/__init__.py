"""The diagnostics as numbers: one computation for each that `core.diagnostics` declares.

Subject (model, held-out rows) -> computation -> Found (panels, facts, sample)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch.diagnostics import clusters, errors, features, live, performance, selection, target, text
from batch.diagnostics.live import Live
from batch.diagnostics.subject import Computation, Drawn, Found, Subject, Unanswerable
from models.registered.threads import limited

COMPUTATIONS: dict[str, Computation] = {
    name: computation
    for module in (performance, clusters, errors, features, target, selection, text)
    for name, computation in module.COMPUTATIONS.items()
}
"""By id: those about a run. Those about the live models are `live.COMPUTATIONS`."""


def compute(name: str, subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """What a diagnostic finds of a run; chosen: every parameter with its value, as `choices` gives them.

    Loops of few rows take one thread: on a busy machine two would wait for one another.
    """
    with limited(subject.threads, subject.split.train.rows):
        return COMPUTATIONS[name](subject, chosen)


__all__ = [
    "COMPUTATIONS",
    "Computation",
    "Drawn",
    "Found",
    "Live",
    "Subject",
    "Unanswerable",
    "compute",
    "live",
]
