"""A Go program over golang.org/x/mod reads our logs: checkpoints, entries, tiles and proofs (docs/spec/logs.md)."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest

from exchange.audit.evidence_make import make_evidence, write_evidence
from exchange.tlog.checkpoint import LOGS, LogName, encode_hash
from exchange.tlog.proof import LogProof
from exchange.tlog.tiles import TileTree
from tests.support.gotool import OutsideRefused, outside
from tests.support.outside import LongLog, cosign_bundle, entries
from tests.support.partnership import Partnership


@pytest.fixture(scope="module")
def partnership() -> Partnership:
    return Partnership().everything()


@pytest.fixture(scope="module")
def honest(partnership: Partnership, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = partnership.world.write_bundle(tmp_path_factory.mktemp("outside") / "audit")
    cosign_bundle(bundle)
    return bundle


@pytest.fixture
def bundle(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "audit"))


def tree(bundle: Path, log: LogName = "journal") -> dict[str, object]:
    return outside("tree", bundle / "keys" / f"{log}.vkey", bundle / log)


def flip(path: Path, at: int = -10) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("log", LOGS)
def test_it_rebuilds_a_bundles_tree_and_ignores_cosignatures_that_it_does_not_know(
    honest: Path, partnership: Partnership, log: LogName
) -> None:
    answer = tree(honest, log)
    head = partnership.world.head(log)
    assert (answer["origin"], answer["size"]) == (f"exchange.example/{log}", head.size)
    assert answer["root"] == encode_hash(bytes.fromhex(head.root))
    # The log's Ed25519 line; its ML-DSA-44 line and two witnesses with two lines each stand beside it.
    assert (answer["verified"], answer["ignored"]) == (1, 5)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("journal/tile/entries/000.p/22", "lead to the root"),
        ("journal/tile/0/000.p/22", "is not what the entries lead to"),
        ("journal/checkpoint", "malformed note"),
    ],
)
def test_a_flipped_bit_is_refused(bundle: Path, path: str, said: str) -> None:
    flip(bundle / path, 0 if path.endswith("checkpoint") else -10)
    with pytest.raises(OutsideRefused, match="invalid signature|" + said):
        tree(bundle)


def test_a_log_with_a_file_too_many_or_too_few_is_refused(bundle: Path) -> None:
    extra = bundle / "journal" / "tile" / "0" / "001"
    extra.write_bytes(b"")
    with pytest.raises(OutsideRefused, match="is no part of this log"):
        tree(bundle)
    extra.unlink()
    (bundle / "journal" / "tile" / "0" / "000.p" / "22").unlink()
    with pytest.raises(OutsideRefused, match="no such file"):
        tree(bundle)


def test_the_journals_checkpoint_is_not_the_registrys(bundle: Path) -> None:
    shutil.copyfile(bundle / "journal" / "checkpoint", bundle / "registry" / "checkpoint")
    with pytest.raises(OutsideRefused, match="no verifiable signatures"):
        tree(bundle, "registry")


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 700])
def test_trees_of_every_shape_are_rebuilt(tmp_path: Path, size: int) -> None:
    log = LongLog(tmp_path / "log", size).write()
    answer = outside("tree", log.key, log.folder)
    assert (answer["size"], answer["root"]) == (size, encode_hash(log.edge.root()))


def test_our_proofs_of_inclusion_and_consistency_are_accepted_and_others_are_not(tmp_path: Path) -> None:
    size = 700
    log = LongLog(tmp_path / "log", size).write()
    whole = TileTree(log.read, size)
    data = list(entries(size))
    entry, proof, older, steps = (tmp_path / name for name in ("entry", "entry.tlog-proof", "older", "steps"))
    for index in (0, 255, 256, 511, 699):
        entry.write_bytes(data[index])
        note = (log.folder / "checkpoint").read_bytes()
        proof.write_bytes(LogProof(index, whole.inclusion_proof(index), note, b"unread").encode())
        assert outside("inclusion", log.key, entry, proof)["size"] == size
        entry.write_bytes(data[index - 1])
        with pytest.raises(OutsideRefused, match="invalid transparency proof"):
            outside("inclusion", log.key, entry, proof)
    for before in (1, 255, 256, 257, 512, 699, 700):
        root = TileTree(log.read, before).root()
        older.write_bytes(log.note(before, root))
        hashes = [encode_hash(value) for value in whole.consistency_proof(before)]
        steps.write_text("\n".join(hashes), encoding="ascii")
        arguments = (log.key, older, log.folder / "checkpoint", steps)
        assert outside("consistency", *arguments)["size"] == size
        older.write_bytes(log.note(before, bytes(32)))
        with pytest.raises(OutsideRefused, match="invalid transparency proof"):
            outside("consistency", *arguments)


def test_it_verifies_the_proofs_in_an_evidence_pack_as_its_explanation_says(
    honest: Path, partnership: Partnership, tmp_path: Path
) -> None:
    out = tmp_path / "pack"
    alert = partnership.released_red
    write_evidence(out, make_evidence(honest, alert.id), partnership.world.exchange)
    for name, log in (("alert", "journal"), ("founding", "registry")):
        files = (out / "keys" / f"{log}.vkey", out / f"{name}.entry", out / f"{name}.tlog-proof")
        assert outside("inclusion", *files)["origin"] == f"exchange.example/{log}"
        entry = json.loads((out / f"{name}.entry").read_bytes())
        payload = json.loads((out / f"{name}.json").read_bytes())
        kind, body = payload["payloadType"], b64decode(payload["payload"])
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)
        assert entry["statement"] == sha256(signed).hexdigest()
    with pytest.raises(OutsideRefused):
        outside("inclusion", out / "keys" / "journal.vkey", out / "founding.entry", out / "alert.tlog-proof")
