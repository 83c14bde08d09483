"""Batch models as values and as bytes, sealed and not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import msgspec
import numpy as np
import pandas as pd
import pytest

from models.base import BadModel
from models.registered.estimators import decoded, encoded
from models.registered.model import LEADING, BatchModel
from models.registered.sealed import MAGIC, seal, unseal

KEY = b"a key of the tests"


def rows(count: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "amount": rng.normal(size=count),
            "given": (rng.random(count) < 0.5).astype(np.float64),
            "kind": pd.Categorical(rng.choice(["a", "b", "(missing)"], count)),
        }
    )


@cache
def classifier() -> BatchModel:
    from catboost import CatBoostClassifier

    frame = rows()
    truth = (frame["amount"] + frame["given"] + (frame["kind"] == "a") > 1).astype(np.float64)
    estimator = CatBoostClassifier(iterations=30, depth=3, verbose=False, allow_writing_files=False)
    return BatchModel(
        application="toy",
        recipe="catboost",
        kind="classification",
        parameters={"iterations": 30},
        inputs=tuple(frame.columns),
        flags=("given",),
        estimator=estimator.fit(frame, truth, cat_features=["kind"]),
        threshold=0.3,
    )


def test_explanations_tell_values_as_people_know_them() -> None:
    odd = rows(3).assign(amount=[np.nan, 1.5, -1.0], given=[1.0, 0.0, np.nan])
    told = [{one.name: one.value for one in row} for row in classifier().explain(odd)]
    assert told[0]["amount"] is None
    assert told[0]["given"] is True
    assert told[1]["given"] is False
    assert told[2]["given"] is None
    assert told[1]["amount"] == 1.5
    assert {row["kind"] for row in told} <= {"a", "b", "(missing)"}
    assert all(len(row) <= LEADING for row in told)


def test_a_clusterers_distances_are_asked_of_clusterers_only() -> None:
    with pytest.raises(TypeError, match="a classification model measures no distances"):
        classifier().points(rows(2))


def test_a_sealed_model_is_the_same_model() -> None:
    model = unseal(seal(classifier(), KEY), KEY)
    assert (model.answers(rows(20)) == classifier().answers(rows(20))).all()
    assert model.threshold == 0.3


@pytest.mark.parametrize("place", [0, 12, len(MAGIC) + 40, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    blob = bytearray(seal(classifier(), KEY))
    blob[place] ^= 1
    with pytest.raises(BadModel):
        unseal(bytes(blob), KEY)


def test_nothing_is_decoded_before_the_signature_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    blob = seal(classifier(), b"another key")

    def never(data: bytes) -> Any:
        raise AssertionError("decoded what nobody vouches for")

    monkeypatch.setattr(BatchModel, "from_bytes", never)
    with pytest.raises(BadModel, match="signature"):
        unseal(blob, KEY)
    for other in (b"", b"MILLRACE", blob[:30]):
        with pytest.raises(BadModel, match="not a sealed batch model"):
            unseal(other, KEY)


def test_bytes_of_something_else_are_refused() -> None:
    data = classifier().to_bytes()
    whole = msgspec.msgpack.decode(data)
    for wrong in (
        b"",
        b"nonsense",
        data[:-1],
        data[: len(data) // 2],
        msgspec.msgpack.encode({**whole, "format": "millrace.batch_model.0"}),
        msgspec.msgpack.encode({**whole, "form": "pickle"}),
        msgspec.msgpack.encode({**whole, "form": "skops"}),
        msgspec.msgpack.encode({**whole, "estimator": whole["estimator"][: len(whole["estimator"]) // 2]}),
        msgspec.msgpack.encode({**whole, "estimator": b"nonsense"}),
    ):
        with pytest.raises(BadModel):
            BatchModel.from_bytes(wrong)


def test_types_beyond_the_allowed_ones_are_neither_written_nor_read() -> None:
    from skops import io as skops

    class_ = type("Strange", (), {"__module__": __name__})
    globals()["Strange"] = class_
    with pytest.raises(TypeError, match="Strange"):
        encoded(class_())
    with pytest.raises(BadModel, match="Strange"):
        decoded("skops", skops.dumps(class_()))


def test_a_damaged_archive_is_refused() -> None:
    from sklearn.preprocessing import StandardScaler

    form, data = encoded(StandardScaler().fit(np.arange(6.0).reshape(3, 2)))
    assert form == "skops"
    assert decoded(form, data).mean_ == pytest.approx([2, 3])
    empty = BytesIO()
    with ZipFile(empty, "w") as archive:
        archive.writestr("schema.json", "{}")
    for wrong in (b"", data[: len(data) // 2], empty.getvalue()):
        with pytest.raises(BadModel):
            decoded(form, wrong)


def test_a_regressor_without_a_target_says_so() -> None:
    model = replace(classifier(), kind="regression", target=None)
    with pytest.raises(BadModel, match="target"):
        model.answers(rows(2))
