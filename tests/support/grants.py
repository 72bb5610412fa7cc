"""Grants made by hand, right or wrong, for a world whose members' device identities are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Protocol

from exchange.model.statements import Statement
from keys import encoding
from keys.device import DeviceIdentity
from keys.grant import GrantBinding, seal_grant
from keys.sign import SoftwareSigner
from keys.stanza import AudienceTree, PartDigest, parse_pack, parts_digest
from tests.support.world import Member


class Granting(Protocol):
    """What is needed of a world: clock, identities, and what was sealed for each alert (content key, pack)."""

    now: int
    identities: dict[str, DeviceIdentity]
    sealed: dict[str, tuple[bytes, bytes]]

    def common(self, /, **fields: Any) -> dict[str, Any]: ...

    def sign(self, kind: str, body: dict[str, Any], *signers: SoftwareSigner) -> Statement: ...


def leaf_of(world: Granting, alert: Statement, device: str) -> dict[str, Any] | None:
    """``leaf`` of a device in an alert, as a grant shows it; None without one."""
    leaves = parse_pack(world.sealed[alert.id][1])
    core, sealed = alert.alert.core, alert.alert.sealed
    assert sealed.ephemeral is not None
    tag = world.identities[device].tag(encoding.unb64u(sealed.ephemeral), encoding.unb64u(core.alert), core.version)
    tree = AudienceTree([leaf.leaf_hash() for leaf in leaves])
    for index, leaf in enumerate(leaves):
        if leaf.tag == tag:
            path = [node.hex() for node in tree.path(index)]
            stanza = sha256(leaf.stanza).hexdigest()
            return {"index": index, "path": path, "stanza": stanza, "tag": encoding.b64u(tag)}
    return None


def binding_of(alert: Statement, nonce: str, device: str, at: int) -> GrantBinding:
    """What the stanza of a grant is bound to."""
    body = alert.alert
    parts = [PartDigest(part.length, bytes.fromhex(part.sha256)) for part in body.sealed.parts]
    return GrantBinding(
        sha256(encoding.encode(body.core.to_json())).digest(),
        parts_digest(parts),
        bytes.fromhex(alert.id),
        encoding.unb64u(nonce),
        encoding.unb64u(device),
        encoding.week_of(at),
    )


def give(
    world: Granting,
    grantor: Member,
    alert: Statement,
    device: str,
    purpose: str = "onward",
    *,
    by: str | None = None,
    leaf: Mapping[str, Any] | None = None,
    sealed: Statement | None = None,
    **fields: Any,
) -> Statement:
    """A grant of ``alert`` to ``device`` by a device of the grantor; ``sealed`` is the alert that is really sealed (attacks)."""
    by = by or grantor.device
    body = {**world.common(issuer={"device": by}), "not_after": world.now + 300}
    bound = binding_of(sealed or alert, body["nonce"], device, body["at"])
    grantee = world.identities[device]
    week = encoding.week_of(body["at"])
    key = grantee.epoch_key(week) if week in grantee.epochs else world.identities[by].epoch_key(week)
    made = seal_grant(world.sealed[(sealed or alert).id][0], bound, key.raw, grantee.scan)
    body |= {
        "alert": alert.id,
        "device": device,
        "ephemeral": encoding.b64u(made.ephemeral),
        "purpose": purpose,
        "stanza": encoding.b64u(made.stanza),
        "tag": encoding.b64u(made.tag),
    }
    if "via" not in fields:
        shown = leaf if leaf is not None else leaf_of(world, alert, by)
        body["leaf"] = shown or {"index": 0, "path": [], "stanza": "0" * 64, "tag": body["tag"]}
    return world.sign("alert.grant", {**body, **fields}, grantor.signers[by])
