"""Strict JSON, scalars, commitments: round trips, bounds, and the spellings that other parsers accept."""

import json
import sys
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import encoding
from keys.errors import EncodingError, KeysError, SignatureError

KEYS = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789+-_", min_size=1, max_size=64)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = TEXTS | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)
LIMIT = 1_000_000


def refused(data: bytes, max_bytes: int = LIMIT) -> str:
    with pytest.raises(EncodingError) as refusal:
        encoding.decode(data, max_bytes=max_bytes)
    return refusal.value.code


@given(OBJECTS)
def test_what_is_encoded_is_decoded_to_the_same_value(value: dict[str, Any]) -> None:
    data = encoding.encode(value)
    assert encoding.decode(data, max_bytes=LIMIT) == value
    assert encoding.encode(encoding.decode(data, max_bytes=LIMIT)) == data


@given(st.lists(VALUES, max_size=4))
def test_arrays_are_decoded_to_the_same_value(value: list[Any]) -> None:
    assert encoding.decode_array(encoding.encode(value), max_bytes=LIMIT) == value


@given(OBJECTS, st.integers(0, 4000), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_gives_another_value(value: dict[str, Any], place: int, byte: int) -> None:
    data = encoding.encode(value)
    place %= len(data)
    changed = data[:place] + bytes([byte]) + data[place + 1 :]
    try:
        read = encoding.decode(changed, max_bytes=LIMIT)
    except EncodingError:
        return
    assert (read == value and _same_types(read, value)) == (changed == data)


def _same_types(one: Any, other: Any) -> bool:
    """Python holds True == 1; JSON does not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(OBJECTS)
def test_the_loose_spelling_of_a_value_is_refused_unless_it_is_the_strict_one(value: dict[str, Any]) -> None:
    for loose in (json.dumps(value), json.dumps(value, indent=1), json.dumps(value, separators=(",", ":"))):
        data = loose.encode()
        if data == encoding.encode(value):
            continue
        with pytest.raises(EncodingError):
            encoding.decode(data, max_bytes=LIMIT)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_strictly_or_refused_with_our_error(data: bytes) -> None:
    try:
        value = encoding.decode(data, max_bytes=LIMIT)
    except EncodingError:
        return
    assert encoding.encode(value) == data


@given(st.text('[]{}",:\\u0a1 ', max_size=60))
def test_any_json_like_text_is_read_strictly_or_refused_with_our_error(text: str) -> None:
    try:
        value = encoding.decode(text.encode(), max_bytes=LIMIT)
    except EncodingError:
        return
    assert encoding.encode(value) == text.encode()


def test_attack_duplicate_key_hides_a_label() -> None:
    data = b'{"label":"RED","label":"CLEAR"}'
    assert json.loads(data) == {"label": "CLEAR"}  # what the usual parsers read
    assert refused(data) == "duplicate-key"


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'["', b'{"a":[{"b":[', b'["\\"[",['])
def test_attack_depth_bomb_is_refused_without_recursion(opening: bytes) -> None:
    data = opening * (sys.getrecursionlimit() * 20)
    started = time.perf_counter()
    assert refused(data, len(data)) in {"too-deep", "not-json"}
    assert time.perf_counter() - started < 1


def test_brackets_in_texts_are_not_depth() -> None:
    value = {"a": "[" * 100, "b": '\\"[[[[[[[[[[[[[[[[[[[['}
    assert encoding.decode(encoding.encode(value), max_bytes=LIMIT) == value


def test_depth_16_is_read_and_17_is_not() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"

    encoding.decode(nested(16), max_bytes=LIMIT)
    assert refused(nested(17)) == "too-deep"
    with pytest.raises(EncodingError) as refusal:
        encoding.encode(json.loads(nested(17)))
    assert refusal.value.code == "too-deep"


def test_attack_integer_of_a_million_digits_costs_nothing() -> None:
    started = time.perf_counter()
    assert refused(b'{"a":' + b"9" * 1_000_000 + b"}", 2_000_000) == "integer-range"
    assert time.perf_counter() - started < 1


def test_size_is_checked_before_anything_is_parsed() -> None:
    assert refused(b"\xff" * 101, 100) == "too-large"
    assert encoding.decode(b"{}", max_bytes=2) == {}


def test_bytes_that_are_not_text_are_refused_as_utf8() -> None:
    assert refused(b'{"a":"\xff"}') == "not-utf8"
    assert refused('{"a":1}'.encode("utf-16")) == "not-utf8"
    assert refused(b'\xef\xbb\xbf{"a":1}') == "not-json"


def test_encode_refuses_what_has_no_place_in_strict_json() -> None:
    cases: list[tuple[Any, str]] = [
        (None, "bad-type"),
        (1.0, "bad-type"),
        (float("nan"), "bad-type"),
        (b"x", "bad-type"),
        ({1: 2}, "bad-key"),
        ({"": 1}, "bad-key"),
        ({"ä": 1}, "bad-key"),
        ({"a" * 65: 1}, "bad-key"),
        ({"a.b": 1}, "bad-key"),
        (2**53, "integer-range"),
        (-(2**53), "integer-range"),
        ("\ud800", "lone-surrogate"),
    ]
    for value, code in cases:
        with pytest.raises(EncodingError) as refusal:
            encoding.encode({"v": value} if not isinstance(value, dict) else value)
        assert refusal.value.code == code


def test_top_value_is_what_the_caller_asked_for() -> None:
    assert refused(b"[]") == "not-object"
    with pytest.raises(EncodingError) as refusal:
        encoding.decode_array(b"{}", max_bytes=LIMIT)
    assert refusal.value.code == "not-array"


@given(st.binary(max_size=100))
def test_base64_round_trip(data: bytes) -> None:
    assert encoding.unb64u(encoding.b64u(data), length=len(data)) == data
    assert encoding.unb64(encoding.b64(data), length=len(data)) == data


@given(st.text("ABQRgw-_+/= \n", max_size=8))
def test_one_byte_string_has_one_base64_text(text: str) -> None:
    for read, write in ((encoding.unb64u, encoding.b64u), (encoding.unb64, encoding.b64)):
        try:
            data = read(text)
        except EncodingError:
            continue
        assert write(data) == text


@pytest.mark.parametrize("value", [None, 1, b"QQ", ["QQ"]])
def test_base64_and_hashes_of_another_type_are_refused(value: Any) -> None:
    for read in (encoding.unb64u, encoding.unb64, encoding.unhex32):
        with pytest.raises(EncodingError):
            read(value)


def test_lengths_of_bytes_and_hashes_are_exact() -> None:
    with pytest.raises(EncodingError):
        encoding.unb64u("QQ", length=2)
    with pytest.raises(EncodingError):
        encoding.unb64("QQ==", length=0)
    for text in ("0" * 63, "0" * 65, "A" * 64, "0" * 63 + "\n", "٠" * 64):
        with pytest.raises(EncodingError):
            encoding.unhex32(text)
    assert encoding.unhex32("0f" * 32) == b"\x0f" * 32


def test_commitment_binds_field_salt_and_value() -> None:
    salt = bytes(32)
    values = {
        encoding.commitment("name", salt, "a"),
        encoding.commitment("name", salt, "b"),
        encoding.commitment("contact", salt, "a"),
        encoding.commitment("name", b"\x01" * 32, "a"),
    }
    assert len(values) == 4


@pytest.mark.parametrize(
    ("field", "salt", "value"),
    [
        ("name", bytes(31), "x"),
        ("name", bytes(32), ""),
        ("name", bytes(32), "x" * 513),
        ("name", bytes(32), "a\nb"),
        ("name", bytes(32), "a\x7fb"),
        ("name", bytes(32), "\ud800"),
        ("name", bytes(32), unicodedata.normalize("NFD", "Müller")),
        ("na\x00me", bytes(32), "x"),
    ],
)
def test_commitment_to_a_malformed_opening_is_refused(field: str, salt: bytes, value: str) -> None:
    with pytest.raises(EncodingError):
        encoding.commitment(field, salt, value)


@given(st.binary(max_size=64))
def test_fingerprint_is_twelve_groups_of_five_digits(data: bytes) -> None:
    groups = encoding.fingerprint(data).split(" ")
    assert len(groups) == 12
    assert all(len(group) == 5 and group.isdecimal() for group in groups)


@given(st.integers(0, 2**40 - 1))
def test_a_time_lies_in_its_week(at: int) -> None:
    week = encoding.week_of(at)
    start, end = encoding.week_range(week)
    assert start <= at < end
    assert end - start == 604_800
    if end < 2**40:
        assert encoding.week_of(end) == encoding.next_week(week)


def test_weeks_of_years_with_53() -> None:
    assert encoding.next_week(202053) == 202101
    assert encoding.next_week(202152) == 202201
    assert encoding.next_week(999952) == 1000001
    for week in (202153, 202100, 202154, 196952, -1, 10**9):
        with pytest.raises(EncodingError):
            encoding.week_range(week)
    for at in (-1, 2**40):
        with pytest.raises(EncodingError):
            encoding.week_of(at)


def test_an_error_keeps_code_and_sentence_through_pickle() -> None:
    import pickle

    plain: KeysError = pickle.loads(pickle.dumps(SignatureError("signature-missing")))
    assert plain.code == "signature-missing"
    assert str(plain) == "The signatures are not exactly those that are required, or one of them is wrong."
    assert str(EncodingError("x", "a sentence")) == "a sentence"
