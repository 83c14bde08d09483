"""A declaration as data: what forms, programs and people want to know of an application.

Application -> fields, features, metrics, rosters, recipes, templates -> ApplicationAnswer
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from core.api.applications import (
    ApplicationAnswer,
    ApplicationSummary,
    FeatureDescription,
    FieldDescription,
    MetricDescription,
    ModelDescription,
)
from core.api.batch import ParameterAnswer, RecipeAnswer
from core.api.sql import TemplateAnswer
from core.declaration import (
    Application,
    Category,
    Classification,
    Clustering,
    Entity,
    EventTime,
    Flag,
    Identifier,
    Leaf,
    Number,
    Regression,
    Text,
    leaves,
)
from core.features import features
from core.metrics import Metric, batch_metrics, metrics
from core.recipes import recipes
from core.windows import Window
from models.roster import is_heavy, is_naive

_KINDS: dict[type, str] = {
    Identifier: "identifier",
    Entity: "entity",
    EventTime: "event_time",
    Number: "number",
    Category: "category",
    Flag: "flag",
    Text: "text",
}


def task_name(application: Application) -> str:
    """`classification`, `regression` or `clustering`."""
    return type(application.task).__name__.lower()


def links(application: Application) -> dict[str, str]:
    """What can be asked of an application -> path."""
    name = application.name
    return {
        "declaration": f"/api/v1/applications/{name}",
        "sample": f"/api/v1/applications/{name}/sample",
        "live": f"/api/v1/incremental/{name}",
        "predict": "/api/v1/incremental/predict",
        "batch": f"/api/v1/batch/{name}",
        "predict_registered": f"/api/v1/batch/{name}/predict",
        "schema": f"/api/v1/sql/{name}/schema",
        "drift": f"/api/v1/batch/{name}/drift",
        "scenarios": f"/api/v1/scenarios/{name}",
    }


def summary_of(application: Application) -> ApplicationSummary:
    """An application in a few words."""
    return ApplicationSummary(
        name=application.name,
        title=application.title,
        summary=application.summary,
        noun=application.noun,
        task=task_name(application),
        label=application.label,
        links=links(application),
    )


def declared(application: Application) -> ApplicationAnswer:
    """The whole declaration."""
    task, delay = application.task, application.label_delay
    return ApplicationAnswer(
        name=application.name,
        title=application.title,
        summary=application.summary,
        noun=application.noun,
        icon=application.icon,
        task=task_name(application),
        label=application.label,
        positive=task.positive if isinstance(task, Classification) else None,
        unit=task.unit if isinstance(task, Regression) else None,
        segments=task.segments if isinstance(task, Clustering) else None,
        key=application.key,
        event_time=application.event_time.name,
        identifier=application.identifier.name,
        label_delay_s=delay.total_seconds() if isinstance(delay, timedelta) else None,
        label_delay_field=delay if isinstance(delay, str) else None,
        fields=list(_fields(application)),
        features=_features(application),
        metrics=[_metric(one) for one in metrics(task)],
        batch_metrics=[_metric(one) for one in batch_metrics(task)],
        online=[
            ModelDescription(name=one, naive=is_naive(one), heavy=is_heavy(one)) for one in application.online
        ],
        batch=recipe_answers(application),
        templates=templates(application),
        ceiling=dict(application.ceiling),
        links=links(application),
    )


def _fields(application: Application) -> Iterator[FieldDescription]:
    derived = {one.name for one in application.fields if one.derive}
    nullable = {one.name for one in application.fields if one.nullable}
    for path, leaf in leaves(application):
        outer = path.partition(".")[0]
        yield FieldDescription(
            path=path,
            kind=_KINDS[type(leaf)],
            role=_role(application, path, leaf),
            nullable=leaf.nullable or outer in nullable,
            derived=outer in derived,
            help=leaf.help,
            **_particulars(leaf),
        )


def _role(application: Application, path: str, leaf: Leaf) -> str:
    if path == application.key:
        return "key"
    if path == application.label:
        return "label"
    if isinstance(application.task, Regression) and path == application.task.naive:
        return "naive"
    if isinstance(leaf, Identifier | Entity | EventTime):
        return _KINDS[type(leaf)]
    return "input"


def _particulars(leaf: Leaf) -> dict[str, Any]:
    """What only fields of this kind have."""
    match leaf:
        case Number(low=low, high=high, unit=unit, integer=integer, step=step):
            return {
                "unit": unit,
                "low": low,
                "high": high,
                "integer": integer,
                "step": step,
                "form": leaf.form_range,
            }
        case Category(values=values):
            return {"values": list(values), "open": leaf.open}
        case Text(longest=longest):
            return {"longest": longest}
    return {}


def _features(application: Application) -> list[FeatureDescription]:
    return [
        FeatureDescription(
            name=one.name,
            by=one.windowed.by,
            span_s=one.windowed.span.total_seconds() if isinstance(one.windowed, Window) else None,
            integer=one.integer,
            unit=one.unit,
            help=one.help,
        )
        for one in features(application)
    ]


def _metric(one: Metric) -> MetricDescription:
    return MetricDescription(**{field: getattr(one, field) for field in MetricDescription.__struct_fields__})


def templates(application: Application) -> list[TemplateAnswer]:
    """The queries that an application suggests, in its order."""
    return [TemplateAnswer(one.title, one.sql) for one in application.queries]


def recipe_answers(application: Application) -> list[RecipeAnswer]:
    """The recipes of an application with their hyperparameters; ranges are of numbers, choices of texts."""
    return [
        RecipeAnswer(
            name=one.name,
            title=one.title,
            parameters=[
                ParameterAnswer(
                    name=each.name,
                    default=each.default,
                    low=each.low if each.number else None,
                    high=each.high if each.number else None,
                    choices=list(each.choices),
                    help=each.help,
                )
                for each in one.parameters.values()
            ],
        )
        for one in recipes(application)
    ]
