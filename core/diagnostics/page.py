"""The registry of diagnostics as a page of the docs: `python -m core.diagnostics > docs/diagnostics.md`.

DIAGNOSTICS -> one entry each, by tab -> Markdown
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from core.applications import APPLICATIONS
from core.declaration import Classification, Clustering, Regression
from core.diagnostics import DIAGNOSTICS, Cost, Diagnostic, Parameter, Tab, diagnostics

WIDTH = 120

HEAD = """\
# Diagnostics

<!-- Written by `python -m core.diagnostics > docs/diagnostics.md`; a test keeps them in step. -->

Every question that can be asked of a model and its data. Each answer is computed from the model and the rows
of the run that was selected, never from a stand-in; it says which rows and how many, and is kept with the
run. Those that need other models fit the run's own pipeline again, and say so. `quick` takes at most 3 s at
10,000 rows, `refit` 30 s. "{noun}" stands for the application's events.

Pictures of the inputs take test rows, and what the model makes of them validation rows. What inputs tell of
the target is computed from train rows: inputs are not to be chosen on the rows that are reported.

Where an input may be chosen, it is one of the model's: a field or a windowed feature. The API lists them as
the parameter's `values` (`GET /api/v1/batch/{application}/diagnostics`)."""

COSTS = {Cost.QUICK: "quick", Cost.REFIT: "refit: the run's pipeline is fitted again"}

TASKS = {Classification: "classification", Regression: "regression", Clustering: "clustering"}


def page() -> str:
    """The whole page, ending with a line break."""
    parts = [HEAD]
    for tab in Tab:
        inside = [one for one in DIAGNOSTICS.values() if one.tab == tab]
        if inside:
            parts.append(f"## {tab.value}")
            parts += [entry(one) for one in inside]
    return "\n\n".join(parts) + "\n"


def entry(one: Diagnostic) -> str:
    """One diagnostic: title and id, question, how to read the answer, what may be chosen, what it costs."""
    return "\n".join(
        [
            f"### {one.title} (`{one.id}`)",
            "",
            *_wrapped(f"*{one.question}* {one.reading}"),
            "",
            *_wrapped(f"- for: {', '.join(_for(one))}", "  "),
            *_wrapped(f"- cost: {COSTS[one.cost]}", "  "),
            *(line for parameter in one.parameters for line in _wrapped(f"- {chosen(parameter)}", "  ")),
            *(_wrapped(f"- also known as: {', '.join(one.covers)}", "  ") if one.covers else ()),
            *([f"- more: <{one.link}>"] if one.link else ()),
        ]
    )


def chosen(one: Parameter) -> str:
    """What may be chosen, its default, and between what."""
    match one.kind:
        case "integer" | "float":
            among = f"{_plain(one.low)} to {_plain(one.high)}, else {_plain(one.default)}"
        case "choice":
            among = ", ".join(f"`{value}`" for value in one.values) + f", else `{one.default}`"
        case "number":
            among = "a numeric input"
        case _:
            among = "an input"
    said = f". {one.help}" if one.help else ""
    return f"`{one.name}`: {one.title.lower()}, {among}{said}"


def _for(one: Diagnostic) -> Iterator[str]:
    """The applications that have it, and the kinds of task."""
    kinds = ", ".join(TASKS[task] for task in one.tasks)
    named = [name for name, application in APPLICATIONS.items() if one in diagnostics(application)]
    yield f"{kinds} ({', '.join(named) or 'none here'})"
    if one.text_field:
        yield "with a text that people write"


def _plain(value: float | int | str | None) -> str:
    return "any" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)


def _wrapped(text: str, hanging: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )
