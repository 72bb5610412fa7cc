"""Attacks on the monitor: names that would be commands, hooks that hang or fail, lies, crashes between an alarm and its note."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.audit.alarms import Alarm
from exchange.audit.hooks import HookFailed, run_hook
from exchange.audit.monitor import Limits, watch_once
from exchange.audit.monitorstate import MonitorState
from exchange.client import publish
from exchange.client.errors import VerificationError
from exchange.client.member import Member
from exchange.client.sync import sync
from exchange.client.transport import Response
from keys.errors import NoteError
from keys.note import Note, NoteLine
from tests.support.scene import Partnership, partnership, source
from tests.support.simulator import No
from tests.support.witnesses import WitnessKey
from tests.support.world import Randomness

HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned #",
    "| touch pwned",
    "--help",
    "-rf",
    "'\"\\'",
    "%s%n{0.__class__}",
    "\u202etxt.exe",
    "a\nb\r\n{}",
    "\x1b]0;pwned\x07",
]


def program(folder: Path, text: str) -> Path:
    """An executable Python script."""
    path = folder / "hook"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o700)
    return path


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Partnership]:
    made = partnership(tmp_path)
    yield made
    made.scene.close()


async def codes(member: Member, kept: MonitorState) -> list[str]:
    await watch_once(member, kept, Limits())
    return [one.alarm.code for one in kept.waiting()]


# -- data never becomes code ---------------------------------------------------------------------------------------------


async def test_a_hook_is_given_hostile_names_as_data_on_its_input_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXCHANGE_PASSPHRASE_FILE", "secret")
    told = tmp_path / "told"
    hook = program(
        tmp_path,
        f"import json, os, sys\n"
        f"out = [sys.argv[1:], sys.stdin.read(), dict(os.environ)]\n"
        f"open({str(told)!r}, 'w').write(json.dumps(out))\n",
    )
    for hostile in HOSTILE:
        values = {"log": "registry", "witness": hostile}
        alarm = Alarm(f"witness-silent/registry/{hostile}", "witness-silent", 1, "registry", None, {"witness": hostile})
        await run_hook(str(hook), alarm.to_json("e" * 64))
        arguments, line, environment = json.loads(told.read_text())
        assert arguments == []
        assert line.endswith("\n") and line.count("\n") == 1 and line.isascii() and "\x1b" not in line
        assert json.loads(line)["values"]["witness"] == values["witness"]
        assert not any(hostile in value for value in environment.values())
        assert "EXCHANGE_PASSPHRASE_FILE" not in environment
        assert hostile in json.loads(line)["sentence"]["en"]
    assert {path.name for path in tmp_path.iterdir()} == {"hook", "told"}


async def test_a_program_whose_own_name_is_hostile_is_one_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = program(tmp_path, "open('ran', 'w')\n").rename(tmp_path / "a; touch pwned")
    await run_hook(str(path), {})
    assert {found.name for found in tmp_path.iterdir()} == {"a; touch pwned", "ran"}


def test_nobody_can_be_named_a_witness_under_such_a_name(scene: Partnership) -> None:
    for hostile in (*HOSTILE, "w$(touch${IFS}pwned).example"):
        try:
            card = WitnessKey.generate(hostile, Randomness(hostile)).card()
        except NoteError:
            continue  # no key can have such a name
        with pytest.raises(No):
            scene.scene.registrars("witness.name", quorum=1, witnesses=[card])


# -- hooks ---------------------------------------------------------------------------------------------------------------


async def test_a_hook_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    hook = program(
        tmp_path,
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n",
    )
    with pytest.raises(HookFailed) as failed:
        await run_hook(str(hook), {"values": "x" * 1_000_000}, seconds=1.5)
    assert failed.value.reason == "time"
    child = int(pid.read_text())
    async with asyncio.timeout(10):
        while not _gone(child):  # noqa: ASYNC110 - another process ends
            await asyncio.sleep(0)


def _gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody collected yet has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in ("Z", "X")


@pytest.mark.parametrize(
    ("text", "reason"), [("raise SystemExit(7)", "exit 7"), ("import os\nos.kill(os.getpid(), 9)", "signal 9")]
)
async def test_a_hook_that_fails_says_how(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(HookFailed) as failed:
        await run_hook(str(program(tmp_path, text)), {"values": "x" * 1_000_000})
    assert failed.value.reason == reason


async def test_a_hook_that_is_none(tmp_path: Path) -> None:
    path = program(tmp_path, "")
    path.chmod(stat.S_IRUSR)
    for name in (str(tmp_path / "missing"), str(tmp_path), "a\0b"):
        with pytest.raises(HookFailed):
            await run_hook(name, {})
    if os.geteuid():
        with pytest.raises(HookFailed):
            await run_hook(str(path), {})


# -- a lying exchange ----------------------------------------------------------------------------------------------------


async def test_a_forged_cosignature_is_an_alarm(scene: Partnership, tmp_path: Path) -> None:
    key = WitnessKey.generate("w.example", Randomness("w"))
    scene.scene.registrars("witness.name", quorum=1, witnesses=[key.card()])
    member = scene.scene.member(scene.officer)

    def forged(_: object, answer: Response) -> Response:
        note = Note.parse(answer.body)
        lines = [NoteLine(line.name, line.key_id, line.signature[::-1]) for line in key.lines(note.text, scene.sim.now)]
        return Response(200, {}, Note(note.text, (*note.lines, *lines)).encode())

    with MonitorState(tmp_path / "monitor.sqlite") as kept:
        await sync(member, quiet=True)
        await watch_once(member, kept, Limits())
        scene.sim.lie("/journal/checkpoint", forged)
        with pytest.raises(VerificationError):
            await sync(member, quiet=True)
        await watch_once(member, kept, Limits())
        (one,) = kept.waiting()
        assert (one.alarm.code, one.alarm.values["detail"]) == ("verification-failed", "V1 cosignature-invalid")


async def test_an_alert_that_is_kept_back_is_an_alarm(scene: Partnership, tmp_path: Path) -> None:
    author, officer = scene.scene.member(scene.author), scene.scene.member(scene.officer)
    await sync(officer)
    await sync(author)
    with MonitorState(tmp_path / "monitor.sqlite") as kept:
        await sync(officer)
        await watch_once(officer, kept, Limits())
        await sync(author)
        released = await publish.publish(publish.prepare(source(), author), author)
        scene.sim.lie(f"/v1/alerts/{released.statement}", lambda request, answer: Response(404, {}, b"{}"))
        await sync(officer)
        await watch_once(officer, kept, Limits())
        (one,) = kept.waiting()
        assert (one.alarm.code, one.alarm.values["subject"]) == ("withheld", released.statement)


# -- crashes -------------------------------------------------------------------------------------------------------------


async def test_a_crash_at_any_moment_drops_no_alarm_and_repeats_one_at_worst(
    scene: Partnership, tmp_path: Path
) -> None:
    member, path = scene.scene.member(scene.author), tmp_path / "monitor.sqlite"
    await sync(member)
    with MonitorState(path) as kept:
        await watch_once(member, kept, Limits())
    scene.scene.device(scene.author)
    await sync(member)
    # Before it is noted: it is found again.
    with MonitorState(path) as kept:
        with pytest.MonkeyPatch.context() as crash:
            crash.setattr(MonitorState, "_forget", _crash)
            with pytest.raises(KeyboardInterrupt):
                await watch_once(member, kept, Limits())
        assert kept.waiting() == []
    with MonitorState(path) as kept:
        assert await codes(member, kept) == ["device-new"]
    # Noted, not said; then said, and the hook not told.
    with MonitorState(path) as kept:
        (one,) = kept.waiting()
        assert (one.say, one.hook) == (True, True)
        kept.said(one.alarm.id)
    with MonitorState(path) as kept:
        (one,) = kept.waiting()
        assert (one.say, one.hook) == (False, True)
        kept.hooked(one.alarm.id, done=True)
    with MonitorState(path) as kept:
        assert await codes(member, kept) == []


def _crash(*_: object) -> None:
    raise KeyboardInterrupt
