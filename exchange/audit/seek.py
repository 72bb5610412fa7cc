"""One alert found in a bundle without verifying it: entries by bytes, the registry as far as it is needed (``audit explain``).

Everything here is what the bundle *says*.  The tree, the signatures of the registry and the other entries are not looked at:
``verify`` proves those.  One pass over the entries, no index that could be stale.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from exchange.audit.bundle import AuditBundle, BundleError
from exchange.audit.trees import split_entries
from exchange.model.common import SigningKey
from exchange.model.entry import PROPOSED, RELEASED, Entry, parse_entry
from exchange.model.problems import ExchangeError, Malformed
from exchange.model.registry import DeviceEnrol
from exchange.model.scalars import Record
from exchange.model.statements import Statement, kind_of, parse_statement
from exchange.policy.members import Facts
from exchange.policy.roster import TrustedRoster
from exchange.tlog.checkpoint import LOGS, Checkpoint, LogName, signed_text
from exchange.tlog.errors import TlogError
from exchange.tlog.tiles import TILE_WIDTH, Bundle, bundles, width_at
from keys.envelope import Envelope
from keys.errors import KeysError

LEAST_PREFIX = 6
"""Characters of an id that name something."""
MOST_INDEX_DIGITS = 7
"""A number of at most so many digits is a journal index, a longer one the beginning of a statement id."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STATEMENT = b'"statement":"'


class SeekError(ExchangeError):
    """What was asked for is not there, or the bundle cannot be read so far.

    Codes: ``alert-not-found``, ``alert-ambiguous``, ``person-not-found``, ``person-ambiguous``, ``bundle-unreadable``,
    ``registry-unreadable``, ``hypothesis-malformed``.
    """


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry with its index in its log."""

    index: int
    entry: Entry


class Seeker:
    """A bundle, read where it is needed. Raises SeekError and BundleError."""

    def __init__(self, bundle: AuditBundle) -> None:
        self.bundle = bundle
        self.sizes: dict[LogName, int] = {}
        for log in LOGS:
            try:
                self.sizes[log] = Checkpoint.parse(signed_text(bundle.checkpoint(log))).size
            except TlogError as error:
                raise SeekError("bundle-unreadable", f"{log}/checkpoint: {error}") from None

    def entries(self, log: LogName, *needles: bytes) -> Iterator[tuple[int, bytes]]:
        """The entries of a log with their indexes, as they stand there; with ``needles`` those in which one of them stands.

        Raises SeekError at the first that cannot be read.
        """
        for place in bundles(self.sizes[log]):
            data = self.bundle.entries(log, place)
            if needles and not any(needle in data for needle in needles):
                continue
            found, fault = split_entries(data, place.width)
            for index, entry in enumerate(found, place.index * TILE_WIDTH):
                if not needles:
                    yield index, entry
                    continue
                for needle in needles:
                    if needle in entry:
                        yield index, entry
                        break
            if fault:
                raise SeekError("bundle-unreadable", f"{log}/{place.path} does not hold its entries")

    def search(self, asked: str) -> list[Placed]:
        """Entries of the alerts that ``asked`` names: a journal index, or the beginning of a statement id or alert id."""
        if asked.isdecimal() and len(asked) <= MOST_INDEX_DIGITS:
            found = self._at(int(asked))
            return [] if found is None else self._mentions(f'"statement":"{found.entry.statement}"')
        if len(asked) < LEAST_PREFIX or not _ID.fullmatch(asked):
            raise SeekError("alert-not-found", f"an id is named by at least {LEAST_PREFIX} of its characters")
        named = self._mentions(f'"statement":"{asked.lower()}', f'"id":"{asked}')
        # The same letters may stand in another place of an entry.
        return [placed for placed in named if _matches(placed.entry, asked)]

    def _at(self, index: int) -> Placed | None:
        """The journal entry of an index, when it is an alert's."""
        if index >= self.sizes["journal"]:
            return None
        number, inside = divmod(index, TILE_WIDTH)
        place = Bundle(number, width_at(0, number, self.sizes["journal"]))
        found, _ = split_entries(self.bundle.entries("journal", place), place.width)
        entry = _parsed(found[inside]) if inside < len(found) else None
        return Placed(index, entry) if entry is not None and entry.kind in (PROPOSED, RELEASED) else None

    def _mentions(self, *words: str) -> list[Placed]:
        """The entries of alerts, proposed or released, in which one of the words stands."""
        needles = [word.encode() for word in words]
        found = [Placed(index, _parsed(data)) for index, data in self.entries("journal", *needles)]
        return [placed for placed in found if placed.entry.kind in (PROPOSED, RELEASED)]

    def of_kind(self, kind: str) -> list[tuple[int, str]]:
        """Index and statement id of all journal entries of a kind."""
        return [(index, _statement_of(data)) for index, data in self.entries("journal", f'"kind":"{kind}"'.encode())]

    def versions(self, alert: str) -> list[Placed]:
        """The released versions of an alert by its alert id, oldest first."""
        return [placed for placed in self._mentions(f'"id":"{alert}"') if placed.entry.kind == RELEASED]

    def statement(self, statement: str, signatures: str | None = None) -> Statement:
        """A statement of the bundle, its id computed again; with ``signatures`` the set of this hash. Raises SeekError."""
        for signers in (0, 1, 2, 3) if signatures is not None else (0,):
            try:
                envelope = Envelope.decode(self.bundle.statement(statement, signers))
                if envelope.statement_id != statement:
                    raise SeekError("bundle-unreadable", f"the statement {statement} is another one")
                if signatures is None or envelope.signatures_hash == signatures:
                    return parse_statement(envelope)
            except BundleError as error:
                if error.code != "file-missing":
                    raise
            except (KeysError, Malformed) as error:
                raise SeekError("bundle-unreadable", f"the statement {statement}: {error}") from None
        raise SeekError("bundle-unreadable", f"the statement {statement} is missing, or has other signatures")

    def naming(self, statements: Iterable[tuple[int, str]], value: str) -> Iterator[tuple[int, Statement]]:
        """Those of the statements (index, id) in whose body a value stands; few are parsed, all are read."""
        patterns = aligned(value.encode())
        for index, statement in statements:
            raw = self.bundle.statement(statement)
            if any(pattern in raw for pattern in patterns):
                yield index, self.statement(statement)

    def rosters(self, sizes: Iterable[int]) -> dict[int, Facts]:
        """The facts after so many registry entries, each, as the statements say; raises SeekError."""
        wanted = sorted(set(sizes))
        if not wanted or wanted[-1] > self.sizes["registry"]:
            raise SeekError("registry-unreadable", "the alert names a registry that is longer than this one")
        told, found = _ToldRoster(), {}
        for index, data in self.entries("registry"):
            if index in wanted:
                found[index] = told.facts
            if index >= wanted[-1]:
                break
            try:
                told.take(data, self.bundle)
            except (KeysError, Malformed, LookupError, TypeError, ValueError) as error:
                raise SeekError("registry-unreadable", f"registry entry {index}: {error}") from None
        found[told.size] = told.facts
        return {size: found[size] for size in wanted}

    def chain_entries(self, subjects: Sequence[str], below: int) -> list[Placed]:
        """The registry entries below a size that are about one of the chains (``person/…``)."""
        needles = [f'"subject":"{subject}"'.encode() for subject in subjects]
        return [Placed(index, _parsed(data)) for index, data in self.entries("registry", *needles) if index < below]


