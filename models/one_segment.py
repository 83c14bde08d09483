"""The naive clustering: all customers are of one kind."""

from __future__ import annotations

from models.base import BadModel
from models.ecci_session import INPUTS
from models.session_clusterer import SessionClusterer


class OneSegment(SessionClusterer):
    """Puts everyone into segment 0: what every other clustering has to be better than.

    It is asked about the same events and settles the same customers as the others.
    """

    naive = True

    recipe = "one_segment"

    def _teach(self, vector: list[float]) -> None:
        """There is nothing to learn."""

    def _number(self, vector: list[float]) -> int:
        return 0

    def _centres(self) -> list[list[float]]:
        return [[0.0] * len(INPUTS)]

    def _dump(self) -> bytes:
        return b""

    def _load(self, payload: bytes) -> None:
        if payload:
            raise BadModel("one_segment knows nothing, these bytes do")
