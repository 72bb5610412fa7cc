"""Real code against the oracle: a partnership lives at random, and both must say the same at every step.

Each step is one registry statement or one alert with random contents and random signers.  The oracle (written by another
hand from the specification) answers with yes, or with every rule that refuses; the real code must agree on yes and no and
its rule must be among the oracle's.  Where the specification can be read in two ways, the oracle names the point and the case
is left out; how often is counted.

Signatures are stand-ins here (the roster takes its verifier as an argument); every other test of the roster uses real ones.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

sys.path.insert(0, str(Path(__file__).parent))
import oracle_world as facts
import policy_oracle
import roster_oracle

from exchange.model.alert import Core
from exchange.model.entry import Entry
from exchange.model.problems import Malformed
from exchange.model.scalars import DAY
from exchange.model.statements import Statement, chain_of, parse_statement
from exchange.policy.decide import Context, decide, decide_people, expand
from exchange.policy.members import Facts, Roster
from exchange.policy.roster import RosterRefusal, TrustedRoster
from keys import encoding
from keys.envelope import Envelope, Signature
from keys.sign import SoftwareSigner
from tests.support.world import EMPTY_HEAD, Member, World

RUNS = int(os.environ.get("ORACLE_RUNS", "500"))
STEPS = 24
ROLES = ["administrator", "approver", "auditor", "author", "officer"]
SECTORS = ["energy", "health"]
AREAS = ["05", "05113", "05113000", "05911000"]
TOPICS = ["it", "physical"]
LABELS = ["RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"]
NAME = {"name": "0" * 64}
TIMES = st.sampled_from([0, 0, 1, 60, 301, DAY, 40 * DAY])


def some(values: list[str], least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=2, unique=True).map(sorted)


class Quick(World):
    """The world with stand-in signatures: the right lines of the right lengths, which nobody verifies."""

    def __init__(self) -> None:
        super().__init__()
        self.roster = TrustedRoster(verify=lambda envelope, signers: None)

    def sign(self, kind: str, body: dict[str, Any], *signers: SoftwareSigner) -> Statement:
        lines = [
            Signature(f"{s.public.key_id}:{half}", bytes(size))
            for s in signers
            for half, size in (("ed25519", 64), ("mldsa65", 3309))
        ]
        ordered = tuple(sorted(lines, key=lambda line: line.keyid))
        return parse_statement(Envelope(kind, encoding.encode(body), ordered))


class Partnership(RuleBasedStateMachine):
    """The partnership, told to both sides."""

    agreed = 0
    unsettled = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = Quick()
        self.told: list[facts.Fact] = []
        self.orgs: list[str] = []
        self.members: list[Member] = []
        self.terms: list[str] = []
        self.keyed: set[str] = set()
        self.past: list[tuple[Facts, list[facts.Fact], int]] = []

    # -- telling both ---------------------------------------------------------------------------------------------

    def both(self, fact: facts.Fact, statement: Statement, signers: list[facts.Signer]) -> bool:
        """Hand one statement to both; returns whether it was accepted."""
        if roster_oracle.unsettled_append(self.told, fact, signers):
            type(self).unsettled += 1
            return False
        expected, rules = roster_oracle.may_append(self.told, fact, signers)
        entry = Entry(
            at=self.world.now,
            kind=statement.kind.name,
            signatures=statement.envelope.signatures_hash,
            statement=statement.id,
            subject=chain_of(statement),
        )
        try:
            self.world.roster.apply(entry, statement)
        except RosterRefusal as refusal:
            assert not expected, f"the code refuses by {refusal.rule} {refusal.code}, the oracle accepts {fact}"
            assert refusal.rule in rules, (
                f"the code says {refusal.rule} {refusal.code}, the oracle {set(rules)}: {fact}"
            )
            type(self).agreed += 1
            return False
        assert expected, f"the code accepts, the oracle refuses by {set(rules)}: {fact} signed by {signers}"
        self.told.append(fact)
        type(self).agreed += 1
        return True

    def principals(self, data: st.DataObject) -> tuple[dict[str, str], list[SoftwareSigner], list[facts.Signer]]:
        """Random signers, mostly plausible: registrars, an administrator, two persons, or anybody."""
        named = {r.public.key_id: f"R{i}" for i, r in enumerate(self.world.registrars)}
        devices = [(d, m.signers[d]) for m in self.members for d in m.devices]
        admins = [(d, m.signers[d]) for m in self.members if "administrator" in m.roles for d in m.devices]
        way = data.draw(st.sampled_from(["registrars", "registrars", "registrars", "admin", "two", "mixed", "anybody"]))
        chosen: list[tuple[facts.Signer, SoftwareSigner]] = []
        registrars = [(("registrar", named[r.public.key_id]), r) for r in self.world.registrars]
        pool = admins if way in ("admin", "two", "mixed") else devices
        if way == "registrars" or not pool:
            chosen = registrars[: data.draw(st.sampled_from([2, 2, 2, 1, 3]))]
        else:
            first = data.draw(st.sampled_from(pool))
            chosen = [(("device", first[0]), first[1])]
            if way == "two":
                second = data.draw(st.sampled_from(pool))
                if second[0] != first[0]:
                    chosen.append((("device", second[0]), second[1]))
            if way == "mixed":
                chosen.append(data.draw(st.sampled_from(registrars)))
        who = chosen[0]
        issuer = {"registrar": who[1].public.key_id} if who[0][0] == "registrar" else {"device": who[0][1]}
        return issuer, [signer for _, signer in chosen], [principal for principal, _ in chosen]

    def post(self, data: st.DataObject, kind: str, fact: facts.Fact, /, **fields: Any) -> str | None:
        """Both sides about a statement by random signers; its id when it was accepted."""
        issuer, signers, principals = self.principals(data)
        body = self.world.common(issuer=issuer, **fields)
        body["at"] = self.world.now - data.draw(st.sampled_from([0, 0, 0, 0, 299, 301]))
        body["not_after"] = self.world.now + DAY
        told = facts.Fact(
            fact.kind, self.world.now, fact.subject, fact.says, body["at"], body["not_after"], fact.previous
        )
        try:
            statement = self.world.sign(kind, body, *signers)
        except Malformed:
            # The closed schema refuses before the rules do; the oracle must refuse as well.
            assert not roster_oracle.may_append(self.told, told, principals)[0], told
            return None
        return statement.id if self.both(told, statement, principals) else None

    # -- the beginning --------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        world = self.world
        founding = world.founding()
        names = [f"R{i}" for i in range(3)]
        assert self.both(facts.found(world.now, names, 2), founding, [("registrar", "R0"), ("registrar", "R1")])
        world.exchange = founding.id
        policy = dict(facts.DEFAULT_POLICY, wide={"approvals": 1, "recipients": 3}, red_persons=2)
        adopted = world.by_registrars("policy.adopt", policy=policy)
        assert self.both(facts.policy_adopt(world.now, policy), adopted, [("registrar", "R0"), ("registrar", "R1")])
        for kind in ("authority", "company"):
            self._admit(kind)
        for organisation, roles in (
            (0, ["author"]),
            (0, ["approver"]),
            (0, ["administrator"]),
            (1, ["administrator", "officer"]),
            (1, ["officer"]),
        ):
            self._enrol(self.orgs[organisation], roles)

    def _admit(self, kind: str) -> None:
        world, org = self.world, self.world.random.id()
        expires = world.now + 100 * DAY
        fields = {"areas": ["05113000"], "kind": kind, "sectors": ["energy"]}
        statement = world.by_registrars(
            "organisation.admit", commitments=NAME, expires=expires, organisation=org, **fields
        )
        fact = facts.org_admit(world.now, org, kind, expires, ["energy"], ["05113000"])
        assert self.both(fact, statement, [("registrar", "R0"), ("registrar", "R1")])
        self.orgs.append(org)

    def _enrol(self, org: str, roles: list[str]) -> None:
        world = self.world
        member = Member(world.random.id(), org, tuple(sorted(roles)))
        statement = world.by_registrars(
            "person.enrol", commitments=NAME, organisation=org, person=member.person, roles=sorted(roles), topics=["it"]
        )
        fact = facts.person_enrol(world.now, org, member.person, roles, ["it"])
        assert self.both(fact, statement, [("registrar", "R0"), ("registrar", "R1")])
        fields, signer, secret = world.device_fields(member)
        enrol = world.by_registrars("device.enrol", **fields)
        told = facts.device_enrol(world.now, member.person, fields["device"])
        assert self.both(told, enrol, [("registrar", "R0"), ("registrar", "R1")])
        world.keep_device(member, fields, signer, secret)
        self.keyed.add(fields["device"])
        self.members.append(member)

    # -- life -----------------------------------------------------------------------------------------------------

    @rule(seconds=TIMES)
    def time_passes(self, seconds: int) -> None:
        self.world.now += seconds

    @rule(data=st.data())
    def admit(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(["authority", "chamber", "company", "municipality"]))
        sectors, areas = data.draw(some(SECTORS, 1)), data.draw(some(AREAS, 1))
        known = data.draw(st.booleans()) and data.draw(st.booleans())
        org = self.orgs[0] if known else self.world.random.id()
        expires = self.world.now + data.draw(st.sampled_from([DAY, 50 * DAY, 365 * DAY]))
        fact = facts.org_admit(self.world.now, org, kind, expires, sectors, areas)
        fact = self._begins(fact)
        if self.post(
            data,
            "organisation.admit",
            fact,
            areas=areas,
            commitments=NAME,
            expires=expires,
            kind=kind,
            organisation=org,
            sectors=sectors,
        ):
            self.orgs.append(org)

    @staticmethod
    def _begins(fact: facts.Fact) -> facts.Fact:
        return facts.Fact(fact.kind, fact.at, fact.subject, fact.says, previous=None)

    @rule(data=st.data(), act=st.sampled_from(["renew", "suspend", "suspend", "remove", "change"]))
    def organisation(self, data: st.DataObject, act: str) -> None:
        org = data.draw(st.sampled_from(self.orgs))
        previous = self.world.previous(f"organisation/{org}")
        now = self.world.now
        if act == "renew":
            expires = now + data.draw(st.sampled_from([DAY, 100 * DAY, 300 * DAY]))
            self.post(
                data, "organisation.renew", facts.org_renew(now, org, expires),
                expires=expires, organisation=org, previous=previous,
            )  # fmt: skip
        elif act == "change":
            kind = data.draw(st.sampled_from(["authority", "company"]))
            sectors, areas = data.draw(some(SECTORS, 1)), data.draw(some(AREAS, 1))
            fact = facts.org_change(now, org, kind, sectors, areas)
            self.post(
                data, "organisation.change", fact,
                areas=areas, kind=kind, organisation=org, previous=previous, sectors=sectors,
            )  # fmt: skip
        else:
            fact = facts.org_suspend(now, org) if act == "suspend" else facts.org_remove(now, org)
            self.post(data, f"organisation.{act}", fact, organisation=org, previous=previous)

    @rule(data=st.data())
    def terms(self, data: st.DataObject) -> None:
        version = len(self.terms) + data.draw(st.sampled_from([1, 1, 1, 2]))
        accept_by = self.world.now + data.draw(st.sampled_from([0, DAY]))
        fact = facts.terms_define(self.world.now, version, accept_by)
        previous = self.world.previous("terms")
        accepted = self.post(
            data,
            "terms.define",
            fact if self.terms else self._begins(fact),
            accept_by=accept_by,
            document={"length": 1, "sha256": "0" * 64},
            previous=previous,
            version=version,
        )
        if accepted is not None:
            self.terms.append(accepted)

    @precondition(lambda self: self.terms)
    @rule(data=st.data())
    def accept_terms(self, data: st.DataObject) -> None:
        org, which = data.draw(st.sampled_from(self.orgs)), data.draw(st.integers(0, len(self.terms) - 1))
        previous = self.world.previous(f"acceptance/{org}")
        fact = facts.terms_accept(self.world.now, org, which + 1)
        if previous is None:
            fact = self._begins(fact)
        self.post(data, "terms.accept", fact, organisation=org, previous=previous, terms=self.terms[which])

    @rule(data=st.data())
    def enrol_person(self, data: st.DataObject) -> None:
        org, roles, topics = data.draw(st.sampled_from(self.orgs)), data.draw(some(ROLES, 1)), data.draw(some(TOPICS))
        member = Member(self.world.random.id(), org, tuple(roles))
        fact = self._begins(facts.person_enrol(self.world.now, org, member.person, roles, topics))
        if self.post(
            data, "person.enrol", fact,
            commitments=NAME, organisation=org, person=member.person, roles=roles, topics=topics,
        ):  # fmt: skip
            self.members.append(member)

    @rule(data=st.data(), act=st.sampled_from(["change", "change", "remove"]))
    def person(self, data: st.DataObject, act: str) -> None:
        member = data.draw(st.sampled_from(self.members))
        previous = self.world.previous(f"person/{member.person}")
        if act == "remove":
            fact = facts.person_remove(self.world.now, member.person)
            self.post(data, "person.remove", fact, person=member.person, previous=previous)
            return
        roles, topics = data.draw(some(ROLES, 1)), data.draw(some(TOPICS))
        fact = facts.person_change(self.world.now, member.person, roles, topics)
        if self.post(data, "person.change", fact, person=member.person, previous=previous, roles=roles, topics=topics):
            member.roles = tuple(roles)

    @rule(data=st.data(), keyed=st.booleans())
    def enrol_device(self, data: st.DataObject, keyed: bool) -> None:
        member = data.draw(st.sampled_from(self.members))
        fields, signer, secret = self.world.device_fields(member)
        fact = self._begins(facts.device_enrol(self.world.now, member.person, fields["device"]))
        if self.post(data, "device.enrol", fact, **fields):
            self.world.keep_device(member, fields, signer, secret)
            if keyed:
                self.keyed.add(fields["device"])

    @rule(data=st.data())
    def revoke_device(self, data: st.DataObject) -> None:
        devices = [d for m in self.members for d in m.devices]
        device = data.draw(st.sampled_from(devices))
        fact = facts.device_revoke(self.world.now, device)
        self.post(data, "device.revoke", fact, device=device, previous=self.world.previous(f"device/{device}"))

    @rule(data=st.data())
    def adopt(self, data: st.DataObject) -> None:
        publish = {
            kind: sorted(labels)
            for kind in ("authority", "chamber", "company")
            if (labels := data.draw(st.lists(st.sampled_from(LABELS), max_size=5, unique=True)))
        }
        policy = dict(
            facts.DEFAULT_POLICY,
            approvals=data.draw(st.sampled_from([{}, {"CLEAR": 1, "RED": 1}, {"GREEN": 2, "RED": 1}])),
            publish=publish,
            red_persons=data.draw(st.integers(1, 3)),
            wide={"approvals": data.draw(st.integers(0, 2)), "recipients": data.draw(st.integers(1, 6))},
        )
        fact = facts.policy_adopt(self.world.now, policy)
        self.post(data, "policy.adopt", fact, policy=policy, previous=self.world.previous("policy"))

    @rule()
    def remember(self) -> None:
        """A publisher prepares an alert now, which is accepted later."""
        self.past.append((self.world.roster.facts, list(self.told), self.world.now))

    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        """Propose or publish an alert: every person's answer and the alert's are compared."""
        world = self.world
        label = data.draw(st.sampled_from(LABELS))
        authors = [m for m in self.members if m.devices and "author" in m.roles] or [
            m for m in self.members if m.devices
        ]
        author = data.draw(st.sampled_from(authors))
        approvers = sorted({m.person for m in data.draw(st.lists(st.sampled_from(self.members), max_size=2))})
        approvals = data.draw(st.integers(0, len(approvers)))
        given = data.draw(st.lists(st.sampled_from(approvers), max_size=approvals)) if approvers else []
        core = self.core(data, label, author, approvers, approvals)
        named, told = world.roster.at(core.at), list(self.told)
        if self.past and data.draw(st.booleans()):
            earlier, told, at = data.draw(st.sampled_from(self.past))
            if author.devices[0] not in earlier.devices or at >= core.valid_until:
                return
            core = core.model_copy(update={"at": at, "policy": earlier.policy_id})
            named = Roster(earlier, at)
        policy = named.facts.policy
        assert policy is not None
        people = decide_people(named, policy, core)
        recipients, _ = expand(named, people, self.keyed)
        usable = sum(r.usable for r in recipients)
        wrong = data.draw(st.sampled_from([0, 0, 0, 0, 1]))
        core = core.model_copy(update={"stanzas": usable + wrong, "keyless": len(recipients) - usable})
        oracle_core = core.to_json() | {"policy": policy.to_json()}
        device = author.devices[0]
        expected_people = policy_oracle.person_answers(told, core.at, {**oracle_core, "issuer": {"device": device}})
        for person, (yes, rules) in expected_people.items():
            found = people[person]
            assert found.allowed == yes, (person, found, rules, core.audience)
            assert found.rule in rules, (person, found, rules)
        accepted = world.now + data.draw(st.sampled_from([0, 0, 60, 5 * DAY]))
        acceptance = world.roster.at(accepted)
        verdict = decide(named, policy, core, given, Context(acceptance, self.keyed)).alert
        state, rules = policy_oracle.alert_verdict(
            told, core.at, self.told, accepted, oracle_core, device, given, self.keyed
        )
        if verdict.allowed:
            assert state == verdict.code, (verdict, state, rules, core)
        else:
            assert state == "refused", (verdict, state, core)
            assert verdict.rule in rules, (verdict, rules, core)
        type(self).agreed += 1

    def core(self, data: st.DataObject, label: str, author: Member, approvers: list[str], approvals: int) -> Core:
        world = self.world
        audience: dict[str, Any] | None = None
        if label != "CLEAR" or data.draw(st.sampled_from([False, False, False, True])):
            audience = data.draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "areas": some(AREAS, 1),
                        "organisations": some(self.orgs, 1),
                        "persons": some([m.person for m in self.members], 1),
                        "sectors": some(SECTORS, 1),
                        "topics": some(TOPICS, 1),
                    },
                )
            )
            if label == "RED" and data.draw(st.booleans()):
                audience = {"persons": data.draw(some([m.person for m in self.members], 1))}
            if not audience:
                audience = {"everyone": True}
        fields = {
            "action": "new",
            "alert": world.random.id(),
            "approvals": approvals,
            "approvers": approvers,
            "at": world.now,
            "certainty": "observed",
            "exchange": world.exchange,
            "exercise": False,
            "issuer": {"device": author.devices[0]},
            "keyless": 0,
            "kind": "threat",
            "label": label,
            "nonce": world.random.id(),
            "policy": world.roster.facts.policy_id,
            "release_by": world.now + 7 * DAY,
            "seen": {"journal": EMPTY_HEAD, "registry": EMPTY_HEAD},
            "severity": "moderate",
            "stanzas": 0,
            "suite": "x1",
            "urgency": data.draw(st.sampled_from(["immediate", "expected", "expected"])),
            "valid_until": world.now + data.draw(st.sampled_from([60, 14 * DAY])),
            "version": 1,
        }
        if audience is not None:
            fields["audience"] = audience
        return Core.model_validate(fields)


@pytest.mark.timeout(1500)
def test_the_code_agrees_with_the_oracle_over_random_lives() -> None:
    Partnership.agreed = Partnership.unsettled = 0
    run_state_machine_as_test(
        Partnership,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
    # A comparison that mostly looked away would prove nothing.
    assert Partnership.agreed > RUNS * 5
    assert Partnership.unsettled < Partnership.agreed / 10
