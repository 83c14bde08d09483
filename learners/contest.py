"""Who answers requests: the champion, and when a challenger takes its place; pure.

rolling scores of every model -> review -> promotion by rule
a person's word               -> appoint -> promotion by hand, and no more by rule until `release`
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from core.metrics import Metric
from core.records import Promotion

MARGIN = 0.03
"""By what share of the champion's rolling score a challenger's must be better."""

LEAST_LABELS = 1000
"""Labels that both must have been scored on."""

REST_LABELS = 5000
"""Labels after a promotion before the next one by rule: as many as a rolling window holds."""

REMEMBERED = 20
"""Promotions that are kept."""


class Form(NamedTuple):
    """How a model does at the moment."""

    score: float | None
    """Its rolling score; None while it has none."""
    labels: int
    """On how many labels it was scored since it entered."""
    eligible: bool
    """Trained, and no answer that costs nothing: those are what the others are measured by."""


class Contest:
    """The champion of one application."""

    def __init__(self, champion: str, pinned: bool = False, history: list[Promotion] | None = None) -> None:
        self.champion = champion
        self.pinned = pinned
        self.history = history or []
        """Newest last."""

    def review(
        self, metric: Metric, forms: Mapping[str, Form], taught: int, time: datetime | None
    ) -> Promotion | None:
        """Promotes the best challenger when the rule says so.

        metric: the rolling score that decides; taught: labels so far; time: of the stream.
        """
        if self.pinned or (self.history and taught - self.history[-1].taught < REST_LABELS):
            return None
        now = forms[self.champion]
        ready = {
            name: form.score
            for name, form in forms.items()
            if form.eligible and form.score is not None and form.labels >= LEAST_LABELS
        }
        if now.score is None or now.labels < LEAST_LABELS or not ready:
            return None
        sign = 1 if metric.better == "higher" else -1
        best = max(ready, key=lambda name: (sign * ready[name], name == self.champion))
        gain = sign * (ready[best] - now.score)
        if best == self.champion or gain <= MARGIN * abs(now.score):
            return None
        reason = f"{metric.title} {ready[best]:.4g} against {now.score:.4g}"
        return self._promote(best, taught, time, f"by rule: {reason}")

    def appoint(self, name: str, taught: int, time: datetime | None) -> Promotion | None:
        """A person's choice: holds until `release`. None when it is the champion already."""
        self.pinned = True
        return None if name == self.champion else self._promote(name, taught, time, "by hand")

    def release(self) -> None:
        """The rule decides again."""
        self.pinned = False

    def _promote(self, name: str, taught: int, time: datetime | None, reason: str) -> Promotion:
        made = Promotion(time=time, taught=taught, before=self.champion, after=name, reason=reason)
        self.champion = name
        self.history = [*self.history, made][-REMEMBERED:]
        return made
