"""The registry as this member knows it: the roster at every size, and the names that were opened to it.

``RosterHistory`` runs ``TrustedRoster`` over the entries in log order, with opaque places where a statement is not shown, and
answers for any earlier size, because an alert is judged by the roster that it names.  Nothing here fetches; nothing changes
in place: ``grown`` returns a new history and a failure leaves the old one as it was.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from exchange.client.errors import VerificationError
from exchange.client.state import Shown
from exchange.model.entry import Entry
from exchange.model.problems import Malformed
from exchange.model.statements import Opening, Statement, chain_of, parse_statement
from exchange.policy.members import Facts, Roster
from exchange.policy.roster import RosterRefusal, TrustedRoster
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.verify import SigningPublicKey, verify_ed25519, verify_hybrid

SNAPSHOT_EVERY = 1024
"""Registry entries between two rosters that are kept for good."""
KEPT_ROSTERS = 32
"""Other rosters kept at hand."""


class SignatureMemory:
    """Signature sets that verified: nothing is verified twice, and what is not remembered is verified.

    A set is (statement id, signatures hash, key ids): other signatures, or other keys, are another set.
    """

    def __init__(self, known: Iterable[tuple[str, str, str]] = ()) -> None:
        self._known = set(known)
        self._new: list[tuple[str, str, str]] = []

    def verify(self, envelope: Envelope, signers: Sequence[SigningPublicKey]) -> Envelope:
        """``keys.verify.verify_hybrid``, once; raises SignatureError."""
        return self._once(envelope, signers, lambda: verify_hybrid(envelope, signers))

    def verify_ed25519(self, envelope: Envelope, signer: SigningPublicKey) -> Envelope:
        """``keys.verify.verify_ed25519``, once; raises SignatureError."""
        return self._once(envelope, [signer], lambda: verify_ed25519(envelope, signer))

    def _once(
        self, envelope: Envelope, signers: Sequence[SigningPublicKey], verify: Callable[[], Envelope]
    ) -> Envelope:
        # The scheme follows from the kind, which is part of the statement id.
        key = (envelope.statement_id, envelope.signatures_hash, ",".join(signer.key_id for signer in signers))
        if key not in self._known:
            verify()
            self._known.add(key)
            self._new.append(key)
        return envelope

    def take_new(self) -> list[tuple[str, str, str]]:
        """What was verified since the last call, for the local store."""
        new, self._new = self._new, []
        return new


class RosterHistory:
    """The roster at every size of the registry; built by ``grown``."""

    def __init__(self, memory: SignatureMemory) -> None:
        self._memory = memory
        self._tip = TrustedRoster(verify=memory.verify)
        self._entries: list[Entry] = []
        self._statements: dict[int, Statement] = {}
        self._fixed: dict[int, Facts] = {}
        self._recent: OrderedDict[int, Facts] = OrderedDict()

    @property
    def size(self) -> int:
        """Entries."""
        return len(self._entries)

    @property
    def facts(self) -> Facts:
        """What all entries together say."""
        return self._tip.facts

    @property
    def opaque(self) -> list[int]:
        """Indexes of entries whose statements are not shown."""
        return [index for index in range(self.size) if index not in self._statements]

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries, in log order."""
        return self._entries

    def statement(self, index: int) -> Statement | None:
        """A registry statement that is shown."""
        return self._statements.get(index)

    def time(self, index: int) -> int | None:
        """Acceptance time of a registry entry; None beyond the end."""
        return self._entries[index].at if index < self.size else None

    def grown(self, entries: Sequence[Entry], statements: Mapping[int, Statement]) -> RosterHistory:
        """This history with more entries; ``statements`` by index, those that are shown.

        Raises VerificationError (step 3, with the roster's rule) naming the entry that the rules forbid.
        """
        other = RosterHistory(self._memory)
        other._tip = self._tip.fork()
        other._entries = list(self._entries)
        other._statements = dict(self._statements)
        other._fixed = dict(self._fixed)
        other._recent = OrderedDict(self._recent)
        other._remember(self._tip.facts)
        for entry in entries:
            other._apply(entry, statements.get(other.size))
        return other

    def _apply(self, entry: Entry, statement: Statement | None) -> None:
        index = self.size
        try:
            self._tip.apply(entry, statement)
        except RosterRefusal as error:
            evidence = {"entry": encoding.b64(entry.encode()), "index": str(index)}
            if statement is not None:
                evidence["statement"] = encoding.b64(statement.envelope.encode())
            raise VerificationError(
                3, error.code, f"registry entry {index}: {error.detail}", evidence, rule=error.rule
            ) from None
        self._entries.append(entry)
        if statement is not None:
            self._statements[index] = statement
        if self.size % SNAPSHOT_EVERY == 0:
            self._fixed[self.size] = self._tip.facts

    def at(self, size: int, time: int) -> Roster:
        """The roster after ``size`` entries, looked at from ``time``. Raises ValueError beyond the end."""
        if not 0 <= size <= self.size:
            raise ValueError("the registry is not that long")
        if size == self.size:
            return Roster(self._tip.facts, time)
        facts = self._fixed.get(size) or self._recent.get(size)
        if facts is None:
            facts = self._replay(size)
        self._remember(facts)
        return Roster(facts, time)

    def _replay(self, size: int) -> Facts:
        near = max((s for s in (*self._fixed, *self._recent) if s < size), default=0)
        start = self._fixed.get(near) or self._recent.get(near)
        roster = TrustedRoster(start, verify=self._memory.verify)
        for index in range(near, size):
            roster.apply(self._entries[index], self._statements.get(index))
        return roster.facts

    def _remember(self, facts: Facts) -> None:
        if facts.size not in self._fixed:
            self._recent[facts.size] = facts
            self._recent.move_to_end(facts.size)
            while len(self._recent) > KEPT_ROSTERS:
                self._recent.popitem(last=False)


