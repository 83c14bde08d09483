"""What access adds to the client: who one is, and who did what."""

from __future__ import annotations

from core.api.access import AccessAnswer, AuditAnswer, AuditEntry
from core.api.client.base import Client


class AccessClient(Client):
    """The client of `/api/v1/access`."""

    def access(self) -> AccessAnswer:
        """The name and the role of this client's token."""
        return self._get("/api/v1/access", AccessAnswer)

    def audit(self, limit: int, application: str = "", caller: str = "") -> list[AuditEntry]:
        """Who asked for which change, newest first; empty texts choose all."""
        chosen = {"application": application, "caller": caller}
        given = {name: value for name, value in chosen.items() if value}
        return self._get("/api/v1/access/audit", AuditAnswer, limit=limit, **given).entries
