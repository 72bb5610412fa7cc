"""A partnership with as many reading devices as a figure asks for, on a running exchange or as facts in memory.

Every device has real keys: Ed25519 and ML-DSA-65, X25519, and an MLKEM768-X25519 key for each week. ``enrol`` brings them into a
running exchange the way everybody comes in, as statements signed by two registrars; ``facts_of`` writes the roster's records
directly, for sizes at which that would take minutes and where only the decision is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import urandom

from exchange.model.submission import Submission
from exchange.policy.members import Device, Facts, Organisation, Person
from keys import encoding
from keys.device import DeviceIdentity
from keys.sign import SoftwareSigner
from keys.verify import SigningPublicKey
from tests.support.live import Live
from tests.support.world import Member

STATEMENTS_AT_ONCE = 250
"""Statements posted in one request while a crowd is enrolled."""
PEOPLE_PER_ORGANISATION = 5
FAR = 2**39
"""An expiry that never comes, seconds."""
WEEKS = 9
"""Weekly keys of each device: the fewest a bundle may have (8 weeks ahead)."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A device of the crowd: its member, as the registrars enrolled it, and its secrets."""

    member: Member
    identity: DeviceIdentity


async def enrol(live: Live, count: int, sector: str = "health") -> list[Reader]:
    """Enrol ``count`` officers of one sector, one device each, five to a company, with keys for nine weeks."""
    readers: list[Reader] = []
    pending: list[Submission] = []
    organisation = ""
    for number in range(count):
        if number % PEOPLE_PER_ORGANISATION == 0:
            organisation = await live.admit(f"Company {number}", sectors=(sector,))
        member = Member(live.random.id(), organisation, ("officer",))
        opening, commitment = live.opening("name", f"Officer {number}")
        person = live.by_registrars(
            "person.enrol",
            commitments={"name": commitment},
            organisation=organisation,
            person=member.person,
            roles=["officer"],
            topics=["it"],
        )
        identity = DeviceIdentity.create(urandom)
        device = encoding.b64u(identity.device)
        fields = {
            "device": device,
            "person": member.person,
            "possession": identity.possession(
                exchange=live.exchange,
                organisation=encoding.unb64u(organisation),
                person=encoding.unb64u(member.person),
            ),
            "scan": encoding.b64u(identity.scan),
            "signing": identity.public.to_json(),
        }
        pending.append(Submission(person.envelope, (opening,)))
        pending.append(Submission(live.by_registrars("device.enrol", **fields).envelope))
        member.devices.append(device)
        member.signers[device] = identity.signer
        live.identities[device] = identity
        readers.append(Reader(member, identity))
        if len(pending) >= STATEMENTS_AT_ONCE:
            await _post(live, pending)
    await _post(live, pending)
    return [await _with_keys(live, reader) for reader in readers]


async def _post(live: Live, pending: list[Submission]) -> None:
    if pending:
        await live.server_exchange.accept(pending)
        pending.clear()


async def _with_keys(live: Live, reader: Reader) -> Reader:
    device = reader.member.device
    await live.publish_epochs(reader.member, device, WEEKS)
    return Reader(reader.member, live.identities[device])


@dataclass(frozen=True, slots=True)
class Membership:
    """A roster in memory: its facts, an author's device and person, the candidate approver, and an officer to ask about."""

    facts: Facts
    author: str
    approver: str
    officer: str


def facts_of(count: int, policy: Facts) -> Membership:
    """The facts of ``count`` members, one device each, five to a company of one sector, beside a publishing authority.

    ``policy`` are facts of an exchange that was founded and has adopted a policy. The signing keys are not looked at by a
    decision, so the devices share one; everything else is each one's own.
    """
    facts = policy.copy()
    signing = SoftwareSigner.generate().public
    authority = _id()
    facts.organisations[authority] = Organisation(authority, "authority", frozenset({"security"}), ("05",), FAR)
    author = _person(facts, authority, frozenset({"author"}), signing)
    approver = _person(facts, authority, frozenset({"approver"}), signing)
    officer, company = author, authority
    for number in range(count - 2):
        if number % PEOPLE_PER_ORGANISATION == 0:
            company = _id()
            facts.organisations[company] = Organisation(company, "company", frozenset({"health"}), ("05113000",), FAR)
        officer = _person(facts, company, frozenset({"officer"}), signing)
    return Membership(facts, facts.devices_of[author][0], approver, officer)


def _person(facts: Facts, organisation: str, roles: frozenset[str], signing: SigningPublicKey) -> str:
    person, device = _id(), _id()
    facts.persons[person] = Person(person, organisation, roles, frozenset({"it"}))
    facts.people_of[organisation] = (*facts.people_of.get(organisation, ()), person)
    facts.devices[device] = Device(device, person, signing, urandom(32))
    facts.devices_of[person] = (device,)
    return person


def _id() -> str:
    return encoding.b64u(urandom(16))
