"""The copy on disk: the bytes of tlog-tiles, whole at every moment, and never back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from exchange import durable
from exchange.mirror.copy import LogCopy, MirrorError
from exchange.tlog.bundles import decode_bundle, encode_bundle
from exchange.tlog.checkpoint import Checkpoint
from exchange.tlog.merkle import Frontier, leaf_hash
from exchange.tlog.tiles import Bundle, Tile, TileTree, bundles, changed_tiles, parse_path, width_at
from keys.note import LogSigner, Note, sign_checkpoint
from keys.witness import WitnessSigner

ORIGIN = "exchange.example/journal"
SIGNER = LogSigner(ORIGIN, b"1" * 32, b"2" * 32)
ENTRIES = [b"entry %d" % i for i in range(700)]
WITNESS = WitnessSigner("witness.example", b"3" * 32, b"4" * 32)


def note(size: int, entries: list[bytes] = ENTRIES) -> bytes:
    return signed(size, Frontier().extend(map(leaf_hash, entries[:size])).root())


@cache  # a signature is made with fresh randomness, and one log shows one note for a size
def signed(size: int, root: bytes) -> bytes:
    return sign_checkpoint(Checkpoint(ORIGIN, size, root).text(), SIGNER, 1_796_000_000)


@cache
def cosigned(size: int, time: int) -> bytes:
    plain = Note.parse(note(size))
    return Note(plain.text, (*plain.lines, *WITNESS.cosign(plain.text, time))).encode()


def grow(copy: LogCopy, size: int, entries: list[bytes] = ENTRIES) -> None:
    for _ in copy.grow(note(size, entries), iter(entries[copy.first :])):
        pass


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def expected(size: int) -> dict[str, bytes]:
    """What tlog-tiles has of a tree, computed leaf by leaf."""
    nodes = [leaf_hash(entry) for entry in ENTRIES[:size]]
    found = {"checkpoint": note(size)}
    for tile in changed_tiles(0, size):
        span = 256**tile.level
        starts = [(tile.index * 256 + i) * span for i in range(tile.width)]

        found[tile.path] = b"".join(Frontier().extend(nodes[start : start + span]).root() for start in starts)
    for bundle in bundles(size):
        start = bundle.index * 256
        found[bundle.path] = encode_bundle(ENTRIES[start : start + bundle.width])
    return found


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 700])
def test_a_copy_made_at_once_is_exactly_the_tiles_of_its_tree(tmp_path: Path, size: int) -> None:
    copy = LogCopy(tmp_path, ORIGIN)
    grow(copy, size)
    assert copy.root.name == sha256(ORIGIN.encode()).hexdigest()
    assert files(copy.root) == expected(size)


def test_a_copy_that_grew_holds_the_same_and_the_partial_tiles_of_sizes_it_showed(tmp_path: Path) -> None:
    for size in (3, 3, 200, 256, 300, 699, 700):
        grow(LogCopy(tmp_path, ORIGIN), size)  # opened anew each time, as after a restart
    found, wanted = files(tmp_path / sha256(ORIGIN.encode()).hexdigest()), expected(700)
    assert {path: found[path] for path in wanted} == wanted
    assert set(found) - set(wanted) == {"tile/0/002.p/187", "tile/1/000.p/1", "tile/entries/002.p/187"}


def test_every_width_of_a_tile_and_of_a_bundle_can_be_read(tmp_path: Path) -> None:
    copy = LogCopy(tmp_path, ORIGIN)
    for size in (200, 300, 700):
        grow(copy, size)
    for index in range(3):
        for width in (1, 100, 187, 188, 255, 256):
            tile, bundle = copy.read(Tile(0, index, width)), copy.read(Bundle(index, width))
            if width > width_at(0, index, 700):
                assert tile is None and bundle is None
            else:
                entries = ENTRIES[index * 256 : index * 256 + width]
                assert tile == b"".join(map(leaf_hash, entries))
                assert bundle is not None and decode_bundle(bundle, width) == tuple(entries)
    assert (
        TileTree(lambda level, i: copy.read(Tile(level, i, width_at(level, i, 700))) or b"", 700).root()
        == copy.head.root
    )


def test_at_every_write_of_a_growth_a_reader_finds_what_the_checkpoint_shown_speaks_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what a crash at that moment would leave: after it, the copy is opened and continued."""
    grow(LogCopy(tmp_path / "copy", ORIGIN), 300)
    moments = 0
    honest = durable.replace

    def watched(path: Path, data: bytes, **options: object) -> None:
        nonlocal moments
        _whole(tmp_path / "copy")
        honest(path, data, **options)  # type: ignore[arg-type]
        _whole(tmp_path / "copy")
        moments += 1

    monkeypatch.setattr(durable, "replace", watched)
    grow(LogCopy(tmp_path / "copy", ORIGIN), 700)
    assert moments == 2 + 2 + 1 + 1  # bundles, level 0, level 1, and the checkpoint last
    _whole(tmp_path / "copy")


def _whole(folder: Path) -> None:
    copy = LogCopy(folder, ORIGIN)
    size = copy.head.size
    for tile in changed_tiles(0, size):
        assert copy.read(tile) is not None
    found = [entry for b in bundles(size) for entry in decode_bundle(copy.read(b) or b"", b.width)]
    assert found == ENTRIES[:size]


