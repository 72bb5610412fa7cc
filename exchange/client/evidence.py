"""Evidence as files: what a device can hand to a third person stands in its home under ``evidence/``, one file for each finding.

``contradiction_of`` and ``withheld_by`` make the two exhibits of ``exchange.policy.exhibits`` from what this member verified.
Files are private (0600), written once and never overwritten or deleted by this program: what was cleared up stays on record.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from exchange.client.answers import Leaf
from exchange.client.member import Member
from exchange.client.ownproofs import OwnLog
from exchange.model.alert import DeviceIssuer
from exchange.model.common import FIRST_LEAD, WIDE_WINDOW
from exchange.model.entry import parse_entry
from exchange.model.statements import Statement
from exchange.policy.exhibits import (
    CONTRADICTION,
    MAX_KNOWN,
    WITHHELD,
    WITHHELD_KIND,
    ExhibitError,
    WithheldClaim,
    check_contradiction,
)
from exchange.tlog.checkpoint import LogName
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeyFileError
from keys.keyfile import create_file
from keys.sign import sign_statement
from keys.stanza import NO_BUNDLE, stanza_id

FOLDER = "evidence"
MAX_FILES = 32
"""Files of one kind, of up to 100 KB each: further alerts that are kept back are named and counted as well."""


def folder_of(member: Member) -> Path:
    """Where this member's evidence lies."""
    return member.state.path.parent / FOLDER


def write(member: Member, name: str, data: bytes) -> Path:
    """Write one file of evidence, durably; one that is there already stays as it is. Raises KeyFileError ``not-writable``."""
    folder = folder_of(member)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name
    try:
        create_file(path, data)
    except KeyFileError as error:
        if error.code != "exists":
            raise
    return path


def find(member: Member, name: str) -> Path | None:
    """A file of evidence that was written before, or None."""
    path = folder_of(member) / name
    return path if os.path.exists(path) else None


def enough(member: Member, kind: str) -> bool:
    """Whether there are so many files of a kind that another one would only fill the disk."""
    return sum(1 for _ in folder_of(member).glob(f"{kind}-*")) >= MAX_FILES


def withheld_name(index: int, statement: str) -> str:
    """The file about an alert (statement id) at a journal index that was kept back."""
    return f"withheld-{index}-{statement[:10]}.json"


def contradiction_name(index: int, statement: str) -> str:
    """The file about an alert that lists this device as without key."""
    return f"contradiction-{index}-{statement[:10]}.json"


# -- what both exhibits hold -----------------------------------------------------------------------------------------------


def _logs(member: Member, *devices: str) -> dict[str, Any]:
    """The founding, both checkpoints as last verified, and the enrolments of devices, as far as they are shown to this member."""
    replica = member.replica
    enrolments = []
    for device in dict.fromkeys(devices):
        placed = _enrolment(member, device)
        if placed is not None:
            enrolments.append(placed)
    return {
        "enrolments": enrolments,
        "exchange": replica.exchange,
        "founding": replica.founding.envelope.to_json(),
        "journal": replica.heads["journal"].note.decode("utf-8"),
        "registry": replica.heads["registry"].note.decode("utf-8"),
    }


def _enrolment(member: Member, device: str) -> dict[str, Any] | None:
    replica = member.replica
    for index, data in member.state.entries("registry", kind="device.enrol"):
        if index < replica.history.size and parse_entry(data).subject == f"device/{device}":
            statement = replica.history.statement(index)
            return None if statement is None else _placed(member, "registry", index, statement.envelope)
    return None


def _placed(member: Member, log: LogName, index: int, envelope: Envelope, size: int | None = None) -> dict[str, Any]:
    """A statement with its entry and the proof for a size of the log (None: as last verified)."""
    return {"envelope": envelope.to_json(), **_place(member, log, index, size)}


def _place(member: Member, log: LogName, index: int, size: int | None = None) -> dict[str, Any]:
    data = member.state.entry(log, index)
    proof = OwnLog(member.state, log).inclusion(index, member.replica.size(log) if size is None else size)
    return {"entry": encoding.b64(data or b""), "index": index, "proof": [encoding.b64(one) for one in proof]}


# -- listed as without key -------------------------------------------------------------------------------------------------


