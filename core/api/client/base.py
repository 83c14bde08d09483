"""A client of the HTTP API; the dashboard's only way out.

    Client.status() -> Status          a good answer
                    -> ApiAway         no answer: refused, cut off, too slow
                    -> ApiProblem      an answer that says what is wrong, field by field

Numbers that the API can't know are None; nothing here turns them into zeros.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import httpx
import msgspec
import tenacity

from core.api.errors import FieldError, ProblemBody
from core.api.live import (
    HistoryAnswer,
    LiveAnswer,
    PredictionsAnswer,
    RecentAnswer,
    ScorePoint,
    VersionAnswer,
    VersionsAnswer,
)
from core.api.predict import PredictAnswer
from core.api.sql import QueryAnswer, SchemaAnswer, TableAnswer
from core.api.status import StatusAnswer

T = TypeVar("T")

CONNECT_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 1.0
"""After a failure, calls within this time fail at once: a silent API must not hold up every panel."""

ATTEMPTS: Final = 3
_GONE_BETWEEN: Final = frozenset({502, 504})
"""What a proxy says in the place of an API that is away."""


class ApiError(Exception):
    """The API gave no usable answer; the text is fit for people."""


class ApiAway(ApiError):
    """Nothing answers at the API's address."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The API at {url} does not answer: {reason}")
        self.url = url
        self.reason = reason


class ApiProblem(ApiError):
    """The API answered with a problem (RFC 9457)."""

    def __init__(
        self, status: int, title: str, detail: str = "", errors: tuple[FieldError, ...] = ()
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors


class Client:
    """Calls the API at `url`; safe to share between threads. `timeout` and `sql_timeout` are seconds.

    `token` says who asks, where the API wants to know.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        sql_timeout: float,
        transport: httpx.BaseTransport | None = None,
        token: str | None = None,
    ) -> None:
        self.url = url
        self._sql_timeout = httpx.Timeout(sql_timeout, connect=CONNECT_SECONDS)
        # The API is a neighbour: proxies from the environment are not for it.
        self._http = httpx.Client(
            base_url=url,
            headers={"authorization": f"Bearer {token}"} if token else None,
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            transport=transport,
            trust_env=False,
        )
        self._lock = threading.Lock()
        self._away: tuple[float, ApiAway] | None = None

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def status(self) -> StatusAnswer:
        """The state of every application and part."""
        return self._get("/api/v1/status", StatusAnswer)

    def live(self, application: str) -> LiveAnswer:
        """The latest report of an application's learner."""
        return self._get(f"/api/v1/incremental/{application}", LiveAnswer)

    def history(self, application: str, points: int) -> list[ScorePoint]:
        """At most `points` score points, oldest first."""
        return self._get(f"/api/v1/incremental/{application}/history", HistoryAnswer, points=points).points

    def predictions(self, application: str, limit: int, judged: bool) -> list[RecentAnswer]:
        """The newest answers, newest first; with `judged`, the newest whose label has become known."""
        path = f"/api/v1/incremental/{application}/predictions"
        return self._get(path, PredictionsAnswer, limit=limit, judged=int(judged)).predictions

    def versions(self, application: str) -> list[VersionAnswer]:
        """What the learner can go back to, newest first."""
        return self._get(f"/api/v1/incremental/{application}/versions", VersionsAnswer).versions

    def train(self, application: str, on: bool) -> None:
        """Asks the learner to rest, or to go on."""
        self._call("PUT", f"/api/v1/incremental/{application}/training", attempts=ATTEMPTS, json={"on": on})

    def reset(self, application: str, version: int) -> None:
        """Asks the learner to go back to a version."""
        self._call("POST", f"/api/v1/incremental/{application}/reset", json={"version": version})

    def schema(self, application: str) -> list[TableAnswer]:
        """The tables that an application's queries may name."""
        return self._get(f"/api/v1/sql/{application}/schema", SchemaAnswer).tables

    def predict(self, application: str, event: Mapping[str, Any], explain: bool = False) -> PredictAnswer:
        """What the live model says of an event (without its label); with `explain`, also what moved it."""
        body = {"application": application, "event": dict(event)}
        asks: dict[str, Any] = {"params": {"explain": 1}} if explain else {}
        answer = self._call("POST", "/api/v1/incremental/predict", json=body, **asks)
        return self._decode(answer, PredictAnswer)

    def query(self, application: str, sql: str) -> QueryAnswer:
        """What a read-only query returns; the application's events are the table `data`."""
        body = {"application": application, "sql": sql}
        response = self._call("POST", "/api/v1/sql/query", json=body, timeout=self._sql_timeout)
        return self._decode(response, QueryAnswer)

    def _get(self, path: str, kind: type[T], **params: int | str) -> T:
        return self._decode(self._call("GET", path, attempts=ATTEMPTS, params=params), kind)

    def _call(self, method: str, path: str, *, attempts: int = 1, **options: Any) -> httpx.Response:
        """The answer to one question; a lost connection is tried again where asking twice does no harm."""
        self._still_away()
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(attempts),
            wait=tenacity.wait_exponential(multiplier=0.05, max=0.5),
            retry=tenacity.retry_if_exception_type(_Again),
            reraise=True,
        )
        try:
            return retrying(self._send, method, path, **options)
        except ApiAway as error:
            away = ApiAway(error.url, error.reason)
            with self._lock:
                self._away = (time.monotonic() + PAUSE_SECONDS, away)
            raise away from None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx.ConnectTimeout:
            raise ApiAway(self.url, "no connection") from None
        except httpx.TimeoutException:
            raise ApiAway(self.url, "it took too long") from None
        except httpx.ConnectError:
            raise _Again(self.url, "no connection") from None
        except httpx.TransportError:
            raise _Again(self.url, "the connection broke") from None
        if response.status_code in _GONE_BETWEEN and not _speaks_itself(response):
            raise _Again(self.url, f"status {response.status_code}")
        if response.is_error:
            raise _problem(response)
        return response

    def _decode(self, response: httpx.Response, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            path = response.request.url.path
            raise ApiProblem(response.status_code, "Unexpected answer", f"{path}: {error}") from None

    def _still_away(self) -> None:
        with self._lock:
            if self._away and time.monotonic() < self._away[0]:
                raise self._away[1]


class _Again(ApiAway):
    """No answer, but the next try may get one."""


def _speaks_itself(response: httpx.Response) -> bool:
    """Whether the API itself tells of a problem: a query past its time limit is a 504 of its own."""
    kind: str = response.headers.get("content-type", "")
    return kind.startswith("application/problem+json")


def _problem(response: httpx.Response) -> ApiProblem:
    try:
        said = msgspec.json.decode(response.content, type=ProblemBody)
    except msgspec.DecodeError:
        said = ProblemBody(title="", status=response.status_code, detail="")
    title = said.title or response.reason_phrase or f"Status {response.status_code}"
    return ApiProblem(response.status_code, title, said.detail, tuple(said.errors))
