from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from core import settings as all_settings
from core.applications import APPLICATIONS
from core.settings import SettingsError
from serving.access.start import is_loopback
from serving.app import create_app
from serving.routes.incremental import thinned
from tests.serving.conftest import Api, make_settings, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API whose every dependency is away."""
    app = create_app(make_settings(tmp_path_factory.mktemp("var")))

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the inside story")

    with serving(make_settings(Path("unused")), app=app) as client:
        yield client


def test_live_is_constant(api: Api) -> None:
    response = api.get("/health/live")
    assert response.json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/api/v1/status", 405),
        ("GET", "/api/v1/incremental/nope", 404),
        ("GET", "/api/v1/incremental/nope/history", 404),
        ("GET", "/api/v1/sql/nope/schema", 404),
        ("GET", f"/api/v1/incremental/{next(iter(APPLICATIONS))}/history?points=0", 422),
        ("GET", f"/api/v1/incremental/{next(iter(APPLICATIONS))}/history?points=x", 422),
        ("GET", f"/api/v1/incremental/{next(iter(APPLICATIONS))}/history", 503),
        ("GET", f"/api/v1/incremental/{next(iter(APPLICATIONS))}/predictions?limit=-1", 422),
        ("POST", "/api/v1/sql/query", 422),
        ("GET", "/broken", 500),
    ],
)
def test_every_error_is_a_problem(api: Api, method: str, path: str, status: int) -> None:
    response = api.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["title"] == HTTPStatus(status).phrase
    assert body["detail"]
    assert "errors" in body
    if "points" in path:
        assert body["errors"][0]["field"] == "points"


def test_an_unknown_error_shows_its_id_and_nothing_else(api: Api) -> None:
    response = api.get("/broken", headers={"x-request-id": "mine-1"})
    assert response.headers["x-request-id"] == "mine-1"
    assert "mine-1" in response.json()["detail"]
    assert "inside story" not in response.text


def test_each_request_has_an_id(api: Api) -> None:
    ids = {api.get("/health/live").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    forged = api.get("/health/live", headers={"x-request-id": "<script>"}).headers["x-request-id"]
    assert forged != "<script>"


def test_another_host_name_is_refused(api: Api) -> None:
    """A page elsewhere whose name was rebound to this machine reads nothing."""
    assert api.get("/health/live", headers={"host": "evil.example"}).status_code == 421
    for host in ("localhost:1", "[::1]:8000", "127.0.0.1"):
        assert api.get("/health/live", headers={"host": host}).status_code == 200


def test_metrics_count_by_route_template(api: Api) -> None:
    name = next(iter(APPLICATIONS))
    api.get(f"/api/v1/incremental/{name}")
    text = api.get("/metrics").text
    line = 'millrace_http_requests_total{method="GET",route="/api/v1/incremental/{application}",status="200"}'
    assert line in text
    assert f'route="/api/v1/incremental/{name}"' not in text
    assert "millrace_http_request_seconds_bucket" in text


def test_readiness_names_what_is_away(api: Api) -> None:
    response = api.get("/health/ready")
    assert response.status_code == 503
    parts = response.json()["parts"]
    assert not response.json()["ready"]
    assert not parts["redis"]["ok"]
    assert not parts["broker"]["ok"]
    assert parts["mlflow"] == {"ok": False, "detail": "not asked yet"}
    assert parts["lake"]["ok"], "a table that is not made yet is no failure"


def test_the_description_is_typed_from_the_declarations(api: Api) -> None:
    document = api.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for name, application in APPLICATIONS.items():
        known = schemas[f"{name}_request"]
        assert application.label not in known["properties"]
        assert application.key in known["required"]
        assert application.identifier.name not in known["required"]
    for path, methods in document["paths"].items():
        for one in methods.values():
            good = next(status for status in one["responses"] if status.startswith("2"))
            content = one["responses"][good].get("content", {})
            assert content, path
    refs = [part.split('"')[0] for part in api.get("/openapi.json").text.split("#/components/schemas/")[1:]]
    assert set(refs) <= set(schemas)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_need_no_other_server(api: Api, page: str) -> None:
    text = api.get(page).text
    assert "https://" not in text.replace("https://fastapi.tiangolo.com", "")
    script = text.split('<script src="')[1].split('"')[0]
    assert len(api.get(script).content) > 500_000


ANYWHERE = "0.0.0.0"  # noqa: S104 - the address that must be refused


@pytest.mark.parametrize("host", [ANYWHERE, "::", "10.0.0.1", "example.com"])
def test_it_listens_on_this_machine_only(tmp_path: Path, host: str) -> None:
    serving_settings = all_settings.Serving.model_validate({"host": host})
    with pytest.raises(SettingsError, match="MILLRACE_SERVING__HOST"):
        create_app(make_settings(tmp_path, serving=serving_settings))


def test_loopback_names() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST")))
    assert not any(map(is_loopback, ("", ANYWHERE, "localhost.evil.example", "192.168.0.1")))


def test_the_command_refuses_a_foreign_host_in_words(tmp_path: Path) -> None:
    env = {"MILLRACE_SERVING__HOST": ANYWHERE, "MILLRACE_SECRET": "x", "MILLRACE_VAR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "serving"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"MILLRACE_SERVING__HOST={ANYWHERE}")


def test_thinning_keeps_both_ends() -> None:
    assert thinned(list(range(1000)), 5) == [0, 250, 500, 749, 999]
    assert thinned([1, 2], 5) == [1, 2]
    assert thinned([1, 2, 3], 1) == [1]
