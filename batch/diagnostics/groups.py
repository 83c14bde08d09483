"""The groups by which pictures are coloured: classes, quarters of a number, segments.

labels or answers -> Groups (name and place of each row's group)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from batch.diagnostics.scored import class_names
from batch.diagnostics.segments import segment_name
from batch.diagnostics.subject import Drawn, Floats, Indices, Part, Subject
from core.declaration import Classification, Clustering, Regression
from core.diagnostics.shapes import Sample

RARE = 200
"""Rows of a class that a picture shows at least, where there are so many."""


class Groups(NamedTuple):
    """Which group each of n rows is in."""

    names: tuple[str, ...]
    codes: Indices
    """(n,): places in `names`."""
    title: str
    """What the groups are, for a legend or a note."""

    def members(self) -> Iterator[tuple[str, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]]:
        """Each group's name and (n,) whether a row is in it; groups without a row are passed over."""
        for place, name in enumerate(self.names):
            mask = self.codes == place
            if mask.any():
                yield name, mask

    def take(self, rows: Indices) -> Groups:
        """The groups of some of the rows."""
        return self._replace(codes=self.codes[rows])


def groups(subject: Subject, target: Floats | None, answers: Floats) -> Groups:
    """Of rows with their labels, or with their segments where nothing is labelled."""
    match subject.application.task:
        case Classification(label=label):
            return Groups(
                class_names(subject.application), (_known(target) > 0.5).astype(np.int64), f"by {label}"
            )
        case Regression(label=label, unit=unit):
            return quarters(_known(target), label, unit)
        case Clustering():
            return by_segment(answers)


def quarters(target: Floats, label: str, unit: str) -> Groups:
    """Four groups of about equal size by the value of a number; fewer where values repeat."""
    edges = np.unique(np.quantile(target, (0.25, 0.5, 0.75)))
    codes = np.searchsorted(edges, target, side="right").astype(np.int64)
    bounds = [f"{edge:,.4g}" for edge in edges]
    space = f" {unit}" if unit else ""
    names = [f"below {bounds[0]}{space}"]
    names += [f"{low} to {high}{space}" for low, high in pairwise(bounds)]
    names.append(f"{bounds[-1]}{space} and more")
    return Groups(tuple(names), codes, f"by quarters of {label}")


def by_segment(answers: Floats) -> Groups:
    """The segments that occur, by number."""
    numbers, codes = np.unique(answers.astype(np.int64), return_inverse=True)
    return Groups(tuple(segment_name(n) for n in numbers), codes.astype(np.int64), "by segment")


def pictured(subject: Subject, most: int, part: Part = "test") -> tuple[Drawn, Groups]:
    """At most `most` random rows of a part with their groups; of a rare class at least `RARE`, if there are.

    The share of a class in a picture is then not its share in the data: the sample says so.
    """
    if not isinstance(subject.application.task, Classification):
        drawn = subject.sample(most, part)
        return drawn, groups(subject, drawn.dataset.target, drawn.answers)
    truth = subject.truth(part)
    rows = with_rare(truth, subject.drawn(len(truth), most), most, subject.rng())
    dataset = subject.part(part).take(rows)
    sample = subject.told(len(rows), part)
    if len(rows) < len(truth) and len(rows):
        sample = _said(sample, truth, rows)
    drawn = Drawn(dataset=dataset, answers=subject.answers(part)[rows], rows=rows, sample=sample)
    return drawn, groups(subject, dataset.target, drawn.answers)


def with_rare(truth: Floats, rows: Indices, most: int, rng: np.random.Generator) -> Indices:
    """Rows with more of the rare class put in the place of others, up to `RARE` of it; ascending."""
    classes = (truth > 0.5).astype(np.int64)
    rare = int(np.bincount(classes, minlength=2).argmin())
    wanted = min(RARE, most // 4, int((classes == rare).sum()))
    have = rows[classes[rows] == rare]
    if len(have) >= wanted:
        return rows
    missing = np.setdiff1d(np.flatnonzero(classes == rare), have)
    more = rng.choice(missing, wanted - len(have), replace=False)
    others = rows[classes[rows] != rare]
    others = rng.choice(others, min(len(others), most - wanted), replace=False)
    return np.sort(np.concatenate([have, more, others])).astype(np.int64)


def _said(sample: Sample, truth: Floats, rows: Indices) -> Sample:
    drawn, whole = truth[rows].mean(), truth.mean()
    if abs(drawn - whole) <= 0.02:
        return sample
    how = f"{sample.how}; with more of the rare class ({drawn:.0%} instead of {whole:.1%})"
    return Sample(rows=sample.rows, available=sample.available, split=sample.split, how=how)


def _known(target: Floats | None) -> Floats:
    if target is None:
        raise ValueError("a labelled task without labels")
    return target


def few(made: Groups, most: int = 12) -> Groups:
    """The largest groups by name; the rest becomes one called "others"."""
    if len(made.names) <= most:
        return made
    sizes = np.bincount(made.codes, minlength=len(made.names))
    kept = np.sort(np.argsort(-sizes, kind="stable")[: most - 1])
    places = np.full(len(made.names), len(kept))
    places[kept] = np.arange(len(kept))
    return Groups((*(made.names[n] for n in kept), "others"), places[made.codes], made.title)


def shares(codes: Indices, size: int) -> Floats:
    """(size,): the share of the rows in each group."""
    counted: Floats = np.bincount(codes, minlength=size) / max(1, len(codes))
    return counted
