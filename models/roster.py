"""The recipes of online models by name, and how one is made for an application.

application.online[0] -> build -> model -> to_bytes -> restore -> model
"""

from __future__ import annotations

from typing import Protocol

from core.declaration import Application
from models.base import OnlineModel
from models.relative_least_squares import RelativeLeastSquares
from models.session_kmeans import SessionKMeans
from models.token_stack import TokenStack


class Recipe(Protocol):
    """A class of models that can be made for an application and brought back from bytes."""

    def build(self, application: Application) -> OnlineModel:
        """A fresh model for an application; raises ValueError when they don't fit."""

    def from_bytes(self, data: bytes) -> OnlineModel:
        """The model that goes on from its bytes; raises BadModel."""


RECIPES: dict[str, Recipe] = {
    "token_stack": TokenStack,
    "relative_least_squares": RelativeLeastSquares,
    "session_kmeans": SessionKMeans,
}


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
