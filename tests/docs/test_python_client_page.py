"""The examples of docs/python-client.md, as they stand there, each a program of its own against a real server."""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import exchange.client as face
from exchange.client.home import Invited, Membership, create
from keys import encoding
from tests.support.scene import Person, Scene
from tests.support.served import served
from tests.support.simulator import Simulator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python-client.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^```python\n(?=# (\w+\.py):)(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))
PASSPHRASE = "eine lange Passphrase zum Üben"
WARNING = """+++
title = "Kupferdiebstahl"
language = "de"
label = "{label}"
kind = "incident.physical"
urgency = "expected"
severity = "moderate"
certainty = "observed"
valid_for = "14d"
number = "LKA-2026-0001"
attachments = ["liste.txt"]

[audience]
sectors = ["energy"]
+++
In der Nacht wurden Kabel gestohlen.

## Was ist zu tun

Melden Sie Beobachtungen.
"""


def settle(folder: Path, scene: Scene, person: Person, role: str, url: str) -> Path:
    """The folder in which a person's programs run: a home beside its passphrase."""
    folder.mkdir()
    invited = Invited(
        exchange=scene.sim.exchange,
        name=person.name,
        organisation=person.organisation,
        person=person.id,
        roles=(role,),
        url=url,
    )
    identity = person.identities[0]
    membership = Membership(invited, scene.founding, encoding.b64u(identity.device), "Rechner")
    create(folder / "home", membership, identity, PASSPHRASE, {})
    (folder / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    return folder


async def run(name: str, folder: Path) -> list[str]:
    """Run an example as a program; the lines that it printed."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        EXAMPLES[name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            out, err = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
    assert program.returncode == 0, err.decode()
    return out.decode().splitlines()


@asynccontextmanager
async def homes(folder: Path) -> AsyncIterator[tuple[Path, Path]]:
    """The author's and the officer's folder, at a server of this moment."""
    simulator = Simulator()
    simulator.now = int(time.time())
    async with served(folder, simulator) as (there, _, url):
        author = settle(folder / "author", there.scene, there.author, "author", url)
        yield author, settle(folder / "officer", there.scene, there.officer, "officer", url)


async def test_the_examples_of_the_page_run_as_they_stand_there(tmp_path: Path):
    async with homes(tmp_path) as (author, officer):
        (author / "liste.txt").write_bytes(b"JPEG " * 100)
        (author / "warning.md").write_text(WARNING.format(label="AMBER"), encoding="utf-8")
        assert [await run("inbox.py", folder) for folder in (author, officer)] == [[], []]  # publishes their keys
        watching = asyncio.create_task(run("watch.py", officer))
        published = await run("publish.py", author)
        assert published[0].startswith("released ") and len(published) == 1, published
        watched = await watching
        assert watched == ["liste.txt 500 bytes"]
        ticket = json.loads((officer / "ticket.json").read_text(encoding="utf-8"))
        assert ticket == {
            "advice": "Melden Sie Beobachtungen.",
            "label": "TLP:AMBER",
            "title": "Kupferdiebstahl",
        }
        read, inbox = await run("read.py", officer), await run("inbox.py", officer)
        assert read[0].startswith("TLP:AMBER Kupferdiebstahl ") and read[1:] == ["alert-unknown"]
        assert inbox == []  # it was acknowledged


async def test_the_publishing_example_says_which_rule_refuses(tmp_path: Path):
    async with homes(tmp_path) as (author, officer):
        (author / "liste.txt").write_bytes(b"JPEG")
        (author / "warning.md").write_text(WARNING.format(label="RED"), encoding="utf-8")
        await run("inbox.py", officer)
        assert [line.partition(" R")[0] for line in await run("publish.py", author)] == ["refused by"]


def test_every_example_of_the_page_is_run():
    assert len(EXAMPLES) == PAGE.count("```python\n")
    source = Path(__file__).read_text(encoding="utf-8")
    assert all(f'run("{name}"' in source for name in EXAMPLES)


def test_the_page_names_every_name_of_the_face_and_each_can_be_imported():
    for name in face.__all__:
        assert f"`{name}" in PAGE or f"import {name}" in PAGE or f", {name}" in PAGE, name
        assert getattr(face, name).__name__ == name
