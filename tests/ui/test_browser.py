"""In a real browser: what a person chose, typed and scrolled to stays while live panels refresh."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page

from core import forms
from core.applications import APPLICATIONS
from core.declaration import Number
from tests.e2e.browser import chromium
from tests.e2e.stack import free_ports
from tests.ui.conftest import MAIN
from tests.ui.fake_api import serving

pytestmark = pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")

APP = next(iter(APPLICATIONS.values()))

REFRESHED_MS = 4_500
"""Two rounds of the live panels."""

CUT_OFF = "Math.round(document.querySelector('[data-testid=stMain]').scrollTop)"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The dashboard in a process of its own, beside the fake API."""
    (port,) = free_ports(1)
    root = Path(MAIN).parents[1]
    command = [sys.executable, "-m", "streamlit", "run", str(MAIN), "--server.port", str(port)]
    with serving() as api:
        known = os.environ | {"MILLRACE_UI__API_URL": api.url, "PYTHONPATH": str(root)}
        process = subprocess.Popen(
            [*command, "--server.address", "127.0.0.1"],
            env=known,
            cwd=root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page(viewport={"width": 1440, "height": 900})


def test_scroll_and_choice_stay_while_numbers_change(page: Page, address: str) -> None:
    page.goto(f"{address}/{APP.name}?view=Live")
    page.get_by_role("heading", name="Recent answers").wait_for(timeout=60_000)
    page.get_by_role("radio", name="Time (UTC)").click()
    page.wait_for_timeout(1_000)
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 700")
    page.wait_for_timeout(500)
    before, said = page.evaluate(CUT_OFF), page.get_by_test_id("stMain").inner_text()
    page.wait_for_timeout(REFRESHED_MS)
    assert page.get_by_test_id("stMain").inner_text() != said, "the panels do refresh"
    assert page.evaluate(CUT_OFF) == before
    assert page.get_by_role("radio", name="Time (UTC)").is_checked()
    assert not page.get_by_test_id("stException").count()


def test_half_typed_text_stays_and_keeps_the_focus(page: Page, address: str) -> None:
    page.goto(f"{address}/{APP.name}?view=SQL")
    editor = page.get_by_role("textbox", name="SQL")
    editor.wait_for(timeout=60_000)
    page.wait_for_timeout(1_000)
    editor.fill("SELECT half")
    page.wait_for_timeout(REFRESHED_MS)
    assert editor.input_value() == "SELECT half"
    assert editor.evaluate("one => document.activeElement === one")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Rows 1 to 50 of 100").wait_for(timeout=20_000)


def test_the_form_is_walked_through_by_keyboard_in_its_order(page: Page, address: str) -> None:
    page.goto(f"{address}/{APP.name}?view=Predict")
    page.get_by_role("button", name="Randomize").wait_for(timeout=60_000)
    page.wait_for_timeout(1_500)
    page.get_by_role("button", name="Randomize").focus()
    named = []
    for _ in range(40):
        page.keyboard.press("Tab")
        named.append(
            page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText || ''")
        )
    asked = [one.label for one in forms.inputs(APP) if isinstance(one.field, Number) and "." not in one.path]
    places = [next(n for n, name in enumerate(named) if name.startswith(label)) for label in asked]
    assert places == sorted(places)


def _wait(url: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urlopen(url, timeout=1):  # noqa: S310 (an address of this test)
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"{url} does not answer")
