"""The client: typed answers, errors in words, retries only where asking twice does no harm."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from core.api.client.base import ApiAway, ApiProblem, Client
from tests.ui.fake_api import serving

Handler = Callable[[httpx.Request], httpx.Response]
STATUS = {"applications": {"a": {"produced": 3, "valid": None}}, "parts": {}, "time": "2026-01-02T03:04:05Z"}


def client(handler: Handler) -> Client:
    return Client("http://api.test", 1.0, 2.0, transport=httpx.MockTransport(handler))


def test_a_typed_answer_keeps_what_is_unknown_unknown() -> None:
    status = client(lambda _: httpx.Response(200, json=STATUS)).status()
    assert status.applications["a"].produced == 3
    assert status.applications["a"].valid is None
    assert status.applications["a"].learner.state is None
    assert status.time is not None


def test_a_lost_connection_is_tried_again_for_a_read() -> None:
    calls: list[httpx.Request] = []

    def flaky(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        if len(calls) < 3:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=STATUS)

    assert client(flaky).status().applications
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ConnectError("refused"), "no connection"),
        (httpx.ConnectTimeout("slow"), "no connection"),
        (httpx.ReadTimeout("slow"), "it took too long"),
        (httpx.RemoteProtocolError("cut"), "the connection broke"),
    ],
)
def test_an_api_that_is_away_is_named_with_its_address(error: httpx.TransportError, reason: str) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ApiAway) as caught:
        client(gone).status()
    assert type(caught.value) is ApiAway
    assert str(caught.value) == f"The API at http://api.test does not answer: {reason}"


def test_a_prediction_is_sent_once() -> None:
    calls: list[httpx.Request] = []

    def gone(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ConnectError("refused")

    with pytest.raises(ApiAway):
        client(gone).predict("a", {})
    assert len(calls) == 1


def test_after_a_failure_the_next_calls_fail_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[httpx.Request] = []

    def gone(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ReadTimeout("slow")

    now = [100.0]
    monkeypatch.setattr("core.api.client.base.time.monotonic", lambda: now[0])
    asking = client(gone)
    for _ in range(3):
        with pytest.raises(ApiAway):
            asking.status()
    assert len(calls) == 1
    now[0] += 2
    with pytest.raises(ApiAway):
        asking.status()
    assert len(calls) == 2


def test_a_problem_brings_its_fields() -> None:
    body = {"title": "Bad", "detail": "1 field", "errors": [{"field": "amount", "message": "too low"}]}
    with pytest.raises(ApiProblem) as caught:
        client(lambda _: httpx.Response(422, json=body)).predict("a", {})
    assert caught.value.status == 422
    assert [(error.field, error.message) for error in caught.value.errors] == [("amount", "too low")]


def test_a_query_past_its_time_is_a_problem_and_no_absence() -> None:
    late = httpx.Response(
        504, json={"detail": "stopped"}, headers={"content-type": "application/problem+json"}
    )
    with pytest.raises(ApiProblem, match="stopped"):
        client(lambda _: late).query("a", "SELECT 1")
    with pytest.raises(ApiAway):
        client(lambda _: httpx.Response(504, content=b"<html>proxy</html>")).query("a", "SELECT 1")


@pytest.mark.parametrize("content", [b"<html>nope</html>", b"", b"[1]"])
def test_an_error_without_words_still_reads(content: bytes) -> None:
    with pytest.raises(ApiProblem) as caught:
        client(lambda _: httpx.Response(500, content=content)).status()
    assert str(caught.value) == "Internal Server Error"


@pytest.mark.parametrize("content", [b"", b"null", b'{"applications": 3}', b"\xff"])
def test_an_answer_of_another_shape_names_the_path(content: bytes) -> None:
    with pytest.raises(ApiProblem, match="/api/v1/status"):
        client(lambda _: httpx.Response(200, content=content)).status()


def test_every_call_against_a_server() -> None:
    with serving() as api:
        asking = Client(api.url, 5.0, 5.0)
        name = next(iter(asking.status().applications))
        assert asking.live(name).application == name
        assert len(asking.history(name, 30)) == 30
        assert len(asking.predictions(name, 7, judged=False)) == 7
        assert all(one.truth is not None for one in asking.predictions(name, 7, judged=True))
        assert asking.schema(name)[0].name == "data"
        assert asking.query(name, "SELECT 1").row_count == 100
        asking.close()
