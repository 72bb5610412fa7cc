"""Signed notes: strict reading, unknown and known keys, caps; attacks on lines and names."""

import pytest

from keys import note
from keys.encoding import b64
from keys.errors import NoteError
from keys.note import LogSigner, Note, NoteLine, Verifier

ORIGIN = "exchange.example/journal"
TEXT = f"{ORIGIN}\n5\n{b64(b'r' * 32)}\n"
TIME = 1_796_000_000


@pytest.fixture(scope="module")
def log() -> LogSigner:
    return LogSigner(ORIGIN, b"1" * 32, b"2" * 32)


def refused(data: bytes) -> str:
    with pytest.raises(NoteError) as refusal:
        Note.parse(data)
    return refusal.value.code


def test_checkpoint_carries_both_lines_in_order(log: LogSigner) -> None:
    data = note.sign_checkpoint(TEXT, log, TIME)
    read = note.verify_checkpoint(data, ORIGIN, log.public)
    assert read.text == TEXT
    assert [len(line.signature) for line in read.lines] == [64, 8 + 2420]
    assert read.encode() == data
    assert note.sign_checkpoint(TEXT.encode(), log, TIME).startswith(TEXT.encode() + b"\n\xe2\x80\x94 ")


def test_log_does_not_sign_what_is_not_its_checkpoint(log: LogSigner) -> None:
    for text in (
        TEXT.replace(ORIGIN, "elsewhere.example"),
        TEXT + "extension\n",
        TEXT[:-1],
        TEXT.replace("\n5\n", "\n-5\n"),
        TEXT.replace("\n5\n", "\n05\n"),
        TEXT.replace("\n5\n", "\n5 \n"),
        TEXT.replace("\n5\n", f"\n{2**63}\n"),
        TEXT.replace("\n5\n", "\n٥\n"),
        f"{ORIGIN}\n5\n{b64(b'r' * 31)}\n",
        "",
    ):
        with pytest.raises(NoteError) as refusal:
            note.sign_checkpoint(text, log, TIME)
        assert refusal.value.code == "bad-checkpoint"


def test_witness_cosigns_and_the_log_lines_still_count(log: LogSigner) -> None:
    read = Note.parse(note.sign_checkpoint(TEXT, log, TIME))
    witness = note.cosign_ed25519("witness.example", b"w" * 32, TEXT, TIME + 5)
    both = Note(read.text, (witness, *read.lines))
    note.verify_checkpoint(both.encode(), ORIGIN, log.public)
    key = bytes(note.SigningKey(b"w" * 32).verify_key)
    verifier = Verifier("witness.example", note.ED25519_COSIGNATURE, key)
    (line,) = note.verify_note(both, [verifier])
    assert line.timestamp == TIME + 5


def test_unknown_lines_are_ignored_and_never_suffice(log: LogSigner) -> None:
    data = note.sign_checkpoint(TEXT, log, TIME)
    stranger = LogSigner(ORIGIN, b"3" * 32, b"4" * 32)
    with pytest.raises(NoteError) as refusal:
        note.verify_checkpoint(data, ORIGIN, stranger.public)
    assert refusal.value.code == "signature-missing"
    with pytest.raises(NoteError):
        note.verify_note(Note.parse(data), [])


def test_attack_line_of_another_name_with_the_same_key(log: LogSigner) -> None:
    read = Note.parse(note.sign_checkpoint(TEXT, log, TIME))
    renamed = Note(read.text, tuple(NoteLine("elsewhere.example", line.key_id, line.signature) for line in read.lines))
    with pytest.raises(NoteError) as refusal:
        note.verify_checkpoint(renamed.encode(), ORIGIN, log.public)
    assert refusal.value.code == "signature-missing"


