"""How good a clustering is: how far segments are apart, how many there should be, what each is like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import silhouette_samples

from batch.diagnostics import segment_counts
from batch.diagnostics.arrays import cells, number, short, table
from batch.diagnostics.effects import importance
from batch.diagnostics.segments import segment_name, space
from batch.diagnostics.subject import Computation, Drawn, Floats, Found, Part, Subject, Unanswerable
from core.diagnostics.shapes import Axis, Bars, Fact, Heat, Lines, Mark, Panel, Points

SILHOUETTE_ROWS = 1_500
PROFILED = 24
"""Inputs of a persona that are shown: those in which segments differ most."""

TELLING = 3
"""Inputs by which a segment is told in words."""

FAR = 3.0
"""Standard deviations at which the colours of a profile end."""


def _drawn(subject: Subject, most: int, part: Part = "test") -> tuple[Drawn, Floats]:
    """Rows of a part and where they stand, in the space in which the model measures distances."""
    drawn = subject.sample(most, part)
    if len(np.unique(drawn.answers)) < 2:
        raise Unanswerable(
            f"all {len(drawn.answers):,} {part} rows lie in one segment: there is nothing to compare"
        )
    return drawn, space(subject.model, drawn.dataset.frame)


def _silhouette(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The silhouette of every row, sorted within its segment."""
    drawn, points = _drawn(subject, SILHOUETTE_ROWS)
    segments = drawn.answers.astype(np.int64)
    values = silhouette_samples(points, segments)
    series, facts, start = [], [Fact(title="Mean silhouette", value=short(float(values.mean())))], 0
    for segment in np.unique(segments):
        mine = np.sort(values[segments == segment])[::-1]
        x = np.arange(start, start + len(mine))
        low, high = np.minimum(mine, 0), np.maximum(mine, 0)
        name = f"{segment_name(segment)} (n = {len(mine):,}, mean {mine.mean():.2f})"
        series.append(Lines(name=name, x=cells(x), y=cells(mine), low=cells(low), high=cells(high)))
        below = float(np.mean(mine < 0))
        facts.append(Fact(title=f"Below 0 in {segment_name(segment)}", value=short(below)))
        start += len(mine)
    panel = Panel(
        title="Silhouette of every row, by segment",
        x=Axis(title="Rows, sorted within their segment"),
        y=Axis(title="Silhouette", low=-1, high=1),
        series=list(series),
        marks=[Mark(text="mean", y=short(float(values.mean())))],
        wide=True,
    )
    return Found(panels=[panel], facts=facts, sample=drawn.sample)


def _distances(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The segments' middles in two dimensions that keep their distances as well as can be (MDS)."""
    drawn, points = _drawn(subject, 50_000)
    segments = drawn.answers.astype(np.int64)
    names = np.unique(segments)
    middles = np.array([points[segments == segment].mean(axis=0) for segment in names])
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=2)
    flat, kept = _scaled(apart)
    shares = np.array([np.mean(segments == segment) for segment in names])
    bubbles = [
        Points(
            name=segment_name(segment),
            x=cells(flat[[place], 0]),
            y=cells(flat[[place], 1]),
            size=[float(f"{6 * share**0.5:.4g}")],
            text=[f"{segment_name(segment)}: {share:.1%} of the rows"],
        )
        for place, (segment, share) in enumerate(zip(names, shares, strict=True))
    ]
    spread = [
        float(np.linalg.norm(points[segments == one] - middle, axis=1).mean())
        for one, middle in zip(names, middles, strict=True)
    ]
    panels = [
        Panel(
            title="Segments by their distance; areas are sizes",
            x=Axis(title="First dimension"),
            y=Axis(title="Second dimension"),
            series=list(bubbles),
            square=True,
        ),
        *_tables([segment_name(one) for one in names], apart, spread),
    ]
    near = np.where(np.eye(len(names), dtype=bool), np.inf, apart)
    facts = [
        Fact(title="Smallest distance of two middles", value=short(float(near.min()))),
        Fact(title="Largest mean distance within", value=short(max(spread))),
        Fact(title="Of the distances kept in two dimensions", value=short(kept)),
    ]
    return Found(panels=panels, facts=facts, sample=drawn.sample)


