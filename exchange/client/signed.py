"""A journal statement of a single device, held against its entry and the roster of then. No network and no clock.

Rejections, reactions, questions, answers and grants are of this shape.  An entry is the exchange's word and the envelope what it
shows; believed is what the device signed, while it was in force, at the place where the entry stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.client.errors import VerificationError
from exchange.client.gossip import hear
from exchange.client.replica import Replica
from exchange.model.alert import DeviceIssuer
from exchange.model.entry import Entry
from exchange.model.problems import Malformed
from exchange.model.statements import KINDS, Statement, parse_statement
from exchange.model.window import window_fault
from exchange.policy.members import Person, Roster
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError


@dataclass(frozen=True, slots=True)
class Signed:
    """A verified statement, its entry, the roster at its acceptance, and the person whose device signed it."""

    statement: Statement
    entry: Entry
    roster: Roster
    device: str
    person: Person


def evidence_of(replica: Replica, index: int, envelope: Envelope) -> dict[str, str]:
    """Statement and entry, as a third person needs them."""
    entry = replica.journal_entry(index)
    evidence = {"index": str(index), "statement": encoding.b64(envelope.encode())}
    if entry is not None:
        evidence["entry"] = encoding.b64(entry.encode())
    return evidence


def verify_signed(replica: Replica, index: int, envelope: Envelope) -> Signed:
    """The statement at a journal index, by exactly one device in force.

    Raises VerificationError: steps 2 (not the entry's), 3 (signature, device not in force), 4 (another exchange, time).
    """
    entry = replica.journal_entry(index)
    evidence = evidence_of(replica, index, envelope)

    def no(step: int, code: str, detail: str) -> VerificationError:
        return VerificationError(step, code, f"journal entry {index}: {detail}", evidence)

    if entry is None or (entry.statement, entry.signatures) != (envelope.statement_id, envelope.signatures_hash):
        raise no(2, "entry-mismatch", "the statement shown is not the one of the entry")
    roster = None if entry.registry is None else replica.roster(entry.registry.size, entry.at)
    if roster is None:
        raise no(2, "registry-unknown", "the entry names a registry that is not known here")
    signers = [roster.facts.device_of_key.get(key_id) for key_id in envelope.signer_ids]
    device = signers[0] if len(signers) == 1 else None
    if device is None:
        raise no(3, "signer-unknown", "it is not signed by exactly one device that the registry names")
    key = roster.facts.devices[device].signing
    try:
        # Which scheme, the kind decides; a kind that is not known is refused by the parser below, read as hybrid till then.
        if (kind := KINDS.get(envelope.kind)) is not None and kind.scheme == "ed25519":
            replica.memory.verify_ed25519(envelope, key)
        else:
            replica.memory.verify(envelope, [key])
    except KeysError as error:
        raise no(3, error.code, "the signature does not verify") from None
    fault = roster.device_fault(device)
    if fault is not None:
        raise no(3, fault, "the device that signed was not in force")
    try:
        statement = parse_statement(envelope)
    except Malformed as error:
        raise no(4, error.code, error.detail) from None
    issuer = statement.issuer
    if statement.exchange != replica.exchange or not isinstance(issuer, DeviceIssuer) or issuer.device != device:
        raise no(4, "entry-mismatch", "the statement is not its signer's at this exchange")
    if window_fault(statement.at, statement.not_after, entry.at, narrow=True) is not None:
        raise no(4, "time-window", "the statement was accepted outside its time window")
    if statement.kind.name != "alert.grant":  # whose journal is refused, not only told (G2)
        hear(replica, statement, registry=roster.size, journal=index)
    return Signed(statement, entry, roster, device, roster.facts.persons[roster.facts.devices[device].person])
