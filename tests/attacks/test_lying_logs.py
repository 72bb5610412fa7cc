"""Attacks on the logs themselves: the server signs whatever it likes with the logs' own keys (V1, V2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from exchange.client.enrol import EnrolError, greet
from exchange.client.errors import ClientError, TransportError, VerificationError
from exchange.client.forks import Forked, forget_fork, known_fork
from exchange.client.member import open_member
from exchange.client.state import MemberState
from exchange.client.sync import letter, sync
from exchange.client.transport import Response
from exchange.model.scalars import DAY, Head
from exchange.model.statements import Statement
from exchange.serverkeys import generate
from exchange.tlog.bundles import decode_bundle, encode_bundle
from exchange.tlog.checkpoint import Checkpoint, LogName
from keys import encoding
from keys.keyfile import Vault
from keys.note import Note, verify_checkpoint
from tests.attacks.lying import Asked, Forgery, Signers, raw
from tests.attacks.scene import MINUTE, Scene, Victim
from tests.support.world import Randomness, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGS: tuple[LogName, ...] = ("registry", "journal")
HOUR = 60 * MINUTE


def proven(scene: Scene, log: LogName, note: str) -> Checkpoint:
    """What an uninvolved third person makes of a note in the evidence: it verifies with the founding's keys."""
    key = scene.world.server.registry if log == "registry" else scene.world.server.journal
    origin = f"{scene.world.server.origin}/{log}"
    return Checkpoint.parse(verify_checkpoint(note.encode(), origin, key.public).text)


# -- split view ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("log", LOGS)
async def test_split_view_two_checkpoints_of_equal_size(scene: Scene, log: LogName) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    last = forgery.size(log) - 1
    forgery.rewrite(log, last, at=forgery.entry(log, last).at + 1)
    failure = await victim.meets_fork(log)
    kept, shown = (proven(scene, log, failure.evidence[name]) for name in ("kept", "shown"))
    assert kept.size == shown.size and kept.root != shown.root
    await victim.forgives(scene.alert)


@pytest.mark.parametrize("log", LOGS)
async def test_split_view_continued(scene: Scene, log: LogName) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    last = forgery.size(log) - 1
    forgery.rewrite(log, last, at=forgery.entry(log, last).at + 1)
    forgery.entries[log] += [forgery.entries[log][last]] * 3
    failure = await victim.meets_fork(log)
    assert proven(scene, log, failure.evidence["shown"]).size == proven(scene, log, failure.evidence["kept"]).size + 3
    await victim.forgives(scene.alert)


