"""The page of the docs says what the registry says, and the registry covers what people look for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.applications import APPLICATIONS
from core.diagnostics import DIAGNOSTICS, Cost, Tab, diagnostics
from core.diagnostics.page import entry, page

DOCS = Path("docs/diagnostics.md")

MINE = (Tab.FEATURES, Tab.TARGET, Tab.SELECTION, Tab.TEXT)

FEATURES = {
    "Rank 1D",
    "Rank 2D",
    "PCA Decomposition",
    "Manifold",
    "Parallel Coordinates",
    "RadViz",
    "Joint Plot",
    "Partial Dependence",
    "Decision Boundary",
    "PCA 2D Projection",
    "PCA Component Variance",
    "Feature Importances",
    "Feature Correlation (Mutual Info)",
    "Feature Correlation (Pearson)",
    "Balanced Binning Reference",
    "Cross-Validation Scores",
    "Validation Curve",
    "Learning Curve",
    "Recursive Feature Elimination",
    "Dropping Curve",
}
"""Names under which known libraries draw them; every application shall have each."""

WRITTEN = {
    "Frequency Distribution",
    "t-SNE Visualization",
    "UMAP Visualization",
    "Dispersion Plot",
    "Word Correlation",
    "POS Tag Distribution",
}

OWN = {"class_balance": "Class Balance", "cluster_distribution": "Cluster Distribution"}


def test_the_docs_are_what_the_command_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "core.diagnostics"], capture_output=True, text=True, check=True
    )
    assert printed.stdout == page()
    assert DOCS.read_text() == page(), "run: python -m core.diagnostics > docs/diagnostics.md"


@pytest.mark.parametrize("one", DIAGNOSTICS.values(), ids=lambda one: one.id)
def test_every_diagnostic_has_its_entry(one: object) -> None:
    diagnostic = DIAGNOSTICS[one.id]  # type: ignore[attr-defined]
    text = DOCS.read_text()
    said = " ".join(entry(diagnostic).split())
    assert said in " ".join(text.split())
    assert f"`{diagnostic.id}`" in said
    for parameter in diagnostic.parameters:
        assert f"`{parameter.name}`" in said


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_known_plot_is_covered(name: str) -> None:
    application = APPLICATIONS[name]
    covered = {known for one in diagnostics(application) for known in one.covers}
    assert covered >= FEATURES
    has_text = any(one.text_field for one in diagnostics(application))
    assert (covered >= WRITTEN) == has_text


def test_some_application_has_text_and_each_kind_of_target() -> None:
    offered = {one.id for application in APPLICATIONS.values() for one in diagnostics(application)}
    assert offered == set(DIAGNOSTICS) - {one.id for one in DIAGNOSTICS.values() if one.tab not in MINE} | {
        one for one in offered if DIAGNOSTICS[one].tab not in MINE
    }
    for id_, known in OWN.items():
        assert known in DIAGNOSTICS[id_].covers


def test_what_fits_again_says_so() -> None:
    for one in DIAGNOSTICS.values():
        if one.tab == Tab.SELECTION:
            assert one.cost == Cost.REFIT
            assert "fitted again" in one.reading
