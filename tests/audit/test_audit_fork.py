"""``prove-fork`` from an auditor's bundle or a member's home, and ``check-fork`` for whoever gets the file."""

from __future__ import annotations

import copy
import json
import sqlite3
from itertools import chain
from pathlib import Path

import pytest

from exchange.audit.fork import BundleCopy, NoProof, prove_fork
from exchange.client.home import MEMBERSHIP, STATE, Invited, Membership
from exchange.client.schema import MIGRATIONS
from exchange.tlog.checkpoint import LOGS
from exchange.tlog.fork import ForkProof, verify_fork_proof
from keys import encoding
from tests.cli.flow import exchange
from tests.support.outside import cosigned
from tests.support.partnership import Partnership


@pytest.fixture(scope="module")
def histories() -> tuple[Partnership, Partnership]:
    """What the others see, and what one victim is shown: both logs begin alike, then the journal is another."""
    public = Partnership("forked")
    private = copy.copy(public)
    private.world = copy.copy(public.world)
    for name, value in vars(public.world).items():
        if isinstance(value, dict):
            apart = {key: list(inner) if isinstance(inner, list) else inner for key, inner in value.items()}
            setattr(private.world, name, apart)
    private.world.log(private.world.alert(private.author, "GREEN", {"everyone": True}))
    for _ in range(40):
        private.release()
    return public.everything(), private


@pytest.fixture(scope="module")
def public(histories: tuple[Partnership, Partnership]) -> Partnership:
    return histories[0]


@pytest.fixture(scope="module")
def private(histories: tuple[Partnership, Partnership]) -> Partnership:
    return histories[1]


