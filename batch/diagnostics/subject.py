"""What a diagnostic looks at, and what it finds.

run -> model, held-out rows -> Subject -> computation -> Found -> Result
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from batch.progress import Progress, Silent
from core.declaration import Application
from core.diagnostics.shapes import Fact, Panel, Sample

if TYPE_CHECKING:
    from batch.datasets import Dataset
    from batch.split import Split
    from batch.trainers.trainer import Trainer
    from models.registered.inputs import Input
    from models.registered.model import BatchModel

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Part = Literal["train", "validation", "test"]

MOST_POINTS = 2_000
"""Points of a cloud that a screen draws at ease."""


class Unanswerable(ValueError):
    """The question can't be answered of this run; says what is missing and what is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a computation found; together with the question it becomes a `Result`."""

    panels: list[Panel]
    facts: list[Fact]
    sample: Sample
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Some rows of a part: which, what the model answers to them, and how they were drawn."""

    dataset: Dataset
    answers: Floats
    """(n,): probability of the positive class, number, or segment number."""
    rows: Indices
    """(n,): their places in the part, ascending, so that time still runs forward."""
    sample: Sample


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A run: its model, the rows it was fitted on and those held out, and means to fit it again."""

    application: Application
    model: BatchModel
    split: Split
    trainer: Trainer
    threads: int = 1
    progress: Progress = field(default_factory=Silent)
    seed: int = 42
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def part(self, name: Part = "test") -> Dataset:
        """The rows of one part of the split."""
        parts: dict[str, Dataset] = {
            "train": self.split.train,
            "validation": self.split.validation,
            "test": self.split.test,
        }
        return parts[name]

    def answers(self, name: Part = "test") -> Floats:
        """(n,): what the model answers to every row of a part; asked once."""
        found: Floats = self.once(("answers", name), lambda: self.model.answers(self.part(name).frame))
        return found

    def truth(self, name: Part = "test") -> Floats:
        """(n,): the label of every row of a part, 1.0 for the positive class; raises Unanswerable."""
        target = self.part(name).target
        if target is None:
            raise Unanswerable(f"{self.application.name} has no label: nothing to compare the answers with")
        return target

    def sample(self, most: int, name: Part = "test") -> Drawn:
        """At most `most` rows of a part, drawn at random with the seed; answers only for those drawn."""
        whole = self.part(name)
        rows = self.drawn(whole.rows, most)
        dataset = whole if len(rows) == whole.rows else whole.take(rows)
        known = self._cache.get(("answers", name))
        answers = self.model.answers(dataset.frame) if known is None else known[rows]
        return Drawn(dataset=dataset, answers=answers, rows=rows, sample=self.told(len(rows), name))

    def drawn(self, available: int, most: int) -> Indices:
        """Places of at most `most` of `available` rows, at random with the seed, ascending."""
        if available <= most:
            return np.arange(available)
        return np.sort(self.rng().choice(available, most, replace=False))

    def told(self, rows: int, name: Part = "test") -> Sample:
        """What to say of a sample of a part."""
        available = self.part(name).rows
        how = "" if rows >= available else f"random, seed {self.seed}"
        return Sample(rows=rows, available=available, split=name, how=how)

    def rng(self) -> np.random.Generator:
        """A generator that starts from the seed: the same request draws the same rows."""
        return np.random.default_rng(self.seed)

    def inputs(self, *kinds: str) -> tuple[Input, ...]:
        """The model's inputs in order, or those of the given kinds ("number", "flag", "category")."""
        from models.registered.inputs import inputs

        mine = [one for one in inputs(self.application) if one.name in self.model.inputs]
        return tuple(one for one in mine if not kinds or one.kind in kinds)

    def input(self, name: str, *kinds: str) -> Input:
        """The input that a person chose, of the given kinds; raises Unanswerable with those there are."""
        among = self.inputs(*kinds)
        for one in among:
            if one.name == name:
                return one
        raise Unanswerable(f"no such input {name!r}; there are {', '.join(one.name for one in among)}")

    def watched(self, progress: Progress) -> Subject:
        """The same run with another progress; what was computed stays."""
        return replace(self, progress=progress)

    def once(self, key: Any, compute: Callable[[], Any]) -> Any:
        """The value under `key`, computed at the first call."""
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]


Computation = Callable[[Subject, Mapping[str, Any]], Found]
