"""Every operation of the description, asked by schemathesis against a live API: it does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks

from core.applications import APPLICATIONS
from core.connect.redis import client as redis_client
from serving.app import create_app
from tests.serving.conftest import eventually, make_settings, serving
from tests.serving.models import fresh, learned, put_report, put_snapshot
from tests.serving.rows import append

AWAY = {503}
"""MLflow and the broker are away here, and the answers that need them have to say so."""

load_all_checks()
CHECKS = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in (
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "status_code_conformance",
    )
]


@pytest.fixture(scope="module")
def url(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A live API with models that answer and tables that hold rows."""
    var = tmp_path_factory.mktemp("state")
    with redis_client(redis_url) as redis:
        redis.flushall()
        for name, application in APPLICATIONS.items():
            put_snapshot(redis, name, learned(name) if application.label else fresh(name))
            put_report(redis, name)
            append(var / "lake", application, range(40))
        with serving(make_settings(var, redis_url), background=True) as api:
            eventually(lambda: all(api.services.live.view(name).live for name in APPLICATIONS), 30)
            yield str(api.base_url)


schema = schemathesis.openapi.from_dict(create_app(make_settings(Path("nowhere"))).openapi())


@schema.parametrize()
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_the_description_holds(case: schemathesis.Case[Any], url: str) -> None:
    response = case.call(base_url=url, timeout=20)
    assert response.status_code < 500 or response.status_code in AWAY, response.text
    case.validate_response(response, checks=CHECKS)  # type: ignore[arg-type]
