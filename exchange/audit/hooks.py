"""Exit hooks: a program of the operator's own, told each alarm on its standard input.

The program is started as it is named, without a shell and without arguments; what an alarm says reaches it as one line of JSON and
in no other way, neither in its arguments nor in its environment.  Its output is not read.  When its time is over it is ended, with
all that it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

SECONDS = 30.0
"""How long a hook may take for one alarm."""
SECRETS = frozenset({"EXCHANGE_PASSPHRASE_FILE"})
"""Variables of the environment that are no business of a hook."""


class HookFailed(Exception):
    """A hook was not told: ``reason`` is ``exit N``, ``signal N``, ``time`` or why it could not be started."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def run_hook(program: str, alarm: Mapping[str, Any], *, seconds: float = SECONDS) -> None:
    """Tell one alarm to a program. Raises HookFailed."""
    line = json.dumps(alarm, ensure_ascii=True, sort_keys=True).encode("ascii") + b"\n"
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    # A file and no pipe: a hook that does not read what it is told blocks nobody.
    with tempfile.TemporaryFile() as told:
        told.write(line)
        told.seek(0)
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                stdin=told,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise HookFailed(getattr(error, "strerror", None) or type(error).__name__) from None
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        raise HookFailed("time") from None
    finally:
        await _end(process)
    if process.returncode:
        kind = "signal" if process.returncode < 0 else "exit"
        raise HookFailed(f"{kind} {abs(process.returncode)}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Nothing of a hook goes on after its time."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            if sys.platform != "win32":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        await process.wait()
