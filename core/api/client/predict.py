"""What applications, models and predictions in numbers add to the client.

applications() -> application(name) -> sample(name) -> predict_many(name, events)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.api.applications import ApplicationAnswer, ApplicationsAnswer, ApplicationSummary, SampleAnswer
from core.api.client.base import ATTEMPTS, Client
from core.api.models import ModelAnswer, ModelsAnswer, ReloadAnswer
from core.api.predict import PredictAnswer
from core.api.records import RecordsAnswer
from core.api.root import HealthAnswer, RootAnswer
from core.api.segments import SegmentsAnswer


class PredictClient(Client):
    """The client of applications, models and what they answer."""

    def root(self) -> RootAnswer:
        """What the service is, and every endpoint."""
        return self._get("/", RootAnswer)

    def health(self) -> HealthAnswer:
        """How the service is."""
        return self._get("/health", HealthAnswer)

    def applications(self) -> list[ApplicationSummary]:
        """Every application, as declared."""
        return self._get("/api/v1/applications", ApplicationsAnswer).applications

    def application(self, application: str) -> ApplicationAnswer:
        """The whole declaration of an application."""
        return self._get(f"/api/v1/applications/{application}", ApplicationAnswer)

    def sample(
        self, application: str, limit: int = 1, request: bool = False, seed: int | None = None
    ) -> SampleAnswer:
        """Random events of the table; with `request` as they may be asked about."""
        asks: dict[str, int | str] = {"limit": limit, "as": "request" if request else "event"}
        if seed is not None:
            asks["seed"] = seed
        return self._get(f"/api/v1/applications/{application}/sample", SampleAnswer, **asks)

    def models(self) -> list[ModelAnswer]:
        """Every live and registered model that the API holds or lacks."""
        return self._get("/api/v1/models", ModelsAnswer).models

    def reload(self) -> ReloadAnswer:
        """Makes the API look for new models now."""
        return self._decode(self._call("POST", "/api/v1/models/reload", attempts=ATTEMPTS), ReloadAnswer)

    def predict_registered(
        self, application: str, event: Mapping[str, Any], run_id: str | None = None, explain: bool = False
    ) -> PredictAnswer:
        """What the registered champion, or the model of a run, says of an event (without its label)."""
        body = {"event": dict(event), "run_id": run_id, "explain": explain}
        return self._decode(
            self._call("POST", f"/api/v1/batch/{application}/predict", json=body), PredictAnswer
        )

    def predict_many(
        self, application: str, events: Sequence[Mapping[str, Any]], skip_bad: bool = False
    ) -> RecordsAnswer:
        """What the live model says of up to 10,000 events."""
        return self._many(
            "/api/v1/incremental/predict/batch",
            {"application": application, "events": list(map(dict, events))},
            skip_bad,
        )

    def predict_many_registered(
        self,
        application: str,
        events: Sequence[Mapping[str, Any]],
        run_id: str | None = None,
        skip_bad: bool = False,
    ) -> RecordsAnswer:
        """What the registered champion, or the model of a run, says of up to 10,000 events."""
        body = {"events": list(map(dict, events)), "run_id": run_id}
        return self._many(f"/api/v1/batch/{application}/predict/batch", body, skip_bad)

    def segments(self, application: str, field: str | None = None) -> SegmentsAnswer:
        """The live segments of a clustering, with counts of a field's values."""
        asks: dict[str, int | str] = {"field": field} if field else {}
        return self._get(f"/api/v1/incremental/{application}/segments", SegmentsAnswer, **asks)

    def segments_registered(
        self, application: str, field: str | None = None, run_id: str | None = None
    ) -> SegmentsAnswer:
        """The segments of the registered champion, or of a run, with counts of a field's values."""
        asks: dict[str, int | str] = {"field": field} if field else {}
        if run_id:
            asks["run_id"] = run_id
        return self._get(f"/api/v1/batch/{application}/segments", SegmentsAnswer, **asks)

    def _many(self, path: str, body: dict[str, Any], skip_bad: bool) -> RecordsAnswer:
        answer = self._call(
            "POST", path, json=body, params={"skip_bad": int(skip_bad)}, timeout=self._sql_timeout
        )
        return self._decode(answer, RecordsAnswer)