def _tables(names: list[str], apart: Floats, spread: list[float]) -> list[Panel]:
    """The distances themselves: of the middles, and within each segment."""
    axis = Axis(title="Segment", scale="category", categories=names)
    text = [[f"{value:.2f}" for value in row] for row in apart.tolist()]
    return [
        Panel(
            title="Distance of the middles",
            x=axis,
            y=axis,
            series=[Heat(name="distance", values=table(apart), text=text, low=0)],
            square=True,
        ),
        Panel(
            title="Mean distance of the rows to their middle",
            x=axis,
            y=Axis(title="Distance", low=0),
            series=[Bars(name="distance", values=cells(spread))],
        ),
    ]


def _scaled(apart: Floats) -> tuple[Floats, float]:
    """(k, 2): classical multidimensional scaling (Torgerson, 1952), and the share of the spread it keeps."""
    k = len(apart)
    middle = np.eye(k) - 1 / k
    values, vectors = np.linalg.eigh(-middle @ apart**2 @ middle / 2)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    return vectors[:, :2] * np.sqrt(values[:2]), float(values[:2].sum() / (values.sum() or 1))


def _sizes(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The share of each segment in train, validation and test."""
    parts: tuple[Part, ...] = ("train", "validation", "test")
    answers = {part: subject.answers(part).astype(np.int64) for part in parts}
    segments = np.unique(np.concatenate(list(answers.values())))
    bars = [
        Bars(name=part, values=cells(np.mean(answers[part] == segment) for segment in segments))
        for part in parts
    ]
    panel = Panel(
        title="Share of the rows in each segment",
        x=Axis(title="Segment", scale="category", categories=[segment_name(one) for one in segments]),
        y=Axis(title="Share of the part's rows", share=True, low=0),
        series=list(bars),
        wide=True,
    )
    shares = np.array([np.mean(answers["test"] == segment) for segment in segments])
    before = np.array([np.mean(answers["train"] == segment) for segment in segments])
    facts = [
        Fact(title="Segments", value=len(segments)),
        Fact(title="Largest, test", value=short(float(shares.max()))),
        Fact(title="Smallest, test", value=short(float(shares.min()))),
        Fact(title="Rows that changed places, net", value=short(float(np.abs(shares - before).sum() / 2))),
    ]
    return Found(panels=[panel], facts=facts, sample=subject.told(subject.part("test").rows))


def _personas(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The mean of each input in each segment, in standard deviations from the mean of all."""
    drawn = subject.sample(50_000)
    segments = drawn.answers.astype(np.int64)
    names = np.unique(segments)
    leading = list(importance(subject))[:PROFILED]
    inputs = {one.name: one for one in subject.inputs()}
    frame = drawn.dataset.frame[leading].astype(np.float64)
    spread = frame.std(ddof=0).to_numpy()
    means = np.array([frame[segments == segment].mean().to_numpy() for segment in names])
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.where(spread > 0, (means - frame.mean().to_numpy()) / spread, 0.0)
    text = [
        [_in_unit(inputs[name], means[row, place]) for row in range(len(names))]
        for place, name in enumerate(leading)
    ]
    panel = Panel(
        title="What each segment is like",
        x=Axis(
            title="Segment",
            scale="category",
            categories=[f"{segment_name(one)} (n = {int((segments == one).sum()):,})" for one in names],
        ),
        y=Axis(title="Input", scale="category", categories=leading),
        series=[
            Heat(
                name="standard deviations from the mean",
                values=table(far.T),
                text=text,
                low=-FAR,
                high=FAR,
                both_sides=True,
            )
        ],
        note="Colours: standard deviations from the mean of all rows. Texts: the mean itself, in its own "
        "unit.",
        wide=True,
    )
    facts = [
        Fact(title=segment_name(segment), value=_in_words(leading, far[row]))
        for row, segment in enumerate(names)
    ]
    return Found(panels=[panel], facts=facts, sample=drawn.sample)


def _in_unit(one: Any, mean: float) -> str:
    value = float(np.expm1(mean)) if one.log else float(mean)
    return f"{number(value, 3)} {one.unit}".strip()


def _in_words(names: list[str], far: Floats) -> str:
    """The inputs that tell a segment from the others: "more price, less quantity"."""
    order = np.argsort(-np.abs(np.nan_to_num(far)))[:TELLING]
    return ", ".join(f"{'more' if far[at] > 0 else 'less'} {names[at]} ({far[at]:+.1f} sd)" for at in order)


COMPUTATIONS: dict[str, Computation] = {
    "silhouette": _silhouette,
    "elbow": segment_counts.elbow,
    "segment_stability": segment_counts.stability,
    "intercluster_distance": _distances,
    "segment_sizes": _sizes,
    "personas": _personas,
}
