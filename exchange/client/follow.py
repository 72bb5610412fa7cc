"""Following both logs: every new entry is downloaded, hashed and compared before anything is concluded from it.

1. Both checkpoints carry both signatures of their log, and every line under them of a witness that the registry names verifies
   (``witnessing``).  The journal's is asked for first: what it names of the registry must
   then be there.
2. A smaller log, another root at the same size, or one that is not shown to continue the kept one is a **fork** (V1).  Both
   notes are kept, and nothing else is done.  Because this member hashes all entries itself, an old prefix cannot change.  When
   the hash tiles lead from the kept head to the signed one, only the entries handed out are wrong: ``entries-mismatch``.
3. Entries parse; times do not decrease; journal entries name the registry's own roots, never a smaller one than before, and
   stand between the registry's entries in time (V2): nothing is backdated past a revocation.
4. Registry statements that are shown are held against their entries and replayed by the roster's rules (V3).  A place that was
   opaque may have become visible (an organisation got its first author): then it is asked for, and everything replayed.
5. Every ``epoch.publish`` is shown (V4): a hidden bundle would make a publisher seal to an older key, or to none.
6. Only then all of it is stored, in one transaction.

A crash, or a failure, at any point leaves the store as it was before.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exchange.client import witnessing
from exchange.client.answers import Heads
from exchange.client.errors import BadAnswer, ClientError, StateError, TransportError, VerificationError
from exchange.client.forks import FORK, NOT_CONTINUED, ROLLED_BACK, check_stopped
from exchange.client.gossip import hear, hear_again
from exchange.client.history import RosterHistory, read_shown
from exchange.client.member import Member
from exchange.client.ownproofs import OwnLog
from exchange.client.replica import Epoch, Replica
from exchange.client.state import AlertRow, Kept, Shown
from exchange.model.common import FIRST_LEAD
from exchange.model.entry import MAX_ENTRY, RELEASED, Entry, parse_entry
from exchange.model.problems import Malformed
from exchange.model.statements import Statement, parse_statement
from exchange.tlog.bundles import decode_bundle
from exchange.tlog.checkpoint import LOGS, LogName
from exchange.tlog.errors import BundleError
from exchange.tlog.merkle import HASH_BYTES, Frontier, consistency_ranges, leaf_hash
from exchange.tlog.tiles import TILE_WIDTH, Bundle, Tile, TileTree, tiles_for, width_at
from keys import encoding
from keys.envelope import Envelope
from keys.errors import OpenError

MAX_GROWTH = 1_000_000
"""Entries of one log taken in at once: a log that claims more is not followed blindly into exhaustion."""
MAX_GROWTH_BYTES = 512 << 20
"""Bytes of new entries of one log held at once: they lie in memory before the signed root says that they are right."""
CUT = frozenset({"body-too-large", "redirect"})
"""Transport errors that are the answer of one request, not the state of the connection."""
MAX_SIZE = 2**53
"""Beyond every log."""
GRANT = "alert.grant"
ALERT_KINDS = frozenset({"alert.proposed", "alert.released", "alert.rejected"})


@dataclass(slots=True)
class Growth:
    """New entries of one log that lead to a signed root."""

    log: LogName
    base: int
    head: Kept
    frontier: Frontier
    data: list[bytes] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    roots: list[bytes] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Size of the log with them."""
        return self.base + len(self.entries)

    def root(self, replica: Replica, size: int) -> bytes | None:
        """The log's root at a size, old or new; None beyond."""
        if size <= self.base:
            return replica.root(self.log, size)
        return self.roots[size - self.base - 1] if size <= self.head.size else None


ATTEMPTS = 8
"""Rounds before a command gives up against another program of the same member that keeps being faster."""


async def follow(member: Member, heads: Heads | None = None, entries: Mapping[int, bytes] | None = None) -> int:
    """Take in what is new in both logs; returns the number of new journal entries.

    ``heads`` and ``entries`` (journal, by index) are what a feed brought along; they save requests and are believed no more than
    an answer.  Raises VerificationError (steps 1 to 4; kept with its evidence under the subject ``log``), ClientError.
    """
    async with member.lock:
        check_stopped(member.state)
        for attempt in range(1, ATTEMPTS + 1):
            _refresh(member)
            try:
                grown = await _follow(member, heads, entries or {})
                await witnessing.refresh(member)
                return grown
            except VerificationError as error:
                if error.code != FORK and _moved(member) and attempt < ATTEMPTS:
                    continue  # judged against a copy that is not the newest any more: what is wrong stays wrong
                member.record("log", error)
                raise
            except StateError as error:
                # A command beside a running watch: what the other one kept is as good as what we were about to keep.
                if error.code != "changed-meanwhile" or attempt == ATTEMPTS:
                    raise
        return 0


