"""A witness's keys: both lines verify, the file is private and is made once."""

import pickle
from pathlib import Path

import pytest

from keys import note
from keys.encoding import b64
from keys.errors import KeyFileError, NoteError
from keys.note import LogSigner, Note, parse_vkey, verify_note
from keys.witness import WitnessSigner, create_witness, read_witness

ORIGIN = "exchange.example/journal"
TEXT = f"{ORIGIN}\n5\n{b64(b'r' * 32)}\n"
TIME = 1_796_000_000


@pytest.fixture(scope="module")
def witness() -> WitnessSigner:
    return WitnessSigner("witness.example", b"1" * 32, b"2" * 32)


def test_both_lines_verify_with_the_published_keys(witness: WitnessSigner) -> None:
    verifiers = [parse_vkey(line) for line in witness.vkeys]
    assert [verifier.type for verifier in verifiers] == [0x04, 0x06]
    found = verify_note(Note(TEXT, witness.cosign(TEXT, TIME)), verifiers)
    assert [line.timestamp for line in found] == [TIME, TIME]


def test_the_ed25519_half_comes_from_its_seed_as_rfc_8032_has_it() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert WitnessSigner("witness.example/w1", seed, b"2" * 32).verifiers[0].key == public


def test_a_witness_does_not_count_as_the_log_and_the_log_not_as_a_witness(witness: WitnessSigner) -> None:
    log = LogSigner(ORIGIN, b"3" * 32, b"4" * 32)
    cosigned = Note(TEXT, witness.cosign(TEXT, TIME))
    with pytest.raises(NoteError) as refusal:
        note.verify_checkpoint(cosigned.encode(), ORIGIN, log.public)
    assert refusal.value.code == "signature-missing"
    with pytest.raises(NoteError):
        verify_note(Note.parse(note.sign_checkpoint(TEXT, log, TIME)), witness.verifiers)


def test_attack_an_old_cosignature_under_a_new_checkpoint(witness: WitnessSigner) -> None:
    later = TEXT.replace("\n5\n", "\n6\n")
    for line in witness.cosign(TEXT, TIME):
        with pytest.raises(NoteError) as refusal:
            verify_note(Note(later, (line,)), witness.verifiers)
        assert refusal.value.code == "signature-invalid"


def test_attack_a_cosignature_made_younger(witness: WitnessSigner) -> None:
    for line in witness.cosign(TEXT, TIME):
        younger = (TIME + 900).to_bytes(8, "big") + line.signature[8:]
        with pytest.raises(NoteError):
            verify_note(Note(TEXT, (note.NoteLine(line.name, line.key_id, younger),)), witness.verifiers)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "x" * 256, "line\nfeed"])
def test_a_name_that_cannot_stand_in_a_line_is_refused(name: str) -> None:
    with pytest.raises(NoteError):
        WitnessSigner.generate(name)


def test_the_key_file_is_private_read_back_and_never_overwritten(witness: WitnessSigner, tmp_path: Path) -> None:
    path = tmp_path / "witness.key"
    create_witness(path, witness)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_witness(path) == witness
    with pytest.raises(KeyFileError) as refusal:
        create_witness(path, WitnessSigner.generate("other.example"))
    assert refusal.value.code == "exists" and read_witness(path) == witness


def test_a_key_file_that_others_may_read_is_refused(witness: WitnessSigner, tmp_path: Path) -> None:
    path = tmp_path / "witness.key"
    create_witness(path, witness)
    path.chmod(0o640)
    with pytest.raises(KeyFileError) as refusal:
        read_witness(path)
    assert refusal.value.code == "permissions-loose"
    assert read_witness(path, private=False) == witness


@pytest.mark.parametrize("data", [b"", b"{}", b'{"ed25519":"AA","format":"tlp-exchange-witness-key/v1"}', b"x" * 5000])
def test_another_file_is_not_a_key_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "witness.key"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(KeyFileError) as refusal:
        read_witness(path)
    assert refusal.value.code == "bad-file"
    with pytest.raises(KeyFileError) as refusal:
        read_witness(tmp_path / "missing")
    assert refusal.value.code == "not-readable"


def test_a_witness_is_not_pickled_and_shows_no_secret(witness: WitnessSigner) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(witness)
    assert "1111" not in repr(witness) and witness.encode() not in repr(witness).encode()
