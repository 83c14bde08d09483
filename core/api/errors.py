"""What is wrong with a request: problem details (RFC 9457)."""

from __future__ import annotations

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field; `field` is its dotted path, empty where the whole body is meant."""

    field: str
    message: str


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer that is an error. A proxy between may leave out any of it."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    errors: list[FieldError] = []
