"""Routes and metrics have their line in the docs, and the docs name none that is gone."""

from __future__ import annotations

import re
from pathlib import Path

from serving.app import create_app
from serving.services import Services
from tests.serving.conftest import make_settings

TEXT = Path("docs/api.md").read_text()


def test_every_route_is_in_the_docs(tmp_path: Path) -> None:
    paths = create_app(make_settings(tmp_path)).openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    described = set(re.findall(r"^\| `((?:GET|POST|PUT|DELETE) [^`]+)`", TEXT, re.MULTILINE))
    assert described == routes


def test_every_metric_is_in_the_docs(tmp_path: Path) -> None:
    exported = set()
    services: Services = create_app(make_settings(tmp_path)).state.services
    for family in services.meters.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = re.search(rf"^\| `{name}` \|", TEXT, re.MULTILINE)
        assert labels, f"docs/api.md lacks {name}"
        exported.add(name)
    assert exported == set(re.findall(r"^\| `(millrace_[a-z_]+)`", TEXT, re.MULTILINE))
