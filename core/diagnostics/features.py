"""What the inputs look like, and what the model makes of them."""

from __future__ import annotations

from core.diagnostics.declared import Diagnostic

DECLARED: tuple[Diagnostic, ...] = ()