def _refresh(member: Member) -> None:
    """Another program of this member may have followed the logs meanwhile."""
    if _moved(member):
        member.replica.reload()


def _moved(member: Member) -> bool:
    return any(member.state.head(log) != member.replica.heads[log] for log in LOGS)


async def _follow(member: Member, heads: Heads | None, known: Mapping[int, bytes]) -> int:
    replica = member.replica
    # Read before a checkpoint is asked for: what another program of this member is shown meanwhile may well be newer.
    claims = {log: tuple(member.state.claims(log)) for log in LOGS}
    if heads is None or _behind_claims(replica, heads, claims):
        journal_note = await member.api.checkpoint("journal")
        registry_note = await member.api.checkpoint("registry")
    else:
        journal_note, registry_note = heads.journal, heads.registry
    journal = await _grow(member, "journal", journal_note, known, claims["journal"])
    registry = await _grow(member, "registry", registry_note, {}, claims["registry"])
    if not journal.entries and not registry.entries:
        _keep_cosigned(member, journal, registry)
        member.state.set_checked(member.clock())
        return 0
    _check_registry_entries(member, registry)
    _check_journal_entries(member, journal, registry)
    history, shown, rebuilt = await _registry(member, registry)
    for growth in (journal, registry):
        witnessing.check_note(growth.log, growth.head.note, history.facts)
    erased = history.facts.erased
    shown = [_unless_erased(item, erased) for item in shown]
    epochs = await _epochs(member, history, journal, rebuilt)
    new = [item for item in shown if item.index >= registry.base or replica.history.statement(item.index) is None]
    try:
        replica.apply_epochs(epoch for epoch in epochs if epoch.index >= journal.base)
        with member.state.transaction():  # with the alarms that it raises, or none of it
            _commit(member, journal, registry, shown, epochs, erased - replica.history.facts.erased)
            _adopt(member, journal, registry, history, shown, epochs)
            _hear(replica, new, epochs)
    except BaseException:
        replica.reload()
        raise
    _keep_cosigned(member, journal, registry)
    return len(journal.entries)


def _keep_cosigned(member: Member, journal: Growth, registry: Growth) -> None:
    for growth in (journal, registry):
        witnessing.keep(member, growth.log, growth.head.note)


def _hear(replica: Replica, shown: Iterable[Shown], epochs: Iterable[Epoch]) -> None:
    """What the issuers of these statements had seen is this history too, or an alarm."""
    hear_again(replica)
    for item in shown:
        # How long the journal was then, a registry entry does not say.
        hear(replica, parse_statement(item.envelope), registry=item.index, journal=MAX_SIZE)
    for epoch in epochs:
        entry = replica.journal_entry(epoch.index)
        if epoch.verified and entry is not None and entry.registry is not None:
            hear(replica, parse_statement(epoch.envelope), registry=entry.registry.size, journal=epoch.index)


# -- V1: the logs continue ---------------------------------------------------------------------------------------------


def _behind_claims(replica: Replica, heads: Heads, claims: Mapping[LogName, Sequence[Kept]]) -> bool:
    """Whether heads from a feed are older than what was signed to us meanwhile: late, but no lie.

    Raises VerificationError ``fork`` (step 1) when the log never had such a head.
    """
    behind = False
    for log in LOGS:
        note = heads.registry if log == "registry" else heads.journal
        checkpoint = replica.read_checkpoint(log, note)
        known = replica.root(log, checkpoint.size)
        if known is not None and known != checkpoint.root:
            raise replica.contradicted(log, note)
        newest = max((claim.size for claim in claims[log]), default=0)
        behind = behind or checkpoint.size < max(newest, replica.size(log))
    return behind


