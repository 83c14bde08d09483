from __future__ import annotations

import subprocess
import sys

from typer.testing import CliRunner

from core.applications import APPLICATIONS
from learners.__main__ import cli


def test_help_names_the_command() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    assert "run" in result.output


def test_an_unknown_application_is_answered_with_those_there_are() -> None:
    result = CliRunner().invoke(cli, ["run", "oracle"])
    assert result.exit_code == 2
    assert all(name in result.output for name in APPLICATIONS)


def test_a_learner_starts_light() -> None:
    """Nothing that costs seconds or a hundred megabytes is imported that no model learns with."""
    heavy = ["mlflow", "sklearn", "scipy.stats", "scipy.sparse", "pandas", "streamlit", "duckdb"]
    code = f"import learners.process, sys; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
