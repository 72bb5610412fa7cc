"""Evidence packs: what an honest one shows, and that whatever was changed in one is refused and named (docs/spec/evidence.md)."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.audit.bundle import BundleError
from exchange.audit.evidence import MANIFEST, EvidenceError, is_pack, manifest_bytes
from exchange.audit.evidence_make import PLAIN, Choices, make_evidence, write_evidence
from exchange.audit.evidence_verify import Evidence, verify_evidence
from exchange.model.entry import RELEASED
from exchange.model.statements import Statement
from keys import encoding
from keys.envelope import MLDSA65_SIGNATURE
from keys.note import Note
from tests.cli.flow import exchange
from tests.support.clear import changed, places
from tests.support.grants import give
from tests.support.partnership import Partnership
from tests.support.witnesses import WitnessKey

FULL = Choices(names=True, readers=True, whole=True)
SMALL = 200 * 1024
"""Bytes: what a usual pack stays below."""


@pytest.fixture(scope="module")
def partnership() -> Partnership:
    return Partnership().everything()


@pytest.fixture(scope="module")
def bundle(partnership: Partnership, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return partnership.world.write_bundle(tmp_path_factory.mktemp("evidence") / "audit")


def pack(bundle: Path, alert: Statement, out: Path, choices: Choices = PLAIN) -> Evidence:
    return write_evidence(out, make_evidence(bundle, alert.id, choices), alert.exchange)


@pytest.fixture
def red(partnership: Partnership, bundle: Path, tmp_path: Path) -> Path:
    pack(bundle, partnership.released_red, tmp_path / "red", FULL)
    return tmp_path / "red"


def again(folder: Path, **fields: object) -> None:
    """The manifest of what is there now: whoever changes a file changes it too."""
    old = json.loads((folder / MANIFEST).read_bytes())
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }
    values = {"exchange": old["exchange"], "statement": old["statement"], "left_out": old["left_out"], **fields}
    (folder / MANIFEST).write_bytes(manifest_bytes(files=files, **values))


def held(folder: Path, name: str) -> Any:
    """What a JSON file holds."""
    data = (folder / name).read_bytes()
    return json.loads(gzip.decompress(data) if name.endswith(".gz") else data)


def put_back(folder: Path, name: str, data: bytes) -> None:
    """Write a JSON file, compressed where it is."""
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def change(folder: Path, name: str, edit: Callable[[dict[str, object]], object]) -> None:
    """Change a JSON file and the manifest with it."""
    value = held(folder, name)
    made = edit(value)
    put_back(folder, name, encoding.encode(value if made is None else made))
    again(folder)


def leave_out(folder: Path, place: int) -> None:
    """Leave a registry statement out, with its ML-DSA-65 signatures, and change the manifest with it."""
    value = held(folder, "registry.json.gz")
    numbers = [sum("sig" not in line for line in item["signatures"]) for item in value["statements"]]
    start = sum(numbers[:place]) * MLDSA65_SIGNATURE
    data = (folder / "signatures.mldsa65").read_bytes()
    rest = data[:start] + data[start + numbers[place] * MLDSA65_SIGNATURE :]
    (folder / "signatures.mldsa65").write_bytes(rest)
    del value["statements"][place]
    put_back(folder, "registry.json.gz", encoding.encode(value))
    again(folder)


def refused(folder: Path, exchange_id: str) -> tuple[str, str]:
    with pytest.raises(EvidenceError) as error:
        verify_evidence(folder, exchange_id)
    return error.value.code, error.value.file


# -- honest packs ----------------------------------------------------------------------------------------------------------


def test_a_pack_shows_who_signed_who_approved_and_who_confirmed(
    partnership: Partnership, bundle: Path, tmp_path: Path
) -> None:
    shown = pack(bundle, partnership.released_red, tmp_path / "red", FULL)
    assert shown.author == partnership.author.person
    assert set(shown.approvals) == {partnership.approver.person, partnership.second.person}
    assert (shown.required, shown.core.label.value, shown.leaves) == (1, "RED", 4)
    assert [(one.person, one.level, one.verified) for one in shown.confirmations] == [
        (partnership.doctor.person, "read", True)
    ]
    assert shown.names[f"organisation/{partnership.authority}"] == "Polizei Musterstadt"
    assert shown.limits == ("limit-recipients", "limit-newer", "limit-text", "limit-witness")
    assert [version for version, _, _ in shown.versions] == [1]


@pytest.mark.parametrize("name", ["amber", "clear", "urgent", "released_red", "late"])
def test_a_usual_pack_is_small_and_says_what_it_leaves_open(
    partnership: Partnership, bundle: Path, tmp_path: Path, name: str
) -> None:
    alert: Statement = getattr(partnership, name)
    files = make_evidence(bundle, alert.id)
    assert sum(map(len, files.values())) < SMALL
    shown = write_evidence(tmp_path / name, files, alert.exchange)
    assert {"limit-chain-end", "limit-newer", "limit-text", "limit-witness"} <= set(shown.limits)
    assert ("limit-recipients" in shown.limits) == alert.alert.core.label.sealed
    assert not shown.names and not any(one.verified for one in shown.confirmations)


def test_a_review_of_an_emergency_release_is_verified(partnership: Partnership, bundle: Path, tmp_path: Path) -> None:
    shown = pack(bundle, partnership.urgent, tmp_path / "urgent")
    assert [(person, outcome) for person, outcome, _ in shown.reviews] == [(partnership.second.person, "confirmed")]


def test_the_same_bundle_and_choices_give_the_same_bytes_and_nothing_is_overwritten(
    partnership: Partnership, bundle: Path, tmp_path: Path
) -> None:
    files = make_evidence(bundle, partnership.amber.id, FULL)
    assert files == make_evidence(bundle, partnership.amber.id[:12], FULL)
    assert files == make_evidence(bundle, partnership.amber.alert.core.alert, FULL)
    write_evidence(tmp_path / "amber", files, partnership.world.exchange)
    write_evidence(tmp_path / "amber", files, partnership.world.exchange)
    with pytest.raises(EvidenceError) as error:
        pack(bundle, partnership.clear, tmp_path / "amber")
    assert error.value.code == "evidence-exists"
    assert [path.name for path in tmp_path.iterdir()] == ["amber"]


def test_receipts_are_taken_up_to_a_number_and_the_others_are_counted(
    partnership: Partnership, bundle: Path, tmp_path: Path
) -> None:
    shown = pack(bundle, partnership.amber, tmp_path / "amber", Choices(receipts=1))
    assert (len(shown.confirmations), shown.left_out) == (1, 1)
    assert "limit-receipts" in shown.limits


def test_receipts_that_are_owed_to_a_grant_or_were_erased_are_not_taken(tmp_path: Path) -> None:
    scene = Partnership()
    nurse = scene.world.person(scene.hospital, "officer")
    alert = scene.release()
    scene.world.publish_epochs(nurse)
    scene.world.log(give(scene.world, scene.doctor, alert, nurse.device))
    scene.world.log(scene.world.receipt(nurse, alert))
    scene.world.log(scene.world.receipt(scene.doctor, alert))
    erased = scene.world.receipt(scene.porter, alert)
    scene.world.log(erased)
    bundle = scene.world.write_bundle(tmp_path / "audit")
    (bundle / "statements" / erased.id[:2] / f"{erased.id}.json").unlink()
    shown = pack(bundle, alert, tmp_path / "alert", FULL)
    assert [(one.device, one.verified) for one in shown.confirmations] == [(scene.doctor.device, True)]
    assert shown.left_out == 1 and "limit-receipts" in shown.limits


@pytest.mark.parametrize(
    ("wanted", "code"), [("0" * 64, "alert-unknown"), ("x", "alert-unknown"), ("A" * 21 + "Q", "alert-unknown")]
)
def test_what_is_no_alert_has_no_evidence(bundle: Path, wanted: str, code: str) -> None:
    with pytest.raises(EvidenceError) as error:
        make_evidence(bundle, wanted)
    assert error.value.code == code


def test_a_proposal_that_was_never_released_has_no_evidence(tmp_path: Path) -> None:
    scene = Partnership()
    alert = scene.world.alert(scene.author, "CLEAR", approvals=1, approvers=scene.approvers(scene.approver))
    scene.world.log(alert)
    with pytest.raises(EvidenceError) as error:
        make_evidence(scene.world.write_bundle(tmp_path / "audit"), alert.id)
    assert error.value.code == "alert-unreleased"


def test_a_bundle_that_is_damaged_gives_no_pack_and_leaves_nothing_behind(
    partnership: Partnership, bundle: Path, tmp_path: Path
) -> None:
    damaged = Path(shutil.copytree(bundle, tmp_path / "audit"))
    leaves = damaged / "leaves" / partnership.amber.id
    data = bytearray(leaves.read_bytes())
    data[40] ^= 1
    leaves.write_bytes(data)
    with pytest.raises(EvidenceError) as error:
        pack(damaged, partnership.amber, tmp_path / "amber")
    assert error.value.code in {"root-mismatch", "leaf-count"}
    (damaged / "statements" / partnership.amber.id[:2] / f"{partnership.amber.id}.json").unlink()
    with pytest.raises(BundleError):
        pack(damaged, partnership.amber, tmp_path / "amber")
    assert [path.name for path in tmp_path.iterdir()] == ["audit"]


# -- versions --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Partnership, list[Statement], Path]:
    scene = Partnership()
    first = scene.release()
    second = scene.world.version(scene.author, first, "update")
    scene.world.log(second)
    third = scene.world.version(scene.author, second, "all-clear")
    scene.world.log(third)
    return scene, [first, second, third], scene.world.write_bundle(tmp_path / "audit")


def test_a_later_version_names_the_one_before_and_a_newer_one_is_told(
    versions: tuple[Partnership, list[Statement], Path], tmp_path: Path
) -> None:
    _, (first, second, third), bundle = versions
    shown = pack(bundle, second, tmp_path / "second")
    assert [statement for _, statement, _ in shown.versions] == [first.id, second.id, third.id]
    assert [(version, statement) for version, statement, _ in shown.newer] == [(3, third.id)]
    assert "limit-lineage" in shown.limits


def test_attack_a_version_whose_predecessor_is_left_out(
    versions: tuple[Partnership, list[Statement], Path], tmp_path: Path
) -> None:
    scene, (_, second, _), bundle = versions
    pack(bundle, second, tmp_path / "second")
    change(tmp_path / "second", "journal.json.gz", lambda value: {**value, "entries": value["entries"][1:]})
    assert refused(tmp_path / "second", scene.world.exchange) == ("version-unreleased", "journal.json.gz")


def test_attack_a_journal_that_releases_a_version_twice(tmp_path: Path) -> None:
    scene = Partnership()
    first = scene.release()
    scene.world.log(first, kind=RELEASED)
    bundle = scene.world.write_bundle(tmp_path / "audit")
    with pytest.raises(EvidenceError) as error:
        pack(bundle, first, tmp_path / "first")
    assert error.value.code == "version-taken"


# -- witnesses -------------------------------------------------------------------------------------------------------------


def test_the_quorum_of_named_witnesses_is_counted_and_a_forged_line_refused(tmp_path: Path) -> None:
    scene = Partnership()
    world = scene.world
    keys = [WitnessKey.generate(f"w{n}.example", world.random) for n in range(3)]
    world.accept(world.by_registrars("witness.name", quorum=1, witnesses=[keys[2].card()]))
    alert = scene.release()
    cards, previous = [key.card() for key in keys], world.previous("witnesses")
    world.accept(world.by_registrars("witness.name", quorum=2, witnesses=cards, previous=previous))
    bundle = world.write_bundle(tmp_path / "audit")
    for log in ("journal", "registry"):
        path = bundle / log / "checkpoint"
        note = Note.parse(path.read_bytes())
        lines = [
            line for key, at in zip(keys[:2], (100, 200), strict=True) for line in key.lines(note.text, world.now + at)
        ]
        path.write_bytes(Note(note.text, (*note.lines, *lines)).encode())
    shown = pack(bundle, alert, tmp_path / "alert")
    assert shown.quorum == {"journal": world.now + 100, "registry": world.now + 100}
    assert shown.witnesses["journal"] == {"w0.example": world.now + 100, "w1.example": world.now + 200}
    assert "limit-witness" not in shown.limits
    policy = (tmp_path / "alert" / "witness-policy").read_text(encoding="ascii")
    assert "quorum witnesses" in policy and policy.count("log ") == 4
    proof = tmp_path / "alert" / "alert.tlog-proof"
    line = keys[0].lines(note.text, world.now + 100)[0].encode()  # of the registry's text, under the journal's
    head, _, _ = proof.read_bytes().rpartition(b"\xe2\x80\x94 w0.example")
    proof.write_bytes(head + line)
    again(tmp_path / "alert")
    assert refused(tmp_path / "alert", world.exchange) == ("cosignature-invalid", "alert.tlog-proof")


# -- attacks ---------------------------------------------------------------------------------------------------------------


def test_attack_a_flipped_bit_in_any_file_is_refused_and_the_file_named(partnership: Partnership, red: Path) -> None:
    names = [path.relative_to(red).as_posix() for path in sorted(red.rglob("*")) if path.is_file()]
    assert len(names) == 19
    for name in names:
        whole = (red / name).read_bytes()
        for at in range(0, len(whole), max(1, len(whole) // 7)):
            flipped = bytearray(whole)
            flipped[at] ^= 4
            (red / name).write_bytes(flipped)
            with pytest.raises(EvidenceError) as error:
                verify_evidence(red, partnership.world.exchange)
            assert name == MANIFEST or error.value.file == name
        (red / name).write_bytes(whole)
    verify_evidence(red, partnership.world.exchange)


def test_attack_a_flipped_bit_that_the_manifest_hides_is_refused_as_well(partnership: Partnership, red: Path) -> None:
    for path in [
        path for path in sorted(red.rglob("*")) if path.is_file() and path.name not in (MANIFEST, "README.txt")
    ]:
        whole = path.read_bytes()
        for at in range(1, len(whole), max(1, len(whole) // 4)):
            flipped = bytearray(whole)
            flipped[at] ^= 1
            path.write_bytes(flipped)
            again(red)
            with pytest.raises(EvidenceError):
                verify_evidence(red, partnership.world.exchange)
        path.write_bytes(whole)
    again(red)
    verify_evidence(red, partnership.world.exchange)


ODD: tuple[object, ...] = ("0", 7, 2**52, -1, "x", [], {}, True)
"""What stands in a value's place."""


