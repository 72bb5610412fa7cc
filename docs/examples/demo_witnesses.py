"""Two members run a witness each: both cosign every state of both logs, and the exchange cannot show two histories unseen.

Like everything in the demo these are the commands that people use, as processes of their own.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo_stage import (
    ENVIRONMENT,
    EXCHANGE,
    FOLDER,
    ROOT,
    START_SECONDS,
    Failed,
    Person,
    check,
    exchange,
    registrars_sign,
    say,
    wait_for,
)

WITNESSES = ("ihk.witness.example", "klinikum.witness.example")
"""Their key names: a chamber's and a hospital's."""
QUORUM = 2
COSIGNED_SECONDS = 30


@dataclass(frozen=True)
class Running:
    """One witness: its name, its home folder, its process."""

    name: str
    home: Path
    process: subprocess.Popen[Any]


def free_port() -> int:
    """A port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_witnesses(url: str, exchange_id: str) -> list[Running]:
    """Make and start them; each trusts the log keys of the founding, and nothing else."""
    founding = FOLDER / "registry-office" / "founding.json"
    running = []
    for name in WITNESSES:
        home, port = FOLDER / "witnesses" / name.split(".")[0], free_port()
        place = f"http://127.0.0.1:{port}"
        home.parent.mkdir(mode=0o700, exist_ok=True)
        exchange("witness", "init", founding, "--exchange", exchange_id, "--home", home, "--name", name, "--url", place)
        log = (home.parent / f"{home.name}.log").open("ab")
        command = [EXCHANGE, "witness", "serve", "--home", str(home), "--port", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
        running.append(Running(name, home, process))
        _wait_until_it_listens(place, process)
    return running


def _wait_until_it_listens(place: str, process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{place}/{'0' * 64}/checkpoint", timeout=1):
                return
        except urllib.error.HTTPError:
            return  # it answers, that it does not know this log
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise Failed("a witness did not start")


def name_witnesses(
    running: list[Running], office: Person, registrars: list[tuple[Path, Path, Path]], threshold: int, url: str
) -> None:
    """The registrars name them, offline as always, and from then on a checkpoint wants both of them."""
    file = FOLDER / "registry-office" / "witnesses.json"
    cards = [one.home / "witness.json" for one in running]
    exchange(
        "witnesses", "name", *cards, "--quorum", QUORUM, "--out", file, "--registrar", registrars[0][1], person=office
    )
    registrars_sign(file, registrars, threshold)
    exchange("admit", file, "--url", url)
    wait_for(lambda: cosigned_both(url), COSIGNED_SECONDS, f"{QUORUM} of {len(running)} witnesses cosign both logs")


def cosigned_both(url: str) -> bool:
    """Whether a checkpoint of each log has the quorum, as the exchange says; members verify it themselves."""
    with urllib.request.urlopen(f"{url}/v1/witnesses", timeout=5) as answer:
        state = json.load(answer)
    return all("note" in state[log] for log in ("registry", "journal"))


def look_at_witnesses(person: Person) -> None:
    """What a member finds when it verifies the cosignatures itself; the exchange is not believed."""
    for one in exchange("witnesses", "show", person=person)["logs"]:
        for row in one["witnesses"]:
            say(f"  {one['log']:9} {row['name']:26} cosigned size {row.get('size', '-')} of {one['head']}")
        check(
            "at" in one,
            f"{one['log']}: {one['quorum']} of {len(one['witnesses'])} cosignatures verify, not older than 15 min",
        )
