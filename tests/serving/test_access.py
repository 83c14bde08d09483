"""Who may ask what: every route with every role, and every way to show a token badly."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.types import Message

from core import settings as all_settings
from core.api.access import Role
from core.api.client.access import AccessClient
from core.api.client.base import ApiProblem
from serving.access.roles import RULES, SAFE, Routes, rule
from serving.app import create_app
from serving.docs import ASSETS
from tests.serving.conftest import Api, make_settings, serving

SECRETS = {role: f"the-{role}-secret-0123456789" for role in Role}
TOKENS = ",".join(f"{role[:3]}:{role}:{secret}" for role, secret in SECRETS.items())
OPEN = {"GET /health/live", "GET /health/ready"}


def with_tokens(var: Path, redis_url: str = "redis://127.0.0.1:1/0", **serving: object) -> FastAPI:
    chosen = all_settings.Serving.model_validate({"tokens": SecretStr(TOKENS), **serving})
    return create_app(make_settings(var, redis_url, serving=chosen))


def bearer(role: Role) -> dict[str, str]:
    return {"authorization": f"Bearer {SECRETS[role]}"}


@contextmanager
def asking(api: Api, token: str) -> Iterator[AccessClient]:
    """The typed client with a token."""
    client = AccessClient(str(api.base_url), 5, 5, token=token)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API with a token of each role, whose every dependency is away."""
    app = with_tokens(tmp_path_factory.mktemp("var"))

    @app.patch("/new/{one}")
    def new(one: str, request: Request) -> dict[str, str]:
        return {"caller": request.state.caller, "role": request.state.role}

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the inside story")

    with serving(make_settings(Path("unused")), app=app) as client:
        yield client


def all_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every verb and template that the application answers, in and outside of its description."""
    return [
        (method, str(one.path))
        for one in iter_route_contexts(app.routes)
        for method in sorted(getattr(one, "methods", None) or {"GET"})
    ]


def test_every_route_with_every_role(api: Api, tmp_path: Path) -> None:
    routes = all_routes(with_tokens(tmp_path))
    assert len(routes) > 30
    for method, template in routes:
        needed = rule(method, template).role
        path = re.sub(r"\{[^}]*\}", "x", template)
        nobody = api.request(method, path).status_code
        assert (nobody == 401) == (f"{method} {template}" not in OPEN), (method, template)
        for role in Role:
            answer = api.request(method, path, headers=bearer(role))
            allowed = needed is None or role.covers(needed)
            assert (answer.status_code == 403) != allowed, (method, template, role, answer.text)
            assert answer.status_code not in (401, 429, 500)
            if not allowed and method != "HEAD":
                said = f"{method} {template} needs the role {needed}; {role[:3]} has the role {role}"
                assert answer.json()["detail"] == said


def test_what_changes_something_is_never_a_viewers_by_default(tmp_path: Path) -> None:
    for method, template in all_routes(with_tokens(tmp_path)):
        found = rule(method, template)
        entry = next((name for name in RULES if _same(name, f"{method} {template}")), None)
        if found.role is None:
            assert entry in OPEN
        elif entry is None:
            assert found.role == (Role.VIEWER if method in SAFE else Role.OPERATOR)
            assert found.audited == (method not in SAFE)


def _same(one: str, other: str) -> bool:
    return re.sub(r"\{[^}]*\}", "{}", one) == re.sub(r"\{[^}]*\}", "{}", other)


def test_a_new_route_is_an_operators(api: Api) -> None:
    assert api.patch("/new/x").status_code == 401
    assert api.patch("/new/x", headers=bearer(Role.VIEWER)).status_code == 403
    answer = api.patch("/new/x", headers=bearer(Role.OPERATOR))
    assert answer.json() == {"caller": "ope", "role": "operator"}
    assert api.post("/nowhere", headers=bearer(Role.VIEWER)).status_code == 403
    assert api.get("/nowhere", headers=bearer(Role.VIEWER)).status_code == 404
    assert api.get("/nowhere").status_code == 401


def test_the_rule_is_that_of_the_route_which_answers(tmp_path: Path) -> None:
    """The guard's own search finds what the router would; fixed paths win over parameters."""
    app = with_tokens(tmp_path)
    routes = Routes(lambda: app.routes)
    for method, template in all_routes(app):
        path = re.sub(r"\{[^}]*\}", "x", template) + ("/x" if template == ASSETS else "")
        found = routes.find(method, path)
        assert found.route == template
        assert {*found.parameters(path)} >= {*re.findall(r"\{(\w+)\}", template)}
    assert routes.find("GET", "/health/live/").route == "unmatched"
    assert routes.find("GET", "/docs/assets/../../health/live").rule.role == Role.VIEWER
    assert routes.find("FROB", "/health/live").rule.role == Role.OPERATOR
    assert routes.find("POST", "/health/live").rule.role == Role.OPERATOR


def test_who_am_i(api: Api) -> None:
    for role in Role:
        with asking(api, SECRETS[role]) as client:
            found = client.access()
        assert (found.caller, found.role, found.tokens) == (role[:3], role, True)
    with asking(api, "wrong") as client, pytest.raises(ApiProblem, match="is not known") as caught:
        client.access()
    assert caught.value.status == 401


