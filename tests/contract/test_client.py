"""The client asks only what the API offers, and reads each answer as the type that the API gives."""

from __future__ import annotations

import inspect
import re
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import httpx
import msgspec
import pytest

from core.api.client.base import Client
from core.api.client.whole import ApiClient
from core.applications import APPLICATIONS
from core.batch import Train
from serving.app import create_app
from tests.serving.conftest import make_settings

NAME = next(iter(APPLICATIONS))
GIVEN: dict[str, Any] = {
    "application": NAME,
    "request": Train(application=NAME, recipe="r"),
    "event": {},
    "events": [{}],
    "parameters": {},
    "on": True,
    "judged": True,
    "records": [{}],
    "state": "firing",
}
"""Arguments by name; of the others their type tells what will do."""
SIMPLE = {"int": 1, "str": "x", "bool": True}

METHODS = [
    name
    for name, _ in inspect.getmembers(ApiClient, inspect.isfunction)
    if not name.startswith("_") and name != "close"
]


class _Stop(Exception):
    """The answer's type is known: nothing is decoded."""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The API's own description."""
    return create_app(make_settings(tmp_path_factory.mktemp("state"))).openapi()


def asked(method: str, monkeypatch: pytest.MonkeyPatch, status: HTTPStatus) -> tuple[httpx.Request, str]:
    """What a method of the client asks, and the type as which it reads an answer; empty: it reads none."""
    requests: list[httpx.Request] = []
    kinds: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, json={})

    def decode(self: Client, response: httpx.Response, kind: type[msgspec.Struct]) -> None:
        kinds.append(kind.__name__)
        raise _Stop

    monkeypatch.setattr(Client, "_decode", decode)
    client = ApiClient("http://api.test", 1.0, 1.0, transport=httpx.MockTransport(answer))
    call = getattr(client, method)
    wanted = inspect.signature(call).parameters.values()
    with suppress(_Stop):
        call(**{one.name: GIVEN.get(one.name, SIMPLE.get(str(one.annotation))) for one in wanted})
    return requests[0], "".join(kinds)


def offered(document: dict[str, Any], request: httpx.Request) -> dict[str, Any]:
    """The operation of the description that a request meets: the one with the fewest parameters."""
    found = [
        (template.count("{"), operations[request.method.lower()])
        for template, operations in document["paths"].items()
        if request.method.lower() in operations
        and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), request.url.path)
    ]
    assert found, f"the API has no {request.method} {request.url.path}"
    operation: dict[str, Any] = min(found, key=lambda one: one[0])[1]
    return operation


@pytest.mark.parametrize("status", [HTTPStatus.OK, HTTPStatus.ACCEPTED])
@pytest.mark.parametrize("method", METHODS)
def test_the_api_offers_what_the_client_asks(
    method: str, status: HTTPStatus, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    request, kind = asked(method, monkeypatch, status)
    operation = offered(document, request)
    known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
    # A diagnostic's parameters are asked by names of its own.
    assert set(request.url.params) <= known or method == "diagnosed"
    told = operation["responses"].get(str(int(status)))
    if kind and told:
        schema = told["content"]["application/json"]["schema"]
        assert schema["$ref"].rpartition("/")[2] == kind
    elif kind:
        assert any(code.startswith("2") for code in operation["responses"])
