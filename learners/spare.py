"""Keeps out of memory what River imports and no learner uses: statistics, SQL, data frames; some 50 MB.

River's packages import all of their modules, and each of those what it might need: scikit-learn, SQLAlchemy,
most of SciPy. The first two are taken for absent, which River allows. A part of SciPy is imported in earnest
when something of it is first used, so that a model which needs it has it.

glibc gives every thread that meets another in `malloc` a heap of its own, up to eight per core: one
is enough here.
"""

from __future__ import annotations

import ctypes
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_M_ARENA_MAX = -8
"""As glibc's malloc.h numbers it."""

ABSENT = ("sklearn", "sqlalchemy")

LATER = ("scipy.integrate", "scipy.stats", "scipy.ndimage", "scipy.io.arff", "scipy.io.arff._arffread")
"""Imported by River at the top of modules that a forest or a clusterer brings along."""


def spare_memory() -> None:
    """To be called before River is imported and threads begin; what is imported already stays."""
    _one_heap()
    modules: dict[str, Any] = sys.modules
    for name in ABSENT:
        modules.setdefault(name, None)
    for name in LATER:
        modules.setdefault(name, _Later(name))


def _one_heap() -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 1)


class _Later(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(self.__name__, name)


class _Name:
    """Stands for a name in such a module."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def _found(self) -> Any:
        for name in LATER:
            if isinstance(sys.modules.get(name), _Later):
                del sys.modules[name]
        return getattr(import_module(self._module), self._name)

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._found()(*given, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found(), name)
