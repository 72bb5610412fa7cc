"""Who is shown which registry statement and opening: every kind of reader against every kind of chain."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from exchange.service.denied import Denied
from exchange.service.visibility import Reader, access_fault, is_shown, opening_is_shown, reader_of
from tests.support.world import Member, World


@dataclass
class Scene:
    world: World
    authority: str
    company: str
    other: str
    author: Member
    clerk: Member
    administrator: Member
    officer: Member
    colleague: Member
    stranger: Member
    auditor: Member

    def reader(self, member: Member) -> Reader:
        return reader_of(self.world.roster.at(self.world.now), member.device)

    def shown(self, member: Member, chain: str) -> bool:
        return is_shown(self.reader(member), self.world.roster.facts, chain)

    def opened(self, member: Member, chain: str) -> set[str]:
        reader, facts = self.reader(member), self.world.roster.facts
        return {f for f in ("name", "title", "contact", "label") if opening_is_shown(reader, facts, chain, f)}


@pytest.fixture(scope="module")
def scene() -> Scene:
    world = World(seed="visibility").found()
    authority = world.organisation("authority")
    company, other = world.organisation(), world.organisation()
    return Scene(
        world,
        authority,
        company,
        other,
        author=world.person(authority, "author"),
        clerk=world.person(authority, "officer"),
        administrator=world.person(authority, "administrator"),
        officer=world.person(company, "officer"),
        colleague=world.person(company, "administrator", "officer"),
        stranger=world.person(other, "officer"),
        auditor=world.person(other, "auditor"),
    )


@pytest.mark.parametrize("chain", ["exchange", "registrars", "policy", "terms"])
def test_every_member_is_shown_what_binds_everyone(scene: Scene, chain: str):
    for member in (scene.author, scene.clerk, scene.officer, scene.stranger, scene.auditor):
        assert scene.shown(member, chain)


def test_publishers_the_registry_office_and_auditors_are_shown_everything(scene: Scene):
    for member in (scene.author, scene.administrator, scene.auditor):
        for chain in scene.world.roster.facts.chains:
            assert scene.shown(member, chain), chain


def test_an_administrator_of_a_company_is_not_the_registry_office(scene: Scene):
    assert not scene.shown(scene.colleague, f"organisation/{scene.other}")


def test_a_member_is_shown_its_own_organisation_persons_and_devices(scene: Scene):
    for chain in (
        f"organisation/{scene.company}",
        f"acceptance/{scene.company}",
        f"person/{scene.colleague.person}",
        f"device/{scene.colleague.device}",
    ):
        assert scene.shown(scene.officer, chain)
        assert not scene.shown(scene.stranger, chain)


def test_a_member_is_shown_publishing_organisations_with_their_privileged_persons_only(scene: Scene):
    for chain in (
        f"organisation/{scene.authority}",
        f"acceptance/{scene.authority}",
        f"person/{scene.author.person}",
        f"device/{scene.author.device}",
        f"person/{scene.administrator.person}",
    ):
        assert scene.shown(scene.officer, chain)
    assert not scene.shown(scene.officer, f"person/{scene.clerk.person}")
    assert not scene.shown(scene.officer, f"device/{scene.clerk.device}")


def test_what_nobody_knows_is_shown_to_nobody_but_those_who_see_all(scene: Scene):
    unknown = scene.world.random.id()
    for family in ("person", "device", "organisation", "witness"):
        assert not scene.shown(scene.officer, f"{family}/{unknown}")


def test_publishers_and_the_registry_office_are_handed_names_and_contacts_and_no_labels_of_others_devices(scene: Scene):
    for member in (scene.author, scene.administrator):
        assert scene.opened(member, f"organisation/{scene.company}") == {"name", "title", "contact"}
        assert scene.opened(member, f"person/{scene.officer.person}") == {"name", "title", "contact"}
        assert "label" not in scene.opened(member, f"device/{scene.officer.device}")


def test_an_organisation_is_handed_all_of_its_own(scene: Scene):
    everything = {"name", "title", "contact", "label"}
    assert scene.opened(scene.officer, f"person/{scene.colleague.person}") == everything
    assert scene.opened(scene.officer, f"device/{scene.colleague.device}") == everything


def test_every_member_is_handed_the_names_of_those_who_sign_alerts(scene: Scene):
    assert scene.opened(scene.officer, f"organisation/{scene.authority}") == {"name"}
    assert scene.opened(scene.officer, f"person/{scene.author.person}") == {"name"}
    assert scene.opened(scene.officer, f"person/{scene.administrator.person}") == set()
    assert scene.opened(scene.officer, f"person/{scene.clerk.person}") == set()
    assert scene.opened(scene.officer, f"organisation/{scene.other}") == set()


def test_an_auditor_is_handed_names_of_organisations_and_of_those_who_act_for_them(scene: Scene):
    assert scene.opened(scene.auditor, f"organisation/{scene.company}") == {"name"}
    assert scene.opened(scene.auditor, f"person/{scene.author.person}") == {"name"}
    assert scene.opened(scene.auditor, f"person/{scene.administrator.person}") == {"name"}
    assert scene.opened(scene.auditor, f"person/{scene.officer.person}") == set()
    assert scene.opened(scene.auditor, f"person/{scene.stranger.person}") == set(), "also of its own organisation"


def test_a_device_that_is_not_in_force_is_no_reader(scene: Scene):
    world = World(seed="gone").found()
    organisation = world.organisation()
    member = world.person(organisation, "officer")
    assert access_fault(world.roster.at(world.now), member.device) is None
    assert access_fault(world.roster.at(world.now), world.random.id()) == "device-unknown"
    late = world.roster.at(world.now + 366 * 86_400)
    with pytest.raises(Denied) as refusal:
        reader_of(late, member.device)
    assert (refusal.value.code, refusal.value.rule) == ("membership-expired", "R1")


def test_terms_not_accepted_leave_a_reader_that_is_handed_no_alert():
    world = World(seed="terms").found()
    member = world.person(world.organisation(), "officer")
    document = {"length": 10, "sha256": "0" * 64}
    world.accept(world.by_registrars("terms.define", accept_by=world.now + 1, document=document, version=1))
    reader = reader_of(world.roster.at(world.now + 2), member.device)
    assert reader.terms == "terms-not-accepted"


# -- circles, clients and erasing ------------------------------------------------------------------


@dataclass
class Circles:
    """Identifiers, and people by what they are."""

    world: World
    circle: str
    client: str
    sponsor: str
    curating: str
    people: dict[str, Member]

    def shown(self, who: str, chain: str) -> bool:
        roster = self.world.roster.at(self.world.now)
        return is_shown(reader_of(roster, self.people[who].device), roster.facts, chain)

    def opened(self, who: str, chain: str) -> set[str]:
        roster = self.world.roster.at(self.world.now)
        reader = reader_of(roster, self.people[who].device)
        return {f for f in ("name", "title", "contact", "label") if opening_is_shown(reader, roster.facts, chain, f)}

    def person(self, who: str) -> str:
        return f"person/{self.people[who].person}"

    def device(self, who: str) -> str:
        return f"device/{self.people[who].device}"


@pytest.fixture(scope="module")
def circles() -> Circles:
    """A circle curated at the company, a client of the other one, each with a person of its own."""
    world = World(seed="visibility").found()
    sponsor, curating, bystander = world.organisation(), world.organisation(), world.organisation()
    people = {
        "boss": world.person(sponsor, "administrator"),
        "clerk": world.person(sponsor, "officer"),
        "curator": world.person(curating, "officer"),
        "keeper": world.person(curating, "administrator"),
        "peer": world.person(curating, "officer"),
        "stranger": world.person(bystander, "officer"),
    }
    circle, client = world.random.id(), world.random.id()
    name = {"name": "0" * 64}
    world.accept(
        world.by_registrars(
            "circle.define", circle=circle, commitments=name, curators=[people["curator"].person],
            members={"organisations": [sponsor]},
        )
    )  # fmt: skip
    world.accept(
        world.by_registrars(
            "client.register", commitments=name, expires=world.now + 1000, organisation=client, sponsor=sponsor
        )
    )
    people["guest"] = world.person(client, "officer")
    return Circles(world, circle, client, sponsor, curating, people)


def test_circles_and_what_proves_their_curators_are_shown_to_everybody(circles: Circles):
    for reader in ("clerk", "curator", "stranger", "guest"):
        for chain in (
            f"circle/{circles.circle}",
            f"organisation/{circles.curating}",
            circles.person("curator"),
            circles.device("curator"),
            circles.person("keeper"),
        ):
            assert circles.shown(reader, chain), (reader, chain)
    assert not circles.shown("stranger", circles.person("peer"))
    assert circles.opened("stranger", f"organisation/{circles.curating}") == set()


def test_a_circles_name_is_for_those_in_it(circles: Circles):
    chain = f"circle/{circles.circle}"
    assert circles.opened("clerk", chain) == {"name"}
    assert circles.opened("curator", chain) == {"name"}
    assert circles.opened("stranger", chain) == set()


def test_sponsor_and_client_are_shown_each_other_and_nobody_else_is(circles: Circles):
    client, sponsor = f"organisation/{circles.client}", f"organisation/{circles.sponsor}"
    assert circles.shown("clerk", client) and circles.shown("clerk", circles.device("guest"))
    assert not circles.shown("stranger", client)
    assert circles.shown("guest", sponsor) and circles.shown("guest", circles.device("boss"))
    assert not circles.shown("guest", circles.person("clerk"))
    assert circles.opened("clerk", circles.person("guest")) >= {"name", "contact"}
    assert circles.opened("guest", sponsor) == {"name"}


def test_an_erasing_is_shown_to_whoever_is_shown_its_subject(circles: Circles):
    guest = f"opening/{circles.people['guest'].person}"
    assert circles.shown("clerk", guest)
    assert not circles.shown("stranger", guest)
    assert circles.shown("stranger", f"opening/{circles.circle}")
    assert not circles.shown("stranger", f"opening/{circles.world.random.id()}")
