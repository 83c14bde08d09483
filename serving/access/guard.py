"""The door: what every request must show before a route sees it.

request -> known? -> not too often? -> not from a foreign page? -> allowed? -> not too large?
        -> the application -> audit, with the outcome

Where no tokens are set everyone is `local`, an admin: the API then listens on this machine only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.access import AuditEntry
from serving.access.audit import Audit, summary
from serving.access.rate import Buckets
from serving.access.roles import SAFE, Asked, Routes
from serving.access.start import Access
from serving.access.tokens import LOCAL, Holder
from serving.problems import Problem, send_problem

MIB: Final = 2**20
SMALL_BODY_MIB: Final = 1

_SUMMARISED: Final = 2**16
"""Larger bodies have no summary in the audit log."""

_CLOSE_POLICY: Final = 1008
_CHALLENGE: Final = 'Bearer realm="millrace"'


@dataclass(slots=True)
class _Body:
    """How much of a body has come, and its beginning where the audit log will tell of it."""

    most: int
    kept: bytearray | None
    taken: int = 0

    def take(self, part: bytes) -> None:
        self.taken += len(part)
        if self.taken > self.most:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(self.most))
        if self.kept is not None and len(self.kept) <= _SUMMARISED:
            self.kept += part


@dataclass(slots=True)
class _Request:
    """What the guard reads of one request."""

    asked: Asked
    method: str
    address: str
    headers: list[tuple[bytes, bytes]]
    token: bytes = field(default=b"", repr=False)

    def all(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known == name]

    def one(self, name: bytes) -> str:
        return b"".join(self.all(name)[:1]).decode("latin-1")


class Guard:
    """ASGI middleware; `max_body_mib` holds for routes that take lists."""

    def __init__(
        self, app: ASGIApp, access: Access, routes: Routes, buckets: Buckets, audit: Audit, max_body_mib: int
    ) -> None:
        self._app = app
        self._access = access
        self._routes = routes
        self._buckets = buckets
        self._audit = audit
        self._max_body_mib = max_body_mib

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request in, or answers it with what is missing."""
        if scope["type"] == "websocket":
            # No route is one: nothing is to be had without the checks below.
            await send({"type": "websocket.close", "code": _CLOSE_POLICY})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            await self._let_in(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client") or ("unknown", 0)
        asked = self._routes.find(scope["method"], scope["path"])
        request = _Request(asked, scope["method"], client[0], scope["headers"])
        holder = LOCAL
        try:
            if asked.rule.role is not None:
                holder = self._holder(request)
                self._may_ask_now(holder.name if self._access.tokens else request.address)
                self._introduce(scope, holder)
            self._not_foreign(request)
            _may(holder, request)
            most = self._most(asked)
            _small_enough(request, most)
        except Problem as problem:
            if problem.status == HTTPStatus.FORBIDDEN:
                self._note(scope, request, holder, problem.status, b"")
            await send_problem(send, problem)
            return
        await self._pass(scope, receive, send, request, holder, most)

    def _holder(self, request: _Request) -> Holder:
        """Who asks; a 401 Problem where no token, or an unknown one, is shown."""
        if not self._access.tokens:
            return LOCAL
        try:
            request.token = _token(request.all(b"authorization"))
            found = self._access.tokens.find(request.token)
            if found is None:
                raise _unknown("the token is not known", ', error="invalid_token"')
            return found
        except Problem:
            # Guessing is limited too, by address.
            self._may_ask_now(request.address)
            raise

    def _may_ask_now(self, caller: str) -> None:
        if wait := self._buckets.take(caller):
            seconds = str(max(1, math.ceil(wait)))
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{caller} asks too often; MILLRACE_SERVING__REQUESTS_PER_SECOND is the limit",
                headers={"retry-after": seconds},
            )

    def _introduce(self, scope: Scope, holder: Holder) -> None:
        """Tells routes and logs who asks."""
        state = scope.setdefault("state", {})
        state["caller"], state["role"] = holder.name, holder.role
        structlog.contextvars.bind_contextvars(caller=holder.name)

    def _not_foreign(self, request: _Request) -> None:
        """Refuses changes that a page of another origin asks for: a browser sends them without a question."""
        if request.method in SAFE:
            return
        origins = request.all(b"origin")
        site = request.one(b"sec-fetch-site")
        if not origins and site in ("", "none", "same-origin"):
            return
        origin = origins[0].decode("latin-1").lower() if len(origins) == 1 else "unknown"
        host = request.one(b"host").lower()
        if origin in (f"http://{host}", f"https://{host}", *self._access.origins):
            return
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"a page of the origin {origin!r} may not ask for changes; "
            "MILLRACE_SERVING__CORS_ORIGINS lists those that may",
        )

    def _most(self, asked: Asked) -> int:
        return MIB * (self._max_body_mib if asked.rule.large else SMALL_BODY_MIB)

    async def _pass(
        self, scope: Scope, receive: Receive, send: Send, request: _Request, holder: Holder, most: int
    ) -> None:
        body = _Body(most, bytearray() if request.asked.rule.audited else None)
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR

        async def receive_on() -> Message:
            message = await receive()
            body.take(message.get("body", b""))
            return message

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive_on, send_on)
        finally:
            if body.kept is not None:
                self._note(scope, request, holder, status, bytes(body.kept))

    def _note(self, scope: Scope, request: _Request, holder: Holder, status: int, body: bytes) -> None:
        """One entry of the audit log; made by its own thread, for reading a body takes time."""
        if not request.asked.rule.audited:
            return
        now, secret = datetime.now(UTC), request.token.decode("latin-1")
        request_id = structlog.contextvars.get_contextvars().get("request_id", "")
        self._audit.note(
            lambda: AuditEntry(
                time=now,
                caller=holder.name,
                role=holder.role,
                method=request.method,
                route=request.asked.route,
                path=request.asked.parameters(scope["path"]),
                status=int(status),
                request_id=request_id,
                body=summary(body, secret) if len(body) <= _SUMMARISED else {},
            )
        )


def _may(holder: Holder, request: _Request) -> None:
    needed = request.asked.rule.role
    if needed is not None and not holder.role.covers(needed):
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"{request.method} {request.asked.route} needs the role {needed}; "
            f"{holder.name} has the role {holder.role}",
        )


def _small_enough(request: _Request, most: int) -> None:
    """Refuses a body that says itself that it is too large, before any of it is read."""
    for length in request.all(b"content-length"):
        if length.isdigit() and int(length) > most:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(most), headers={"connection": "close"}
            )


def _too_large(most: int) -> str:
    return f"the body is larger than {most // MIB} MiB"


def _token(headers: Iterable[bytes]) -> bytes:
    """The token of `Authorization: Bearer TOKEN`; a 401 Problem where there is not exactly one."""
    match list(headers):
        case []:
            raise _unknown("a token is needed: Authorization: Bearer TOKEN", "")
        case [header]:
            scheme, _, token = header.partition(b" ")
            if scheme.lower() != b"bearer" or not token.strip():
                raise _unknown("the token must come as Authorization: Bearer TOKEN", "")
            return token.strip()
        case _:
            raise _unknown("there is more than one Authorization header", ', error="invalid_request"')


def _unknown(detail: str, error: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"www-authenticate": _CHALLENGE + error})