async def _grow(
    member: Member, log: LogName, note: bytes, known: Mapping[int, bytes], claims: Sequence[Kept]
) -> Growth:
    replica, state = member.replica, member.state
    checkpoint, kept = replica.read_checkpoint(log, note), replica.heads[log]
    if checkpoint.size < kept.size or (checkpoint.size == kept.size and checkpoint.root != kept.root):
        raise replica.contradicted(log, note)
    if checkpoint.size - kept.size > MAX_GROWTH:
        raise ClientError("too-many-entries", f"the {log} claims to have grown by more than {MAX_GROWTH} entries")
    growth = Growth(log, kept.size, Kept(checkpoint.size, checkpoint.root, note), state.frontier(log))
    if growth.frontier.size != kept.size:
        raise StateError("changed-meanwhile", "another program of this member followed the logs; try again")
    if growth.frontier.root() != kept.root:
        raise StateError("state-unusable", f"the local copy of the {log} does not lead to its own checkpoint")
    for data in await _download(member, log, kept.size, checkpoint.size, known):
        growth.frontier = growth.frontier.extend([leaf_hash(data)])
        growth.data.append(data)
        growth.roots.append(growth.frontier.root())
    if growth.frontier.root() != checkpoint.root:
        raise await _astray(member, growth, note)
    for claim in claims:
        if growth.root(replica, claim.size) != claim.root:
            raise _unmet(member, growth, claim)
    for index, data in enumerate(growth.data, kept.size):
        try:
            growth.entries.append(parse_entry(data))
        except Malformed as problem:
            raise _bad_entry(log, index, data, problem.code, problem.detail) from None
    return growth


def _unmet(member: Member, growth: Growth, claim: Kept) -> VerificationError:
    """The log does not pass through a checkpoint that was signed to us before: a fork, or it ends before that one."""
    log, note = growth.log, growth.head.note
    evidence = {"claimed": _text(claim.note), "shown": _text(note)}
    if claim.size > growth.head.size:
        detail = f"the {log} ends at size {growth.head.size}, before what it showed earlier (size {claim.size})"
        return VerificationError(1, ROLLED_BACK, detail, {"kept": _text(member.replica.heads[log].note), **evidence})
    own = OwnLog(member.state, log, growth.data, growth.base)
    return member.replica.forked(log, claim.note, note, own.node, evidence)


