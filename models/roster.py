"""The recipes of online models by name, and how one is made for an application.

application.online[0] -> build -> model -> to_bytes -> restore -> model
                                                  `-> columnar -> its compiled body
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from core.declaration import Application
from models.base import ColumnarModel, OnlineModel
from models.by_task import ByTask
from models.naive import OwnEstimate, Prior
from models.one_segment import OneSegment
from models.relative_least_squares import RelativeLeastSquares
from models.river_clusters import Dbstream, RiverKMeans
from models.session_kmeans import SessionKMeans
from models.token_stack import TokenStack


class Recipe(Protocol):
    """A class of models that can be made for an application and brought back from bytes.

    One that takes fewer than about 5,000 events/s says so by an attribute `heavy = True`, and an answer that
    costs nothing by `naive = True`.
    """

    def build(self, application: Application) -> OnlineModel:
        """A fresh model for an application; raises ValueError when they don't fit."""

    def from_bytes(self, data: bytes) -> OnlineModel:
        """The model that goes on from its bytes; raises BadModel."""


RECIPES: dict[str, Recipe] = {
    "token_stack": TokenStack,
    "relative_least_squares": RelativeLeastSquares,
    "session_kmeans": SessionKMeans,
    "adaptive_random_forest": ByTask(
        "adaptive_random_forest",
        "models.adaptive_random_forest:ForestOfClasses",
        "models.adaptive_random_forest:ForestOfNumbers",
        heavy=True,
    ),
    "binned_linear": ByTask(
        "binned_linear", "models.binned_linear:BinnedLogistic", "models.binned_linear:BinnedLinear"
    ),
    "prior": Prior,
    "last_label": ByTask("last_label", "models.naive:LastClass", "models.naive:LastNumber", naive=True),
    "own_estimate": OwnEstimate,
    "dbstream": Dbstream,
    "river_kmeans": RiverKMeans,
    "one_segment": OneSegment,
}


COMPILED: dict[str, str] = {
    "token_stack": "models.compiled.token_stack:CompiledTokenStack",
    "relative_least_squares": "models.compiled.relative_least_squares:CompiledRelativeLeastSquares",
    "session_kmeans": "models.compiled.session_kmeans:CompiledSessionKMeans",
}
"""Recipe -> module:class of its compiled body. Imported when asked for: a compiler takes a second to load."""


def columnar(name: str, data: bytes) -> ColumnarModel | None:
    """The compiled body of recipe `name` that goes on from a model's bytes; None where there is none.

    Raises BadModel when the bytes are not its.
    """
    place = COMPILED.get(name)
    if place is None:
        return None
    module, _, kind = place.partition(":")
    return cast(ColumnarModel, getattr(import_module(module), kind).from_bytes(data))


def is_heavy(name: str) -> bool:
    """Whether a recipe is slow: it may be given a share of the events only."""
    return bool(getattr(_recipe(name), "heavy", False))


def is_naive(name: str) -> bool:
    """Whether a recipe is an answer that costs nothing, by which the others are measured."""
    return bool(getattr(_recipe(name), "naive", False))


def build(application: Application, name: str | None = None) -> OnlineModel:
    """A fresh model: the recipe `name`, or the first one that the application declares.

    Raises KeyError with the recipes there are, ValueError when the recipe does not fit the application.
    """
    return _recipe(name or application.online[0]).build(application)


def restore(application: Application, name: str, data: bytes) -> OnlineModel:
    """The model of recipe `name` that goes on from its bytes.

    Raises KeyError when the application does not declare that recipe or no such recipe exists,
    BadModel when the bytes are not its.
    """
    if name not in application.online:
        raise KeyError(
            f"{application.name} does not declare the model {name!r}; it has {', '.join(application.online)}"
        )
    return _recipe(name).from_bytes(data)


def _recipe(name: str) -> Recipe:
    try:
        return RECIPES[name]
    except KeyError:
        raise KeyError(f"no recipe {name!r}; there are {', '.join(RECIPES)}") from None
