"""What MLflow itself knows of a training: the model in its native flavour, and the data sets.

The full client is imported here, in the job's process, and only to write files and descriptions: it alone
knows its formats. Nothing of them is ever read back by the suite, which decodes sealed bytes only.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from batch.datasets import Dataset
from models.registered.estimators import ALLOWED

if TYPE_CHECKING:
    from models.registered.model import BatchModel

P = ParamSpec("P")
T = TypeVar("T")

EXAMPLE_ROWS = 5

DIGEST_BYTES = 16

CONTEXT = "mlflow.data.context"


def _quiet(call: Callable[P, T]) -> Callable[P, T]:
    """Without MLflow's warnings: of its imports, of deprecated forms, of an environment not made by pip."""

    @wraps(call)
    def quiet(*args: P.args, **named: P.kwargs) -> T:
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(*args, **named)

    return quiet


@_quiet
def save_native(model: BatchModel, example: pd.DataFrame, folder: Path, model_id: str, run_id: str) -> None:
    """Writes the estimator with signature and input example in the flavour of its own library.

    What a regressor's estimator says may stand in relation to a naive answer: the metadata tells it.
    """
    from mlflow.models import Model

    rows = _plain(example[list(model.inputs)])
    about = Model(
        model_id=model_id,
        run_id=run_id,
        metadata={
            "application": model.application,
            "recipe": model.recipe,
            "threshold": model.threshold,
            "target": None if model.target is None else model.target.form,
        },
    )
    shared: dict[str, Any] = {
        "mlflow_model": about,
        "signature": _signature(rows, model),
        "input_example": rows,
        "pip_requirements": _requirements(model),
    }
    _save(model, str(folder), shared)


def _save(model: BatchModel, folder: str, shared: Mapping[str, Any]) -> None:
    if _is_catboost(model):
        import mlflow.catboost

        mlflow.catboost.save_model(model.estimator, folder, **shared)
        return
    import mlflow.sklearn

    mlflow.sklearn.save_model(
        model.estimator,
        folder,
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        # Types beyond skops' own that the estimator may be made of: whoever loads it trusts them.
        skops_trusted_types=sorted(ALLOWED),
        **shared,
    )


@_quiet
def dataset_input(name: str, part: Dataset) -> dict[str, Any]:
    """A part of a split as MLflow's REST API takes an input of a run."""
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    source = part.source
    events, version = next(iter(source.tables.items()))
    described = MetaDataset(  # type: ignore[abstract]
        source=DeltaDatasetSource(path=f"{source.uri}/{events}", delta_table_version=version),
        name=f"{part.application.name}.{name}",
        digest=digest(part),
        schema=_schema(_plain(part.frame.head(1))),
    ).to_dict()
    profile = {
        "rows": part.rows,
        "start": str(part.times[0]),
        "end": str(part.times[-1]),
        "tables": source.tables,
        "how": source.how,
    }
    return {
        "tags": [{"key": CONTEXT, "value": name}],
        "dataset": described | {"profile": json.dumps(profile)},
    }


def digest(part: Dataset) -> str:
    """A short hash of all rows: the same for the same inputs, labels and times."""
    found = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for name, column in part.frame.items():
        found.update(str(name).encode())
        if isinstance(column.dtype, pd.CategoricalDtype):
            found.update("\0".join(map(str, column.cat.categories)).encode())
            found.update(np.ascontiguousarray(column.cat.codes.to_numpy()).tobytes())
        else:
            found.update(np.ascontiguousarray(column.to_numpy(dtype=np.float64)).tobytes())
    found.update(part.times.astype("datetime64[us]").tobytes())
    if part.target is not None:
        found.update(part.target.tobytes())
    return found.hexdigest()


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as the text that they are: how a caller would send them."""
    texts = [name for name, kind in frame.dtypes.items() if isinstance(kind, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(texts, object))


def _schema(rows: pd.DataFrame) -> Any:
    from mlflow.types import ColSpec, DataType, Schema

    return Schema(
        [
            ColSpec(DataType.double if pd.api.types.is_numeric_dtype(kind) else DataType.string, str(name))
            for name, kind in rows.dtypes.items()
        ]
    )


def _signature(rows: pd.DataFrame, model: BatchModel) -> Any:
    """Inputs by name and type; the output is what the native model's `predict` gives."""
    from mlflow.models import ModelSignature, infer_signature

    outputs = infer_signature(model_output=np.asarray(model.estimator.predict(rows))).outputs
    return ModelSignature(inputs=_schema(rows), outputs=outputs)


def _is_catboost(model: BatchModel) -> bool:
    return type(model.estimator).__module__.partition(".")[0] == "catboost"


def _requirements(model: BatchModel) -> list[str]:
    from importlib.metadata import version

    names = ["catboost"] if _is_catboost(model) else ["scikit-learn", "skops"]
    return [f"{name}=={version(name)}" for name in [*names, "pandas", "numpy"]]
