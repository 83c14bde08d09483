"""Who may do what, and who did what."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

Scalar = str | int | float | bool | None


class Role(StrEnum):
    """What a caller may do; each role may also do what those before it may."""

    VIEWER = "viewer"
    """Looks and asks."""
    OPERATOR = "operator"
    """Trains, pauses, replays, starts scenarios, answers alerts."""
    ADMIN = "admin"
    """Decides who answers, goes back to former versions, reads the audit log."""

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what `needed` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class AccessAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who the caller is."""

    caller: str
    """The name of the caller's token; "local" where none are set."""
    role: Role
    tokens: bool
    """Whether tokens are set; without them everyone on this machine is an admin."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One request that was to change something."""

    time: datetime
    """When it was answered."""
    caller: str
    role: Role
    method: str
    route: str
    """The route's template."""
    path: dict[str, str]
    """The values in the path, by parameter."""
    status: int
    request_id: str
    body: dict[str, Scalar]
    """Short top-level values of the body: no events, no lists, no secrets."""


class AuditAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, newest first."""

    entries: list[AuditEntry]
