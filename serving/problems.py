"""Errors as problem details (RFC 9457), each naming the field it is about."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import Send

from core.api.errors import FieldError, ProblemBody
from core.applications import APPLICATIONS, get
from core.declaration import Application

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """Raised anywhere below a route; becomes the answer."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        errors: list[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors or []
        self.headers = headers


def problem_body(status: int, detail: str, errors: list[FieldError] | None = None) -> bytes:
    """The bytes of a problem; its title is the status's own phrase."""
    title = HTTPStatus(status).phrase
    return msgspec.json.encode(ProblemBody(title=title, status=status, detail=detail, errors=errors or []))


async def send_problem(send: Send, problem: Problem) -> None:
    """Answers with a problem where no route was reached."""
    body = problem_body(problem.status, problem.detail, problem.errors)
    given = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **(problem.headers or {})}
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]
    await send({"type": "http.response.start", "status": int(problem.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def install(app: FastAPI) -> None:
    """Makes every error of the application a problem. Unknown exceptions are `middleware`'s."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)


def application_named(name: str) -> Application:
    """The declared application; raises a 404 Problem that lists those there are."""
    if name not in APPLICATIONS:
        detail = f"no application {name!r}; there are {', '.join(APPLICATIONS)}"
        raise Problem(HTTPStatus.NOT_FOUND, detail, [FieldError("application", detail)])
    return get(name)


def _answer(
    status: int, detail: str, errors: list[FieldError], headers: Mapping[str, str] | None
) -> Response:
    return Response(problem_body(status, detail, errors), status, dict(headers or {}), MEDIA_TYPE)


def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class
    return _answer(error.status, error.detail, error.errors, error.headers)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {request.url.path}; /docs lists what there is"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not allowed at {request.url.path}"
    return _answer(error.status_code, detail, [], error.headers)


def _validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    found = error.errors()
    errors = [FieldError(_path(one["loc"]), str(one["msg"])) for one in found]
    malformed = any(one["type"] == "json_invalid" for one in found)
    status = HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.UNPROCESSABLE_ENTITY
    detail = "; ".join(f"{one.field or 'body'}: {one.message}" for one in errors)
    return _answer(status, detail, errors, None)


def _path(location: tuple[Any, ...]) -> str:
    """The field's own path: without "body" or "query", where it was looked for."""
    return ".".join(str(part) for part in location[1:])
