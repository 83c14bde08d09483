"""How often and how much a caller may ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.api.access import Role
from core.applications import APPLICATIONS
from serving.access import rate
from serving.access.rate import Buckets
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.test_access import bearer, with_tokens

NAME = next(iter(APPLICATIONS))
MIB = 2**20


def test_a_bucket_allows_a_burst_and_then_its_rate() -> None:
    now = [100.0]
    buckets = Buckets(10, clock=lambda: now[0])
    assert [buckets.take("ann") for _ in range(20)] == [0.0] * 20
    assert buckets.take("ann") == pytest.approx(0.1)
    assert buckets.take("bob") == 0
    now[0] += 0.11
    assert buckets.take("ann") == 0
    assert buckets.take("ann") > 0
    now[0] += 1000
    assert sum(buckets.take("ann") == 0 for _ in range(100)) == 20


def test_no_limit_and_a_slow_one() -> None:
    assert not any(Buckets(0).take("ann") for _ in range(10_000))
    now = [0.0]
    slow = Buckets(0.1, clock=lambda: now[0])
    assert slow.take("ann") == 0
    assert slow.take("ann") == pytest.approx(10)


def test_callers_are_forgotten_before_memory_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "MOST_CALLERS", 100)
    buckets = Buckets(1)
    for number in range(1000):
        buckets.take(f"address {number}")
    assert len(buckets._left) == 100


def test_who_asks_too_often_waits(tmp_path: Path) -> None:
    app = with_tokens(tmp_path, requests_per_second=0.5)
    with serving(make_settings(tmp_path), app=app) as api:
        viewer = bearer(Role.VIEWER)
        assert api.get("/api/v1/access", headers=viewer).status_code == 200
        refused = api.get("/api/v1/access", headers=viewer)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "2"
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["detail"].startswith("vie asks too often; MILLRACE_SERVING__REQUESTS_PER")
        assert api.get("/api/v1/access", headers=bearer(Role.ADMIN)).status_code == 200
        assert {api.get("/health/live").status_code for _ in range(5)} == {200}
        assert api.get("/api/v1/access").status_code == 401, "guesses count by address"
        assert api.get("/api/v1/access", headers={"x-forwarded-for": "10.0.0.9"}).status_code in (401, 429)
        assert [api.get("/api/v1/access").status_code for _ in range(2)][-1] == 429


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    app = with_tokens(tmp_path_factory.mktemp("var"), max_body_mib=2)

    # In the table as one that takes lists; where it is not served yet, this stands in for it.
    @app.post("/api/v1/monitoring/{application}/captures")
    def captures(application: str, body: dict[str, object]) -> dict[str, int]:
        return {"fields": len(body)}

    with serving(make_settings(Path("unused")), app=app) as client:
        client.headers.update(bearer(Role.ADMIN))
        yield client


LARGE = f"/api/v1/monitoring/{NAME}/captures"
SMALL = "/api/v1/incremental/predict"


@pytest.mark.parametrize(
    ("path", "size", "limit"),
    [(SMALL, MIB, None), (SMALL, MIB + 1, 1), (LARGE, 2 * MIB, None), (LARGE, 2 * MIB + 1, 2)],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_have_a_largest_size(api: Api, path: str, size: int, limit: int | None, chunked: bool) -> None:
    text = b'{"a": "' + b"x" * (size - 9) + b'"}'
    parts = (text[start : start + 65_536] for start in range(0, size, 65_536))
    content: bytes | Iterator[bytes] = parts if chunked else text
    answer = api.post(path, content=content, headers={"content-type": "application/json"})
    assert (answer.status_code == 413) == (limit is not None), answer.text
    if limit:
        assert answer.json()["detail"] == f"the body is larger than {limit} MiB"


def test_a_body_that_says_it_is_too_large_is_not_read(api: Api) -> None:
    """The answer comes while nothing of the body was sent, and the connection ends."""
    import socket

    with socket.create_connection((str(api.base_url.host), api.base_url.port or 0), timeout=10) as line:
        head = f"POST {SMALL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n"
        line.sendall(f"{head}Authorization: {bearer(Role.ADMIN)['authorization']}\r\n\r\n".encode())
        received = b""
        while part := line.recv(4096):
            received += part
    assert received.startswith(b"HTTP/1.1 413 ")
