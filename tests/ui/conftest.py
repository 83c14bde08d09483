"""A fake API on a free port, and an application under test that talks to it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.declaration import Application
from core.settings import settings
from tests.ui.fake_api import FakeApi, serving

MAIN = Path(__file__).parents[2] / "ui" / "main.py"

Open = Callable[[Application, str], AppTest]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """The fake API, to which the dashboard's settings point; nothing is remembered from an earlier test."""
    with serving() as server:
        monkeypatch.setenv("MILLRACE_UI__API_URL", server.url)
        monkeypatch.setenv("MILLRACE_UI__API_TIMEOUT_SECONDS", "3")
        forget()
        yield server
    forget()


@pytest.fixture
def home(api: FakeApi) -> Callable[[], AppTest]:
    """Runs the entry, which opens on Home."""
    return lambda: AppTest.from_file(str(MAIN), default_timeout=30).run()


@pytest.fixture
def opened(api: FakeApi) -> Open:
    """Opens the screen of an application on one of its views."""

    def run(application: Application, view: str) -> AppTest:
        test = AppTest.from_function(_screen, args=(application.name,), default_timeout=30)
        test.query_params["view"] = view
        return test.run()

    return run


def _screen(name: str) -> None:
    from core.applications import APPLICATIONS
    from ui.screens import application

    application.show(APPLICATIONS[name])


def forget() -> None:
    """Nothing that was read or asked before is remembered."""
    settings.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        st.cache_data.clear()
        st.cache_resource.clear()
