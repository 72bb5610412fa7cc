"""Packages of others verify our checkpoints, proofs and statements: sigstore and securesystemslib (docs/spec/logs.md).

sigstore does not know the ML-DSA-44 lines of a checkpoint and must ignore them. securesystemslib sees the Ed25519 half of a
statement: it has ML-DSA-65 too, but over a SHA-512 of the message as TUF does (TAP 21), which DSSE does not say.
"""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.dsse import Envelope as OutsideEnvelope
from securesystemslib.exceptions import VerificationError as DsseRefused
from securesystemslib.signer import SSlibKey
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.trust import Keyring, RekorKeyring
from sigstore.errors import VerificationError
from sigstore.models import TransparencyLogEntry
from sigstore_models.common.v1 import PublicKey, PublicKeyDetails
from sigstore_models.rekor.v1 import TransparencyLogEntry as EntryRecord

from exchange.audit.evidence_make import make_evidence
from exchange.model.statements import Statement
from exchange.tlog.checkpoint import LOGS, LogName
from exchange.tlog.edge import Edge
from exchange.tlog.merkle import leaf_hash
from exchange.tlog.tiles import TileTree
from keys.note import Note, NoteLine, log_verifiers
from keys.verify import LogPublicKey, SigningPublicKey
from tests.support.outside import cosigned
from tests.support.partnership import Partnership


@pytest.fixture(scope="module")
def partnership() -> Partnership:
    return Partnership().everything()


# -- sigstore: checkpoint and inclusion ------------------------------------------------------------------------------------


def log_key(partnership: Partnership, log: LogName) -> LogPublicKey:
    server = partnership.world.server
    return (server.registry if log == "registry" else server.journal).public


def keyring(key: LogPublicKey) -> RekorKeyring:
    """The log's Ed25519 key as sigstore keeps the keys of transparency logs."""
    der = Ed25519PublicKey.from_public_bytes(key.ed25519).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = PublicKey(raw_bytes=b64encode(der), key_details=PublicKeyDetails.PKIX_ED25519)
    return RekorKeyring(Keyring([record]))


def entry_for_sigstore(partnership: Partnership, log: LogName, index: int, **changes: Any) -> TransparencyLogEntry:
    """One of our entries, with our proof and our checkpoint, in sigstore's form."""
    world = partnership.world
    data = [entry.encode() for entry, _ in world.logs[log]]
    edge, tiles = Edge().grow([leaf_hash(entry) for entry in data])
    stored = {(tile.level, tile.index): content for tile, content in tiles}
    tree = TileTree(lambda level, place: stored[level, place], edge.size)
    verifier, _ = log_verifiers(f"exchange.example/{log}", log_key(partnership, log))
    found: dict[str, Any] = {
        "body": data[index],
        "hashes": tree.inclusion_proof(index),
        "note": cosigned(world.note(log)),
        "root": edge.root(),
        **changes,
    }
    record = {
        "canonicalized_body": b64encode(found["body"]),
        "inclusion_proof": {
            "checkpoint": {"envelope": found["note"].decode()},
            "hashes": [b64encode(value) for value in found["hashes"]],
            "log_index": str(index),
            "root_hash": b64encode(found["root"]),
            "tree_size": str(edge.size),
        },
        "kind_version": {"kind": "dsse", "version": "0.0.1"},
        "log_id": {"key_id": b64encode(verifier.key_id + bytes(28))},
        "log_index": str(index),
    }
    return TransparencyLogEntry(EntryRecord.model_validate(record))


@pytest.mark.parametrize("log", LOGS)
def test_sigstore_verifies_every_entrys_inclusion_and_the_checkpoint_with_its_cosignatures(
    partnership: Partnership, log: LogName
) -> None:
    keys, note = keyring(log_key(partnership, log)), cosigned(partnership.world.note(log))
    for index in range(partnership.world.size(log)):
        entry = entry_for_sigstore(partnership, log, index, note=note)
        verify_merkle_inclusion(entry)
        verify_checkpoint(keys, entry)


def test_sigstore_refuses_another_entry_another_proof_and_another_root(partnership: Partnership) -> None:
    world = partnership.world
    honest = entry_for_sigstore(partnership, "journal", 3)
    hashes = [bytes(value) for value in honest._inner.inclusion_proof.hashes]
    for changes in (
        {"body": world.logs["journal"][4][0].encode()},
        {"hashes": hashes[:-1]},
        {"hashes": [bytes(32), *hashes[1:]]},
    ):
        with pytest.raises(VerificationError):
            verify_merkle_inclusion(entry_for_sigstore(partnership, "journal", 3, **changes))
    keys = keyring(log_key(partnership, "journal"))
    with pytest.raises(VerificationError, match="root hash"):
        verify_checkpoint(keys, entry_for_sigstore(partnership, "journal", 3, root=bytes(32)))