@pytest.mark.parametrize(
    "name", ["alert.json", "founding.json", "journal.json.gz", "openings.json", "registry.json.gz"]
)
def test_attack_any_value_of_a_file_changed_is_refused_in_good_order(
    partnership: Partnership, red: Path, name: str
) -> None:
    value = held(red, name)
    found = places(value)
    for number, path in enumerate(found[:: max(1, len(found) // 24)]):
        odd = ODD[number % len(ODD)]

        def put(_: object, odd: object = odd) -> object:
            return odd

        put_back(red, name, changed(value, path, put))
        again(red)
        with pytest.raises(EvidenceError):
            verify_evidence(red, partnership.world.exchange)


def bomb(megabytes: int) -> bytes:
    """A gzip file of zeros, a thousand times as large when unpacked."""
    return gzip.compress(bytes(megabytes << 20))


@pytest.mark.parametrize(
    "twist",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data + data,
        lambda data: gzip.decompress(data),
        lambda data: b"",
        lambda data: data[:-8] + bytes(8),
        lambda data: bomb(97),
    ],
    ids=["cut-off", "trailing-byte", "two-members", "not-compressed", "empty", "wrong-sum", "bomb"],
)
def test_attack_a_compressed_file_that_is_not_exactly_one(
    partnership: Partnership, red: Path, twist: Callable[[bytes], bytes]
) -> None:
    for name in ("registry.json.gz", "journal.json.gz"):
        whole = (red / name).read_bytes()
        (red / name).write_bytes(twist(whole))
        again(red)
        assert refused(red, partnership.world.exchange) == ("evidence-malformed", name)
        (red / name).write_bytes(whole)


def test_attack_a_statement_swapped_for_another_one(
    partnership: Partnership, bundle: Path, red: Path, tmp_path: Path
) -> None:
    pack(bundle, partnership.amber, tmp_path / "amber")
    shutil.copyfile(tmp_path / "amber" / "alert.json", red / "alert.json")
    again(red)
    assert refused(red, partnership.world.exchange) == ("statement-mismatch", "alert.json")
    again(red, statement=partnership.amber.id)
    assert refused(red, partnership.world.exchange) == ("statement-mismatch", "alert.json")


def test_attack_the_signatures_of_a_proposal_in_the_place_of_the_accepted_ones(
    partnership: Partnership, red: Path
) -> None:
    (red / "alert.json").write_bytes(partnership.red.envelope.encode())
    again(red)
    assert refused(red, partnership.world.exchange) == ("signatures-mismatch", "alert.json")


def test_attack_the_proof_of_another_entry(partnership: Partnership, bundle: Path, red: Path, tmp_path: Path) -> None:
    pack(bundle, partnership.amber, tmp_path / "amber")
    shutil.copyfile(tmp_path / "amber" / "alert.tlog-proof", red / "alert.tlog-proof")
    again(red)
    assert refused(red, partnership.world.exchange) == ("proof-invalid", "journal.json.gz")
    shutil.copyfile(tmp_path / "amber" / "alert.entry", red / "alert.entry")
    again(red)
    assert refused(red, partnership.world.exchange)[0] in {"statement-mismatch", "registry-unknown"}


def test_attack_a_receipt_from_a_device_never_sealed_to(tmp_path: Path) -> None:
    scene = Partnership()
    alert = scene.release()
    scene.world.log(scene.world.receipt(scene.driver, alert))
    bundle = scene.world.write_bundle(tmp_path / "audit")
    with pytest.raises(EvidenceError) as error:
        pack(bundle, alert, tmp_path / "alert", Choices(readers=True))
    assert (error.value.code, error.value.rule) == ("receipt-without-leaf", "V7")
    # Without the readers nothing can be said about it, and that is what is said.
    shown = pack(bundle, alert, tmp_path / "alert")
    assert [one.verified for one in shown.confirmations] == [False] and "limit-receipts" in shown.limits


def test_attack_a_receipt_of_another_alert(partnership: Partnership, bundle: Path, red: Path, tmp_path: Path) -> None:
    pack(bundle, partnership.amber, tmp_path / "amber", FULL)
    other = held(tmp_path / "amber", "journal.json.gz")["statements"]
    first = next(item for item in other if item["kind"] == "alert.receipt")
    assert partnership.released_red.id not in json.dumps(first)
    shown = held(red, "journal.json.gz")["statements"]
    merged = sorted([*shown, first], key=lambda item: int(item["index"]))
    change(red, "journal.json.gz", lambda value: {**value, "statements": merged})
    assert refused(red, partnership.world.exchange) == ("entry-mismatch", "journal.json.gz")


def test_attack_a_pack_of_another_exchange(red: Path, tmp_path: Path) -> None:
    other = Partnership("somebody else")
    assert refused(red, other.world.exchange) == ("other-exchange", MANIFEST)
    again(red, exchange=other.world.exchange)
    assert refused(red, other.world.exchange) == ("other-exchange", "founding.json")
    alert = other.release()
    theirs = other.world.write_bundle(tmp_path / "audit")
    pack(theirs, alert, tmp_path / "other")
    for part in ("entry", "json", "tlog-proof"):
        shutil.copyfile(tmp_path / "other" / f"founding.{part}", red / f"founding.{part}")
    again(red)
    assert refused(red, other.world.exchange)[0] == "checkpoint-invalid"


def revoked() -> tuple[Partnership, Statement]:
    """The author's device is revoked; somebody who has it signs all the same, and the exchange plays along."""
    scene = Partnership()
    world = scene.world
    alert = world.alert(scene.author, "AMBER+STRICT", scene.health)
    chain = f"device/{scene.author.device}"
    fields = {"device": scene.author.device, "previous": world.previous(chain)}
    world.accept(world.by_registrars("device.revoke", **fields))
    world.log(alert)
    return scene, alert


def test_attack_a_revoked_author_whose_revocation_is_left_out(tmp_path: Path) -> None:
    scene, alert = revoked()
    bundle = scene.world.write_bundle(tmp_path / "audit")
    for number, choices in enumerate((PLAIN, Choices(whole=True))):
        files = make_evidence(bundle, alert.id, choices)
        folder = tmp_path / str(number)
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        assert refused(folder, scene.world.exchange) == ("author-device-revoked", "alert.json")
        leave_out(folder, len(held(folder, "registry.json.gz")["statements"]) - 1)
    # What nobody can see without the registry's entries is said; with them it is found.
    shown = verify_evidence(tmp_path / "0", scene.world.exchange)
    assert "limit-chain-end" in shown.limits
    assert refused(tmp_path / "1", scene.world.exchange) == ("statement-withheld", "registry.entries")


def test_attack_terms_that_were_not_accepted_are_left_out(tmp_path: Path) -> None:
    """The author's organisation never accepted the terms; the exchange plays along, and the pack shows no terms at all."""
    scene = Partnership()
    world = scene.world
    document = {"length": 5, "sha256": "0" * 64}
    world.accept(world.by_registrars("terms.define", accept_by=world.now, document=document, version=1))
    alert = world.alert(scene.author, "CLEAR", urgency="immediate")
    world.log(alert)
    bundle = world.write_bundle(tmp_path / "audit")
    for number, choices in enumerate((PLAIN, Choices(whole=True))):
        folder = tmp_path / str(number)
        for name, data in make_evidence(bundle, alert.id, choices).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        assert refused(folder, world.exchange) == ("author-terms-not-accepted", "alert.json")
        kinds = [item["kind"] for item in held(folder, "registry.json.gz")["statements"]]
        leave_out(folder, kinds.index("terms.define"))
    assert "limit-chain-end" in verify_evidence(tmp_path / "0", world.exchange).limits
    assert refused(tmp_path / "1", world.exchange) == ("statement-withheld", "registry.entries")


def test_attack_a_registry_that_is_not_all_of_it(partnership: Partnership, red: Path) -> None:
    data = (red / "registry.entries").read_bytes()
    end = 2 + int.from_bytes(data[:2], "big")
    (red / "registry.entries").write_bytes(data[end:])
    again(red)
    assert refused(red, partnership.world.exchange) == ("entries-mismatch", "registry.entries")


def test_attack_a_statement_of_a_chain_left_out_in_its_middle(partnership: Partnership, red: Path) -> None:
    leave_out(red, 1)
    assert refused(red, partnership.world.exchange)[1] in {"registry.json.gz", "registry.entries", "alert.json"}


def test_attack_a_release_without_the_approvals_that_it_names(tmp_path: Path) -> None:
    scene = Partnership()
    alert = scene.world.alert(scene.author, "CLEAR", approvals=1, approvers=scene.approvers(scene.approver))
    scene.world.log(alert, kind=RELEASED)
    with pytest.raises(EvidenceError) as error:
        pack(scene.world.write_bundle(tmp_path / "audit"), alert, tmp_path / "alert")
    assert (error.value.code, error.value.rule) == ("approvals-missing", "R8")


def test_attack_an_author_without_the_right(tmp_path: Path) -> None:
    scene = Partnership()
    alert = scene.world.alert(scene.doctor, "AMBER", scene.health)
    scene.world.log(alert)
    with pytest.raises(EvidenceError) as error:
        pack(scene.world.write_bundle(tmp_path / "audit"), alert, tmp_path / "alert")
    assert (error.value.code, error.value.rule) == ("not-author", "R2")


def test_attack_one_leaf_exchanged_for_another(partnership: Partnership, red: Path) -> None:
    leaves = red / "leaves"
    data = bytearray(leaves.read_bytes())
    data[:32] = bytes(32)
    leaves.write_bytes(data)
    again(red)
    assert refused(red, partnership.world.exchange) == ("root-mismatch", "leaves")


def test_attack_a_name_that_nobody_committed_to(partnership: Partnership, red: Path) -> None:
    (red / "openings.json").write_bytes((red / "openings.json").read_bytes().replace(b"Polizei", b"Paketdi"))
    again(red)
    assert refused(red, partnership.world.exchange) == ("opening-mismatch", "openings.json")


def test_attack_a_key_file_for_other_peoples_tools_that_is_another_key(partnership: Partnership, red: Path) -> None:
    shutil.copyfile(red / "keys" / "registry.vkey", red / "keys" / "journal.vkey")
    again(red)
    assert refused(red, partnership.world.exchange) == ("key-file-differs", "keys/journal.vkey")


def test_attack_a_signature_too_many_or_too_few(partnership: Partnership, red: Path) -> None:
    path = red / "signatures.mldsa65"
    whole = path.read_bytes()
    for data in (whole[:-MLDSA65_SIGNATURE], whole + bytes(MLDSA65_SIGNATURE), whole[1:], b""):
        path.write_bytes(data)
        again(red)
        assert refused(red, partnership.world.exchange) == ("evidence-malformed", "signatures.mldsa65")


def test_a_missing_file_is_named_and_one_too_many_is_told(partnership: Partnership, red: Path) -> None:
    (red / "note.txt").write_text("added by hand", encoding="utf-8")
    assert verify_evidence(red, partnership.world.exchange).extra == ("note.txt",)
    again(red)
    assert refused(red, partnership.world.exchange) == ("evidence-malformed", "note.txt")
    (red / "note.txt").unlink()
    (red / "leaves").unlink()
    again(red)
    assert refused(red, partnership.world.exchange) == ("file-missing", "leaves")


def test_a_link_in_the_place_of_a_file_is_not_followed(partnership: Partnership, red: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes((red / "leaves").read_bytes())
    (red / "leaves").unlink()
    (red / "leaves").symlink_to(tmp_path / "elsewhere")
    assert refused(red, partnership.world.exchange) == ("file-unreadable", "leaves")


# -- the command -----------------------------------------------------------------------------------------------------------


def test_the_command_makes_and_verifies_in_both_languages(
    partnership: Partnership, bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "amber"
    ran = exchange("audit", "evidence", partnership.amber.id, "--bundle", bundle, "--out", out, "--with-names")
    assert ran.out.splitlines()[-1] == str(out) and "TLP:AMBER+STRICT" in ran.out and "not proven: that none" in ran.err
    ident = partnership.world.exchange
    german = exchange("audit", "evidence", "verify", out, "--exchange", ident, lang="de")
    assert "Polizei Musterstadt" in german.out and "der Nachweis der Meldung" in german.err
    assert exchange("audit", "evidence", "verify", out, "--exchange", ident, "--json").json["label"] == "AMBER+STRICT"
    text = (out / "README.txt").read_text(encoding="utf-8")
    assert "Was dies nicht beweist" in text and "What this does not prove" in text and ident in text
    with (out / "leaves").open("ab") as file:
        file.write(b"x")
    bad = exchange("audit", "evidence", "verify", out, "--exchange", ident, check=False)
    assert bad.status == 1 and "file leaves" in bad.err and "[file-differs]" in bad.err


def test_the_command_says_what_it_needs(partnership: Partnership, bundle: Path, tmp_path: Path) -> None:
    ident = partnership.world.exchange
    for words in (
        ("verify", tmp_path),
        ("verify", tmp_path, "--exchange", "ID"),
        (partnership.amber.id, "--bundle", bundle),
        ("verify", bundle, "--exchange", ident),
    ):
        assert exchange("audit", "evidence", *words, check=False).status == 2
    unknown = exchange("audit", "evidence", "0" * 64, "--bundle", bundle, "--out", tmp_path / "x", check=False)
    assert unknown.status == 1 and "[alert-unknown]" in unknown.err


def test_a_pack_is_told_from_a_bundle_and_from_any_other_folder(bundle: Path, red: Path, tmp_path: Path) -> None:
    assert [is_pack(folder) for folder in (red, bundle, tmp_path, tmp_path / "none")] == [True, False, False, False]
