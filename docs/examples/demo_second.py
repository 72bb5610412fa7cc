"""The demo's second act: what happens to warnings, devices and memberships after the first day.

An update, a withdrawal with one silent recipient, a client, a lost device, a lapsed membership, a drill.  Time is real here:
the membership of the company in ``second/partnership.toml`` lasts 30 seconds, and the scenes in between are played while it runs.
"""

from __future__ import annotations

import textwrap
import time
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from demo_stage import (
    EXCHANGE,
    FOLDER,
    HERE,
    Example,
    Failed,
    Person,
    check,
    everyone,
    exchange,
    load_people,
    load_warnings,
    passphrase_of,
    publish,
    registrars_sign,
    run,
    say,
    secret,
    title,
    wait_for,
)

SECOND = HERE / "second"
SILENT = "nowak"
"""Received on the first day, and does not switch the computer on any more."""
LISTENING = ("brandt", "lehmann", "hoffmann", "sievers", "falk", "gross", "kowalczyk")
"""Whose inboxes are looked at when everything was played."""
WITHDRAWN = "IHK-2026-0027"
SHARED = "PD-2026-0312"
CLIENT, CLIENT_OFFICER = "Schaltanlagenbau Wenck GmbH", "Ralf Wenck"
ENROLLING = 20
"""Commands for which a membership must last at least, so that a slow or busy machine can enrol its device in time."""


@dataclass
class Company:
    """The partnership as the second act finds it."""

    people: dict[str, Person]
    registrars: list[tuple[Path, Path, Path]]
    threshold: int
    url: str
    first: list[Example]
    pace: float
    """Seconds that a command takes on this machine, now."""
    played: list[Example] = field(default_factory=list)
    opened: dict[str, set[str]] = field(default_factory=dict)
    """For each handle the statements that its device has open."""

    def post(self, file: Path, signers: int | None = None) -> None:
        """Registrars sign, and it is posted."""
        registrars_sign(file, self.registrars, self.threshold if signers is None else signers)
        exchange("admit", file, "--url", self.url)

    def newcomer(self, person: Person, *join: object) -> Path:
        """A machine joins; its request."""
        secret(passphrase_of(person))
        exchange("join", *join, person=person)
        return person.home / "device-request.json"

    def look(self, person: Person) -> list[dict[str, Any]]:
        """The person's inbox; what is open on that device is remembered."""
        shown = exchange("inbox", person=person)["alerts"]
        here = {version["statement"] for alert in shown for version in alert["versions"] if version["here"]}
        self.opened[person.handle] = here | {alert["statement"] for alert in shown}
        return list(shown)


def second_act(company: Company) -> tuple[list[Example], list[dict[str, Any]]]:
    """Play it; returns the examples that were published, and the organisations that came, for the search of the server."""
    description = tomllib.loads((SECOND / "partnership.toml").read_text("utf-8"))
    examples = {one.file.name[:2]: one for one in load_warnings(SECOND)}
    falk = load_people(description)[0]
    company.people[falk.handle] = falk
    ends = admitted_for_a_minute(company, description, falk)
    updated(company, examples["20"], falk)
    withdrawal = withdrawn(company)
    client = given_to_a_client(company)
    lost_device(company)
    lapsed(company, falk, examples["21"], ends)
    drilled(company, [examples["22"], examples["23"]])
    who_and_why(company, [examples["20"], withdrawal, examples["21"]])
    return list(examples.values()), [*description["organisation"], client]


def admitted_for_a_minute(company: Company, description: dict[str, Any], falk: Person) -> float:
    """A new member, whose membership is short; when it ends at the latest."""
    organisation = description["organisation"][0]
    written = organisation["expires_in"]
    term = max(int(written.removesuffix("s")), round(ENROLLING * company.pace))
    title(f"6  Second act: {organisation['name']} is admitted for {term} seconds")
    office, first = FOLDER / "second", company.registrars[0][1]
    office.mkdir(mode=0o700)
    text = (SECOND / "partnership.toml").read_text("utf-8").replace(f'"{written}"', f'"{term}s"')
    (office / "partnership.toml").write_text(text, "utf-8")
    exchange("invite", "--partnership", office / "partnership.toml", "--organisation", organisation["handle"],
             "--url", company.url, "--out", office, "--registrar", first)  # fmt: skip
    ends = time.time() + term
    registry, devices = office / "registry.json", office / "device.json"
    company.post(registry)
    label = organisation["person"][0]["devices"][0]["label"]
    request = company.newcomer(falk, office / f"invitation-{falk.handle}.txt", "--label", label)
    exchange("admit", request, "--url", company.url, "--registry", registry, "--registrar", first,
             "--out", devices, "--yes")  # fmt: skip
    company.post(devices)
    exchange("terms", "accept", "--yes", person=falk)
    company.look(falk)  # publishes its keys; nothing can be sealed to a device without
    check(time.time() < ends, f"{falk.name} is enrolled, and has accepted the terms, before the membership ends")
    return ends


