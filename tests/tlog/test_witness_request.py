"""The request to a witness: what is formatted is parsed, and nothing else is."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.tlog.errors import RequestError
from exchange.tlog.witness_request import (
    MAX_REQUEST_BYTES,
    WitnessRequest,
    format_request,
    format_size,
    parse_conflict,
)

HASH = b64encode(bytes(range(32)))
NOTE = b"exchange.example/journal\n8\n" + HASH + "\n\n— exchange.example/journal AAAAAAA=\n".encode()

PUBLISHED = (
    """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""
).encode()
"""The example of tlog-witness, with the log's own line."""


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(min_size=1, max_size=4000).map(lambda raw: raw + b"\n"),
)
def test_what_is_formatted_is_parsed(old: int, proof: list[bytes], note: bytes) -> None:
    assert WitnessRequest.parse(format_request(old, proof, note)) == WitnessRequest(old, tuple(proof), note)


def test_the_published_example_is_read_and_written_byte_for_byte() -> None:
    request = WitnessRequest.parse(PUBLISHED)
    assert (request.old, len(request.proof)) == (20852014, 4)
    assert request.note.startswith(b"example.com/behind-the-sofa\n20852163\n")
    assert format_request(request.old, request.proof, request.note) == PUBLISHED


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"old",
        b"old ",
        b"old  8",
        b"old 8 ",
        b"OLD 8",
        b"old 08",
        b"old -8",
        b"old +8",
        b"old 8_0",
        b"old 8\r",
        b"old 9223372036854775808",
        b" old 8",
        b"size 8",
        "old \u0668".encode(),
        b"old 8\n" + HASH + b"\r",
        b"old 8\n" + HASH + b" ",
        b"old 8\n" + HASH[:-1],
        b"old 8\n" + HASH[:-2] + bytes([HASH[-2] + 1]) + b"=",  # unused bits are set
        b"old 8\n" + b64encode(bytes(31)),
        b"old 8\n" + b64encode(bytes(33)),
        b"old 8\n" + b"\n".join([HASH] * 64),
    ],
)
def test_another_spelling_of_a_request_is_refused(head: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        WitnessRequest.parse(head + b"\n\n" + NOTE)
    assert caught.value.code == "request-format"


@pytest.mark.parametrize("body", [b"", b"\n", b"\n\n", b"old 8\n", b"old 8\n\n", NOTE, b"old 8\r\n\r\n" + NOTE])
def test_half_a_request_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        WitnessRequest.parse(body)


def test_a_request_is_bounded_when_read_and_when_written() -> None:
    with pytest.raises(RequestError) as caught:
        WitnessRequest.parse(b"old 0\n\n" + bytes(MAX_REQUEST_BYTES))
    assert caught.value.code == "request-size"
    with pytest.raises(RequestError) as caught:
        format_request(0, [], b"x" * 10_240 + b"\n")
    assert caught.value.code == "request-size"


@pytest.mark.parametrize(("old", "proof"), [(-1, []), (2**63, []), (1, [bytes(31)]), (1, [bytes(32)] * 64)])
def test_what_cannot_be_asked_is_not_written(old: int, proof: list[bytes]) -> None:
    with pytest.raises(RequestError):
        format_request(old, proof, NOTE)


def test_the_size_after_a_conflict_is_read_strictly() -> None:
    assert parse_conflict(format_size(20852014)) == 20852014
    for body in (b"", b"8", b"08\n", b"8\n\n", b"8\r\n", b" 8\n", b"\xff\n"):
        with pytest.raises(RequestError):
            parse_conflict(body)