def test_attack_ed25519_line_passed_off_as_a_cosignature(log: LogSigner) -> None:
    plain = log.sign_note(TEXT)
    verifier = Verifier(ORIGIN, note.ED25519_COSIGNATURE, log.public.ed25519)
    forged = Note(TEXT, (NoteLine(ORIGIN, verifier.key_id, TIME.to_bytes(8, "big") + plain.signature),))
    with pytest.raises(NoteError) as refusal:
        note.verify_note(forged, [verifier])
    assert refusal.value.code == "signature-invalid"


def test_attack_mldsa44_cosignature_of_another_cosigner(log: LogSigner) -> None:
    # The name stands in the signed bytes, so one key under two names gives two different cosignatures.
    line = log.cosign(TEXT, TIME)
    verifier = Verifier("other.example", note.MLDSA44_COSIGNATURE, log.public.mldsa44)
    forged = Note(TEXT, (NoteLine("other.example", verifier.key_id, line.signature),))
    with pytest.raises(NoteError) as refusal:
        note.verify_note(forged, [verifier])
    assert refusal.value.code == "signature-invalid"


def test_attack_time_beyond_the_range(log: LogSigner) -> None:
    line = log.cosign(TEXT, TIME)
    late = NoteLine(line.name, line.key_id, b"\xff" * 8 + line.signature[8:])
    with pytest.raises(NoteError):
        note.verify_checkpoint(Note(TEXT, (log.sign_note(TEXT), late)).encode(), ORIGIN, log.public)


def test_sixteen_unknown_lines_are_accepted_and_101_are_not(log: LogSigner) -> None:
    read = Note.parse(note.sign_checkpoint(TEXT, log, TIME))
    stranger = NoteLine("stranger.example", b"abcd", b"x" * 64)
    note.verify_checkpoint(Note(TEXT, (stranger,) * 98 + read.lines).encode(), ORIGIN, log.public)
    assert refused(Note(TEXT, (stranger,) * 99 + read.lines).encode()) == "too-large"
    assert refused(b"x" * (note.MAX_NOTE + 1)) == "too-large"


def test_the_last_empty_line_separates() -> None:
    read = Note.parse("a\n\nb\n\n— name QUJDREU=\n".encode())
    assert read.text == "a\n\nb\n"
    assert read.lines == (NoteLine("name", b"ABCD", b"E"),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        "\n\n— name QUJDREU=\n".encode(),
        "text\n— name QUJDREU=\n".encode(),
        "text\n\n— name QUJDREU=".encode(),
        "text\n\n— name\n".encode(),
        "text\n\n—  QUJDREU=\n".encode(),
        "text\n\n— name QUJDREU\n".encode(),
        "text\n\n— name QUJDREV=\n".encode(),
        "text\n\n— name QUJDRA==\n".encode(),
        "text\n\n— na+me QUJDREU=\n".encode(),
        "text\n\n— na\u00a0me QUJDREU=\n".encode(),
        "text\n\n— name QUJDREU= \n".encode(),
        "text\n\n— name QUJDREU=\nmore\n".encode(),
        "te\x00xt\n\n— name QUJDREU=\n".encode(),
        "te\txt\n\n— name QUJDREU=\n".encode(),
        "text\r\n\n— name QUJDREU=\n".encode(),
        b"te\xffxt\n\n\xe2\x80\x94 name QUJDREU=\n",
    ],
)
def test_a_malformed_note_is_refused(data: bytes) -> None:
    assert refused(data) in {"bad-note", "bad-name"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        "name+00000000+",
        "name+00000000+AQ==",
        "name+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k=",
        "exa mple+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        note.parse_vkey(text)


def test_vkeys_of_a_log_are_read_back(log: LogSigner) -> None:
    for verifier in note.log_verifiers(ORIGIN, log.public):
        assert note.parse_vkey(note.vkey(verifier.name, verifier.type, verifier.key)) == verifier


def test_a_log_signer_shows_no_secret(log: LogSigner) -> None:
    assert "seed" not in repr(log)
    assert repr(b"1" * 32)[2:-1] not in repr(log)