def contradiction_of(member: Member, index: int, statement: Statement, leaf: Leaf | None) -> bytes | None:
    """The contradiction file for an alert at a journal index whose leaf for this device has no stanza; None when there is none.

    There is one when this device's key for the week stood in the journal that the alert names, and the leaf's stanza id is this
    device's nonetheless.
    """
    replica = member.replica
    core = statement.alert.core
    if leaf is None or leaf.stanza or core.seen.journal.size > index:
        return None
    week, size = encoding.week_of(core.at), core.seen.journal.size
    known = replica.epochs.key(member.device, week, size)
    if known is None:
        return None
    instead = _instead(member, week, leaf)
    published = next((e for i, e, _ in member.state.epochs() if i == known.index), None)
    if instead is None or published is None:
        return None
    signers = [replica.facts.device_of_key.get(key_id) for key_id in statement.envelope.signer_ids]
    value = {
        **_logs(member, member.device, *(device for device in signers if device is not None)),
        "alert": _placed(member, "journal", index, statement.envelope),
        "format": CONTRADICTION,
        "leaf": {
            "device": member.device,
            "index": leaf.index,
            "instead": instead.hex(),
            "path": [node.hex() for node in leaf.path],
            "tag": encoding.b64u(leaf.tag),
        },
        "published": _placed(member, "journal", known.index, published, size),
    }
    data = encoding.encode(value)
    try:
        check_contradiction(data, replica.exchange)  # what nobody would believe is not handed out as proof
    except ExhibitError:
        return None
    return data


def _instead(member: Member, week: int, leaf: Leaf) -> bytes | None:
    """What stands in the leaf's stanza id in place of the key's hash: one of this device's bundles, zeros, or the key's hash."""
    mine = member.identity.device
    bundles = [e.statement_id for _, e, _ in member.state.epochs()]
    known = member.replica.epochs.key(member.device, week, member.replica.size("journal"))
    candidates = [NO_BUNDLE, *(bytes.fromhex(one) for one in bundles)]
    if known is not None:
        candidates.append(known.key_hash)
    return next((one for one in candidates if stanza_id(mine, week, one) == leaf.stanza_id), None)


# -- kept back -------------------------------------------------------------------------------------------------------------


def withheld_by(member: Member, index: int, statement: str, tag: bytes, answer: str) -> bytes:
    """The withheld file for the alert (statement id) at a journal index: entry, proof, and this device's claim, signed now.

    The claim reveals the tag and nothing that leads from one alert's tag to another's: neither scan secret nor the shared secret.
    """
    at = member.clock()
    claim = WithheldClaim(
        alert=statement,
        answer=answer,
        at=at,
        exchange=member.replica.exchange,
        index=index,
        issuer=DeviceIssuer(device=member.device),
        nonce=encoding.b64u(member.random(16)),
        not_after=at + WIDE_WINDOW,
        seen=member.seen,
        tag=encoding.b64u(tag),
    )
    envelope = sign_statement(WITHHELD_KIND, claim.to_json(), member.identity.signer)
    value = {
        **_logs(member, member.device),
        **_place(member, "journal", index),
        "claim": envelope.to_json(),
        "format": WITHHELD,
        "keys": _known(member, index),
    }
    return encoding.encode(value)


def _known(member: Member, index: int) -> list[str]:
    """What may stand in this device's stanza id of an alert that it has not seen: its keys of the weeks in which the alert can
    have been prepared, then its newest bundles."""
    replica = member.replica
    entry = replica.journal_entry(index)
    at = 0 if entry is None else entry.at
    weeks = dict.fromkeys(encoding.week_of(max(0, time)) for time in (at, at - WIDE_WINDOW, at + FIRST_LEAD))
    found = (replica.epochs.key(member.device, week, index) for week in weeks)
    keys = [key.key_hash.hex() for key in found if key is not None]
    mine = [e.statement_id for i, e, _ in member.state.epochs() if i < index and _is_mine(member, e)]
    return [*keys, *reversed(mine)][:MAX_KNOWN]


def _is_mine(member: Member, envelope: Envelope) -> bool:
    return envelope.signer_ids == (member.identity.public.key_id,)
