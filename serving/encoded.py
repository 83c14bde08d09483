"""Answers as bytes."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi.responses import Response


class Json(Response):
    """An answer encoded by msgspec: times in UTC, NaN as null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The content as JSON."""
        return msgspec.json.encode(content)
