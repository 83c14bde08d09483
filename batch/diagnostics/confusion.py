"""Answers at a threshold: confusion, report per class, what each class was taken for."""

from __future__ import annotations

import numpy as np

from batch.diagnostics.arrays import cells, wilson
from batch.diagnostics.arrays import table as tabled
from batch.diagnostics.scored import Scored, share
from core.diagnostics.shapes import Axis, Bars, Fact, Heat, Panel

Pictures = tuple[list[Panel], list[Fact]]


def counts(one: Scored) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """(2, 2): rows by what happened (down) and what was answered (across), negative first."""
    alarms = one.answers >= one.threshold
    happened = one.truth > 0
    return np.array(
        [
            [np.sum(~happened & ~alarms), np.sum(~happened & alarms)],
            [np.sum(happened & ~alarms), np.sum(happened & alarms)],
        ]
    )


def confusion(one: Scored) -> Pictures:
    """Counts, and shares of what happened."""
    table = counts(one)
    shares = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    across = Axis(title="Answered", scale="category", categories=list(one.classes))
    down = Axis(title="Happened", scale="category", categories=list(one.classes))
    text = [[f"{count:,}" for count in row] for row in table.tolist()]
    percent = [[f"{part:.2%}" for part in row] for row in shares.tolist()]
    panels = [
        Panel(
            title="Rows",
            x=across,
            y=down,
            series=[Heat(name="Rows", values=tabled(table), text=text, low=0)],
            square=True,
        ),
        Panel(
            title="Share of what happened",
            x=across,
            y=down,
            series=[Heat(name="Share", values=tabled(shares), text=percent, low=0, high=1)],
            square=True,
        ),
    ]
    return panels, _facts(one, table)


def _facts(one: Scored, table: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> list[Fact]:
    (_, false_alarms), (missed, hits) = table.tolist()
    return [
        Fact(title="Threshold", value=float(f"{one.threshold:.4g}")),
        Fact(title="Precision", value=_ratio(hits, hits + false_alarms)),
        Fact(title="Recall", value=_ratio(hits, hits + missed)),
        Fact(title="False alarms", value=false_alarms),
        Fact(title="Missed", value=missed),
    ]


def report(one: Scored) -> Pictures:
    """Precision, recall and F1 of each class with its rows."""
    table = counts(one)
    support = table.sum(axis=1)
    scores = [_scores(table, number) for number in (0, 1)]
    macro = [float(np.nanmean(column)) for column in zip(*scores, strict=True)]
    weighted = [float(np.average(column, weights=support)) for column in zip(*scores, strict=True)]
    rows = [*scores, macro, weighted]
    named = [f"{name} (n = {n:,})" for name, n in zip(one.classes, support.tolist(), strict=True)]
    down = Axis(title="Class", scale="category", categories=[*named, "mean of classes", "weighted by rows"])
    heat = Heat(
        name="Score",
        values=tabled(rows),
        text=[[f"{value:.3f}" for value in row] for row in rows],
        low=0,
        high=1,
    )
    across = Axis(title="Score", scale="category", categories=["precision", "recall", "F1"])
    classes = Axis(title="Class", scale="category", categories=list(one.classes))
    panels = [
        Panel(title="Scores per class", x=across, y=down, series=[heat]),
        Panel(
            title="Rows per class",
            x=Axis(title="Rows", scale="log"),
            y=classes,
            series=[Bars(name="Rows", values=cells(support))],
        ),
    ]
    return panels, [
        Fact(title="Threshold", value=float(f"{one.threshold:.4g}")),
        Fact(title="Accuracy", value=_ratio(int(np.trace(table)), int(table.sum()))),
    ]


def class_prediction_error(one: Scored) -> Pictures:
    """For each class that happened, what it was taken for: in rows and in shares."""
    table = counts(one)
    totals = np.maximum(1, table.sum(axis=1))
    happened = Axis(title="Happened", scale="category", categories=list(one.classes))
    low, high = wilson(table[:, 1], table.sum(axis=1))
    panels = [
        Panel(
            title="Rows",
            x=happened,
            y=Axis(title="Rows"),
            series=[
                Bars(name=f"answered {name}", values=cells(table[:, place]), stack="answers")
                for place, name in enumerate(one.classes)
            ],
        ),
        Panel(
            title="Share of what happened",
            x=happened,
            y=share("Share"),
            series=[
                Bars(name=f"answered {name}", values=cells(table[:, place] / totals), stack="answers")
                for place, name in enumerate(one.classes)
            ],
            note=f"Taken for {one.classes[1]!r}, with 95 %: "
            + "; ".join(
                f"{name}: {a:.1%} to {b:.1%}" for name, a, b in zip(one.classes, low, high, strict=True)
            ),
        ),
    ]
    return panels, _facts(one, table)


def _scores(table: np.ndarray[tuple[int, int], np.dtype[np.int64]], number: int) -> list[float]:
    """Precision, recall and F1 of a class; 0 where it was never answered."""
    hits = float(table[number, number])
    precision = hits / max(1.0, float(table[:, number].sum()))
    recall = hits / max(1.0, float(table[number].sum()))
    return [precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0]


def _ratio(part: int, whole: int) -> float | None:
    return float(f"{part / whole:.4g}") if whole else None
