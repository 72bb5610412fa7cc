"""The demo: a partnership is founded, warnings travel, and everything that was promised is looked at.

Run it with ``make demo`` (``make demo KEEP=1`` leaves the server running).  Everything here goes through the commands that
people use: each member is a process of its own with its own home folder, the registrars sign files offline with
``python -m keys``, the server is a real process on a loopback port.  The driver itself holds no key and verifies nothing for
anybody; it starts commands, reads their JSON, and compares what happened with what the examples say must happen.

Exit status 0 only if everything held.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import textwrap
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from demo_look import operator_view, search_server
from demo_second import Company, second_act
from demo_stage import (
    ENVIRONMENT,
    EXCHANGE,
    FOLDER,
    HERE,
    MISSING,
    RECEIVE_SECONDS,
    ROOT,
    START_SECONDS,
    Example,
    Failed,
    Person,
    a_few_at_a_time,
    check,
    everyone,
    exchange,
    load_people,
    load_warnings,
    make_registrars,
    passphrase_of,
    publish,
    registrars_sign,
    run,
    say,
    secret,
    title,
    wait_for,
)
from demo_witnesses import free_port, look_at_witnesses, name_witnesses, run_witnesses


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

    def admit(person: Person) -> None:
        exchange("admit", person.home / "device-request.json", "--yes", person=admins[person.organisation])

    everyone(admit, plain)
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

    title("   Two members run a witness each, and the registrars name both")
    witnesses = run_witnesses(url, str(begun["exchange"]))
    processes.extend(one.process for one in witnesses)
    name_witnesses(witnesses, office, registrars, threshold, url)

    title("4  Officers watch, the authority publishes")
    watches: list[subprocess.Popen[Any]] = []
    watchers = [p for p in people if not (p.suspended or p.keyless or "auditor" in p.roles)]
    for person in watchers:
        out = (FOLDER / "members" / f"{person.handle}.watch.jsonl").open("wb")
        err = (FOLDER / "members" / f"{person.handle}.watch.log").open("wb")
        watches.append(
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
        processes.append(watches[-1])
    wait_for(lambda: all(watching(p) for p in watchers), START_SECONDS, "every officer's watch is connected")
    warnings = load_warnings(HERE / "alerts")
    for line in a_few_at_a_time(lambda warning: publish(warning, by_handle), warnings):
        say(line)
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
    for process in watches:
        stop(process)
    report(warnings, people, times)

    title("5  What must be refused is refused, with the rule")
    refused, started = load_warnings(HERE / "refused"), time.monotonic()
    for warning in refused:
        author = by_handle[warning.demo["author"]]
        found = exchange("publish", warning.file, "--yes", person=author, status=(1,))
        check(
            found.get("rule") == warning.demo["expect_rule"],
            f"TLP:{warning.label} {warning.front['title'][:44]}: {found.get('rule')} {found.get('error')}",
        )

    pace = (time.monotonic() - started) / len(refused)
    company = Company(by_handle, registrars, threshold, url, warnings, pace)
    later, came = second_act(company)

    title("13  What the operator can see of one alert")
    operator_view(warnings[0])

    title("14  The auditor: one command, offline")
    auditor = next(p for p in people if "auditor" in p.roles)
    look_at_witnesses(auditor)
    exchange("audit", "export", "--out", FOLDER / "audit", person=auditor)
    written = FOLDER / "audit-report.html"
    asked = ["--exchange", begun["exchange"], "--lang", "en", "--report", written]
    verdict = run(EXCHANGE, "audit", "verify", FOLDER / "audit", *asked, status=(0, 1))
    say(textwrap.indent(verdict.stdout.rstrip(), "  "))
    check(verdict.returncode == 0, "exit status 0: the bundle verifies")
    say(f"  the same for people who read no terminal: {written}")

    title("15  What the server stored is searched for what it must not know")
    search_server([*description["organisation"], *came], [*warnings, *later])

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


if __name__ == "__main__":
    sys.exit(main())