async def _astray(member: Member, growth: Growth, note: bytes) -> VerificationError:
    """Why the entries do not lead to the signed root: other bytes than the log's, or a log that does not continue.

    Two notes that only follow each other must not be kept as proof of a fork.  The hash tiles decide: they lead from the kept head
    to the new one (then only the entries are wrong), or prove another history (``fork``); whoever shows neither has not shown that
    its log continues (``not-continued``).  Raises TransportError: who cannot be reached has shown nothing yet.
    """
    log, new = growth.log, growth.head.size
    hashes: list[bytes] = []
    try:
        for number in range(growth.base // TILE_WIDTH, (new + TILE_WIDTH - 1) // TILE_WIDTH):
            data = await _tile(member, log, Tile(0, number, width_at(0, number, new)))
            skipped = max(0, growth.base - number * TILE_WIDTH)
            hashes += [data[at : at + HASH_BYTES] for at in range(skipped * HASH_BYTES, len(data), HASH_BYTES)]
        if member.state.frontier(log).extend(hashes).root() != growth.head.root:
            return await _split(member, growth, note)
    except ClientError as error:
        if isinstance(error, TransportError) and error.code not in CUT:
            raise
        return _not_continued(member, log, note)
    wrong = next(i for i, (data, known) in enumerate(zip(growth.data, hashes, strict=True)) if leaf_hash(data) != known)
    evidence = {
        "entry": encoding.b64(growth.data[wrong]),
        "index": str(growth.base + wrong),
        "leaf": hashes[wrong].hex(),
        "log": log,
        "shown": _text(note),
    }
    detail = f"{log} entry {growth.base + wrong}: the bytes handed out are not those that the log holds"
    return VerificationError(1, "entries-mismatch", detail, evidence)


async def _tile(member: Member, log: LogName, tile: Tile) -> bytes:
    """A hash tile of the width asked for. Raises BadAnswer, Refused, TransportError."""
    data = await member.api.tile(log, tile)
    if len(data) != tile.width * HASH_BYTES:
        raise BadAnswer("a hash tile does not have the length that its width asks for")
    return data


async def _split(member: Member, growth: Growth, note: bytes) -> VerificationError:
    """The proof that the signed log has another history, from its own tiles, O(log n) of them."""
    log, old, new = growth.log, growth.base, growth.head.size
    if not old:
        return _not_continued(member, log, note)
    tiles = tiles_for([*consistency_ranges(old, new), (0, old)], new)
    found = {(tile.level, tile.index): await _tile(member, log, tile) for tile in sorted(tiles)}
    tree = TileTree(lambda level, index: found[level, index], new)
    return member.replica.forked(log, member.replica.heads[log].note, note, tree.node, {"shown": _text(note)})


def _not_continued(member: Member, log: LogName, note: bytes) -> VerificationError:
    kept = member.replica.heads[log]
    detail = f"the {log} is not shown to continue what it showed before (kept: size {kept.size})"
    return VerificationError(1, NOT_CONTINUED, detail, {"kept": _text(kept.note), "shown": _text(note)})


async def _download(member: Member, log: LogName, old: int, new: int, known: Mapping[int, bytes]) -> list[bytes]:
    """The entries [old, new), from the feed when it brought all of them, else by bundles."""
    if all(index in known for index in range(old, new)):
        return [known[index] for index in range(old, new)]
    entries: list[bytes] = []
    total = 0
    for number in range(old // TILE_WIDTH, (new + TILE_WIDTH - 1) // TILE_WIDTH):
        width = width_at(0, number, new)
        data = await member.api.entries(log, Bundle(number, width))
        try:
            bundle = decode_bundle(data, width)
        except BundleError as error:
            raise VerificationError(
                2, error.code, f"the {log}'s bundle {number}: {error}", {"bundle": encoding.b64(data)}
            ) from None
        for index, entry in enumerate(bundle, number * TILE_WIDTH):
            if len(entry) > MAX_ENTRY:
                raise _bad_entry(log, index, entry, "entry-malformed", f"an entry has at most {MAX_ENTRY} bytes")
        entries.extend(bundle[max(0, old - number * TILE_WIDTH) :])
        total += len(data)
        if total > MAX_GROWTH_BYTES:
            raise ClientError("too-many-entries", f"the {log} has grown by more than {MAX_GROWTH_BYTES} bytes")
    return entries


def _text(note: bytes) -> str:
    return note.decode("utf-8", "replace")


def _bad_entry(log: LogName, index: int, data: bytes, code: str, detail: str) -> VerificationError:
    evidence = {"entry": encoding.b64(data), "index": str(index), "log": log}
    return VerificationError(2, code, f"{log} entry {index}: {detail}", evidence)


# -- V2: what the entries say ------------------------------------------------------------------------------------------


def _check_registry_entries(member: Member, registry: Growth) -> None:
    latest = member.clock() + FIRST_LEAD
    # The registry was asked for after the journal: what is new in it was accepted after all that the journal had then.
    last = member.replica.journal_entry(member.replica.size("journal") - 1) if member.replica.size("journal") else None
    earliest = 0 if last is None else last.at
    for index, (data, entry) in enumerate(zip(registry.data, registry.entries, strict=True), registry.base):
        if entry.subject is None or entry.registry is not None or entry.alert is not None or entry.grant is not None:
            raise _bad_entry("registry", index, data, "entry-malformed", "not the fields of a registry entry")
        if entry.at > latest:
            raise _bad_entry("registry", index, data, "time-ahead", "the entry is dated in the future")
        if entry.at < earliest:
            raise _bad_entry("registry", index, data, "backdated", "the entry is older than what was seen before it")
        if index == 0 and entry.statement != member.replica.exchange:
            raise _bad_entry("registry", 0, data, "other-exchange", "the registry begins with another founding")


def _check_journal_entries(member: Member, journal: Growth, registry: Growth) -> None:
    replica, latest = member.replica, member.clock() + FIRST_LEAD
    last = replica.journal_entry(journal.base - 1) if journal.base else None
    at = last.at if last is not None else 0
    size = last.registry.size if last is not None and last.registry is not None else 0
    released: set[str] = set()

    def registry_time(index: int) -> int | None:
        if index < registry.base:
            return replica.history.time(index)
        return registry.entries[index - registry.base].at if index < registry.size else None

    for index, (data, entry) in enumerate(zip(journal.data, journal.entries, strict=True), journal.base):
        named = entry.registry
        marked = (entry.alert is not None) == (entry.kind in ALERT_KINDS)
        marked = marked and (entry.grant is not None) == (entry.kind == GRANT)
        if named is None or entry.subject is not None or not marked:
            raise _bad_entry("journal", index, data, "entry-malformed", "not the fields of a journal entry")
        if entry.kind == RELEASED:
            if entry.statement in released or replica.state.alert(entry.statement) is not None:
                raise _bad_entry("journal", index, data, "duplicate", "the alert was released before")
            released.add(entry.statement)
        if entry.at > latest:
            raise _bad_entry("journal", index, data, "time-ahead", "the entry is dated in the future")
        if entry.at < at:
            raise _bad_entry("journal", index, data, "time-decreases", "the entry is older than the one before")
        if named.size < size:
            raise _bad_entry(
                "journal", index, data, "registry-shrinks", "the entry names less of the registry than before"
            )
        root = registry.root(replica, named.size)
        if root is None or root.hex() != named.root:
            raise _bad_entry("journal", index, data, "registry-root", "the entry names a registry that is not this one")
        # One lock orders both logs: the entry lies between the last registry entry that it names and the next one.
        before, after = registry_time(named.size - 1) if named.size else None, registry_time(named.size)
        if (before is not None and entry.at < before) or (after is not None and entry.at > after):
            raise _bad_entry(
                "journal", index, data, "backdated", "the entry does not lie where it says, beside the registry"
            )
        at, size = entry.at, named.size


# -- V3: the registry --------------------------------------------------------------------------------------------------


async def _registry(member: Member, growth: Growth) -> tuple[RosterHistory, list[Shown], bool]:
    """The history with the new entries, the statements that came in, and whether everything was replayed."""
    old = member.replica.history
    items = await _shown(member, growth.base, growth.size) if growth.entries else []
    statements = {item.index: read_shown(item) for item in items}
    # Without its own enrolment a device would take every alert for older than itself: all would be dropped unseen.
    for index, entry in enumerate(growth.entries, growth.base):
        if entry.subject == f"device/{member.device}" and index not in statements:
            raise _withheld(index, entry, "about this device itself is withheld")
    try:
        history = old.grown(growth.entries, statements)
    except VerificationError:
        # It may be about somebody who was opaque until now; only if that does not explain it, it is a lie.
        if not old.opaque:
            raise
        return await _replayed(member, growth, items)
    replica = member.replica
    if replica.sees_all(history.facts) and (history.opaque or (old.size and not replica.sees_all(old.facts))):
        return await _replayed(member, growth, items)
    return history, items, False


async def _replayed(member: Member, growth: Growth, items: list[Shown]) -> tuple[RosterHistory, list[Shown], bool]:
    """Ask again for everything that is shown by now, statements and names, and replay from the founding."""
    replica, old = member.replica, member.replica.history
    known: dict[int, Statement] = {}
    entries = [*old.entries, *growth.entries]
    for index in range(old.size):
        statement = old.statement(index)
        if statement is not None:
            known[index] = statement
    new = {item.index: item for item in items}
    new.update({item.index: item for item in await _shown(member, 0, growth.size)})
    known.update({index: read_shown(item) for index, item in new.items()})
    history = RosterHistory(replica.memory).grown(entries, known)
    if replica.sees_all(history.facts) and history.opaque:
        index = history.opaque[0]
        raise _withheld(index, entries[index], "is withheld from a member who is entitled to all of them")
    return history, [new[index] for index in sorted(new)], True


def _withheld(index: int, entry: Entry, detail: str) -> VerificationError:
    evidence = {"entry": encoding.b64(entry.encode()), "index": str(index)}
    return VerificationError(3, "statement-withheld", f"registry entry {index} {detail}", evidence, rule="M16")


async def _shown(member: Member, start: int, size: int) -> list[Shown]:
    """The registry statements in [start, size) that this member is shown; later ones wait for their checkpoint."""
    items: list[Shown] = []
    following: int | None = start
    while following is not None and following < size:
        page = await member.api.registry_statements(following)
        for item in page.items:
            if item.index < following:
                raise BadAnswer("a page begins before the place that was asked for")
            if item.index < size:
                items.append(Shown(item.index, item.envelope, item.openings))
        following = page.next
    return items


# -- V4: weekly keys ---------------------------------------------------------------------------------------------------


async def _epochs(member: Member, history: RosterHistory, journal: Growth, rebuilt: bool) -> list[Epoch]:
    """Every new bundle's statement, checked; after a replay also the older ones that could not be checked before."""
    replica = member.replica
    wanted = {i: e for i, e in enumerate(journal.entries, journal.base) if e.kind == "epoch.publish"}
    found: dict[int, Envelope] = {}
    following: int | None = min(wanted, default=None)
    while following is not None and following < journal.size:
        page = await member.api.epochs(following)
        for item in page.items:
            if item.index < following:
                raise BadAnswer("a page begins before the place that was asked for")
            if item.index in wanted:
                found[item.index] = item.envelope
        following = page.next
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        index = missing[0]
        raise VerificationError(
            4,
            "epoch-withheld",
            f"journal entry {index}: a bundle of weekly keys is withheld",
            {"entry": encoding.b64(wanted[index].encode()), "index": str(index)},
        )
    epochs = [replica.check_epoch(history, index, wanted[index], found[index]) for index in sorted(wanted)]
    if rebuilt:
        for index, envelope, verified in member.state.epochs():
            entry = replica.journal_entry(index)
            if not verified and entry is not None:
                epochs.append(replica.check_epoch(history, index, entry, envelope))
    return epochs


# -- all of it, or nothing ---------------------------------------------------------------------------------------------


def _unless_erased(item: Shown, erased: Container[tuple[str, str]]) -> Shown:
    """Without openings that the registry has erased: whoever hands one out again brings it back to nobody."""
    kept = tuple(o for o in item.openings if (item.envelope.statement_id, o.field) not in erased)
    return item if len(kept) == len(item.openings) else replace(item, openings=kept)


def _commit(
    member: Member,
    journal: Growth,
    registry: Growth,
    shown: list[Shown],
    epochs: list[Epoch],
    erased: Iterable[tuple[str, str]],
) -> None:
    state, now = member.state, member.clock()
    granted = [*_granted(member, journal)]
    with state.transaction():
        for growth in (registry, journal):
            if state.head(growth.log).size != growth.base:
                raise StateError("changed-meanwhile", "another program of this member followed the logs; try again")
            if not growth.entries:
                continue
            state.append(
                growth.log,
                growth.base,
                (
                    (data, root, entry.kind, entry.statement)
                    for data, root, entry in zip(growth.data, growth.roots, growth.entries, strict=True)
                ),
            )
            state.keep_head(growth.log, growth.head, now)
            state.keep_frontier(growth.log, growth.frontier)
            if any(
                claim.size <= growth.size and growth.root(member.replica, claim.size) != claim.root
                for claim in state.claims(growth.log)
            ):
                # Shown to another program of this member since we looked; the next round takes it as a fork.
                raise StateError("changed-meanwhile", "another program of this member was shown another log")
            state.drop_claims(growth.log, growth.size)
        state.keep_shown(shown)
        state.erase_openings(erased)
        state.keep_epochs((epoch.index, epoch.envelope, epoch.verified) for epoch in epochs)
        state.add_alerts(
            AlertRow(index, entry.statement, entry.alert.id, entry.alert.version, entry.at, "pending")
            for index, entry in enumerate(journal.entries, journal.base)
            if entry.kind == RELEASED and entry.alert is not None
        )
        state.add_granted(granted)
        state.keep_verified(member.replica.memory.take_new())
        state.set_checked(now)


def _granted(member: Member, journal: Growth) -> Iterator[tuple[int, str]]:
    """The grants whose entry bears this device's tag: what the exchange owes it from now on."""
    for index, entry in enumerate(journal.entries, journal.base):
        if entry.grant is None:
            continue
        try:
            tag = member.identity.grant_tag(encoding.unb64u(entry.grant.ephemeral, length=32))
        except OpenError:
            continue  # an ephemeral key of no use is nobody's: whoever granted it so harmed its own gift
        if encoding.b64u(tag) == entry.grant.tag:
            yield index, entry.statement


def _adopt(
    member: Member, journal: Growth, registry: Growth, history: RosterHistory, shown: list[Shown], epochs: list[Epoch]
) -> None:
    """What is stored is what this object now says."""
    replica = member.replica
    replica.history = history
    for growth in (registry, journal):
        if growth.entries:
            replica.heads[growth.log] = growth.head
    for item in shown:
        replica.names.learn(parse_statement(item.envelope), item.openings)
    replica.names.forget(history.facts.erased)
    for epoch in epochs:
        (replica.unverified_epochs.discard if epoch.verified else replica.unverified_epochs.add)(epoch.index)
