"""What the registry commands share: who may act, what carries two signatures, and what is posted at once.

The rules themselves are ``TrustedRoster``'s; what is decided here is only whether to post a statement now, or to write
it into a signing file for the second person or the registrars. The exchange and every reader decide again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from exchange.cli.terminal import USAGE, CommandError, Terminal, write_new

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.answers import Result
    from exchange.client.enrol import Preparation
    from exchange.policy.members import Organisation, Person
    from keys.registrar import SigningItem

Signers = Literal["one", "two", "registrars"]


def needs(before: frozenset[str], after: frozenset[str]) -> Signers:
    """Who must sign when a person's roles become ``after``, or a device is enrolled for them (statements.md, By role)."""
    from exchange.model.registry import PRIVILEGED

    if "auditor" in before | after:
        return "registrars"
    return "two" if (after - before) & PRIVILEGED else "one"


def check_administrator(member: Member) -> Person:
    """This device's person, when it is an administrator. Raises CommandError ``not_administrator``."""
    person = member.person
    if "administrator" not in person.roles:
        raise CommandError("not_administrator")
    return person


def prepare(member: Member, *, alone: bool) -> Preparation:
    """A preparation in the name of this device; what one device signs alone lives for five minutes only."""
    from os import urandom

    from exchange.cli.connect import preparation
    from exchange.client.enrol import LONGEST
    from exchange.model.common import NARROW_WINDOW

    return preparation(
        member.home.membership.exchange,
        member.seen,
        {"device": member.home.membership.device},
        urandom,
        NARROW_WINDOW if alone else LONGEST,
    )


def prepare_for_registrars(member: Member, registrar: Path | None) -> Preparation:
    """A preparation in the name of a registrar, who signs it offline with the others."""
    from os import urandom

    from exchange.cli.connect import preparation, registrar_issuer
    from exchange.client.enrol import registrars_of

    issuer = registrar_issuer(registrars_of(member.facts), registrar)
    return preparation(member.home.membership.exchange, member.seen, issuer, urandom)


async def carry_or_post(
    terminal: Terminal, member: Member, items: Sequence[SigningItem], *, signers: Signers, out: Path | None
) -> list[Result] | None:
    """Sign with this device; post when that is enough, else write the file for the second person. Results when posted.

    Raises CommandError ``second_person_needs_out`` before anything is signed.
    """
    from exchange.client.enrol import submit
    from keys.registrar import SigningFile, SigningItem
    from keys.sign import add_signature

    if signers == "two" and out is None:
        raise CommandError("second_person_needs_out", hints=("hint_second_person",), status=USAGE)
    signed = [SigningItem(add_signature(i.envelope, member.home.identity.signer), i.openings) for i in items]
    if signers == "one":
        results = await submit(member.api, signed)
        await member.refresh()
        return results
    path = out if out is not None else Path("statements.json")
    write_new(path, SigningFile(member.home.membership.exchange, tuple(signed)).save())
    terminal.say("carry_second", file=path)
    terminal.hint("hint_countersign", file=path)
    return None


def write_for_registrars(terminal: Terminal, member: Member, items: Sequence[SigningItem], out: Path) -> None:
    """Write a signing file for the registrars, and say what happens next."""
    from keys.registrar import SigningFile, body_of

    membership = member.home.membership
    first = body_of(items[0])["issuer"]["registrar"][:16]
    write_new(out, SigningFile(membership.exchange, tuple(items)).save())
    terminal.say("carry_registrars", file=out)
    threshold = member.facts.threshold
    terminal.hint("hint_sign_registry", file=out, threshold=threshold, url=membership.url, first=first)
    if terminal.as_json:
        terminal.json({"file": str(out), "statements": [item.envelope.statement_id for item in items]})
    else:
        terminal.data(out)


def administers(member: Member, organisation: str) -> bool:
    """Whether this device's person is an administrator of the organisation, or of the sponsor of this client."""
    found = member.facts.organisations[organisation]
    return "administrator" in member.person.roles and member.person.organisation in (organisation, found.sponsor)


def find_client(member: Member, wanted: str) -> Organisation:
    """A client of the own organisation, by its exact name or id.

    Raises CommandError ``client_not_ours``, ``organisation_unknown``.
    """
    found = find_organisation(member, wanted)
    if found.sponsor is None or found.sponsor != member.person.organisation:
        raise CommandError("client_not_ours", hints=("hint_client_list",), name=member.names.of(found.id))
    return found


def standing(member: Member, organisation: str, time: int) -> str | None:
    """Why an organisation is not in force at a time, as a reason code, or None."""
    return member.client.replica.now(time).member_fault(organisation)


def find_subject(member: Member, wanted: str, families: Sequence[str], *, gone: bool = False) -> tuple[str, str]:
    """(family, id) of what bears this exact name (letter case apart) or id; ``gone`` also finds what was removed.

    Raises CommandError ``subject_unknown``, ``subject_ambiguous``.
    """
    facts, name = member.facts, wanted.strip().casefold()
    known: dict[str, Sequence[str]] = {
        "circle": list(facts.circles),
        "device": [d.id for d in facts.devices.values() if gone or not d.revoked],
        "organisation": [o.id for o in facts.organisations.values() if gone or not o.removed],
        "person": [p.id for p in facts.persons.values() if gone or not p.removed],
    }
    found = [
        (family, subject)
        for family in families
        for subject in known[family]
        if subject == wanted or member.names.of(subject).casefold() == name
    ]
    if not found:
        raise CommandError("subject_unknown", hints=("hint_exact_name",), name=wanted)
    if len(found) > 1:
        raise CommandError("subject_ambiguous", hints=("hint_take_id",), name=wanted)
    return found[0]


def find_organisation(member: Member, wanted: str) -> Organisation:
    """An organisation by its exact name (letter case apart) or id. Raises CommandError ``organisation_unknown``, ``_ambiguous``."""
    found = [
        organisation
        for organisation in member.facts.organisations.values()
        if organisation.id == wanted or member.names.of(organisation.id).casefold() == wanted.casefold()
    ]
    if not found:
        raise CommandError("organisation_unknown", hints=("hint_exact_name",), name=wanted)
    if len(found) > 1:
        raise CommandError("organisation_ambiguous", hints=("hint_take_id",), name=wanted)
    return found[0]


def find_person(member: Member, wanted: str) -> Person:
    """A person of the own organisation by exact name (letter case apart) or id. Raises CommandError ``person_unknown``."""
    found = [
        person
        for person in member.facts.persons.values()
        if not person.removed and (person.id == wanted or member.names.of(person.id).casefold() == wanted.casefold())
    ]
    if not found:
        raise CommandError("person_unknown", hints=("hint_exact_name",), name=wanted)
    if len(found) > 1:
        raise CommandError("person_ambiguous", hints=("hint_take_id",), name=wanted)
    return found[0]
