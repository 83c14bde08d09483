"""The dashboard's entry: Home and one page per registered application.

Run it from the repository's root, so that `core` and `ui` can be found:

    python -m streamlit run ui/main.py --server.address 127.0.0.1 --server.port 8501
"""

import gc
from functools import partial
from pathlib import Path

import streamlit as st

from core.applications import APPLICATIONS
from ui.screens import application, home


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Takes the libraries out of the garbage collector's sight, once per process.

    Streamlit collects all generations after every run of a script or fragment; walking a hundred thousand
    objects of pandas and friends each time costs far more than the run.
    """
    gc.collect()
    gc.freeze()


STATIC = Path(__file__).parent / "static"

# A Material icon would be fetched from a font server as the browser tab's icon; these are files of our own.
st.set_page_config(
    page_title="Millrace", page_icon=str(STATIC / "mark.svg"), layout="wide", initial_sidebar_state=290
)
st.logo(str(STATIC / "logo.svg"), icon_image=str(STATIC / "mark.svg"), size="large")

pages = {
    name: st.Page(
        partial(application.show, declared),
        title=declared.title,
        icon=f":material/{declared.icon}:",
        url_path=name,
        help=declared.summary,
    )
    for name, declared in APPLICATIONS.items()
}
first = st.Page(
    partial(home.show, pages),
    title="Home",
    icon=":material/home:",
    default=True,
    help="What runs, how far the events have come, and what each application has learned.",
)
settle()
st.navigation({"": [first], "Applications": list(pages.values())}).run()
