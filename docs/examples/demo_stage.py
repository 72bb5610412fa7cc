"""What every act of the demo stands on: its folder, its people and examples, running commands, saying what held.

The driver holds no key and verifies nothing; it starts commands and reads their JSON.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import textwrap
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = ROOT / "var" / "demo"
BIN = Path(sys.executable).parent
EXCHANGE = str(BIN / "exchange")
WORKERS = 4
"""Members' processes that run at the same time; each of them makes keys, which costs a core."""
AT_WORK: defaultdict[Path, Lock] = defaultdict(Lock)
"""For each home folder: a person runs one command after the other."""
START_SECONDS = 60
RECEIVE_SECONDS = 60
ID_SHOWN = 10

# Some machines forbid Python to keep compiled modules; a hundred processes would each compile everything again.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"LC_ALL": "C.UTF-8"}

MISSING: list[str] = []
"""What did not hold."""


@dataclass
class Person:
    """A member of the demo: who it is, and its home folder."""

    handle: str
    name: str
    organisation: str
    roles: list[str]
    keyless: bool
    home: Path
    suspended: bool = False


@dataclass
class Example:
    """One example: its file, what the driver must do with it, and what became of it."""

    file: Path
    front: dict[str, Any]
    statement: str = ""
    decided_at: float = 0.0
    decision: dict[str, Any] = field(default_factory=dict)

    @property
    def demo(self) -> dict[str, Any]:
        return dict(self.front["demo"])

    @property
    def label(self) -> str:
        return str(self.front["label"])


class Failed(Exception):
    """A command did not do what the demo needs; nothing further makes sense."""


def say(text: str = "") -> None:
    print(text, flush=True)


def title(text: str) -> None:
    say(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}")


def check(held: bool, sentence: str) -> bool:
    """Say whether something held, and remember when it did not."""
    say(f"  {'ok  ' if held else 'FAIL'} {sentence}")
    if not held:
        MISSING.append(sentence)
    return held


def run(*arguments: object, status: tuple[int, ...] = (0,), **more: Any) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; raises Failed for another exit status."""
    command = [str(a) for a in arguments]
    found = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        timeout=110,
        **more,
    )
    if found.returncode not in status:
        shown = " ".join(Path(command[0]).name if i == 0 else a for i, a in enumerate(command))
        raise Failed(f"{shown}\n  exit status {found.returncode}\n{textwrap.indent(found.stderr[-2000:], '  ')}")
    return found


def exchange(*arguments: object, person: Person | None = None, status: tuple[int, ...] = (0,)) -> Any:
    """Run a command of ``exchange`` with ``--json`` and return what it printed."""
    extra: list[object] = ["--json", "--lang", "en"]
    if person is None:
        found = run(EXCHANGE, *arguments, *extra, status=status)
    else:
        extra += ["--home", person.home, "--passphrase-file", passphrase_of(person)]
        with AT_WORK[person.home]:
            found = run(EXCHANGE, *arguments, *extra, status=status)
    return json.loads(found.stdout) if found.stdout.strip() else {}


def passphrase_of(person: Person) -> Path:
    return FOLDER / "secrets" / f"{person.handle}.passphrase"


def secret(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(18) + "\n")
    return path


def a_few_at_a_time(work: Callable[[T], R], many: Iterable[T]) -> Iterator[R]:
    """Do the same for many members or warnings; what came of each, in their order."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(work, many)


def everyone(work: Callable[[T], object], many: Iterable[T]) -> None:
    """Do the same for many, and wait for all."""
    for _ in a_few_at_a_time(work, many):
        pass


def load_people(description: dict[str, Any]) -> list[Person]:
    people = []
    for organisation in description["organisation"]:
        for person in organisation["person"]:
            people.append(
                Person(
                    person["handle"],
                    person["name"],
                    organisation["handle"],
                    list(person["roles"]),
                    any(device.get("keyless", False) for device in person["devices"]),
                    FOLDER / "members" / person["handle"],
                    bool(organisation.get("suspended", False)),
                )
            )
    return people


def load_warnings(folder: Path) -> list[Example]:
    return [
        Example(file, tomllib.loads(file.read_text("utf-8").split("+++")[1])) for file in sorted(folder.glob("*.md"))
    ]


def make_registrars(description: dict[str, Any]) -> list[tuple[Path, Path, Path]]:
    """Each registrar's key file, public key and passphrase: made offline, by the bare install."""
    made = []
    for registrar in description["registrar"]:
        short = registrar["name"].split()[-1].lower()
        key, public = FOLDER / "registrars" / f"{short}.key", FOLDER / "registrars" / f"{short}.pub"
        phrase = secret(FOLDER / "secrets" / f"registrar-{short}.passphrase")
        key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        run(sys.executable, "-m", "keys", "new", "--out", key, "--public", public, "--passphrase-file", phrase)
        made.append((key, public, phrase))
    return made


def registrars_sign(file: Path, registrars: list[tuple[Path, Path, Path]], threshold: int) -> None:
    for key, _, phrase in registrars[:threshold]:
        run(sys.executable, "-m", "keys", "sign", file, "--key", key, "--passphrase-file", phrase, "--yes")


def wait_for(holds: Any, seconds: float, sentence: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    check(bool(holds()), sentence)


def publish(warning: Example, people: dict[str, Person]) -> str:
    """Publish, and where a second person must agree, approve as that person; the line that says so."""
    author = people[warning.demo["author"]]
    found = exchange("publish", warning.file, "--yes", person=author)
    warning.statement, warning.decision = str(found["statement"]), found["preview"]
    warning.decided_at = float(found["decided_at"])
    state = "released"
    if not found["released"]:
        approver = people[warning.demo["approve_by"]]
        found = exchange("approve", warning.statement, "--yes", person=approver)
        warning.decided_at = float(found["decided_at"])
        state = f"released, approved by {approver.name}"
    if not found["released"]:
        MISSING.append(f"{warning.file.name} was not released")
    return (
        f"  {warning.front.get('number', ''):14} {'TLP:' + warning.label:16} {warning.front['title'][:56]:56} {state}"
    )
