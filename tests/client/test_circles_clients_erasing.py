"""What members make of circles, clients, rotation and erasing: those who see a part of the registry, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.client import publish
from exchange.client.draft import prepare
from exchange.client.errors import VerificationError
from exchange.client.source import SourceAudience
from exchange.client.sync import sync
from keys import encoding
from keys.sign import SoftwareSigner, add_signature, sign_statement
from tests.support.scene import Partnership, Person, partnership, source


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Partnership]:
    made = partnership(tmp_path)
    yield made
    made.scene.close()


def define(scene: Partnership, curator: Person, **members: list[str]) -> str:
    circle = encoding.b64u(scene.sim.random(16))
    scene.scene.registrars(
        "circle.define", {"name": "Energiekreis"}, circle=circle, curators=[curator.id], members=members or None
    )
    return circle


def change(scene: Partnership, circle: str, by: Person, **fields: Any) -> None:
    previous = scene.scene.newest(f"circle/{circle}")
    body = scene.scene.common(issuer={"device": by.device}, circle=circle, previous=previous, **fields)
    scene.sim.accept(sign_statement("circle.change", body, by.identities[0].signer))
    scene.sim.wake()


async def ready(scene: Partnership, *people: Person) -> list[Any]:
    members = [scene.scene.member(person) for person in people]
    for _ in range(2):
        for member in members:
            await sync(member)
    return members


async def test_a_member_who_knew_neither_curator_nor_company_follows_the_circle(scene: Partnership) -> None:
    (baker,) = await ready(scene, scene.baker)
    assert scene.works not in baker.replica.facts.organisations
    circle = define(scene, scene.officer, organisations=[scene.works])
    change(scene, circle, scene.officer, add={"organisations": [scene.bakery]})
    assert (await sync(baker)).failures == ()
    assert baker.replica.facts.circles[circle].organisations == {scene.works, scene.bakery}
    assert scene.officer.id in baker.replica.facts.persons and scene.colleague.id not in baker.replica.facts.persons


async def test_an_alert_to_a_circle_reaches_those_below_it_and_is_opened(scene: Partnership) -> None:
    author, officer, baker = await ready(scene, scene.author, scene.officer, scene.baker)
    inner = define(scene, scene.officer, organisations=[scene.bakery])
    scene.scene.registrars(
        "circle.define", {"name": "Großer Kreis"}, circle=(outer := encoding.b64u(scene.sim.random(16))),
        curators=[scene.officer.id], members={"circles": [inner]},
    )  # fmt: skip
    await sync(author)
    wanted = source("AMBER", SourceAudience(circles=("großer kreis",)))
    draft = prepare(wanted, author)
    assert draft.core.audience.circles == (outer,)
    released = await publish.publish(draft, author)
    synced = await sync(baker)
    assert synced.opened == (released.statement,) and synced.failures == ()
    assert (await sync(officer)).opened == ()


async def test_a_circle_withheld_from_a_member_is_noticed(scene: Partnership, monkeypatch: pytest.MonkeyPatch) -> None:
    (baker,) = await ready(scene, scene.baker)
    honest = scene.sim.is_shown
    monkeypatch.setattr(scene.sim, "is_shown", lambda d, chain: not chain.startswith("circle/") and honest(d, chain))
    define(scene, scene.officer, organisations=[scene.bakery])
    with pytest.raises(VerificationError) as refusal:
        await sync(baker)
    assert refusal.value.code == "statement-withheld"


async def test_a_member_who_never_saw_the_company_follows_a_rotation(scene: Partnership) -> None:
    (baker,) = await ready(scene, scene.baker)
    old = scene.sim.registrars
    new = SoftwareSigner.generate(scene.sim.random)
    named = sorted((old[0], old[1], new), key=lambda signer: signer.public.key_id)
    body = scene.scene.common(
        issuer={"registrar": old[0].public.key_id},
        registrars=[signer.public.to_json() for signer in named],
        threshold=2,
    )
    envelope = sign_statement("registrar.rotate", body, old[0])
    scene.sim.accept(add_signature(add_signature(envelope, old[1]), new))
    await sync(baker)
    assert set(baker.replica.facts.registrars) == {signer.public.key_id for signer in named}


async def test_members_forget_an_erased_name_and_take_it_from_nobody_again(scene: Partnership) -> None:
    author, colleague = await ready(scene, scene.author, scene.colleague)
    await sync(author)
    known = [member.replica.names.get("person", scene.officer.id) for member in (author, colleague)]
    assert known == ["Olga Offizier", "Olga Offizier"]
    chain = f"person/{scene.officer.id}"
    enrolled = author.replica.facts.commitments[chain][0][0]
    scene.scene.registrars("person.remove", person=scene.officer.id, previous=scene.scene.newest(chain))
    scene.scene.registrars("opening.erase", fields=["name"], statement=enrolled, subject=chain)
    # This exchange goes on handing the opening out: it must come back to nobody.
    for person, member in ((scene.author, author), (scene.colleague, colleague)):
        await sync(member)
        assert member.replica.names.get("person", scene.officer.id) is None
        again = scene.scene.member(person)
        assert again.replica.names.get("person", scene.officer.id) is None
        index = next(i.index for i in again.state.shown() if i.envelope.statement_id == enrolled)
        assert next(i.openings for i in again.state.shown() if i.index == index) == ()
    late = scene.scene.person(scene.works, "Nora Neu", "officer")
    (newcomer,) = await ready(scene, late)
    assert newcomer.replica.names.get("person", scene.officer.id) is None


async def test_the_person_of_a_client_follows_the_registry_and_is_shown_its_sponsor(scene: Partnership) -> None:
    client = encoding.b64u(scene.sim.random(16))
    scene.scene.registrars(
        "client.register", {"name": "Kiosk"}, expires=scene.sim.now + 10**6, organisation=client, sponsor=scene.works
    )
    guest = scene.scene.person(client, "Gerda Gast", "officer")
    member, officer, author = await ready(scene, guest, scene.officer, scene.author)
    assert scene.works in member.replica.facts.organisations
    assert guest.id in officer.replica.facts.persons
    await sync(author)
    released = await publish.publish(prepare(source("AMBER"), author), author)
    assert (await sync(officer)).opened == (released.statement,)
    synced = await sync(member)
    assert synced.opened == () and synced.failures == ()
