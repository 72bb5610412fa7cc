"""Public keys and signatures at their edges: every length and every answer of `keys.verify` by its code.

What `make mutants` found that no other test would have noticed (docs/mutants.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from keys import verify
from keys.encoding import encode, fingerprint
from keys.envelope import Envelope, Signature, pae
from keys.errors import EncodingError, KeysError
from keys.labels import ds
from keys.sign import SoftwareSigner, StatementSigner, add_signature, sign_statement
from keys.verify import LogPublicKey, SigningPublicKey, StatementPublicKey, verify_ed25519, verify_hybrid

BODY = encode({"at": 1})
KIND = "organisation.suspend"


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(KeysError) as refusal:
        action()
    return refusal.value.code


@pytest.mark.parametrize(("first", "second"), [(31, 1952), (33, 1952), (32, 1951), (32, 1953), (0, 0)])
def test_a_signing_key_has_both_halves_whole(first: int, second: int) -> None:
    assert code_of(lambda: SigningPublicKey(bytes(first), bytes(second))) == "bad-signing-key"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_statement_key_is_whole(length: int) -> None:
    assert code_of(lambda: StatementPublicKey(bytes(length))) == "bad-statement-key"


@pytest.mark.parametrize(("first", "second"), [(31, 1312), (33, 1312), (32, 1311), (32, 1313), (0, 0)])
def test_a_log_key_has_both_halves_whole(first: int, second: int) -> None:
    assert code_of(lambda: LogPublicKey(bytes(first), bytes(second))) == "bad-log-key"


@pytest.mark.parametrize(
    ("read", "good", "code"),
    [
        (SigningPublicKey.from_json, SigningPublicKey(bytes(32), bytes(1952)), "bad-signing-key"),
        (LogPublicKey.from_json, LogPublicKey(bytes(32), bytes(1312)), "bad-log-key"),
    ],
)
def test_a_key_is_read_from_exactly_its_two_names(read: Callable[[Any], object], good: Any, code: str) -> None:
    written: dict[str, str] = good.to_json()
    assert read(written) == good
    first, second = written
    for other in (
        {first: written[first]},
        {**written, "more": ""},
        {first: written[second], second: written[first]},
        {**written, second: written[second][:-4]},
        {**written, first: None},
        list(written),
        [],
        None,
    ):
        assert code_of(lambda other=other: read(other)) == code


@pytest.mark.parametrize("value", [None, "", "AA", "x", {}, 1])
def test_a_statement_key_is_read_from_32_bytes(value: Any) -> None:
    assert code_of(lambda: StatementPublicKey.from_json(value)) == "bad-statement-key"


def test_a_key_id_is_the_hash_of_its_use_and_every_half(ada: SoftwareSigner, server: StatementSigner) -> None:
    both = ada.public.ed25519 + ada.public.mldsa65
    assert ada.public.key_id == hashlib.sha256(ds("signing-key-id") + both).hexdigest()
    assert server.public.key_id == hashlib.sha256(ds("statement-key-id") + server.public.ed25519).hexdigest()
    assert repr(ada.public) == f"SigningPublicKey({ada.public.key_id})"


def test_a_key_that_may_be_enrolled_is_handed_back(ada: SoftwareSigner, server: StatementSigner) -> None:
    assert verify.check_ed25519(ada.public.ed25519) == ada.public.ed25519
    log = LogPublicKey(server.public.ed25519, bytes(1312))
    assert verify.check_log_key(log) is log
    assert verify.mldsa44_key(log.mldsa44).public_bytes_raw() == log.mldsa44


def test_attack_a_key_of_which_one_half_is_no_key(ada: SoftwareSigner, server: StatementSigner) -> None:
    bad_point = bytes(32)
    assert code_of(lambda: verify.check_ed25519(ada.public.ed25519 + b"\0")) == "bad-ed25519-key"
    assert code_of(lambda: verify.check_ed25519(ada.public.ed25519[:31])) == "bad-ed25519-key"
    assert code_of(lambda: verify.check_statement_key(StatementPublicKey(bad_point))) == "bad-ed25519-key"
    assert code_of(lambda: verify.check_log_key(LogPublicKey(bad_point, bytes(1312)))) == "bad-ed25519-key"
    for parse in (verify._mldsa65, verify.mldsa44_key):
        assert code_of(lambda parse=parse: parse(b"short")) == "bad-mldsa-key"


def test_attack_a_key_that_a_lax_library_would_take(
    ada: SoftwareSigner, server: StatementSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every ML-DSA key of the right length parses and libsodium refuses a zero secret, today. Should that change,
    # it is the check at enrolment that answers.
    class Strict:
        @staticmethod
        def from_public_bytes(raw: bytes) -> None:
            raise ValueError

    class Library:
        MLDSA44PublicKey = MLDSA65PublicKey = Strict

    verify._mldsa65.cache_clear()
    verify.mldsa44_key.cache_clear()
    monkeypatch.setattr(verify, "mldsa", Library)
    assert code_of(lambda: verify.check_signing_key(ada.public)) == "bad-mldsa-key"
    log = LogPublicKey(server.public.ed25519, bytes(1312))
    assert code_of(lambda: verify.check_log_key(log)) == "bad-mldsa-key"
    monkeypatch.setattr(verify.bindings, "crypto_scalarmult", lambda scalar, point: bytes(32))
    assert code_of(lambda: verify.check_scan_key(b"\x09" + bytes(31))) == "bad-scan-key"


def test_attack_keys_and_signatures_of_another_length_do_not_verify(ada: SoftwareSigner) -> None:
    message = b"message"
    ed25519, mldsa65 = ada.sign_hybrid(message)
    key = ada.public
    verify.verify_ed25519_bytes(key.ed25519, message, ed25519)
    verify.verify_mldsa65_bytes(key.mldsa65, message, mldsa65)
    for bad_key, bad_signature in (
        (key.ed25519[:31], ed25519),
        (key.ed25519 + b"\0", ed25519),
        (key.ed25519, ed25519[:63]),
        (key.ed25519, ed25519 + b"\0"),
        (key.ed25519, b""),
    ):
        action = lambda k=bad_key, s=bad_signature: verify.verify_ed25519_bytes(k, message, s)  # noqa: E731
        assert code_of(action) == "signature-invalid"
    for bad_key, bad_signature in (
        (key.mldsa65[:-1], mldsa65),
        (key.mldsa65, mldsa65[:-1]),
        (key.mldsa65, mldsa65 + b"\0"),
        (key.mldsa65, b""),
    ):
        action = lambda k=bad_key, s=bad_signature: verify.verify_mldsa65_bytes(k, message, s)  # noqa: E731
        assert code_of(action) == "signature-invalid"


def test_attack_one_half_of_a_second_signer_is_another_signers(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    envelope = add_signature(sign_statement(KIND, BODY, ada), bob)
    assert verify_hybrid(envelope, [ada.public, bob.public]) is envelope
    for spoiled in range(4):
        lines = list(envelope.signatures)
        line = lines[spoiled]
        other = next(one for one in lines if one.keyid[64:] == line.keyid[64:] and one.keyid != line.keyid)
        lines[spoiled] = Signature(line.keyid, other.sig)
        spoilt = Envelope(KIND, BODY, tuple(lines))
        assert code_of(lambda spoilt=spoilt: verify_hybrid(spoilt, [ada.public, bob.public])) == "signature-invalid"


def test_the_reason_tells_an_extra_signer_from_a_signer_s_other_algorithm(
    ada: SoftwareSigner, bob: SoftwareSigner
) -> None:
    hybrid = sign_statement(KIND, BODY, ada)
    assert code_of(lambda: verify_ed25519(hybrid, ada.public)) == "signature-wrong-kind"
    assert code_of(lambda: verify_ed25519(hybrid, bob.public)) == "signature-extra"
    assert code_of(lambda: verify_hybrid(add_signature(hybrid, bob), [ada.public])) == "signature-extra"
    assert code_of(lambda: verify_ed25519(Envelope(KIND, BODY, ()), ada.public)) == "signature-missing"
    plain = sign_statement(KIND, BODY, ada, scheme="ed25519")
    assert verify_ed25519(plain, ada.public) is plain
    other = Envelope(KIND, BODY + b" ", plain.signatures)
    assert code_of(lambda: verify_ed25519(other, ada.public)) == "signature-invalid"


def test_attack_lines_out_of_order_between_lines_in_order(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    lines = add_signature(sign_statement(KIND, BODY, ada), bob).signatures
    for order in ((0, 2, 1, 3), (1, 0, 2, 3), (0, 1, 3, 2)):
        envelope = Envelope(KIND, BODY, tuple(lines[at] for at in order))
        assert code_of(lambda envelope=envelope: verify_hybrid(envelope, [ada.public, bob.public])) == "signature-order"


def test_a_possession_message_is_the_one_of_the_specification(ada: SoftwareSigner) -> None:
    exchange, scan = "ab" * 32, b"s" * 32
    facts: dict[str, Any] = {"organisation": b"o" * 16, "person": b"p" * 16, "device": b"d" * 16}
    message = verify.possession_message(exchange=exchange, signing=ada.public, scan=scan, **facts)
    body = encode(
        {
            "device": "ZGRkZGRkZGRkZGRkZGRkZA",
            "exchange": exchange,
            "organisation": "b29vb29vb29vb29vb29vbw",
            "person": "cHBwcHBwcHBwcHBwcHBwcA",
            "scan": "c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M",
            "signing": ada.public.to_json(),
        }
    )
    assert message == pae("application/vnd.tlp-exchange.device.possess.v1+json", body)
    for bad in ("", "AB" * 32, "ab" * 31, "ab" * 33):
        with pytest.raises(EncodingError):
            verify.possession_message(exchange=bad, signing=ada.public, scan=scan, **facts)


def test_attack_either_half_of_a_proof_of_possession_is_another_devices(
    ada: SoftwareSigner, eve: SoftwareSigner
) -> None:
    facts: dict[str, Any] = {
        "exchange": "ab" * 32,
        "organisation": b"o" * 16,
        "person": b"p" * 16,
        "device": b"d" * 16,
        "signing": ada.public,
        "scan": b"s" * 32,
    }
    message = verify.possession_message(**facts)
    (ed25519, mldsa65), (ed25519_eve, mldsa65_eve) = ada.sign_hybrid(message), eve.sign_hybrid(message)
    verify.verify_possession(**facts, ed25519=ed25519, mldsa65=mldsa65)
    for one, two in ((ed25519_eve, mldsa65), (ed25519, mldsa65_eve)):
        action = lambda one=one, two=two: verify.verify_possession(**facts, ed25519=one, mldsa65=two)  # noqa: E731
        assert code_of(action) == "signature-invalid"


def test_a_device_s_digits_are_of_both_its_keys() -> None:
    assert verify.device_fingerprint("ab" * 32, b"s" * 32) == fingerprint(b"\xab" * 32 + b"s" * 32)
    assert verify.exchange_fingerprint("ab" * 32) == fingerprint(b"\xab" * 32)


def test_a_witness_s_digits_are_of_both_its_keys() -> None:
    key = LogPublicKey(b"e" * 32, b"m" * 1312)
    assert verify.witness_fingerprint(key) == fingerprint(b"e" * 32 + b"m" * 1312)


def test_the_lines_to_verify_name_their_algorithm_and_the_cheap_half_stands_first(
    ada: SoftwareSigner, eve: SoftwareSigner
) -> None:
    envelope = add_signature(add_signature(Envelope("policy.adopt", b"{}", ()), ada), eve)
    lines = verify.hybrid_lines(envelope, [ada.public, eve.public])
    assert [(name, key) for name, key, _ in lines] == [
        ("ed25519", ada.public.ed25519), ("ed25519", eve.public.ed25519),
        ("mldsa65", ada.public.mldsa65), ("mldsa65", eve.public.mldsa65),
    ]  # fmt: skip
    assert [len(signature) for _, _, signature in lines] == [64, 64, 3309, 3309]
