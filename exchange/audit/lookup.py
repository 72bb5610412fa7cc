"""Persons, organisations and circles of a bundle by id or name, for whoever asks about one (``audit explain``).

A name counts only where its opening gives the commitment in the statement. Openings are read when the first name is wanted.
"""

from __future__ import annotations

from exchange.audit.bundle import AuditBundle
from exchange.audit.names import plain
from exchange.audit.seek import LEAST_PREFIX, Seeker, SeekError
from exchange.model.statements import Opening
from exchange.policy.members import Facts
from keys import encoding


class Lookup:
    """Who is who. Raises SeekError and BundleError."""

    def __init__(self, bundle: AuditBundle, seeker: Seeker) -> None:
        self._bundle = bundle
        self._seeker = seeker
        self._openings: dict[str, tuple[Opening, ...]] | None = None

    def subject(self, family: str, asked: str, facts: Facts) -> str:
        """A person, organisation or circle by the beginning of its id, or by its whole name in an opening."""
        known = list(
            facts.circles if family == "circle" else facts.persons if family == "person" else facts.organisations
        )
        found = [one for one in known if one.startswith(asked)] if len(asked) >= LEAST_PREFIX else []
        if not found:
            wanted = asked.strip().casefold()
            found = [one for one in known if self._claims(family, one, facts, wanted)]
            found = [one for one in found if (self.name(family, one, facts) or "").casefold() == wanted]
        if not found:
            raise SeekError(
                f"{'person' if family == 'person' else 'subject'}-not-found", f"no {family}: {plain(asked)}"
            )
        if len(found) > 1:
            more = ", ".join(found[:8])
            raise SeekError(
                "person-ambiguous" if family == "person" else "subject-ambiguous", f"{plain(asked)}: {more}"
            )
        return found[0]

    def _all_openings(self) -> dict[str, tuple[Opening, ...]]:
        if self._openings is None:
            self._openings = self._bundle.openings(self._seeker.sizes["registry"])
        return self._openings

    def _claims(self, family: str, identifier: str, facts: Facts, wanted: str) -> bool:
        """Whether an opening, not yet compared with its commitment, says this name."""
        openings = self._all_openings()
        return any(
            opening.field == "name" and opening.value.strip().casefold() == wanted
            for statement, _ in facts.commitments.get(f"{family}/{identifier}", ())
            for opening in openings.get(statement, ())
        )

    def name(self, family: str, identifier: str, facts: Facts) -> str | None:
        """The newest name whose opening gives its commitment; None where it was erased or not handed out."""
        for statement, fields in reversed(facts.commitments.get(f"{family}/{identifier}", ())):
            if "name" not in fields:
                continue
            for opening in self._all_openings().get(statement, ()):
                if opening.field != "name":
                    continue
                commitments = getattr(self._seeker.statement(statement).body, "commitments", None)
                salt = encoding.unb64u(opening.salt, length=32)
                made = encoding.commitment("name", salt, opening.value)
                return opening.value if commitments is not None and commitments.name == made else None
            return None
        return None
