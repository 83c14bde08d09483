"""Which rows of a split travel with the run: all to test and validate on, a sample of a long train part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from batch.datasets import Dataset
from batch.split import Split

MOST = {"train": 100_000, "validation": 200_000, "test": 200_000}
"""Rows of each part that are kept."""

SEED = 42


def kept(made: Split) -> Split:
    """The split with no part longer than is kept; longer ones are sampled at random, in order of time."""
    parts = {name: _sampled(part, MOST[name]) for name, part in made.parts.items()}
    return replace(made, train=parts["train"], validation=parts["validation"], test=parts["test"])


def told(made: Split) -> dict[str, str]:
    """For a person, which rows of each part are kept."""
    return {
        name: "all" if part.rows <= MOST[name] else f"{MOST[name]:,} of {part.rows:,}, random, seed {SEED}"
        for name, part in made.parts.items()
    }


def _sampled(part: Dataset, most: int) -> Dataset:
    if part.rows <= most:
        return part
    return part.take(np.sort(np.random.default_rng(SEED).choice(part.rows, most, replace=False)))
