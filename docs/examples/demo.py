"""The demo: a partnership is founded, warnings travel, and everything that was promised is looked at.

Run it with ``make demo`` (``make demo KEEP=1`` leaves the server running).  Everything here goes through the commands that
people use: each member is a process of its own with its own home folder, the registrars sign files offline with
``python -m keys``, the server is a real process on a loopback port.  The driver itself holds no key and verifies nothing for
anybody; it starts commands, reads their JSON, and compares what happened with what the examples say must happen.

Exit status 0 only if everything held.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
import tomllib
import unicodedata
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = ROOT / "var" / "demo"
BIN = Path(sys.executable).parent
EXCHANGE = str(BIN / "exchange")
WORKERS = 4
"""Members' processes that run at the same time; each of them makes keys, which costs a core."""
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
    if person is not None:
        extra += ["--home", person.home, "--passphrase-file", passphrase_of(person)]
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


def everyone(work: Any, people: list[Person]) -> None:
    """Do the same for many members, a few at a time."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for future in [pool.submit(work, person) for person in people]:
            future.result()


# -- the parts of the demo ----------------------------------------------------------------------------------------------


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(config: Path, url: str) -> subprocess.Popen[bytes]:
    log = (FOLDER / "server.log").open("ab")
    server = subprocess.Popen(
        [EXCHANGE, "serve", "--config", str(config)],
        stdout=log,
        stderr=log,
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/health/live", timeout=1):
                return server
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    stop(server)
    raise Failed("the server did not start:\n" + (FOLDER / "server.log").read_text()[-2000:])


def stop(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the server running in the foreground until Ctrl-C")
    keep = parser.parse_args().keep
    began = time.monotonic()
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    FOLDER.mkdir(mode=0o700, parents=True)
    processes: list[subprocess.Popen[Any]] = []
    try:
        demo(processes, keep)
    except Failed as failure:
        say(f"\nthe demo stopped: {failure}")
        return 1
    finally:
        for process in reversed(processes):
            stop(process)
    say(
        f"\n{'everything held' if not MISSING else 'DID NOT HOLD: ' + '; '.join(MISSING)}, {time.monotonic() - began:.0f} s in all"
    )
    return 1 if MISSING else 0


def demo(processes: list[subprocess.Popen[Any]], keep: bool) -> None:
    description = tomllib.loads((HERE / "partnership.toml").read_text("utf-8"))
    people = load_people(description)
    by_handle = {person.handle: person for person in people}
    threshold = int(description["exchange"]["threshold"])

    title("1  Founding: two of three registrars sign, offline")
    registrars = make_registrars(description)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = FOLDER / "config.toml"
    config.write_text(
        f'[server]\nport = {port}\ndata = "{FOLDER / "server"}"\nhead_file = "{FOLDER / "head" / "head"}"\n', "utf-8"
    )
    founding = FOLDER / "registry-office" / "founding.json"
    founding.parent.mkdir(mode=0o700)
    begun = exchange(
        "init",
        "--origin",
        description["exchange"]["origin"],
        "--threshold",
        threshold,
        "--config",
        config,
        "--out",
        founding,
        *(part for _, public, _ in registrars for part in ("--registrar", public)),
    )
    registrars_sign(founding, registrars, threshold)
    processes.append(start_server(config, url))
    exchange("admit", founding, "--url", url)
    say(f"  exchange {begun['exchange'][:16]}… at {url}")

    title(
        f"2  Registry: {len(description['organisation'])} organisations, {len(people)} persons, signed by {threshold} registrars"
    )
    invitations = FOLDER / "invitations"
    first = registrars[0][1]
    exchange(
        "invite", "--partnership", HERE / "partnership.toml", "--url", url, "--out", invitations, "--registrar", first
    )
    registry = invitations / "registry.json"
    registrars_sign(registry, registrars, threshold)
    exchange("admit", registry, "--url", url)

    title("3  Every member joins: its keys are made on its own machine")
    for person in people:
        secret(passphrase_of(person))
    labels = {p["handle"]: p["devices"][0]["label"] for o in description["organisation"] for p in o["person"]}

    def join(person: Person) -> None:
        exchange(
            "join", invitations / f"invitation-{person.handle}.txt", "--label", labels[person.handle], person=person
        )

    everyone(join, people)
    plain = [p for p in people if p.roles == ["officer"]]
    privileged = [p for p in people if p not in plain]
    enrolments = FOLDER / "registry-office" / "devices.json"
    exchange(
        "admit",
        *(p.home / "device-request.json" for p in privileged),
        "--url",
        url,
        "--registry",
        registry,
        "--registrar",
        first,
        "--out",
        enrolments,
        "--yes",
    )
    registrars_sign(enrolments, registrars, threshold)
    exchange("admit", enrolments, "--url", url)
    admins = {p.organisation: p for p in people if "administrator" in p.roles}
    for person in plain:
        exchange("admit", person.home / "device-request.json", "--yes", person=admins[person.organisation])
    say(f"  {len(privileged)} devices enrolled by registrars, {len(plain)} by their own administrator")

    def settle(person: Person) -> None:
        if not person.keyless:
            exchange("devices", "--renew", person=person)

    everyone(lambda admin: exchange("terms", "accept", "--yes", person=admin), list(admins.values()))
    everyone(settle, people)
    office = by_handle["wirth"]
    for organisation in description["organisation"]:
        if organisation.get("suspended"):
            file = FOLDER / "registry-office" / f"suspend-{organisation['handle']}.json"
            exchange("suspend", organisation["name"], "--out", file, "--registrar", first, person=office)
            registrars_sign(file, registrars, threshold)
            exchange("admit", file, "--url", url)
            say(f"  {organisation['name']} is suspended by {threshold} registrars")
    for person in people:
        if person.keyless:
            say(f"  {person.name}'s device has published no key: it will be named before every release")

    title("4  Officers watch, the authority publishes")
    watchers = [p for p in people if not (p.suspended or p.keyless or "auditor" in p.roles)]
    for person in watchers:
        out = (FOLDER / "members" / f"{person.handle}.watch.jsonl").open("wb")
        err = (FOLDER / "members" / f"{person.handle}.watch.log").open("wb")
        processes.append(
            subprocess.Popen(
                [
                    EXCHANGE,
                    "watch",
                    "--json",
                    "--home",
                    str(person.home),
                    "--passphrase-file",
                    str(passphrase_of(person)),
                ],
                stdout=out,
                stderr=err,
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
            )
        )
    wait_for(lambda: all(watching(p) for p in watchers), START_SECONDS, "every officer's watch is connected")
    warnings = load_warnings(HERE / "alerts")
    for warning in warnings:
        publish(warning, by_handle)
    expected = {
        (w.statement, handle)
        for w in warnings
        for handle in w.demo.get("receives", [])
        if handle not in w.demo.get("keyless", [])
    }
    wait_for(
        lambda: expected <= opened(watchers).keys(), RECEIVE_SECONDS, "every recipient's screen shows its warnings"
    )
    times = opened(watchers)
    for process in processes[1:]:
        stop(process)
    report(warnings, people, times)

    title("5  What must be refused is refused, with the rule")
    for warning in load_warnings(HERE / "refused"):
        author = by_handle[warning.demo["author"]]
        found = exchange("publish", warning.file, "--yes", person=author, status=(1,))
        check(
            found.get("rule") == warning.demo["expect_rule"],
            f"TLP:{warning.label} {warning.front['title'][:44]}: {found.get('rule')} {found.get('error')}",
        )

    title("6  What the operator can see of one alert")
    operator_view(warnings[0])

    title("7  The auditor: one command, offline")
    auditor = next(p for p in people if "auditor" in p.roles)
    exchange("audit", "export", "--out", FOLDER / "audit", person=auditor)
    verdict = run(
        EXCHANGE, "audit", "verify", FOLDER / "audit", "--exchange", begun["exchange"], "--lang", "en", status=(0, 1)
    )
    say(textwrap.indent(verdict.stdout.rstrip(), "  "))
    check(verdict.returncode == 0, "exit status 0: the bundle verifies")

    title("8  What the server stored is searched for what it must not know")
    search_server(description, warnings)

    if keep:
        say(f"\nthe server runs at {url} until Ctrl-C. join it as a new member's machine:")
        say(f"  {EXCHANGE} join {invitations / ('invitation-' + people[0].handle + '.txt')} --home my-home")
        say("or look around as somebody who is in it already:")
        someone = by_handle["hoffmann"] if "hoffmann" in by_handle else people[0]
        say(f"  {EXCHANGE} inbox --home {someone.home} --passphrase-file {passphrase_of(someone)}")
        say(f"  {url}/clear/")
        try:
            processes[0].wait()
        except KeyboardInterrupt:
            say("\nstopping")


def watching(person: Person) -> bool:
    return "watching" in (FOLDER / "members" / f"{person.handle}.watch.jsonl").read_text("utf-8")


def wait_for(holds: Any, seconds: float, sentence: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    check(bool(holds()), sentence)


def publish(warning: Example, people: dict[str, Person]) -> None:
    """Publish, and where a second person must agree, approve as that person."""
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
    say(f"  {warning.front.get('number', ''):14} {'TLP:' + warning.label:16} {warning.front['title'][:56]:56} {state}")
    if not found["released"]:
        MISSING.append(f"{warning.file.name} was not released")


def opened(watchers: list[Person]) -> dict[tuple[str, str], float]:
    """When each watching member had which alert open on its machine."""
    found = {}
    for person in watchers:
        for line in (FOLDER / "members" / f"{person.handle}.watch.jsonl").read_text("utf-8").splitlines():
            event = json.loads(line)
            if event.get("event") == "alert":
                found[(event["statement"], person.handle)] = float(event["opened_at"])
    return found


def report(warnings: list[Example], people: list[Person], times: dict[tuple[str, str], float]) -> None:
    title("   Who received what, who did not, and why")
    names = {person.name: person.handle for person in people}
    delays = []
    for warning in warnings:
        received = {handle for statement, handle in times if statement == warning.statement}
        wanted = set(warning.demo.get("receives", [])) - set(warning.demo.get("keyless", []))
        say(f"\n  {warning.front.get('number', '')}  TLP:{warning.label}  {warning.front['title']}")
        if warning.label == "CLEAR":
            say("    public: signed, and readable by anyone on the exchange's page")
            continue
        rows = [(True, row) for row in warning.decision["receives"]] + [
            (False, row) for row in warning.decision["left_out"]
        ]
        for receives, person in rows:
            handle = names.get(person["name"], person["name"])
            if handle in received:
                delay = times[(warning.statement, handle)] - warning.decided_at
                delays.append(max(delay, 0.0))
                outcome = f"opened after {max(delay, 0.0) * 1000:5.0f} ms"
            elif receives:
                outcome = "no usable key" if handle in warning.demo.get("keyless", []) else "NOT OPENED"
            else:
                outcome = "-"
            say(
                f"    {'+' if handle in received else ' '} {person['name']:24} {outcome:22} {person['rule']:4} {person['why']}"
            )
        check(received == wanted, f"opened by exactly {len(wanted)} persons")
    if delays:
        delays.sort()
        say(
            "\n  from the decision (publish, or the approval) to opened on the reader's machine:"
            f" median {delays[len(delays) // 2] * 1000:.0f} ms, slowest {delays[-1] * 1000:.0f} ms"
        )


def operator_view(warning: Example) -> None:
    """The whole of what lies on the server about one alert, read from its database as the operator could."""
    with closing(sqlite3.connect(f"file:{FOLDER / 'server' / 'exchange.db'}?mode=ro", uri=True)) as database:
        envelope, index = database.execute(
            "select envelope, [index] from statement where statement = ? order by [index] desc", (warning.statement,)
        ).fetchone()
        entry = database.execute("select data from entry where log = 'journal' and [index] = ?", (index,)).fetchone()[0]
    body = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    say(f"  journal entry {index}: {entry.decode()[:300]}…")
    core = body["core"]
    for key in ("label", "audience", "kind", "urgency", "severity", "exercise", "valid_until", "stanzas", "keyless"):
        say(f"    {key:12} {json.dumps(core.get(key), ensure_ascii=False)}")
    say(f"    {'ciphertexts':12} {json.dumps([part['length'] for part in body['sealed']['parts']])} bytes")
    say("  and neither title, text, contact, place nor file names; they are only inside.")


def search_server(description: dict[str, Any], warnings: list[Example]) -> None:
    """Every byte below ``server/``: no content of a sealed alert anywhere, names only in the table of openings."""
    stored = [(path.name, path.read_bytes()) for path in (FOLDER / "server").rglob("*") if path.is_file()]
    words: set[str] = set()
    for warning in warnings:
        if warning.label == "CLEAR":
            continue
        body = warning.file.read_text("utf-8").split("+++", 2)[2]
        words.update(line.strip() for line in body.splitlines() if len(line.strip()) > 24)
        words.update(
            str(warning.front[key]) for key in ("title", "contact", "place", "number") if warning.front.get(key)
        )
        words.update(warning.front.get("attachments", []))
    public = " ".join(w.file.read_text("utf-8") for w in warnings if w.label == "CLEAR")
    public += " ".join(
        str(v)
        for o in description["organisation"]
        for v in (o.get("contact"), *(p.get("contact") for p in o["person"]))
    )
    hits = {
        word
        for word in words
        for _, data in stored
        if word not in public and unicodedata.normalize("NFC", word).encode() in data
    }
    check(
        not hits,
        f"no text, title, contact, place, number or file name of a sealed alert ({len(words)} strings searched)",
    )
    attachments = {name for w in warnings if w.label != "CLEAR" for name in w.front.get("attachments", [])}
    pieces = [(HERE / "alerts" / name).read_bytes()[1000:1064] for name in attachments]
    check(not any(piece in data for piece in pieces for _, data in stored), "no piece of an attachment")
    names = [str(o["name"]) for o in description["organisation"]] + [
        str(p["name"]) for o in description["organisation"] for p in o["person"]
    ]
    check(
        names_only_in_openings(names, warnings),
        "names of persons and organisations only in the erasable table of openings",
    )


def names_only_in_openings(names: list[str], warnings: list[Example]) -> bool:
    """Copy the database, empty the openings (and what is public), rewrite the file, and search again."""
    copy = FOLDER / "search.db"
    stored = f"file:{FOLDER / 'server' / 'exchange.db'}?mode=ro"
    with closing(sqlite3.connect(stored, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    clear = [w.statement for w in warnings if w.label == "CLEAR"]
    # Closed at the end: only then is everything in the one file that is searched.
    with closing(sqlite3.connect(copy)) as database:
        database.execute("delete from opening")
        marks = ",".join("?" * len(clear))
        database.execute(
            "delete from blob_chunk where blob in (select blob from blob where sha256 in"
            f" (select sha256 from claim where statement in ({marks})))",
            clear,
        )
        database.commit()
        database.execute("vacuum")
    data = copy.read_bytes()
    copy.unlink()
    others = b"".join(
        p.read_bytes() for p in (FOLDER / "server").rglob("*") if p.is_file() and "exchange.db" not in p.name
    )
    return not any(name.encode() in data or name.encode() in others for name in names)


if __name__ == "__main__":
    sys.exit(main())
