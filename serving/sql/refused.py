"""Why a text is not run."""

from __future__ import annotations


class RefusedQuery(ValueError):
    """The text is not a query that may run here; the message says what is allowed."""


class UnreadQuery(RefusedQuery):
    """The text is beyond this parser; the engine's own may know better what is wrong with it."""
