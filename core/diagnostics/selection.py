"""What other settings, more rows or fewer inputs would do: the pipeline is fitted again."""

from __future__ import annotations

from core.diagnostics.declared import Diagnostic

DECLARED: tuple[Diagnostic, ...] = ()
