"""``audit explain``: the same decision as the replay's, for every rule, on one screen; and what it does not prove."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exchange.audit.bundle import AuditBundle
from exchange.audit.explain import About, Explanation, explain
from exchange.audit.hypothesis import Hypothesis
from exchange.audit.seek import Seeker, SeekError, aligned
from exchange.audit.verify import verify_bundle
from exchange.cli.texts_audit_explain import AUDIT_EXPLAIN
from exchange.model.scalars import DAY
from exchange.model.statements import Opening, Statement
from exchange.policy.decide import Context, decide
from keys import encoding
from tests.cli.flow import exchange
from tests.support.grants import give
from tests.support.partnership import Partnership
from tests.support.world import Member


@pytest.fixture
def scene() -> Partnership:
    return Partnership()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Partnership, Path]:
    scene = Partnership().everything()
    return scene, scene.world.write_bundle(tmp_path_factory.mktemp("explain") / "audit")


def asked(bundle: Path, alert: str, person: str | None = None, *as_if: str) -> Explanation:
    return explain(AuditBundle(bundle), alert, person, Hypothesis.of(as_if))


def about(bundle: Path, alert: str, person: str | None = None, *as_if: str) -> About:
    found = asked(bundle, alert, person, *as_if)
    assert found.about is not None
    return found.about


def named_person(scene: Partnership, organisation: str, name: str) -> str:
    """An officer with an opening of the name, and no device."""
    world = scene.world
    person, salt = world.random.id(), world.random(32)
    statement = world.by_registrars(
        "person.enrol",
        commitments={"name": encoding.commitment("name", salt, name)},
        organisation=organisation,
        person=person,
        roles=["officer"],
        topics=[],
    )
    world.accept(statement)
    world.openings[statement.id] = (Opening(field="name", salt=encoding.b64u(salt), value=name),)
    return person


# -- the same as the replay ------------------------------------------------------------------------------------


def test_it_says_of_everybody_what_the_replay_of_the_whole_bundle_says(told: tuple[Partnership, Path]) -> None:
    scene, bundle = told
    assert verify_bundle(bundle).verified
    facts = scene.world.roster.facts
    for alert in (scene.amber, scene.released_red, scene.clear, scene.urgent, scene.late):
        whole = asked(bundle, alert.id)
        assert whole.released and whole.decision.code == "released" and not whole.faults
        assert sum(group.count for group in whole.groups) == len(facts.persons)
        listed = set()
        for group in whole.groups:
            for people in group.people.values():
                for person in people:
                    found = about(bundle, alert.id, person)
                    assert (found.decision.rule, found.decision.code) == (group.decision.rule, group.decision.code)
                    listed |= {held.leaf for held in found.devices if held.leaf is not None}
                    expected = {True: {"received", "without-key"}, False: {"not", "public"}}
                    assert found.outcome in expected[found.decision.allowed]
        assert listed == set(range(whole.leaves)) and whole.leaves == whole.core.leaves


def test_a_device_without_a_key_is_in_the_list_without_a_stanza(told: tuple[Partnership, Path]) -> None:
    scene, bundle = told
    found = about(bundle, scene.amber.id, scene.keyless.person)
    assert found.outcome == "without-key" and found.decision.allowed
    assert [held.stanza for held in found.devices] == [False] and found.devices[0].leaf is not None


# -- every rule, yes and no ------------------------------------------------------------------------------------

OFFICER = ("kind=company", "sector=health", "area=05113000")
PERSONS: list[tuple[str, tuple[str, ...], bool, str, str]] = [
    ("R1", ("role=auditor",), False, "R1", "auditor"),
    ("R1, and in force", OFFICER, True, "R4", "selected"),
    ("R3 named", ("label=RED",), False, "R3", "not-named"),
    ("R4", ("sector=health",), True, "R4", "selected"),
    ("R4 elsewhere", ("sector=energy",), False, "R4", "not-addressed"),
    ("R4 who need not know", ("sector=health", "role=author"), False, "R4", "not-officer"),
    ("R4 by topic", ("sector=health", "to-topic=it", "topic=it"), True, "R4", "selected"),
    ("R4 another topic", ("sector=health", "to-topic=it", "topic=fraud"), False, "R4", "topic-missing"),
    ("R5", ("label=AMBER", "sector=health"), True, "R5", "selected"),
    ("R5 elsewhere", ("label=AMBER", "sector=energy"), False, "R5", "not-addressed"),
    ("R6 everyone", ("label=GREEN", "to-everyone=yes", "role=author"), True, "R6", "everyone"),
    ("R6 elsewhere", ("label=GREEN", "sector=energy"), False, "R6", "not-addressed"),
    ("R7", ("label=CLEAR", "sector=health"), False, "R7", "public"),
    ("a shorter area covers the longer", ("to-area=05", "area=05113000"), True, "R4", "selected"),
    ("a longer area never the shorter", ("to-area=05113000", "area=05"), False, "R4", "not-addressed"),
]


@pytest.mark.parametrize(
    ("as_if", "allowed", "rule", "code"), [row[1:] for row in PERSONS], ids=[row[0] for row in PERSONS]
)
def test_a_hypothetical_person_is_decided_by_the_rule(
    told: tuple[Partnership, Path], as_if: tuple[str, ...], allowed: bool, rule: str, code: str
) -> None:
    scene, bundle = told
    described = Hypothesis.of(as_if).about_person
    found = about(bundle, scene.amber.id, None if described else scene.doctor.person, *as_if)
    assert (found.decision.allowed, found.decision.rule, found.decision.code) == (allowed, rule, code)
    assert found.outcome == ("would" if allowed else "public" if code == "public" else "would-not")


def test_r2_and_r8_author_and_candidates_receive_what_they_signed(told: tuple[Partnership, Path]) -> None:
    scene, bundle = told
    author = about(bundle, scene.released_red.id, scene.author.person)
    approver = about(bundle, scene.released_red.id, scene.approver.person)
    assert (author.decision.rule, author.decision.code) == ("R2", "author")
    assert (approver.decision.rule, approver.decision.code) == ("R8", "candidate-approver")
    assert {author.outcome, approver.outcome} == {"received"}
    assert set(asked(bundle, scene.released_red.id).approvals) == {scene.approver.person, scene.second.person}


def test_r3_goes_to_the_named_person_and_to_nobody_else(told: tuple[Partnership, Path]) -> None:
    scene, bundle = told
    assert about(bundle, scene.red.id, scene.doctor.person).decision.code == "named"
    assert about(bundle, scene.red.id, scene.porter.person).decision.code == "not-named"


ALERTS: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("R2 a label that a chamber may not publish", "AMBER+STRICT", {}, "R2", "label-not-allowed"),
    ("R3 an audience that names no persons", "RED", {}, "R2", "label-not-allowed"),
    ("R9 without an audience", "AMBER", {"audience": None}, "R9", "audience-missing"),
    ("R9 another policy", "AMBER", {"policy": "0" * 64}, "R9", "policy-mismatch"),
]


@pytest.mark.parametrize(
    ("label", "fields", "rule", "code"), [row[1:] for row in ALERTS], ids=[row[0] for row in ALERTS]
)
def test_an_alert_that_the_rules_refuse_is_explained_as_refused(
    scene: Partnership, tmp_path: Path, label: str, fields: dict[str, Any], rule: str, code: str
) -> None:
    world = scene.world
    chamber = world.organisation("chamber")
    author = world.person(chamber, "author")
    world.publish_epochs(author)
    given = dict(fields)
    alert = world.alert(author, label, given.pop("audience", scene.health), **given)
    index = world.log(alert)
    bundle = world.write_bundle(tmp_path / "audit")
    found = asked(bundle, str(index))
    assert (found.decision.allowed, found.decision.rule, found.decision.code) == (False, rule, code)
    report = verify_bundle(bundle)
    assert report.first is not None and (report.first.rule, report.first.code) == (rule, code)


@pytest.mark.parametrize(
    ("as_if", "rule", "code"),
    [
        (("label=RED",), "R3", "red-names-persons-only"),
        (("label=CLEAR",), "R8", "approvals-below-policy"),
        (("label=GREEN", "to-everyone=yes"), "R8", "approvals-below-policy"),
        (("label=AMBER",), "R8", "released"),
    ],
)
def test_another_label_or_audience_is_decided_as_if_it_had_been_signed(
    told: tuple[Partnership, Path], as_if: tuple[str, ...], rule: str, code: str
) -> None:
    scene, bundle = told
    found = asked(bundle, scene.amber.id, None, *as_if)
    assert (found.decision.rule, found.decision.code) == (rule, code)


def test_who_would_join_and_who_would_leave(told: tuple[Partnership, Path]) -> None:
    scene, bundle = told
    wider = asked(bundle, scene.amber.id, None, "to-sector=health", "to-sector=logistics")
    assert (wider.joining, wider.leaving) == (1, 0)
    other = asked(bundle, scene.amber.id, None, "to-organisation=Spedition Muster")
    assert (other.joining, other.leaving) == (1, 3)
    assert about(bundle, scene.amber.id, scene.driver.person, "to-organisation=Spedition Muster").outcome == "would"


def test_the_decision_is_that_of_decide_for_the_alert_as_it_is(told: tuple[Partnership, Path]) -> None:
    scene, bundle = told
    found = asked(bundle, scene.urgent.id)
    usable = scene.world.epochs.usable(encoding.week_of(found.core.at), found.core.seen.journal.size)
    assert found.roster.facts.policy is not None
    whole = decide(found.roster, found.roster.facts.policy, found.core, found.approvals, Context(None, usable, None))
    assert whole.alert == found.decision
    assert {p: d for p, d in whole.people.items() if d.allowed}.keys() == {
        person for group in found.groups if group.decision.allowed for ids in group.people.values() for person in ids
    }


# -- what became of it -----------------------------------------------------------------------------------------


def test_a_proposal_would_be_received_on_release(scene: Partnership, tmp_path: Path) -> None:
    red = {"persons": [scene.doctor.person]}
    alert = scene.world.alert(scene.author, "RED", red, approvals=1, approvers=scene.approvers(scene.approver))
    scene.world.log(alert)
    bundle = scene.world.write_bundle(tmp_path / "audit")
    found = asked(bundle, alert.id, scene.doctor.person)
    assert found.about is not None and found.about.outcome == "proposed"
    assert not found.released and found.decision.code == "proposed"


def test_a_grant_is_named_with_its_entry(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    alert = world.alert(scene.author, "AMBER", scene.health)
    world.log(alert)
    client = world.random.id()
    world.accept(
        world.by_registrars(
            "client.register",
            commitments={"name": "0" * 64},
            expires=world.now + 30 * DAY,
            organisation=client,
            sponsor=scene.hospital,
        )
    )
    guest = world.person(client, "officer")
    world.publish_epochs(guest)
    granted = give(world, scene.doctor, alert, guest.device)
    index = world.log(granted)
    bundle = world.write_bundle(tmp_path / "audit")
    assert verify_bundle(bundle).verified
    # When the alert was made, the registry did not know the client yet.
    with pytest.raises(SeekError) as error:
        asked(bundle, alert.id, guest.person)
    assert error.value.code == "person-not-found"
    again = world.alert(scene.author, "AMBER", scene.health)
    world.log(again)
    given = world.log(give(world, scene.doctor, again, guest.device))
    found = about(world.write_bundle(tmp_path / "later"), again.id, guest.person)
    assert (found.outcome, found.decision.code) == ("granted", "client-grants-only")
    assert [held.grants for held in found.devices] == [(given,)] and given > index


def test_who_left_before_acceptance_was_not_served(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    alert = world.alert(
        scene.author, "AMBER", {"everyone": True}, approvals=1, approvers=scene.approvers(scene.approver)
    )
    world.log(alert)
    previous = world.previous(f"organisation/{scene.carrier}")
    world.accept(world.by_registrars("organisation.suspend", organisation=scene.carrier, previous=previous))
    world.log(world.approve(alert, scene.approver))
    bundle = world.write_bundle(tmp_path / "audit")
    assert about(bundle, alert.id, scene.driver.person).outcome == "lost"
    assert about(bundle, alert.id, scene.doctor.person).outcome == "received"


def test_a_withdrawal_goes_to_the_earlier_recipients(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    first = scene.release()
    gone = world.version(scene.author, first, "withdraw")
    world.log(gone)
    bundle = world.write_bundle(tmp_path / "audit")
    assert verify_bundle(bundle).verified
    found = asked(bundle, first.alert.core.alert, scene.doctor.person)
    assert found.statement.id == gone.id and found.core.version == 2 and not found.faults
    assert found.about is not None and found.about.decision.code == "earlier-recipient"
    assert about(bundle, gone.id, scene.driver.person).decision.code == "no-earlier-recipient"
    assert asked(bundle, first.id).core.version == 1


# -- finding -----------------------------------------------------------------------------------------------------


def test_an_alert_is_found_by_index_statement_and_alert_id(told: tuple[Partnership, Path]) -> None:
    scene, bundle = told
    index = next(i for i, (e, _) in enumerate(scene.world.logs["journal"]) if e.statement == scene.amber.id)
    alert = scene.amber.alert.core.alert
    for name in (str(index), scene.amber.id, scene.amber.id[:9], scene.amber.id[:9].upper(), alert, alert[:8]):
        assert asked(bundle, name).statement.id == scene.amber.id
    assert [placed.entry.kind for placed in asked(bundle, scene.red.id).mentions] == [
        "alert.proposed",
        "alert.proposed",
        "alert.released",
    ]


def test_a_person_is_found_by_name_or_by_the_beginning_of_the_id(scene: Partnership, tmp_path: Path) -> None:
    world = scene.world
    person = named_person(scene, scene.hospital, "Dr. Änne Muster")
    named_person(scene, scene.hospital, "Max Doppel")
    named_person(scene, scene.carrier, "Max Doppel")
    forged = named_person(scene, scene.carrier, "Echt")
    statement = world.roster.facts.commitments[f"person/{forged}"][0][0]
    world.openings[statement] = (Opening(field="name", salt=encoding.b64u(bytes(32)), value="Falsch"),)
    alert = scene.release()
    bundle = world.write_bundle(tmp_path / "audit")
    for name in ("Dr. Änne Muster", "dr. änne muster", person, person[:7]):
        found = asked(bundle, alert.id, name)
        assert found.about is not None and found.about.person.id == person
        assert found.about.outcome == "without-device" and found.names[person] == "Dr. Änne Muster"
    for name, code in (
        ("Max Doppel", "person-ambiguous"),
        ("Niemand", "person-not-found"),
        ("Falsch", "person-not-found"),
    ):
        with pytest.raises(SeekError) as error:
            asked(bundle, alert.id, name)
        assert error.value.code == code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("999", "alert-not-found"),
        ("0", "alert-not-found"),  # weekly keys
        ("abc", "alert-not-found"),
        ("0123456789abcdef", "alert-not-found"),
        ('x","id":"', "alert-not-found"),
    ],
)
def test_what_is_not_there_is_said(told: tuple[Partnership, Path], name: str, code: str) -> None:
    with pytest.raises(SeekError) as error:
        asked(told[1], name)
    assert error.value.code == code


@pytest.mark.parametrize("word", ["colour=red", "label", "label=", "label=PINK", "to-area=5", "to-organisation=Nobody"])
def test_a_hypothesis_that_cannot_be_understood_is_refused(told: tuple[Partnership, Path], word: str) -> None:
    with pytest.raises(SeekError) as error:
        asked(told[1], told[0].amber.id, None, word)
    assert error.value.code in ("hypothesis-malformed", "subject-not-found")


def test_a_value_is_found_inside_base64_wherever_it_begins() -> None:
    for before in range(7):
        for after in range(4):
            body = encoding.b64(b"x" * before + b"needle/Ab_-" + b"y" * after).encode()
            assert any(pattern in body for pattern in aligned(b"needle/Ab_-"))
    assert not any(pattern in encoding.b64(b"another text altogether").encode() for pattern in aligned(b"needle/Ab_-"))


# -- what is checked -----------------------------------------------------------------------------------------------


def leaves_of(bundle: Path, alert: Statement) -> Path:
    return bundle / "leaves" / alert.id


def test_a_changed_leaf_list_or_signature_is_said_and_the_status_is_1(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    bundle = scene.world.write_bundle(tmp_path / "audit")
    path = leaves_of(bundle, alert)
    data = path.read_bytes()
    path.write_bytes(data[:40] + bytes(32) + data[72:])
    assert [code for code, _ in asked(bundle, alert.id).faults] == ["root-mismatch"]
    assert exchange("audit", "explain", alert.id, "--bundle", bundle, check=False).status == 1
    path.unlink()
    assert "leaves-missing" in [code for code, _ in asked(bundle, alert.id).faults]
    other = scene.world.write_bundle(tmp_path / "other")
    statement = next(other.glob(f"statements/*/{alert.id}.json"))
    raw = json.loads(statement.read_bytes())
    raw["payload"] = raw["payload"][:-8] + "AAAAAAAA"
    statement.write_bytes(encoding.encode(raw))
    with pytest.raises(SeekError) as error:
        asked(other, alert.id)
    assert error.value.code == "bundle-unreadable"


def test_a_forged_registry_statement_behind_the_entry_is_said(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    bundle = scene.world.write_bundle(tmp_path / "audit")
    statement = next(s for _, s in scene.world.logs["registry"] if s.kind.name == "person.enrol")
    path = next(bundle.glob(f"statements/*/{statement.id}.json"))
    other = next(s for _, s in reversed(scene.world.logs["registry"]) if s.kind.name == "person.enrol")
    path.write_bytes(other.envelope.encode())
    with pytest.raises(SeekError) as error:
        asked(bundle, alert.id)
    assert error.value.code == "registry-unreadable"


def test_a_recipient_too_many_is_noticed(scene: Partnership, tmp_path: Path) -> None:
    def also(member: Member) -> Any:
        from exchange.policy.decide import Recipient

        return lambda recipients: [*recipients, Recipient(member.device, member.person, True)]

    alert = scene.world.alert(scene.author, "AMBER+STRICT", scene.health, choose=also(scene.driver))
    scene.world.log(alert)
    bundle = scene.world.write_bundle(tmp_path / "audit")
    assert "decision-differs" in [code for code, _ in asked(bundle, alert.id).faults]
    assert "recipient-extra" in [code for code, _ in asked(bundle, alert.id, scene.driver.person).faults]


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["de", "en"])
def test_one_screen_for_a_person_and_for_everybody(told: tuple[Partnership, Path], lang: str) -> None:
    scene, bundle = told
    for arguments in ((scene.doctor.person,), ()):
        ran = exchange("audit", "explain", scene.amber.id, *arguments, "--bundle", bundle, lang=lang)
        lines = ran.out.splitlines()
        assert len(lines) <= 24 and lines[0].startswith("TLP:AMBER+STRICT  ")
        assert lines[-1] == AUDIT_EXPLAIN["explain_limit"][lang == "en"]
        assert "R4" in ran.out and "Klinikum Musterstadt" in ran.out


def test_json_has_the_inputs_and_says_that_nothing_is_proven(told: tuple[Partnership, Path]) -> None:
    scene, bundle = told
    ran = exchange("audit", "explain", scene.amber.id, scene.doctor.person, "--bundle", bundle, "--json")
    value = json.loads(ran.out)
    assert value["proven"] is False and value["checked"] == ["statement", "signatures", "leaves"]
    person = value["person"]
    assert (person["outcome"], person["decision"]["rule"], person["decision"]["code"]) == ("received", "R4", "selected")
    assert person["organisation"]["sectors"] == ["health"] and person["devices"][0]["stanza"] is True
    assert {one["kind"] for one in person["entries"]} == {"organisation.admit", "person.enrol", "device.enrol"}
    assert value["registry_size"] == 21 and value["entries"][0]["kind"] == "alert.released"


def test_what_is_not_found_is_status_2_and_a_hostile_name_does_nothing(scene: Partnership, tmp_path: Path) -> None:
    scene.world.named_organisation("\u202eexe.\u202c <b>", sectors=["health"])
    alert = scene.release()
    bundle = scene.world.write_bundle(tmp_path / "audit")
    ran = exchange("audit", "explain", "nothing-here", "--bundle", bundle, check=False)
    assert ran.status == 2 and "alert-not-found" in ran.err
    assert exchange("audit", "explain", alert.id, "--bundle", tmp_path, check=False).status == 2
    ran = exchange("audit", "explain", alert.id, "--bundle", bundle, "--as-if", "organisation=\u202eexe.\u202c <b>")
    assert "\u202e" not in ran.out


def test_entries_that_cannot_be_read_end_the_search(scene: Partnership, tmp_path: Path) -> None:
    alert = scene.release()
    bundle = scene.world.write_bundle(tmp_path / "audit")
    path = next(bundle.glob("journal/tile/entries/*/*"))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SeekError):
        list(Seeker(AuditBundle(bundle)).entries("journal"))
    with pytest.raises(SeekError):
        asked(bundle, alert.id)