def updated(company: Company, example: Example, falk: Person) -> None:
    title("7  An update: version 2 of the first warning")
    original = company.first[0]
    author, reader = company.people[example.demo["author"]], company.people["sievers"]
    number = original.front["number"]
    found = exchange("update", number, example.file, "--reason", "new-information", "--yes", person=author)
    example.statement, example.decision = str(found["statement"]), found["preview"]
    example.front |= {"label": original.label, "number": number}
    company.played.append(example)
    names = {row["name"] for row in original.decision["receives"]}
    joining = [row["name"] for row in found["preview"]["receives"] if row["name"] not in names]
    say(f"  {number}: {example.front['title']}; new among the recipients: {', '.join(joining)}")
    had = example.statement in {alert["statement"] for alert in company.look(falk)}
    check(joining == [falk.name] and had, f"{falk.name} comes in with version 2, and has it open")
    lines = [alert for alert in company.look(reader) if alert["content"]["number"] == number]
    check(len(lines) == 1, f"{reader.name}'s inbox has one line for {number}")
    line = lines[0]
    say(f"    version {line['version']}, {line['change']['reason']}: {line['content']['texts'][0].get('changed')}")
    check(line["version"] == 2 and len(line["versions"]) == 2, "it stands at version 2, and version 1 is behind it")


def withdrawn(company: Company) -> Example:
    title("8  A withdrawal, and one recipient who stays silent")
    original = next(one for one in company.first if one.front["number"] == WITHDRAWN)
    author, silent = company.people[original.demo["author"]], company.people[SILENT]
    found = exchange("withdraw", WITHDRAWN, "--reason", "error", "--yes", person=author)
    example = replace(original, statement=str(found["statement"]), decision=found["preview"])
    company.played.append(example)
    readers = [company.people[h] for h in original.demo["receives"] if h not in (SILENT, author.handle)]
    everyone(lambda person: exchange("read", WITHDRAWN, person=person), readers)
    shown = run(EXCHANGE, "receipts", WITHDRAWN, "--lang", "en", "--home", author.home,
                "--passphrase-file", passphrase_of(author))  # fmt: skip
    say(textwrap.indent((shown.stdout + shown.stderr).rstrip(), "  "))
    counts = f"{len(readers)} of {len(readers) + 1}"
    check(counts in shown.stdout + shown.stderr, f"{counts} organisations have confirmed it")
    call = shown.stdout[shown.stdout.rfind("Elektro Nowak") :]
    check("0152 28817386" in call, f"the silent one is named, with a telephone number: {silent.name}")
    return example


def given_to_a_client(company: Company) -> dict[str, Any]:
    title(f"9  A client: Emschernetz registers {CLIENT}, and gives it a warning")
    sponsor = giver = company.people["sievers"]
    file = FOLDER / "second" / "client.json"
    exchange("client", "register", CLIENT, "--out", file, "--yes", person=sponsor)
    company.post(file, signers=1)
    line = exchange("invite", "--name", CLIENT_OFFICER, "--client", CLIENT, "--topic", "it", "--yes", person=sponsor)
    officer = Person("wenck", CLIENT_OFFICER, "wenck", ["officer"], False, FOLDER / "members" / "wenck")
    request = company.newcomer(officer, line["invitation"], "--label", "Notebook Werkstatt")
    exchange("admit", request, "--yes", person=sponsor)
    alone = {alert["label"] for alert in company.look(officer)} <= {"TLP:CLEAR"}
    check(alone, f"{officer.name} is in no audience, and has only what is public")
    # Whoever is not a client of Emschernetz is a stranger to this label, member of the partnership or not.
    refused = exchange("share", SHARED, "--to", "Henning Vogt", "--yes", person=giver, status=(1,))
    check(refused.get("rule") == "R12", f"a stranger: {refused.get('rule')} {refused.get('error')}")
    exchange("share", SHARED, "--to", CLIENT_OFFICER, "--yes", person=giver)
    given = [alert for alert in company.look(officer) if alert["label"] != "TLP:CLEAR"]
    check(
        [alert["content"]["number"] for alert in given] == [SHARED] and given[0]["given_by"] is not None,
        f"{officer.name} has {SHARED} open, {given[0]['label'] if given else ''}, given by {giver.name}",
    )
    return {"name": CLIENT, "person": [{"name": CLIENT_OFFICER}]}


