"""Builds the test vectors beside it. `python tests/vectors/generate.py` writes files that do not exist yet.

Everything follows from fixed seeds, but for what is random by construction: ML-DSA signatures are hedged, HPKE
encapsulation and the chunked encryption draw their own randomness. Those values stand under `random` in each file; the
rest is rebuilt from them, and `tests/keys/test_keys_own_vectors.py` compares. README.md has the format.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from nacl import bindings
from nacl.signing import SigningKey

from keys import encoding, envelope, note, seal, sign, stanza
from keys.device import DeviceIdentity
from keys.grant import GrantBinding, seal_grant
from keys.kem import EpochPublicKey
from keys.labels import Use, ds

HERE = Path(__file__).parent
AT = 1_796_000_000  # 2026-11-30, in week 202649
WEEK = encoding.week_of(AT)
ORIGIN = "exchange.example/registry"

Json = dict[str, Any]


def seed(name: str, size: int = 32) -> bytes:
    """Return the fixed secret of this name."""
    return hashlib.shake_256(b"tlp-exchange test vectors: " + name.encode()).digest(size)


def b64(data: bytes) -> str:
    """Standard base64, for every byte string in the files."""
    return base64.b64encode(data).decode()


def signer(name: str) -> sign.SoftwareSigner:
    """Return the fixed signer of this name."""
    return sign.SoftwareSigner(seed(f"{name} ed25519"), seed(f"{name} mldsa65"))


def device(name: str, *, epoch: bool = True) -> DeviceIdentity:
    """Return the fixed device of this name, with a key for the vectors' week."""
    epochs = {WEEK: seed(f"{name} epoch")} if epoch else {}
    return DeviceIdentity(seed(f"{name} id", 16), signer(name), seed(f"{name} scan"), seed(f"{name} vault"), epochs)


# -- encoding --------------------------------------------------------------------------------------

VALID = {
    "empty": b"{}",
    "nested": b'{"a":[1,-1,true,false,[],{}],"b":{"c":"d"}}',
    "integers-at-the-bound": b'{"max":9007199254740991,"min":-9007199254740991}',
    "escapes": b'{"s":"\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f/\x7f"}',
    "unicode": '{"s":"ß€𝄞\u2028"}'.encode(),
    "upper-case-and-plus-in-keys": b'{"AMBER+STRICT":1,"payloadType":"x"}',
    "depth-16": b'{"a":' + b"[" * 15 + b"]" * 15 + b"}",
}

