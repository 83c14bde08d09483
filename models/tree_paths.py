"""How a tree came to its answer: what each split on the way from root to leaf added.

    root -> child -> ... -> leaf: the mean below each node; a step's change is its split's (Saabas, 2014,
    "Interpreting random forests"; treeinterpreter), and what naive Bayes adds in the leaf is its inputs'

Means are of all lessons that lie below a node now. River's branches keep only those before their split.
"""

from __future__ import annotations

from collections import defaultdict
from math import exp, inf, log
from typing import Any, NamedTuple

from river.tree.base import Branch

NOTHING = 1e-9
"""Log-likelihood ratios whose sum is smaller than this cancel out."""

Effects = dict[int, float]
"""Key of an input -> by how much it moved the answer."""

Totals = tuple[float, float]
"""Weight of lessons, and the sum of their labels (1 of a positive one, 0 of a negative)."""


class Path(NamedTuple):
    """usual: the mean at the root; answer: usual and all effects together."""

    usual: float
    answer: float
    effects: Effects


def regression_path(tree: Any, x: dict[int, float]) -> Path | None:
    """The path of a regression tree with mean leaves; None of a tree without a lesson."""
    walked = _walk(tree, x, _numbers)
    return walked and walked[0]


def class_path(tree: Any, x: dict[int, float], positive: bool) -> Path | None:
    """The path to the probability of `positive`; None where the tree has no opinion."""
    walked = _walk(tree, x, lambda leaf: _classes(leaf, positive))
    if walked is None:
        return None
    (usual, mean, effects), leaf = walked
    told = leaf.prediction(x, tree=tree)
    if not sum(told.values()):
        return None
    answer = told.get(positive, 0.0)
    if answer != mean:
        shares = _shares(leaf, x, positive)
        for key, share in shares.items():
            effects[key] += (answer - mean) * share
        if not shares:
            usual += answer - mean
    return Path(usual, answer, effects)


def _walk(tree: Any, x: dict[int, float], totals: Any) -> tuple[Path, Any] | None:
    if tree._root is None:
        return None
    below: dict[int, Totals] = {}
    _sum_up(tree._root, totals, below)
    node: Any = tree._root
    usual = mean = _mean(below[id(node)], 0.0)
    effects: Effects = defaultdict(float)
    while isinstance(node, Branch):
        try:
            child = node.next(x)
        except KeyError:  # the input is missing, or has a value that was never seen here
            _, child = node.most_common_path()
        moved = _mean(below[id(child)], mean)
        effects[node.feature] += moved - mean  # type: ignore[attr-defined]
        node, mean = child, moved
    return Path(usual, mean, effects), node


def _sum_up(node: Any, totals: Any, below: dict[int, Totals]) -> Totals:
    if isinstance(node, Branch):
        parts = [_sum_up(child, totals, below) for child in node.children]
        below[id(node)] = sum(w for w, _ in parts), sum(s for _, s in parts)
    else:
        below[id(node)] = totals(node)
    return below[id(node)]


def _mean(totals: Totals, otherwise: float) -> float:
    weight, total = totals
    return total / weight if weight else otherwise


def _numbers(leaf: Any) -> Totals:
    weight = float(leaf.stats.mean.n)
    return weight, weight * float(leaf.stats.mean.get())


def _classes(leaf: Any, positive: bool) -> Totals:
    return float(sum(leaf.stats.values())), float(leaf.stats.get(positive, 0.0))


def _shares(leaf: Any, x: dict[int, float], positive: bool) -> Effects:
    """How the inputs that naive Bayes read share what it added: by their log-likelihood ratios.

    Evenly where these say nothing: when they cancel out, or when the leaf has lessons of one class only.
    """
    ratios = {
        key: _log_proba(observer, x[key], positive) - _log_proba(observer, x[key], not positive)
        for key, observer in (leaf.splitters or {}).items()
        if key in x
    }
    whole = sum(ratios.values())
    if abs(whole) < NOTHING or min(leaf.stats.get(label, 0.0) for label in (True, False)) == 0:
        return dict.fromkeys(ratios, 1.0 / len(ratios)) if ratios else {}
    return {key: ratio / whole for key, ratio in ratios.items()}


def _log_proba(observer: Any, value: float, label: bool) -> float:
    """As River's naive Bayes counts it: what is impossible or unknown adds nothing."""
    if hasattr(observer, "cond_log_proba"):
        told = observer.cond_log_proba(value, label)
        return float(told) if told > -inf else 0.0
    told = observer.cond_proba(value, label)
    return log(told) if told > 0 else 0.0


def logit(probability: float) -> float:
    """ln(p / (1 - p)) of a probability between 0 and 1, both excluded."""
    return log(probability / (1.0 - probability))


def sigmoid(logit: float) -> float:
    """1 / (1 + exp(-logit)) without overflow."""
    if logit >= 0:
        return 1.0 / (1.0 + exp(-logit))
    odds = exp(logit)
    return odds / (1.0 + odds)
