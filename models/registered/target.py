"""What a regressor's estimator is taught: the label itself, or the label in relation to a naive answer.

label -> taught (itself, ratio, logarithm of the ratio) -> estimator -> said -> answer, not below the floor
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from core.recipes import FORMS, Form

__all__ = ["FORMS", "Form", "Target"]

Floats = npt.NDArray[np.float64]

LEAST = 1e-9
"""A label or base of 0 has no ratio."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the target, and the input that it refers to."""

    form: Form
    base: str
    """The input that answers the label at no cost; of no meaning for the form `label`."""
    floor: float
    """No answer is below it; nor is a base, which a ratio may divide by."""
    usual: float
    """Stands in for a base that is not known: the median of the training rows."""

    def taught(self, label: Floats, frame: pd.DataFrame) -> Floats:
        """(n,): what the estimator shall say of these rows."""
        match self.form:
            case "label":
                return label
            case "ratio":
                return label / self._bases(frame)
            case "log_ratio":
                return np.log(np.maximum(label, max(self.floor, LEAST)) / self._bases(frame))

    def answer(self, said: Floats, frame: pd.DataFrame) -> Floats:
        """(n,): numbers in the label's unit from what the estimator said."""
        return np.maximum(self._free(said, frame), self.floor)

    def effects(self, told: Floats, frame: pd.DataFrame) -> Floats:
        """(n, inputs + 1): SHAP values of the estimator in the label's unit; the last column is the usual.

        They still add up to the answer. Of logarithms the difference is shared out by the logarithmic mean
        (B. W. Ang, Energy Policy 32, 2004: additive LMDI), which leaves no rest.
        """
        match self.form:
            case "label":
                return told
            case "ratio":
                return told * self._bases(frame)[:, None]
            case "log_ratio":
                bases = self._bases(frame)
                usual = bases * np.exp(told[:, -1])
                whole = told[:, :-1].sum(axis=1)
                moved = usual * np.expm1(whole)
                mean = np.divide(moved, whole, out=usual.copy(), where=np.abs(whole) > LEAST)
                return np.column_stack([told[:, :-1] * mean[:, None], usual])

    def _free(self, said: Floats, frame: pd.DataFrame) -> Floats:
        match self.form:
            case "label":
                return said
            case "ratio":
                return said * self._bases(frame)
            case "log_ratio":
                return np.exp(said) * self._bases(frame)

    def _bases(self, frame: pd.DataFrame) -> Floats:
        told = frame[self.base].to_numpy(dtype=np.float64)
        return np.maximum(np.where(np.isnan(told), self.usual, told), max(self.floor, LEAST))
