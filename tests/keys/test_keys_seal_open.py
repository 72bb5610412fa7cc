"""Sealing and opening: round trips, padding, pool, and attacks on ciphertexts, parts and stanzas."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor
from hypothesis import given
from hypothesis import strategies as st

from keys import seal, unseal
from keys.device import DeviceIdentity
from keys.errors import BadKey, EncodingError, KeysError, OpenError
from keys.stanza import NO_BUNDLE, PartDigest, content_context, parse_pack, parts_digest, stanza_id

KEY, CORE, ALERT, WEEK = b"k" * 32, b"c" * 32, b"a" * 16, 202648
PARTS = parts_digest([PartDigest.of(b"ciphertext")])


def fixed_random(name: str) -> Callable[[int], bytes]:
    """A repeatable source: each call gives fresh bytes of one stream."""
    count = 0

    def random(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{name} {count}".encode()).digest(size)

    return random


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(KeysError) as refusal:
        action()
    return refusal.value.code


@pytest.fixture(scope="module")
def readers() -> list[DeviceIdentity]:
    made = [DeviceIdentity.create(fixed_random(f"reader {number}")) for number in range(5)]
    return [one.new_epochs([WEEK], fixed_random(f"epoch {number}"))[2] for number, one in enumerate(made)]


def target(one: DeviceIdentity) -> seal.SealTarget:
    return seal.SealTarget(one.device, WEEK, one.scan, one.epoch_key(WEEK).raw, NO_BUNDLE)


def open_own(one: DeviceIdentity, sealed: seal.Sealed, **changes: Any) -> bytes:
    """Find the device's leaf by its tag and open the stanza, with one input changed."""
    tag = one.tag(sealed.ephemeral, ALERT, 1)
    (leaf,) = [leaf for leaf in parse_pack(sealed.pack) if leaf.tag == tag]
    given = {"core_hash": CORE, "parts_digest": PARTS, "stanza_id": leaf.stanza_id, "stanza": leaf.stanza, **changes}
    return unseal.open_stanza(one.epoch_seed(WEEK), given.pop("stanza"), **given)


# -- stanzas ---------------------------------------------------------------------------------------


def test_every_target_opens_its_own_stanza(readers: list[DeviceIdentity]) -> None:
    sealed = seal.seal_stanzas(KEY, CORE, PARTS, [target(one) for one in readers], ALERT, 1)
    assert (sealed.stanzas, sealed.keyless, sealed.depth) == (5, 0, 3)
    for one in readers:
        assert open_own(one, sealed) == KEY
        leaf = next(leaf for leaf in sealed.leaves if leaf.tag == one.tag(sealed.ephemeral, ALERT, 1))
        assert leaf.stanza_id == stanza_id(one.device, WEEK, one.epoch_key(WEEK).hash)


def test_device_without_a_usable_key_gets_an_empty_stanza(readers: list[DeviceIdentity]) -> None:
    first, second = readers[:2]
    keyless = replace(target(second), epoch_key=None, last_bundle=b"b" * 32)
    sealed = seal.seal_stanzas(KEY, CORE, PARTS, [target(first), keyless], ALERT, 1)
    assert (sealed.stanzas, sealed.keyless) == (1, 1)
    (leaf,) = [leaf for leaf in sealed.leaves if leaf.keyless]
    assert leaf.stanza_id == stanza_id(second.device, WEEK, b"b" * 32)
    assert code_of(lambda: open_own(second, sealed)) == "stanza-empty"


def test_attack_stanza_moved_to_another_alert_or_device(readers: list[DeviceIdentity]) -> None:
    first, second = readers[:2]
    sealed = seal.seal_stanzas(KEY, CORE, PARTS, [target(first), target(second)], ALERT, 1)
    theirs = next(leaf for leaf in parse_pack(sealed.pack) if leaf.tag == second.tag(sealed.ephemeral, ALERT, 1))
    for change in (
        {"core_hash": b"x" * 32},
        {"parts_digest": b"x" * 32},
        {"stanza_id": theirs.stanza_id},
        {"stanza": theirs.stanza},
        {"stanza": bytes(1168)},
        {"stanza": theirs.stanza[:-1]},
        {"stanza": theirs.stanza + b"\x00"},
    ):
        assert code_of(lambda change=change: open_own(first, sealed, **change)) == "stanza-invalid"


