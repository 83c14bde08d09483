"""The registry: every application that the suite runs, by name, in the order of the screens."""

from core.applications.ecci import ECCI
from core.applications.eta import ETA
from core.applications.tfd import TFD
from core.declaration import Application

APPLICATIONS: dict[str, Application] = {app.name: app for app in (TFD, ETA, ECCI)}


def get(name: str) -> Application:
    """The application `name`; raises KeyError with the names there are."""
    try:
        return APPLICATIONS[name]
    except KeyError:
        raise KeyError(f"no application {name!r}; there are {', '.join(APPLICATIONS)}") from None
