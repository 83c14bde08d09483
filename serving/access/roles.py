"""Which role each route needs: one table, and a default for what is not in it.

Reading needs a viewer; whatever changes something needs an operator, unless the table says otherwise.
A new route that nobody thought of here is never open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from core.api.access import Role

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Verbs that change nothing."""

_VERBS: Final = (*SAFE, "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route asks of its caller."""

    role: Role | None
    """None: open to all, with tokens too."""
    audited: bool = False
    """Whether the audit log tells of it."""
    large: bool = False
    """Whether it takes lists of records, hence large bodies."""


OPEN: Final = Rule(None)
LOOK: Final = Rule(Role.VIEWER)
ASK: Final = Rule(Role.VIEWER)
"""A question, whatever its verb."""
OWN: Final = Rule(Role.VIEWER, audited=True)
"""Changes what is the caller's own."""
DATA: Final = Rule(Role.OPERATOR, large=True)
"""Brings records: too many of them for the audit log, and they change no state of the suite."""
CHANGE: Final = Rule(Role.OPERATOR, audited=True)
DECIDE: Final = Rule(Role.ADMIN, audited=True)

RULES: Final = {
    # Probes of supervisors have no token.
    "GET /health/live": OPEN,
    "GET /health/ready": OPEN,
    "POST /api/v1/incremental/predict": ASK,
    "POST /api/v1/incremental/predict/batch": Rule(Role.VIEWER, large=True),
    "POST /api/v1/batch/{application}/predict": ASK,
    "POST /api/v1/batch/{application}/predict/batch": Rule(Role.VIEWER, large=True),
    "POST /api/v1/sql/query": ASK,
    "DELETE /api/v1/sql/queries/{query}": ASK,
    "POST /api/v1/sql/plan": ASK,
    "POST /api/v1/sql/export": ASK,
    "DELETE /api/v1/sql/{application}/history": OWN,
    "POST /api/v1/monitoring/{application}/captures": DATA,
    "POST /api/v1/monitoring/{application}/quality": DATA,
    "POST /api/v1/monitoring/alerts": DATA,
    "POST /api/v1/monitoring/{application}/drift": Rule(Role.OPERATOR, audited=True, large=True),
    "PUT /api/v1/incremental/{application}/champion": DECIDE,
    "POST /api/v1/incremental/{application}/reset": DECIDE,
    "PUT /api/v1/batch/{application}/champion": DECIDE,
    "POST /api/v1/models/reload": DECIDE,
    "GET /api/v1/access/audit": Rule(Role.ADMIN),
}
"""What differs from the default, by verb and template."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The route that a request meets, and what it needs."""

    route: str
    rule: Rule
    pattern: re.Pattern[str] | None = None

    def parameters(self, path: str) -> dict[str, str]:
        """The values in a path, by the template's names."""
        found = self.pattern.match(path) if self.pattern else None
        return dict(found.groupdict()) if found else {}


def rule(method: str, template: str) -> Rule:
    """What a route needs, by its verb and template; the names of its parameters don't matter."""
    return _NAMELESS.get(_nameless(f"{method} {template}"), LOOK if method in SAFE else CHANGE)


def _nameless(text: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", text)


_NAMELESS: Final = {_nameless(name): one for name, one in RULES.items()}


class Routes:
    """Finds the rule of a request before the application runs: one regular expression per verb."""

    def __init__(self, routes: Callable[[], Iterable[BaseRoute]]) -> None:
        self._routes = routes
        self._known: dict[str, tuple[re.Pattern[str], list[Asked]]] = {}

    def find(self, method: str, path: str) -> Asked:
        """The first route of that verb that matches, as the router does; else the verb's default."""
        if method in _VERBS:
            pattern, asked = self._known.get(method) or self._learn(method)
            if found := pattern.match(path):
                return asked[(found.lastindex or 1) - 1]
        return Asked("unmatched", rule(method, "unmatched"))

    def _learn(self, method: str) -> tuple[re.Pattern[str], list[Asked]]:
        mine: list[tuple[str, Asked]] = []
        for one in iter_route_contexts(list(self._routes())):
            route: Any = one
            # A mount has no verbs of its own: what is below it needs what its folder needs.
            if route.path and method in (getattr(route, "methods", None) or SAFE):
                pattern = re.sub(r"\(\?P<\w+>", "(?:", route.path_regex.pattern)
                mine.append((f"({pattern})", Asked(route.path, rule(method, route.path), route.path_regex)))
        expression = "|".join(pattern for pattern, _ in mine) or r"(?!)"
        self._known[method] = re.compile(expression), [asked for _, asked in mine]
        return self._known[method]
