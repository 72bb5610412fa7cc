"""Envelopes, signing and exact verification; keys that must not be enrolled."""

import hashlib
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from nacl import bindings

from keys import verify
from keys.encoding import b64, b64u, encode
from keys.envelope import MAX_BODY, Envelope, Signature, payload_type
from keys.errors import BadKey, EncodingError, EnvelopeError, KeysError, SignatureError
from keys.sign import SoftwareSigner, StatementSigner, add_signature, sign_statement
from keys.verify import LogPublicKey, SigningPublicKey, StatementPublicKey, verify_ed25519, verify_hybrid

BODY = encode({"at": 1})
KIND = "organisation.suspend"


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(KeysError) as refusal:
        action()
    return refusal.value.code


def test_signatures_of_two_registrars_are_sorted_and_verify(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    one = add_signature(sign_statement(KIND, BODY, ada), bob)
    other = add_signature(sign_statement(KIND, BODY, bob), ada)
    assert [line.keyid for line in one.signatures] == [line.keyid for line in other.signatures]
    assert verify_hybrid(one, [bob.public, ada.public]) is one
    assert Envelope.decode(one.encode()) == one


def test_an_envelope_is_written_as_strict_json_writes_it(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    one = sign_statement(KIND, BODY, ada)
    for envelope in (Envelope(KIND, BODY, ()), Envelope(KIND, b"", ()), one, add_signature(one, bob)):
        assert envelope.encode() == encode(envelope.to_json())
        signatures = encode([line.to_json() for line in envelope.signatures])
        assert envelope.signatures_hash == hashlib.sha256(signatures).hexdigest()


def test_statement_id_does_not_depend_on_signatures(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    one, other = sign_statement(KIND, BODY, ada), sign_statement(KIND, BODY, bob)
    assert one.statement_id == other.statement_id == Envelope(KIND, BODY, ()).statement_id
    assert one.signatures_hash != other.signatures_hash


def test_hedged_signatures_differ_and_so_does_their_hash(ada: SoftwareSigner) -> None:
    one, other = sign_statement(KIND, BODY, ada), sign_statement(KIND, BODY, ada)
    assert one.signatures_hash != other.signatures_hash
    verify_hybrid(one, [ada.public])
    verify_hybrid(other, [ada.public])


def test_a_value_and_its_encoding_are_signed_alike(ada: SoftwareSigner) -> None:
    assert sign_statement(KIND, {"at": 1}, ada).body == BODY


def test_one_key_does_not_sign_twice(ada: SoftwareSigner) -> None:
    assert code_of(lambda: add_signature(sign_statement(KIND, BODY, ada), ada)) == "signed-already"


def test_the_exchange_key_does_not_sign_hybrid(server: StatementSigner) -> None:
    assert code_of(lambda: sign_statement("access.read", BODY, server)) == "signature-wrong-kind"
    verify_ed25519(sign_statement("access.read", BODY, server, scheme="ed25519"), server.public)


def test_attack_one_signer_named_twice_is_not_two(ada: SoftwareSigner) -> None:
    envelope = sign_statement(KIND, BODY, ada)
    assert code_of(lambda: verify_hybrid(envelope, [ada.public, ada.public])) == "signature-missing"


def test_attack_no_required_signer_is_never_enough(ada: SoftwareSigner) -> None:
    assert code_of(lambda: verify_hybrid(sign_statement(KIND, BODY, ada), [])) == "signature-missing"
    assert code_of(lambda: verify_hybrid(Envelope(KIND, BODY, ()), [])) == "signature-missing"


def test_attack_half_a_hybrid_signature(ada: SoftwareSigner) -> None:
    for line in sign_statement(KIND, BODY, ada).signatures:
        envelope = Envelope(KIND, BODY, (line,))
        assert code_of(lambda envelope=envelope: verify_hybrid(envelope, [ada.public])) == "signature-missing"


def test_attack_key_id_of_one_and_halves_of_two(ada: SoftwareSigner, eve: SoftwareSigner) -> None:
    mixed = SigningPublicKey(ada.public.ed25519, eve.public.mldsa65)
    assert mixed.key_id not in (ada.public.key_id, eve.public.key_id)
    ed, _ = sign_statement(KIND, BODY, ada).signatures
    _, ml = sign_statement(KIND, BODY, eve).signatures
    lines = (Signature(f"{mixed.key_id}:ed25519", ed.sig), Signature(f"{mixed.key_id}:mldsa65", ml.sig))
    assert code_of(lambda: verify_hybrid(Envelope(KIND, BODY, lines), [ada.public])) == "signature-extra"


def test_attack_signature_of_another_kind_of_statement(ada: SoftwareSigner) -> None:
    lines = sign_statement(KIND, BODY, ada).signatures
    other = Envelope("organisation.remove", BODY, lines)
    assert code_of(lambda: verify_hybrid(other, [ada.public])) == "signature-invalid"


def test_attack_every_single_bit_of_an_ed25519_signature(ada: SoftwareSigner) -> None:
    (line,) = sign_statement(KIND, BODY, ada, scheme="ed25519").signatures
    for bit in range(512):
        sig = bytearray(line.sig)
        sig[bit // 8] ^= 1 << bit % 8
        envelope = Envelope(KIND, BODY, (Signature(line.keyid, bytes(sig)),))
        assert code_of(lambda envelope=envelope: verify_ed25519(envelope, ada.public)) == "signature-invalid"


def test_attack_unsorted_and_repeated_lines(ada: SoftwareSigner) -> None:
    ed, ml = sign_statement(KIND, BODY, ada).signatures
    for lines in ((ml, ed), (ed, ed, ml), (ed, ml, ml)):
        envelope = Envelope(KIND, BODY, lines)
        assert code_of(lambda envelope=envelope: verify_hybrid(envelope, [ada.public])) == "signature-order"
        assert code_of(lambda envelope=envelope: Envelope.decode(envelope.encode())) == "signature-order"


def test_bounds_of_an_envelope(ada: SoftwareSigner) -> None:
    assert Envelope(KIND, bytes(MAX_BODY), ()).statement_id
    assert code_of(lambda: Envelope(KIND, bytes(MAX_BODY + 1), ())) == "body-too-large"
    (line,) = sign_statement(KIND, BODY, ada, scheme="ed25519").signatures
    assert code_of(lambda: Envelope(KIND, BODY, (line,) * 33)) == "too-many-signatures"
    assert code_of(lambda: Envelope.decode(b'{"payload":"' + b"A" * 262_144 + b'"}')) == "too-large"


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"payload": 1, "payloadType": payload_type(KIND), "signatures": []},
        {"payload": "", "payloadType": 1, "signatures": []},
        {"payload": "", "payloadType": payload_type(KIND), "signatures": {}},
        {"payload": "", "payloadType": payload_type(KIND), "signatures": [1]},
        {"payload": "", "payloadType": payload_type(KIND), "signatures": [{"keyid": 1, "sig": ""}]},
        {"payload": "", "payloadType": payload_type(KIND), "signatures": [{"keyid": "a" * 64 + ":ed25519", "sig": 1}]},
        {"payload": "", "payloadType": payload_type(KIND), "signatures": [{"keyid": "x", "sig": ""}]},
        {"payload": "", "payloadType": payload_type(KIND).upper(), "signatures": []},
        {"payload": "", "payloadType": "application/vnd.tlp-exchange..v1+json", "signatures": []},
        {"payload": "", "payloadType": "application/vnd.tlp-exchange.v1+json", "signatures": []},
        {"payload": "", "payloadType": "application/vnd.tlp-exchange.A.v1+json", "signatures": []},
        {"payload": "", "payloadType": payload_type(KIND), "signatures": [], "extra": 1},
    ],
)
def test_a_malformed_envelope_is_refused_with_our_error(value: Any) -> None:
    with pytest.raises(EnvelopeError):
        Envelope.from_json(value)


@pytest.mark.parametrize("kind", ["", "Alert", "alert.", ".alert", "a.b.c", "alert\n", "alért", "alert/../x"])
def test_a_kind_is_a_plain_name(kind: str) -> None:
    with pytest.raises(EnvelopeError):
        payload_type(kind)


# -- keys that must not be enrolled ----------------------------------------------------------------

# The eight points of small order, and further encodings of them that are not canonical.
LOW_ORDER_ED25519 = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
NOT_POINTS = ["02" + "00" * 31, "ff" * 32]


@pytest.mark.parametrize("point", [*LOW_ORDER_ED25519, *NOT_POINTS])
def test_attack_low_order_or_non_canonical_ed25519_key_is_not_enrolled(point: str, ada: SoftwareSigner) -> None:
    key = SigningPublicKey(bytes.fromhex(point), ada.public.mldsa65)
    assert code_of(lambda: verify.check_signing_key(key)) == "bad-ed25519-key"


@pytest.mark.parametrize("point", LOW_ORDER_ED25519)
def test_attack_signature_that_verifies_for_any_message_under_a_low_order_key(point: str) -> None:
    # R = identity, S = 0 satisfies the verification equation of a key of small order in careless implementations.
    for r in (LOW_ORDER_ED25519[0], point):
        signature = bytes.fromhex(r) + bytes(32)
        assert code_of(lambda s=signature: verify.verify_ed25519_bytes(bytes.fromhex(point), b"any", s)) == (
            "signature-invalid"
        )


def test_attack_mixed_order_ed25519_key_is_not_enrolled(ada: SoftwareSigner) -> None:
    # A good key plus a point of order 8: signatures would verify in one implementation and not in another.
    torsion = bytes.fromhex(LOW_ORDER_ED25519[4])
    mixed = bindings.crypto_core_ed25519_add(ada.public.ed25519, torsion)
    key = SigningPublicKey(mixed, ada.public.mldsa65)
    assert code_of(lambda: verify.check_signing_key(key)) == "bad-ed25519-key"
    assert verify.check_signing_key(ada.public) is ada.public


def test_attack_malleable_ed25519_signature(ada: SoftwareSigner) -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    signature = ada.sign_ed25519(b"message")
    s = int.from_bytes(signature[32:], "little") + order
    bent = signature[:32] + s.to_bytes(32, "little")
    assert code_of(lambda: verify.verify_ed25519_bytes(ada.public.ed25519, b"message", bent)) == "signature-invalid"


LOW_ORDER_X25519 = [
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
]


@pytest.mark.parametrize("point", LOW_ORDER_X25519)
def test_attack_low_order_scan_key_is_not_enrolled(point: str) -> None:
    assert code_of(lambda: verify.check_scan_key(bytes.fromhex(point))) == "bad-scan-key"


def test_attack_second_encoding_of_a_scan_key_is_not_enrolled() -> None:
    good = bindings.crypto_scalarmult_base(b"\x02" * 32)
    assert verify.check_scan_key(good) == good
    for other in (good[:31] + bytes([good[31] | 0x80]), b"\xf0" + b"\xff" * 30 + b"\x7f", good[:31], good + b"\x00"):
        assert code_of(lambda other=other: verify.check_scan_key(other)) == "bad-scan-key"


def test_attack_epoch_key_that_stops_a_publisher(reader: Any) -> None:
    good = reader.epoch_key(202648).raw
    assert verify.check_epoch_key(good).raw == good
    for bad in (
        good[:-1],
        good + b"\x00",
        b"\xff" * 1184 + good[1184:],  # coefficients of ML-KEM outside the field
        *(good[:1184] + bytes.fromhex(point) for point in LOW_ORDER_X25519),
    ):
        assert code_of(lambda bad=bad: verify.check_epoch_key(bad)) == "bad-epoch-key"


def test_keys_read_what_they_write(ada: SoftwareSigner, server: StatementSigner) -> None:
    assert SigningPublicKey.from_json(ada.public.to_json()) == ada.public
    assert StatementPublicKey.from_json(server.public.to_json()) == server.public
    log = LogPublicKey(server.public.ed25519, bytes(1312))
    assert LogPublicKey.from_json(log.to_json()) == log
    assert verify.check_statement_key(server.public) is server.public


@pytest.mark.parametrize("value", [None, [], "x", {}, {"ed25519": b64u(bytes(32))}, {"ed25519": 1, "mldsa65": 2}])
def test_a_malformed_key_is_refused_with_our_error(value: Any) -> None:
    for read in (SigningPublicKey.from_json, StatementPublicKey.from_json, LogPublicKey.from_json):
        with pytest.raises(BadKey):
            read(value)


def test_possession_binds_every_field(reader: Any, ada: SoftwareSigner) -> None:
    facts: dict[str, Any] = {
        "exchange": "ab" * 32,
        "organisation": b"o" * 16,
        "person": b"p" * 16,
        "device": reader.device,
        "signing": reader.public,
        "scan": reader.scan,
    }
    message = verify.possession_message(**facts)
    ed25519, mldsa65 = reader.signer.sign_hybrid(message)
    verify.verify_possession(**facts, ed25519=ed25519, mldsa65=mldsa65)
    others: dict[str, Any] = {
        "exchange": "cd" * 32,
        "organisation": b"x" * 16,
        "person": b"x" * 16,
        "device": b"x" * 16,
        "signing": ada.public,
        "scan": b"\x09" + bytes(31),
    }
    for name, other in others.items():
        with pytest.raises(SignatureError):
            verify.verify_possession(**{**facts, name: other}, ed25519=ed25519, mldsa65=mldsa65)
    with pytest.raises(SignatureError):
        verify.verify_possession(**facts, ed25519=bytes(64), mldsa65=mldsa65)
    with pytest.raises(SignatureError):
        verify.verify_possession(**facts, ed25519=ed25519, mldsa65=bytes(3309))


def test_fingerprints_of_devices_and_exchanges(reader: Any) -> None:
    digits = verify.device_fingerprint(reader.public.key_id, reader.scan)
    assert digits == reader.fingerprint
    assert digits != verify.exchange_fingerprint(reader.public.key_id)
    with pytest.raises(EncodingError):
        verify.exchange_fingerprint("not a hash")


def test_a_secret_is_neither_shown_nor_pickled(ada: SoftwareSigner, server: StatementSigner, reader: Any) -> None:
    for holder in (ada, server, reader):
        with pytest.raises(TypeError):
            pickle.dumps(holder)
    shown = repr(ada) + repr(server) + repr(reader)
    secrets = [ada.ed25519_seed, ada.mldsa65_seed, server.seed, reader.scan_secret, reader.vault_key]
    secrets += reader.epochs.values()
    for secret in secrets:
        for form in (repr(secret), repr(secret)[2:-1], secret.hex(), b64(secret), b64u(secret)):
            assert form not in shown
