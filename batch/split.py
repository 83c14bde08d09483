"""A data set split by time, and its way to disk and back: a run's held-out rows travel with it.

Dataset -> train, validation, test -> parquet (zstd) -> artifacts of a run -> diagnostics
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from batch.datasets import Dataset, Source, Texts, by_entity
from batch.history import BadData
from batch.parts import Parts, widest
from core.declaration import Application, Classification

LEAST = 100
"""Fewer rows (of a clustering: sessions) are no data set: twenty to validate on and twenty to test."""

_SOURCE = "split.json"


@dataclass(frozen=True, slots=True)
class Split:
    """Train before validation before test. In a clustering every part holds its own entities' sessions."""

    train: Dataset
    validation: Dataset
    test: Dataset
    left_out: int = 0
    """Rows (of a clustering: sessions) whose label becomes known only after the part behind them begins."""

    @property
    def parts(self) -> dict[str, Dataset]:
        """The three by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split(dataset: Dataset) -> Split:
    """By time, 60/20/20; raises BadData when there are too few rows, or a part without both classes."""
    rows = dataset.visits or dataset
    if rows.rows < LEAST:
        raise BadData(f"{_told(rows)}: at least {LEAST} are needed ({rows.source.how})")
    times, known_at = (moments.astype(np.int64) for moments in (rows.times, rows.known_at))
    parts = widest(times, known_at)
    if parts is None or parts.rows < LEAST:
        raise BadData(_no_room(rows, parts))
    fold = by_entity if dataset.visits is not None else _same
    train, validation, test = (fold(rows.take(part)) for part in parts)
    made = Split(train, validation, test, rows.rows - parts.rows)
    _check_classes(made)
    return made


def _same(dataset: Dataset) -> Dataset:
    return dataset


def _told(dataset: Dataset) -> str:
    start, end = dataset.source.start, dataset.source.end
    what = "sessions" if dataset.target is None else dataset.application.noun
    return f"{dataset.rows:,} {what} from {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC"


def _no_room(dataset: Dataset, parts: Parts | None) -> str:
    used = 0 if parts is None else parts.rows
    return (
        f"{_told(dataset)}: only {used:,} can be split so that every label is known before the next part "
        f"begins, at least {LEAST} are needed; take more rows, or wait for more history"
    )


def _check_classes(made: Split) -> None:
    task = made.train.application.task
    if not isinstance(task, Classification):
        return
    for name, part in made.parts.items():
        assert part.target is not None  # noqa: S101
        positives = int(part.target.sum())
        if positives in (0, part.rows):
            raise BadData(
                f"{name}: {part.rows:,} {part.application.noun}, {positives:,} of them with {task.label} "
                f"{task.positive}; both classes are needed in every part: take more rows"
            )


class _Saved(msgspec.Struct, kw_only=True):
    """What a folder of a split tells besides its rows."""

    application: str
    left_out: int
    source: Source


def save(made: Split, folder: Path) -> None:
    """Writes the parts as parquet with zstd, and where they come from; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in made.parts.items():
        rows = part.frame.copy(deep=False)
        beside = {"@time": part.times, "@known_at": part.known_at, "@key": part.keys}
        for column, values in (beside | ({} if part.target is None else {"@target": part.target})).items():
            rows[column] = values
        rows.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
        if part.texts is not None:
            texts = pd.DataFrame({"text": part.texts.text, "row": part.texts.row})
            texts.to_parquet(folder / f"{name}.texts.parquet", compression="zstd", index=False)
    about = _Saved(application=made.train.application.name, left_out=made.left_out, source=made.train.source)
    (folder / _SOURCE).write_bytes(msgspec.json.encode(about))


def saved(application: Application, folder: Path) -> Split:
    """The split that was saved; raises BadData when it is not whole, or another application's."""
    try:
        about = msgspec.json.decode((folder / _SOURCE).read_bytes(), type=_Saved)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadData(f"{folder} holds no split: {error}") from None
    if about.application != application.name:
        raise BadData(f"{folder} holds rows of {about.application}, not of {application.name}")
    train, validation, test = (
        _part(application, folder, name, about.source) for name in ("train", "validation", "test")
    )
    return Split(train, validation, test, about.left_out)


def _part(application: Application, folder: Path, name: str, source: Source) -> Dataset:
    try:
        rows = pd.read_parquet(folder / f"{name}.parquet")
        times, known_at, keys = (rows.pop(c).to_numpy() for c in ("@time", "@known_at", "@key"))
        target = rows.pop("@target").to_numpy() if "@target" in rows else None
        where = folder / f"{name}.texts.parquet"
        texts = pd.read_parquet(where) if where.exists() else None
    except (OSError, KeyError, ValueError) as error:
        raise BadData(f"{folder / name}.parquet can't be read: {error}") from None
    return Dataset(
        application=application,
        frame=rows,
        target=target,
        times=times.astype("datetime64[us]"),
        known_at=known_at.astype("datetime64[us]"),
        keys=np.asarray(keys, dtype=object),
        texts=None if texts is None else Texts(texts["text"].to_numpy(dtype=object), texts["row"].to_numpy()),
        source=source,
    )
