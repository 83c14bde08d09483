"""The rules of the house that a tool does not check by itself."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.applications import APPLICATIONS

REPO = Path(__file__).resolve().parents[2]

LONGEST_FILE = 400
LONGEST_FUNCTION = 50

SCRIPTS = sorted(path for path in (REPO / "scripts").iterdir() if path.is_file())


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows or would add, so that a new file is checked before it is committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout
    return [REPO / name for name in listed.splitlines() if (REPO / name).exists()]


SOURCES = tracked("*.py")


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def shown(path: Path) -> str:
    return str(path.relative_to(REPO))


def test_files_stay_short() -> None:
    long = {shown(path): lines for path in SOURCES if (lines := path.read_text().count("\n")) > LONGEST_FILE}
    assert not long


def test_functions_stay_short() -> None:
    long = {
        f"{shown(path)}:{function.name}": length
        for path in SOURCES
        for function in functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    }
    assert not long


def test_only_settings_read_the_environment() -> None:
    readers = {
        shown(path)
        for path in SOURCES
        if re.search(r"os\.(environ|getenv)", path.read_text())
        and "tests" not in path.relative_to(REPO).parts
    }
    assert readers == {"core/settings.py"}


def test_applications_are_named_in_few_places() -> None:
    """A fourth application is a declaration, at most one generator and at most one recipe."""
    own = re.compile(rf"^(core/applications|producers/|models/|tests/).*|.*/({'|'.join(APPLICATIONS)})[^/]*$")
    named = re.compile(rf"[\"'](?:{'|'.join(APPLICATIONS)})[\"']")
    strays = {
        shown(path) for path in SOURCES if not own.match(shown(path)) and named.search(path.read_text())
    }
    assert not strays


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_explains_itself(script: Path) -> None:
    assert script.stat().st_mode & 0o111, "it can be run"
    done = subprocess.run(
        [script, "--help"], capture_output=True, text=True, cwd=REPO, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 3
    wrong = subprocess.run(
        [script, "--nonsense"], capture_output=True, text=True, cwd=REPO, timeout=60, check=False
    )
    assert wrong.returncode == 2
    assert "--nonsense" in wrong.stderr


def test_the_readme_names_every_script() -> None:
    text = (REPO / "README.md").read_text()
    missing = [path.name for path in SCRIPTS if f"scripts/{path.name}" not in text]
    assert not missing


def test_pictures_and_pages_that_are_linked_exist() -> None:
    for page in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{shown(page)} links to {target}"


def test_requirements_are_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "flink_jobs/requirements.txt"):
        for line in (REPO / name).read_text().splitlines():
            if line and not line.lstrip().startswith("#"):
                assert "==" in line, f"{name}: {line}"


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "scripts/test" in (REPO / ".ci/run").read_text()
    assert "scripts/test" in (REPO / "README.md").read_text()
