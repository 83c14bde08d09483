"""From a request to a registered model's answer: the event checked as for the live models.

body -> event, run -> (background thread: decoded model) -> row -> frame -> BatchModel -> answer
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from core.api.predict import PredictAnswer
from core.declaration import Application, Classification, Clustering
from core.records import Answer, Segment
from models import row
from serving.batch_models import BatchModels, Held
from serving.features.reader import Latest
from serving.meters import Meters
from serving.predict import Asked, Predictor, decoded, known_at
from serving.problems import Problem

if TYPE_CHECKING:
    import pandas as pd


class BatchPredictRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a prediction request."""

    event: msgspec.Raw
    run_id: str | None = None
    explain: bool = False


class BatchPredictor:
    """Answers requests with the registered champion, or with the model of a run."""

    def __init__(self, predictor: Predictor, models: BatchModels, meters: Meters) -> None:
        self._predictor = predictor
        self._models = models
        self._meters = meters
        self._request = msgspec.json.Decoder(BatchPredictRequest)

    def asked(self, application: Application, body: bytes) -> tuple[Asked, BatchPredictRequest]:
        """What a request's body asks; raises Problem (400, 422)."""
        started = perf_counter()
        request: BatchPredictRequest = decoded(self._request, body)
        return self._predictor.understood(application, request.event, started), request

    def held(self, application: Application, run_id: str | None) -> Held:
        """The model that answers; raises Problem (503), and what `BatchModels.of_run` does."""
        if run_id is not None:
            return self._models.of_run(application.name, run_id)
        champion = self._models.standing(application.name).champion
        if champion is None:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, self.missing(application.name))
        return champion

    def missing(self, name: str) -> str:
        """What an application lacks to answer; empty when nothing."""
        standing = self._models.standing(name)
        if standing.champion:
            return ""
        if standing.refused:
            return f"the champion of {name} was refused: {standing.refused}"
        if self._models.away:
            return f"the champion of {name} is not known: MLflow is away ({self._models.away})"
        if standing.challenger:
            better = (
                f"version {standing.challenger.version} has not beaten the naive answer; promote one by hand"
            )
            return f"{name} has no champion: {better}"
        return f"{name} has no registered model: train one first"

    def answer(self, asked: Asked, held: Held, known: Latest | None, explained: bool) -> PredictAnswer:
        """The model's answer.

        known: what is remembered of the entity; models answer without it, if less well.
        """
        from models.registered.inputs import frame

        application, info = asked.application, held.info
        windowed = known_at(asked, known)
        rows = frame(application, [row(application, asked.event, windowed)])
        said = answers_of(application, held, rows)[0]
        seconds = perf_counter() - asked.started
        self._meters.batch_predict_seconds.labels(application.name).observe(seconds)
        now = datetime.now(UTC)
        return PredictAnswer(
            application=application.name,
            event_id=asked.event[application.identifier.name],
            answer=said,
            threshold=held.model.threshold,
            model=info.recipe,
            version=info.version or 0,
            source="registered",
            scores=info.scores,
            naive=info.naive or None,
            snapshot_age_s=round((now - (info.ended or info.started)).total_seconds(), 3),
            latency_ms=round(seconds * 1000, 3),
            segment=_segment(application, held, said.value),
            explanation=(held.model.explain(rows)[0] or None) if explained else None,
            features=windowed,
            features_age_s=round(known.age_s(now), 3) if known else None,
            run_id=info.run_id,
        )


def answers_of(application: Application, held: Held, rows: pd.DataFrame) -> list[Answer]:
    """The model's answers to a frame, (n, inputs), in the form that all tasks share."""
    values: list[float] = held.model.answers(rows).tolist()
    if isinstance(application.task, Classification):
        threshold = 0.5 if held.model.threshold is None else held.model.threshold
        return [Answer(value=value >= threshold, probability=value) for value in values]
    if isinstance(application.task, Clustering):
        return [Answer(value=int(value)) for value in values]
    found = held.model.interval(rows)
    intervals: list[Any] = [None] * len(values) if found is None else found.tolist()
    return [
        Answer(value=value, interval=None if one is None else (one[0], one[1]))
        for value, one in zip(values, intervals, strict=True)
    ]


def _segment(application: Application, held: Held, value: float) -> Segment | None:
    if not isinstance(application.task, Clustering):
        return None
    return next((segment for segment in held.model.segments if segment.number == value), None)
