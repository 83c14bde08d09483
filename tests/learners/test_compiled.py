"""Compiled code must not go stale.

numba caches what it compiles under the file of the function that Python calls. It inlines the functions and
constants of other files and does not look whether they have changed since.
"""

from __future__ import annotations

import ast
import builtins
from pathlib import Path

import pytest

import learners

FOLDER = Path(learners.__file__).parent


def compiled(tree: ast.Module) -> list[ast.FunctionDef]:
    """The functions under @njit(...)."""
    return [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("njit" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]


def foreign(source: str) -> set[str]:
    """Names that compiled functions of a module take from other modules of the suite."""
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").split(".")[0] in ("core", "models", "learners")
        for alias in node.names
    }
    used = {
        name.id
        for function in compiled(tree)
        for part in function.body
        for name in ast.walk(part)
        if isinstance(name, ast.Name)
    }
    return (used & imported) - set(dir(builtins))


def test_a_foreign_name_is_seen() -> None:
    source = "from learners.scores.loops import AT\n@njit(cache=True)\ndef f(a):\n    return a[AT]\n"
    assert foreign(source) == {"AT"}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_compiled_functions_use_their_own_file_alone(path: Path) -> None:
    assert foreign(path.read_text()) == set()
