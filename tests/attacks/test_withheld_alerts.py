"""Attacks by silence: an alert that stands in the journal and is not handed out, and a device that is "forgotten" while sealing."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.client import evidence
from exchange.client.completeness import KeptBack, count, kept_back
from exchange.client.evidence import FOLDER
from exchange.model.statements import Statement
from exchange.policy.exhibits import (
    CONTRADICTION,
    WITHHELD,
    ExhibitError,
    check_contradiction,
    check_owed,
    check_withheld,
    exhibit_format,
)
from keys import encoding
from keys.stanza import NO_BUNDLE, stanza_id
from tests.attacks.lying import Forgery, told
from tests.attacks.scene import Scene, Victim

pytestmark = pytest.mark.asyncio(loop_scope="module")

DENIED = told({"code": "not-entitled", "detail": "not yours"}, 403)


def only(victim: Victim) -> KeptBack:
    """The one alert that was ever kept back."""
    (found,) = kept_back(victim.member)
    return found


def files(victim: Victim) -> list[Path]:
    return sorted((victim.path.parent / FOLDER).glob("*"))


def changed(data: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    value = copy.deepcopy(encoding.decode(data, max_bytes=1 << 20))
    change(value)
    return encoding.encode(value)


# -- kept back -----------------------------------------------------------------------------------------------------------


async def test_withheld_alert_is_counted_and_named_until_it_comes_and_its_history_stays(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    victim.lying.say("GET", f"/v1/alerts/{scene.alert.id}", DENIED)
    synced = await victim.sync()
    core = scene.alert.alert.core
    assert (synced.count.withheld, synced.count.opened, synced.count.total) == (1, 0, 1)
    missing = only(victim)
    assert (missing.statement, missing.alert, missing.version) == (scene.alert.id, core.alert, 1)
    row = victim.state.alert(scene.alert.id)
    assert row is not None and (missing.index, missing.at) == (row.index, row.at)
    assert not missing.cleared and missing.file is not None
    before = missing.file.read_bytes()
    victim.lying.repent()
    await victim.opens(scene.alert)
    assert (count(victim.member).withheld, count(victim.member).opened) == (0, 1)
    assert only(victim).cleared and only(victim).file == missing.file
    assert missing.file.read_bytes() == before


async def test_withheld_alerts_are_told_from_those_for_others(scene: Scene) -> None:
    """Every sealed alert of the journal is accounted for: opened, proven absent, from before the device, or kept back."""
    others = await scene.release(audience={"sectors": ["logistics"]})
    victim = await scene.informed("doctor")
    withheld = await scene.release()
    victim.lying.say("GET", f"/v1/alerts/{withheld.id}", DENIED)
    counted = (await victim.sync()).count
    assert counted.journal == len(victim.state.alerts()) - counted.public
    assert counted.absent >= 1 and counted.withheld == 1
    row = victim.state.alert(others.id)
    assert row is not None and row.status == "absent"
    assert counted.opened + counted.absent + counted.earlier + counted.withheld == counted.journal


async def test_withheld_alert_leaves_a_file_that_an_uninvolved_person_can_check(scene: Scene) -> None:
    victim = await scene.unaware("doctor")
    victim.lying.say("GET", f"/v1/alerts/{scene.alert.id}", told({"index": 0, "neighbours": []}))
    await victim.sync()
    missing = only(victim)
    assert missing.file is not None and missing.file.stat().st_mode & 0o777 == 0o600
    data = missing.file.read_bytes()
    assert exhibit_format(data) == WITHHELD
    shown = check_withheld(data, scene.world.exchange)
    assert (shown.alert, shown.index, shown.device) == (scene.alert.id, missing.index, victim.member.device)
    assert shown.tag == scene.tag(scene.alert, "doctor") and shown.answer == "withheld"
    # An auditor, who has the leaf list, sees without any secret that a leaf was owed.
    leaves = [leaf.summary() for leaf in await scene.leaves(scene.alert)]
    owed = check_owed(shown, scene.alert, leaves)
    assert owed is not None and owed.tag == shown.tag
    with pytest.raises(ExhibitError):  # a leaf list without it is another audience than the one that was signed
        check_owed(shown, scene.alert, [leaf for leaf in leaves if leaf != owed])
    # What was shown to nobody else stays so.
    for secret in (victim.identity.scan_secret, victim.identity.vault_key):
        assert encoding.b64u(secret).encode() not in data and secret.hex().encode() not in data


def _other_tag(value: dict[str, Any]) -> None:
    body = json.loads(encoding.unb64(value["claim"]["payload"]))
    body["tag"] = encoding.b64u(bytes(8))
    value["claim"]["payload"] = encoding.b64(encoding.encode(body))


def _other_index(value: dict[str, Any]) -> None:
    value["index"] -= 1


def _other_entry(value: dict[str, Any]) -> None:
    value["entry"] = encoding.b64(encoding.unb64(value["entry"]).replace(b'"version":1', b'"version":2'))


def _without_enrolment(value: dict[str, Any]) -> None:
    value["enrolments"] = []


def _one_signature(value: dict[str, Any]) -> None:
    del value["claim"]["signatures"][1]


def _no_claim(value: dict[str, Any]) -> None:
    """Whoever has the entry of an alert has no claim of the device."""
    value["claim"] = value["enrolments"][0]["envelope"]


def _other_note(value: dict[str, Any]) -> None:
    value["journal"] = value["registry"]


@pytest.mark.parametrize(
    "change", [_other_tag, _other_index, _other_entry, _without_enrolment, _one_signature, _other_note]
)
async def test_withheld_file_that_was_made_up(scene: Scene, change: Callable[[dict[str, Any]], None]) -> None:
    victim = await scene.unaware("doctor")
    victim.lying.say("GET", f"/v1/alerts/{scene.alert.id}", DENIED)
    await victim.sync()
    found = only(victim).file
    assert found is not None
    data = found.read_bytes()
    check_withheld(data, scene.world.exchange)
    with pytest.raises(ExhibitError) as refusal:
        check_withheld(changed(data, change), scene.world.exchange)
    assert refusal.value.code == "exhibit-unproven"
    with pytest.raises(ExhibitError) as refusal:
        check_withheld(data, "00" * 32)
    assert refusal.value.code == "exhibit-foreign"


async def test_withheld_alerts_without_end_do_not_fill_the_disk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MAX_FILES", 1)
    victim = await scene.unaware("doctor")
    second = await scene.release()
    victim.lying.say("GET", "/v1/alerts/.*", DENIED)
    counted = (await victim.sync()).count
    assert counted.withheld == len(kept_back(victim.member)) >= 2
    assert len(files(victim)) == 1
    assert second.id in {one.statement for one in kept_back(victim.member)}


# -- listed as without key -----------------------------------------------------------------------------------------------


async def forgotten(scene: Scene, forgery: Forgery, instead: bytes | None = None) -> Statement:
    """An alert whose author signs that the doctor has no key: an empty stanza under the id of its last bundle."""
    alert = await scene.forged_alert(forgery)
    identity = scene.world.identities[scene.doctor.device]
    if instead is None:
        epochs = scene.victims[-1].member.replica.epochs
        last = epochs.last_bundle(scene.doctor.device, forgery.size("journal"))
        assert last is not None
        instead = bytes.fromhex(last)
    place = await scene.place(alert, "doctor")
    leaves = list(await scene.leaves(alert))
    week = encoding.week_of(alert.alert.core.at)
    leaves[place] = dataclasses.replace(leaves[place], stanza=b"", stanza_id=stanza_id(identity.device, week, instead))
    wrong = await scene.resealed(alert, leaves)
    await forgery.insert_journal(wrong)
    return wrong


@pytest.mark.parametrize("never", [False, True], ids=["its-last-bundle", "as-if-it-had-never-published"])
async def test_device_listed_as_without_key_that_had_published_one(scene: Scene, never: bool) -> None:
    victim = await scene.informed("doctor")
    alert = await forgotten(scene, await victim.forge(), NO_BUNDLE if never else None)
    await victim.rejects(alert, 7, "stanza-id")
    (path,) = files(victim)
    data = path.read_bytes()
    assert exhibit_format(data) == CONTRADICTION
    proven = check_contradiction(data, scene.world.exchange)
    assert (proven.alert, proven.device, proven.author) == (alert.id, victim.member.device, scene.author.device)
    assert proven.week == encoding.week_of(alert.alert.core.at)
    assert proven.published < proven.seen == alert.alert.core.seen.journal.size


async def test_device_listed_as_without_key_that_had_none_makes_no_contradiction(scene: Scene) -> None:
    """The journal that the alert names does not have the key yet: then the author was right."""
    victim = await scene.informed("doctor")
    forgery = await victim.forge()
    published = next(
        i
        for i in range(forgery.size("journal"))
        if forgery.entry("journal", i).statement
        == victim.member.replica.epochs.last_bundle(victim.member.device, forgery.size("journal"))
    )
    old = {**forgery.seen(), "journal": forgery.head("journal", published).to_json()}
    alert = await scene.sealed(core={"seen": old})
    identity = scene.world.identities[scene.doctor.device]
    leaves = list(await scene.leaves(alert))
    tag = scene.tag(alert, "doctor")
    place = next(i for i, leaf in enumerate(leaves) if leaf.tag == tag)
    week = encoding.week_of(alert.alert.core.at)
    leaves[place] = dataclasses.replace(
        leaves[place], stanza=b"", stanza_id=stanza_id(identity.device, week, bytes(31) + b"\x01")
    )
    wrong = await scene.resealed(alert, leaves)
    await forgery.insert_journal(wrong)
    await victim.rejects(wrong, 7, "stanza-id")
    assert files(victim) == []


def _of_another_device(value: dict[str, Any]) -> None:
    value["leaf"]["device"] = encoding.b64u(bytes(16))


def _other_week(value: dict[str, Any]) -> None:
    body = json.loads(encoding.unb64(value["published"]["envelope"]["payload"]))
    for key in body["keys"]:
        key["week"] += 100
    value["published"]["envelope"]["payload"] = encoding.b64(encoding.encode(body))


def _later_bundle(value: dict[str, Any]) -> None:
    """The proof leads to the journal of today, not to the one that the author saw."""
    value["published"]["index"] = value["alert"]["index"]


def _unsigned_alert(value: dict[str, Any]) -> None:
    del value["alert"]["envelope"]["signatures"][0]


def _alert_elsewhere(value: dict[str, Any]) -> None:
    value["alert"]["index"] -= 1


def _another_leaf(value: dict[str, Any]) -> None:
    value["leaf"]["index"] ^= 1


def _no_enrolments(value: dict[str, Any]) -> None:
    value["enrolments"] = value["enrolments"][:1]


@pytest.mark.parametrize(
    "change",
    [
        _of_another_device,
        _other_week,
        _later_bundle,
        _unsigned_alert,
        _alert_elsewhere,
        _another_leaf,
        _no_enrolments,
        _other_note,
    ],
)
async def test_contradiction_that_was_made_up(scene: Scene, change: Callable[[dict[str, Any]], None]) -> None:
    victim = await scene.informed("doctor")
    await forgotten(scene, await victim.forge())
    await victim.sync()
    (path,) = files(victim)
    with pytest.raises(ExhibitError) as refusal:
        check_contradiction(changed(path.read_bytes(), change), scene.world.exchange)
    assert refusal.value.code == "exhibit-unproven"


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.update(more=1),
        lambda value: value.pop("leaf"),
        lambda value: value.update(format="tlp-exchange-contradiction/v2"),
        lambda value: value["leaf"].update(index=-1),
    ],
    ids=["unknown-field", "missing-field", "another-version", "negative-index"],
)
async def test_contradiction_that_is_malformed(scene: Scene, change: Callable[[dict[str, Any]], Any]) -> None:
    victim = await scene.informed("doctor")
    await forgotten(scene, await victim.forge())
    await victim.sync()
    (path,) = files(victim)
    for data in (changed(path.read_bytes(), change), b"", b"[]", b" " + path.read_bytes()):
        with pytest.raises(ExhibitError) as refusal:
            check_contradiction(data, scene.world.exchange)
        assert refusal.value.code == "exhibit-malformed"
    with pytest.raises(ExhibitError):
        exhibit_format(b'{"format":"other"}')
