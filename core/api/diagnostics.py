"""Which diagnostics there are."""

from __future__ import annotations

import msgspec


class ParameterChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person may choose: `core.diagnostics.Parameter`."""

    name: str
    title: str
    kind: str
    default: float | int | str
    low: float | None = None
    high: float | None = None
    values: list[str]
    """Of a choice; of an "input" or a "number" the names of the model's inputs, windowed features too."""
    help: str


class DiagnosticAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One diagnostic; its texts speak of the application's events."""

    id: str
    title: str
    question: str
    reading: str
    cost: str
    live: bool
    """About the live models: it needs no run."""
    parameters: list[ParameterChoice]
    covers: list[str]
    link: str


class DiagnosticTab(msgspec.Struct, frozen=True, kw_only=True):
    """The diagnostics of one tab, in the order of the menu."""

    tab: str
    diagnostics: list[DiagnosticAnswer]


class DiagnosticsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every diagnostic of an application."""

    application: str
    tabs: list[DiagnosticTab]
