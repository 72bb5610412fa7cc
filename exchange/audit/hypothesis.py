"""What would be, if: another person, another audience or label, decided like the real ones (``audit explain --as-if``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from exchange.audit.lookup import Lookup
from exchange.audit.names import plain
from exchange.audit.seek import SeekError
from exchange.model.alert import Audience, Core
from exchange.model.problems import first_error
from exchange.model.tlp import Label, parse_label
from exchange.policy.members import Organisation, Person, Roster
from keys import encoding

NOBODY = encoding.b64u(bytes(16))
"""Id of a hypothetical person and organisation: nobody has it, ids are random."""
PERSON_FIELDS = ("area", "kind", "organisation", "role", "sector", "topic")
AUDIENCE_FIELDS = {
    "to-area": "areas",
    "to-circle": "circles",
    "to-organisation": "organisations",
    "to-person": "persons",
    "to-sector": "sectors",
    "to-topic": "topics",
}
FIELDS = (*PERSON_FIELDS, "label", "to-everyone", *AUDIENCE_FIELDS)
"""What ``--as-if`` can say."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What is assumed instead: values by field, in order of ``FIELDS``; empty for nothing."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Sequence[str]) -> Hypothesis:
        """Of ``field=value`` words, a field repeated for more values. Raises SeekError ``hypothesis-malformed``."""
        values: dict[str, tuple[str, ...]] = {}
        for word in given:
            name, separator, value = word.partition("=")
            if name not in FIELDS or not separator or not value:
                raise SeekError(
                    "hypothesis-malformed", f"{plain(word)}: field=value, the fields are {', '.join(FIELDS)}"
                )
            values[name] = (*values.get(name, ()), value)
        return cls({name: values[name] for name in FIELDS if name in values})

    @property
    def about_person(self) -> bool:
        """Whether it describes a person."""
        return any(name in PERSON_FIELDS for name in self.values)

    @property
    def about_alert(self) -> bool:
        """Whether it changes audience or label."""
        return any(name not in PERSON_FIELDS for name in self.values)

    def applied(self, core: Core, named: Roster, lookup: Lookup) -> tuple[Core, Roster]:
        """Core and roster as the hypothesis has them."""
        values = self.values
        changes: dict[str, Any] = {}
        try:
            if "label" in values:
                changes["label"] = parse_label(values["label"][-1])
            if "to-everyone" in values or any(name in AUDIENCE_FIELDS for name in values):
                raw: dict[str, Any] = {"everyone": True} if "to-everyone" in values else {}
                for name, of in AUDIENCE_FIELDS.items():
                    if name in values:
                        raw[of] = sorted({_identified(of, value, named, lookup) for value in values[name]})
                changes["audience"] = Audience.model_validate(raw)
            elif changes.get("label") is Label.CLEAR:
                changes["audience"] = None
        except ValidationError as error:
            raise SeekError("hypothesis-malformed", first_error(error)) from None
        except ValueError as error:
            raise SeekError("hypothesis-malformed", plain(str(error))) from None
        if changes:
            core = core.model_copy(update=changes)
        return core, (self._with_nobody(named, lookup) if self.about_person else named)

    def _with_nobody(self, named: Roster, lookup: Lookup) -> Roster:
        """The roster with one more person, of an organisation as described or of one that is there."""
        values = self.values
        facts = named.facts.copy()
        home = NOBODY
        if "organisation" in values:
            home = lookup.subject("organisation", values["organisation"][-1], named.facts)
        else:
            terms = facts.terms[-1].version if facts.terms else 0
            facts.organisations[home] = Organisation(
                home,
                values.get("kind", ("company",))[-1],
                frozenset(values.get("sector", ())),
                tuple(sorted(values.get("area", ()))),
                named.time + 1,
                terms,
            )
        roles = frozenset(values.get("role", ("officer",)))
        facts.persons[NOBODY] = Person(NOBODY, home, roles, frozenset(values.get("topic", ())))
        facts.people_of[home] = (*facts.people_of.get(home, ()), NOBODY)
        return replace(named, facts=facts)


def _identified(of: str, value: str, named: Roster, lookup: Lookup) -> str:
    """A value of an audience field; organisations, persons and circles by id or name."""
    families = {"circles": "circle", "organisations": "organisation", "persons": "person"}
    return value if of not in families else lookup.subject(families[of], value, named.facts)
