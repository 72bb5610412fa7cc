"""The project's own vectors (tests/vectors): rebuilt from their seeds, and every case run."""

import base64
import hashlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from keys import encoding, note, stanza, unseal, verify
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.labels import ds
from keys.seal import padded_length

HERE = Path(__file__).parents[1] / "vectors"


def load(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="ascii"))


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vector_generator", HERE / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ENCODING, STATEMENTS = load("encoding.json"), load("statements.json")
CHECKPOINTS, ALERT = load("checkpoints.json"), load("alert.json")


def named(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def expect(code: str, action: Any) -> None:
    """Run it; an empty code must succeed, any other must be the reason of the refusal."""
    if not code:
        action()
        return
    with pytest.raises(KeysError) as refusal:
        action()
    assert refusal.value.code == code


@pytest.mark.parametrize("name", ["encoding.json", "statements.json", "checkpoints.json", "alert.json", "grant.json"])
def test_vector_file_is_rebuilt_from_its_seeds(name: str) -> None:
    module = generator()
    stored = load(name)
    assert module.rendered(module.FILES[name](stored["random"])) == (HERE / name).read_text(encoding="ascii")


@named(ENCODING["valid"])
def test_valid_document_is_read_and_written_alike(case: dict[str, Any]) -> None:
    data = raw(case["bytes"])
    assert encoding.encode(encoding.decode(data, max_bytes=len(data))) == data


@named(ENCODING["invalid"])
def test_invalid_document_is_refused_for_its_one_defect(case: dict[str, Any]) -> None:
    expect(case["code"], lambda: encoding.decode(raw(case["bytes"]), max_bytes=100_000))


@pytest.mark.parametrize("text", ENCODING["invalid_base64url"])
def test_other_spelling_of_base64url_is_refused(text: str) -> None:
    expect("bad-base64", lambda: encoding.unb64u(text))


@pytest.mark.parametrize("text", ENCODING["invalid_base64"])
def test_other_spelling_of_base64_is_refused(text: str) -> None:
    expect("bad-base64", lambda: encoding.unb64(text))


def test_scalars_of_the_encoding_vectors() -> None:
    for case in ENCODING["weeks"]:
        assert encoding.week_of(case["time"]) == case["week"]
    for case in ENCODING["commitments"]:
        assert encoding.commitment(case["field"], raw(case["salt"]), case["value"]) == case["commitment"]
    for case in ENCODING["fingerprints"]:
        assert encoding.fingerprint(raw(case["compared"])) == case["digits"]
    for use, label in ENCODING["labels"].items():
        assert ds(use) == raw(label) == b"tlp-exchange/v1/" + use.encode() + b"\x00"


@named(STATEMENTS["cases"])
def test_statement_case(case: dict[str, Any]) -> None:
    keys = {
        name: verify.StatementPublicKey.from_json(key)
        if isinstance(key, str)
        else verify.SigningPublicKey.from_json(key)
        for name, key in STATEMENTS["keys"].items()
    }

    def run() -> None:
        envelope = Envelope.decode(raw(case["envelope"]))
        signers = [keys[name] for name in case["signers"]]
        if case["scheme"] == "hybrid":
            verify.verify_hybrid(envelope, signers)
        else:
            verify.verify_ed25519(envelope, signers[0])
        assert envelope.encode() == raw(case["envelope"])

    expect(case["code"], run)


def test_statement_ids_and_hashes() -> None:
    envelope = Envelope.decode(raw(STATEMENTS["cases"][0]["envelope"]))
    assert envelope.pae == raw(STATEMENTS["pae"])
    assert envelope.body == raw(STATEMENTS["body"])
    assert envelope.statement_id == STATEMENTS["statement_id"] == hashlib.sha256(raw(STATEMENTS["pae"])).hexdigest()
    assert envelope.signatures_hash == STATEMENTS["signatures_hash"]
    assert set(envelope.signer_ids) == {STATEMENTS["key_ids"]["ada"], STATEMENTS["key_ids"]["bob"]}


@named(CHECKPOINTS["cases"])
def test_checkpoint_case(case: dict[str, Any]) -> None:
    key = verify.LogPublicKey.from_json(CHECKPOINTS["key"])
    expect(case["code"], lambda: note.verify_checkpoint(raw(case["note"]), CHECKPOINTS["origin"], key))


def test_witness_line_of_the_checkpoint_vectors() -> None:
    case = next(case for case in CHECKPOINTS["cases"] if case["name"] == "with-a-witness")
    verifiers = [note.parse_vkey(text) for text in (*CHECKPOINTS["vkeys"], CHECKPOINTS["witness"]["vkey"])]
    lines = note.verify_note(note.Note.parse(raw(case["note"])), verifiers)
    assert [line.timestamp for line in lines] == [None, CHECKPOINTS["time"], CHECKPOINTS["time"]]


@named(ALERT["cases"])
def test_alert_case(case: dict[str, Any]) -> None:
    opening = {**ALERT["opening"], **case["change"]}
    identifier, tag, sealed = raw(opening["stanza_id"]), raw(opening["tag"]), raw(opening["stanza"])
    ciphertexts = [raw(part) for part in opening["parts"]]
    core_hash = hashlib.sha256(raw(opening["core"])).digest()

    def run() -> None:
        # As in production, the path comes first; the cases about the stanza keep the leaf that was signed.
        leaf = ALERT["opening"] if case["code"].startswith("stanza") else opening
        inner = stanza.inner_hash(raw(leaf["stanza_id"]), raw(leaf["stanza"]))
        path = [raw(one) for one in opening["path"]]
        stanza.verify_path(
            bytes.fromhex(ALERT["root"]), ALERT["depth"], opening["index"], stanza.leaf_hash(tag, inner), path
        )
        parts = stanza.parts_digest([stanza.PartDigest.of(part) for part in ciphertexts])
        key = unseal.open_stanza(
            raw(opening["seed"]), sealed, core_hash=core_hash, parts_digest=parts, stanza_id=identifier
        )
        assert key == raw(ALERT["content_key"])
        for index, part in enumerate(ciphertexts):
            assert unseal.decrypt_part(key, core_hash, index, part) == raw(ALERT["plaintexts"][index])

    expect(case["code"], run)


@named(ALERT["packs"])
def test_pack_case(case: dict[str, Any]) -> None:
    def run() -> None:
        leaves = stanza.parse_pack(raw(case["pack"]))
        assert stanza.build_pack(leaves) == raw(case["pack"])
        assert stanza.audience_root([leaf.leaf_hash() for leaf in leaves]) == (
            bytes.fromhex(ALERT["root"]),
            ALERT["depth"],
        )
        assert stanza.encode_leaf_list(leaf.summary() for leaf in leaves) == raw(ALERT["leaf_list"])

    expect(case["code"], run)


def test_every_device_of_the_alert_vectors_finds_its_leaf() -> None:
    leaves = {leaf.tag: leaf for leaf in stanza.parse_leaf_list(raw(ALERT["leaf_list"]))}
    assert {raw(device["tag"]) for device in ALERT["devices"]} == set(leaves)
    for device in ALERT["devices"]:
        leaf = leaves[raw(device["tag"])]
        assert leaf.stanza_id == raw(device["stanza_id"])
        assert leaf.keyless == (device["epoch_key"] == "")


def test_absence_in_the_alert_vectors() -> None:
    neighbours = [
        stanza.Neighbour(one["index"], raw(one["tag"]), raw(one["inner"]), tuple(raw(node) for node in one["path"]))
        for one in ALERT["neighbours"]
    ]
    root, depth = bytes.fromhex(ALERT["root"]), ALERT["depth"]
    tag = raw(ALERT["absent"]["tag"])
    left = [one for one in neighbours if one.tag < tag][-1:]
    right = [one for one in neighbours if one.tag > tag][:1]
    stanza.verify_absence(root, depth, tag, [*left, *right])


def test_padded_lengths_of_the_alert_vectors() -> None:
    for case in ALERT["padded_lengths"]:
        assert padded_length(case["length"]) == case["padded"]
