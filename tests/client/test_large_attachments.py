"""Large attachments: sealed, sent, fetched and kept in pieces, and nothing is sent or fetched twice after an interruption."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from exchange.client import publish, sealedfile
from exchange.client.api import PIECE
from exchange.client.attachments import OnDisk, SourceFile
from exchange.client.draft import prepare
from exchange.client.errors import SourceError, TransportError
from exchange.client.sync import sync
from exchange.content.stix import MEDIA_TYPE
from exchange.model.alert import parse_content
from exchange.model.tlp import Label
from keys.errors import OpenError
from keys.keyfile import Vault
from tests.content.test_stix_bundle import bundle, definition, indicator
from tests.support.scene import Partnership, partnership, source
from tests.support.served import served

MIB = 1 << 20


def large(folder: Path, size: int, name: str = "video.bin") -> SourceFile:
    """A file of which no two pieces are alike, and which is never held whole."""
    path, digest = folder / name, sha256()
    with path.open("wb") as file:
        for number in range(size // 4096):
            block = sha256(number.to_bytes(8, "big")).digest() * 128
            digest.update(block)
            file.write(block)
    return SourceFile(name, "application/octet-stream", OnDisk(path, size, digest.hexdigest()))


@pytest.fixture
def scene(tmp_path: Path) -> Partnership:
    found = partnership(tmp_path)
    yield found
    found.scene.close()


async def ready(scene: Partnership):
    author, officer = scene.scene.member(scene.author), scene.scene.member(scene.officer)
    for member in (author, officer, author, officer):
        await sync(member)
    return author, officer


def digest_of(member, statement: str) -> str:
    digest = sha256()
    for piece in member.state.attachment_pieces(statement, 1):
        digest.update(piece)
    return digest.hexdigest()


async def test_an_interrupted_upload_goes_on_with_the_same_bytes(scene: Partnership, tmp_path: Path):
    author, officer = await ready(scene)
    file = large(tmp_path, 3 * PIECE)
    alert = source(attachments=(file,))
    sent: list[tuple[str, str]] = []

    def cut(request, response):
        sent.append((request.path, request.headers["Upload-Offset"]))
        if len(sent) == 2:
            raise TransportError("unreachable", "cut")

    scene.sim.lie(r"/v1/blobs/.*", cut, method="PATCH")
    with pytest.raises(TransportError):
        await publish.publish(prepare(alert, author), author)
    scene.sim.now += 3600  # longer than any core is good for
    told: list[tuple[int, int]] = []
    author.transfer = lambda done, total: told.append((done, total))
    restarted = scene.scene.member(scene.author)
    restarted.transfer = author.transfer
    released = await publish.publish(prepare(alert, restarted), restarted)
    assert len({path for path, _ in sent}) == 1, "it was not sealed again"
    # The second answer was lost, not the bytes: nothing is sent twice.
    assert [int(offset) for _, offset in sent] == [0, PIECE, 2 * PIECE, 3 * PIECE]
    assert told[0][0] == 2 * PIECE and told[-1][0] == told[-1][1]
    assert not [path for path in author.state.outgoing_folder.iterdir() if path.name != "index.sealed"]
    assert restarted.state.prepared() == {}
    assert (await sync(officer)).opened == (released.statement,)
    assert digest_of(officer, released.statement) == file.sha256


async def test_an_interrupted_download_goes_on_where_it_stopped(scene: Partnership, tmp_path: Path):
    author, officer = await ready(scene)
    file = large(tmp_path, 3 * PIECE)
    released = await publish.publish(prepare(source(attachments=(file,)), author), author)
    ranges: list[str] = []

    def cut(request, response):
        if "Range" in request.headers:
            ranges.append(request.headers["Range"])
            if len(ranges) == 2:
                raise TransportError("unreachable", "cut")

    scene.sim.lie(r"/v1/blobs/.*", cut)
    with pytest.raises(TransportError):
        await sync(officer)
    officer = scene.scene.member(scene.officer)
    assert (await sync(officer)).opened == (released.statement,)
    starts = [int(said.removeprefix("bytes=").partition("-")[0]) for said in ranges]
    assert starts == [0, PIECE, PIECE, 2 * PIECE, 3 * PIECE]
    assert digest_of(officer, released.statement) == file.sha256
    assert not list((officer.state.path.parent / "incoming").iterdir())


async def test_a_download_that_was_poisoned_is_named_and_begun_anew(scene: Partnership, tmp_path: Path):
    author, officer = await ready(scene)
    file = large(tmp_path, 2 * PIECE)
    released = await publish.publish(prepare(source(attachments=(file,)), author), author)

    def poison(request, response):
        return replace(response, body=bytes(len(response.body))) if "Range" in request.headers else None

    lie = scene.sim.lie(r"/v1/blobs/.*", poison)
    failures = (await sync(officer)).failures
    assert [(f.step, f.code) for f in failures] == [(6, "part-mismatch")]
    scene.sim.lies.remove(lie)
    assert (await sync(officer)).opened == (released.statement,)


async def test_the_keys_of_attachments_stand_in_the_content_alone(scene: Partnership, tmp_path: Path):
    author, officer = await ready(scene)
    draft = prepare(source(attachments=(large(tmp_path, 8192),)), author)
    assert parse_content(draft.content).attachments[0].key is None
    released = await publish.publish(draft, author)
    await sync(officer)
    assert parse_content(officer.state.content(released.statement)).attachments[0].key is not None


async def test_a_file_that_changes_under_the_preview_is_not_sent(scene: Partnership, tmp_path: Path):
    author, _ = await ready(scene)
    file = large(tmp_path, 8192)
    draft = prepare(source(attachments=(file,)), author)
    (tmp_path / "video.bin").write_bytes(b"\0" * 8192)
    with pytest.raises(SourceError) as caught:
        await publish.publish(draft, author)
    assert caught.value.code == "file-changed"
    assert not any(request.method == "PATCH" for request in scene.sim.requests)


async def test_a_stix_bundle_whose_marking_disagrees_is_handed_to_no_reader(scene: Partnership):
    author, officer = await ready(scene)
    for label, code in ((Label.RED, "stix-higher"), (Label.CLEAR, "stix-lower")):
        data = bundle(definition(label), indicator(label))
        hostile = source(attachments=(SourceFile("daten.json", MEDIA_TYPE, data),))
        released = await publish.publish(prepare(hostile, author), author)
        failures = (await sync(officer)).failures
        assert (9, code) in [(f.step, f.code) for f in failures]
        assert officer.state.alert(released.statement).status == "pending"
        assert not officer.state.attachment_file(released.statement, 1).exists()
    good = bundle(definition(Label.AMBER), indicator(Label.AMBER))
    released = await publish.publish(
        prepare(source(attachments=(SourceFile("daten.json", MEDIA_TYPE, good),)), author), author
    )
    assert (await sync(officer)).opened == (released.statement,)


async def test_a_stix_bundle_whose_marking_disagrees_is_not_shown_to_an_approver(scene: Partnership):
    from exchange.client import approve

    author, _ = await ready(scene)
    approver = scene.scene.member(scene.approver)
    await sync(approver)
    data = bundle(definition(Label.AMBER), indicator(Label.AMBER))
    files = (SourceFile("daten.json", MEDIA_TYPE, data),)
    draft = prepare(source("CLEAR", approvers=("Paul Prüfer",), attachments=files), author)
    await publish.publish(draft, author)
    await sync(approver)
    assert await approve.proposals(approver) == []
    assert [f.code for f in approver.state.failures()] == ["stix-higher"]


def test_a_sealed_file_that_is_cut_swapped_or_altered_does_not_open(tmp_path: Path):
    vault, path = Vault(b"k" * 32), tmp_path / "a.blocks"
    for size in (0, 1, sealedfile.BLOCK - 1, sealedfile.BLOCK, sealedfile.BLOCK + 1, 2 * sealedfile.BLOCK):
        data = bytes(range(256)) * (size // 256 + 1)
        sealedfile.write(path, vault, "a", [data[:size]])
        assert b"".join(sealedfile.read(path, vault, "a")) == data[:size]
    whole, block = path.read_bytes(), sealedfile.BLOCK + sealedfile.OVERHEAD
    for altered in (whole[:block], whole[block:] + whole[:block], whole + whole[:block], whole[:-1], b""):
        path.write_bytes(altered)
        with pytest.raises(OpenError):
            list(sealedfile.read(path, vault, "a"))
    path.write_bytes(whole)
    with pytest.raises(OpenError):
        list(sealedfile.read(path, vault, "b"))


def test_a_file_whose_pieces_end_with_an_error_is_not_there(tmp_path: Path):
    def pieces():
        yield b"x" * 100
        raise ValueError

    with pytest.raises(ValueError):
        sealedfile.write(tmp_path / "a.blocks", Vault(b"k" * 32), "a", pieces())
    assert not list(tmp_path.iterdir())


async def test_32_mib_are_sealed_sent_fetched_and_kept_in_little_memory(tmp_path: Path):
    """Over real HTTP; the server runs in this process, so its memory counts as well."""
    async with served(tmp_path) as (scene, transport, _):
        author, officer = (scene.scene.member(p, transport=transport) for p in (scene.author, scene.officer))
        for member in (author, officer, author, officer):
            await sync(member)
        file = large(tmp_path, 32 * MIB)
        draft = prepare(source(attachments=(file,)), author)
        tracemalloc.start(1)
        try:
            released = await publish.publish(draft, author)
            assert (await sync(officer)).opened == (released.statement,)
            assert digest_of(officer, released.statement) == file.sha256
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 28 * MIB, peak
