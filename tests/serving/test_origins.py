"""What pages of other origins may do: nothing, unless they are listed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.api.access import Role
from core.applications import APPLICATIONS
from serving.app import create_app
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.test_access import bearer, with_tokens

NAME = next(iter(APPLICATIONS))
PAUSE = f"/api/v1/incremental/{NAME}/training"
LISTED = "https://dash.example.org"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Open, and on this machine only: the case in which a page could do harm without any token."""
    settings = make_settings(tmp_path_factory.mktemp("var"))
    with serving(settings, app=create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    app = with_tokens(tmp_path_factory.mktemp("var"), cors_origins=f"{LISTED}, http://localhost:3000")
    settings = make_settings(tmp_path_factory.mktemp("var"))
    with serving(settings, app=app) as client:
        yield client


def own(api: Api) -> str:
    return f"http://{api.base_url.host}:{api.base_url.port}"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://localhost:8501", "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("PUT", PAUSE), ("POST", "/api/v1/sql/query")])
def test_a_foreign_page_changes_nothing(api: Api, method: str, path: str, headers: dict[str, str]) -> None:
    answer = api.request(method, path, json={"on": False}, headers=headers)
    assert answer.status_code == 403
    assert "MILLRACE_SERVING__CORS_ORIGINS" in answer.json()["detail"]
    assert "access-control-allow-origin" not in answer.headers


def test_two_origins_are_none(api: Api) -> None:
    headers = [("origin", own(api)), ("origin", "https://evil.example")]
    assert api.put(PAUSE, json={"on": False}, headers=headers).status_code == 403


def test_own_pages_and_programs_may(api: Api) -> None:
    for headers in (
        {},
        {"origin": own(api)},
        {"origin": own(api), "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ):
        assert api.put(PAUSE, json={"on": 1}, headers=headers).status_code == 422, headers


def test_reading_tells_a_foreign_page_nothing(api: Api) -> None:
    answer = api.get("/api/v1/access", headers={"origin": "https://evil.example"})
    assert answer.status_code == 200, "the browser withholds it"
    assert "access-control-allow-origin" not in answer.headers
    ask = {"origin": "https://evil.example", "access-control-request-method": "PUT"}
    assert api.options(PAUSE, headers=ask).status_code == 405


def test_a_listed_page_may_ask(listing: Api) -> None:
    ask = {
        "origin": LISTED,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization, content-type",
    }
    allowed = listing.options(PAUSE, headers=ask)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == LISTED
    assert "PUT" in allowed.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in allowed.headers
    assert listing.options(PAUSE, headers=ask | {"origin": "https://evil.example"}).status_code == 400
    origin = {"origin": LISTED, "sec-fetch-site": "cross-site"}
    answer = listing.put(PAUSE, json={"on": 1}, headers=bearer(Role.OPERATOR) | origin)
    assert answer.status_code == 422
    assert answer.headers["access-control-allow-origin"] == LISTED
    refused = listing.put(PAUSE, json={"on": 1}, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == LISTED, "the page can read what is wrong"
    foreign = bearer(Role.OPERATOR) | {"origin": f"{LISTED}.evil.example"}
    assert listing.put(PAUSE, json={"on": 1}, headers=foreign).status_code == 403
