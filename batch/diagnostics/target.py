"""What is to be told: how it is spread, how it moves, and which inputs know something of it.

labels or segments of train, validation, test -> shares, histograms, mutual information, correlation
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from batch.diagnostics import binning, periods
from batch.diagnostics.arrays import cells, histogram, wilson
from batch.diagnostics.cells import grid, named, ordered, rounded, written
from batch.diagnostics.features import edges
from batch.diagnostics.groups import Groups, groups
from batch.diagnostics.matrix import fill, matrix
from batch.diagnostics.ranks import codes
from batch.diagnostics.scored import class_names
from batch.diagnostics.segments import segment_name
from batch.diagnostics.subject import Computation, Drawn, Floats, Found, Part, Subject, Unanswerable
from core.declaration import Classification, Clustering, Regression
from core.diagnostics.shapes import Axis, Bars, Cell, Fact, Heat, Lines, Panel, Sample, Series

if TYPE_CHECKING:
    import pandas as pd

    from models.registered.inputs import Input

PARTS: tuple[Part, ...] = ("train", "validation", "test")

MOST = 3_000
"""Rows for mutual information: it looks for each row's neighbours."""

MOST_SHOWN = 30


def every_row(subject: Subject) -> Sample:
    """All rows of all parts."""
    rows = sum(subject.part(part).rows for part in PARTS)
    return Sample(rows=rows, available=rows, split="train, validation, test")


