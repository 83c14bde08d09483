"""What an application is made of, as data: the declaration, for forms, programs and people."""

from __future__ import annotations

from typing import Any

import msgspec

from core.api.batch import RecipeAnswer
from core.api.sql import TemplateAnswer


class ApplicationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One application among the others."""

    name: str
    title: str
    summary: str
    noun: str
    """What one event is, in the plural."""
    task: str
    """`classification`, `regression` or `clustering`."""
    label: str | None = None
    links: dict[str, str]
    """What can be asked of it -> path."""


class ApplicationsAnswer(msgspec.Struct, frozen=True):
    """All applications, as declared."""

    applications: list[ApplicationSummary]


class FieldDescription(msgspec.Struct, frozen=True, kw_only=True):
    """A field of an event; inner fields of a place or a group have dotted paths."""

    path: str
    kind: str
    """`identifier`, `entity`, `event_time`, `number`, `category`, `flag` or `text`."""
    role: str
    """`identifier`, `key`, `entity`, `event_time`, `label`, `naive` or `input`."""
    nullable: bool
    derived: bool
    """Computed from the rest of the event: a form shows it and does not ask for it."""
    unit: str = ""
    help: str = ""
    integer: bool | None = None
    low: float | None = None
    high: float | None = None
    form: tuple[float, float] | None = None
    """The range that a form offers."""
    step: float | None = None
    values: list[str] | None = None
    """The vocabulary of a category; a model's code of a value is its position here."""
    open: bool | None = None
    """Whether other values are accepted as well."""
    longest: int | None = None
    """Characters of a text, at most."""


class FeatureDescription(msgspec.Struct, frozen=True, kw_only=True):
    """A windowed feature."""

    name: str
    by: str
    """The entity of which it is remembered."""
    span_s: float | None = None
    """The length of its window; null where there is none."""
    integer: bool
    unit: str
    help: str


class MetricDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What a score means."""

    id: str
    title: str
    formula: str
    explanation: str
    better: str
    low: float
    high: float | None = None
    unit: str
    digits: int


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the roster."""

    name: str
    naive: bool
    """An answer that costs nothing, by which the others are measured."""
    heavy: bool
    """Slow: it may be given a share of the events only."""


class ApplicationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole declaration."""

    name: str
    title: str
    summary: str
    noun: str
    icon: str
    task: str
    label: str | None = None
    positive: bool | None = None
    """The class whose probability is told."""
    unit: str | None = None
    """Of the number that is told."""
    segments: int | None = None
    """Groups that entities are sorted into."""
    key: str
    event_time: str
    identifier: str
    label_delay_s: float | None = None
    """How long after an event its label is known; null where a field of the event says so."""
    label_delay_field: str | None = None
    fields: list[FieldDescription]
    features: list[FeatureDescription]
    metrics: list[MetricDescription]
    """Of live models."""
    batch_metrics: list[MetricDescription]
    """Of trained models, on their test rows."""
    online: list[ModelDescription]
    batch: list[RecipeAnswer]
    templates: list[TemplateAnswer]
    ceiling: dict[str, float]
    """The best scores that a model can have, where the stream's noise is known."""
    links: dict[str, str]


class SampleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Events of the table, chosen at random."""

    application: str
    events: list[dict[str, Any]]
    table_version: int
    table_rows: int
    seed: int
    """Of the choice: the same seed on the same version of the table gives the same events."""