def aligned(value: bytes) -> tuple[bytes, ...]:
    """What a value looks like inside base64, at each of the three places where it can begin; without the ends that its
    neighbours share."""
    found = []
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + value)
        first = -(-shift * 8 // 6)
        last = (shift + len(value)) * 8 // 6
        found.append(encoded[first:last])
    return tuple(found)


def _matches(entry: Entry, asked: str) -> bool:
    """Whether the entry's own statement or alert begins as asked; the same letters may stand elsewhere."""
    alert = entry.alert
    return entry.statement.startswith(asked.lower()) or (alert is not None and alert.id.startswith(asked))


def _statement_of(data: bytes) -> str:
    start = data.rindex(_STATEMENT) + len(_STATEMENT)
    return data[start : start + 64].decode("ascii", "replace")


def _parsed(data: bytes) -> Entry:
    try:
        return parse_entry(data)
    except Malformed as error:
        raise SeekError("bundle-unreadable", str(error)) from None


@dataclass(frozen=True, slots=True)
class _Told:
    """What taking a statement at its word needs of its entry."""

    at: int
    statement: str
    subject: str


class _ToldRoster(TrustedRoster):
    """A roster that takes every statement at its word, hash apart: it explains, and decides about nobody's rights."""

    def take(self, data: bytes, bundle: AuditBundle) -> None:
        """The next entry (leaf bytes) with its statement. Raises what reading raises, and SeekError for another statement."""
        raw = json.loads(data)
        entry = _Told(raw["at"], raw["statement"], raw["subject"])
        shown = json.loads(bundle.statement(entry.statement))
        # Without its signatures, which are most of it, and without asking whether its JSON is strict: that is for `verify`.
        envelope = Envelope.from_json({**shown, "signatures": []})
        statement = Statement(envelope, kind_of(envelope.kind), _body(envelope))
        if statement.id != entry.statement:
            raise SeekError("registry-unreadable", f"the statement {entry.statement} is another one")
        self._commit(cast(Entry, entry), statement)


def _body(envelope: Envelope) -> Record:
    """A statement's body. A device's keys and proof of possession, half of a registry's bytes, are not looked at here."""
    raw = json.loads(envelope.body)
    if envelope.kind == "device.enrol":
        return DeviceEnrol.model_construct(
            device=str(raw["device"]),
            person=str(raw["person"]),
            scan=raw["scan"],
            signing=SigningKey.model_construct(**raw["signing"]),
        )
    return kind_of(envelope.kind).model.model_validate(raw)
