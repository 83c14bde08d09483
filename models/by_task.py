"""One recipe name with a body per task: `last_label` is a class where classes are told, else a number."""

from __future__ import annotations

from typing import Any

from core.declaration import Application, Classification, Regression
from models.base import BadModel, OnlineModel


class ByTask:
    """Makes the body that serves an application's task, and knows the bytes of each.

    name: of the recipe; classifier, regressor: classes with `build` and `from_bytes`.
    """

    def __init__(
        self, name: str, classifier: Any, regressor: Any, heavy: bool = False, naive: bool = False
    ) -> None:
        self.name = name
        self.heavy = heavy
        self.naive = naive
        self._bodies = (classifier, regressor)

    def build(self, application: Application) -> OnlineModel:
        """A fresh model; raises ValueError when the task is neither."""
        classifier, regressor = self._bodies
        match application.task:
            case Classification():
                made: OnlineModel = classifier.build(application)
            case Regression():
                made = regressor.build(application)
            case _:
                raise ValueError(f"{self.name} has no body for the task of {application.name}")
        return made

    def from_bytes(self, data: bytes) -> OnlineModel:
        """The model that goes on from its bytes, which say of which body they are; raises BadModel."""
        refusals = []
        for body in self._bodies:
            try:
                model: OnlineModel = body.from_bytes(data)
            except BadModel as error:
                refusals.append(str(error))
            else:
                return model
        raise BadModel(f"{self.name}: {'; '.join(refusals)}")
