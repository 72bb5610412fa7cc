"""Public vectors, unmodified: `cryptography_vectors` from PyPI, DSSE's protocol.md, C2SP's signed-note."""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from keys import note
from keys.envelope import pae
from keys.errors import NoteError, SignatureError
from keys.kem import SUITE, EpochPublicKey
from keys.seal import encrypt_part, padded
from keys.unseal import epoch_public, expand_seed
from keys.verify import check_epoch_key, verify_ed25519_bytes, verify_mldsa65_bytes

VECTORS = Path(cryptography_vectors.__file__).parent


def document(path: str) -> Any:
    return json.loads((VECTORS / path).read_text(encoding="utf-8"))


def records(path: str, count: int) -> Iterator[dict[str, str]]:
    """The first `count` records of a NIST response file."""
    record: dict[str, str] = {}
    for line in (VECTORS / path).read_text(encoding="ascii").splitlines():
        name, separator, value = line.partition(" = ")
        if not separator:
            continue
        if name == "count" and record:
            yield record
            count -= 1
            record = {}
            if not count:
                return
        record[name] = value


KEMS = {16: hpke.KEM.P256, 32: hpke.KEM.X25519, 0x647A: hpke.KEM.MLKEM768_X25519}
AEADS = {1: hpke.AEAD.AES_128_GCM, 2: hpke.AEAD.AES_256_GCM, 3: hpke.AEAD.CHACHA20_POLY1305}
KDFS = {1: hpke.KDF.HKDF_SHA256, 3: hpke.KDF.HKDF_SHA512, 17: hpke.KDF.SHAKE256}

RFC_9180 = [
    case
    for case in document("HPKE/test-vectors.json")
    if case["mode"] == 0 and case["kem_id"] in (16, 32) and case["kdf_id"] == 1 and case["aead_id"] in AEADS
]
X_WING = [case for case in document("HPKE/hpke-pq-test-vectors.json") if case["kem_id"] == 0x647A]


def named(cases: list[dict[str, Any]]) -> list[str]:
    return [f"kem{case['kem_id']:x}-kdf{case['kdf_id']}-aead{case['aead_id']}" for case in cases]


def open_first(case: dict[str, Any], key: Any) -> None:
    """Open the first message, the one that a single-shot context can open."""
    suite = hpke.Suite(KEMS[case["kem_id"]], KDFS[case["kdf_id"]], AEADS[case["aead_id"]])
    first = case["encryptions"][0]
    sealed, info, aad = (bytes.fromhex(text) for text in (case["enc"] + first["ct"], case["info"], first["aad"]))
    assert openssl.hpke._decrypt_with_aad(suite, sealed, key, info, aad) == bytes.fromhex(first["pt"])
    with pytest.raises(InvalidTag):
        openssl.hpke._decrypt_with_aad(suite, sealed, key, info + b"x", aad)


@pytest.mark.parametrize("case", RFC_9180, ids=named(RFC_9180))
def test_rfc_9180_base_mode_opens(case: dict[str, Any]) -> None:
    secret = bytes.fromhex(case["skRm"])
    if case["kem_id"] == 32:
        open_first(case, x25519.X25519PrivateKey.from_private_bytes(secret))
    else:
        open_first(case, ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()))


@pytest.mark.parametrize("case", X_WING, ids=named(X_WING))
def test_post_quantum_hpke_opens_with_our_seed_expansion(case: dict[str, Any]) -> None:
    open_first(case, hpke.MLKEM768X25519PrivateKey(*expand_seed(bytes.fromhex(case["skRm"]))))


@pytest.mark.parametrize("case", X_WING, ids=named(X_WING))
def test_x_wing_public_key_follows_from_the_seed(case: dict[str, Any]) -> None:
    key = epoch_public(bytes.fromhex(case["skRm"]))
    assert key.raw == bytes.fromhex(case["pkRm"])
    assert check_epoch_key(key.raw) == EpochPublicKey(key.raw)


def test_the_public_vectors_cover_what_is_used() -> None:
    assert len(RFC_9180) == 6
    assert len(X_WING) == 2
    assert SUITE is not None


def test_ml_kem_768_keys_and_secrets() -> None:
    for case in records("asymmetric/MLKEM/kat_MLKEM_768.rsp", 20):
        key = mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(case["d"] + case["z"]))
        assert key.public_key().public_bytes_raw() == bytes.fromhex(case["pk"])
        assert key.decapsulate(bytes.fromhex(case["ct"])) == bytes.fromhex(case["ss"])
        # Implicit rejection: a wrong ciphertext gives a secret that says nothing, not an error.
        assert key.decapsulate(bytes.fromhex(case["ct_n"])) == bytes.fromhex(case["ss_n"])


