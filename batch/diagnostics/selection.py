"""What other settings, more rows or fewer inputs would do: the pipeline is fitted again."""

from __future__ import annotations

from batch.diagnostics.subject import Computation

COMPUTATIONS: dict[str, Computation] = {}
