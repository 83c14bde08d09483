"""The recipes of batch models: what they are called, which tasks they are for, their hyperparameters.

declared here -> trainers (batch) fit by them -> API -> the form on the screen
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from core.declaration import Application, Classification, Clustering, Regression

Value = float | int | str

Form = Literal["label", "ratio", "log_ratio"]

FORMS: tuple[Form, ...] = ("label", "ratio", "log_ratio")
"""What a regressor may be taught: see models.registered.target."""


class BadParameter(ValueError):
    """A hyperparameter that the recipe does not have, or a value that it can't take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A hyperparameter: its default, what it may be, and what it does."""

    name: str
    default: Value
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    """Of a text; empty for a number."""
    help: str = ""
    tuned: tuple[float, float] | None = None
    """Between which values a tuning looks; None where it leaves the parameter alone. Texts: any choice."""
    log: bool = False
    """A tuning looks on a logarithmic scale."""

    @property
    def integer(self) -> bool:
        """Whether it takes whole numbers only."""
        return isinstance(self.default, int)

    @property
    def number(self) -> bool:
        """Whether it takes numbers, between `low` and `high`; else it takes a text."""
        return not isinstance(self.default, str)

    def check(self, value: Any) -> Value:
        """The value in the parameter's own type; raises BadParameter."""
        if self.choices:
            if value not in self.choices:
                raise BadParameter(f"{self.name} {value!r}: it is one of {', '.join(self.choices)}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise BadParameter(f"{self.name} {value!r}: it is a number")
        if not self.low <= value <= self.high:
            raise BadParameter(f"{self.name} {value:g}: it lies in {self.low:g}..{self.high:g}")
        if self.integer and value % 1:
            raise BadParameter(f"{self.name} {value:g}: it is a whole number")
        return int(value) if self.integer else float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe by the name that applications declare in `batch`."""

    name: str
    title: str
    tasks: tuple[type, ...]
    parameters: Mapping[str, Parameter]

    @property
    def tunable(self) -> bool:
        """Whether a tuning has anything to look for: a clustering searches by itself."""
        return any(one.tuned for one in self.parameters.values())


def _named(*parameters: Parameter) -> Mapping[str, Parameter]:
    return {one.name: one for one in parameters}


SEED = 42

SEEDED = Parameter(
    name="seed",
    default=SEED,
    low=0,
    high=2**31 - 1,
    help="Decides all that is drawn: equal seeds, equal models",
)

TARGET = Parameter(
    name="target",
    default="auto",
    choices=("auto", *FORMS),
    help="What a regressor is taught: the label, or its ratio to the naive answer; auto decides",
)

CATBOOST = Recipe(
    name="catboost",
    title="CatBoost",
    tasks=(Classification, Regression),
    parameters=_named(
        Parameter(
            name="iterations",
            default=600,
            low=1,
            high=5000,
            help="Trees at most; validation rows stop earlier",
        ),
        Parameter(
            name="depth", default=4, low=1, high=10, tuned=(3, 7), help="Questions on the way to a leaf"
        ),
        Parameter(
            name="learning_rate",
            default=0.05,
            low=0.001,
            high=1,
            tuned=(0.02, 0.2),
            log=True,
            help="How much each tree corrects those before it",
        ),
        Parameter(
            name="l2_leaf_reg",
            default=3.0,
            low=0,
            high=1000,
            tuned=(0.5, 30),
            log=True,
            help="Draws leaves with few rows to 0",
        ),
        Parameter(
            name="class_weights",
            default="none",
            choices=("none", "SqrtBalanced", "Balanced"),
            help="Whether the rare class weighs more; probabilities are then no longer calibrated",
        ),
        TARGET,
        SEEDED,
    ),
)

HIST_GRADIENT_BOOSTING = Recipe(
    name="hist_gradient_boosting",
    title="Histogram gradient boosting",
    tasks=(Classification, Regression),
    parameters=_named(
        Parameter(
            name="iterations",
            default=300,
            low=1,
            high=5000,
            help="Trees at most; validation rows stop earlier",
        ),
        Parameter(
            name="leaves",
            default=8,
            low=2,
            high=255,
            tuned=(4, 48),
            log=True,
            help="Leaves of a tree, at most",
        ),
        Parameter(
            name="learning_rate",
            default=0.06,
            low=0.001,
            high=1,
            tuned=(0.02, 0.2),
            log=True,
            help="How much each tree corrects those before it",
        ),
        Parameter(
            name="l2",
            default=3.0,
            low=0,
            high=1000,
            tuned=(0.1, 30),
            log=True,
            help="Draws leaves with few rows to 0",
        ),
        Parameter(
            name="least_in_leaf",
            default=20,
            low=1,
            high=10_000,
            tuned=(5, 100),
            log=True,
            help="Rows of a leaf",
        ),
        Parameter(
            name="class_weights",
            default="none",
            choices=("none", "balanced"),
            help="Whether the rare class weighs more; probabilities are then no longer calibrated",
        ),
        TARGET,
        SEEDED,
    ),
)

SEARCHED = _named(
    Parameter(
        name="segments", default=0, low=0, high=50, help="How many; 0: search for the number that is stable"
    ),
    Parameter(name="fewest", default=2, low=2, high=50, help="Where the search begins"),
    Parameter(name="most", default=10, low=2, high=50, help="Where the search ends"),
    Parameter(name="restarts", default=10, low=1, high=100, help="Starts, of which the best one is kept"),
    SEEDED,
)
"""Of recipes that look for the number of segments by themselves."""

KMEANS = Recipe(name="kmeans", title="K-means", tasks=(Clustering,), parameters=SEARCHED)

GAUSSIAN_MIXTURE = Recipe(
    name="gaussian_mixture", title="Gaussian mixture", tasks=(Clustering,), parameters=SEARCHED
)

RECIPES: Mapping[str, Recipe] = {
    one.name: one for one in (CATBOOST, HIST_GRADIENT_BOOSTING, KMEANS, GAUSSIAN_MIXTURE)
}


def title(recipe: str) -> str:
    """What people call a recipe; its name where it is not declared any more."""
    return RECIPES[recipe].title if recipe in RECIPES else recipe


def recipes(application: Application) -> tuple[Recipe, ...]:
    """Those that an application declares, in its order; raises KeyError for one that there is not."""
    return tuple(RECIPES[name] for name in application.batch)
