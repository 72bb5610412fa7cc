"""The protocol answer by answer (C2SP tlog-witness, head of July 2026; docs/spec/witness.md 2), over real HTTP."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.tlog.checkpoint import Checkpoint
from exchange.tlog.merkle import EMPTY_ROOT
from exchange.tlog.witness_request import MAX_REQUEST_BYTES, SIZE_TYPE, parse_conflict
from keys.note import Note, NoteLine, cosign_ed25519, sign_checkpoint, verify_checkpoint, verify_note
from keys.witness import WitnessSigner
from tests.support.witnessing import NOW, ORIGIN, Log, Place, listening, spoiled

HASH = b64encode(bytes(32))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with listening(tmp_path / "w", Log()) as found:
        yield found


@pytest.fixture
def log() -> Log:
    return Log()


# -- 200 -------------------------------------------------------------------------------------------------------------------


async def test_200_the_first_checkpoint_is_cosigned_with_both_keys(place: Place, log: Log) -> None:
    answer = await place.post(log.request(0, 8))
    assert answer.status == 200
    lines = place.verified(log.text(8), answer.body)
    assert [(line.verifier.type, line.timestamp) for line in lines] == [(0x04, NOW), (0x06, NOW)]
    assert answer.body.decode().startswith("\u2014 witness.chamber.example ") and answer.body.endswith(b"\n")


async def test_200_a_checkpoint_that_a_proof_leads_to(place: Place, log: Log) -> None:
    for old, new in ((0, 1), (1, 8), (8, 11), (11, 32), (32, 40)):
        answer = await place.post(log.request(old, new))
        assert answer.status == 200, answer
        place.verified(log.text(new), answer.body)


async def test_200_the_same_size_again_is_signed_again_with_a_fresh_time(place: Place, log: Log) -> None:
    first = await place.post(log.request(0, 8))
    place.now += 300
    again = await place.post(log.request(8, 8))
    assert again.status == 200 and again.body != first.body
    assert {line.timestamp for line in place.verified(log.text(8), again.body)} == {NOW + 300}
    assert (await place.newest()).body.endswith(again.body)


async def test_200_an_empty_log_with_the_root_of_the_empty_tree(place: Place, log: Log) -> None:
    answer = await place.post(log.request(0, 0))
    assert answer.status == 200
    place.verified(log.text(0), answer.body)
    assert (await place.post(log.request(0, 5))).status == 200


async def test_200_lines_of_unknown_keys_are_ignored_and_not_kept(place: Place, log: Log) -> None:
    stranger = WitnessSigner("stranger.example", b"s" * 32, b"t" * 32)
    text = log.text(8)
    note = Note(text, (*stranger.cosign(text, NOW), *Note.parse(log.note(8)).lines))
    assert (await place.post(b"old 0\n\n" + note.encode())).status == 200
    kept = Note.parse((await place.newest()).body)
    assert [line.name for line in kept.lines] == [ORIGIN, ORIGIN, place.signer.name, place.signer.name]


# -- 400 -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"old",
        b"old  0",
        b"old 00",
        b"old 08",
        b"old -1",
        b"old 0x0",
        b"old 0\r",
        b"size 0",
        b"old 9223372036854775808",
        b"old 8\n" + HASH + b"\r",
        b"old 8\n" + HASH + b" ",
        b"old 8\n" + HASH[:-2] + b"B=",
        b"old 8\n" + HASH[:-1],
        b"old 8\n" + b64encode(bytes(31)),
        b"old 8\n" + b"\n".join([HASH] * 64),
    ],
)
async def test_400_what_is_not_a_request(place: Place, log: Log, head: bytes) -> None:
    answer = await place.post(head + b"\n\n" + log.note(8))
    assert (answer.status, answer.code) == (400, "request-format")


@pytest.mark.parametrize(
    "body", [b"", b"\n\n", b"old 0\n", b"old 0\n\n", b"old 0\n\nno checkpoint", b"\xff\xfe\n\n\xff"]
)
async def test_400_half_a_request(place: Place, body: bytes) -> None:
    assert (await place.post(body)).status == 400


def _texts(log: Log) -> dict[str, str]:
    origin, size, root, _ = log.text(8).split("\n")
    return {
        "zeros": f"{origin}\n08\n{root}\n",
        "sign": f"{origin}\n+8\n{root}\n",
        "no root": f"{origin}\n{size}\n",
        "short root": f"{origin}\n{size}\n{root[:-2]}\n",
        "padding bits": f"{origin}\n{size}\n{root[:-2]}{chr(ord(root[-2]) + 1)}=\n",
        "scheme": f"https://{origin}\n{size}\n{root}\n",
        "empty origin": f"\n{size}\n{root}\n",
        "too large": f"{origin}\n9223372036854775808\n{root}\n",
    }


@pytest.mark.parametrize("which", sorted(_texts(Log())))
async def test_400_a_note_that_is_no_checkpoint(place: Place, log: Log, which: str) -> None:
    text = _texts(log)[which]
    note = Note(text, (log.signer.sign_note(text), *Note.parse(log.note(8)).lines[1:]))
    assert (await place.post(b"old 0\n\n" + note.encode())).status == 400


async def test_400_crlf_line_ends(place: Place, log: Log) -> None:
    assert (await place.post(log.request(0, 8).replace(b"\n", b"\r\n"))).status == 400
    assert (await place.post(b"old 0\n\n" + log.note(8).replace(b"\n", b"\r\n"))).status == 400


async def test_400_extension_lines_that_one_of_the_signatures_would_not_cover(place: Place, log: Log) -> None:
    text = log.text(8) + "extension\n"
    note = Note(text, (log.signer.sign_note(text), log.signer.cosign(text, NOW)))
    answer = await place.post(b"old 0\n\n" + note.encode())
    assert (answer.status, answer.code) == (400, "checkpoint-format")


async def test_400_an_old_size_above_the_checkpoints(place: Place, log: Log) -> None:
    answer = await place.post(b"old 9\n\n" + log.note(8))
    assert (answer.status, answer.code) == (400, "old-size")


# -- 403 -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
async def test_403_a_line_of_the_log_that_does_not_verify(place: Place, log: Log, which: int) -> None:
    answer = await place.post(b"old 0\n\n" + spoiled(log.note(8), which))
    assert (answer.status, answer.code) == (403, "signature-invalid")


@pytest.mark.parametrize("which", [0, 1])
async def test_403_only_one_of_the_logs_two_lines(place: Place, log: Log, which: int) -> None:
    note = Note.parse(log.note(8))
    answer = await place.post(b"old 0\n\n" + Note(note.text, (note.lines[which],)).encode())
    assert (answer.status, answer.code) == (403, "signature-missing")


async def test_403_signed_by_nobody_who_is_known(place: Place) -> None:
    answer = await place.post(Log(seed=b"x" * 32).request(0, 8))
    assert (answer.status, answer.code) == (403, "signature-missing")


async def test_403_the_right_signatures_under_another_name(place: Place, log: Log) -> None:
    note = Note.parse(log.note(8))
    renamed = Note(note.text, tuple(NoteLine("exchange.example", line.key_id, line.signature) for line in note.lines))
    assert (await place.post(b"old 0\n\n" + renamed.encode())).status == 403


async def test_403_a_good_line_does_not_excuse_a_bad_one_of_the_same_key(place: Place, log: Log) -> None:
    good, bad = Note.parse(log.note(8)), Note.parse(spoiled(log.note(8), 1))
    note = Note(good.text, (*good.lines, bad.lines[1]))
    answer = await place.post(b"old 0\n\n" + note.encode())
    assert (answer.status, answer.code) == (403, "signature-invalid")


# -- 404 -------------------------------------------------------------------------------------------------------------------


async def test_404_a_log_that_the_witness_does_not_know(place: Place) -> None:
    answer = await place.post(Log("elsewhere.example/journal").request(0, 8))
    assert (answer.status, answer.code) == (404, "origin-unknown")


async def test_404_nothing_was_cosigned_yet_or_no_such_log(place: Place, log: Log) -> None:
    assert (await place.newest()).status == 404
    assert (await place.newest("elsewhere.example/journal")).status == 404
    await place.post(log.request(0, 8))
    assert (await place.newest("elsewhere.example/journal")).status == 404


@pytest.mark.parametrize("path", ["/", "/checkpoint", "/0a/checkpoint", "/%2e%2e/checkpoint", "/add-checkpoint/"])
async def test_404_at_every_other_path(place: Place, path: str) -> None:
    assert (await place.get(path)).status == 404


async def test_405_add_checkpoint_is_posted(place: Place) -> None:
    answer = await place.get("/add-checkpoint")
    assert answer.status == 405 and answer.headers["Allow"] == "POST"


# -- 409 -------------------------------------------------------------------------------------------------------------------


async def test_409_another_old_size_is_answered_with_the_size_cosigned_last(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    for old in (0, 3, 9):
        answer = await place.post(log.request(old, 20))
        assert (answer.status, answer.content_type) == (409, SIZE_TYPE)
        assert answer.body == b"8\n" and parse_conflict(answer.body) == 8


async def test_409_before_anything_was_cosigned_the_size_is_0(place: Place, log: Log) -> None:
    answer = await place.post(log.request(3, 8))
    assert (answer.status, answer.body) == (409, b"0\n")


async def test_409_then_the_size_that_it_names_leads_to_200(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    size = parse_conflict((await place.post(log.request(0, 20))).body)
    assert (await place.post(log.request(size, 20))).status == 200


# -- 422 -------------------------------------------------------------------------------------------------------------------


async def test_422_a_proof_that_leads_elsewhere(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    proof = [b64encode(value) for value in log.proof(8, 20)]
    head = b"\n".join([b"old 8", *proof[:-1], HASH])
    answer = await place.post(head + b"\n\n" + log.note(20))
    assert (answer.status, answer.code) == (422, "proof-root")


@pytest.mark.parametrize("change", ["shorter", "longer", "none"])
async def test_422_a_proof_of_another_length(place: Place, log: Log, change: str) -> None:
    await place.post(log.request(0, 8))
    proof = [b64encode(value) for value in log.proof(8, 20)]
    sent = {"shorter": proof[:-1], "longer": [*proof, HASH], "none": []}[change]
    answer = await place.post(b"\n".join([b"old 8", *sent]) + b"\n\n" + log.note(20))
    assert (answer.status, answer.code) == (422, "proof-length")


async def test_422_a_proof_from_size_0(place: Place, log: Log) -> None:
    answer = await place.post(b"old 0\n" + HASH + b"\n\n" + log.note(8))
    assert (answer.status, answer.code) == (422, "proof-length")


async def test_422_a_proof_between_equal_sizes(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    assert (await place.post(b"old 8\n" + HASH + b"\n\n" + log.note(8))).status == 422


async def test_422_another_root_at_the_same_size(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    answer = await place.post(b"old 8\n\n" + log.forked(3).note(8))
    assert (answer.status, answer.code) == (422, "root-differs")


async def test_422_an_empty_log_with_another_root(place: Place, log: Log) -> None:
    text = Checkpoint(ORIGIN, 0, EMPTY_ROOT).text().replace("47DEQpj8HBSa", "57DEQpj8HBSa")
    note = Note(text, (log.signer.sign_note(text), log.signer.cosign(text, NOW)))
    assert (await place.post(b"old 0\n\n" + note.encode())).status == 422


# -- 429 and HTTP's own ----------------------------------------------------------------------------------------------------


async def test_429_the_same_checkpoint_again_and_again(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    answers = [await place.post(log.request(8, 8)) for _ in range(31)]
    assert {answer.status for answer in answers[:30]} == {200}
    assert (answers[30].status, answers[30].code) == (429, "rate-limited") and answers[30].headers["Retry-After"] == "1"
    place.monotonic += 1
    assert (await place.post(log.request(8, 8))).status == 200


async def test_413_a_body_that_is_too_large(place: Place) -> None:
    assert (await place.post(bytes(MAX_REQUEST_BYTES + 1))).status == 413


async def test_415_a_compressed_body(place: Place, log: Log) -> None:
    assert (await place.post(log.request(0, 8), headers={"Content-Encoding": "gzip"})).status == 415


# -- the checkpoint that is held -------------------------------------------------------------------------------------------


async def test_the_newest_note_is_the_logs_with_both_cosignatures(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    await place.post(log.request(8, 20))
    answer = await place.newest()
    assert (answer.status, answer.content_type) == (200, "text/plain; charset=utf-8")
    note = verify_checkpoint(answer.body, ORIGIN, log.signer.public)
    assert note.text == log.text(20)
    assert len(verify_note(note, place.signer.verifiers)) == 2


async def test_two_logs_do_not_disturb_each_other(tmp_path: Path) -> None:
    journal, registry = Log(), Log("exchange.example/registry", b"9" * 32)
    async with listening(tmp_path / "w", journal, registry) as place:
        assert (await place.post(journal.request(0, 8))).status == 200
        assert (await place.post(registry.request(0, 30))).status == 200
        assert (await place.post(journal.request(8, 9))).status == 200
        assert b"\n30\n" in (await place.newest(registry.origin)).body


async def test_the_published_line_of_tlog_cosignature_is_framed_as_ours() -> None:
    """Its key is not published: name, key id and time are what can be compared."""
    published = (
        "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5"
        "nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    (line,) = Note.parse(f"{text}\n{published}".encode()).lines
    ours = cosign_ed25519("witness.example.com/w1", b"w" * 32, text, 1679315147)
    assert line.encode() == published.encode() and line.key_id.hex() == "8d66cf3f"
    assert len(line.signature) == len(ours.signature) and line.signature[:8] == ours.signature[:8]


async def test_a_checkpoint_signed_at_another_time_is_the_same_checkpoint(place: Place, log: Log) -> None:
    await place.post(log.request(0, 8))
    later = sign_checkpoint(log.text(8), log.signer, NOW + 60)
    assert (await place.post(b"old 8\n\n" + later)).status == 200
