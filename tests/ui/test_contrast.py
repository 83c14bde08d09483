"""Text stands out from what it is on, in both themes: WCAG 2.2, contrast (minimum)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from core.api.live import ScorePoint
from core.applications import APPLICATIONS
from core.metrics import metrics
from tests.ui import fake_data, fake_drift, fake_panels
from ui.figures import calibration, look, matrix, panels, residuals, scores

THEME = tomllib.loads((Path(__file__).parents[2] / "ui/.streamlit/config.toml").read_text())["theme"]
TEXT = 4.5
BUTTON = 4.0
"""White on the primary colour, and the primary colour on its own tint, on a dark page: Streamlit draws both,
and no colour has 4.5 on either side."""

CAPTION = 0.6
"""How opaque Streamlit draws captions and the icons of the menu."""

TINT = 0.1
"""And the ground of what is selected."""

BOTH = pytest.mark.parametrize("theme", ["light", "dark"])


def rgb(color: str) -> tuple[float, ...]:
    return tuple(int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))


def over(color: str, ground: str, opacity: float) -> str:
    mixed = (a * opacity + b * (1 - opacity) for a, b in zip(rgb(color), rgb(ground), strict=True))
    return "#" + "".join(f"{round(part * 255):02x}" for part in mixed)


def luminance(color: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """From 1 to 21, as WCAG defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_as_wcag_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@BOTH
def test_text_and_captions_stand_out_everywhere(theme: str) -> None:
    colors = THEME[theme]
    grounds = [colors["backgroundColor"], colors["secondaryBackgroundColor"]]
    grounds += [colors["sidebar"]["backgroundColor"]]
    for ground in grounds:
        assert contrast(colors["textColor"], ground) >= TEXT
        assert contrast(over(colors["textColor"], ground, CAPTION), ground) >= TEXT, ground


@BOTH
def test_colours_of_words_stand_out(theme: str) -> None:
    colors = THEME[theme]
    ground = colors["backgroundColor"]
    words = ["linkColor", *(f"{name}Color" for name in ("green", "red", "orange", "blue", "violet", "gray"))]
    found = {name: contrast(colors[name], ground) for name in words}
    assert all(value >= TEXT for value in found.values()), found


@BOTH
def test_code_stands_out_in_captions_too(theme: str) -> None:
    colors = THEME[theme]
    ground = colors["codeBackgroundColor"]
    assert contrast(over(colors["codeTextColor"], ground, CAPTION), ground) >= TEXT


@BOTH
def test_buttons_and_what_is_selected_stand_out(theme: str) -> None:
    primary, ground = THEME[theme]["primaryColor"], THEME[theme]["backgroundColor"]
    wanted = TEXT if theme == "light" else BUTTON
    assert contrast("#ffffff", primary) >= wanted
    assert contrast(primary, over(primary, ground, TINT)) >= wanted


def fixed(option: Any, inside: str = "") -> set[str]:
    """The colours that texts of a figure have of their own: none of them suits both themes."""
    found: set[str] = set()
    if isinstance(option, dict):
        for name, value in option.items():
            if name == "color" and inside and isinstance(value, str):
                found.add(value)
            text = name.lower().endswith(("label", "textstyle", "rich")) and name != "markPoint"
            found |= fixed(value, name if text else inside if inside == "rich" else "")
    elif isinstance(option, list):
        for one in option:
            found |= fixed(one, inside)
    return found - {"inherit"}


def test_texts_of_figures_take_the_theme_s_colour() -> None:
    assert fixed({"axisLabel": {"color": look.MUTED}}) == {look.MUTED}, "the search finds what it looks for"
    application = next(iter(APPLICATIONS.values()))
    metric = metrics(application.task)[0]
    points = [ScorePoint(time=fake_drift.NOW, taught=n, scores={metric.id: 0.1 * n}) for n in range(3)]
    drawn = [
        scores.over_time(points, metric),
        matrix.confusion({"tp": 1, "fp": 2, "tn": 3, "fn": 4}, "Fraud"),
        calibration.reliability(fake_data._calibration()),
        residuals.predicted_over_true([(1.0, 2.0)], "s"),
        *(panels.option(one) for made in fake_panels.MADE.values() for one in made()),
    ]
    for option in drawn:
        assert fixed(option) == set()


@BOTH
def test_axes_are_written_in_an_ink_that_stands_out(theme: str) -> None:
    ink = look.INK[theme]
    assert contrast(ink, THEME[theme]["backgroundColor"]) >= TEXT
    option = look.base(xAxis=look.axis(), yAxis=[look.axis(axisLabel={"fontSize": 9, "color": "#123456"})])
    inked = look.inked(option, theme)
    assert inked["xAxis"]["axisLabel"] == {"fontSize": look.SMALL, "color": ink}
    assert inked["xAxis"]["nameTextStyle"]["color"] == ink
    assert inked["yAxis"][0]["axisLabel"]["color"] == "#123456"
    assert "color" not in option["xAxis"]["axisLabel"], "the figure itself stays as it was"
    assert look.inked(option, None)["xAxis"]["axisLabel"]["color"] == look.INK["light"]