class Names:
    """What the openings say: names, titles and contacts by chain (``organisation/<id>``, ``person/<id>``, ``device/<id>``).

    Only what was opened and matches its commitment is here; whoever is missing is shown by id.
    """

    def __init__(self) -> None:
        self._fields: dict[str, dict[str, str]] = {}
        self._newest: dict[str, str] = {}
        self._chain_of: dict[str, str] = {}

    def learn(self, statement: Statement, openings: Sequence[Opening]) -> None:
        """Take in a statement's openings, checked before; later statements about a subject replace earlier names."""
        if getattr(statement.body, "commitments", None) is not None:
            chain = chain_of(statement)
            self._newest[chain] = statement.id
            self._chain_of[statement.id] = chain
            self._fields[chain] = {opening.field: opening.value for opening in openings}

    def forget(self, erased: Iterable[tuple[str, str]]) -> None:
        """Drop the values of (statement id, field) that were erased; a newer value of the same field stays."""
        for statement, field in erased:
            chain = self._chain_of.get(statement)
            if chain is not None and self._newest[chain] == statement:
                self._fields[chain].pop(field, None)

    def get(self, family: str, subject: str, field: str = "name") -> str | None:
        """An opened value, or None."""
        return self._fields.get(f"{family}/{subject}", {}).get(field)

    def named(self, family: str, text: str) -> list[str]:
        """The subjects of a family with this name, compared without regard to case."""
        wanted = text.strip().casefold()
        return [
            chain.partition("/")[2]
            for chain, fields in self._fields.items()
            if chain.startswith(f"{family}/") and fields.get("name", "").casefold() == wanted
        ]

    def all(self, family: str) -> dict[str, str]:
        """Name by subject, of all that are opened."""
        return {
            chain.partition("/")[2]: fields["name"]
            for chain, fields in self._fields.items()
            if chain.startswith(f"{family}/") and "name" in fields
        }


def read_shown(item: Shown) -> Statement:
    """Parse a registry statement that was shown, and check the openings that came with it.

    An opening may be missing: it can have been erased.  One that is given must be its commitment's.  Raises
    VerificationError (step 3).
    """
    evidence = {"index": str(item.index), "statement": encoding.b64(item.envelope.encode())}
    try:
        statement = parse_statement(item.envelope)
    except Malformed as error:
        raise VerificationError(3, error.code, f"registry entry {item.index}: {error.detail}", evidence) from None
    commitments: Any = getattr(statement.body, "commitments", None)
    wanted: dict[str, object] = {} if commitments is None else commitments.to_json()
    given: set[str] = set()
    for opening in item.openings:
        try:
            made = encoding.commitment(opening.field, encoding.unb64u(opening.salt, length=32), opening.value)
        except KeysError:
            made = ""
        if opening.field in given or wanted.get(opening.field) != made:
            raise VerificationError(
                3,
                "opening-mismatch",
                f"registry entry {item.index}: an opening is not what the statement commits to",
                evidence,
                rule="M14",
            )
        given.add(opening.field)
    return statement
