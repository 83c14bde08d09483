"""Where and when the answers are wrong."""

from __future__ import annotations

from batch.diagnostics.subject import Computation

COMPUTATIONS: dict[str, Computation] = {}
