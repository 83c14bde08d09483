"""Traces that a learner leaves: its report and scores over time in Redis, its answers in a Delta table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from deltalake import write_deltalake
from redis import Redis

from core import names
from core.declaration import Application, Classification, Clustering
from core.metrics import metrics
from core.names import Table
from core.records import DelayScores, DriftEvent, LearnerReport, LearnerState, Promotion, Standing
from core.schemas import predictions_schema, table_spec
from core.settings import Settings
from flink_jobs.tables import create, table_uri
from tests.batch.lakes import PARTITIONS, Event

START = datetime(2026, 3, 2, tzinfo=UTC)
WALL = datetime(2026, 3, 9, tzinfo=UTC)
POINTS = 600


def report(application: Application) -> LearnerReport:
    """A learner whose champion is the first of its roster and whose last model is naive."""
    scores: dict[str, float | None] = {one.id: 0.5 for one in metrics(application.task)}
    delays = [
        DelayScores(low_s=0, high_s=600, count=80, scores={next(iter(scores)): 0.4}),
        DelayScores(low_s=600, high_s=None, count=20, scores={next(iter(scores)): None}),
    ]
    models = [
        Standing(
            name=name,
            champion=place == 0,
            naive=place == len(application.online) - 1,
            trained=True,
            share=1,
            microseconds=2.0,
            bytes=100,
            failures=0,
            scores=scores,
            threshold=None,
            by_delay=[] if isinstance(application.task, Clustering) else delays,
        )
        for place, name in enumerate(application.online)
    ]
    drifted = DriftEvent(
        application=application.name,
        model=application.online[0],
        time=START + timedelta(hours=5),
        before=0.1,
        after=0.3,
        magnitude=2.5,
        detector="ADWIN",
    )
    moved = msgspec.structs.replace(drifted, model="", feature="some.input=value", after=0.05, magnitude=-1.0)
    change = Promotion(time=START + timedelta(hours=6), taught=500, before="a", after="b", reason="better")
    return LearnerReport(
        application=application.name,
        state=LearnerState.LIVE,
        pid=1,
        heartbeat=WALL,
        champion=application.online[0],
        version=3,
        asked=1000,
        taught=900,
        scores=scores,
        naive=dict.fromkeys(scores),
        models=models,
        promotions=[change],
        drift=[drifted, moved],
        drifts={"error": 1, "input": 1},
    )


def leave(redis: Redis, application: Application) -> LearnerReport:
    """Puts a report and scores over time into Redis; the first point has no score yet."""
    made = report(application)
    redis.set(names.learner_key(application.name), msgspec.json.encode(made))
    for n in range(POINTS):
        point: dict[str, Any] = {
            "time": WALL + timedelta(seconds=15 * n),
            "clock": START + timedelta(minutes=n),
            "asked": n,
            "taught": n,
            "rate": 10.0,
            "champion": made.champion,
            "scores": dict.fromkeys(made.scores, None if n == 0 else 0.5 + n / 2000),
            "naive": dict.fromkeys(made.scores, 0.4),
        }
        redis.xadd(names.history_key(application.name), {"point": msgspec.json.encode(point)})
    return made


def answer(settings: Settings, application: Application, events: list[Event], rows: int) -> None:
    """Answers of two models to the first `rows` events; those of the champion are right nine times in ten."""
    create(settings.lake_uri, application, table_spec(Table.PREDICTIONS))
    rng = np.random.default_rng(5)
    made = [
        _prediction(application, n, event, model, rng)
        for n, event in enumerate(events[:rows])
        for model in application.online[:2]
    ]
    table = pa.Table.from_pylist(made, schema=predictions_schema(application))
    write_deltalake(table_uri(settings.lake_uri, application.name, Table.PREDICTIONS), table, mode="append")


def _prediction(
    application: Application, n: int, event: Event, model: str, rng: np.random.Generator
) -> dict[str, Any]:
    time = datetime.fromisoformat(event[application.event_time.name])
    probability, value = None, 0.0
    if isinstance(application.task, Classification):
        right = rng.random() < 0.9
        probability = 0.8 if event[application.task.label] == right else 0.1
    elif application.label:
        value = float(event[application.label]) * float(np.exp(rng.normal(0, 0.1)))
    return {
        "application": application.name,
        "event_id": event[application.identifier.name],
        "entity": event[application.key],
        "event_time": time,
        names.SOURCE_PARTITION: n % PARTITIONS,
        names.SOURCE_OFFSET: n // PARTITIONS,
        "model": model,
        "version": 3,
        "value": probability >= 0.5 if probability is not None else value,
        "probability": probability,
        "threshold": 0.5 if probability is not None else None,
        "asked_at": WALL,
        names.EVENT_DATE: time.date(),
    }