def class_balance(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """How frequent each class is in train, validation and test."""
    task = subject.application.task
    if not isinstance(task, Classification):
        raise Unanswerable(f"{subject.application.name} has no classes")
    positive = np.array([(subject.truth(part) > 0.5).mean() for part in PARTS])
    sizes = [(int((subject.truth(part) > 0.5).sum()), subject.part(part).rows) for part in PARTS]
    parts = Axis(title="Part", scale="category", categories=list(PARTS))
    negative_name, positive_name = class_names(subject.application)
    low, high = wilson([found for found, _ in sizes], [rows for _, rows in sizes])
    panels = [
        Panel(
            title=f"Share of {positive_name}",
            x=parts,
            y=Axis(title="Share of the rows", low=0, share=True),
            series=[
                Bars(
                    name=positive_name,
                    values=cells(positive),
                    low=cells(low),
                    high=cells(high),
                )
            ],
            note="Error bars: 95 %, for chance alone.",
        ),
        Panel(
            title="Rows by class",
            x=parts,
            y=Axis(title="Rows", scale="log"),
            series=[
                Bars(name=negative_name, values=[rows - found for found, rows in sizes]),
                Bars(name=positive_name, values=[found for found, _ in sizes]),
            ],
        ),
    ]
    facts = [
        Fact(title=f"{positive_name} in {part}", value=found, unit=f"of {rows:,} rows")
        for part, (found, rows) in zip(PARTS, sizes, strict=True)
    ]
    return Found(panels=panels, facts=facts, sample=every_row(subject))


def target_distribution(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """How the number is spread in train, validation and test."""
    task = subject.application.task
    if not isinstance(task, Regression):
        raise Unanswerable(f"{subject.application.name} does not predict a number")
    values = {part: subject.truth(part) for part in PARTS}
    together = np.concatenate(list(values.values()))
    at = edges(np.clip(together, *np.quantile(together, (0.001, 0.999))), 50)
    series: list[Series] = []
    for part, numbers in values.items():
        made = histogram(numbers, at)
        series.append(Lines(name=part, x=made.x, y=made.y, step=True))
    spread = Panel(
        title=f"Distribution of {task.label}",
        x=Axis(title=task.label, unit=task.unit),
        y=Axis(title="Share of the part", low=0, share=True),
        series=series,
        wide=True,
        note="The outermost bins hold all that lies beyond them.",
    )
    steps = np.linspace(0, 1, 101)
    below: list[Series] = [
        Lines(name=part, x=cells(np.quantile(numbers, steps)), y=cells(steps))
        for part, numbers in values.items()
    ]
    cumulative = Panel(
        title="Share of the rows below each value",
        x=Axis(title=task.label, unit=task.unit),
        y=Axis(title="Share of the rows", low=0, high=1, share=True),
        series=below,
    )
    facts = [
        Fact(title=f"Median in {part}", value=rounded(np.median(numbers)), unit=task.unit)
        for part, numbers in values.items()
    ]
    return Found(panels=[spread, cumulative], facts=facts, sample=every_row(subject))


def cluster_distribution(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """How large each segment is in train, validation and test."""
    answers = {part: subject.answers(part).astype(np.int64) for part in PARTS}
    numbers = np.unique(np.concatenate([*answers.values(), [one.number for one in subject.model.segments]]))
    parts = {part: np.array([(said == n).mean() for n in numbers]) for part, said in answers.items()}
    panel = Panel(
        title="Size of the segments",
        x=Axis(title="Segment", scale="category", categories=[segment_name(n) for n in numbers]),
        y=Axis(title="Share of the part", low=0, share=True),
        series=[Bars(name=part, values=cells(share)) for part, share in parts.items()],
        wide=True,
    )
    moved = float(np.abs(parts["test"] - parts["train"]).sum() / 2)
    facts = [
        Fact(title="Segments", value=len(numbers)),
        Fact(title="Smallest in train", value=rounded(100 * parts["train"].min()), unit="%"),
        Fact(
            title="Rows that would have to move for test to be as train", value=rounded(100 * moved), unit="%"
        ),
    ]
    return Found(panels=[panel], facts=facts, sample=every_row(subject))


def information(
    frame: pd.DataFrame, inputs: tuple[Input, ...], target: Floats, discrete: bool, seed: int
) -> Floats:
    """(inputs,): the mutual information of each input with the target, in nats.

    Flags and categories by counts, numbers by nearest neighbours (Kraskov 2004, Ross 2014), nulls as medians.
    """
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    columns = [codes(frame, one) if one.kind == "category" else _filled(frame, one) for one in inputs]
    mask = np.array([one.kind != "number" for one in inputs])
    measure = mutual_info_classif if discrete else mutual_info_regression
    found = measure(np.column_stack(columns), target, discrete_features=mask, random_state=seed, n_jobs=1)
    return np.asarray(found, dtype=np.float64)


def _filled(frame: pd.DataFrame, one: Input) -> Floats:
    return fill(frame[one.name].to_numpy(np.float64)[:, None])[0][:, 0]


def _target(subject: Subject, drawn: Drawn) -> tuple[Floats, bool]:
    """What is to be told of the drawn rows, and whether it is a class."""
    if isinstance(subject.application.task, Clustering):
        return drawn.answers, True
    truth = subject.truth("train")[drawn.rows]
    return truth, isinstance(subject.application.task, Classification)


def _aim(subject: Subject) -> str:
    return subject.application.label or "the segment"


def mutual_information(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """How much each input alone tells of the target, and how much it would by chance."""
    drawn = subject.sample(MOST, "train")
    inputs, frame = subject.inputs(), drawn.dataset.frame
    target, discrete = _target(subject, drawn)
    subject.progress.line(f"mutual information of {len(inputs)} inputs", inputs=len(inputs))
    found = information(frame, inputs, target, discrete, subject.seed)
    subject.progress.check()
    chance = information(frame, inputs, subject.rng().permutation(target), discrete, subject.seed)
    order = ordered([one.name for one in inputs], found)[:MOST_SHOWN]
    names = [named(inputs[n]) for n in order]
    panel = Panel(
        title=f"Mutual information with {_aim(subject)}",
        x=Axis(title="Mutual information", unit="nats", low=0),
        y=Axis(title="Input", scale="category", categories=names),
        series=[
            Bars(name="measured", values=cells(found[order])),
            Bars(name="by chance (target shuffled)", values=cells(chance[order])),
        ],
        wide=True,
    )
    facts = [Fact(title=f"Tells most: {names[0]}", value=rounded(found[order[0]]), unit="nats")]
    if discrete:
        sizes = np.unique(target, return_counts=True)[1] / len(target)
        entropy = rounded(-(sizes * np.log(sizes)).sum())
        facts.append(Fact(title=f"All there is to know of {_aim(subject)}", value=entropy, unit="nats"))
    return Found(panels=[panel], facts=facts, sample=drawn.sample, note=_TRAIN)


_TRAIN = "From train rows: what inputs are worth is not chosen on the rows that are reported."


def target_correlation(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """Pearson's correlation of each numeric input with the target, or with being in each segment."""
    drawn = subject.sample(5 * MOST, "train")
    columns = matrix(drawn.dataset.frame, subject.inputs("number", "flag"), least=1)
    note = f"{_TRAIN} Categories have no correlation: see mutual information. {columns.note}".strip()
    if isinstance(subject.application.task, Clustering):
        made = groups(subject, None, drawn.answers)
        panel = _by_segment(columns.inputs, columns.values, made)
        return Found(panels=[panel], facts=[], sample=drawn.sample, note=note)
    truth = subject.truth("train")[drawn.rows]
    if np.ptp(truth) == 0:
        raise Unanswerable(f"{_aim(subject)} has one value only in {len(truth)} train rows")
    plain, ranked = with_target(columns.values, truth)
    order = ordered([one.name for one in columns.inputs], np.abs(plain))[:MOST_SHOWN]
    panel = Panel(
        title=f"Correlation with {_aim(subject)}",
        x=Axis(title="Correlation", low=-1, high=1),
        y=Axis(title="Input", scale="category", categories=[named(columns.inputs[n]) for n in order]),
        series=[
            Bars(name="Pearson", values=cells(plain[order])),
            Bars(name="Spearman", values=cells(ranked[order])),
        ],
        wide=True,
    )
    first = columns.inputs[order[0]]
    facts = [Fact(title=f"Strongest: {named(first)}", value=rounded(plain[order[0]]))]
    return Found(panels=[panel], facts=facts, sample=drawn.sample, note=note)


def with_target(values: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Pearson's and Spearman's correlation of every column of (n, m) with a target (n,): each (m,)."""
    from scipy.stats import rankdata

    ranks = np.apply_along_axis(rankdata, 0, values)
    return _pearson(values, target), _pearson(ranks, rankdata(target))


def _pearson(values: Floats, target: Floats) -> Floats:
    centred, aim = values - values.mean(axis=0), target - target.mean()
    spread = np.sqrt((centred**2).sum(axis=0) * (aim**2).sum())
    made: Floats = centred.T @ aim / np.where(spread > 0, spread, np.nan)
    return made


def _by_segment(inputs: tuple[Input, ...], values: Floats, made: Groups) -> Panel:
    """Segment numbers have no order, so each is a yes or no of its own."""
    table = np.column_stack(
        [_pearson(values, (made.codes == n).astype(np.float64)) for n in range(len(made.names))]
    )
    order = ordered([one.name for one in inputs], np.abs(table).max(axis=1))[:MOST_SHOWN]
    columns: list[Cell] = list(made.names)
    heat = Heat(
        name="Pearson",
        values=grid(table[order]),
        text=written(table[order]),
        low=-1,
        high=1,
        both_sides=True,
    )
    return Panel(
        title="Correlation with being in a segment",
        x=Axis(title="Segment", scale="category", categories=[str(name) for name in columns]),
        y=Axis(title="Input", scale="category", categories=[named(inputs[n]) for n in order]),
        series=[heat],
        wide=True,
    )


COMPUTATIONS: dict[str, Computation] = {
    "class_balance": class_balance,
    "target_distribution": target_distribution,
    "cluster_distribution": cluster_distribution,
    "mutual_information": mutual_information,
    "target_correlation": target_correlation,
    "balanced_binning": binning.balanced_binning,
    "target_over_time": periods.target_over_time,
}
