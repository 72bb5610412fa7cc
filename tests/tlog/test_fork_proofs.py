"""Fork proofs: every two contradicting checkpoints give one that verifies, and nothing else does (docs/spec/evidence.md)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.tlog.checkpoint import Checkpoint, LogName
from exchange.tlog.errors import ProofError
from exchange.tlog.fork import ForkError, ForkProof, fork_hashes, make_fork_proof, verify_fork_proof, whole_path
from exchange.tlog.merkle import consistency_proof, leaf_hash, node_hash, range_root
from keys import encoding
from keys.note import LogSigner, Note, sign_checkpoint
from tests.support.outside import cosigned
from tests.support.world import World

WORLD = World(seed="fork").found()
FOUNDING = WORLD.statements[0].envelope
EXCHANGE = WORLD.exchange
ORIGIN = f"{WORLD.server.origin}/journal"


class Tree:
    """A journal of ``size`` entries that is one history up to ``same`` and this side's own after it."""

    def __init__(self, size: int, same: int, side: str) -> None:
        self.size = size
        self.leaves = [leaf_hash(b"%d %s" % (i, b"" if i < same else side.encode())) for i in range(size)]

    def node(self, level: int, index: int) -> bytes:
        if level == 0:
            return self.leaves[index]
        return node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))

    def root(self, size: int | None = None) -> bytes:
        return range_root(self.node, 0, self.size if size is None else size)


@cache
def note(size: int, root: bytes, log: LogName = "journal") -> bytes:
    text = Checkpoint(f"{WORLD.server.origin}/{log}", size, root).text()
    return sign_checkpoint(text, WORLD.server.journal if log == "journal" else WORLD.server.registry, WORLD.now)


@given(st.data())
def test_two_histories_are_proven_exactly_when_they_part_before_the_smaller_size(data: st.DataObject) -> None:
    small = data.draw(st.integers(1, 70), label="small")
    large = data.draw(st.integers(small, 90), label="large")
    same = data.draw(st.integers(0, large), label="same")
    one, two = Tree(small, same, "one"), Tree(large, same, "two")
    first, second = note(small, one.root()), note(large, two.root())
    hashes = fork_hashes(two.node, small, large)
    if same >= small:
        with pytest.raises(ForkError) as error:
            make_fork_proof(FOUNDING, "journal", first, second, hashes)
        assert error.value.code == "fork-none"
        return
    proof = make_fork_proof(FOUNDING, "journal", second, first, hashes)
    assert make_fork_proof(FOUNDING, "journal", first, second, hashes) == proof
    assert ForkProof.parse(proof.encode()) == proof
    fork = verify_fork_proof(proof.encode(), EXCHANGE)
    if small == large:
        assert {fork.first.root, fork.second.root} == {one.root(), two.root()}
    else:
        assert (fork.first.root, fork.second.root, fork.other) == (one.root(), two.root(), two.root(small))
        assert whole_path(small, two.root(small), consistency_proof(two.node, small, large)) == hashes


@given(st.data())
def test_no_hashes_turn_consistent_checkpoints_into_a_fork(data: st.DataObject) -> None:
    large = data.draw(st.integers(2, 70), label="large")
    small = data.draw(st.integers(1, large - 1), label="small")
    tree = Tree(large, large, "")
    honest = list(fork_hashes(tree.node, small, large))
    forged = data.draw(
        st.one_of(
            st.permutations(honest),
            st.lists(st.sampled_from([*honest, tree.root(), tree.root(small), *tree.leaves[:3]]), max_size=8),
            st.integers(0, len(honest) - 1).map(
                lambda at: [*honest[:at], sha256(honest[at]).digest(), *honest[at + 1 :]]
            ),
        ),
        label="hashes",
    )
    with pytest.raises(ForkError) as error:
        make_fork_proof(FOUNDING, "journal", note(small, tree.root(small)), note(large, tree.root()), forged)
    assert error.value.code in {"fork-none", "fork-unproven"}


@pytest.fixture
def proof() -> ForkProof:
    one, two = Tree(4, 3, "one"), Tree(7, 3, "two")
    hashes = fork_hashes(two.node, 4, 7)
    return make_fork_proof(FOUNDING, "journal", note(4, one.root()), note(7, two.root()), hashes)


