"""Which diagnostics there are, in the words of an application."""

from __future__ import annotations

from core.api.diagnostics import DiagnosticAnswer, DiagnosticsAnswer, DiagnosticTab, ParameterChoice
from core.declaration import Application
from core.diagnostics import Diagnostic, Parameter, Tab, diagnostics


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
        values=_values(application, one),
        help=_told(application, one.help),
    )


def _values(application: Application, one: Parameter) -> list[str]:
    """What may be chosen: what is declared, or the inputs of the application's models, in their order."""
    if one.kind not in ("input", "number"):
        return list(one.values)
    from models.registered.inputs import inputs

    return [each.name for each in inputs(application) if one.kind == "input" or each.kind == "number"]


def _told(application: Application, text: str) -> str:
    return text.replace("{noun}", application.noun)
