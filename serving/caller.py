"""Who asks."""

from __future__ import annotations

from fastapi import Request

LOCAL = "local"
"""The one caller there is while nobody has to say who they are."""


def caller(request: Request) -> str:
    """The caller's name: whose token the request carries, or "local" where no token is asked for."""
    return str(getattr(request.state, "caller", None) or LOCAL)
