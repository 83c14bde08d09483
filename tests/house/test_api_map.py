"""The table from the reference system's calls names every row once, and no route that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from serving.app import create_app
from tests.serving.conftest import make_settings

ROWS = re.findall(
    r"^\| (4\.\d-\d\d) \|([^|]+)\|([^|]+)\|$", Path("docs/api-map.md").read_text(), re.MULTILINE
)

COUNTS = {"4.1": 42, "4.2": 6, "4.3": 8, "4.4": 15, "4.5": 18}
"""Rows of each chapter of the list of capabilities."""

LATER = re.compile("not here yet")


def test_every_row_has_its_line() -> None:
    wanted = [f"{chapter}-{n:02}" for chapter, count in COUNTS.items() for n in range(1, count + 1)]
    assert [row for row, _, _ in ROWS] == wanted


def test_every_route_that_is_named_exists(tmp_path: Path) -> None:
    app = create_app(make_settings(tmp_path))
    paths = app.openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    pages = {str(getattr(route, "path", "")) for route in app.routes}
    for row, _, here in ROWS:
        named = re.findall(r"`((?:GET|POST|PUT|DELETE) [^`]+|/(?:docs|redoc))`", here)
        assert named or LATER.search(here), f"{row} names no route"
        unknown = [one for one in named if one not in routes | pages]
        assert not unknown, f"{row}: {', '.join(unknown)}"
