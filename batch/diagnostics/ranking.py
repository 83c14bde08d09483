"""How well probabilities rank: ROC, precision-recall, DET, KS, gain, lift."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from scipy.stats import ks_2samp, rankdata
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from batch.diagnostics.arrays import Z_95, Interval, cells, short, thinned
from batch.diagnostics.confusion import Pictures
from batch.diagnostics.scored import Scored, share
from batch.diagnostics.subject import Floats
from core.diagnostics.shapes import Axis, Fact, Lines, Mark, Panel, Points, Series

RESAMPLES = 100
RESAMPLED_ROWS = 20_000

ISO_F1 = (0.2, 0.4, 0.6, 0.8)
DET_RATES = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)
MOST_DOTS = 40


def auc_interval(truth: Floats, answers: Floats) -> Interval:
    """The area under the ROC curve with its 95 % interval (DeLong, 1988, by midranks: Sun and Xu, 2014)."""
    positives, negatives = answers[truth > 0], answers[truth <= 0]
    m, n = len(positives), len(negatives)
    ranks = rankdata(np.concatenate([positives, negatives]))
    auc = float((ranks[:m].sum() - m * (m + 1) / 2) / (m * n))
    if min(m, n) < 2:
        return Interval(auc, np.nan, np.nan)
    above = (ranks[:m] - rankdata(positives)) / n
    below = 1 - (ranks[m:] - rankdata(negatives)) / m
    half = Z_95 * float(np.sqrt(np.var(above, ddof=1) / m + np.var(below, ddof=1) / n))
    return Interval(auc, max(0.0, auc - half), min(1.0, auc + half))


def precision_interval(truth: Floats, answers: Floats, rng: np.random.Generator) -> Interval:
    """Average precision with its 95 % interval, from resamples of at most 20,000 rows (bootstrap)."""
    value = float(average_precision_score(truth, answers))
    rows = rng.choice(len(truth), min(len(truth), RESAMPLED_ROWS), replace=False)
    order = rows[np.argsort(-answers[rows], kind="stable")]
    hits, found = truth[order], []
    for _ in range(RESAMPLES):
        weights = np.bincount(rng.integers(0, len(order), len(order)), minlength=len(order))
        hit, all_ = weights * hits, np.maximum(1, np.cumsum(weights))
        if hit.sum():
            found.append(float(np.sum(hit * np.cumsum(hit) / all_) / hit.sum()))
    low, high = np.quantile(found, [0.025, 0.975]) if found else (np.nan, np.nan)
    return Interval(value, float(low), float(high))


def roc(one: Scored) -> Pictures:
    """True positives over false positives, with the served threshold on the curve; then each class."""
    across, up = share("False positive rate"), share("True positive rate")
    chance = Lines(name="chance", x=[0.0, 1.0], y=[0.0, 1.0], reference=True)
    fpr, tpr, thresholds = roc_curve(one.truth, one.answers)
    auc = auc_interval(one.truth, one.answers)
    marked = _served(one, fpr, tpr, thresholds, "false positives", "found")
    panels = [
        Panel(
            title=f"ROC of {one.classes[1]!r}",
            x=across,
            y=up,
            series=[_line(f"AUC {auc.value:.4f}", fpr, tpr), marked, chance],
            square=True,
        )
    ]
    both, pooled = _both(one)
    lines: list[Series] = []
    for name, truth, answers in both:
        x, y, _ = roc_curve(truth, answers)
        lines.append(_line(f"{name}, AUC {roc_auc_score(truth, answers):.4f}", x, y))
    x, y, _ = roc_curve(*pooled)
    micro = roc_auc_score(*pooled)
    panels.append(
        Panel(
            title="Each class and the micro average",
            x=across,
            y=up,
            series=[*lines, _line(f"micro average, AUC {micro:.4f}", x, y), chance],
            square=True,
            note="With two classes both have the same area, which is also the macro average; the micro "
            "average pools all answers and is led by the frequent class.",
        )
    )
    return panels, [_interval_fact("ROC AUC", auc), Fact(title="AUC, micro average", value=short(micro))]


def precision_recall(one: Scored, rng: np.random.Generator) -> Pictures:
    """Precision over recall with chance and lines of equal F1; then each class."""
    across, up = share("Recall"), share("Precision")
    precision, recall, thresholds = precision_recall_curve(one.truth, one.answers)
    ap = precision_interval(one.truth, one.answers, rng)
    level = float(one.truth.mean())
    marked = _served(one, recall[:-1][::-1], precision[:-1][::-1], thresholds[::-1], "recall", "precision")
    iso: list[Series] = []
    for f1 in ISO_F1:
        r = np.linspace(f1 / (2 - f1), 1, 40)
        iso.append(Lines(name=f"F1 = {f1:g}", x=cells(r), y=cells(f1 * r / (2 * r - f1)), reference=True))
    chance = Lines(name=f"chance ({level:.2%})", x=[0.0, 1.0], y=cells([level, level]), reference=True)
    panels = [
        Panel(
            title=f"Precision and recall of {one.classes[1]!r}",
            x=across,
            y=up,
            series=[_line(f"AP {ap.value:.4f}", recall, precision), marked, chance, *iso],
            square=True,
        )
    ]
    both, pooled = _both(one)
    lines: list[Series] = []
    for name, truth, answers in [*both, ("micro average", *pooled)]:
        y, x, _ = precision_recall_curve(truth, answers)
        lines.append(_line(f"{name}, AP {average_precision_score(truth, answers):.4f}", x, y))
    panels.append(Panel(title="Each class and the micro average", x=across, y=up, series=lines, square=True))
    return panels, [_interval_fact("Average precision", ap), Fact(title="Chance level", value=short(level))]


def det(one: Scored) -> Pictures:
    """Misses over false alarms on axes of the normal deviate, where equal normals give a straight line."""
    fpr, tpr, thresholds = roc_curve(one.truth, one.answers, drop_intermediate=False)
    inside = (fpr > 0) & (fpr < 1) & (tpr > 0) & (tpr < 1)
    x, y, at = fpr[inside], 1 - tpr[inside], thresholds[inside]
    kept = thinned(ndtri(x), ndtri(y)) if len(x) else np.arange(0)
    dots = kept[:: max(1, len(kept) // MOST_DOTS)]
    texts = [
        f"false alarms {a:.3%}, missed {b:.2%}, threshold {c:.4g}"
        for a, b, c in zip(x[dots], y[dots], at[dots], strict=True)
    ]
    series: list[Series] = [
        Lines(name="model", x=cells(ndtri(x[kept])), y=cells(ndtri(y[kept]))),
        Points(name="thresholds", x=cells(ndtri(x[dots])), y=cells(ndtri(y[dots])), text=texts),
        Lines(name="chance", x=cells(ndtri([0.001, 0.999])), y=cells(ndtri([0.999, 0.001])), reference=True),
    ]
    marks = [Mark(text=f"{rate:.1%}", x=float(f"{ndtri(rate):.6g}")) for rate in DET_RATES]
    marks += [Mark(text=f"{rate:.1%}", y=float(f"{ndtri(rate):.6g}")) for rate in DET_RATES]
    panel = Panel(
        title="Detection error trade-off",
        x=Axis(title="False positive rate (normal deviate)"),
        y=Axis(title="False negative rate (normal deviate)"),
        series=series,
        marks=marks,
        square=True,
        note="Grid lines are the rates themselves.",
    )
    equal = int(np.argmin(np.abs(fpr - (1 - tpr))))
    rate = float(fpr[equal] + 1 - tpr[equal]) / 2
    return [panel], [
        Fact(title="Equal error rate", value=short(rate)),
        Fact(title="at threshold", value=short(float(min(1.0, thresholds[equal])))),
    ]


def ks(one: Scored) -> Pictures:
    """How the answers of either class pile up, and where they are furthest apart."""
    positives, negatives = one.answers[one.truth > 0], one.answers[one.truth <= 0]
    grid = np.unique(one.answers)
    below = [
        np.searchsorted(np.sort(side), grid, side="right") / len(side) for side in (negatives, positives)
    ]
    widest = int(np.argmax(np.abs(below[0] - below[1])))
    test = ks_2samp(positives, negatives, method="asymp")
    axis = probability_axis(one)
    x = np.maximum(grid, axis.low or 0)
    lines: list[Series] = []
    for name, y in zip(one.classes, below, strict=True):
        kept = thinned(np.log(np.maximum(x, 1e-9)) if axis.scale == "log" else x, y)
        lines.append(Lines(name=name, x=cells(x[kept]), y=cells(y[kept]), step=True))
    panel = Panel(
        title="Share of each class with at most this probability",
        x=axis,
        y=share("Share of the class"),
        series=lines,
        marks=[Mark(text=f"KS {test.statistic:.3f}", x=short(float(x[widest])))],
    )
    return [panel], [
        Fact(title="KS statistic", value=short(float(test.statistic))),
        Fact(title="at probability", value=short(float(grid[widest]))),
        Fact(title="p-value", value=float(f"{test.pvalue:.2g}")),
    ]


def gain(one: Scored) -> Pictures:
    """The share found over the share looked at, most suspect first; for both classes."""
    lines: list[Series] = []
    for name, truth, answers in _both(one)[0]:
        looked, found = _gained(truth, answers)
        lines.append(_line(name, looked, found))
    level = float(one.truth.mean())
    looked, found = _gained(one.truth, one.answers)
    panel = Panel(
        title="Cumulative gain",
        x=share("Share of rows looked at"),
        y=share("Share of the class found"),
        series=[
            *lines,
            Lines(name="perfect", x=cells([0, level, 1]), y=[0.0, 1.0, 1.0], reference=True),
            Lines(name="chance", x=[0.0, 1.0], y=[0.0, 1.0], reference=True),
        ],
        square=True,
    )
    return [panel], [
        Fact(title=f"Found in the first {part:.0%}", value=short(float(np.interp(part, looked, found))))
        for part in (0.01, 0.05, 0.1)
    ]


def lift(one: Scored) -> Pictures:
    """How many times more often than by chance, over the share looked at; for both classes."""
    lines: list[Series] = []
    for name, truth, answers in _both(one)[0]:
        looked, found = _gained(truth, answers)
        kept = looked >= min(0.002, 0.5)
        lines.append(_line(name, looked[kept], found[kept] / looked[kept]))
    looked, found = _gained(one.truth, one.answers)
    panel = Panel(
        title="Lift",
        x=share("Share of rows looked at"),
        y=Axis(title="Times better than chance", low=0),
        series=[*lines, Lines(name="chance", x=[0.0, 1.0], y=[1.0, 1.0], reference=True)],
    )
    return [panel], [
        Fact(title=f"Lift in the first {part:.0%}", value=short(float(np.interp(part, looked, found)) / part))
        for part in (0.01, 0.05, 0.1)
    ]


def probability_axis(one: Scored) -> Axis:
    """Probabilities: on a logarithmic axis where positives are rare and most answers lie close to 0."""
    if one.truth.mean() >= 0.1:
        return share("Probability")
    least = float(np.clip(np.quantile(one.answers, 0.001), 1e-6, 1e-2))
    return Axis(title="Probability", scale="log", share=True, low=float(f"{least:.1g}"), high=1)


def _gained(truth: Floats, answers: Floats) -> tuple[Floats, Floats]:
    """Share looked at and share found; rows with the same answer come together."""
    order = np.argsort(-answers, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(answers[order])), len(order) - 1)
    found = np.cumsum(truth[order])[ends] / truth.sum()
    return np.insert((ends + 1) / len(order), 0, 0.0), np.insert(found, 0, 0.0)


def _both(one: Scored) -> tuple[list[tuple[str, Floats, Floats]], tuple[Floats, Floats]]:
    """Either class as the positive one, the declared one first; and all of it pooled."""
    both = [
        (one.classes[1], one.truth, one.answers),
        (one.classes[0], 1 - one.truth, 1 - one.answers),
    ]
    pooled = np.concatenate([one.truth, 1 - one.truth]), np.concatenate([one.answers, 1 - one.answers])
    return both, pooled


def _served(one: Scored, x: Floats, y: Floats, thresholds: Floats, across: str, up: str) -> Points:
    """Where on a curve the served threshold is; thresholds descend."""
    place = max(0, int(np.searchsorted(-thresholds, -one.threshold, side="right")) - 1)
    text = f"threshold {one.threshold:.4g}: {across} {x[place]:.2%}, {up} {y[place]:.2%}"
    return Points(name="served threshold", x=cells(x[[place]]), y=cells(y[[place]]), text=[text], size=[2.0])


def _line(name: str, x: Floats, y: Floats) -> Lines:
    kept = thinned(x, y)
    return Lines(name=name, x=cells(x[kept]), y=cells(y[kept]))


def _interval_fact(title: str, one: Interval) -> Fact:
    known = np.isfinite(one.low)
    return Fact(
        title=title, value=f"{one.value:.4f}" + (f" ({one.low:.4f} to {one.high:.4f})" if known else "")
    )
