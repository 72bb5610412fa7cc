"""The operator's log: one JSON object a line, without personal data, bodies, tokens or secrets.

A request is logged by its route's pattern, never by its path, query or headers: an id in a path says what somebody read.
An unexpected error is logged by its class and the places in the code it came through, never by its message or values.
"""

from __future__ import annotations

import sys
from typing import TextIO

import structlog

from exchange.config import LogLevel
from exchange.listen.log import OperatorLog

_LEVELS: dict[LogLevel, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def open_log(level: LogLevel, stream: TextIO | None = None) -> OperatorLog:
    """A logger that writes to ``stream``, else to standard error."""
    log: OperatorLog = structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    return log
