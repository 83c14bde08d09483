"""What happens around every request: its id, its host, its time, its count, its last resort.

request -> host allowed? -> id bound to logs -> the application -> id and safety headers -> meters, log
"""

from __future__ import annotations

import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.access.start import is_loopback
from serving.meters import Meters
from serving.problems import Problem, send_problem

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

REQUEST_ID = "x-request-id"
_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_SAFETY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    # An answer is no page: nothing in it runs or loads. The pages there are bring a policy of their own.
    "content-security-policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_STAY_WITH_TLS = {"strict-transport-security": "max-age=31536000"}


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, meters: Meters, hosts: frozenset[str] = frozenset(), behind_tls: bool = False
    ) -> None:
        self._app = app
        self._meters = meters
        self._hosts = hosts
        self._safety = _SAFETY | (_STAY_WITH_TLS if behind_tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; whatever the application raises becomes a 500 with the request's id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = _request_id(headers.get(REQUEST_ID.encode(), b"").decode("latin-1"))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._answer(scope, receive, send, headers, request_id)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[bytes, bytes], request_id: str
    ) -> None:
        started = time.perf_counter()
        status: int | None = None

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out[REQUEST_ID] = request_id
                for name, value in self._safety.items():
                    out.setdefault(name, value)
            await send(message)

        try:
            host = headers.get(b"host", b"").decode("latin-1")
            name = _without_port(host).lower()
            if is_loopback(name) or name in self._hosts:
                await self._app(scope, receive, send_on)
            else:
                # A page from elsewhere whose name was rebound to this machine.
                detail = f"host {host!r} is not served here"
                await send_problem(send_on, Problem(HTTPStatus.MISDIRECTED_REQUEST, detail))
        except Exception:
            # The last resort: the log gets the reason, the caller gets the id to find it by.
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if status is None:
                detail = f"the request failed inside; the log has the reason under request id {request_id}"
                await send_problem(send_on, Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail))
        finally:
            self._count(scope, status, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int | None, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        method = scope["method"]
        self._meters.requests.labels(route, method, str(status or "none")).inc()
        self._meters.request_seconds.labels(route, method).observe(seconds)
        write = log.info if status is None or status >= HTTPStatus.BAD_REQUEST else log.debug
        write("request", method=method, path=scope["path"], status=status, ms=round(seconds * 1000, 3))


def _request_id(given: str) -> str:
    """The caller's id where it is harmless, else a fresh one."""
    return given if _SOUND_ID.fullmatch(given) else uuid.uuid4().hex


def _without_port(host: str) -> str:
    """ "127.0.0.1:8000" -> "127.0.0.1"; "[::1]:8000" -> "[::1]"."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
