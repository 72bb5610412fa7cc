"""Who is shown which registry statement, and which openings (``docs/spec/statements.md``, "Who is shown which").

Pure: decides by the reader's place in the roster and by the statement's chain, which its entry names in the open; it reads
no statement. What is withheld about a subject that the reader knows would be noticed by it (rule M16), so the unit is
always a whole chain, never a single statement of it.

Openings are narrower than statements: a name is handed to those who need it to work, and to nobody else (invariant I8).
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.policy.chains import PUBLIC_FAMILIES
from exchange.policy.circles import below
from exchange.policy.members import Facts, Roster
from exchange.service.denied import Denied

PUBLISHER = frozenset({"author", "approver"})
ACCOUNTABLE = PUBLISHER | {"administrator"}
NAMED = ("circle", "device", "organisation", "person")
"""Families whose statements have openings, which can be erased."""
NAMING_FIELDS = frozenset({"name", "title", "contact"})
"""What publishers and the registry office work with; a device's label is its own organisation's affair."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A caller whose device is in force: who it is in the roster at this moment.

    ``terms`` is the reason code when its organisation's acceptance of the terms does not count now, else None: such a reader
    may read registry and journal, accept the terms and publish keys, but is handed no alert (R1).
    """

    device: str
    person: str
    organisation: str
    kind: str
    roles: frozenset[str]
    terms: str | None

    @property
    def publisher(self) -> bool:
        """Author or approver."""
        return bool(self.roles & PUBLISHER)

    @property
    def auditor(self) -> bool:
        """An auditor reads the record and no alert."""
        return "auditor" in self.roles

    @property
    def registry_office(self) -> bool:
        """An administrator of an authority: prepares the registrars' work and needs the whole registry."""
        return self.kind == "authority" and "administrator" in self.roles

    @property
    def sees_whole_registry(self) -> bool:
        """Publishers compute recipients from the whole registry, auditors recompute them."""
        return self.publisher or self.registry_office or self.auditor


def access_fault(roster: Roster, device: str) -> str | None:
    """Why a device may not open or keep a session, as a reason code, or None.

    As R1, but the terms need not be accepted: an administrator must be able to read them and accept.
    """
    found = roster.facts.devices.get(device)
    if found is None:
        return "device-unknown"
    if found.revoked:
        return "device-revoked"
    person = roster.facts.persons[found.person]
    if person.removed:
        return "person-removed"
    return roster.organisation_fault(person.organisation)


def reader_of(roster: Roster, device: str) -> Reader:
    """The reader behind a device; raises Denied (rule R1) with the reason when it is not in force."""
    fault = access_fault(roster, device)
    if fault is not None:
        raise Denied(fault, "the device is not in force", rule="R1")
    person = roster.facts.persons[roster.facts.devices[device].person]
    organisation = roster.facts.organisations[person.organisation]
    return Reader(
        device, person.id, organisation.id, organisation.kind, person.roles, roster.terms_fault(organisation.id)
    )


def is_shown(reader: Reader, facts: Facts, chain: str) -> bool:
    """Whether the statements of a chain are shown to the reader."""
    if reader.sees_whole_registry:
        return True
    family, _, subject = chain.partition("/")
    if family in PUBLIC_FAMILIES:
        return True
    match family:
        case "organisation" | "acceptance":
            return _is_own(reader, facts, subject) or _is_open(reader, facts, subject)
        case "person":
            return _shown_person(reader, facts, subject)
        case "device":
            device = facts.devices.get(subject)
            return device is not None and _shown_person(reader, facts, device.person)
        case "circle":
            return True
        case "opening":
            # An id belongs to one subject of all families (M6), so at most one of these is there.
            return any(f"{f}/{subject}" in facts.chains and is_shown(reader, facts, f"{f}/{subject}") for f in NAMED)
    return False


def _is_own(reader: Reader, facts: Facts, organisation: str) -> bool:
    """The reader's own organisation, or a client of it."""
    found = facts.organisations.get(organisation)
    return organisation == reader.organisation or (found is not None and found.sponsor == reader.organisation)


def _is_open(reader: Reader, facts: Facts, organisation: str) -> bool:
    """An organisation whose acts every member checks, the author's or a curator's, or the reader checks: its sponsor."""
    if organisation in facts.ever_author or organisation in facts.ever_curating:
        return True
    own = facts.organisations.get(reader.organisation)
    return own is not None and own.sponsor == organisation


def _shown_person(reader: Reader, facts: Facts, person: str) -> bool:
    found = facts.persons.get(person)
    if found is None:
        return False
    if _is_own(reader, facts, found.organisation) or person in facts.ever_curator:
        return True
    return person in facts.ever_privileged and _is_open(reader, facts, found.organisation)


def opening_is_shown(reader: Reader, facts: Facts, chain: str, field: str) -> bool:
    """Whether an opening of a statement in this chain is handed to the reader.

    An address for notices: the person itself and its administrators. Own organisation and its clients: everything else.
    Publishers and the registry office: names, titles and contacts of all. Auditors: names of circles and organisations, and of
    persons who act for them. Everyone: names of organisations that publish, of the own sponsor, of those who sign alerts, and
    of the circles that the reader is in or curates.
    """
    family, _, subject = chain.partition("/")
    owner, person = _owner(facts, family, subject)
    if field == "notice":
        # Where a person wants mail is for the person, and for the administrators who change it.
        ours = owner is not None and _is_own(reader, facts, owner)
        return ours and (person == reader.person or "administrator" in reader.roles)
    if reader.auditor:
        if family in ("circle", "organisation"):
            return field == "name"
        return family == "person" and field == "name" and _has_role(facts, person, ACCOUNTABLE)
    if owner is not None and _is_own(reader, facts, owner):
        return True
    if reader.publisher or reader.registry_office:
        return field in NAMING_FIELDS
    if field != "name" or not is_shown(reader, facts, chain):
        return False
    if family == "circle":
        return _in_circle(reader, facts, subject)
    if family == "organisation":
        own = facts.organisations.get(reader.organisation)
        return owner in facts.ever_author or (own is not None and own.sponsor == owner)
    return family == "person" and owner in facts.ever_author and _has_role(facts, person, PUBLISHER)


def _in_circle(reader: Reader, facts: Facts, circle: str) -> bool:
    found = facts.circles.get(circle)
    if found is None:
        return False
    organisations, persons = below(facts.circles, (circle,))
    return reader.person in found.curators | persons or reader.organisation in organisations


def _owner(facts: Facts, family: str, subject: str) -> tuple[str | None, str | None]:
    """(organisation, person) that a chain is about, as far as there is one."""
    if family in ("organisation", "acceptance"):
        return subject, None
    if family == "device":
        device = facts.devices.get(subject)
        subject = "" if device is None else device.person
    person = facts.persons.get(subject)
    return (None, None) if person is None else (person.organisation, person.id)


def _has_role(facts: Facts, person: str | None, roles: frozenset[str]) -> bool:
    found = None if person is None else facts.persons.get(person)
    return found is not None and bool(found.roles & roles)
