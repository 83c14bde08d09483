"""River's adaptive random forest of classes, kept from changing when it is asked.

River's observers of nominal inputs, and the scores of its trees, note a class when they are asked about it
for the first time. The forest's bytes would then depend on which questions came between its lessons. Reading
the scores once per lesson also makes an answer several times as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any

from river.forest import ARFClassifier
from river.forest.adaptive_random_forest import BaseTreeClassifier
from river.tree.nodes.arf_htc_nodes import RandomLeafNaiveBayesAdaptive
from river.tree.splitter.nominal_splitter_classif import NominalSplitterClassif


class StillNominal(NominalSplitterClassif):
    """Counts of a nominal input per class."""

    def cond_proba(self, att_val: Any, target_val: Any) -> float:
        """How probable the value is in a class; 0 in a class that was not seen."""
        if target_val not in self._att_dist_per_class:
            return 0.0
        return float(super().cond_proba(att_val, target_val))  # type: ignore[no-untyped-call]


class StillLeaf(RandomLeafNaiveBayesAdaptive):
    """A leaf whose nominal inputs are counted by `StillNominal`."""

    @staticmethod
    def new_nominal_splitter() -> StillNominal:
        """An observer without a lesson."""
        return StillNominal()  # type: ignore[no-untyped-call]


class StillTree(BaseTreeClassifier):
    """A tree of such leaves."""

    def _new_leaf(self, initial_stats: Any = None, parent: Any = None) -> StillLeaf:
        depth = 0 if parent is None else parent.depth + 1
        return StillLeaf(initial_stats or {}, depth, self.splitter, self.max_features, self.rng)  # type: ignore[no-untyped-call]


class StillForest(ARFClassifier):
    """A forest of such trees, whose votes weigh as much as the trees' scores after the latest lesson."""

    weights: Sequence[float] = ()

    def learn_one(self, x: Any, y: Any, **kwargs: Any) -> None:
        """Takes one lesson."""
        super().learn_one(x, y, **kwargs)
        # A tree without a score votes as River lets it: unweighted.
        self.weights = [float(metric.get()) or 1.0 for metric in self._metrics]

    def predict_proba_one(self, x: Any, **kwargs: Any) -> dict[Any, float]:
        """The weighted mean of the trees' probabilities; empty where no tree has an opinion."""
        votes: dict[Any, float] = {}
        for tree, weight in zip(self, self.weights, strict=True):
            for label, probability in tree.predict_proba_one(x).items():
                votes[label] = votes.get(label, 0.0) + weight * probability
        whole = sum(votes.values())
        return {label: vote / whole for label, vote in votes.items()} if whole > 0 else {}

    def _new_base_model(self) -> StillTree:
        tree = super()._new_base_model()  # type: ignore[no-untyped-call]
        return StillTree(**{name: getattr(tree, name) for name in signature(BaseTreeClassifier).parameters})