def test_attack_body_of_one_alert_with_the_stanza_of_another(readers: list[DeviceIdentity]) -> None:
    one = readers[0]
    core_x, core_y = hashlib.sha256(b"x").digest(), hashlib.sha256(b"y").digest()
    part_y = seal.encrypt_part(b"y" * 32, core_y, 0, b"body of y")
    parts_x = parts_digest([PartDigest.of(seal.encrypt_part(KEY, core_x, 0, b"body of x"))])
    sealed = seal.seal_stanzas(KEY, core_x, parts_x, [target(one)], ALERT, 1)
    mixed = {"core_hash": core_y, "parts_digest": parts_digest([PartDigest.of(part_y)])}
    assert code_of(lambda: open_own(one, sealed, **mixed)) == "stanza-invalid"
    key = open_own(one, sealed, core_hash=core_x, parts_digest=parts_x)
    assert code_of(lambda: unseal.decrypt_part(key, core_y, 0, part_y)) == "part-invalid"


def test_attack_unusable_epoch_key_names_the_device(readers: list[DeviceIdentity]) -> None:
    bad = replace(target(readers[1]), epoch_key=target(readers[1]).epoch_key[:1184] + bytes(32))  # type: ignore[index]
    with pytest.raises(BadKey) as refusal:
        seal.seal_stanzas(KEY, CORE, PARTS, [target(readers[0]), bad], ALERT, 1)
    assert "device" in refusal.value.message


def test_attack_low_order_scan_key_names_the_device(readers: list[DeviceIdentity]) -> None:
    for scan in (bytes(32), b"\x01" + bytes(31)):
        bad = replace(target(readers[1]), scan_key=scan)
        with pytest.raises(BadKey) as refusal:
            seal.seal_stanzas(KEY, CORE, PARTS, [bad], ALERT, 1)
        assert refusal.value.code == "bad-scan-key"
        assert "device" in refusal.value.message


def test_attack_short_key_reads_beyond_its_end(readers: list[DeviceIdentity]) -> None:
    for scan in (b"", readers[0].scan[:-1], readers[0].scan + b"x"):
        bad = replace(target(readers[1]), scan_key=scan)
        assert code_of(lambda bad=bad: seal.seal_stanzas(KEY, CORE, PARTS, [bad], ALERT, 1)) == "bad-scan-key"
        assert code_of(lambda scan=scan: readers[0].tag(scan, ALERT, 1)) == "bad-ephemeral"
    for change in ({"device_id": b"short"}, {"last_bundle": b"short"}):
        with pytest.raises(ValueError, match="bytes"):
            replace(target(readers[1]), **change)  # type: ignore[arg-type]


def test_two_targets_with_one_scan_key_are_refused(readers: list[DeviceIdentity]) -> None:
    twice = [target(readers[0]), replace(target(readers[1]), scan_key=readers[0].scan)]
    assert code_of(lambda: seal.seal_stanzas(KEY, CORE, PARTS, twice, ALERT, 1)) == "equal-tags"


