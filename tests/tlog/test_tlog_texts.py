"""Entry bundles, checkpoint texts and proof files: what is written is read, and nothing else is."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.tlog.bundles import decode_bundle, encode_bundle
from exchange.tlog.checkpoint import Checkpoint, check_origin
from exchange.tlog.errors import BundleError, CheckpointError, ProofError
from exchange.tlog.merkle import EMPTY_ROOT, Frontier, leaf_hash
from exchange.tlog.proof import LogProof
from exchange.tlog.tiles import TileTree

ORIGIN = "exchange.example/journal"
ROOT = leaf_hash(b"root")
ROOT_TEXT = b64encode(ROOT).decode()


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_holds_its_entries(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries)) == tuple(entries)


def test_a_bundle_is_length_and_bytes() -> None:
    assert encode_bundle([b"", b"ab"]) == b"\x00\x00\x00\x02ab"


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.data())
def test_a_truncated_or_longer_bundle_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    good = encode_bundle(entries)
    cut = data.draw(st.integers(0, len(good) - 1))
    with pytest.raises(BundleError):
        decode_bundle(good[:cut], len(entries))
    with pytest.raises(BundleError) as caught:
        decode_bundle(good + b"\x00", len(entries))
    assert caught.value.code == "bundle-trailing"
    with pytest.raises(BundleError):
        decode_bundle(good, len(entries) + 1)
    with pytest.raises(BundleError):
        decode_bundle(good, len(entries) - 1)


def test_an_entry_too_long_for_its_length_field_is_refused() -> None:
    assert decode_bundle(encode_bundle([bytes(65_535)]), 1) == (bytes(65_535),)
    with pytest.raises(BundleError):
        encode_bundle([bytes(65_536)])


def test_a_checkpoint_text_is_three_lines() -> None:
    assert Checkpoint(ORIGIN, 17, ROOT).text() == f"{ORIGIN}\n17\n{ROOT_TEXT}\n"
    empty = "exchange.example/journal\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert Checkpoint(ORIGIN, 0, EMPTY_ROOT).text() == empty


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_written(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        f"{ORIGIN}\n17\n{ROOT_TEXT}",
        f"{ORIGIN}\n17\n{ROOT_TEXT}\n\n",
        f"{ORIGIN}\n17\n{ROOT_TEXT}\nextension\n",
        f"{ORIGIN}\r\n17\r\n{ROOT_TEXT}\r\n",
        f"{ORIGIN}\n017\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n+17\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n-1\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n1_7\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n 17\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n\u0661\u0667\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n9223372036854775808\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n17\n{ROOT_TEXT[:-1]}\n",
        f"{ORIGIN}\n17\n{ROOT_TEXT[:-2]}{chr(ord(ROOT_TEXT[-2]) + 1)}=\n",
        f"{ORIGIN}\n17\n{ROOT_TEXT} \n",
        f"{ORIGIN}\n17\n{b64encode(ROOT[:31]).decode()}\n",
        f"{ORIGIN}\n17\n{b64encode(ROOT + b'x').decode()}\n",
        f"{ORIGIN}\n0\n{ROOT_TEXT}\n",
        f"\n17\n{ROOT_TEXT}\n",
        f"https://{ORIGIN}\n17\n{ROOT_TEXT}\n",
        f"a b\n17\n{ROOT_TEXT}\n",
        f"a+b\n17\n{ROOT_TEXT}\n",
        f"a\u2003b\n17\n{ROOT_TEXT}\n",
    ],
)
def test_a_checkpoint_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint.parse(text)


def test_origins_are_host_names_with_port_and_path() -> None:
    for origin in ("a.example", "a.example:8443/x/registry", "[::1]:80/journal", "a" * 255):
        assert check_origin(origin) == origin
    for origin in ("", "a" * 256, "http://a", "a\n", "ä.example", "a\x7f"):
        with pytest.raises(CheckpointError):
            check_origin(origin)


ENTRIES = [b"%d" % i for i in range(11)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
TREE = TileTree(lambda level, index: b"".join(LEAVES), 11)


def accepts(note: bytes) -> str:
    text, separator, line = note.partition(b"\n\n")
    assert separator and line == b"signed\n"
    return text.decode() + "\n"


def proof_of(index: int, *, origin: str = ORIGIN) -> LogProof:
    note = Checkpoint(origin, 11, TREE.root()).text().encode() + b"\nsigned\n"
    return LogProof(index, TREE.inclusion_proof(index), note)


def test_a_proof_file_is_the_published_format() -> None:
    proof = proof_of(10)
    lines = proof.encode().decode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 10"]
    assert lines[2:4] == [b64encode(h).decode() for h in TREE.inclusion_proof(10)]
    assert lines[4:6] == ["", ORIGIN]
    assert LogProof(0, (), b"note\n", b"\x01").encode() == b"c2sp.org/tlog-proof@v1\nextra AQ==\nindex 0\n\nnote\n"


@pytest.mark.parametrize("index", range(11))
def test_a_proof_file_is_read_as_written_and_verifies(index: int) -> None:
    proof = LogProof.parse(proof_of(index).encode())
    assert proof == proof_of(index)
    assert proof.verify(LEAVES[index], ORIGIN, accepts) == Checkpoint(ORIGIN, 11, Frontier().extend(LEAVES).root())
    with_extra = LogProof(proof.index, proof.hashes, proof.checkpoint, b"anything")
    assert LogProof.parse(with_extra.encode()) == with_extra


def test_a_proof_for_another_entry_or_another_log_is_refused() -> None:
    with pytest.raises(ProofError):
        proof_of(3).verify(LEAVES[4], ORIGIN, accepts)
    with pytest.raises(ProofError) as caught:
        proof_of(3, origin="exchange.example/registry").verify(LEAVES[3], ORIGIN, accepts)
    assert caught.value.code == "proof-origin"


def test_a_checkpoint_that_does_not_verify_stops_the_proof() -> None:
    def refuses(note: bytes) -> str:
        raise PermissionError

    with pytest.raises(PermissionError):
        proof_of(3).verify(LEAVES[3], ORIGIN, refuses)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"index 0\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 00\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\nextra AQ==\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nextra AR==\nindex 0\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nextra ?\nindex 0\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\nAQ==\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + (ROOT_TEXT.encode() + b"\n") * 64 + b"\nnote\n",
        b"c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex \xd9\xa0\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + b"x" * 1_048_576,
    ],
)
def test_a_proof_file_written_otherwise_is_refused(data: bytes) -> None:
    with pytest.raises(ProofError) as caught:
        LogProof.parse(data)
    assert caught.value.code == "proof-format"
