"""What people write."""

from __future__ import annotations

from core.diagnostics.declared import Diagnostic

DECLARED: tuple[Diagnostic, ...] = ()
