"""Pictures of every screen of a running stack: for the README, and to be looked at before a release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page

from core.applications import APPLICATIONS
from core.settings import settings
from tests.e2e.browser import chromium

VIEWS = ("Live", "Predict", "Batch", "Diagnostics", "SQL")

SETTLE_MS = 3500
"""Time for charts to be drawn after the page says that it is ready."""


def main(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")],
    width: Annotated[int, typer.Option(min=320, help="Width of the browser in pixels.")] = 1440,
    dark: Annotated[bool, typer.Option(help="The dark theme.")] = False,
) -> None:
    """Opens every screen of the running stack and takes a picture of each, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        page = _page(browser, width, dark)
        page.get_by_text("Overview").first.wait_for(timeout=60_000)
        _take(page, folder / "home.png")
        for name, application in APPLICATIONS.items():
            page.goto(f"{_address()}/{name}")
            page.get_by_role("heading", name=application.title).first.wait_for(timeout=60_000)
            for view in VIEWS:
                _open(page, view)
                _take(page, folder / f"{name}-{view.lower()}.png")


def _address() -> str:
    return f"http://{settings().ui.host}:{settings().ui.port}"


def _page(browser: Browser, width: int, dark: bool) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        device_scale_factor=1,
    )
    page.goto(_address())
    return page


def _open(page: Page, view: str) -> None:
    page.get_by_role("radio", name=view).or_(page.get_by_role("button", name=view, exact=True)).first.click()
    page.wait_for_timeout(SETTLE_MS)
    if view == "Predict":
        page.get_by_role("button", name="Randomize").first.click()
        page.wait_for_timeout(SETTLE_MS)
    if view == "SQL":
        page.get_by_role("button", name="Run").first.click()


def _take(page: Page, path: Path) -> None:
    page.wait_for_timeout(SETTLE_MS)
    # The screen scrolls inside the window: the window must be as high as what it shows.
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    before = page.viewport_size
    if before:
        page.set_viewport_size({"width": before["width"], "height": min(max(700, height), 2600)})
        page.wait_for_timeout(SETTLE_MS // 2)
    page.screenshot(path=path)
    if before:
        page.set_viewport_size(before)
    typer.echo(path)


if __name__ == "__main__":
    typer.run(main)
