"""The registry of diagnostics: every question that can be asked of a model and its data, told once.

declared here -> batch computes -> Result -> API -> screen; each has one computation in `batch/diagnostics`
"""

from __future__ import annotations

from core.declaration import Application
from core.diagnostics import clusters, errors, features, live, performance, selection, target, text
from core.diagnostics.declared import ANY, LABELLED, Cost, Diagnostic, Parameter, Tab, written_text

DIAGNOSTICS: dict[str, Diagnostic] = {
    one.id: one
    for module in (performance, clusters, errors, features, target, selection, text, live)
    for one in module.DECLARED
}


def diagnostics(application: Application) -> tuple[Diagnostic, ...]:
    """Those that apply to an application, in the order of the menu."""
    return tuple(
        one
        for one in DIAGNOSTICS.values()
        if type(application.task) in one.tasks and (not one.text_field or written_text(application))
    )


__all__ = [
    "ANY",
    "DIAGNOSTICS",
    "LABELLED",
    "Cost",
    "Diagnostic",
    "Parameter",
    "Tab",
    "diagnostics",
    "written_text",
]
