"""A change of the registrars, for a person who has no network: who stays, who goes, who comes, and who must sign yet.

Spec: docs/spec/statements.md, "Rotation". The registrars in force are known here only from files that a registrar keeps: the
founding, and every rotation since. Each is held against the one before by the rule that the exchange applies, so that a
file somebody slipped in does not make a stranger look like a colleague. No network, no clock.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from keys.encoding import fingerprint, unhex32
from keys.envelope import Envelope
from keys.errors import SigningFileError
from keys.language import Language
from keys.registrar import SigningFile, SigningItem, body_of, named_registrars
from keys.texts import text
from keys.verify import SigningPublicKey
from keys.words import plain, verdict

ROTATE = "registrar.rotate"


@dataclass(frozen=True, slots=True)
class Registrars:
    """The registrars at one time, by key id; ``statement`` is the rotation that named them, None for the founding."""

    keys: dict[str, SigningPublicKey]
    threshold: int
    statement: str | None = None


def registrars_in(files: Sequence[SigningFile], exchange: str | None) -> Registrars:
    """The registrars in force after the founding and the rotations in these files, in any order.

    Raises SigningFileError `no-founding` (the founding of this exchange is not among them), `rotation-broken` (a rotation does
    not follow the one before, or lacks signatures).
    """
    items = [item for file in files for item in file.items]
    found = next(
        (i for i in items if i.envelope.kind == "exchange.found" and i.envelope.statement_id == exchange), None
    )
    if found is None:
        raise SigningFileError("no-founding", "the founding of this exchange is not among the files given")
    body = body_of(found)
    now = Registrars({key.key_id: key for key in named_registrars(body)}, _threshold(body))
    if len(_verified(found.envelope, now.keys)) < now.threshold:
        raise SigningFileError("rotation-broken", "the founding lacks signatures")
    waiting = [item for item in items if item.envelope.kind == ROTATE and body_of(item).get("exchange") == exchange]
    while waiting:
        following = [item for item in waiting if body_of(item).get("previous") == now.statement]
        if len({item.envelope.statement_id for item in following}) != 1:
            raise SigningFileError("rotation-broken", "the rotations given do not follow each other")
        now = _after(now, following[0])
        waiting = [item for item in waiting if item not in following]
    return now


def _after(before: Registrars, item: SigningItem) -> Registrars:
    missing = lacking(before, item)
    if missing.old or missing.new or missing.newcomers:
        raise SigningFileError("rotation-broken", "a rotation among the files given lacks signatures")
    body = body_of(item)
    keys = {key.key_id: key for key in named_registrars(body)}
    return Registrars(keys, _threshold(body), item.envelope.statement_id)


def _threshold(body: dict[str, Any]) -> int:
    """How many sign together, at least two: a file that was carried here may say anything. Raises SigningFileError `bad-field`."""
    threshold = body.get("threshold")
    if type(threshold) is not int or threshold < 2:
        raise SigningFileError("bad-field", "the threshold is not between 2 and the number of registrars")
    return threshold


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a rotation still lacks: signatures of registrars in force, of registrars to come, and which newcomers'."""

    old: int
    new: int
    newcomers: tuple[str, ...]

    @property
    def count(self) -> int:
        """The least number of persons who must sign yet: a newcomer is one of the new, a registrar who stays is of both."""
        return max(self.old + len(self.newcomers), self.new)


def lacking(before: Registrars, item: SigningItem) -> Lacking:
    """What a rotation still lacks; only signatures that verify count."""
    body = body_of(item)
    named = {key.key_id: key for key in named_registrars(body)}
    signed = _verified(item.envelope, before.keys | named)
    return Lacking(
        max(0, before.threshold - len(signed & before.keys.keys())),
        max(0, _threshold(body) - len(signed & named.keys())),
        tuple(sorted(named.keys() - before.keys.keys() - signed)),
    )


def _verified(envelope: Envelope, keys: dict[str, SigningPublicKey]) -> set[str]:
    return {key_id for key_id in envelope.signer_ids if verdict(envelope, keys.get(key_id)) == "verified"}


def explain_rotation(
    item: SigningItem, before: Registrars | None, own: str | None = None, *, language: Language
) -> Iterator[str]:
    """Yield what a rotation means, in words; ``own`` is the key id of the registrar who looks at it.

    Without ``before`` nobody can be told to stay or go: it says so, and what to compare.
    """
    body = body_of(item)
    named = {key.key_id: key for key in named_registrars(body)}
    if before is None:
        yield from _said("rotation_unknown", language)
        for key_id in sorted(named):
            yield from _one("rotation_named", key_id, own, language)
    else:
        for key_id in sorted(before.keys.keys() & named.keys()):
            yield from _one("rotation_stays", key_id, own, language)
        for key_id in sorted(before.keys.keys() - named.keys()):
            yield from _one("rotation_goes", key_id, own, language)
        for key_id in sorted(named.keys() - before.keys.keys()):
            yield from _one("rotation_comes", key_id, own, language)
        yield from _said("rotation_so_far", language, threshold=before.threshold, number=len(before.keys))
    yield from _said("rotation_from_now", language, threshold=plain(str(body.get("threshold"))), number=len(named))
    yield from _said("rotation_meaning", language)
    # A threshold that is no number is shown above, and refused before anything is signed.
    if before is not None and type(body.get("threshold")) is int:
        yield from _missing(lacking(before, item), body.get("previous"), before, language)


def _missing(missing: Lacking, previous: Any, before: Registrars, language: Language) -> Iterator[str]:
    if previous != before.statement:
        yield from _said("rotation_old_files", language)
    if missing.old:
        yield from _said("rotation_missing_old", language, number=missing.old)
    if missing.new:
        yield from _said("rotation_missing_new", language, number=missing.new)
    for key_id in missing.newcomers:
        yield from _said("rotation_missing_newcomer", language, key=key_id)
    if not (missing.old or missing.new or missing.newcomers):
        yield from _said("rotation_complete", language)


def _one(key: str, key_id: str, own: str | None, language: Language) -> Iterator[str]:
    mine = f" {text('rotation_own', language)}" if key_id == own else ""
    yield f"  {text(key, language, key=key_id)}{mine}"
    yield f"    {fingerprint(unhex32(key_id))}"


def _said(key: str, language: Language, /, **values: Any) -> Iterator[str]:
    """The lines of a text, each set in."""
    for line in text(key, language, **values).split("\n"):
        yield f"  {line}"
