"""The bytes of fitted estimators: CatBoost's own format, and skops for scikit-learn. Never pickle.

estimator -> (format, bytes) -> estimator

skops builds only types that are named here; CatBoost's format holds trees and no code.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal
from zipfile import ZIP_DEFLATED, BadZipFile

from models.base import BadModel

Format = Literal["catboost.classifier", "catboost.regressor", "skops"]

ALLOWED = frozenset(
    {
        "numpy.dtype",
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss._loss.CyAbsoluteError",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.CyHalfSquaredError",
        "sklearn.compose._column_transformer._RemainderColsList",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "models.registered.preprocessing.Signed",
    }
)
"""What skops may build beyond the types of scikit-learn and numpy that it trusts by itself."""


def encoded(estimator: Any) -> tuple[Format, bytes]:
    """An estimator's format and bytes; raises TypeError for one that neither format takes."""
    from catboost import CatBoost, CatBoostClassifier

    if isinstance(estimator, CatBoost):
        kind: Format = (
            "catboost.classifier" if isinstance(estimator, CatBoostClassifier) else "catboost.regressor"
        )
        return kind, _cbm(estimator)
    from skops import io as skops

    data: bytes = skops.dumps(estimator, compression=ZIP_DEFLATED)
    strange = sorted(set(skops.get_untrusted_types(data=data)) - ALLOWED)
    if strange:
        raise TypeError(
            f"{type(estimator).__name__} holds types that would not be read: {', '.join(strange)}"
        )
    return "skops", data


def decoded(kind: str, data: bytes) -> Any:
    """The estimator that `encoded` was given; raises BadModel for any other bytes."""
    match kind:
        case "catboost.classifier" | "catboost.regressor":
            return _from_cbm(kind, data)
        case "skops":
            return _from_skops(data)
        case _:
            raise BadModel(f"an estimator in the format {kind!r}; known are catboost.* and skops")


def _cbm(estimator: Any) -> bytes:
    # CatBoost writes to a path only.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        estimator.save_model(str(path), format="cbm")
        return path.read_bytes()


def _from_cbm(kind: str, data: bytes) -> Any:
    from catboost import CatBoostClassifier, CatBoostError, CatBoostRegressor

    made = CatBoostClassifier() if kind == "catboost.classifier" else CatBoostRegressor()
    try:
        return made.load_model(blob=data)
    except CatBoostError as error:
        raise BadModel(f"CatBoost can't read these {len(data)} bytes: {_first_line(error)}") from None


def _from_skops(data: bytes) -> Any:
    from skops import io as skops
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.loads(data, trusted=sorted(ALLOWED))
    except UntrustedTypesFoundException as error:
        raise BadModel(f"the bytes hold types that are not allowed: {_first_line(error)}") from None
    except (BadZipFile, KeyError, ValueError, TypeError, OSError) as error:
        raise BadModel(f"skops can't read these {len(data)} bytes: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
