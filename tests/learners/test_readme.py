from __future__ import annotations

import doctest
from pathlib import Path

import learners


def test_the_example_runs() -> None:
    readme = Path(learners.__file__).with_name("README.md")
    result = doctest.testfile(str(readme), module_relative=False)
    assert result.attempted > 8
    assert result.failed == 0
