"""Logs are one JSON object per line, from any thread and any library."""

import json
import logging
import threading

import pytest

from core import telemetry


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log = telemetry.configure("thing", "INFO")
    log.info("started", port=1)
    log.debug("not shown")
    thread = threading.Thread(
        target=lambda: logging.getLogger("some.library").warning("beware of %s", "dogs")
    )
    thread.start()
    thread.join()
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["event"], first["part"], first["port"], first["level"]) == ("started", "thing", 1, "info")
    assert (second["event"], second["part"], second["level"]) == ("beware of dogs", "thing", "warning")
    assert "ValueError: broken" in third["exception"]
    assert first["timestamp"].endswith("Z")
