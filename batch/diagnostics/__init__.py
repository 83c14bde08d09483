"""The diagnostics as numbers: one computation for each that `core.diagnostics` declares.

Subject (model, held-out rows) -> computation -> Found (panels, facts, sample)
"""

from __future__ import annotations

from batch.diagnostics import clusters, errors, features, live, performance, selection, target, text
from batch.diagnostics.live import Live
from batch.diagnostics.subject import Computation, Drawn, Found, Subject, Unanswerable

COMPUTATIONS: dict[str, Computation] = {
    name: computation
    for module in (performance, clusters, errors, features, target, selection, text)
    for name, computation in module.COMPUTATIONS.items()
}
"""By id: those about a run. Those about the live models are `live.COMPUTATIONS`."""

__all__ = ["COMPUTATIONS", "Computation", "Drawn", "Found", "Live", "Subject", "Unanswerable", "live"]
