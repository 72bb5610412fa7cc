"""What a report calls organisations, persons, devices and circles: by a verified opening, else by a pseudonym.

A pseudonym is the first eight characters of the id: stable, the same in every report and every command, and it says nothing.
Whatever stands in an opening is a stranger's text: hidden characters are shown as ``<U+202E>``, and long names are cut (I10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exchange.audit.document_texts import Language, text
from exchange.audit.facts import Collector
from exchange.model.hidden import shown

Family = Literal["organisation", "person", "device", "circle"]
PSEUDONYM = 8
"""Characters of an id: 48 bits."""
LONGEST = 80
"""Characters of a name that are shown."""


@dataclass(frozen=True, slots=True)
class Name:
    """What somebody is called, and whether that is a pseudonym."""

    text: str
    pseudonym: bool


def plain(value: str, longest: int = LONGEST) -> str:
    """A stranger's text, harmless and of bounded length."""
    found = shown(value)
    return found if len(found) <= longest else f"{found[: longest - 1]}…"


class Names:
    """Names as the collector has them, in one language."""

    def __init__(self, collector: Collector, language: Language) -> None:
        self._collector = collector
        self._language: Language = language

    def of(self, identifier: str, family: Family) -> Name:
        """The name, or the pseudonym; a device is called by its label."""
        if not identifier:
            return Name(text("unknown_person", self._language), True)
        found = self._collector.names.get(identifier)
        if found is not None:
            return Name(plain(found[1]), False)
        pseudonym = text(f"family_{family}", self._language, id=identifier[:PSEUDONYM])
        if {"name", "label"} & self._collector.erased.get(identifier, set()):
            return Name(text("name_erased", self._language, name=pseudonym), True)
        return Name(pseudonym, True)

    def person(self, person: str) -> str:
        """A person's name in words."""
        return self.of(person, "person").text

    def of_device(self, device: str) -> str:
        """The person behind a device, with the organisation."""
        person = self._collector.person_of.get(device)
        if person is None:
            return f"{text('unknown_device', self._language)} {plain(device)[:PSEUDONYM]}"
        return self.with_organisation(person)

    def with_organisation(self, person: str) -> str:
        """A person and where it belongs."""
        organisation = self._collector.organisation_of.get(person)
        if organisation is None:
            return self.person(person)
        return f"{self.person(person)}, {self.of(organisation, 'organisation').text}"