def test_without_tokens_whoever_is_here_is_an_admin(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as api:
        expected = {"caller": "local", "role": "admin", "tokens": False}
        assert api.get("/api/v1/access").json() == expected
        assert api.get("/api/v1/access", headers={"authorization": "Bearer whatever"}).json() == expected


GOOD = SECRETS[Role.VIEWER].encode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"AUTHORIZATION", b"bEaReR " + GOOD)], 200),
        ([(b"Authorization", b"Bearer   " + GOOD)], 200),
        ([], 401),
        ([(b"Authorization", b"")], 401),
        ([(b"Authorization", b"Bearer")], 401),
        ([(b"Authorization", GOOD)], 401),
        ([(b"Authorization", b"Basic " + GOOD)], 401),
        ([(b"Authorization", b"Bearer " + GOOD[:-1])], 401),
        ([(b"Authorization", b"Bearer " + GOOD + b"x")], 401),
        ([(b"Authorization", b"Bearer " + GOOD.upper())], 401),
        ([(b"Authorization", b"Bearer " + GOOD + b", Bearer " + GOOD)], 401),
        ([(b"Authorization", b"Bearer " + GOOD), (b"Authorization", b"Bearer " + GOOD)], 401),
        ([(b"Authorization", b"Bearer " + b"x" * 30_000)], 401),
        ([(b"Authorization", b"Bearer \xc3\xa9\xff\xfe")], 401),
        ([(b"X-Authorization", b"Bearer " + GOOD)], 401),
        ([(b"Cookie", b"authorization=Bearer " + GOOD)], 401),
        ([(b"X-Forwarded-For", b"127.0.0.1")], 401),
    ],
)
def test_only_one_right_header_opens(api: Api, headers: list[tuple[bytes, bytes]], status: int) -> None:
    answer = api.get("/api/v1/access", headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith('Bearer realm="millrace"')
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["title"] == "Unauthorized"
        assert GOOD.decode() not in answer.text


def test_a_token_in_the_address_is_none(api: Api) -> None:
    assert api.get("/api/v1/access", params={"token": GOOD.decode()}).status_code == 401


def test_web_sockets_are_refused(tmp_path: Path) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/api/v1/status", "headers": [], "scheme": "ws"}
    asyncio.run(with_tokens(tmp_path)(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_an_upgrade_is_an_ordinary_request(api: Api) -> None:
    headers = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    headers["sec-websocket-key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    assert api.get("/api/v1/status", headers=headers).status_code in (401, 403)


def test_logs_hold_no_token(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    api.get("/api/v1/access", headers=bearer(Role.ADMIN))
    api.put("/api/v1/batch/x/champion", headers=bearer(Role.VIEWER))
    api.get("/broken", headers=bearer(Role.ADMIN))
    api.get("/nowhere", headers={"authorization": f"Basic {SECRETS[Role.ADMIN]}"})
    out, err = capfd.readouterr()
    assert "the inside story" in out
    assert not any(secret in out + err for secret in SECRETS.values())


def test_an_unexpected_error_tells_its_id_only(api: Api) -> None:
    answer = api.get("/broken", headers=bearer(Role.VIEWER) | {"x-request-id": "mine-7"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine-7"
    assert "mine-7" in answer.json()["detail"]
    for inside in ("inside story", "RuntimeError", "Traceback", ".py"):
        assert inside not in answer.text


def test_answers_carry_safety_headers(api: Api) -> None:
    for path in ("/health/live", "/api/v1/access", "/nowhere", "/docs"):
        headers = api.get(path, headers=bearer(Role.VIEWER)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "strict-transport-security" not in headers
        assert "server" not in headers or "uvicorn" in headers["server"]


def test_tls_is_told_of_where_a_proxy_speaks_it(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path), app=with_tokens(tmp_path, behind_tls=True)) as api:
        assert "max-age=" in api.get("/health/live").headers["strict-transport-security"]


def test_names_of_hosts_that_are_listed(tmp_path: Path) -> None:
    app = with_tokens(tmp_path, allowed_hosts="api.example.org")
    with serving(make_settings(tmp_path), app=app) as api:
        for host, status in {
            "api.example.org": 200,
            "API.example.org:443": 200,
            "localhost:1": 200,
            "example.org": 421,
            "api.example.org.evil.example": 421,
            "": 421,
        }.items():
            assert api.get("/health/live", headers={"host": host}).status_code == status, host


def test_a_request_without_a_host_is_refused(api: Api) -> None:
    with socket.create_connection((str(api.base_url.host), api.base_url.port or 0)) as line:
        line.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
        assert b" 421 " in line.recv(100)


def test_the_docs_have_the_table_of_roles() -> None:
    text = Path("docs/security.md").read_text()
    rows = set(
        re.findall(r"^\| `([A-Z]+ /[^`]*)` \| (\w+) \| (yes|no) \| (1|many) MiB \|$", text, re.MULTILINE)
    )
    assert rows == {
        (
            name,
            one.role or "nobody",
            "yes" if one.audited else "no",
            "many" if one.large else "1",
        )
        for name, one in RULES.items()
    }