@pytest.mark.parametrize("level", [44, 65])
def test_ml_dsa_signatures(level: int) -> None:
    private: Any = {44: mldsa.MLDSA44PrivateKey, 65: mldsa.MLDSA65PrivateKey}[level]
    for case in records(f"asymmetric/MLDSA/kat_MLDSA_{level}_det_pure.rsp", 20):
        key = private.from_seed_bytes(bytes.fromhex(case["xi"])).public_key()
        assert key.public_bytes_raw() == bytes.fromhex(case["pk"])
        signed, message = bytes.fromhex(case["sm"]), bytes.fromhex(case["msg"])
        signature = signed[: len(signed) - len(message)]
        key.verify(signature, message, bytes.fromhex(case["ctx"]))
        if level == 65 and case["ctx"]:
            # Ours is the empty context: a signature made for another purpose is refused.
            with pytest.raises(SignatureError):
                verify_mldsa65_bytes(bytes.fromhex(case["pk"]), message, signature)


def test_ed25519_signatures() -> None:
    lines = (VECTORS / "asymmetric/Ed25519/sign.input").read_text(encoding="ascii").splitlines()
    for line in lines[:200]:
        _, public, message, signed, _ = line.split(":")
        signature = bytes.fromhex(signed)[:64]
        verify_ed25519_bytes(bytes.fromhex(public), bytes.fromhex(message), signature)
        with pytest.raises(SignatureError):
            verify_ed25519_bytes(bytes.fromhex(public), bytes.fromhex(message) + b"x", signature)


def chunked_open(algorithm: hashes.HashAlgorithm, key: bytes, context: bytes, ciphertext: bytes) -> bytes:
    """C2SP chunked encryption with AES-256-GCM, written from its specification as a second opinion."""
    salt, commitment, chunks = ciphertext[:24], ciphertext[24:56], ciphertext[56:]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + salt + context
    derived = HKDFExpand(algorithm, 32 + 12 + 32, info).derive(key)
    if len(key) != 32 or len(ciphertext) < 56 or derived[44:] != commitment:
        raise ValueError("commitment")
    plaintext, size = [], 16_384 + 16
    for number in range(len(chunks) // size + 1):  # the last chunk is always shorter, so there is one more
        nonce = int.from_bytes(derived[32:44], "big") ^ number
        chunk = chunks[number * size : (number + 1) * size]
        plaintext.append(AESGCM(derived[:32]).decrypt(nonce.to_bytes(12, "big"), chunk, None))
    return b"".join(plaintext)


CHUNKED = [
    case for case in document("chunked-encryption/vectors.json")["vectors"] if case["aead"] == "AEAD_AES_256_GCM"
]


@pytest.mark.parametrize("case", CHUNKED, ids=[case["name"] for case in CHUNKED])
def test_c2sp_vectors_confirm_the_second_implementation(case: dict[str, Any]) -> None:
    # The public vectors are for SHA-256; Cobblestone-256 is the instantiation with SHA-512 and has none yet.
    ciphertext = base64.b64decode(case["ciphertext"] or "")
    if case.get("compressed"):
        ciphertext = zlib.decompress(ciphertext)
    key, context = bytes.fromhex(case["key"]), case["context"].encode()
    if case["expect"] == "success":
        payload = chunked_open(hashes.SHA256(), key, context, ciphertext)
        assert hashlib.sha256(payload).hexdigest() == case["payload_sha256"]
    else:
        with pytest.raises((InvalidTag, ValueError)):
            chunked_open(hashes.SHA256(), key, context, ciphertext)


@pytest.mark.parametrize("length", [0, 1, 5000, 16_376, 16_384, 40_000])
def test_second_implementation_opens_our_parts(length: int) -> None:
    key, core_hash = bytes(range(32)), b"\x07" * 32
    plaintext = bytes(number % 251 for number in range(length))
    ciphertext = encrypt_part(key, core_hash, 3, plaintext)
    context = b"tlp-exchange/v1/content\x00" + core_hash + b"\x00\x00\x00\x03"
    assert chunked_open(hashes.SHA512(), key, context, ciphertext) == padded(plaintext)


def test_dsse_pae_of_its_protocol_document() -> None:
    # secure-systems-lab/dsse, protocol.md, "Test Vectors".
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == expected


def test_dsse_signature_of_its_protocol_document() -> None:
    # The same document signs those bytes with ECDSA P-256; the bytes are what we share with it.
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    text = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    signature = base64.b64decode(text)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    message = pae("http://example.com/HelloWorld", b"hello world")
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


PUBLISHED_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def test_published_signed_note_verifies() -> None:
    verifier = note.parse_vkey(PUBLISHED_VKEY)
    lines = note.verify_note(note.Note.parse(PUBLISHED_NOTE.encode()), [verifier])
    assert [line.verifier.name for line in lines] == ["example.com/foo"]
    assert note.vkey(verifier.name, verifier.type, verifier.key) == PUBLISHED_VKEY


def test_published_signed_note_with_another_text_is_refused() -> None:
    altered = PUBLISHED_NOTE.replace("an example", "another example").encode()
    with pytest.raises(NoteError) as refusal:
        note.verify_note(note.Note.parse(altered), [note.parse_vkey(PUBLISHED_VKEY)])
    assert refusal.value.code == "signature-invalid"
