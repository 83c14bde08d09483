from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from river import datasets, linear_model, tree
from river.datasets import base as datasets_base

import models
from models.base import BadModel
from models.river_bytes import _State, dump, load


def sealed(pickled: bytes, texts: list[str] | None = None) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(_State(texts or [], pickled)))


class _Runs:
    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> Any:
        return self._call[0], self._call[1:]


@pytest.mark.parametrize(
    "value",
    [
        _Runs(os.system, "true"),
        _Runs(eval, "1"),
        _Runs(getattr, linear_model.LinearRegression(), "learn_one"),
        _Runs(getattr, linear_model.LinearRegression, "__init__"),
        _Runs(datasets.Phishing),
        Path(),
    ],
    ids=["os.system", "eval", "getattr", "getattr of a class", "a data set", "a path"],
)
def test_what_is_no_part_of_a_model_is_refused(value: Any) -> None:
    with pytest.raises(BadModel, match=r"no part of a model|can't be an estimator"):
        load(sealed(pickle.dumps(value, 5)), object)


@pytest.mark.parametrize("name", ["os", "os.system", "annotations", "HoeffdingTreeClassifier.learn_one"])
def test_a_module_of_river_opens_no_other_door(name: str) -> None:
    """River's modules import others; what they name is reached by no path."""
    assert hasattr(datasets_base, "os"), "a module of River does import os"
    module = "river.tree.hoeffding_tree_classifier"
    for of in (module, "river.datasets.base"):
        stream = pickle.PROTO + b"\x05" + _text(of) + _text(name) + pickle.STACK_GLOBAL + pickle.STOP
        with pytest.raises(BadModel):
            load(sealed(stream), object)


def _text(value: str) -> bytes:
    return pickle.SHORT_BINUNICODE + bytes([len(value)]) + value.encode()


def test_another_estimator_is_refused() -> None:
    with pytest.raises(BadModel, match="hold a LinearRegression, not a LogisticRegression"):
        load(dump(linear_model.LinearRegression()), linear_model.LogisticRegression)


@pytest.mark.parametrize("data", [b"", b"x", zlib.compress(b"x"), sealed(b""), sealed(b"\x80\x05K\x00Q.")])
def test_bytes_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(BadModel):
        load(data, object)


def test_equal_texts_give_equal_bytes_whichever_objects_they_are() -> None:
    """Pickle alone writes an object it has met as a reference, and an equal one in full."""
    word = "a word"
    other = "".join(["a", " word"])
    assert pickle.dumps([word, word]) != pickle.dumps([word, other])
    assert dump([word, word]) == dump([word, other])


def test_a_tree_goes_on_and_draws_no_dice() -> None:
    grown = tree.HoeffdingTreeClassifier(grace_period=20, delta=0.1)
    for n in range(500):
        grown.learn_one({0: float(n % 7), 1: float(n % 3)}, n % 7 > 3)
    data = dump(grown)
    assert len(data) < 2000, "the generators of its normal distributions alone would take more"
    again = load(data, tree.HoeffdingTreeClassifier)
    assert dump(again) == data
    assert again.predict_proba_one({0: 5.0, 1: 1.0}) == grown.predict_proba_one({0: 5.0, 1: 1.0})


def test_bytes_are_the_same_in_every_process() -> None:
    """No set or dictionary of the forest is in the order of a hash that differs from process to process."""
    program = (
        "import hashlib; from models import build; from tests.models.toys import *\n"
        "for toy, label in ((BURSTS, 1), (WEAR, 2)):\n"
        "  for name in toy.online[:2]:\n"
        "    model = build(toy, name)\n"
        "    for one in readings(150): model.learn_one(one[0], one[label])\n"
        "    print(hashlib.sha256(model.to_bytes()).hexdigest())\n"
    )
    root = Path(models.__file__).parents[1]
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(told[0].split()) == 4
    assert told[0] == told[1]
