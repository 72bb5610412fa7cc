"""A witness killed between check-and-store and its answer: a process of its own, ended with SIGKILL at a chosen moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.witnessing import ORIGIN, Log, found, listening

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, sys
from pathlib import Path
from exchange.witness.home import open_home
from exchange.witness.protocol import cosign, examine, judge
from exchange.witness.store import WitnessStore

folder, moment = Path(sys.argv[1]), sys.argv[2]
home = open_home(folder, {})
store = WitnessStore(home.state)
submission = examine(sys.stdin.buffer.read(), home.logs)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def decide(held):
    judge(submission, held)
    made = cosign(submission, held, home.signer, 1_796_000_000)
    if moment == "before the commit":
        die()
    return made

made = store.advance(submission.origin, decide)
if moment == "after the commit":
    die()
sys.stdout.buffer.write(made.answer)
"""


def killed(folder: Path, body: bytes, moment: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), moment], input=body, cwd=ROOT, capture_output=True, timeout=60
    )
    assert ran.returncode == -signal.SIGKILL and ran.stdout == b"", ran.stderr


@pytest.mark.parametrize(("moment", "size"), [("before the commit", 8), ("after the commit", 20)])
async def test_killed_before_the_answer_and_asked_again(tmp_path: Path, moment: str, size: int) -> None:
    log, folder = Log(), tmp_path / "w"
    found(folder, [log.known])
    async with listening(folder, log) as place:
        await place.post(log.request(0, 8))
    killed(folder, log.request(8, 20), moment)
    async with listening(folder, log) as place:
        answer = await place.post(log.forked(15).request(8, 20))
        assert answer.status == (200 if size == 8 else 409)  # nothing was promised to anybody, or size 20 was
        if size == 20:
            assert answer.body == b"20\n"
            assert (await place.post(log.request(20, 20))).status == 200
            assert (await place.post(b"old 20\n\n" + log.forked(15).note(20))).status == 422
        assert f"{ORIGIN}\n20\n".encode() in (await place.newest()).body
