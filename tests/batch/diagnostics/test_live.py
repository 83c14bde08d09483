from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from batch.diagnostics import Live, Unanswerable, live
from batch.diagnostics.live_traces import answered
from core import names
from core.applications import APPLICATIONS
from core.connect.redis import client
from core.declaration import Application, Classification, Clustering
from core.diagnostics import Diagnostic, Tab, diagnostics
from core.diagnostics.choices import choices
from core.diagnostics.shapes import Lines, Points
from core.metrics import rolling
from core.settings import Mlflow, Settings
from tests.batch import lakes
from tests.batch.diagnostics import traces
from tests.batch.diagnostics.soundness import check
from tests.producers.streams import stream
from tests.serving.conftest import redis_url

__all__ = ["redis_url"]

EVENTS = 1200
ANSWERED = 1000

EVERY = [
    pytest.param(application, one, id=f"{application.name}-{one.id}")
    for application in APPLICATIONS.values()
    for one in diagnostics(application)
    if one.tab == Tab.LIVE
]
LABELLED = pytest.mark.parametrize(
    "application", [one for one in APPLICATIONS.values() if one.label], ids=lambda one: one.name
)
CLASSIFICATION = next(one for one in APPLICATIONS.values() if isinstance(one.task, Classification))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with answers of live models to the first 1,000 of 1,200 events."""
    settings = lakes.settings(tmp_path_factory.mktemp("answers"), mlflow=Mlflow(url="http://127.0.0.1:1"))
    for name, application in APPLICATIONS.items():
        events, _ = stream(name, EVENTS, 60.0)
        lakes.fill(settings.lake_uri, application, events)
        traces.answer(settings, application, events, ANSWERED)
    return settings


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with client(redis_url) as one:
        one.flushall()
        yield one


@pytest.mark.parametrize(("application", "one"), EVERY)
def test_every_live_diagnostic_is_answered(
    application: Application, one: Diagnostic, answers: Settings, redis: Redis
) -> None:
    traces.leave(redis, application)
    about = Live(application=application, settings=answers, redis=redis)
    found = live.COMPUTATIONS[one.id](about, choices(one, {}))
    check(found)
    assert found.panels
    assert found.sample.split == "live"


@pytest.mark.parametrize(("application", "one"), EVERY)
def test_without_a_learner_it_says_so(
    application: Application, one: Diagnostic, tmp_path: Path, redis: Redis
) -> None:
    settings = lakes.settings(tmp_path)
    lakes.fill(settings.lake_uri, application, stream(application.name, 60, 60.0)[0])
    traces.answer(settings, application, [], 0)
    about = Live(application=application, settings=settings, redis=redis)
    with pytest.raises(Unanswerable, match=application.name):
        live.COMPUTATIONS[one.id](about, choices(one, {}))


@LABELLED
def test_answers_of_the_champion_meet_their_labels(
    application: Application, answers: Settings, redis: Redis
) -> None:
    traces.leave(redis, application)
    found = answered(Live(application=application, settings=answers, redis=redis), 300)
    events, _ = stream(application.name, EVENTS, 60.0)
    assert found.model == application.online[0]
    assert len(found.truth) == 300
    assert found.sample.available == ANSWERED
    labels = [float(event[application.label or ""]) for event in events[ANSWERED - 300 : ANSWERED]]
    assert found.truth.tolist() == labels


def test_what_the_future_tells_is_not_known(answers: Settings, redis: Redis, tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    settings = lakes.settings(tmp_path)
    events, _ = stream(CLASSIFICATION.name, 60, 60.0)
    first = datetime.now(UTC) - timedelta(minutes=30)
    field = CLASSIFICATION.event_time.name
    moved = [{**one, field: (first + timedelta(minutes=n)).isoformat()} for n, one in enumerate(events)]
    lakes.fill(settings.lake_uri, CLASSIFICATION, moved)
    traces.answer(settings, CLASSIFICATION, moved, 60)
    found = answered(Live(application=CLASSIFICATION, settings=settings, redis=redis), 300)
    assert len(found.truth) == 21, "labels are known ten minutes late"


def test_changes_are_marked_on_the_scores(answers: Settings, redis: Redis) -> None:
    traces.leave(redis, CLASSIFICATION)
    found = live.COMPUTATIONS["live_scores"](
        Live(application=CLASSIFICATION, settings=answers, redis=redis), {}
    )
    assert [mark.text.partition(":")[0] for mark in found.panels[0].marks] == ["drift", "champion"]
    assert found.panels[0].marks[0].x == "2026-03-02T05:00:00Z"


def test_where_the_others_curves_are_it_says(answers: Settings, redis: Redis) -> None:
    made = traces.leave(redis, CLASSIFICATION)
    about = Live(application=CLASSIFICATION, settings=answers, redis=redis)
    assert "no run in MLflow" in live.COMPUTATIONS["live_scores"](about, {}).note
    made.run_id = "0123"
    redis.set(names.learner_key(CLASSIFICATION.name), msgspec.json.encode(made))
    assert "MLflow gives no answer" in live.COMPUTATIONS["live_scores"](about, {}).note


def test_the_others_curves_are_moved_to_event_time(answers: Settings, redis: Redis) -> None:
    made = traces.leave(redis, CLASSIFICATION)
    made.run_id = "0123"
    redis.set(names.learner_key(CLASSIFICATION.name), msgspec.json.encode(made))
    wanted = f"{CLASSIFICATION.online[1]}/{rolling(CLASSIFICATION.task).id}"
    with _metrics({wanted: [(traces.WALL.timestamp() + 15 * 60, 0.25)]}) as url:
        settings = answers.model_copy(update={"mlflow": Mlflow(url=url)})
        found = live.COMPUTATIONS["live_scores"](
            Live(application=CLASSIFICATION, settings=settings, redis=redis), {}
        )
    line = found.panels[0].series[-1]
    assert isinstance(line, Lines)
    assert (line.name, line.x, line.y) == (CLASSIFICATION.online[1], ["2026-03-02T01:00:00Z"], [0.25])


def test_changes_have_their_size_and_direction(answers: Settings, redis: Redis) -> None:
    traces.leave(redis, CLASSIFICATION)
    found = live.COMPUTATIONS["live_drift"](
        Live(application=CLASSIFICATION, settings=answers, redis=redis), {}
    )
    rose, fell = found.panels[0].series
    assert isinstance(rose, Points)
    assert isinstance(fell, Points)
    assert rose.size[0] > fell.size[0]
    assert fell.y == ["some.input=value"]


def test_nothing_has_changed(answers: Settings, redis: Redis) -> None:
    application = next(one for one in APPLICATIONS.values() if isinstance(one.task, Clustering))
    made = traces.report(application)
    made.drift, made.drifts = [], {"error": 0}
    redis.set(names.learner_key(application.name), msgspec.json.encode(made))
    found = live.COMPUTATIONS["live_drift"](Live(application=application, settings=answers, redis=redis), {})
    assert not found.panels
    assert found.note == f"No change was found in 1,000 {application.noun} and 900 labels."


class _metrics:  # noqa: N801 - reads as a function
    """MLflow's answer to one call: the history of some metrics."""

    def __init__(self, known: dict[str, list[tuple[float, float]]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                from urllib.parse import parse_qs, urlparse

                key = parse_qs(urlparse(self.path).query)["metric_key"][0]
                points = [{"timestamp": int(1000 * at), "value": value} for at, value in known.get(key, [])]
                body = json.dumps({"metrics": points}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
