"""Where and when the answers are wrong."""

from __future__ import annotations

from core.diagnostics.declared import Diagnostic

DECLARED: tuple[Diagnostic, ...] = ()
