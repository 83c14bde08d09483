"""`python -m serving` runs the HTTP API until SIGTERM or Ctrl-C; `... token NAME ROLE` makes a token."""

from __future__ import annotations

import gc
import socket
import sys
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from core.api.access import Role
from core.settings import Settings, SettingsError, settings
from core.telemetry import configure
from serving.access import tokens
from serving.app import create_app

GRACE_SECONDS = 5
"""How long requests under way may take to end after SIGTERM."""

BACKLOG = 2048

SWITCH_SECONDS = 0.0005
"""How long a thread that decodes a snapshot may keep the event loop waiting; Python's own 5 ms is a whole
answer's budget."""

COLLECT = (50_000, 20, 100)
"""Python looks for cycles after 700 objects otherwise: a look at all of them takes tens of milliseconds."""


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Serves the HTTP API at the address of the settings `MILLRACE_SERVING__HOST` and `__PORT`."""
    if context.invoked_subcommand is None:
        serve()


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Whose token it is")],
    role: Annotated[Role, typer.Argument(help="What it allows")],
) -> None:
    """Print a new token, and the line with its SHA-256 for the file of tokens."""
    try:
        made, line = tokens.new(name, role)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"Token, shown only now: {made}")
    typer.echo(f"Line for {tokens.TOKENS_FILE}: {line}")


def serve() -> None:
    """Runs the API until it is told to end; requests under way may finish."""
    try:
        found = settings()
        configure("serving", found.log_level)
        api = create_app(found)
        _calm()
        listener = _listen(found)
    except SettingsError as error:
        sys.exit(str(error))
    run(api, listener)


def run(api: FastAPI, listener: socket.socket) -> None:
    """Answers on a listening socket; on SIGTERM it takes no new requests, and ends those under way."""
    config = uvicorn.Config(
        api,
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever may set X-Forwarded-For would choose the address under which it is limited.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


def _calm() -> None:
    """What lives now lives to the end, and answers hold no cycles: no long pauses while requests wait."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def _listen(found: Settings) -> socket.socket:
    """The listening socket; raises SettingsError when the port is taken."""
    host, port = found.serving.host, found.serving.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: without it an answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
        return listener
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"MILLRACE_SERVING__PORT={port}: can't listen on {host}: {error.strerror}"
        ) from None


if __name__ == "__main__":
    app()
