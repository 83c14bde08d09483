"""A menu of diagnostics for the fake API: the tabs of core, one entry per kind of panel."""

from __future__ import annotations

from typing import Any

import msgspec

from core.declaration import Application
from core.diagnostics import ANY, LABELLED, Cost, Diagnostic, Parameter, Tab

TOP = Parameter(
    name="most",
    title="Inputs shown",
    kind="integer",
    default=12,
    low=2,
    high=40,
    help="The most important ones first.",
)
BINS = Parameter(
    name="bins", title="Bins by", kind="choice", default="quantile", values=("quantile", "width")
)
INPUTS = ("distance_km", "trips_mean_1h")
"""The API says which inputs there are, windowed features too."""

FIRST = Parameter(name="first", title="First input", kind="input", default="", values=INPUTS)
SHARE = Parameter(name="share", title="Share", kind="float", default=0.9, low=0.1, high=1)


def _one(id_: str, tab: Tab, title: str, question: str, **more: Any) -> Diagnostic:
    reading = (
        "The further the curve lies from the dashed line, the better. Worry when the band of the curve "
        "reaches it, or when training and held-out rows differ by much."
    )
    return Diagnostic(
        id=id_, tab=tab, title=title, question=question, reading=reading, **{"tasks": LABELLED} | more
    )


DIAGNOSTICS = (
    _one("roc", Tab.PERFORMANCE, "ROC and precision-recall", "How well are {noun} ranked?"),
    _one("confusion", Tab.PERFORMANCE, "Confusion matrix", "Which mistakes are made at the threshold?"),
    _one(
        "calibration",
        Tab.PERFORMANCE,
        "Calibration",
        "Do probabilities mean what they say?",
        parameters=(BINS,),
        link="https://scikit-learn.org/stable/modules/calibration.html",
    ),
    _one("errors", Tab.ERRORS, "Errors by group", "Where are the answers wrong?", tasks=ANY),
    _one(
        "importance",
        Tab.FEATURES,
        "Importance of the inputs",
        "What does the model look at?",
        tasks=ANY,
        parameters=(TOP, FIRST),
    ),
    _one("projection", Tab.FEATURES, "Principal components", "Do classes lie apart?", tasks=ANY),
    _one(
        "boundary", Tab.FEATURES, "Decision boundary", "What would the answer be over two inputs?", tasks=ANY
    ),
    _one("correlation", Tab.FEATURES, "Correlation of the inputs", "Which inputs say the same?", tasks=ANY),
    _one("parallel", Tab.FEATURES, "Parallel coordinates", "What do rows of a group share?", tasks=ANY),
    _one(
        "learning_curve",
        Tab.SELECTION,
        "Learning curve",
        "Would more rows help?",
        cost=Cost.REFIT,
        parameters=(SHARE,),
        tasks=ANY,
    ),
    _one("score_over_time", Tab.LIVE, "Score over time", "How did the live models do?", tasks=ANY),
)


def menu(application: Application) -> list[dict[str, Any]]:
    """The tabs that have anything for the application."""
    tabs = []
    for tab in Tab:
        mine = [one for one in DIAGNOSTICS if one.tab == tab and type(application.task) in one.tasks]
        if mine:
            tabs.append({"tab": tab.value, "diagnostics": [_told(one, application) for one in mine]})
    return tabs


def found(application: Application, diagnostic: str) -> dict[str, Any] | None:
    """An entry of the menu by its id."""
    everything = (one for tab in menu(application) for one in tab["diagnostics"])
    return next((one for one in everything if one["id"] == diagnostic), None)


def _told(one: Diagnostic, application: Application) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "question": one.question.format(noun=application.noun),
        "reading": one.reading,
        "cost": one.cost.value,
        "live": one.tab == Tab.LIVE,
        "parameters": msgspec.to_builtins(one.parameters),
        "covers": [],
        "link": one.link,
    }