def test_sigstore_refuses_a_checkpoint_of_the_other_log_and_a_damaged_signature(partnership: Partnership) -> None:
    world = partnership.world
    with pytest.raises(VerificationError, match="Signature not found"):
        verify_checkpoint(
            keyring(log_key(partnership, "journal")),
            entry_for_sigstore(partnership, "journal", 3, note=world.note("registry")),
        )
    note = Note.parse(world.note("journal"))
    own, *others = note.lines
    damaged = NoteLine(own.name, own.key_id, bytes([own.signature[0] ^ 1]) + own.signature[1:])
    with pytest.raises(VerificationError, match="invalid signature"):
        verify_checkpoint(
            keyring(log_key(partnership, "journal")),
            entry_for_sigstore(partnership, "journal", 3, note=Note(note.text, (damaged, *others)).encode()),
        )


# -- securesystemslib: statements are DSSE ---------------------------------------------------------------------------------


def public_keys(partnership: Partnership) -> dict[str, SigningPublicKey]:
    """Everybody who signed something here, by key id."""
    world = partnership.world
    found = [registrar.public for registrar in world.registrars]
    people = (partnership.author, partnership.approver, partnership.second, partnership.doctor, partnership.porter)
    found += [person.signer.public for person in (*people, partnership.driver)]
    return {key.key_id: key for key in found}


def ed25519_key(keyid: str, key: bytes) -> SSlibKey:
    return SSlibKey(f"{keyid}:ed25519", "ed25519", "ed25519", {"public": key.hex()})


def dsse_of(statement: Statement) -> dict[str, Any]:
    """The envelope as it lies in a bundle: it is DSSE's JSON form, with nothing to convert."""
    parsed: dict[str, Any] = json.loads(statement.envelope.encode())
    return parsed


def check(statement: Statement, dsse: dict[str, Any], known: dict[str, SSlibKey]) -> int:
    """Verify every signature line whose key is known, all of them; how many."""
    wanted = [known[line.keyid] for line in statement.envelope.signatures if line.keyid in known]
    return len(OutsideEnvelope.from_dict(dsse).verify(wanted, len(wanted)))


def test_securesystemslib_verifies_the_ed25519_half_of_every_statement(partnership: Partnership) -> None:
    known = {f"{name}:ed25519": ed25519_key(name, key.ed25519) for name, key in public_keys(partnership).items()}
    server = partnership.world.server.statement.public
    known[f"{server.key_id}:ed25519"] = ed25519_key(server.key_id, server.ed25519)
    statements = [statement for log in LOGS for _, statement in partnership.world.logs[log]]
    for statement in statements:
        assert check(statement, dsse_of(statement), known) == len(statement.envelope.signer_ids), statement.kind.name


def test_securesystemslib_refuses_a_flipped_payload_another_type_and_another_key(partnership: Partnership) -> None:
    statement = partnership.released_red
    known = {f"{name}:ed25519": ed25519_key(name, key.ed25519) for name, key in public_keys(partnership).items()}
    assert check(statement, dsse_of(statement), known) == 3
    flipped = bytearray(statement.envelope.body)
    flipped[-3] ^= 1
    for changes in (
        {"payload": b64encode(flipped).decode()},
        {"payloadType": "application/vnd.tlp-exchange.alert.grant.v1+json"},
    ):
        with pytest.raises(DsseRefused):
            check(statement, {**dsse_of(statement), **changes}, known)
    signer, *_ = statement.envelope.signer_ids
    other = next(key for name, key in public_keys(partnership).items() if name not in statement.envelope.signer_ids)
    wrong = {**known, f"{signer}:ed25519": ed25519_key(signer, other.ed25519)}
    with pytest.raises(DsseRefused):
        check(statement, dsse_of(statement), wrong)


def test_securesystemslib_verifies_the_alert_of_an_evidence_pack(partnership: Partnership, tmp_path: Path) -> None:
    bundle = partnership.world.write_bundle(tmp_path / "audit")
    files = make_evidence(bundle, partnership.released_red.id)
    known = {f"{name}:ed25519": ed25519_key(name, key.ed25519) for name, key in public_keys(partnership).items()}
    assert check(partnership.released_red, json.loads(files["alert.json"]), known) == 3
