"""The server's configuration, for the commands of its operator: an unusable one is a usage error in the operator's language."""

from __future__ import annotations

from pathlib import Path

from exchange.cli.failure import sentence
from exchange.cli.terminal import USAGE, CommandError, Terminal
from exchange.config import Config, ConfigError, load


def configured(terminal: Terminal, path: Path | None) -> Config:
    """Read the configuration, or take the defaults; raises CommandError ``config_wrong`` with the error's code."""
    try:
        return load(path)
    except ConfigError as error:
        reason = sentence(terminal, error.code, str(error))
        raise CommandError("config_wrong", status=USAGE, code=error.code, reason=reason) from None
