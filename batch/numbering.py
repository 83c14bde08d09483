"""The segments of a new clustering keep the numbers that the champion gave their like.

champion (MLflow) + new model, on the same entities -> who shares most with whom -> numbers

"Segment 3" is the same kind of entity after a training as before it, as far as there still is one.
"""

from __future__ import annotations

import numpy as np

from batch.datasets import Dataset
from batch.progress import Progress
from batch.runs import champion, load_model
from batch.trainers.clustering import numbered
from core.registry import BadRun
from core.runs import RunSummary
from core.settings import Settings
from models.registered.model import BatchModel


def as_champion(
    settings: Settings, model: BatchModel, rows: Dataset, progress: Progress
) -> tuple[BatchModel, RunSummary | None]:
    """The model with the champion's numbers, and the champion; the model as it is where there is none.

    rows: entities that both are asked about. A champion that can't be used, or that reads other inputs,
    leaves numbers by size; the log says why. Raises TrackingAway.
    """
    if model.kind != "clustering":
        return model, None
    info = champion(settings, rows.application)
    if info is None:
        return model, None
    try:
        before, _ = load_model(settings, rows.application, info.run_id)
    except BadRun as error:
        progress.line(f"segments are numbered by size, for the champion can't be asked: {error}")
        return model, None
    if before.inputs != model.inputs:
        progress.line(
            f"segments are numbered by size, for the champion, run {info.run_id}, reads other inputs"
        )
        return model, None
    made = numbered(model, rows, before)
    kept = float(np.mean(made.answers(rows.frame) == before.answers(rows.frame)))
    progress.line(
        f"segments are numbered as in version {info.version}, run {info.run_id}: "
        f"{kept:.0%} of {rows.rows:,} entities keep their number",
        kept=kept,
    )
    return made, info
