"""Logs: one JSON object per line on standard output, with time, level, part and event."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict


def configure(part: str, level: str = "INFO") -> structlog.stdlib.BoundLogger:
    """Sets up this process's logs and returns its logger; lines of libraries take the same form."""

    def name_part(logger: Any, method: str, event: EventDict) -> EventDict:
        # Not a context variable: threads begin with an empty context.
        return {**event, "part": part}

    shared: list[structlog.typing.Processor] = [
        name_part,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logger: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")
    return logger
