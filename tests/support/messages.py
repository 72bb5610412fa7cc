"""Statements with a message in them, for a world whose members' device identities are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from exchange.model.statements import Statement
from keys import encoding
from keys.device import DeviceIdentity
from keys.message import Binding, MessageTarget, seal_message
from keys.sign import SoftwareSigner
from tests.support.world import Member


class Speaking(Protocol):
    """What is needed of a world: its exchange, its clock, its identities, and how it makes a statement."""

    exchange: str
    now: int
    identities: dict[str, DeviceIdentity]

    def common(self, /, **fields: Any) -> dict[str, Any]: ...

    def sign(self, kind: str, body: dict[str, Any], *signers: SoftwareSigner) -> Statement: ...


def _message(
    world: Speaking, body: dict[str, Any], subject: str, text: bytes, readers: Sequence[Member]
) -> dict[str, Any]:
    week = encoding.week_of(body["at"])
    targets = [
        MessageTarget(encoding.unb64u(reader.device), week, world.identities[reader.device].epoch_key(week).raw)
        for reader in readers
    ]
    issuer, nonce = (encoding.unb64u(text) for text in (body["issuer"]["device"], body["nonce"]))
    sealed = seal_message(Binding(world.exchange, issuer, nonce, subject), text, targets)
    return {
        "ciphertext": encoding.b64u(sealed.ciphertext),
        "stanzas": [{"device": encoding.b64u(d), "stanza": encoding.b64u(s)} for d, s in sealed.stanzas],
    }


def speak(
    world: Speaking,
    kind: str,
    speaker: Member,
    subject: str,
    text: bytes | None,
    readers: Sequence[Member],
    **fields: Any,
) -> Statement:
    """A statement about ``subject`` with a message for the first device of each reader (None: without one)."""
    body = {**world.common(issuer={"device": speaker.device}, **fields), "not_after": world.now + 300}
    if text is not None:
        body["message"] = _message(world, body, subject, text, readers)
    return world.sign(kind, body, speaker.signer)


def react(world: Speaking, speaker: Member, alert: Statement, text: bytes, *readers: Member) -> Statement:
    """A reaction to an alert."""
    return speak(world, "alert.receipt", speaker, alert.id, text, readers, alerts=[alert.id], level="reacted")


def ask(world: Speaking, speaker: Member, alert: Statement, text: bytes, *readers: Member) -> Statement:
    """A question to the source of an alert."""
    return speak(world, "alert.ask", speaker, alert.id, text, readers, alert=alert.id)


def answer(
    world: Speaking, speaker: Member, asked: Statement, permits: Sequence[str], text: bytes | None, *readers: Member
) -> Statement:
    """The source's answer to a question: granted for these persons, or declined when there are none."""
    outcome = {"outcome": "granted", "permits": sorted(permits)} if permits else {"outcome": "declined"}
    return speak(world, "alert.answer", speaker, asked.id, text, readers, ask=asked.id, **outcome)
