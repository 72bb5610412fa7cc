"""To whom the message inside a statement may be sealed (``docs/spec/sharing.md``, Messages). Pure.

A message goes to the source of an alert, or from the source back to who asked; it is not a mail system.  Sealing it to
anybody else would hand a stranger what only the two are to know, so every device named is looked at, by the server and by
auditors.
"""

from __future__ import annotations

from exchange.model.journal import AlertAnswer, Message
from exchange.model.problems import ExchangeError
from exchange.model.tlp import Label
from exchange.policy.members import Person, Roster

PUBLISHERS = frozenset({"approver", "author"})
"""Roles that read what is said to the source."""


class MessageRefusal(ExchangeError):
    """A message to somebody whom it is not for, or an answer that is not the source's to give."""


def _reader(roster: Roster, device: str) -> Person:
    """The person of a device in force; raises MessageRefusal (``message-target``)."""
    fault = roster.device_fault(device)
    if fault is not None:
        raise MessageRefusal("message-target", f"a message is for devices in force; one is not: {fault}")
    return roster.facts.persons[roster.facts.devices[device].person]


def check_to_source(roster: Roster, organisation: str, message: Message) -> None:
    """Every device is an author's or approver's of the alert's organisation; raises MessageRefusal (``message-target``)."""
    for stanza in message.stanzas:
        person = _reader(roster, stanza.device)
        if person.organisation != organisation or not person.roles & PUBLISHERS:
            raise MessageRefusal(
                "message-target", "a message to the source is for authors and approvers of its organisation"
            )


def check_to_person(roster: Roster, person: str, message: Message) -> None:
    """Every device is this person's; raises MessageRefusal (``message-target``)."""
    for stanza in message.stanzas:
        if _reader(roster, stanza.device).id != person:
            raise MessageRefusal("message-target", "an answer is for the person who asked")


def check_answer(
    roster: Roster, answerer: str, organisation: str, label: Label, asker: str, answer: AlertAnswer
) -> None:
    """Whether a person may give this answer about an alert of ``organisation``; raises MessageRefusal.

    ``not-author``, ``other-organisation``: only authors of the source answer; ``red-never``: nothing permits passing on RED;
    ``message-target``.
    """
    person = roster.facts.persons[answerer]
    if person.organisation != organisation:
        raise MessageRefusal("other-organisation", "the organisation that published the alert answers")
    if "author" not in person.roles:
        raise MessageRefusal("not-author", "a person with role author answers")
    if answer.permits is not None and label is Label.RED:
        raise MessageRefusal("red-never", "TLP:RED is for the named persons; a new version may name more")
    if answer.message is not None:
        check_to_person(roster, asker, answer.message)


def check_permitted(roster: Roster, answer: AlertAnswer) -> None:
    """Everybody whom the answer permits is known; asked where the whole registry is. Raises MessageRefusal."""
    unknown = [named for named in answer.permits or () if named not in roster.facts.persons]
    if unknown:
        raise MessageRefusal("person-unknown", f"{len(unknown)} persons whom the answer names are not known")
