"""What happens around every request: its id, its host, its time, its count, its last resort.

request -> host allowed? -> id bound to logs -> the application -> id and safety headers -> meters, log
"""

from __future__ import annotations

import ipaddress
import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.meters import Meters
from serving.problems import MEDIA_TYPE, problem_body

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

REQUEST_ID = "x-request-id"
LARGEST_BODY = 2**20
LARGEST_BATCH = 16 * 2**20
"""Of a body with many records: 10,000 of them at 1.6 kB."""

_MANY = ("/predict/batch", "/captures", "/quality", "/drift", "/alerts")
_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_SAFETY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine and no other."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

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
                for name, value in _SAFETY.items():
                    out.setdefault(name, value)
            await send(message)

        try:
            host = headers.get(b"host", b"").decode("latin-1")
            if is_loopback(_without_port(host)):
                await self._app(scope, _limited(receive, _largest(scope["path"])), send_on)
            else:
                # A page from elsewhere whose name was rebound to this machine.
                await _send_problem(
                    send_on, HTTPStatus.MISDIRECTED_REQUEST, f"host {host!r} is not served here"
                )
        except Exception:
            # The last resort: the log gets the reason, the caller gets the id to find it by.
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if status is None:
                detail = f"the request failed inside; the log has the reason under request id {request_id}"
                await _send_problem(send_on, HTTPStatus.INTERNAL_SERVER_ERROR, detail)
        finally:
            self._count(scope, status, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int | None, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        method = scope["method"]
        self._meters.requests.labels(route, method, str(status or "none")).inc()
        self._meters.request_seconds.labels(route, method).observe(seconds)
        write = log.info if status is None or status >= HTTPStatus.BAD_REQUEST else log.debug
        write("request", method=method, path=scope["path"], status=status, ms=round(seconds * 1000, 3))


def _largest(path: str) -> int:
    return LARGEST_BATCH if path.endswith(_MANY) else LARGEST_BODY


def _limited(receive: Receive, most: int) -> Receive:
    """The same messages, until the body has grown too large."""
    taken = 0

    async def receive_on() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {most} bytes")
        return message

    return receive_on


def _request_id(given: str) -> str:
    """The caller's id where it is harmless, else a fresh one."""
    return given if _SOUND_ID.fullmatch(given) else uuid.uuid4().hex


def _without_port(host: str) -> str:
    """ "127.0.0.1:8000" -> "127.0.0.1"; "[::1]:8000" -> "[::1]"."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


async def _send_problem(send: Send, status: HTTPStatus, detail: str) -> None:
    body = problem_body(status, detail)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
