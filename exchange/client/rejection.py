"""What makes an ``alert.reject`` a rejection: a candidate approver's signature (``docs/spec/envelope.md``, Proposals).

An entry of kind ``alert.rejected`` is the exchange's word.  Believed alone it would close a proposal before the eyes that should
see it.  No network and no clock.
"""

from __future__ import annotations

from collections.abc import Collection

from exchange.client.errors import VerificationError
from exchange.client.replica import Replica
from exchange.model.journal import AlertReject
from exchange.model.problems import Malformed
from exchange.model.statements import parse_statement
from exchange.model.window import window_fault
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError


def verify_rejection(
    replica: Replica, index: int, envelope: Envelope, proposal: str, candidates: Collection[str]
) -> AlertReject:
    """The rejection at a journal index, of this proposal (statement id), by one of its candidates (person ids).

    Raises VerificationError: steps 2 (not the entry's), 3 (signature, device), 4 (another exchange or proposal, time), 5 (no
    candidate).
    """
    entry = replica.journal_entry(index)
    evidence = {"index": str(index), "statement": encoding.b64(envelope.encode())}
    if entry is not None:
        evidence["entry"] = encoding.b64(entry.encode())

    def no(step: int, code: str, detail: str, rule: str = "") -> VerificationError:
        return VerificationError(step, code, f"journal entry {index}: {detail}", evidence, rule=rule)

    if entry is None or (entry.statement, entry.signatures) != (envelope.statement_id, envelope.signatures_hash):
        raise no(2, "entry-mismatch", "the rejection shown is not the one of the entry")
    roster = None if entry.registry is None else replica.roster(entry.registry.size, entry.at)
    if roster is None:
        raise no(2, "registry-unknown", "the entry names a registry that is not known here")
    signers = [roster.facts.device_of_key.get(key_id) for key_id in envelope.signer_ids]
    device = signers[0] if len(signers) == 1 else None
    if device is None:
        raise no(3, "signer-unknown", "a rejection is signed by exactly one device that the registry names")
    try:
        replica.memory.verify(envelope, [roster.facts.devices[device].signing])
    except KeysError as error:
        raise no(3, error.code, "the signature on a rejection does not verify") from None
    fault = roster.device_fault(device)
    if fault is not None:
        raise no(3, fault, "the device that rejected was not in force")
    try:
        statement = parse_statement(envelope)
    except Malformed as error:
        raise no(4, error.code, error.detail) from None
    body = statement.body
    if not isinstance(body, AlertReject) or statement.exchange != replica.exchange or body.issuer.device != device:
        raise no(4, "entry-mismatch", "the statement is no rejection by its signer at this exchange")
    if body.alert != proposal:
        raise no(4, "other-proposal", "the rejection is of another proposal")
    if window_fault(statement.at, statement.not_after, entry.at, narrow=True) is not None:
        raise no(4, "time-window", "the rejection was accepted outside its time window")
    if roster.facts.devices[device].person not in candidates:
        raise no(5, "approver-not-candidate", "only a candidate approver rejects a proposal", "R8")
    return body
