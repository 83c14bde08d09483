"""What is predicted."""

from __future__ import annotations

from batch.diagnostics.subject import Computation

COMPUTATIONS: dict[str, Computation] = {}
