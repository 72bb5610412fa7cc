"""What a listener needs of a logger, and how it names a defect: by places in the code, never by values."""

from __future__ import annotations

import json
import sys
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Protocol, TextIO

MAX_FRAMES = 24
"""Places named of one error, the innermost."""


class OperatorLog(Protocol):
    """What the server needs of a logger; values are numbers and fixed words."""

    def info(self, event: str, **values: Any) -> Any:
        """Something happened."""

    def warning(self, event: str, **values: Any) -> Any:
        """Something the operator may want to know."""

    def error(self, event: str, **values: Any) -> Any:
        """Something the operator must look at."""


class LineLog:
    """An ``OperatorLog`` without dependencies: one JSON object a line, to a stream, else to standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def _line(self, level: str, event: str, values: dict[str, Any]) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({**values, "event": event, "level": level, "timestamp": at}, sort_keys=True)
        stream = sys.stderr if self._stream is None else self._stream
        stream.write(line + "\n")
        stream.flush()

    def info(self, event: str, **values: Any) -> None:
        """Something happened."""
        self._line("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        """Something the operator may want to know."""
        self._line("warning", event, values)

    def error(self, event: str, **values: Any) -> None:
        """Something the operator must look at."""
        self._line("error", event, values)


def places(error: BaseException) -> list[str]:
    """Where an error came through, as ``module:line function``: enough to find the defect, and nothing that was in memory."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return [f"{PurePath(frame.filename).stem}:{frame.lineno} {frame.name}" for frame in frames]