@pytest.fixture(scope="module")
def bundles(public: Partnership, private: Partnership, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("forked")
    assert public.world.exchange == private.world.exchange
    return {
        "private": private.world.write_bundle(folder / "private"),
        "public": public.world.write_bundle(folder / "public"),
    }


@pytest.fixture
def home(private: Partnership, tmp_path: Path) -> Path:
    """What the victim's client keeps."""
    world = private.world
    folder = tmp_path / "home"
    folder.mkdir()
    invited = Invited(
        exchange=world.exchange,
        name="Mina Muster",
        organisation=private.hospital,
        person=private.doctor.person,
        roles=("officer",),
        url="https://exchange.example",
    )
    membership = Membership(invited, world.statements[0].envelope, private.doctor.device, "Notebook")
    (folder / MEMBERSHIP).write_bytes(encoding.encode(membership.to_json()))
    with sqlite3.connect(folder / STATE) as database:
        for line in chain.from_iterable(MIGRATIONS):
            database.execute(line)
        for log in LOGS:
            for index, (entry, statement) in enumerate(world.logs[log]):
                row = (log, index, entry.encode(), bytes.fromhex(world.head(log, index + 1).root))
                database.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", (*row, entry.kind, statement.id))
            head = world.head(log)
            checkpoint = (log, head.size, bytes.fromhex(head.root), world.note(log), world.now)
            database.execute("INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?)", checkpoint)
    database.close()
    return folder


def common(public: Partnership, private: Partnership) -> int:
    """How many journal entries both histories begin with."""
    pairs = zip(public.world.trees["journal"], private.world.trees["journal"], strict=False)
    return sum(one == two for one, two in pairs) - 1


def write(path: Path, note: bytes) -> Path:
    path.write_bytes(note)
    return path


def proven(bundle: Path, one: bytes, two: bytes, exchange_id: str) -> tuple[int, int]:
    proof = prove_fork(BundleCopy(bundle), one, two)
    fork = verify_fork_proof(ForkProof.parse(proof.encode()), exchange_id)
    return fork.first.size, fork.second.size


def test_every_pair_of_sizes_after_the_parting_is_proven_with_the_larger_ones_bundle(
    public: Partnership, private: Partnership, bundles: dict[str, Path]
) -> None:
    start = common(public, private)
    assert 0 < start < public.world.size("journal")
    for size in range(start + 1, public.world.size("journal") + 1):
        for other in (size, size + 1, 32, private.world.size("journal")):
            one, two = public.world.note("journal", size), private.world.note("journal", other)
            if other >= size:
                assert proven(bundles["private"], one, two, public.world.exchange) == (size, other)
                assert proven(bundles["private"], two, one, public.world.exchange) == (size, other)


def test_a_copy_of_one_history_convicts_the_other_ones_checkpoint_with_its_own(
    public: Partnership, private: Partnership, bundles: dict[str, Path]
) -> None:
    mine = private.world.note("journal", 9)
    theirs, size = public.world.note("journal"), public.world.size("journal")
    # Both are older than this copy's end, and the first of them is its own past.
    assert proven(bundles["private"], mine, theirs, public.world.exchange) == (size, private.world.size("journal"))


def test_two_checkpoints_of_one_history_do_not_contradict(private: Partnership, bundles: dict[str, Path]) -> None:
    for sizes in ((1, 9), (8, 9), (9, 9), (0, 9)):
        with pytest.raises(NoProof) as error:
            prove_fork(BundleCopy(bundles["private"]), *(private.world.note("journal", size) for size in sizes))
        assert error.value.code == "fork-none"


def test_a_copy_that_ends_before_the_larger_checkpoint_cannot_tell(
    public: Partnership, private: Partnership, bundles: dict[str, Path]
) -> None:
    with pytest.raises(NoProof) as error:
        prove_fork(BundleCopy(bundles["public"]), public.world.note("journal"), private.world.note("journal"))
    assert error.value.code == "fork-undecided"


def test_a_copy_that_lies_about_its_tree_proves_nothing(
    public: Partnership, private: Partnership, tmp_path: Path
) -> None:
    bundle = private.world.write_bundle(tmp_path / "audit")
    tile = bundle / "journal" / "tile" / "0" / f"000.p/{private.world.size('journal')}"
    data = bytearray(tile.read_bytes())
    data[0] ^= 1
    tile.write_bytes(data)
    with pytest.raises(NoProof) as error:
        prove_fork(BundleCopy(bundle), private.world.note("journal", 4), private.world.note("journal", 9))
    assert error.value.code in {"fork-undecided", "fork-unproven"}


def test_checkpoints_of_two_logs_or_of_another_exchange_are_told_apart(
    private: Partnership, bundles: dict[str, Path]
) -> None:
    own = BundleCopy(bundles["private"])
    stranger = Partnership("somebody else")
    for one, two, code in (
        (private.world.note("journal"), private.world.note("registry"), "fork-logs"),
        (stranger.world.note("journal"), private.world.note("journal"), "fork-note"),
        (b"no note", private.world.note("journal"), "fork-note"),
    ):
        with pytest.raises(NoProof) as error:
            prove_fork(own, one, two)
        assert error.value.code == code


def test_a_member_proves_with_what_the_own_client_keeps_and_anybody_checks_it(
    public: Partnership, private: Partnership, home: Path, tmp_path: Path
) -> None:
    mine = write(tmp_path / "mine.note", cosigned(private.world.note("journal")))
    theirs = write(tmp_path / "theirs.note", cosigned(public.world.note("journal")))
    out = tmp_path / "partnership.fork.json"
    ran = exchange("audit", "prove-fork", mine, theirs, "--home", home, "--out", out)
    assert ran.out.strip() == str(out) and "proven" in ran.err and "hint: hand" in ran.err
    assert out.stat().st_size < 65_536
    checked = exchange("audit", "check-fork", out, "--exchange", public.world.exchange, "--json")
    assert json.loads(checked.out)["log"] == "journal"
    german = exchange("audit", "check-fork", out, "--exchange", public.world.exchange, lang="de")
    assert "hat zwei Fassungen der Vergangenheit unterschrieben" in german.err
    again = exchange("audit", "prove-fork", mine, theirs, "--home", home, "--out", out, check=False)
    assert again.status == 1 and "file-exists" in again.err


def test_what_is_no_fork_is_said_in_a_sentence_with_exit_status_1(
    private: Partnership, bundles: dict[str, Path], tmp_path: Path
) -> None:
    old, new = (write(tmp_path / str(size), private.world.note("registry", size)) for size in (5, 12))
    out = tmp_path / "none.fork.json"
    ran = exchange("audit", "prove-fork", old, new, "--bundle", bundles["private"], "--out", out, check=False)
    assert ran.status == 1 and "do not contradict each other" in ran.err and "[fork-none]" in ran.err
    assert not out.exists()
    out.write_bytes(b"{}")
    ran = exchange("audit", "check-fork", out, "--exchange", private.world.exchange, check=False)
    assert ran.status == 1 and "[fork-malformed]" in ran.err
    ran = exchange("audit", "check-fork", out, "--exchange", "ID", check=False)
    assert ran.status == 2
