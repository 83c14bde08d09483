"""The shapes in which the API tells which diagnostics there are."""

from __future__ import annotations

import msgspec

from core.declaration import Application
from core.diagnostics import Diagnostic, Parameter, Tab, diagnostics


class ParameterChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person may choose: `core.diagnostics.Parameter`."""

    name: str
    title: str
    kind: str
    default: float | int | str
    low: float | None
    high: float | None
    values: list[str]
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


def described(application: Application) -> DiagnosticsAnswer:
    """The diagnostics of an application; tabs without any are left out."""
    known = diagnostics(application)
    tabs = [
        DiagnosticTab(
            tab=tab.value, diagnostics=[_described(application, one) for one in known if one.tab == tab]
        )
        for tab in Tab
    ]
    return DiagnosticsAnswer(application=application.name, tabs=[one for one in tabs if one.diagnostics])


def _described(application: Application, one: Diagnostic) -> DiagnosticAnswer:
    return DiagnosticAnswer(
        id=one.id,
        title=_told(application, one.title),
        question=_told(application, one.question),
        reading=_told(application, one.reading),
        cost=one.cost.value,
        live=one.tab == Tab.LIVE,
        parameters=[_parameter(application, each) for each in one.parameters],
        covers=list(one.covers),
        link=one.link,
    )


def _parameter(application: Application, one: Parameter) -> ParameterChoice:
    return ParameterChoice(
        name=one.name,
        title=_told(application, one.title),
        kind=one.kind,
        default=one.default,
        low=one.low,
        high=one.high,
        values=list(one.values),
        help=_told(application, one.help),
    )


def _told(application: Application, text: str) -> str:
    return text.replace("{noun}", application.noun)
