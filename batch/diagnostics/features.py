"""What the inputs look like, and what the model makes of them."""

from __future__ import annotations

from batch.diagnostics.subject import Computation

COMPUTATIONS: dict[str, Computation] = {}