INVALID = {
    "duplicate-key": (b'{"label":"RED","label":"CLEAR"}', "duplicate-key"),
    "duplicate-key-deep": (b'{"a":[{"b":1,"b":1}]}', "duplicate-key"),
    "unsorted": (b'{"b":1,"a":1}', "not-strict"),
    "white-space": (b'{"a": 1}', "not-strict"),
    "trailing-newline": (b'{"a":1}\n', "not-strict"),
    "trailing-value": (b'{"a":1}{"a":1}', "not-json"),
    "trailing-zero-byte": (b'{"a":1}\x00', "not-json"),
    "byte-order-mark": (b'\xef\xbb\xbf{"a":1}', "not-json"),
    "utf-16": ('{"a":1}'.encode("utf-16-le"), "not-json"),
    "invalid-utf-8": (b'{"a":"\xff"}', "not-utf8"),
    "overlong-utf-8": (b'{"a":"\xc0\xaf"}', "not-utf8"),
    "raw-surrogate": (b'{"a":"\xed\xa0\x80"}', "not-utf8"),
    "escaped-lone-surrogate": (b'{"a":"\\ud800"}', "lone-surrogate"),
    "escaped-pair": (b'{"a":"\\ud834\\udd1e"}', "not-strict"),
    "escaped-plain-letter": (b'{"a":"\\u0061"}', "not-strict"),
    "escaped-solidus": (b'{"a":"\\/"}', "not-strict"),
    "upper-case-escape": (b'{"a":"\\u001F"}', "not-strict"),
    "long-form-of-short-escape": (b'{"a":"\\u000a"}', "not-strict"),
    "raw-control-character": (b'{"a":"\n"}', "not-json"),
    "null": (b'{"a":null}', "bad-type"),
    "null-in-array": (b'{"a":[null]}', "bad-type"),
    "float": (b'{"a":1.0}', "number"),
    "exponent": (b'{"a":1e3}', "number"),
    "not-a-number": (b'{"a":NaN}', "number"),
    "infinity": (b'{"a":-Infinity}', "number"),
    "minus-zero": (b'{"a":-0}', "not-strict"),
    "leading-zero": (b'{"a":01}', "not-json"),
    "plus-sign": (b'{"a":+1}', "not-json"),
    "integer-above-2^53-1": (b'{"a":9007199254740992}', "integer-range"),
    "integer-of-5000-digits": (b'{"a":' + b"9" * 5000 + b"}", "integer-range"),
    "empty-key": (b'{"":1}', "bad-key"),
    "space-in-key": (b'{"a b":1}', "bad-key"),
    "key-outside-ascii": ('{"ä":1}'.encode(), "bad-key"),
    "key-of-65-characters": (b'{"' + b"a" * 65 + b'":1}', "bad-key"),
    "depth-17": (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", "too-deep"),
    "depth-bomb": (b"[" * 2_000, "too-deep"),
    "array-on-top": (b"[]", "not-object"),
    "text-on-top": (b'"a"', "not-object"),
    "empty-input": (b"", "not-json"),
    "single-quotes": (b"{'a':1}", "not-json"),
    "comment": (b'{"a":1/**/}', "not-json"),
}


def encoding_vectors(random: Json) -> Json:
    """Strict JSON, base64, weeks, commitments, fingerprints."""
    salt = seed("salt")
    return {
        "random": random,
        "valid": [{"bytes": b64(data), "name": name} for name, data in VALID.items()],
        "invalid": [{"bytes": b64(data), "code": code, "name": name} for name, (data, code) in INVALID.items()],
        "invalid_base64url": ["QR", "QQ==", "Q", "Q+", "QQ\n", " QQ"],
        "invalid_base64": ["QR==", "QQ", "QQ=", "QQ===", "Q-==", "QQ==\n", "QQ==QQ=="],
        "weeks": [
            {"time": time, "week": encoding.week_of(time)}
            for time in (0, 345_599, 345_600, 1_609_459_200, 1_798_847_999, AT, 253_402_300_800, 2**40 - 1)
        ],
        "commitments": [
            {"field": field, "salt": b64(salt), "value": value, "commitment": encoding.commitment(field, salt, value)}
            for field, value in (("name", "Stadtwerke Musterstadt"), ("contact", "Jörg Müller, 0201 123456"))
        ],
        "fingerprints": [{"compared": b64(salt), "digits": encoding.fingerprint(salt)}],
        "labels": {use.value: b64(ds(use)) for use in Use},
    }


# -- statements ------------------------------------------------------------------------------------


def _lines(*envelopes: envelope.Envelope) -> list[envelope.Signature]:
    return sorted((line for one in envelopes for line in one.signatures), key=lambda line: line.keyid)


def statement_vectors(random: Json) -> Json:
    """Envelopes: one valid for each scheme, and one failure each."""
    ada, bob, eve = signer("ada"), signer("bob"), signer("eve")
    exchange = sign.StatementSigner(seed("exchange statement key"))
    body = encoding.encode({"at": AT, "exchange": seed("exchange").hex(), "nonce": encoding.b64u(seed("nonce", 16))})
    kind = "organisation.suspend"
    message = envelope.pae(envelope.payload_type(kind), body)
    if not random:
        random = {name: b64(one.sign_hybrid(message)[1]) for name, one in (("ada", ada), ("bob", bob), ("eve", eve))}

    def hybrid(name: str, one: sign.SoftwareSigner) -> envelope.Envelope:
        key = one.public.key_id
        lines = (
            envelope.Signature(f"{key}:ed25519", one.sign_ed25519(message)),
            envelope.Signature(f"{key}:mldsa65", base64.b64decode(random[name])),
        )
        return envelope.Envelope(kind, body, lines)

    by_ada, by_bob, by_eve = hybrid("ada", ada), hybrid("bob", bob), hybrid("eve", eve)
    lines = _lines(by_ada, by_bob)
    good = envelope.Envelope(kind, body, tuple(lines))
    single = sign.sign_statement(kind, body, ada, scheme="ed25519")
    server = sign.sign_statement("access.read", body, exchange, scheme="ed25519")
    ed, ml = by_ada.signatures

    def wire(lines: list[envelope.Signature], *, of: bytes = body, kind: str = kind) -> bytes:
        # Past `Envelope`, so that unsorted and repeated lines can be written.
        return encoding.encode(
            {
                "payload": b64(of),
                "payloadType": envelope.payload_type(kind),
                "signatures": [line.to_json() for line in lines],
            }
        )

    flipped = envelope.Signature(ed.keyid, bytes([ed.sig[0] ^ 1]) + ed.sig[1:])
    flipped_ml = envelope.Signature(ml.keyid, bytes([ml.sig[0] ^ 1]) + ml.sig[1:])
    bob_ed, bob_ml = by_bob.signatures
    swapped = sorted(
        [
            envelope.Signature(ed.keyid, bob_ed.sig),
            envelope.Signature(bob_ed.keyid, ed.sig),
            envelope.Signature(ml.keyid, bob_ml.sig),
            envelope.Signature(bob_ml.keyid, ml.sig),
        ],
        key=lambda line: line.keyid,
    )
    one = wire([ed, ml])
    value = json.loads(one)
    cases: dict[str, tuple[bytes, str, list[str], str]] = {
        # name: (wire bytes, scheme, required signers, code or "")
        "two-signers": (good.encode(), "hybrid", ["ada", "bob"], ""),
        "one-signer": (by_ada.encode(), "hybrid", ["ada"], ""),
        "ed25519-only": (single.encode(), "ed25519", ["ada"], ""),
        "server": (server.encode(), "ed25519", ["exchange"], ""),
        "unsigned": (wire([]), "hybrid", ["ada"], "signature-missing"),
        "missing-mldsa65": (wire([ed]), "hybrid", ["ada"], "signature-missing"),
        "missing-ed25519": (wire([ml]), "hybrid", ["ada"], "signature-missing"),
        "missing-second-signer": (by_ada.encode(), "hybrid", ["ada", "bob"], "signature-missing"),
        "extra-signer": (wire(_lines(good, by_eve)), "hybrid", ["ada", "bob"], "signature-extra"),
        "other-signer": (by_eve.encode(), "hybrid", ["ada"], "signature-extra"),
        "hybrid-where-ed25519-is-due": (by_ada.encode(), "ed25519", ["ada"], "signature-wrong-kind"),
        "altered-ed25519": (wire([flipped, ml]), "hybrid", ["ada"], "signature-invalid"),
        "altered-mldsa65": (wire([ed, flipped_ml]), "hybrid", ["ada"], "signature-invalid"),
        "altered-body": (
            wire(lines, of=body.replace(b'"at":1', b'"at":2')),
            "hybrid",
            ["ada", "bob"],
            "signature-invalid",
        ),
        "other-kind": (wire([ed, ml], kind="organisation.remove"), "hybrid", ["ada"], "signature-invalid"),
        "swapped-signers": (wire(swapped), "hybrid", ["ada", "bob"], "signature-invalid"),
        "unsorted-lines": (wire([ml, ed]), "hybrid", ["ada"], "signature-order"),
        "repeated-line": (wire([ed, ed, ml]), "hybrid", ["ada"], "signature-order"),
        "key-id-in-upper-case": (
            one.replace(ed.keyid.encode(), ed.keyid.upper().encode()),
            "hybrid",
            ["ada"],
            "bad-keyid",
        ),
        "algorithm-unknown": (one.replace(b":mldsa65", b":mldsa44"), "hybrid", ["ada"], "bad-keyid"),
        "short-signature": (
            encoding.encode({**value, "signatures": [{"keyid": ed.keyid, "sig": b64(ed.sig[:63])}]}),
            "hybrid",
            ["ada"],
            "bad-signature-length",
        ),
        "base64-not-canonical": (encoding.encode({**value, "payload": "QR=="}), "hybrid", ["ada"], "bad-envelope"),
        "base64-without-padding": (encoding.encode({**value, "payload": "QQ"}), "hybrid", ["ada"], "bad-envelope"),
        "member-unknown": (encoding.encode({**value, "extra": 1}), "hybrid", ["ada"], "bad-envelope"),
        "payload-type-foreign": (
            encoding.encode({**value, "payloadType": "application/vnd.in-toto+json"}),
            "hybrid",
            ["ada"],
            "bad-kind",
        ),
        "duplicate-member": (b'{"payload":"",' + one[1:], "hybrid", ["ada"], "duplicate-key"),
        "white-space": (one.replace(b",", b", ", 1), "hybrid", ["ada"], "not-strict"),
        "trailing-byte": (one + b"\n", "hybrid", ["ada"], "not-strict"),
    }
    keys: Json = {name: one.public.to_json() for name, one in (("ada", ada), ("bob", bob), ("eve", eve))}
    return {
        "random": random,
        "keys": {**keys, "exchange": exchange.public.to_json()},
        "seeds": {f"{name} {half}": b64(seed(f"{name} {half}")) for name in keys for half in ("ed25519", "mldsa65")}
        | {"exchange statement key": b64(exchange.seed)},
        "key_ids": {name: one.public.key_id for name, one in (("ada", ada), ("bob", bob), ("eve", eve))}
        | {"exchange": exchange.public.key_id},
        "body": b64(body),
        "pae": b64(message),
        "statement_id": good.statement_id,
        "signatures_hash": good.signatures_hash,
        "cases": [
            {"code": code, "envelope": b64(data), "name": name, "scheme": scheme, "signers": signers}
            for name, (data, scheme, signers, code) in cases.items()
        ],
    }


# -- checkpoints -----------------------------------------------------------------------------------


def checkpoint_vectors(random: Json) -> Json:
    """Signed checkpoints: one valid, and one failure each."""
    log = note.LogSigner(ORIGIN, seed("log ed25519"), seed("log mldsa44"))
    other = note.LogSigner(ORIGIN, seed("other log ed25519"), seed("other log mldsa44"))
    text = f"{ORIGIN}\n1234\n{b64(seed('root'))}\n"
    if not random:
        random = {"log": b64(log.cosign(text, AT).signature), "other": b64(other.cosign(text, AT).signature)}
    plain, other_plain = log.sign_note(text), other.sign_note(text)
    ids = [note.key_hash(ORIGIN, 6, one.public.mldsa44) for one in (log, other)]
    post = note.NoteLine(ORIGIN, ids[0], base64.b64decode(random["log"]))
    other_post = note.NoteLine(ORIGIN, ids[1], base64.b64decode(random["other"]))
    witness = note.cosign_ed25519("witness.example", seed("witness"), text, AT)
    late = note.NoteLine(ORIGIN, ids[0], (AT + 1).to_bytes(8, "big") + post.signature[8:])
    altered = note.NoteLine(ORIGIN, plain.key_id, bytes([plain.signature[0] ^ 1]) + plain.signature[1:])

    def signed(*lines: note.NoteLine, text: str = text) -> bytes:
        return note.Note(text, lines).encode()

    good = signed(plain, post)
    grown = text.replace("1234", "1235")
    extended = text + "extension\n"
    foreign = text.replace(ORIGIN, "elsewhere.example")
    cases = {
        "both-lines": (good, ""),
        "with-a-witness": (signed(plain, post, witness), ""),
        "lines-in-other-order": (signed(post, plain), ""),
        "missing-mldsa44": (signed(plain), "signature-missing"),
        "missing-ed25519": (signed(post), "signature-missing"),
        "signed-by-another-key": (signed(other_plain, other_post), "signature-missing"),
        "altered-ed25519": (signed(altered, post), "signature-invalid"),
        "altered-time": (signed(plain, late), "signature-invalid"),
        "good-line-and-bad-line-of-one-key": (signed(plain, altered, post), "signature-invalid"),
        "size-altered": (signed(plain, post, text=grown), "signature-invalid"),
        "extension-line": (signed(log.sign_note(extended), post, text=extended), "bad-checkpoint"),
        "other-origin": (signed(plain, post, text=foreign), "bad-checkpoint"),
        "size-with-leading-zero": (signed(plain, post, text=text.replace("1234", "01234")), "bad-checkpoint"),
        "root-not-canonical": (signed(plain, post, text=text.replace("=\n", "\n")), "bad-checkpoint"),
        "without-empty-line": (good.replace(b"\n\n", b"\n"), "bad-note"),
        "carriage-returns": (good.replace(b"\n", b"\r\n"), "bad-note"),
        "truncated": (good[:-1], "bad-note"),
        "hyphen-for-dash": (good.replace("— ".encode(), b"- "), "bad-note"),
        "trailing-text": (good + b"more\n", "bad-note"),
    }
    return {
        "random": random,
        "origin": ORIGIN,
        "key": log.public.to_json(),
        "seeds": {"ed25519": b64(log.ed25519_seed), "mldsa44": b64(log.mldsa44_seed)},
        "text": text,
        "time": AT,
        "vkeys": [note.vkey(ORIGIN, one.type, one.key) for one in note.log_verifiers(ORIGIN, log.public)],
        "witness": {
            "line": b64(witness.encode()),
            "seed": b64(seed("witness")),
            "vkey": note.vkey("witness.example", 4, bytes(SigningKey(seed("witness")).verify_key)),
        },
        "cases": [{"code": code, "name": name, "note": b64(data)} for name, (data, code) in cases.items()],
    }


# -- alerts ----------------------------------------------------------------------------------------


def alert_vectors(random: Json) -> Json:
    """One alert to three devices and one without a key: opening, paths, absence, and one failure each."""
    readers = [device(name) for name in ("reader-1", "reader-2", "reader-3")]
    keyless = device("reader-4", epoch=False)
    outsider = device("outsider")
    core = encoding.encode({"alert": encoding.b64u(seed("alert", 16)), "at": AT, "suite": "x1", "version": 1})
    core_hash = hashlib.sha256(core).digest()
    content_key = seed("content key")
    plaintexts = [b'{"texts":[]}', b"attachment " * 10]
    alert_id = seed("alert", 16)
    if not random:
        ciphertexts = [seal.encrypt_part(content_key, core_hash, i, text) for i, text in enumerate(plaintexts)]
        parts = stanza.parts_digest([stanza.PartDigest.of(one) for one in ciphertexts])
        targets = [
            seal.SealTarget(
                one.device,
                WEEK,
                one.scan,
                one.epoch_key(WEEK).raw if WEEK in one.epochs else None,
                stanza.NO_BUNDLE,
            )
            for one in (*readers, keyless)
        ]
        sealed = seal.seal_stanzas(
            content_key, core_hash, parts, targets, alert_id, 1, random=lambda size: seed("ephemeral", size)
        )
        random = {"ciphertexts": [b64(one) for one in ciphertexts], "pack": b64(sealed.pack)}
    ciphertexts = [base64.b64decode(one) for one in random["ciphertexts"]]
    pack = base64.b64decode(random["pack"])
    parts = stanza.parts_digest([stanza.PartDigest.of(one) for one in ciphertexts])
    leaves = stanza.parse_pack(pack)
    tree = stanza.AudienceTree([leaf.leaf_hash() for leaf in leaves])
    ephemeral = bindings.crypto_scalarmult_base(seed("ephemeral"))

    def opening(index: int) -> Json:
        one = readers[index]
        tag = one.tag(ephemeral, alert_id, 1)
        place = [leaf.tag for leaf in leaves].index(tag)
        return {
            "seed": b64(one.epoch_seed(WEEK)),
            "core": b64(core),
            "parts": [b64(data) for data in ciphertexts],
            "stanza_id": b64(leaves[place].stanza_id),
            "stanza": b64(leaves[place].stanza),
            "tag": b64(tag),
            "index": place,
            "path": [b64(one) for one in tree.path(place)],
        }

    openings = [opening(index) for index in range(len(readers))]
    first, second = openings[:2]
    empty = next(leaf for leaf in leaves if not leaf.stanza)
    cut = b64(ciphertexts[1][:-1])
    bent = b64(ciphertexts[0][:100] + bytes([ciphertexts[0][100] ^ 1]) + ciphertexts[0][101:])
    # name: (what is changed in the first opening, code)
    cases: dict[str, tuple[Json, str]] = {
        "unchanged": ({}, ""),
        "second-device": (second, ""),
        "third-device": (openings[2], ""),
        "seed-of-another-device": ({"seed": b64(outsider.epoch_seed(WEEK))}, "stanza-invalid"),
        "stanza-of-another-device": ({"stanza": second["stanza"]}, "stanza-invalid"),
        "stanza-id-of-another-device": ({"stanza_id": second["stanza_id"]}, "stanza-invalid"),
        "core-altered": ({"core": b64(core.replace(b'"version":1', b'"version":2'))}, "stanza-invalid"),
        "part-altered": ({"parts": [bent, first["parts"][1]]}, "stanza-invalid"),
        "parts-reordered": ({"parts": first["parts"][::-1]}, "stanza-invalid"),
        "part-left-out": ({"parts": first["parts"][:1]}, "stanza-invalid"),
        "part-truncated": ({"parts": [first["parts"][0], cut]}, "stanza-invalid"),
        "stanza-truncated": ({"stanza": b64(base64.b64decode(first["stanza"])[:-1])}, "stanza-invalid"),
        "stanza-empty": ({"stanza": "", "stanza_id": b64(empty.stanza_id)}, "stanza-empty"),
        "path-of-another-device": ({"path": second["path"]}, "path-invalid"),
        "path-too-long": ({"path": [*first["path"], first["path"][0]]}, "path-invalid"),
        "path-too-short": ({"path": first["path"][:-1]}, "path-invalid"),
        "index-of-another-device": ({"index": second["index"]}, "path-invalid"),
        "tag-of-another-device": ({"tag": second["tag"]}, "path-invalid"),
    }
    last = leaves[-1]
    pack_cases = {
        "pack": (pack, ""),
        "truncated": (pack[:-1], "bad-pack"),
        "trailing-byte": (pack + b"\x00", "bad-pack"),
        "unsorted": (stanza.build_pack(leaves[1:]) + stanza.build_pack(leaves[:1]), "pack-order"),
        "equal-tags": (pack + stanza.build_pack([last]), "pack-order"),
        "stanza-of-other-length": (stanza.build_pack(leaves[:1])[:40] + b"\x00\x01\x00", "bad-pack"),
        "empty": (b"", "empty-audience"),
    }
    return {
        "random": random,
        "alert": b64(alert_id),
        "version": 1,
        "week": WEEK,
        "content_key": b64(content_key),
        "core_hash": core_hash.hex(),
        "parts_digest": parts.hex(),
        "plaintexts": [b64(one) for one in plaintexts],
        "ephemeral": b64(ephemeral),
        "root": tree.root.hex(),
        "depth": tree.depth,
        "devices": [
            {
                "device": b64(one.device),
                "epoch_key": b64(one.epoch_key(WEEK).raw) if WEEK in one.epochs else "",
                "epoch_seed": b64(one.epochs.get(WEEK, b"")),
                "scan": b64(one.scan),
                "scan_secret": b64(one.scan_secret),
                "stanza_id": b64(_stanza_id(one)),
                "tag": b64(one.tag(ephemeral, alert_id, 1)),
            }
            for one in (*readers, keyless)
        ],
        "leaf_list": b64(stanza.encode_leaf_list(leaf.summary() for leaf in leaves)),
        "absent": {"device": b64(outsider.device), "tag": b64(outsider.tag(ephemeral, alert_id, 1))},
        "neighbours": [
            {
                "index": i,
                "inner": b64(leaf.summary().inner),
                "path": [b64(one) for one in tree.path(i)],
                "tag": b64(leaf.tag),
            }
            for i, leaf in enumerate(leaves)
        ],
        "opening": first,
        "cases": [{"change": change, "code": code, "name": name} for name, (change, code) in cases.items()],
        "packs": [{"code": code, "name": name, "pack": b64(data)} for name, (data, code) in pack_cases.items()],
        "padded_lengths": [
            {"length": length, "padded": seal.padded_length(length)}
            for length in (0, 1, 4088, 4089, 5000, 65_535, 1_000_000, 1_048_576, 2**32)
        ],
    }


def _stanza_id(one: DeviceIdentity) -> bytes:
    usable = EpochPublicKey(one.epoch_key(WEEK).raw).hash if WEEK in one.epochs else stanza.NO_BUNDLE
    return stanza.stanza_id(one.device, WEEK, usable)


# -- grants ----------------------------------------------------------------------------------------


def grant_vectors(random: Json) -> Json:
    """One grant of a content key to one device: stanza, ephemeral key and tag, and one failure each."""
    grantee, outsider = device("grantee"), device("outsider")
    content_key, ephemeral_secret = seed("content key"), seed("grant ephemeral")
    fields = {
        "core_hash": seed("core hash"),
        "parts_digest": seed("parts digest"),
        "alert": seed("alert statement"),
        "grant": seed("grant", 16),
        "device": grantee.device,
    }
    if not random:
        made = seal_grant(
            content_key,
            GrantBinding(**fields, week=WEEK),
            grantee.epoch_key(WEEK).raw,
            grantee.scan,
            lambda size: seed("grant ephemeral", size),
        )
        random = {"stanza": b64(made.stanza)}
    ephemeral = bindings.crypto_scalarmult_base(ephemeral_secret)
    binding: Json = {name: b64(value) for name, value in fields.items()}
    opening = {**binding, "seed": b64(grantee.epoch_seed(WEEK)), "stanza": random["stanza"], "week": WEEK}
    stanza_bytes = base64.b64decode(random["stanza"])
    bent = b64(stanza_bytes[:-1] + bytes([stanza_bytes[-1] ^ 1]))
    # name: (what is changed in the opening, code)
    cases: dict[str, tuple[Json, str]] = {
        "unchanged": ({}, ""),
        "other-core": ({"core_hash": b64(seed("other core"))}, "stanza-invalid"),
        "other-parts": ({"parts_digest": b64(seed("other parts"))}, "stanza-invalid"),
        "other-alert": ({"alert": b64(seed("other alert"))}, "stanza-invalid"),
        "other-grant": ({"grant": b64(seed("other grant", 16))}, "stanza-invalid"),
        "other-device": ({"device": b64(outsider.device)}, "stanza-invalid"),
        "other-week": ({"week": encoding.next_week(WEEK)}, "stanza-invalid"),
        "seed-of-another-device": ({"seed": b64(outsider.epoch_seed(WEEK))}, "stanza-invalid"),
        "stanza-altered": ({"stanza": bent}, "stanza-invalid"),
        "stanza-truncated": ({"stanza": b64(stanza_bytes[:-1])}, "stanza-invalid"),
        "stanza-empty": ({"stanza": ""}, "stanza-invalid"),
    }
    return {
        "random": random,
        "content_key": b64(content_key),
        "epoch_key": b64(grantee.epoch_key(WEEK).raw),
        "ephemeral": b64(ephemeral),
        "scan_secret": b64(grantee.scan_secret),
        "tag": b64(grantee.grant_tag(ephemeral)),
        "tag_of_another_device": b64(outsider.grant_tag(ephemeral)),
        "opening": opening,
        "cases": [{"change": change, "code": code, "name": name} for name, (change, code) in cases.items()],
    }


FILES = {
    "encoding.json": encoding_vectors,
    "statements.json": statement_vectors,
    "checkpoints.json": checkpoint_vectors,
    "alert.json": alert_vectors,
    "grant.json": grant_vectors,
}


def rendered(document: Json) -> str:
    """The text of a vector file."""
    return json.dumps(document, ensure_ascii=True, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write each file that does not exist; a file that exists is kept, because others may rely on it."""
    for name, build in FILES.items():
        path = HERE / name
        if path.exists():
            print(f"kept {name}", file=sys.stderr)
            continue
        path.write_text(rendered(build({})), encoding="ascii")
        print(f"wrote {name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