def refused(proof: ForkProof | bytes, exchange: str = EXCHANGE) -> str:
    with pytest.raises(ForkError) as error:
        verify_fork_proof(proof, exchange)
    return error.value.code


def test_witnesses_lines_may_stand_behind_the_logs_own(proof: ForkProof) -> None:
    verify_fork_proof(replace(proof, second=cosigned(proof.second)), EXCHANGE)


def test_a_fork_of_one_exchange_does_not_accuse_another(proof: ForkProof) -> None:
    other = World(seed="fork, another").found()
    assert refused(proof, other.exchange) == "fork-exchange"
    assert refused(replace(proof, exchange=other.exchange, founding=other.statements[0].envelope)) == "fork-exchange"
    assert refused(replace(proof, founding=other.statements[0].envelope)) == "fork-exchange"
    assert refused(replace(proof, founding=WORLD.statements[1].envelope)) == "fork-exchange"
    claimed = replace(proof, exchange=other.exchange, founding=other.statements[0].envelope)
    assert refused(claimed, other.exchange) == "fork-note"


def test_a_checkpoint_that_the_log_did_not_sign_with_both_keys_accuses_nobody(proof: ForkProof) -> None:
    parsed = Note.parse(proof.second)
    for lines in (parsed.lines[:1], parsed.lines[1:]):
        assert refused(replace(proof, second=Note(parsed.text, lines).encode())) == "fork-note"
    thief = LogSigner.generate(ORIGIN)
    assert refused(replace(proof, second=sign_checkpoint(parsed.text, thief, WORLD.now))) == "fork-note"


def test_the_registrys_checkpoint_is_not_a_fork_of_the_journal(proof: ForkProof) -> None:
    registry = note(4, Tree(4, 0, "registry").root(), "registry")
    assert refused(replace(proof, first=registry)) == "fork-note"
    assert refused(replace(proof, log="registry")) == "fork-note"


def test_the_same_checkpoint_twice_is_no_fork(proof: ForkProof) -> None:
    assert refused(replace(proof, first=proof.second, hashes=())) == "fork-none"


def test_an_empty_log_contradicts_nothing(proof: ForkProof) -> None:
    assert refused(replace(proof, first=note(0, sha256(b"").digest()))) == "fork-none"


def test_there_are_no_hashes_for_a_size_of_nothing() -> None:
    tree = Tree(3, 3, "")
    with pytest.raises(ProofError):
        fork_hashes(tree.node, 4, 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda value: {**value, "format": "tlp-exchange-fork/v2"},
        lambda value: {**value, "log": "tree"},
        lambda value: {**value, "more": "fields"},
        lambda value: {**value, "proof": ["x"]},
        lambda value: {**value, "proof": "text"},
        lambda value: {**value, "proof": value["proof"] * 40},
        lambda value: {**value, "first": 4},
        lambda value: {**value, "founding": {}},
        lambda value: {**value, "exchange": value["exchange"].upper()},
        lambda value: {name: field for name, field in value.items() if name != "log"},
    ],
)
def test_another_form_is_refused(proof: ForkProof, change: object) -> None:
    assert callable(change)
    value = encoding.decode(proof.encode(), max_bytes=1 << 22)
    assert refused(encoding.encode(change(value))) == "fork-malformed"
    assert refused(proof.encode() + b"\n") == "fork-malformed"
    assert refused(b"") == "fork-malformed"


def test_the_smaller_checkpoint_comes_first(proof: ForkProof) -> None:
    assert refused(replace(proof, first=proof.second, second=proof.first)) == "fork-malformed"


def test_every_flipped_bit_outside_the_foundings_signatures_is_refused(proof: ForkProof) -> None:
    # Whoever knows the exchange id has the founding's hash; its signatures are not needed to know the log's keys.
    data = proof.encode()
    start = data.index(b'"signatures":')
    unneeded = range(start, data.index(b"]", start))
    for at in (at for at in range(0, len(data), 97) if at not in unneeded):
        flipped = bytearray(data)
        flipped[at] ^= 1
        with pytest.raises(ForkError):
            verify_fork_proof(bytes(flipped), EXCHANGE)