def test_colliding_tags_take_a_new_ephemeral_key(
    readers: list[DeviceIdentity], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = seal.alert_tag, 0

    def colliding(shared: bytes, alert_id: bytes, version: int) -> bytes:
        nonlocal calls
        calls += 1
        return b"same tag" if calls <= 2 else real(shared, alert_id, version)

    monkeypatch.setattr(seal, "alert_tag", colliding)
    secrets: list[bytes] = []

    def random(size: int) -> bytes:
        secrets.append(os.urandom(size))
        return secrets[-1]

    sealed = seal.seal_stanzas(KEY, CORE, PARTS, [target(one) for one in readers[:2]], ALERT, 1, random=random)
    assert len(secrets) == 2
    assert all(open_own(one, sealed) == KEY for one in readers[:2])


def test_an_empty_audience_is_refused() -> None:
    with pytest.raises(EncodingError) as refusal:
        seal.seal_stanzas(KEY, CORE, PARTS, [], ALERT, 1)
    assert refusal.value.code == "empty-audience"


def test_a_key_of_another_length_is_refused(readers: list[DeviceIdentity]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal.seal_stanzas(b"short", CORE, PARTS, [target(readers[0])], ALERT, 1)
    with pytest.raises(ValueError, match="32 bytes"):
        seal.encrypt_part(b"short", CORE, 0, b"")
    assert code_of(lambda: unseal.decrypt_part(b"short", CORE, 0, b"")) == "part-invalid"
    assert len(seal.new_content_key()) == 32


def test_pool_seals_a_large_audience_as_one_process_does(readers: list[DeviceIdentity]) -> None:
    many = [
        replace(target(readers[number % 5]), device_id=number.to_bytes(16, "big"), scan_key=_scan(number))
        for number in range(seal.POOL_FROM)
    ]
    with seal.SealPool(2) as pool:
        pool.warm()
        pooled = seal.seal_stanzas(KEY, CORE, PARTS, many, ALERT, 1, pool=pool, random=fixed_random("pool"))
        low_order = [*many[:-1], replace(many[-1], scan_key=bytes(32))]
        assert code_of(lambda: seal.seal_stanzas(KEY, CORE, PARTS, low_order, ALERT, 1, pool=pool)) == "bad-scan-key"
    alone = seal.seal_stanzas(KEY, CORE, PARTS, many, ALERT, 1, random=fixed_random("pool"))
    assert pooled.ephemeral == alone.ephemeral
    assert [(leaf.stanza_id, leaf.tag) for leaf in pooled.leaves] == [
        (leaf.stanza_id, leaf.tag) for leaf in alone.leaves
    ]
    assert pooled.root != alone.root  # encapsulation is random
    last = next(leaf for leaf in parse_pack(pooled.pack) if leaf.stanza_id == pooled.leaves[0].stanza_id)
    owner = readers[[one.device_id for one in many].index(_owner(many, last.stanza_id, readers)) % 5]
    assert (
        unseal.open_stanza(
            owner.epoch_seed(WEEK), last.stanza, core_hash=CORE, parts_digest=PARTS, stanza_id=last.stanza_id
        )
        == KEY
    )


def _scan(number: int) -> bytes:
    return DeviceIdentity.create(fixed_random(f"scan {number}")).scan


def _owner(many: list[seal.SealTarget], identifier: bytes, readers: list[DeviceIdentity]) -> bytes:
    for number, one in enumerate(many):
        if stanza_id(one.device_id, WEEK, readers[number % 5].epoch_key(WEEK).hash) == identifier:
            return one.device_id
    raise AssertionError("the pack holds a stanza of nobody")


def test_secrets_are_not_shown(readers: list[DeviceIdentity]) -> None:
    work = seal._Work(KEY, CORE, PARTS, b"e" * 32, ALERT, 1)
    assert repr(KEY)[2:-1] not in repr(work)
    assert "e" * 32 not in repr(work)


# -- parts -----------------------------------------------------------------------------------------


@given(st.integers(0, 2**40))
def test_padding_costs_at_most_twelve_per_cent_and_hides_the_low_bits(length: int) -> None:
    size = seal.padded_length(length)
    assert size >= length + 8
    if size > seal.MIN_PADDED:
        assert size <= (length + 8) * 1.12
        exponent = (length + 8).bit_length() - 1
        assert size % (1 << (exponent - exponent.bit_length())) == 0
    assert seal.padded_length(size - 8) == size  # what is padded already stays


@given(st.integers(2, 2**20))
def test_padme_is_the_formula_of_the_specification(length: int) -> None:
    e = length.bit_length() - 1
    s = e.bit_length()
    unit = 2 ** (e - s) if e > s else 1
    assert seal.padme(length) == -(-length // unit) * unit


@given(st.binary(max_size=9000), st.integers(0, 20))
def test_parts_round_trip(plaintext: bytes, index: int) -> None:
    ciphertext = seal.encrypt_part(KEY, CORE, index, plaintext)
    assert unseal.decrypt_part(KEY, CORE, index, ciphertext) == plaintext
    assert unseal.unpad(seal.padded(plaintext)) == plaintext


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("length", [0, 1, 7, 4088, 4089, 16_384, 100_000])
@pytest.mark.parametrize("size", [1, 7, 16_400, 1_000_000])
def test_streams_and_whole_parts_are_the_same(length: int, size: int) -> None:
    if size == 1 and length > 5000:
        size = 3
    plaintext = bytes(number % 251 for number in range(length))
    ciphertext = b"".join(seal.encrypt_part_stream(KEY, CORE, 2, length, pieces(plaintext, size)))
    assert unseal.decrypt_part(KEY, CORE, 2, ciphertext) == plaintext
    whole = seal.encrypt_part(KEY, CORE, 2, plaintext)
    assert len(whole) == len(ciphertext)
    assert b"".join(unseal.decrypt_part_stream(KEY, CORE, 2, pieces(whole, size))) == plaintext


def test_a_stream_of_another_length_than_announced_is_an_error() -> None:
    for data in (b"four", b"sixsix"):
        with pytest.raises(ValueError, match="length"):
            list(seal.encrypt_part_stream(KEY, CORE, 0, 5, [data]))


PART = seal.encrypt_part(KEY, CORE, 1, b"p" * 40_000)
CHUNK = 16_384 + 16

ALTERED = {
    "empty": b"",
    "header-only": PART[:56],
    "cut-by-one": PART[:-1],
    "cut-at-a-chunk": PART[: 56 + CHUNK],
    "last-chunk-left-out": PART[: 56 + 2 * CHUNK],
    "one-more-byte": PART + b"\x00",
    "chunks-exchanged": PART[:56] + PART[56 + CHUNK : 56 + 2 * CHUNK] + PART[56 : 56 + CHUNK] + PART[56 + 2 * CHUNK :],
    "first-chunk-twice": PART[: 56 + CHUNK] + PART[56 : 56 + CHUNK] + PART[56 + 2 * CHUNK :],
    "salt-bent": bytes([PART[0] ^ 1]) + PART[1:],
    "commitment-bent": PART[:30] + bytes([PART[30] ^ 1]) + PART[31:],
    "ciphertext-bent": PART[:60] + bytes([PART[60] ^ 1]) + PART[61:],
    "tag-bent": PART[:-1] + bytes([PART[-1] ^ 1]),
}


@pytest.mark.parametrize("name", ALTERED)
def test_attack_altered_ciphertext(name: str) -> None:
    data = ALTERED[name]
    assert code_of(lambda: unseal.decrypt_part(KEY, CORE, 1, data)) == "part-invalid"
    assert code_of(lambda: list(unseal.decrypt_part_stream(KEY, CORE, 1, pieces(data, 1000)))) == "part-invalid"


def test_attack_part_in_another_place_or_alert() -> None:
    for key, core, index in ((KEY, CORE, 0), (KEY, b"x" * 32, 1), (b"x" * 32, CORE, 1)):
        assert code_of(lambda key=key, core=core, index=index: unseal.decrypt_part(key, core, index, PART)) == (
            "part-invalid"
        )


def encrypted(plain: bytes) -> bytes:
    """A ciphertext over padding that `padded` would never make."""
    encryptor = Cobblestone256Encryptor(KEY, content_context(CORE, 0))
    return encryptor.update(plain) + encryptor.finalize()


BAD_PADDING = {
    "hidden-byte-at-the-end": seal.padded(b"text")[:-1] + b"\x01",
    "hidden-byte-after-the-text": seal.padded(b"text")[:12] + b"\x01" + seal.padded(b"text")[13:],
    "too-short": seal.padded(b"text")[:-1],
    "too-long": seal.padded(b"text") + b"\x00",
    "unpadded": (4).to_bytes(8, "big") + b"text",
    "length-beyond-the-end": (5000).to_bytes(8, "big") + bytes(4088),
    "length-of-2^63": (2**63).to_bytes(8, "big") + bytes(4088),
    "padded-to-a-larger-step": (4).to_bytes(8, "big") + b"text" + bytes(8192 - 12),
    "no-length": b"\x00\x00\x00",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BAD_PADDING)
def test_attack_padding_that_hides_or_varies(name: str) -> None:
    plain = BAD_PADDING[name]
    with pytest.raises(OpenError):
        unseal.unpad(plain)
    assert code_of(lambda: unseal.decrypt_part(KEY, CORE, 0, encrypted(plain))) == "padding-invalid"
    stream = pieces(encrypted(plain), 100)
    assert code_of(lambda: list(unseal.decrypt_part_stream(KEY, CORE, 0, stream))) == "padding-invalid"


def test_alike_lengths_give_one_ciphertext_length() -> None:
    assert len({len(seal.encrypt_part(KEY, CORE, 0, bytes(length))) for length in (0, 1, 500, 4088)}) == 1
