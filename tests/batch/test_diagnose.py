"""From request to kept result, with a real Redis, a real MLflow and real runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from redis import Redis

from batch import diagnose as diagnosing
from batch import diagnostics
from batch.diagnose import BadDiagnostic, TooLong, diagnose, limited
from batch.diagnostics import Found, Subject, Unanswerable
from batch.progress import Silent, Stopped
from core import names
from core import settings as all_settings
from core.applications import APPLICATIONS
from core.batch import Diagnose
from core.connect.mlflow import Mlflow
from core.connect.redis import client
from core.diagnostics.choices import KEPT_SECONDS, LIVE, LIVE_SECONDS, BadChoice, choices, digest
from core.diagnostics.declared import Tab
from core.diagnostics.shapes import Result
from core.registry import BadRun
from core.settings import Settings
from tests.batch.diagnostics import traces
from tests.serving.conftest import redis_url
from tests.tracking import Trained

__all__ = ["redis_url"]

NAME, OTHER = list(APPLICATIONS)[:2]
APP = APPLICATIONS[NAME]
ONE = "confusion_matrix"


class Told(Silent):
    """Progress that remembers its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str, **values: float) -> None:
        self.lines.append(text)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with client(redis_url) as one:
        one.flushall()
        yield one


@pytest.fixture
def settings(trained: Trained, redis: Redis, redis_url: str) -> Settings:
    diagnosing._last.key = diagnosing._last.subject = None
    return trained.settings.model_copy(update={"redis": all_settings.Redis(url=redis_url)})


def asked(run: str, diagnostic: str = ONE, **parameters: float | int | str) -> Diagnose:
    return Diagnose(application=NAME, run_id=run, diagnostic=diagnostic, parameters=parameters)


def test_a_result_is_computed_from_the_run_and_kept(
    trained: Trained, settings: Settings, redis: Redis
) -> None:
    run = trained.run(NAME)
    result = diagnose(settings, asked(run, threshold=0.3), Silent())
    assert result.run_id == run
    assert result.parameters == {"threshold": 0.3}
    assert result.sample.rows == result.sample.available > 0
    stamp = digest(ONE, {"threshold": 0.3})
    key = names.diagnostic_key(NAME, run, stamp)
    found: Any = redis.get(key)
    assert msgspec.json.decode(found, type=Result) == result
    assert KEPT_SECONDS - 60 < redis.ttl(key) <= KEPT_SECONDS
    server = Mlflow(settings.mlflow.url)
    kept = server.fetch(run, f"diagnostics/{ONE}-{stamp}.json")
    server.close()
    assert msgspec.json.decode(kept, type=Result) == result


def test_it_is_not_computed_twice(
    trained: Trained, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = diagnose(settings, asked(trained.run(NAME)), Silent())
    monkeypatch.setattr(diagnosing, "_subject", lambda *_: pytest.fail("the run is loaded again"))
    assert diagnose(settings, asked(trained.run(NAME)), Silent()) == first
    redis.flushall()
    assert diagnose(settings, asked(trained.run(NAME)), Silent()) == first, "it lies with the run"
    assert redis.keys("*")


def test_the_run_stays_in_memory(
    trained: Trained, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnose(settings, asked(trained.run(NAME), "roc"), Silent())
    monkeypatch.setattr("batch.runs.load_run", lambda *_: pytest.fail("loaded again"))
    diagnose(settings, asked(trained.run(NAME), "lift"), Silent())


def test_without_mlflow_a_run_in_memory_is_enough(
    trained: Trained, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnose(settings, asked(trained.run(NAME), threshold=0.76), Silent())
    away = settings.model_copy(update={"mlflow": all_settings.Mlflow(url="http://127.0.0.1:1")})
    told = Told()
    assert diagnose(away, asked(trained.run(NAME), threshold=0.77), told).panels
    assert [line.partition(":")[0] for line in told.lines] == ["MLflow is away", "not kept in MLflow"]


def test_a_result_of_older_code_is_computed_again(trained: Trained, settings: Settings, redis: Redis) -> None:
    run = trained.run(NAME)
    chosen = choices(next(one for one in _declared() if one.id == "det"), {})
    redis.set(names.diagnostic_key(NAME, run, digest("det", chosen)), b'{"panels": 3}')
    assert diagnose(settings, asked(run, "det"), Silent()).panels


def _declared() -> tuple[Any, ...]:
    from core.diagnostics import diagnostics

    return diagnostics(APP)


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        (asked("0" * 32), BadRun, "0" * 32),
        (asked("", ONE), BadDiagnostic, "its run_id is missing"),
        (asked("x", "nonsense"), BadDiagnostic, "no diagnostic 'nonsense'; it has confusion_matrix"),
        (asked("x", ONE, threshold=2), BadChoice, "must lie in 0..1"),
    ],
)
def test_what_is_wrong_is_named(
    settings: Settings, request_: Diagnose, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        diagnose(settings, request_, Silent())


def test_a_run_of_another_application(trained: Trained, settings: Settings) -> None:
    with pytest.raises(BadRun, match=OTHER):
        diagnose(settings, asked(trained.run(OTHER)), Silent())


def test_live_results_are_kept_for_a_moment(settings: Settings, redis: Redis) -> None:
    traces.leave(redis, APP)
    one = next(each for each in _declared() if each.tab == Tab.LIVE)
    result = diagnose(settings, asked("", one.id), Silent())
    assert result.run_id == ""
    key = names.diagnostic_key(NAME, LIVE, digest(one.id, result.parameters))
    assert 0 < redis.ttl(key) <= LIVE_SECONDS


def test_it_takes_no_longer_than_its_time(
    trained: Trained, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(subject: Subject, chosen: Mapping[str, Any]) -> Found:
        while True:
            time.sleep(0.01)

    monkeypatch.setitem(diagnostics.COMPUTATIONS, ONE, slow)
    short = settings.model_copy(update={"batch": all_settings.Batch(diagnostic_seconds=0.2)})
    began = time.monotonic()
    with pytest.raises(TooLong, match=r"confusion_matrix took longer than 0.2 s .*DIAGNOSTIC_SECONDS"):
        diagnose(short, asked(trained.run(NAME), threshold=0.61), Silent())
    assert time.monotonic() - began < 20
    assert not redis.keys("*diagnostic*"), "nothing half done is kept"


def test_the_time_of_a_thread_is_looked_at_afterwards() -> None:
    import threading

    caught: list[BaseException] = []

    def work() -> None:
        try:
            with limited(0.01, "x"):
                time.sleep(0.05)
        except TooLong as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_a_stop_is_heeded(trained: Trained, settings: Settings, redis: Redis) -> None:
    class Stopping(Silent):
        def check(self) -> None:
            raise Stopped

    with pytest.raises(Stopped):
        diagnose(settings, asked(trained.run(NAME), "errors_by_segment"), Stopping())
    assert not redis.keys("*diagnostic*")


def test_a_result_that_is_too_large_is_not_kept(
    trained: Trained, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosing, "LARGEST", 100)
    with pytest.raises(ValueError, match="at most 100 are kept"):
        diagnose(settings, asked(trained.run(NAME), threshold=0.62), Silent())


def test_what_can_not_be_answered_says_why(trained: Trained, settings: Settings) -> None:
    with pytest.raises(Unanswerable, match="k=9999"):
        diagnose(settings, asked(trained.run(NAME), "precision_at_top", k=9999), Silent())
