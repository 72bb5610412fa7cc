"""Publishing: seal to exactly the devices that were previewed, sign, post, and see it in the journal.

Order, and what a crash means: attachments are sealed and uploaded first, which may take hours and any number of tries
(``outgoing``); then everything is decided once more, content and pack are sealed and uploaded (unclaimed blobs are swept), and
the statement is signed and noted, then posted.  Until it is posted nobody can read anything; after that ``sync`` finds out
whether it was accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from exchange.client import outgoing, post
from exchange.client.answers import Result
from exchange.client.draft import Draft, Preview, again, differences, prepare, preview
from exchange.client.epochkeys import usable_keys
from exchange.client.errors import ClientError, VerificationError
from exchange.client.follow import follow
from exchange.client.member import Member
from exchange.model.alert import AlertBody, Core, Sealed, parse_content
from exchange.model.entry import RELEASED
from exchange.model.statements import encode_body
from exchange.model.tlp import Label
from exchange.policy.decide import Recipient
from exchange.policy.replay import refusal_of
from keys import encoding
from keys.envelope import Envelope
from keys.seal import SealTarget, encrypt_part, new_content_key, seal_stanzas
from keys.sign import sign_statement
from keys.stanza import NO_BUNDLE, PartDigest, parts_digest

__all__ = ["Draft", "Preview", "PreviewChanged", "Released", "confirm", "prepare", "preview", "publish"]

AT_ONCE = 8
"""Bundles fetched at the same time."""


class PreviewChanged(ClientError):
    """What would be signed is not what was previewed; ``differs`` says what changed."""

    def __init__(self, differs: dict[str, list[str]]) -> None:
        super().__init__(
            "preview-changed", f"changed since the preview: {', '.join(differs) or 'nothing that is named'}"
        )
        self.differs = differs


@dataclass(frozen=True, slots=True)
class Released:
    """A statement that stands in the journal. ``released`` is False for a proposal that waits for approvals.

    The exchange says, and signs nothing of it: ``unserved`` are devices that lost their place meanwhile, ``newcomers`` persons
    who would be recipients by now, ``unreached`` earlier recipients out of force.
    """

    statement: str
    index: int
    at: int
    released: bool
    unserved: tuple[str, ...] = ()
    newcomers: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()


async def publish(
    draft: Draft, member: Member, *, confirm_nameless: bool = False, unwitnessed: bool = False
) -> Released:
    """Publish what was previewed.

    The draft is made again at the newest heads; when it differs from the preview nothing is sealed (PreviewChanged).
    ``unwitnessed`` confirms a registry that the quorum of witnesses has not seen for a quarter of an hour.  Raises AlertRefusal
    (the policy's rule), ClientError ``nameless-recipients``, ``unwitnessed``, Refused, TransportError, VerificationError.
    """
    fresh = await _decided(draft, member, confirm_nameless, unwitnessed)
    uploaded: tuple[outgoing.Uploaded, ...] = ()
    if draft.source.attachments:
        uploaded = await outgoing.upload(member, draft.source.attachments, sealed=fresh.core.label.sealed)
        fresh = await _decided(draft, member, confirm_nameless, unwitnessed)
    envelope = await seal(fresh, member, uploaded)
    result = await post.send(member, post.PUBLISH, envelope)
    outgoing.forget(member, draft.source.attachments)
    return await confirm(member, envelope, result)


async def _decided(draft: Draft, member: Member, confirm_nameless: bool, unwitnessed: bool) -> Draft:
    """The draft decided again at the newest heads, when it is what was previewed; raises as ``publish``."""
    await follow(member)
    fresh = again(draft, member)
    if fresh.digest != draft.digest:
        raise PreviewChanged(differences(draft, fresh))
    if not fresh.allowed:
        raise refusal_of(fresh.verdict.alert)
    if fresh.nameless and (fresh.core.label is Label.RED or not confirm_nameless):
        raise ClientError("nameless-recipients", f"{len(fresh.nameless)} recipients have no name here")
    if fresh.unwitnessed and not unwitnessed:
        raise ClientError("unwitnessed", "the quorum of witnesses has not seen the registry for over 15 minutes")
    return fresh


async def confirm(member: Member, envelope: Envelope, result: Result | None = None) -> Released:
    """See a posted statement in the followed journal, as what it is; raises VerificationError (steps 2 and 4) when it is not."""
    await follow(member)
    index = post.accepted_at(member, envelope)
    if index is None:
        raise VerificationError(
            2,
            "not-in-log",
            "the exchange says that it accepted the statement, and its journal does not hold it",
            {"statement": encoding.b64(envelope.encode())},
        )
    post.settle(member)  # keeps the failure, when there is one
    entry = post.check_entry(member, envelope, index)
    released = Released(envelope.statement_id, index, entry.at, entry.kind == RELEASED)
    if result is None:
        return released
    return replace(released, unserved=result.unserved, newcomers=result.newcomers, unreached=result.unreached)


async def seal(draft: Draft, member: Member, uploaded: Sequence[outgoing.Uploaded] = ()) -> Envelope:
    """Encrypt, upload and sign a draft whose attachments are uploaded (``docs/spec/envelope.md``, Sealing); CLEAR is plain."""
    core = draft.core
    attached = [item.reference for item in uploaded]
    if core.label is Label.CLEAR:
        sealed = Sealed(parts=(await member.api.put_blob(draft.content), *attached))
    else:
        targets = await _targets(member, core, draft.verdict.recipients)
        core_hash = sha256(encoding.encode(core.to_json())).digest()
        content_key = new_content_key(member.random)
        content = encrypt_part(content_key, core_hash, 0, _with_keys(draft.content, uploaded))
        parts = [await member.api.put_blob(content), *attached]
        made = await asyncio.to_thread(
            seal_stanzas,
            content_key,
            core_hash,
            parts_digest(PartDigest(part.length, bytes.fromhex(part.sha256)) for part in parts),
            targets,
            encoding.unb64u(core.alert, length=16),
            core.version,
            pool=member.pool,
            random=member.random,
        )
        sealed = Sealed(
            depth=made.depth,
            ephemeral=encoding.b64u(made.ephemeral),
            pack=await member.api.put_blob(made.pack),
            parts=tuple(parts),
            root=made.root.hex(),
        )
    return sign_statement("alert", encode_body(AlertBody(core=core, sealed=sealed)), member.identity.signer)


def _with_keys(content: bytes, uploaded: Sequence[outgoing.Uploaded]) -> bytes:
    """The content with the key of each attachment, which only those who open it are to have."""
    plain = parse_content(content)
    keyed = (a.model_copy(update={"key": item.key}) for a, item in zip(plain.attachments, uploaded, strict=True))
    return plain.model_copy(update={"attachments": tuple(keyed)}).encode()


async def _targets(member: Member, core: Core, recipients: Sequence[Recipient]) -> list[SealTarget]:
    """Every recipient device with its key of the week, each key checked by a trial seal once."""
    replica, week, size = member.replica, encoding.week_of(core.at), core.seen.journal.size
    keys = await usable_keys(member, [recipient.device for recipient in recipients], week, size)
    targets = []
    for recipient in recipients:
        device = recipient.device
        last = replica.epochs.last_bundle(device, size)
        targets.append(
            SealTarget(
                encoding.unb64u(device, length=16),
                week,
                replica.facts.devices[device].scan,
                keys.get(device),
                NO_BUNDLE if last is None else bytes.fromhex(last),
            )
        )
    return targets
