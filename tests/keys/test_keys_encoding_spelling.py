"""One spelling of every text: the fast way to write a value and the plain one give the same bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import encoding
from keys.errors import EncodingError

# What the two modes of the encoder treat differently, or nearly so, far more often than chance would bring it.
TEXTS = st.text(
    st.one_of(
        st.sampled_from('\\u"/\x00\x1f\x20\x7e\x7f\x80\n\t\r\b\fäß\u2028\ufeff\uffff𝄞'),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_+-]{1,8}", fullmatch=True), st.one_of(TEXTS, st.lists(TEXTS), st.integers(-9, 9))
    )
)
def test_every_value_is_written_as_the_plain_encoder_writes_it(value: dict[str, object]) -> None:
    plain = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    assert encoding.encode(value) == plain.encode("utf-8")


@pytest.mark.parametrize("character", [chr(n) for n in (*range(0x100), 0x2028, 0xFEFF, 0x1D11E)])
def test_every_character_has_one_spelling(character: str) -> None:
    escapes = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    spelled = escapes.get(character, character if character >= " " else f"\\u{ord(character):04x}")
    assert encoding.encode([character]) == f'["{spelled}"]'.encode()


def test_a_backslash_before_a_u_is_no_escape() -> None:
    assert encoding.encode(["\\u00e4", "ä"]) == '["\\\\u00e4","ä"]'.encode()


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(EncodingError) as refused:
        encoding.encode(["a\ud800"])
    assert refused.value.code == "lone-surrogate"
