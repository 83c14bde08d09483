"""Which models the API holds, and what a fresh look at their stores changes.

live models (Redis), registered models (MLflow) -> ModelAnswer per application and source
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from core.api.models import ModelAnswer, ModelChange, ModelsAnswer, ReloadAnswer
from core.applications import APPLICATIONS
from serving.services import Services
from serving.status import run_of, run_url


def inventory(services: Services) -> ModelsAnswer:
    """Every live and every registered model; touches memory only."""
    now = datetime.now(UTC)
    models = [made for name in APPLICATIONS for made in _of(services, name, now)]
    away = {"redis": services.live.away, "mlflow": services.batch_models.away}
    return ModelsAnswer(models=models, away={name: why for name, why in away.items() if why})


def reload(services: Services) -> ReloadAnswer:
    """Looks at snapshots and aliases now, and says which models are others than before.

    Takes as long as Redis, MLflow and the decoding of what is new; a store that is away is told.
    """
    before = {(one.application, one.source): one for one in inventory(services).models}
    services.live.soon()
    services.batch_models.soon().result()
    now = inventory(services)
    changed = [
        ModelChange(application=one.application, source=one.source, before=old.version, after=one.version)
        for one in now.models
        if (old := before[one.application, one.source]).version != one.version or old.run_id != one.run_id
    ]
    return ReloadAnswer(changed=changed, models=now.models, away=now.away)


def _of(services: Services, name: str, now: datetime) -> Iterator[ModelAnswer]:
    yield _live(services, name, now)
    yield _registered(services, name, now)


def _live(services: Services, name: str, now: datetime) -> ModelAnswer:
    view, missing = services.live.view(name), services.predictor.missing(name)
    known = ModelAnswer(application=name, source="live", loaded=False, refused=view.refused, missing=missing)
    if view.live is None:
        return known
    header = view.live.header
    return ModelAnswer(
        application=name,
        source="live",
        loaded=True,
        trained=view.live.model.trained,
        model=header.model,
        version=header.version,
        made=header.created,
        age_s=round(view.live.age_s(now), 3),
        bytes=view.live.bytes,
        scores=header.scores,
        naive=view.report.naive if view.report else None,
        run_id=header.run_id or None,
        run_url=run_url(services.settings, view.report) if view.report else None,
        refused=view.refused,
        missing=missing,
    )


def _registered(services: Services, name: str, now: datetime) -> ModelAnswer:
    standing, missing = services.batch_models.standing(name), services.batch_predictor.missing(name)
    held = standing.champion
    if held is None:
        return ModelAnswer(
            application=name, source="registered", loaded=False, refused=standing.refused, missing=missing
        )
    made = held.info.ended or held.info.started
    return ModelAnswer(
        application=name,
        source="registered",
        loaded=True,
        trained=True,
        model=held.info.recipe,
        version=held.info.version,
        made=made,
        age_s=round((now - made).total_seconds(), 3),
        bytes=held.bytes,
        scores=held.info.scores,
        naive=held.info.naive or None,
        run_id=held.info.run_id,
        run_url=run_of(services.settings, held.info.run_id),
        refused=standing.refused,
        missing=missing,
    )
