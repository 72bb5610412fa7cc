"""Fork proofs: one file that shows anybody that a log signed two histories (docs/spec/evidence.md, Proof of a fork).

Two checkpoints of one log contradict each other when they have the same size and different roots, or when the larger one's
tree has, at the smaller one's size, another root than the smaller one names. The second case needs hashes of the larger
one's tree: a consistency proof that leads to the larger root and to that *other* root. Nothing else is believed: the keys
are those of the founding statement, whose hash is the exchange id. Making a proof verifies it; no file or network here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, decode_hash, encode_hash, log_origin
from exchange.tlog.errors import TlogError
from exchange.tlog.merkle import MAX_PROOF_HASHES, NodeReader, consistency_proof, range_root, roots_of_path
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.note import MAX_NOTE, verify_checkpoint
from keys.verify import LogPublicKey

FORMAT: Final = "tlp-exchange-fork/v1"
SUFFIX: Final = ".fork.json"
"""What the file's name ends in."""
MAX_FORK_BYTES: Final = 4_194_304
"""Two notes of at most 1 MiB, the founding, 64 hashes, and what JSON adds."""
_FIELDS = frozenset({"exchange", "first", "format", "founding", "log", "proof", "second"})
_FOUNDING = "exchange.found"


class ForkError(TlogError):
    """No fork is shown.

    Codes: ``fork-malformed``, ``fork-exchange`` (of another exchange, or its founding is not that), ``fork-note`` (a
    checkpoint that the log did not sign), ``fork-none`` (the two do not contradict each other), ``fork-unproven`` (the
    hashes do not lead to the larger one's root).
    """