class Crash(BaseException):
    pass


@pytest.mark.parametrize("after", range(6))
def test_a_crash_between_two_writes_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    grow(LogCopy(tmp_path, ORIGIN), 300)
    honest, left = durable.replace, iter(range(after))

    def crashing(path: Path, data: bytes, **options: object) -> None:
        if next(left, None) is None:
            raise Crash
        honest(path, data, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(durable, "replace", crashing)
        with pytest.raises(Crash):
            grow(LogCopy(tmp_path, ORIGIN), 700)
    assert LogCopy(tmp_path, ORIGIN).head.size == 300
    _whole(tmp_path)
    grow(LogCopy(tmp_path, ORIGIN), 600)
    grow(LogCopy(tmp_path, ORIGIN), 700)
    _whole(tmp_path)


def test_new_cosignatures_are_taken_and_fewer_are_not(tmp_path: Path) -> None:
    copy = LogCopy(tmp_path, ORIGIN)
    grow(copy, 300)
    for shown, kept in (
        (cosigned(300, 10), cosigned(300, 10)),
        (cosigned(300, 20), cosigned(300, 20)),
        (note(300), None),
    ):
        list(copy.grow(shown, ()))
        assert (copy.root / "checkpoint").read_bytes() == (kept or cosigned(300, 20)) == copy.note


def test_a_smaller_checkpoint_and_another_history_are_refused(tmp_path: Path) -> None:
    copy = LogCopy(tmp_path, ORIGIN)
    grow(copy, 300)
    before = files(tmp_path)
    other = [b"other", *ENTRIES[1:]]
    for shown in (note(299), note(300, other)):
        with pytest.raises(MirrorError) as caught:
            list(copy.grow(shown, iter(ENTRIES[copy.first :])))
        assert caught.value.code == "mirror-ahead"
    with pytest.raises(MirrorError) as caught:
        grow(copy, 400, other)
    assert caught.value.code == "mirror-inconsistent"
    assert files(tmp_path)[f"{copy.digest}/checkpoint"] == before[f"{copy.digest}/checkpoint"]


def _entries(wrong: int) -> Iterator[bytes]:
    yield from ENTRIES[:wrong]
    yield b"x"
    yield from ENTRIES[wrong + 1 :]


@pytest.mark.parametrize("wrong", [0, 255, 256, 399])
def test_an_entry_that_is_not_the_logs_is_never_published(tmp_path: Path, wrong: int) -> None:
    copy = LogCopy(tmp_path, ORIGIN)
    with pytest.raises(MirrorError):
        list(copy.grow(note(400), _entries(wrong)))
    assert not (copy.root / "checkpoint").exists() and copy.read(Bundle(0)) is None


@pytest.mark.parametrize("path", ["tile/0/001.p/44", "tile/0/000"])
def test_a_damaged_copy_is_not_continued(tmp_path: Path, path: str) -> None:
    copy = LogCopy(tmp_path, ORIGIN)
    grow(copy, 300)
    tile = parse_path(path)
    data = bytearray((copy.root / tile.path).read_bytes())
    data[7] ^= 1
    (copy.root / tile.path).write_bytes(data)
    if path == "tile/0/000":  # the root of a full tile stands in the tile above: a later reader's proof finds it
        (copy.root / "tile/1/000.p/1").write_bytes(bytes(32))
    with pytest.raises(MirrorError) as caught:
        grow(copy, 400)
    assert caught.value.code == "mirror-damaged"


@pytest.mark.parametrize(
    "path", ["tile/entries/000", "tile/entries/002.p/88", "tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"]
)
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_what_the_disk_forgot_is_found_by_hashing_everything_again(tmp_path: Path, path: str, damage: str) -> None:
    copy = LogCopy(tmp_path, ORIGIN)
    grow(copy, 600)
    assert list(copy.check()) == [256, 512, 600]
    file = copy.root / parse_path(path).path
    data = bytearray(file.read_bytes())
    data[5] ^= 1
    file.write_bytes(data if damage == "flipped" else data[:-1])
    if damage == "gone":
        file.unlink()
    with pytest.raises(MirrorError) as caught:
        list(LogCopy(tmp_path, ORIGIN).check())
    assert caught.value.code == "mirror-damaged"


def test_a_copy_that_leads_to_another_checkpoint_is_found(tmp_path: Path) -> None:
    copy = LogCopy(tmp_path, ORIGIN)
    assert list(copy.check()) == []
    grow(copy, 300)
    (copy.root / "checkpoint").write_bytes(note(300, [b"other", *ENTRIES[1:]]))
    with pytest.raises(MirrorError) as caught:
        list(LogCopy(tmp_path, ORIGIN).check())
    assert caught.value.code == "mirror-damaged"


def test_the_checkpoint_of_another_log_in_its_place_is_refused(tmp_path: Path) -> None:
    copy = LogCopy(tmp_path, ORIGIN)
    grow(copy, 3)
    other = tmp_path / sha256(b"exchange.example/registry").hexdigest()
    copy.root.rename(other)
    with pytest.raises(MirrorError) as caught:
        LogCopy(tmp_path, "exchange.example/registry")
    assert caught.value.code == "mirror-damaged"
