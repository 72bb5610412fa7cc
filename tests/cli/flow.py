"""A real server process, real key files and the command line itself: the ground of the enrolment tests."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exchange.cli.__main__ import run
from keys.registrar import SigningFile, encode_public
from keys.sign import SoftwareSigner

ROOT = Path(__file__).parents[2]
PASSPHRASE = "correct horse battery staple\n"
START_SECONDS = 60
PARTNERSHIP = """
[exchange]
origin = "exchange.example"
title = "Test"
threshold = 2

[[registrar]]
name = "R 1"

[terms]
file = "terms.md"
version = 1
accept_within = "30d"

[[organisation]]
handle = "polizei"
name = "Polizeidirektion Rhein-Ruhr"
kind = "authority"
sectors = []
areas = ["05113000"]
expires_in = "730d"

[[organisation.person]]
handle = "wirth"
name = "Sabine Wirth"
roles = ["administrator"]
topics = []

[[organisation.person]]
handle = "winter"
name = "Paul Winter"
roles = ["administrator"]
topics = []

[[organisation.person]]
handle = "vogt"
name = "Henning Vogt"
roles = ["approver"]
topics = []

[[organisation.person]]
handle = "brandt"
name = "Katharina Brandt"
roles = ["author", "officer"]
topics = ["it"]

[[organisation]]
handle = "klinikum"
name = "Klinikum Ruhraue gGmbH"
kind = "company"
sectors = ["health"]
areas = ["05113000"]
expires_in = "365d"

[[organisation.person]]
handle = "aydin"
name = "Miriam Aydın"
roles = ["administrator", "officer"]
topics = ["it"]

[[organisation.person]]
handle = "gross"
name = "Anneliese Groß"
roles = ["officer"]
topics = ["fraud"]
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.out)


def exchange(*arguments: str | Path, lang: str = "en", check: bool = True, alone: bool = False) -> Ran:
    """Run the command line as the console script does, in English unless told; ``alone`` in a process of its own.

    Nobody sits at the keyboard.
    """
    words = [*(str(argument) for argument in arguments), "--lang", lang]
    ran = _process(words) if alone else _here(words)
    assert "Traceback" not in ran.err, ran.err
    assert not check or ran.status == 0, f"{words}: {ran}"
    return ran


def _process(words: list[str]) -> Ran:
    run = subprocess.run(
        [sys.executable, "-m", "exchange.cli", *words],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(run.returncode, run.stdout, run.stderr)


def _here(words: list[str]) -> Ran:
    out, err, keyboard = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(words)
    finally:
        sys.stdin = keyboard
    return Ran(status, out.getvalue(), err.getvalue())


def environment() -> dict[str, str]:
    """The environment of a command: nothing of the tester's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EXCHANGE_", "LC_", "LANG"))}
    return {**kept, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


@dataclass
class Office:
    """Three registrars with their keys in this process, and the founded exchange."""

    folder: Path
    registrars: list[SoftwareSigner] = field(default_factory=list)
    url: str = ""
    exchange: str = ""

    @property
    def passphrase(self) -> Path:
        """The members' passphrase file."""
        path = self.folder / "passphrase"
        if not path.exists():
            path.write_text(PASSPHRASE)
            path.chmod(0o600)
        return path

    @property
    def public(self) -> list[Path]:
        """The registrars' public key files."""
        paths = []
        for number, registrar in enumerate(self.registrars, 1):
            path = self.folder / f"r{number}.pub"
            if not path.exists():
                path.write_bytes(encode_public(registrar.public))
            paths.append(path)
        return paths

    def sign(self, path: Path, *numbers: int) -> None:
        """Sign a file with these registrars, as ``python -m keys sign`` does."""
        file = SigningFile.load(path.read_bytes())
        for number in numbers:
            file = file.sign(self.registrars[number - 1], int(time.time()))
        path.write_bytes(file.save())

    def home(self, handle: str) -> Path:
        """A member's home."""
        return self.folder / "members" / handle

    def member(self, handle: str, *arguments: str | Path, check: bool = True, lang: str = "en") -> Ran:
        """Run a command at a member's home."""
        at_home = ["--home", self.home(handle), "--passphrase-file", self.passphrase]
        return exchange(*arguments, *at_home, check=check, lang=lang)

    def join(self, handle: str) -> Ran:
        """A person joins with the invitation."""
        invitation = self.folder / "registry" / f"invitation-{handle}.txt"
        return self.member(handle, "join", invitation, "--label", f"PC {handle}")

    def request(self, handle: str) -> Path:
        """A person's device request."""
        return self.home(handle) / "device-request.json"


@contextmanager
def served(office: Office) -> Iterator[str]:
    """A server process over the office's data folder; its address."""
    config = office.folder / "config.toml"
    if not config.exists():
        config.write_text(
            f'[server]\nport = 0\ndata = "{office.folder / "server"}"\nhead_file = "{office.folder / "head" / "head"}"\n'
        )
    with background(office.folder / "server.log", "serve", "--config", config) as url:
        yield url


@contextmanager
def background(log_file: Path, *words: str | Path) -> Iterator[str]:
    """A command that listens, in a process of its own; its address. Ended with SIGTERM."""
    log = log_file.open("a")
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange.cli", *map(str, words)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdout is not None
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        url = process.stdout.readline().strip()
        watchdog.cancel()
        assert url.startswith("http://"), log_file.read_text()
        yield url
    finally:
        watchdog.cancel()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        process.stdout.close()
        log.close()


def found(folder: Path) -> Office:
    """Keys of three registrars, and ``exchange init``."""
    office = Office(folder, [SoftwareSigner.generate() for _ in range(3)])
    registrars = [word for path in office.public for word in ("--registrar", str(path))]
    made = exchange(
        "init", "--origin", "exchange.example", *registrars, "--data", folder / "server",
        "--out", folder / "founding.json", "--json",
    )  # fmt: skip
    office.exchange = made.json["exchange"]
    (folder / "terms.md").write_text("Arbeitsordnung\n")
    (folder / "partnership.toml").write_text(PARTNERSHIP)
    return office


def begin(office: Office, url: str) -> Path:
    """Post the founding and the registry file of the partnership; the registry file, for the names."""
    office.url = url
    office.sign(office.folder / "founding.json", 1, 2)
    exchange("admit", office.folder / "founding.json", "--url", url)
    exchange(
        "invite", "--partnership", office.folder / "partnership.toml", "--url", url, "--out",
        office.folder / "registry", "--registrar", office.public[1],
    )  # fmt: skip
    registry = office.folder / "registry" / "registry.json"
    office.sign(registry, 2, 3)
    exchange("admit", registry, "--url", url)
    return registry


def enrol(office: Office, registry: Path, *handles: str) -> None:
    """Join these persons, and let the registrars enrol their devices."""
    devices = office.folder / f"devices-{'-'.join(handles)}.json"
    for handle in handles:
        if not office.request(handle).exists():
            office.join(handle)
    requests = [office.request(handle) for handle in handles]
    exchange(
        "admit", *requests, "--url", office.url, "--registry", registry, "--registrar", office.public[0],
        "--out", devices, "--yes",
    )  # fmt: skip
    office.sign(devices, 1, 3)
    exchange("admit", devices, "--url", office.url)
