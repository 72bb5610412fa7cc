"""An envelope is read in one pass where it is written as it must be; whatever is not gives the answer of the strict reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import encoding
from keys.envelope import MAX_ENVELOPE, Envelope, Signature
from keys.errors import KeysError

HYBRID = [
    Signature(f"{'0a' * 32}:ed25519", bytes(range(64))),
    Signature(f"{'0a' * 32}:mldsa65", bytes(3309)),
    Signature(f"{'0b' * 32}:ed25519", bytes(64)),
]
BODIES = st.binary(max_size=60)


def strictly(data: bytes) -> Envelope:
    """The slow way: strict JSON first, then its fields."""
    return Envelope.from_json(encoding.decode(data, max_bytes=MAX_ENVELOPE))


def agree(data: bytes) -> None:
    try:
        expected = strictly(data)
    except KeysError as error:
        with pytest.raises(KeysError) as refusal:
            Envelope.decode(data)
        assert refusal.value.code == error.code
    else:
        found = Envelope.decode(data)
        assert found == expected
        assert found.encode() == data


@given(BODIES, st.integers(0, 3), st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_is_judged_as_the_strict_reader_judges_it(body: bytes, lines: int, at: int, byte: int) -> None:
    data = bytearray(Envelope("alert.receipt", body, tuple(HYBRID[:lines])).encode())
    agree(bytes(data))
    data[at % len(data)] = byte
    agree(bytes(data))


@pytest.mark.parametrize(
    "change",
    [
        (b'"}', b'"} '),
        (b'"payload":"', b'"payload":"A'),
        (b'=="', b'"'),
        (b"ed25519", b"mldsa65"),
        (b"ed25519", b"ed25518"),
        (b"0a0a", b"0A0a"),
        (b"vnd.", b"vndx"),
        (b"vnd.tlp-exchange.alert", b"vnd.tlp-exchange.alert.x.y"),
        (b"vnd.tlp-exchange.alert", b"vnd.tlp-exchange..alert"),
        (b'},{"keyid', b'}, {"keyid'),
        (b'"signatures":[', b'"signatures":[],"signatures":['),
        (b'"signatures":[', b'"signatures":[{},'),
        (b'"signatures":[{', b'"signatures":["x",{'),
        (b"]}", b"]}\n"),
        (b'{"payload"', b'\xef\xbb\xbf{"payload"'),
    ],
)
def test_another_spelling_is_refused_as_the_strict_reader_refuses_it(change: tuple[bytes, bytes]) -> None:
    data = Envelope("alert", b'{"a":1}x', tuple(HYBRID)).encode()
    assert change[0] in data
    agree(data.replace(*change, 1))


def test_lines_out_of_order_twice_or_too_many_are_refused() -> None:
    for lines in (HYBRID[::-1], [HYBRID[0], HYBRID[0]]):
        agree(Envelope("alert", b"{}", tuple(lines)).encode())
    many = [Signature(f"{number:064x}:ed25519", bytes(64)) for number in range(33)]
    text = b",".join(line.encode() for line in many)
    agree(Envelope("alert", b"{}", tuple(many[:32])).encode())
    agree(Envelope("alert", b"{}", ()).encode().replace(b"[]", b"[" + text + b"]"))
    with pytest.raises(KeysError):
        Envelope.decode(b" " * (MAX_ENVELOPE + 1))
