"""What makes an ``alert.reject`` a rejection: a candidate approver's signature (``docs/spec/envelope.md``, Proposals).

An entry of kind ``alert.rejected`` is the exchange's word.  Believed alone it would close a proposal before the eyes that should
see it.  No network and no clock.
"""

from __future__ import annotations

from collections.abc import Collection

from exchange.client.errors import VerificationError
from exchange.client.replica import Replica
from exchange.client.signed import evidence_of, verify_signed
from exchange.model.journal import AlertReject
from keys.envelope import Envelope


def verify_rejection(
    replica: Replica, index: int, envelope: Envelope, proposal: str, candidates: Collection[str]
) -> AlertReject:
    """The rejection at a journal index, of this proposal (statement id), by one of its candidates (person ids).

    Raises VerificationError: steps 2 (not the entry's), 3 (signature, device), 4 (another exchange or proposal, time), 5 (no
    candidate).
    """
    signed = verify_signed(replica, index, envelope)
    body = signed.statement.body

    def no(step: int, code: str, detail: str, rule: str = "") -> VerificationError:
        evidence = evidence_of(replica, index, envelope)
        return VerificationError(step, code, f"journal entry {index}: {detail}", evidence, rule=rule)

    if not isinstance(body, AlertReject):
        raise no(4, "entry-mismatch", "the statement is no rejection")
    if body.alert != proposal:
        raise no(4, "other-proposal", "the rejection is of another proposal")
    if signed.person.id not in candidates:
        raise no(5, "approver-not-candidate", "only a candidate approver rejects a proposal", "R8")
    return body
