"""This device's weekly keys: destroyed when their time is over, published before others run out.

The order is what matters.  New seeds are in the key file before anybody hears of their keys; a week is published once, so an
interrupted bundle is repeated with the same seeds; and a seed is destroyed two weeks after its week, whatever the exchange says.
"""

from __future__ import annotations

from hashlib import sha256

from exchange.client import post
from exchange.client.errors import Refused
from exchange.client.member import Member
from exchange.model.alert import DeviceIssuer
from exchange.model.common import NARROW_WINDOW
from exchange.model.journal import EpochKey, EpochPublish
from exchange.model.scalars import BlobRef
from exchange.model.statements import parse_statement
from exchange.policy.epochs import LEAST_AHEAD
from keys import encoding
from keys.envelope import Envelope
from keys.sign import sign_statement

AHEAD = 26
"""Weeks that a new bundle reaches ahead."""


def weeks_left(member: Member) -> int:
    """Whole weeks after this one, without a gap, for which this device has published a key; -1 when not even this one."""
    now, size = member.clock(), member.replica.size("journal")
    left = -1
    week = encoding.week_of(now)
    while left < AHEAD + LEAST_AHEAD and member.replica.epochs.key(member.device, week, size) is not None:
        left += 1
        week = encoding.next_week(week)
    return left


async def renew(member: Member) -> int | None:
    """Destroy seeds whose time is over; publish new keys when fewer than 8 weeks are left.

    Returns the last week published now, or None.  Raises TransportError, Refused; the next round repeats it.
    """
    kept = member.identity.destroy_expired(member.clock())
    if kept.epochs.keys() != member.identity.epochs.keys():
        member.keep_identity(kept)
    if any(item.purpose == post.EPOCHS for item in member.state.outgoing()):
        return None
    if member.device not in member.replica.facts.devices or weeks_left(member) >= LEAST_AHEAD:
        return None
    return await publish_weeks(member)


async def publish_weeks(member: Member) -> int | None:
    """Make, save and publish the keys of all weeks up to 26 ahead that have none yet; the last week, or None.

    Raises TransportError, Refused.
    """
    now, size = member.clock(), member.replica.size("journal")
    weeks: list[int] = []
    week = encoding.week_of(now)
    for _ in range(AHEAD + 1):
        if member.replica.epochs.key(member.device, week, size) is None:
            weeks.append(week)
        week = encoding.next_week(week)
    if not weeks:
        return None
    missing = [week for week in weeks if week not in member.identity.epochs]
    if missing:
        _, _, identity = member.identity.new_epochs(missing, member.random)
        member.keep_identity(identity)  # durable before anybody hears of the keys
    bundle, keys = member.identity.bundle(weeks)
    reference = BlobRef(length=len(bundle), sha256=sha256(bundle).hexdigest())
    member.state.keep_bundle(reference.sha256, bundle)
    body = EpochPublish(
        at=now,
        bundle=reference,
        exchange=member.replica.exchange,
        issuer=DeviceIssuer(device=member.device),
        keys=tuple(EpochKey(hash=key_hash, week=week) for week, key_hash in keys),
        nonce=encoding.b64u(member.random(16)),
        not_after=now + NARROW_WINDOW,
        seen=member.seen,
    )
    envelope = sign_statement("epoch.publish", body.to_json(), member.identity.signer, scheme="ed25519")
    await member.api.put_blob(bundle)
    await post.send(member, post.EPOCHS, envelope)
    return weeks[-1]


async def upload(member: Member, envelope: Envelope) -> None:
    """Upload the bundle of an interrupted statement again: the exchange sweeps what nobody claimed."""
    body = parse_statement(envelope).body
    bundle = member.state.bundle(body.bundle.sha256) if isinstance(body, EpochPublish) else None
    if bundle is None:
        raise Refused("bundle-missing", "the bundle of weekly keys is not here any more", status=0)
    await member.api.put_blob(bundle)
