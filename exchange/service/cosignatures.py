"""The cosignature lines of one log: what stands under the newest checkpoints, and the newest note that has the quorum.

Pure keeping, bounded: at most `KEPT_SIZES` checkpoints with the lines of at most 15 witnesses each, about 3 MB a log. A line is
verified before it comes in here (``read_answer``) and leaves with its witness: what is served has lines of witnesses named
now and no others. Whom to ask, and when, is ``witnessing``'s. Spec: docs/spec/logs.md, Witnesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from exchange.policy.members import Witness
from exchange.policy.witnesses import cosigned, quorum_time, witness_verifiers
from exchange.tlog.checkpoint import Checkpoint
from keys.errors import NoteError
from keys.note import Note, NoteLine

KEPT_SIZES = 16
"""Checkpoints of a log whose cosignatures are kept while none of them has the quorum."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Both verified lines of a witness under one checkpoint, and its time: the older of theirs, in seconds."""

    lines: tuple[NoteLine, ...] = field(repr=False)
    time: int


@dataclass(slots=True)
class _Sized:
    """A checkpoint (text, and the log's own lines) with what came for it, by witness name."""

    note: Note
    cosigned: dict[str, Cosigned] = field(default_factory=dict)

    def times(self) -> dict[str, int]:
        return {name: one.time for name, one in self.cosigned.items()}


def read_answer(text: str, witness: Witness, body: bytes) -> Cosigned:
    """The two lines of a witness's answer to a checkpoint's text, both verified; lines of other keys are dropped.

    Raises NoteError: ``bad-note``, ``bad-name``, ``too-large``, ``signature-invalid``, ``signature-missing`` (not both, or one
    twice).
    """
    note = Note.parse(text.encode("utf-8") + b"\n" + body)
    if note.text != text:
        raise NoteError("bad-note", "an answer is signature lines and nothing else")
    theirs = {(verifier.name, verifier.key_id) for verifier in witness_verifiers(witness)}
    lines = tuple(line for line in note.lines if (line.name, line.key_id) in theirs)
    if len(lines) != len(theirs) or {(line.name, line.key_id) for line in lines} != theirs:
        raise NoteError("signature-missing", "an answer has one line of each of the witness's two keys")
    times = cosigned(Note(text, lines), (witness,))
    return Cosigned(lines, times[witness.name])


class Cosignatures:
    """Of one log. ``name`` says whose lines count; ``take`` brings some in; the rest is read from."""

    def __init__(self) -> None:
        self._witnesses: tuple[Witness, ...] = ()
        self._quorum = 0
        self._sized: dict[int, _Sized] = {}
        """By size, ascending; never smaller than the newest size that has the quorum."""
        self._served: tuple[bytes, bytes] | None = None
        self._enough: bytes | None = None

    def name(self, witnesses: Sequence[Witness], quorum: int) -> None:
        """From now on these witnesses are named, and so many are enough: lines of others, and of other keys, are dropped."""
        stay = {_keys(witness) for witness in witnesses} & {_keys(witness) for witness in self._witnesses}
        names = {name for name, *_ in stay}
        for sized in self._sized.values():
            sized.cosigned = {name: one for name, one in sized.cosigned.items() if name in names}
        self._witnesses, self._quorum = tuple(witnesses), quorum
        self._bound()

    def take(self, own: bytes, witness: Witness, cosigned: Cosigned) -> None:
        """Keep verified lines for the signed checkpoint ``own`` (the log's lines only), unless newer ones are here.

        Lines of a witness that is not named, and for sizes below the quorum's, are dropped.
        """
        if _keys(witness) not in {_keys(named) for named in self._witnesses}:
            return
        note = Note.parse(own)
        size = Checkpoint.parse(note.text).size
        sized = self._sized.setdefault(size, _Sized(note))
        known = sized.cosigned.get(witness.name)
        if known is None or known.time <= cosigned.time:
            sized.cosigned[witness.name] = cosigned
        self._sized = dict(sorted(self._sized.items()))
        self._bound()

    def restore(self, stored: bytes) -> None:
        """Take lines from a note that ``served`` or ``quorum_note`` gave once, all verified anew; the rest is trusted.

        What does not verify is left out: it may be of a witness that has other keys by now. Raises NoteError, CheckpointError when
        it is no checkpoint.
        """
        note = Note.parse(stored)
        origin = Checkpoint.parse(note.text).origin
        own = Note(note.text, tuple(line for line in note.lines if line.name == origin)).encode()
        for witness in self._witnesses:
            body = b"".join(line.encode() for line in note.lines if line.name == witness.name)
            try:
                self.take(own, witness, read_answer(note.text, witness, body))
            except NoteError:
                continue

    def _bound(self) -> None:
        self._served = self._enough = None
        enough = self._newest_enough()
        kept = [size for size in self._sized if enough is None or size >= enough]
        # Beside the quorum's, the newest: the others get no more cosignatures.
        dropped = set(self._sized) - set(kept) | set(kept[1 if enough is not None else 0 : -KEPT_SIZES])
        for size in dropped:
            del self._sized[size]

    def _newest_enough(self) -> int | None:
        return max(
            (size for size, sized in self._sized.items() if 0 < self._quorum <= len(sized.cosigned)), default=None
        )

    # -- what is served --------------------------------------------------------------------------------------------

    def served(self, own: bytes) -> bytes:
        """A signed checkpoint with the lines that are here for exactly it, by witness name."""
        if self._served is None or self._served[0] != own:
            note = Note.parse(own)
            sized = self._sized.get(Checkpoint.parse(note.text).size)
            with_lines = own if sized is None or sized.note.text != note.text else _encode(note, sized)
            self._served = (own, with_lines)
        return self._served[1]

    def quorum_note(self) -> bytes | None:
        """The newest note that has the quorum; None while there is none."""
        size = self._newest_enough()
        if size is not None and self._enough is None:
            self._enough = _encode(self._sized[size].note, self._sized[size])
        return self._enough

    def quorum_time(self) -> int | None:
        """The time of its quorum in seconds."""
        size = self._newest_enough()
        return None if size is None else quorum_time(self._sized[size].times(), self._quorum)


def _keys(witness: Witness) -> tuple[str, bytes, bytes]:
    """What makes it the same witness wherever it is asked."""
    return witness.name, witness.ed25519, witness.mldsa44


def _encode(note: Note, sized: _Sized) -> bytes:
    return Note(note.text, (*note.lines, *_lines(sized.cosigned[name] for name in sorted(sized.cosigned)))).encode()


def _lines(several: Iterable[Cosigned]) -> Iterable[NoteLine]:
    return (line for one in several for line in one.lines)