@pytest.mark.parametrize("log", LOGS)
async def test_split_view_behind_what_is_kept(scene: Scene, log: LogName) -> None:
    """An earlier state that this log never had."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    place = forgery.size(log) - 3
    forgery.rewrite(log, place, at=forgery.entry(log, place).at + 1)
    forgery.shown_size[log] = place + 1
    await victim.meets_fork(log)
    await victim.forgives(scene.alert)


@pytest.mark.parametrize("log", LOGS)
async def test_split_view_whose_tiles_are_kept_back_proves_nothing_and_is_refused_every_time(
    scene: Scene, log: LogName
) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    last = forgery.size(log) - 1
    forgery.rewrite(log, last, at=forgery.entry(log, last).at + 1)
    forgery.entries[log] += [forgery.entries[log][last]] * 3
    victim.lying.say("GET", f"/{log}/tile/[0-9].*", raw(b"", 404))
    for _ in range(2):
        failure = await victim.refuses(1, "not-continued")
        assert {"kept", "shown"} == failure.evidence.keys()
    assert known_fork(victim.state) is None
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_split_view_while_the_line_breaks_is_no_accusation(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    forgery.rewrite("journal", 0, at=forgery.entry("journal", 0).at - 1)
    await forgery.claim(scene.driver)

    async def breaks(_: Asked, __: Callable[[], Awaitable[Response]]) -> Response:
        raise TransportError("unreachable", "the line broke")

    victim.lying.lie("GET", "/journal/tile/[0-9].*", breaks)
    with pytest.raises(TransportError):
        await victim.sync()
    assert victim.state.failures() == []
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_split_view_leaves_what_is_here_readable_and_the_person_decides(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    forgery.rewrite("journal", 0, at=forgery.entry("journal", 0).at - 1)
    await victim.meets_fork("journal")
    assert letter(victim.member, scene.alert.id).content.texts
    asked = len(victim.lying.asked)
    with MemberState(victim.path, Vault(victim.identity.vault_key)) as state:  # another program of the same member
        again = open_member(
            victim.lying, state, victim.identity, scene.founding.envelope, clock=lambda: scene.world.now
        )
        with pytest.raises(Forked):
            await sync(again, quiet=True)
        assert len(victim.lying.asked) == asked
        forget_fork(state)
    await victim.meets_fork("journal")  # forgetting believes nothing: who goes on lying is met again


async def test_split_view_in_the_checkpoint_of_an_answer(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    second = await scene.release()
    forgery = await Forgery.of(scene.world)
    forgery.rewrite("journal", 0, at=forgery.entry("journal", 0).at - 1)
    victim.lying.twist(
        "GET", "/v1/alerts/.*", lambda answer: {**answer, "checkpoint": forgery.note("journal").decode()}
    )
    failure = await victim.meets_fork_in(second)
    assert proven(scene, "journal", failure.evidence["shown"]).root.hex() == forgery.head("journal").root
    await victim.forgives(second)


async def test_split_view_shown_once_is_remembered_until_the_log_passes_through_it(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    second = await scene.release()
    forgery = await Forgery.of(scene.world)
    await forgery.claim(scene.driver)
    ahead = forgery.note("journal")
    victim.lying.twist("GET", "/v1/alerts/.*", lambda answer: {**answer, "checkpoint": ahead.decode()})
    await victim.opens(second)  # nothing contradicts it yet
    victim.lying.repent()
    third = await scene.release()  # the honest journal reaches that size with something else
    failure = await victim.meets_fork("journal")
    claimed, shown = (proven(scene, "journal", failure.evidence[name]) for name in ("claimed", "shown"))
    assert claimed.root.hex() == forgery.head("journal").root
    assert claimed.size <= shown.size
    assert victim.state.alert(third.id) is None
    await victim.forgives(third)


@pytest.mark.parametrize(
    ("log", "code"), [("journal", "journal-root"), ("registry", "roster-root")], ids=["journal", "registry"]
)
async def test_split_view_between_author_and_reader(scene: Scene, log: LogName, code: str) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    other = await Forgery.of(scene.world)
    other.rewrite(log, 1, at=other.entry(log, 1).at + 1)
    alert = await scene.sealed(core={"seen": {**forgery.seen(), log: other.head(log).to_json()}})
    await forgery.insert_journal(alert)
    await victim.rejects(alert, 4, code, "A2")
    victim.lying.repent()


# -- rolled back ---------------------------------------------------------------------------------------------------------


async def test_rolled_back_roster(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    forgery.shown_size["registry"] = forgery.size("registry") - 2
    failure = await victim.refuses(1, "rolled-back")
    assert proven(scene, "registry", failure.evidence["shown"]).size == forgery.size("registry") - 2
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_rolled_back_journal(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    (await victim.forge()).shown_size["journal"] = 3
    await victim.refuses(1, "rolled-back")
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_rolled_back_roster_for_a_newcomer(scene: Scene) -> None:
    victim = scene.newcomer("doctor")
    forgery = await victim.forge()
    forgery.shown_size["registry"] = forgery.size("registry") - 2
    failure = await victim.refuses(2, "registry-root")
    assert failure.evidence["log"] == "journal"
    victim.lying.repent()
    await victim.opens(scene.alert)


# -- checkpoints -----------------------------------------------------------------------------------------------------------


def _without_mldsa(note: Note, _: Forgery) -> Note:
    return Note(note.text, note.lines[:1])


def _without_ed25519(note: Note, _: Forgery) -> Note:
    return Note(note.text, note.lines[1:])


def _unsigned(note: Note, _: Forgery) -> Note:
    return Note(note.text, tuple(dataclasses.replace(line, key_id=b"none") for line in note.lines))


def _wrong_mldsa(note: Note, forgery: Forgery) -> Note:
    """Ed25519 over this text, ML-DSA over an older one: what a broken Ed25519 would allow."""
    older = Note.parse(forgery.note("journal", 2))
    return Note(note.text, (note.lines[0], older.lines[1]))


def _wrong_ed25519(note: Note, forgery: Forgery) -> Note:
    older = Note.parse(forgery.note("journal", 2))
    return Note(note.text, (older.lines[0], note.lines[1]))


def _ed25519_twice(note: Note, _: Forgery) -> Note:
    return Note(note.text, (note.lines[0], note.lines[0]))


def _extended(note: Note, forgery: Forgery) -> Note:
    """An extension line, which ML-DSA would not cover."""
    text = note.text + "more\n"
    return Note(text, (forgery.signers.journal.sign_note(text), note.lines[1]))


@pytest.mark.parametrize(
    "spoil",
    [_without_mldsa, _without_ed25519, _unsigned, _wrong_mldsa, _wrong_ed25519, _ed25519_twice, _extended],
    ids=lambda f: f.__name__.strip("_").replace("_", "-"),
)
async def test_checkpoint_without_both_of_its_signatures(scene: Scene, spoil: Callable[[Note, Forgery], Note]) -> None:
    victim = await scene.informed("doctor")
    forgery = await Forgery.of(scene.world)
    note = spoil(Note.parse(forgery.note("journal")), forgery).encode()
    victim.lying.say("GET", "/journal/checkpoint", raw(note))
    failure = await victim.refuses(1, "checkpoint-invalid")
    assert failure.evidence == {"journal": note.decode()}
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_checkpoint_of_the_other_log(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await Forgery.of(scene.world)
    victim.lying.say("GET", "/journal/checkpoint", raw(forgery.note("registry")))
    await victim.refuses(1, "checkpoint-invalid")


async def test_log_keys_changed_after_join(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    new = generate(scene.world.server.origin, Randomness("new keys"))
    forgery = await victim.forge()
    forgery.signers = Signers(new.registry, new.journal)
    other = World(seed="other founding", server=new).founding()
    victim.lying.twist(
        "GET", "/v1/exchange", lambda said: {**said, "exchange": other.id, "founding": other.envelope.to_json()}
    )
    await victim.refuses(1, "checkpoint-invalid")
    assert "GET /v1/exchange" not in victim.lying.asked  # what is pinned is not asked for again
    with pytest.raises(EnrolError) as refusal:
        await greet(victim.member.api, scene.world.exchange)
    assert refusal.value.code == "other-exchange"
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_log_keys_changed_beside_the_pinned_founding(scene: Scene) -> None:
    victim = scene.newcomer("doctor")
    new = generate(scene.world.server.origin, Randomness("new keys"))
    forgery = await Forgery.of(scene.world)
    forgery.signers = Signers(new.registry, new.journal)
    victim.lying.twist("GET", "/v1/exchange", lambda said: {**said, "journal": forgery.note("journal").decode()})
    with pytest.raises(EnrolError) as refusal:
        await greet(victim.member.api, scene.world.exchange)
    assert refusal.value.code == "checkpoint-invalid"


# -- entries ---------------------------------------------------------------------------------------------------------------


async def _twisted_bundle(victim: Victim, log: LogName, change: Callable[[list[bytes]], bytes]) -> None:
    async def tell(asked: Asked, honest: Callable[[], Awaitable[Response]]) -> Response:
        width = int(asked.path.rpartition("/")[2])
        return raw(change(list(decode_bundle((await honest()).body, width))))

    victim.lying.lie("GET", f"/{log}/tile/entries/.*", tell)


@pytest.mark.parametrize("log", LOGS)
async def test_tile_that_does_not_match_the_checkpoint(scene: Scene, log: LogName) -> None:
    victim = scene.newcomer("doctor")

    def swapped(entries: list[bytes]) -> bytes:
        entries[1], entries[2] = entries[2], entries[1]
        return encode_bundle(entries)

    await _twisted_bundle(victim, log, swapped)
    await victim.refuses(1, "entries-mismatch")
    victim.lying.repent()
    asked = len(victim.lying.asked)
    await victim.opens(scene.alert)
    # Hash tiles only say what is wrong: this client hashes every entry itself.
    assert not [path for path in victim.lying.asked[asked:] if "/tile/" in path and "/tile/entries/" not in path]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda entries: encode_bundle(entries[:2] + entries[3:]), "bundle-short"),
        (lambda entries: encode_bundle(entries)[:-1], "bundle-short"),
        (lambda entries: encode_bundle([*entries, entries[0]]), "bundle-trailing"),
        (lambda entries: b"", "bundle-short"),
    ],
    ids=["gap", "cut", "one-too-many", "empty"],
)
async def test_fast_forwarded_sequence_with_a_gap_in_the_entries(
    scene: Scene, change: Callable[[list[bytes]], bytes], code: str
) -> None:
    victim = scene.newcomer("doctor")
    await _twisted_bundle(victim, "journal", change)
    failure = await victim.refuses(2, code)
    assert "bundle" in failure.evidence
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_fast_forwarded_sequence_without_the_entries(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    note = forgery.note("journal")
    ahead = await Forgery.of(scene.world)
    ahead.entries["journal"] += ahead.entries["journal"][-1:] * 7
    assert note != ahead.note("journal")
    victim.lying.say("GET", "/journal/checkpoint", raw(ahead.note("journal")))
    await victim.refuses(2, "bundle-short")
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_fast_forwarded_sequence_beyond_all_bounds(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await Forgery.of(scene.world)
    size = 10**15
    text = Checkpoint(f"{scene.world.server.origin}/journal", size, bytes(32)).text()
    signer = forgery.signers.journal
    note = Note(text, (signer.sign_note(text), signer.cosign(text, scene.world.now))).encode()
    victim.lying.say("GET", "/journal/checkpoint", raw(note))
    before, asked = victim.kept(), len(victim.lying.asked)
    with pytest.raises(ClientError) as refusal:
        await victim.sync()
    assert refusal.value.code == "too-many-entries"
    assert victim.kept() == before
    assert len(victim.lying.asked) - asked <= 2  # not one bundle of them was fetched
    victim.lying.repent()
    await victim.opens(scene.alert)


@pytest.mark.parametrize("log", LOGS)
async def test_fast_forwarded_clock(scene: Scene, log: LogName) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    if log == "journal":
        await forgery.claim(scene.driver, at=scene.world.now + 301)
    else:
        forgery.insert_registry(_renewal(scene), at=scene.world.now + 301)
    failure = await victim.refuses(2, "time-ahead")
    assert failure.evidence["log"] == log
    victim.lying.repent()
    await victim.opens(scene.alert)


def _renewal(scene: Scene) -> Statement:
    """A registry statement that every registrar would sign: the hospital's renewal."""
    world = scene.world
    return world.by_registrars(
        "organisation.renew",
        expires=world.now + 400 * DAY,
        organisation=scene.hospital,
        previous=world.previous(f"organisation/{scene.hospital}"),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "policy"},
        {"registry": None},
        {"kind": "alert.released"},
        {"alert": None},
    ],
    ids=["subject-in-the-journal", "no-registry", "released-without-alert", "alert-without-mark"],
)
async def test_entry_with_the_fields_of_another_kind(scene: Scene, change: dict[str, object]) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    index = await forgery.claim(scene.driver)
    if "alert" in change:
        change = {**change, "kind": "alert.released"}
    forgery.rewrite("journal", index, **change)
    await victim.refuses(2, "entry-malformed")


