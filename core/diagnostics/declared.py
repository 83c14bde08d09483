"""What a diagnostic is: the question, how to read the answer, what may be chosen, what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from core.declaration import Application, Classification, Clustering, Regression, Task


class Tab(StrEnum):
    """Where a diagnostic stands in the menu."""

    PERFORMANCE = "Performance"
    """How good the answers are: classification, regression, clustering."""
    ERRORS = "Errors"
    """Where and when they are wrong."""
    FEATURES = "Features"
    TARGET = "Target"
    SELECTION = "Model selection"
    TEXT = "Text"
    LIVE = "Live models"


class Cost(StrEnum):
    """What an answer takes."""

    QUICK = "quick"
    """At most 3 s at 10,000 rows."""
    REFIT = "refit"
    """The run's pipeline is fitted again, several times: at most 30 s at 10,000 rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Something a person may choose. A number has `low` and `high`; a choice has `values`.

    kind "input": one of the model's inputs; "number": one of its numeric inputs.
    """

    name: str
    title: str
    kind: Literal["integer", "float", "choice", "input", "number"]
    default: float | int | str
    """Empty for an input: the first one, or the most important one."""
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One question about a model or its data. Texts may name `{noun}`, the application's events."""

    id: str
    tab: Tab
    title: str
    question: str
    """What it answers, as a person asks it."""
    reading: str
    """How to read the figure, and when to worry."""
    tasks: tuple[type[Task], ...]
    cost: Cost = Cost.QUICK
    parameters: tuple[Parameter, ...] = ()
    covers: tuple[str, ...] = ()
    """Other names under which people look for it."""
    link: str = ""
    """A page of documentation."""
    text_field: bool = False
    """Only for applications that declare a free text people write (`Text(..., written=True)`)."""


ANY: tuple[type[Task], ...] = (Classification, Regression, Clustering)
LABELLED: tuple[type[Task], ...] = (Classification, Regression)


def written_text(application: Application) -> str | None:
    """The dotted path of the first text that people write; None when there is none."""
    return next((f.name for f in application.fields if getattr(f, "written", False)), None)
