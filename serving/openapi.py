"""The OpenAPI description: answers from their msgspec types, the predict body from the declarations."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from core import api
from core.api.errors import ProblemBody
from core.api.records import MOST_RECORDS
from core.applications import APPLICATIONS
from core.batch import Diagnose, DriftReport, Evaluate, JobReport, Request, Train
from core.diagnostics.shapes import Result
from core.drift import DriftFound
from core.scenarios import DEFAULT_MINUTES, KINDS
from core.validation import request_type
from serving.problems import MEDIA_TYPE

_REF = "#/components/schemas/{name}"

_ELSEWHERE = (JobReport, DriftFound, Result)
"""Answers that are more than answers of the API."""


def _answers() -> Iterator[type[msgspec.Struct]]:
    """Every shape of `core.api`, and those that stages share as well."""
    yield from _ELSEWHERE
    for found in pkgutil.iter_modules(api.__path__):
        module = importlib.import_module(f"{api.__name__}.{found.name}")
        for one in vars(module).values():
            if (
                isinstance(one, type)
                and issubclass(one, msgspec.Struct)
                and one.__module__ == module.__name__
            ):
                yield one


PREDICT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"oneOf": [{"$ref": _REF.format(name=f"{name}_predict")} for name in APPLICATIONS]}
        }
    },
}
"""One alternative per application: its name, and its event without the label."""

_EVENTS = [{"$ref": _REF.format(name=f"{name}_request")} for name in APPLICATIONS]

BATCH_PREDICT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["event"],
                "additionalProperties": False,
                "properties": {
                    "event": {"oneOf": _EVENTS},
                    "run_id": {"type": ["string", "null"]},
                    "explain": {"type": "boolean", "default": False},
                },
            }
        }
    },
}
"""The event of the application that the path names, and whose model: the champion's, or that of a run."""


def _many(**others: Any) -> dict[str, Any]:
    """A body with up to 10,000 events."""
    events = {"type": "array", "minItems": 1, "maxItems": MOST_RECORDS, "items": {"oneOf": _EVENTS}}
    required = [name for name, schema in others.items() if "enum" in schema]
    schema = {
        "type": "object",
        "required": [*required, "events"],
        "additionalProperties": False,
        "properties": {**others, "events": events},
    }
    return {"required": True, "content": {"application/json": {"schema": schema}}}


RECORDS_BODY = _many(application={"enum": list(APPLICATIONS)})
"""An application, and events of it."""

REGISTERED_RECORDS_BODY = _many(run_id={"type": ["string", "null"]})
"""Events of the application that the path names, and whose model."""

SCENARIO_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": {"enum": [name.value for name in KINDS]},
                    "minutes": {"type": "number", "exclusiveMinimum": 0, "default": DEFAULT_MINUTES},
                    "start": {"type": "string", "format": "date-time"},
                    "end": {"type": "string", "format": "date-time"},
                    "strength": {"type": "number"},
                },
            }
        }
    },
}
"""A scenario's name, how long it holds (`minutes` or `end`), and how strong it is."""


JOB_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [
                    {"$ref": _REF.format(name=f"{one.__name__}Job")}
                    for one in (Train, Evaluate, Diagnose, DriftReport)
                ]
            }
        }
    },
}
"""A request of `core.batch` with its `kind`; the application stands in the path."""


def answers(good: type[msgspec.Struct], *problems: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its answer with its status, and the problems it may give."""
    found: dict[int | str, dict[str, Any]] = {status: _content(good, "application/json", "The answer")}
    return found | {status: _content(ProblemBody, MEDIA_TYPE, "What is wrong") for status in problems}


def _content(kind: type[msgspec.Struct], media_type: str, description: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name=kind.__name__)}
    return {"description": description, "content": {media_type: {"schema": schema}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole document, computed once."""
    if not app.openapi_schema:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        document.setdefault("components", {}).setdefault("schemas", {}).update(_components())
        app.openapi_schema = document
    return app.openapi_schema


def _components() -> dict[str, Any]:
    _, found = msgspec.json.schema_components((*_answers(), Request), ref_template=_REF)
    for one in (Train, Evaluate, Diagnose, DriftReport):
        found[f"{one.__name__}Job"] = _without_application(found.pop(one.__name__))
    for name, application in APPLICATIONS.items():
        # Two applications may both have a "location" that is not the same: inner names get a prefix.
        inner_ref = _REF.format(name=f"{name}_{{name}}")
        _, parts = msgspec.json.schema_components([request_type(application)], ref_template=inner_ref)
        found[f"{name}_request"] = parts.pop(f"{name}_request")
        found |= {f"{name}_{part}": schema for part, schema in parts.items()}
        found[f"{name}_predict"] = _predict_body(name)
    return found


def _without_application(schema: dict[str, Any]) -> dict[str, Any]:
    properties = {name: one for name, one in schema["properties"].items() if name != "application"}
    required = [name for name in schema["required"] if name != "application"]
    return schema | {"properties": properties, "required": required}


def _predict_body(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["application", "event"],
        "additionalProperties": False,
        "properties": {
            "application": {"const": name},
            "event": {"$ref": _REF.format(name=f"{name}_request")},
        },
    }