async def test_entry_that_is_not_strict_json(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    index = await forgery.claim(scene.driver)
    twice = forgery.entries["journal"][index].replace(b'"at":', b'"at":1,"at":', 1)
    forgery.entries["journal"][index] = twice
    failure = await victim.refuses(2, "entry-malformed")
    assert failure.evidence["entry"] == encoding.b64(twice)


# -- backdated and reordered -------------------------------------------------------------------------------------------------


async def test_backdated_alert_before_the_entry_in_front_of_it(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    index = await forgery.insert_journal(alert, at=forgery.entry("journal", -1).at - 1)
    failure = await victim.refuses(2, "time-decreases")
    assert failure.evidence["index"] == str(index)
    assert victim.state.alert(alert.id) is None
    victim.lying.repent()
    await victim.opens(scene.alert)


async def test_backdated_alert_names_an_older_registry_than_the_entry_in_front_of_it(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    await forgery.insert_journal(alert, registry_size=forgery.size("registry") - 1)
    await victim.refuses(2, "registry-shrinks")
    assert victim.state.alert(alert.id) is None


async def test_backdated_alert_names_the_registry_from_before_a_revocation(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    size = forgery.size("registry")
    forgery.insert_registry(_revocation(scene))
    await forgery.insert_journal(alert, registry_size=size, at=scene.world.now + MINUTE)
    await victim.refuses(2, "backdated")
    assert victim.state.alert(alert.id) is None
    victim.lying.repent()
    await victim.opens(scene.alert)


def _revocation(scene: Scene) -> Statement:
    """The registrars revoke the author's device."""
    world = scene.world
    device = scene.author.device
    return world.by_registrars("device.revoke", device=device, previous=world.previous(f"device/{device}"))


async def test_backdated_alert_behind_a_revocation_that_the_journal_has_named(scene: Scene) -> None:
    """A thief has the author's device and the server: the alert is dated before the revocation."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    alert = await scene.forged_alert(forgery)
    before, size = scene.world.now + MINUTE, forgery.size("registry")
    with scene.later(2 * HOUR):
        forgery.insert_registry(_revocation(scene))
        await forgery.claim(scene.driver)  # a receipt, a delivery: anything after the revocation
        await victim.sync()
        await forgery.insert_journal(alert, registry_size=size, at=before)
        await victim.refuses(2, "time-decreases")
        forgery.rewrite("journal", forgery.size("journal") - 1, at=scene.world.now)
        with pytest.raises(VerificationError) as caught:
            await victim.sync()
        assert caught.value.code == "registry-shrinks"
    assert victim.state.alert(alert.id) is None


async def test_delayed_registry_statement_backdated_into_its_window(scene: Scene) -> None:
    """``not_after`` is over, so the server dates the entry back, before journal entries that this member knows."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    renewal = _renewal(scene)
    with scene.later(8 * DAY):
        await forgery.claim(scene.driver)
        await victim.sync()
        forgery.insert_registry(renewal, at=scene.world.now - 7 * DAY)
        failure = await victim.refuses(2, "backdated")
    assert failure.evidence["log"] == "registry"


async def test_reordered_entries_that_were_seen_in_another_order(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    journal = forgery.entries["journal"]
    journal[0], journal[1] = journal[1], journal[0]
    await forgery.claim(scene.driver)
    await victim.meets_fork("journal")
    await victim.forgives(scene.alert)


async def test_reordered_entries_that_are_new(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    first = await forgery.claim(scene.driver, at=scene.world.now + 10)
    await forgery.claim(scene.driver, at=scene.world.now + 20)
    journal = forgery.entries["journal"]
    journal[first], journal[first + 1] = journal[first + 1], journal[first]
    await victim.refuses(2, "time-decreases")


async def test_entry_that_names_a_registry_which_is_not_this_one(scene: Scene) -> None:
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    index = await forgery.claim(scene.driver)
    forgery.rewrite("journal", index, registry=Head(root="ab" * 32, size=forgery.size("registry")))
    await victim.refuses(2, "registry-root")