@dataclass(frozen=True, slots=True)
class ForkProof:
    """The file's contents: ``first`` and ``second`` are signed checkpoints (bytes), the smaller one first.

    ``hashes`` are empty for equal sizes. Else: the RFC 9162 consistency proof from the first size to the second with its
    first node always named (`fork_hashes`); where the first size is a power of two that node is the other root itself.
    """

    exchange: str
    founding: Envelope
    log: LogName
    first: bytes
    second: bytes
    hashes: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """Strict JSON."""
        return encoding.encode(
            {
                "exchange": self.exchange,
                "first": self.first.decode("utf-8"),
                "format": FORMAT,
                "founding": self.founding.to_json(),
                "log": self.log,
                "proof": [encode_hash(value) for value in self.hashes],
                "second": self.second.decode("utf-8"),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a file; it proves nothing yet. Raises ForkError ``fork-malformed``."""
        try:
            value = encoding.decode(data, max_bytes=MAX_FORK_BYTES)
            if not isinstance(value, dict) or value.keys() != _FIELDS or value["format"] != FORMAT:
                raise ForkError("fork-malformed", f"not a file of the format {FORMAT}")
            hashes = value["proof"]
            if not isinstance(hashes, list) or len(hashes) > MAX_PROOF_HASHES + 1:
                raise ForkError("fork-malformed", f"a proof has at most {MAX_PROOF_HASHES + 1} hashes")
            exchange = encoding.unhex32(value["exchange"]).hex()
            return cls(
                exchange,
                Envelope.from_json(value["founding"]),
                _log(value["log"]),
                _note(value["first"]),
                _note(value["second"]),
                tuple(decode_hash(_text(item)) for item in hashes),
            )
        except ForkError:
            raise
        except (KeysError, TlogError) as error:
            raise ForkError("fork-malformed", f"not a fork proof: {error}") from None


@dataclass(frozen=True, slots=True)
class Fork:
    """A proven fork: the two checkpoints that the log signed, and the root at the first size that the second one implies."""

    exchange: str
    log: LogName
    first: Checkpoint
    second: Checkpoint
    other: bytes


def verify_fork_proof(data: bytes | ForkProof, exchange: str) -> Fork:
    """The fork that a file proves of the exchange with this id (64 hexadecimal digits).

    Raises ForkError: the file then accuses nobody.
    """
    proof = data if isinstance(data, ForkProof) else ForkProof.parse(data)
    if proof.exchange != exchange or proof.founding.statement_id != exchange or proof.founding.kind != _FOUNDING:
        raise ForkError("fork-exchange", "the proof is not of this exchange, or its founding statement is another")
    origin, key = _log_key(proof.founding, proof.log)
    first, second = _opened(proof.first, origin, key), _opened(proof.second, origin, key)
    if first.size > second.size:
        raise ForkError("fork-malformed", "the smaller checkpoint comes first")
    if first.size == 0:
        raise ForkError("fork-none", "an empty log contradicts nothing")
    if first.size == second.size:
        if proof.hashes:
            raise ForkError("fork-malformed", "two checkpoints of one size need no hashes")
        other = second.root
    else:
        try:
            other, leads_to = roots_of_path(first.size, second.size, proof.hashes)
        except TlogError as error:
            raise ForkError("fork-unproven", f"the hashes do not fit the two sizes: {error}") from None
        if leads_to != second.root:
            raise ForkError("fork-unproven", "the hashes do not lead to the larger checkpoint's root")
    if other == first.root:
        raise ForkError(
            "fork-none", "the two checkpoints do not contradict each other: the larger continues the smaller"
        )
    return Fork(exchange, proof.log, first, second, other)


def make_fork_proof(
    founding: Envelope, log: LogName, one: bytes, two: bytes, hashes: Sequence[bytes] = ()
) -> ForkProof:
    """The proof that two signed checkpoints contradict each other, verified; their order does not matter.

    ``hashes`` are `fork_hashes` of the *larger* one's tree, empty for equal sizes. Raises ForkError.
    """
    origin, key = _log_key(founding, log)
    opened = {note: _opened(note, origin, key) for note in (one, two)}
    first, second = sorted((one, two), key=lambda note: (opened[note].size, opened[note].root))
    proof = ForkProof(founding.statement_id, founding, log, first, second, tuple(hashes))
    verify_fork_proof(proof, proof.exchange)
    return proof


def fork_hashes(read: NodeReader, first: int, second: int) -> tuple[bytes, ...]:
    """What `make_fork_proof` takes: ``read`` gives nodes of the tree with ``second`` entries (`tiles.TileTree.node`).

    Empty for equal sizes. Raises ProofError ``proof-size`` when the first size is 0 or larger.
    """
    if first == second:
        return ()
    hashes = consistency_proof(read, first, second)
    return (range_root(read, 0, first), *hashes) if first & (first - 1) == 0 else hashes


def whole_path(first: int, root: bytes, proof: Sequence[bytes]) -> tuple[bytes, ...]:
    """The same from an RFC 9162 consistency proof that somebody else made, with the root that its maker has at ``first``."""
    return (root, *proof) if first & (first - 1) == 0 else tuple(proof)


def _log_key(founding: Envelope, log: LogName) -> tuple[str, LogPublicKey]:
    """The log's origin and keys as the founding statement names them; its id vouches for the bytes."""
    try:
        body = encoding.decode(founding.body, max_bytes=len(founding.body) + 1)
        if founding.kind != _FOUNDING or not isinstance(body, dict) or not isinstance(body.get("logs"), dict):
            raise ForkError("fork-exchange", "the founding statement is not one")
        return log_origin(_text(body.get("origin")), log), LogPublicKey.from_json(body["logs"].get(log))
    except ForkError:
        raise
    except (KeysError, TlogError) as error:
        raise ForkError("fork-exchange", f"the founding statement names no usable log: {error}") from None


def _opened(note: bytes, origin: str, key: LogPublicKey) -> Checkpoint:
    try:
        return Checkpoint.parse(verify_checkpoint(note, origin, key).text)
    except (KeysError, TlogError) as error:
        raise ForkError("fork-note", f"a checkpoint is not one that the log signed: {error}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ForkError("fork-malformed", "a value is not text")
    return value


def _note(value: Any) -> bytes:
    try:
        note = _text(value).encode("utf-8")
    except UnicodeEncodeError:
        raise ForkError("fork-malformed", "a checkpoint is not text") from None
    if len(note) > MAX_NOTE:
        raise ForkError("fork-malformed", f"a checkpoint has at most {MAX_NOTE} bytes")
    return note


def _log(value: Any) -> LogName:
    for log in LOGS:
        if value == log:
            return log
    raise ForkError("fork-malformed", "there are two logs, registry and journal")
