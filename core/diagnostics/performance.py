"""How good the answers are: classification and regression."""

from __future__ import annotations

from core.diagnostics.declared import Diagnostic

DECLARED: tuple[Diagnostic, ...] = ()
