"""One round with the exchange: follow the logs, open what is new, renew the weekly keys, send receipts.

Alerts are taken one by one: what is wrong with one is kept with its evidence and named, and the others go on.  For every
released alert there is an answer in the end: opened, proven not to be for this device, older than this device, or a failure.  So
"you have 17 of 17" is a statement about the whole journal, not about what the exchange chose to send.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange.client import post, receipts, weeks
from exchange.client.answers import AlertAnswer, Heads
from exchange.client.completeness import Count, count, keep_contradiction, keep_evidence
from exchange.client.errors import BadAnswer, ClientError, Refused, StateError, TransportError, VerificationError
from exchange.client.follow import follow
from exchange.client.forks import FORK
from exchange.client.granted import receive_granted
from exchange.client.keep import MAX_FACTS, keep_opened
from exchange.client.member import Member
from exchange.client.parts import PartStore
from exchange.client.state import AlertRow, Failure, Outgoing
from exchange.client.verify import verify_absent, verify_clear, verify_released
from exchange.model.alert import Content, parse_content
from exchange.model.statements import parse_statement
from keys import encoding
from keys.envelope import Envelope
from keys.errors import OpenError

CUT = frozenset({"body-too-large", "redirect"})
"""Transport errors that are the answer of one request, not the state of the connection: they stop one alert only."""
STANZA_EMPTY = "stanza-empty"
NO_EPOCH_KEY = "no-epoch-key"
SEALED = ("keyless", "closed")
"""Statuses of alerts that are for this device and stay sealed on it."""
DEVICE_UNKNOWN = "device-unknown"


@dataclass(frozen=True, slots=True)
class Synced:
    """What one round brought: statement ids newly opened, failures that stand, statements of ours whose fate is open.

    ``missed`` and ``closed`` are alerts of this round that stay sealed: they came while this device had no usable key, or for a
    key that it has no longer.  ``away`` is how long ago it was here last, seconds; 0 the first time.
    """

    entries: int
    opened: tuple[str, ...]
    failures: tuple[Failure, ...]
    unsent: tuple[Outgoing, ...]
    count: Count
    missed: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    away: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """An opened alert as the local store has it."""

    row: AlertRow
    opened: bool
    content: Content = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)


async def sync(
    member: Member,
    *,
    heads: Heads | None = None,
    entries: Mapping[int, bytes] | None = None,
    alerts: Mapping[str, AlertAnswer] | None = None,
    quiet: bool = False,
) -> Synced:
    """One round; ``heads``, ``entries`` and ``alerts`` are what a feed brought along.

    ``quiet``: nothing is sent (no receipts, no new weekly keys).  Raises VerificationError when the logs do not verify (then
    nothing is opened), TransportError, Refused when the exchange lets this device in no longer.
    """
    state, before = member.state, member.state.checked_at()
    sealed = {status: {row.statement for row in state.alerts(status)} for status in SEALED}
    grown = await follow(member, heads, entries)
    unsent = post.settle(member)
    opened = await receive_granted(member) + await receive(member, alerts or {})
    if not quiet:
        for item in [item for item in unsent if item.purpose in post.BY_ITSELF]:
            unsent.remove(item)
            await _again(member, item)
        await weeks.renew(member)
        await receipts.send_receipts(member)
    missed, closed = (
        tuple(row.statement for row in state.alerts(status) if row.statement not in sealed[status]) for status in SEALED
    )
    away = max(0, member.clock() - before) if before else 0
    return Synced(grown, tuple(opened), tuple(state.failures()), tuple(unsent), count(member), missed, closed, away)


async def _again(member: Member, item: Outgoing) -> None:
    """Send once more what was interrupted: bundles with their blob, receipts as they are."""
    try:
        if item.purpose == post.EPOCHS:
            await weeks.upload(member, item.envelope)
        await post.resend(member, item.envelope)
    except Refused as refusal:
        member.record(item.statement, refused(refusal))


def refused(refusal: Refused) -> VerificationError:
    """A refusal of something that this device is entitled to, as a failure to be kept."""
    return VerificationError(2, refusal.code, f"the exchange refused: {refusal.detail}", rule=refusal.rule)


async def receive(member: Member, known: Mapping[str, AlertAnswer]) -> list[str]:
    """Settle every alert that is pending; returns the statement ids that were opened."""
    opened: list[str] = []
    enrolled = member.replica.enrolled_at()
    for row in member.state.alerts("pending"):
        try:
            if await _settle(member, row, enrolled, known.get(row.statement)):
                opened.append(row.statement)
        except VerificationError as error:
            _not_settled(member, row, error)
            if error.code == FORK:
                raise
        except (Refused, BadAnswer) as error:
            if member.replica.now(member.clock()).device_fault(member.device) is not None:
                continue  # by our own roster we are not in force (terms not accepted): it waits
            _not_settled(member, row, _withheld(member, row, error))
        except TransportError as error:
            if error.code not in CUT:
                raise
            _not_settled(member, row, _withheld(member, row, error))
    return opened


def _not_settled(member: Member, row: AlertRow, error: VerificationError) -> None:
    """Keep why, and as a file what others can be shown."""
    member.record(row.statement, error)
    keep_evidence(member, row, error)


def _withheld(member: Member, row: AlertRow, error: ClientError) -> VerificationError:
    """It is in the journal, so it must be shown: to us, or with the proof that it is not for us."""
    entry = member.replica.journal_entry(row.index)
    evidence = {"answer": f"{error.code}: {error.detail}", "index": str(row.index)}
    if entry is not None:
        evidence["entry"] = encoding.b64(entry.encode())
    return VerificationError(7, "withheld", f"the alert is withheld ({error.code}: {error.detail})", evidence)


async def _settle(member: Member, row: AlertRow, enrolled: int, known: AlertAnswer | None) -> bool:
    """Open an alert, or prove that there is nothing to open; whether it was opened."""
    replica, state = member.replica, member.state
    entry = replica.journal_entry(row.index)
    mark = None if entry is None else entry.alert
    if entry is None or mark is None or entry.registry is None:
        raise VerificationError(2, "entry-missing", f"the journal has no alert at {row.index}")
    own = state.sent(row.statement)
    if own is not None:
        post.check_mark(parse_statement(own).alert, own, entry, row.index)
    with PartStore(member.api, state.path.parent / "incoming", member.transfer) as parts:

        def keep(position: int, pieces: Iterable[bytes]) -> None:
            state.keep_attachment(row.statement, position, pieces)

        if mark.audience is None:
            answer = known or await member.api.alert(row.statement, None)
            keep_opened(member, row, await verify_clear(replica, row.index, answer, parts, keep), "public")
            return True
        if entry.registry.size < enrolled:
            # Accepted before this device was enrolled: no roster that it could name has this device.
            _conclude(member, row, "earlier")
            return False
        try:
            ephemeral = encoding.unb64u(mark.audience.ephemeral, length=32)
            tag = member.identity.tag(ephemeral, encoding.unb64u(mark.id, length=16), mark.version)
        except OpenError as error:
            raise VerificationError(7, error.code, str(error), {"entry": encoding.b64(entry.encode())}) from None
        answer = known or await member.api.alert(row.statement, tag)
        if answer.granted and answer.leaf is None:
            # Its grant was looked at before, by its own entry, and did not verify; or there is none.
            evidence = {"entry": encoding.b64(entry.encode()), "index": str(row.index)}
            if answer.envelope is not None:
                evidence["statement"] = encoding.b64(answer.envelope.encode())
            detail = "it is shown as given to this device, and no grant of it verifies"
            raise VerificationError(7, "withheld", detail, evidence)
        if answer.envelope is None:
            verify_absent(replica, row.index, tag, answer.neighbours)
            _conclude(member, row, "absent")
            return False
        try:
            opened = await verify_released(replica, row.index, answer, member.identity, parts, keep)
        except VerificationError as error:
            status = _no_reader(error, answer)
            if status is None:
                keep_contradiction(member, row, answer, error)
                raise
            _conclude(member, row, status, answer.envelope if status in SEALED else None)
            return False
        keep_opened(member, row, opened, "opened", leaf=answer.leaf)
        return True


def _no_reader(error: VerificationError, answer: AlertAnswer) -> str | None:
    """What an alert is that verified up to there and is not for this device to open; None when it did not verify."""
    if (error.step, error.code) == (8, STANZA_EMPTY):
        return "keyless"
    if (error.step, error.code) == (8, NO_EPOCH_KEY):
        return "closed"
    if (error.step, error.code) == (5, DEVICE_UNKNOWN) and answer.leaf is None:
        return "earlier"  # shown to its author or approver, on a device that the roster named does not have yet
    return None


def _conclude(member: Member, row: AlertRow, status: str, envelope: Envelope | None = None) -> None:
    with member.state.transaction():
        member.state.set_status(row.statement, status, envelope)
        member.state.settle_failures(row.statement)


def letter(member: Member, statement: str) -> Letter:
    """An opened alert from the local store, without the network. Raises StateError ``not-here``."""
    row = member.state.alert(statement)
    content = None if row is None else member.state.content(statement)
    if row is None or content is None:
        raise StateError("not-here", "this alert was not opened here")
    facts = encoding.decode(member.state.facts(statement) or b"{}", max_bytes=MAX_FACTS)
    return Letter(row, row.status == "opened", parse_content(content), facts)
