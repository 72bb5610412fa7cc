"""Messages: they open for those they were sealed to, inside the statement they were sealed for, and nowhere else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.encoding import b64u
from keys.errors import BadKey, EncodingError, OpenError
from keys.kem import STANZA
from keys.message import MAX_MESSAGE, MAX_TARGETS, Binding, MessageTarget, SealedMessage, open_message, seal_message
from keys.unseal import epoch_public

WEEK = 202647
BINDING = Binding("ab" * 32, bytes(range(16)), bytes(range(16, 32)), "cd" * 32)
SEEDS = {bytes([number]) * 16: bytes([number]) * 32 for number in (7, 1, 200)}
TARGETS = [MessageTarget(device, WEEK, epoch_public(seed).raw) for device, seed in SEEDS.items()]
TEXT = b'{"level":"affected","text":"please call"}'


def stanza_of(sealed: SealedMessage, device: bytes) -> bytes:
    return dict(sealed.stanzas)[device]


@pytest.fixture(scope="module")
def sealed() -> SealedMessage:
    return seal_message(BINDING, TEXT, TARGETS)


@pytest.mark.parametrize("device", SEEDS)
def test_every_device_named_opens_the_message(sealed: SealedMessage, device: bytes) -> None:
    opened = open_message(
        BINDING, sealed.ciphertext, stanza_of(sealed, device), device=device, week=WEEK, seed=SEEDS[device]
    )
    assert opened == TEXT


def test_stanzas_stand_in_the_order_of_the_body(sealed: SealedMessage) -> None:
    names = [b64u(device) for device, _ in sealed.stanzas]
    assert names == sorted(names)
    assert all(len(stanza) == STANZA for _, stanza in sealed.stanzas)


@given(st.binary(max_size=MAX_MESSAGE), st.binary(max_size=MAX_MESSAGE))
def test_the_length_of_a_message_tells_nothing(one: bytes, other: bytes) -> None:
    lengths = {len(seal_message(BINDING, text, TARGETS[:1]).ciphertext) for text in (one, other)}
    assert len(lengths) == 1


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(BINDING, exchange="ac" * 32),
        replace(BINDING, device=bytes(16)),
        replace(BINDING, nonce=bytes(16)),
        replace(BINDING, subject="ce" * 32),
    ],
    ids=["exchange", "issuer", "nonce", "subject"],
)
def test_a_message_moved_to_another_statement_does_not_open(sealed: SealedMessage, elsewhere: Binding) -> None:
    device = TARGETS[0].device
    with pytest.raises(OpenError, match="does not open"):
        open_message(
            elsewhere, sealed.ciphertext, stanza_of(sealed, device), device=device, week=WEEK, seed=SEEDS[device]
        )


def test_a_stanza_of_another_device_does_not_open(sealed: SealedMessage) -> None:
    mine, other = TARGETS[0].device, TARGETS[1].device
    with pytest.raises(OpenError, match="does not open"):
        open_message(BINDING, sealed.ciphertext, stanza_of(sealed, other), device=mine, week=WEEK, seed=SEEDS[mine])


def test_a_stanza_of_another_week_does_not_open(sealed: SealedMessage) -> None:
    device = TARGETS[0].device
    with pytest.raises(OpenError, match="does not open"):
        open_message(
            BINDING, sealed.ciphertext, stanza_of(sealed, device), device=device, week=WEEK + 1, seed=SEEDS[device]
        )


@pytest.mark.parametrize("place", [0, 100, -1])
def test_an_altered_ciphertext_does_not_open(sealed: SealedMessage, place: int) -> None:
    device = TARGETS[0].device
    altered = bytearray(sealed.ciphertext)
    altered[place] ^= 1
    with pytest.raises(OpenError, match="does not open"):
        open_message(BINDING, bytes(altered), stanza_of(sealed, device), device=device, week=WEEK, seed=SEEDS[device])


def test_a_stanza_for_another_ciphertext_does_not_open(sealed: SealedMessage) -> None:
    device = TARGETS[0].device
    other = seal_message(BINDING, TEXT, TARGETS)
    with pytest.raises(OpenError, match="does not open"):
        open_message(BINDING, other.ciphertext, stanza_of(sealed, device), device=device, week=WEEK, seed=SEEDS[device])


@pytest.mark.parametrize("length", [0, STANZA - 1, STANZA + 1])
def test_a_stanza_of_a_wrong_length_is_refused(sealed: SealedMessage, length: int) -> None:
    device = TARGETS[0].device
    with pytest.raises(OpenError) as refused:
        open_message(BINDING, sealed.ciphertext, bytes(length), device=device, week=WEEK, seed=SEEDS[device])
    assert refused.value.code == "message-invalid"


def test_what_is_too_long_is_refused_before_anything_is_sealed() -> None:
    with pytest.raises(EncodingError) as refused:
        seal_message(BINDING, bytes(MAX_MESSAGE + 1), TARGETS)
    assert refused.value.code == "message-too-long"


@pytest.mark.parametrize(
    "targets",
    [
        [],
        [TARGETS[0], TARGETS[0]],
        [replace(TARGETS[0], device=bytes([n]) * 16) for n in range(MAX_TARGETS + 1)],
    ],
    ids=["nobody", "one-twice", "too-many"],
)
def test_a_message_is_for_a_few_distinct_devices(targets: list[MessageTarget]) -> None:
    with pytest.raises(EncodingError) as refused:
        seal_message(BINDING, TEXT, targets)
    assert refused.value.code == "message-targets"


def test_a_key_that_does_not_parse_is_named() -> None:
    with pytest.raises(BadKey):
        seal_message(BINDING, TEXT, [replace(TARGETS[0], epoch_key=bytes(10))])
