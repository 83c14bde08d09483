"""River estimators as bytes: a compressed pickle that names nothing but what such an estimator is made of.

    estimator -> pickle, every text replaced by its number in a table -> zlib -> bytes
    bytes -> zlib -> unpickler with an allow-list -> estimator

The bytes lie inside a signed snapshot, so whoever can write them holds the key; the allow-list is a second
fence. Texts go through the table because pickle writes the same object once and equal objects twice: without
it a model that was restored, whose texts are other objects, would give other bytes than one that never
stopped.
"""

from __future__ import annotations

import copyreg
import pickle
import sys
import zlib
from importlib import import_module
from io import BytesIO
from types import FunctionType
from typing import Any, TypeVar

import msgspec
from river.proba import Gaussian

from models.base import BadModel

T = TypeVar("T")

LEVEL = 1
"""zlib's fastest: the third to the fifth of the pickle, in a few hundredths of a second."""

LARGEST = 256 * 2**20
"""Bytes of a pickle that is read; more than any roster needs, less than a machine has."""

PACKAGES = (
    "_river_rust",
    "drift",
    "ensemble",
    "forest",
    "linear_model",
    "metrics",
    "optim",
    "proba",
    "rules",
    "stats",
    "tree",
)
"""Parts of River whose classes an estimator may be made of; `river.utils` is named one by one."""

NAMED = frozenset(
    {
        ("builtins", "bool"),
        ("builtins", "dict"),
        ("builtins", "float"),
        ("builtins", "frozenset"),
        ("builtins", "int"),
        ("builtins", "list"),
        ("builtins", "set"),
        ("builtins", "tuple"),
        ("collections", "Counter"),
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("collections", "deque"),
        ("copyreg", "_reconstructor"),
        ("builtins", "object"),
        ("functools", "partial"),
        ("models.river_forest", "StillForest"),
        ("models.river_forest", "StillLeaf"),
        ("models.river_forest", "StillNominal"),
        ("models.river_forest", "StillTree"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("random", "Random"),
        ("river.utils.vectordict", "VectorDict"),
    }
)
"""Everything else that may be named."""

METHODS = frozenset({"_update_estimator_univariate"})
"""Methods that a part keeps of itself: pickle spells them getattr(part, name)."""


class _State(msgspec.Struct, array_like=True, tag="river.1"):
    texts: list[str]
    pickled: bytes


def dump(estimator: Any) -> bytes:
    """The estimator's bytes; those of equal estimators are equal."""
    target = BytesIO()
    pickler = _Pickler(target)
    pickler.dump(estimator)
    return zlib.compress(msgspec.msgpack.encode(_State(list(pickler.texts), target.getvalue())), LEVEL)


def load(data: bytes, kind: type[T]) -> T:
    """The estimator that `dump` wrote; raises BadModel when it is none of `kind`, or names anything else."""
    try:
        plain = zlib.decompressobj()
        state = msgspec.msgpack.decode(plain.decompress(data, LARGEST), type=_State)
        estimator = _Unpickler(state).load()
    except (zlib.error, msgspec.MsgspecError) as error:
        raise BadModel(f"these bytes are no estimator of River: {error}") from None
    except (
        pickle.UnpicklingError,
        AttributeError,
        EOFError,
        ImportError,
        LookupError,
        TypeError,
        ValueError,
    ) as e:
        raise BadModel(f"these bytes can't be an estimator of River: {type(e).__name__}: {e}") from None
    if not isinstance(estimator, kind):
        raise BadModel(f"these bytes hold a {type(estimator).__name__}, not a {kind.__name__}")
    return estimator


def _without_dice(distribution: Gaussian) -> tuple[Any, ...]:
    """A normal distribution without the generator it would draw samples with, and never does.

    Each leaf has some: they make nine tenths of a forest's bytes, and are seeded by the clock.
    """
    state = {name: value for name, value in vars(distribution).items() if name != "_rng"}
    return copyreg.__newobj__, (Gaussian,), state  # type: ignore[attr-defined]


class _Pickler(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table | {Gaussian: _without_dice}

    def __init__(self, target: BytesIO) -> None:
        super().__init__(target, protocol=5)
        self.texts: dict[str, int] = {}

    def persistent_id(self, obj: Any) -> int | None:
        if type(obj) is str:
            return self.texts.setdefault(obj, len(self.texts))
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, state: _State) -> None:
        super().__init__(BytesIO(state.pickled))
        self._texts = [sys.intern(text) for text in state.texts]

    def persistent_load(self, pid: Any) -> str:
        text: str = self._texts[pid]
        return text

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("builtins", "getattr"):
            return _method
        if (module, name) in NAMED:
            return super().find_class(module, name)
        root, _, rest = module.partition(".")
        kind, _, method = name.partition(".")
        if root == "river" and rest.partition(".")[0] in PACKAGES:
            found = getattr(import_module(module), kind)
            # What a module of River has only imported, such as `os`, is not River's.
            if isinstance(found, type) and found.__module__.startswith("river."):
                return _function(found, method) if method else found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a model")


def _method(part: Any, name: str) -> Any:
    """getattr for the few methods that parts of an estimator hold of themselves."""
    return _function(type(part), name).__get__(part)


def _function(kind: type, name: str) -> Any:
    found = getattr(kind, name, None) if name in METHODS else None
    if not isinstance(found, FunctionType):
        raise pickle.UnpicklingError(f"the attribute {name!r} of {kind.__name__} is no part of a model")
    return found
