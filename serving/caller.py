"""Who asks: for histories and logs."""

from __future__ import annotations

from fastapi import Request

LOCAL = "local"
"""Whoever reaches an API without tokens."""


def caller(request: Request) -> str:
    """The name behind a request, as access control has found it; `local` where there is none."""
    return str(getattr(request.state, "caller", "") or LOCAL)