def lost_device(company: Company) -> None:
    title("10  A lost device: revoked, a new one enrolled, its history sealed again")
    owner, colleague = company.people["demir"], company.people["devries"]
    exchange("revoke", "Notebook IT", "--yes", person=colleague)
    refused = exchange("inbox", person=owner, status=(0, 1))
    say(f"  the lost device, revoked: {refused.get('error') or 'has what it had, and gets nothing new'}")
    new = replace(owner, handle="demir-2", home=FOLDER / "members" / "demir-2")
    invitation = FOLDER / "invitations" / f"invitation-{owner.handle}.txt"
    request = company.newcomer(new, invitation, "--label", "Notebook IT, Ersatz")
    exchange("admit", request, "--yes", person=colleague)
    company.look(new)  # publishes its keys
    found = exchange("history", "Notebook IT, Ersatz", "--yes", person=colleague)
    given, left = {one["alert"] for one in found["given"]}, found["left"]
    shown = company.look(new)
    check(
        bool(given) and given <= company.opened[new.handle],
        f"{len(given)} warnings sealed again by {colleague.name}, open on the new device",
    )
    numbers = {one.statement: one.front["number"] for one in company.first}
    for one in left:
        say(f"    not for her: {numbers.get(one['alert'], one['alert'])}  {one['rule'] or '-':4} {one['code']}")
    had = {alert["content"]["number"] for alert in exchange("inbox", "--offline", person=owner)["alerts"]}
    lost = sorted(had - {alert["content"]["number"] for alert in shown})
    say(f"    stays behind, because {colleague.name} never had it, or may not: {', '.join(lost)}")
    check(bool(left) and bool(lost), "what was not sealed again is named")


def lapsed(company: Company, falk: Person, example: Example, ends: float) -> None:
    title("11  A lapsed membership, and its renewal")
    left = max(0.0, ends - time.time())
    wait_for(
        lambda: time.time() > ends, left + 1, f"the membership ends, {left:.0f} s from here" if left else "it ended"
    )
    say(publish(example, company.people))
    company.played.append(example)
    said = run(EXCHANGE, "inbox", "--lang", "en", "--home", falk.home, "--passphrase-file", passphrase_of(falk),
               status=(0, 1)).stderr  # fmt: skip
    warning = next((line for line in said.splitlines() if "expired" in line or "ran out" in line), "")
    check(bool(warning), f"her own command says so: {warning.strip()}")
    row = next((row for row in example.decision["left_out"] if row["name"] == falk.name), {})
    check(row.get("code") == "membership-expired", f"the table's row: {row.get('rule')} {row.get('why')}")
    file = FOLDER / "second" / "renew.json"
    exchange("renew", "Gebäudeservice Falk GmbH", "--for", "365d", "--out", file,
             "--registrar", company.registrars[0][1], person=company.people["wirth"])  # fmt: skip
    company.post(file)
    say(f"  renewed for a year by {company.threshold} registrars")


def drilled(company: Company, examples: list[Example]) -> None:
    title("12  A drill of two exercises")
    author = company.people["brandt"]
    file = FOLDER / "second" / "uebung.run.json"
    sent = exchange("drill", "run", SECOND / "uebung.toml", "--out", file, "--yes", person=author)["sent"]
    for example, statement in zip(examples, sent, strict=True):
        example.statement = statement
        company.played.append(example)
    everyone(company.look, [company.people[handle] for handle in LISTENING])
    shown = run(EXCHANGE, "drill", "report", file, "--lang", "en", "--home", author.home,
                "--passphrase-file", passphrase_of(author))  # fmt: skip
    say(textwrap.indent((shown.stdout + shown.stderr).rstrip(), "  "))
    for example in examples:
        got = {handle for handle in LISTENING if example.statement in company.opened[handle]}
        wanted = set(example.demo["receives"]) - {SILENT}
        check(got == wanted, f"{example.front['number']} open at exactly {len(wanted)} persons, {SILENT} silent")


def who_and_why(company: Company, examples: list[Example]) -> None:
    title("   Who received what in the second act, who did not, and why")
    handles = {person.name: handle for handle, person in company.people.items()}
    for example in examples:
        say(
            f"\n  {example.front['number']}  TLP:{example.label}  {example.front['title']}  ({example.decision['action']})"
        )
        got = {handle for handle, statements in company.opened.items() if example.statement in statements}
        rows = [(True, row) for row in example.decision["receives"]]
        rows += [(False, row) for row in example.decision["left_out"]]
        for receives, row in rows:
            handle = handles.get(row["name"], row["name"])
            outcome = "opened" if handle in got else "silent" if receives else "-"
            say(f"    {'+' if handle in got else ' '} {row['name']:24} {outcome:8} {row['rule']:4} {row['why']}")
        wanted = set(example.demo["receives"]) - {SILENT}
        check(got & set(LISTENING) == wanted & set(LISTENING), f"opened by exactly {len(wanted)} persons")
        for handle, code in example.demo.get("left_out", {}).items():
            found = {row["code"] for _, row in rows if handles.get(row["name"]) == handle}
            check(found == {code}, f"{company.people[handle].name} is left out: {code}")
    if not examples:
        raise Failed("nothing was played")
