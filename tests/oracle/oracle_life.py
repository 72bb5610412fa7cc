"""A partnership that lives at random: statements, alerts in versions, grants and lapses, honest and dishonest.

`Life` is told to one side step by step and holds every answer against the oracle: yes and no must agree, the rule that a
refusal names must be among those by which the oracle refuses, and so must the reason code where the specification gives
one. Where the specification can be read in two ways the oracle names the point, and the case is left out and counted.

A life is its seed: step n draws from the stream "<seed>/<n>", so a failing life can be told again without some of its
steps (`shortest`). No clock, no real keys, no bytes.
"""

from __future__ import annotations

import random
import sys
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))
import grant_oracle
import oracle_world as facts
import policy_oracle
import roster_oracle
from adapter import SCHEMA, AlertCase, GrantCase, Side
from oracle_journal import Answer, Claim, Grant, Release
from oracle_world import Fact, Signer

START: Final = 1_790_000_000  # seconds
DAY: Final = 86_400  # seconds
ROLES: Final = ("administrator", "approver", "auditor", "author", "officer")
KINDS: Final = ("authority", "chamber", "company", "municipality")
SECTORS: Final = ("energy", "health")
AREAS: Final = ("05", "05113", "05113000", "05911000")
TOPICS: Final = ("it", "physical")
LABELS: Final = ("RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR")
REGISTRARS: Final[tuple[Signer, ...]] = (("registrar", "R0"), ("registrar", "R1"), ("registrar", "R2"))


class Disagreement(AssertionError):
    """The two sides do not say the same."""


@dataclass
class Tally:
    """What was compared: answers by rule and verdict, and the cases left out by their point."""

    agreed: Counter[str] = field(default_factory=Counter)
    unsettled: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.agreed.update(other.agreed)
        self.unsettled.update(other.unsettled)


class Life:
    """One partnership, told to one side."""

    def __init__(self, seed: str, side: Side, tally: Tally) -> None:
        self.seed, self.side, self.tally = seed, side, tally
        self.random = random.Random(f"{seed}/begin")
        self.world: list[Fact] = []
        self.journal: list[Release | Grant | Answer] = []
        self.lineages: dict[str, Mapping[str, Any] | None] = {}
        self.now = START
        self.named = 0
        self.keyed: set[str] = set()
        self.past: list[tuple[int, int, int]] = []  # length of the registry, of the journal, time

    # -- drawing --------------------------------------------------------------------------------------------------

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def some(self, values: Sequence[str], least: int = 1, most: int = 2) -> list[str]:
        count = min(len(values), self.random.randint(least, most))
        return sorted(self.random.sample(list(values), count))

    def one(self, values: Collection[Any], otherwise: Any = None) -> Any:
        ordered = list(values) if isinstance(values, (list, tuple)) else sorted(values)
        return self.random.choice(ordered) if ordered else otherwise

    def new_id(self) -> str:
        self.named += 1
        return urlsafe_b64encode(sha256(f"{self.named}".encode()).digest()[:16]).rstrip(b"=").decode()

    def new_hash(self) -> str:
        self.named += 1
        return sha256(f"statement {self.named}".encode()).hexdigest()

    # -- what there is --------------------------------------------------------------------------------------------

    def subjects(self, *kinds: str) -> list[str]:
        return list(dict.fromkeys(fact.subject for fact in self.world if fact.kind in kinds))

    @property
    def orgs(self) -> list[str]:
        return self.subjects("org_admit")

    @property
    def clients(self) -> list[str]:
        return self.subjects("client_register")

    @property
    def persons(self) -> list[str]:
        return self.subjects("person_enrol")

    @property
    def devices(self) -> list[str]:
        return self.subjects("device_enrol")

    @property
    def circles(self) -> list[str]:
        return self.subjects("circle_define")

    def with_role(self, role: str, org: str | None = None) -> list[str]:
        return [
            one
            for one in self.persons
            if role in facts.roles_of(self.world, one)
            and (org is None or facts.organisation_of(self.world, one) == org)
        ]

    def devices_of(self, persons: Collection[str]) -> list[str]:
        return [device for device in self.devices if facts.person_of(self.world, device) in persons]

    def home_of(self, device: str) -> str | None:
        return facts.organisation_of(self.world, facts.person_of(self.world, device))

    def kind_of(self, device: str) -> str | None:
        kind: str | None = facts.of_org(self.world, self.home_of(device), "kind")
        return kind

    def alive(self, devices: Collection[str]) -> list[str]:
        """Mostly those of these devices that are in force now, so that most of what is tried can succeed."""
        if self.chance(0.12):
            return sorted(devices)
        ordered = sorted(devices)
        return [one for one in ordered if facts.in_force_device(self.world, self.now, one)] or ordered

    # -- telling both ---------------------------------------------------------------------------------------------

    def post(self, fact: Fact, signers: Sequence[Signer]) -> bool:
        """One registry statement; whether it was accepted."""
        if fact.kind == "client_register":
            registrars = all(sort == "registrar" for sort, _ in signers)
            fact = replace(fact, says={**fact.says, "by_registrars": registrars})
        points = roster_oracle.unsettled_append(self.world, fact, signers)
        if points:
            self.tally.unsettled.update(points)
            return False
        expected, rules = roster_oracle.may_append(self.world, fact, signers)
        said = self.side.apply(fact, signers)
        if said.yes != expected or not (expected or said.rule in rules or said.rule == SCHEMA):
            raise Disagreement(
                f"{fact} signed by {signers}: {said.yes} by {said.rule} {said.code}, the oracle {expected} {set(rules)}"
            )
        self.tally.agreed[f"{fact.kind} {'yes' if expected else said.rule}"] += 1
        if expected:
            self.world.append(fact)
        return expected

    def signers(self, fact: Fact) -> list[Signer]:
        """Mostly those who may sign it, else somebody."""
        org = roster_oracle._administering(self.world, fact)
        administrators = self.devices_of(self.with_role("administrator", org))
        registrars = list(REGISTRARS[: self.one([2, 2, 2, 2, 2, 1, 3])])
        if self.chance(0.15):
            pool = self.devices_of(self.with_role("administrator")) if self.chance(0.6) else self.devices
            chosen = [("device", device) for device in self.some(pool)] if pool else registrars
            return [*chosen[:1], REGISTRARS[0]] if self.chance(0.2) else chosen
        if fact.kind == "terms_accept" and administrators:
            return [("device", self.one(administrators))]
        if fact.kind == "circle_change" and self.chance(0.7):
            curators = self.devices_of(roster_oracle.curators_of(self.world, fact.subject))
            return [("device", self.one(curators))] if curators else registrars
        if fact.kind == "device_revoke" and self.chance(0.3):
            own = self.devices_of({facts.person_of(self.world, fact.subject) or ""})
            return [("device", self.one(own))] if own else registrars
        if administrators and fact.kind not in ("policy_adopt", "terms_define") and self.chance(0.5):
            first: Signer = ("device", self.one(administrators))
            ways = roster_oracle._ways_to_sign(self.world, fact)
            if "two persons" in ways:
                second: Signer = ("device", self.one(administrators))
                return [first, second if self.chance(0.5) and second != first else REGISTRARS[0]]
            return [first] if "administrator" in ways or self.chance(0.1) else registrars
        return registrars

    def tell(self, fact: Fact) -> bool:
        """The same by drawn signers, at times with a window or a predecessor that does not hold."""
        chain = facts.newest_in_chain(self.world, fact)
        previous: int | None = facts.NEWEST if chain is not None else None
        if self.chance(0.04):
            previous = self.one([n for n, other in enumerate(self.world)], None)
        early = self.one([0, 0, 0, 0, 0, 0, 299, 301]) if self.chance(0.5) else 0
        fact = replace(fact, prepared=self.now - early, not_after=self.now + DAY, previous=previous)
        return self.post(fact, self.signers(fact))

    def surely(self, fact: Fact) -> None:
        chain = facts.newest_in_chain(self.world, fact)
        fact = replace(fact, previous=facts.NEWEST if chain is not None else None)
        if not self.post(fact, REGISTRARS[:2]):
            raise Disagreement(f"the beginning is refused: {fact}")

    # -- the beginning --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Two or three organisations, their persons, a client, a circle: enough that alerts get through from the start."""
        self.surely(facts.found(self.now, ["R0", "R1", "R2"], 2))
        self.surely(facts.policy_adopt(self.now, self.policy(drawn=False)))
        police, water, other = self.new_id(), self.new_id(), self.new_id()
        for org, kind in ((police, "authority"), (water, "company"), (other, self.one(KINDS))):
            expires = self.now + self.one([40, 100, 300]) * DAY
            areas = ["05113000"] if org == police else self.some(AREAS)
            self.surely(facts.org_admit(self.now, org, kind, expires, ["energy"], areas))
        client = self.new_id()
        if "clients" in self.side.speaks:
            self.surely(facts.client_register(self.now, client, self.one([police, water]), self.now + 200 * DAY))
        people = [
            (police, ["author"]), (police, ["approver"]), (police, ["approver", "officer"]), (police, ["administrator", "officer"]),
            (water, ["administrator", "officer"]), (water, ["officer"]), (other, ["administrator", "author", "officer"]),
            (client, ["officer"]),
        ]  # fmt: skip
        for org, roles in people if "clients" in self.side.speaks else people[:-1]:
            person = self.new_id()
            self.surely(facts.person_enrol(self.now, org, person, roles, self.some(TOPICS, 0)))
            for _ in range(self.one([1, 1, 2])):
                device = self.new_id()
                self.surely(facts.device_enrol(self.now, person, device))
                if self.chance(0.9):
                    self.keyed.add(device)
        if "circles" in self.side.speaks:
            self.surely(facts.circle_define(self.now, self.new_id(), [self.persons[3]], {"organisations": [water]}))

    def policy(self, *, drawn: bool = True) -> dict[str, Any]:
        approvals = self.one([{}, {"CLEAR": 1, "RED": 1}, {"GREEN": 2, "RED": 1}, {"AMBER": 1}])
        wide = {"approvals": self.random.randint(0, 2), "recipients": self.random.randint(1, 8)}
        publish = dict(facts.DEFAULT_POLICY["publish"])
        if drawn and self.chance(0.4):
            publish = {kind: self.some(LABELS, 1, 5) for kind in KINDS if self.chance(0.7)}
            publish = publish or {"authority": ["AMBER"]}
        changes = {"approvals": approvals, "publish": publish, "wide": wide, "red_persons": self.random.randint(1, 3)}
        return {**facts.DEFAULT_POLICY, **changes}

    # -- members --------------------------------------------------------------------------------------------------

    def time_passes(self) -> None:
        self.now += self.one([1, 60, 301, 901, DAY, 20 * DAY])

    def admit(self) -> None:
        org = self.one([*self.orgs, *self.clients]) if self.chance(0.1) else self.new_id()
        expires = self.now + self.one([DAY, 50 * DAY, 365 * DAY, 1_200 * DAY])
        self.tell(
            facts.org_admit(self.now, org, self.one(KINDS), expires, self.some(SECTORS), self.some(AREAS))
        )  # fmt: skip

    def organisation(self) -> None:
        org = self.one([*self.orgs, *self.clients])
        act = self.one(["renew", "renew", "renew", "suspend", "suspend", "remove", "change", "change"])
        if org in self.clients and self.chance(0.6):
            act = "suspend"
        if act == "renew":
            fact = facts.org_renew(self.now, org, self.now + self.one([DAY, 100 * DAY, 300 * DAY]))
        elif act == "change":
            fact = facts.org_change(self.now, org, self.one(KINDS), self.some(SECTORS), self.some(AREAS))
        else:
            fact = facts.org_suspend(self.now, org) if act == "suspend" else facts.org_remove(self.now, org)
        self.tell(fact)

    def renew(self) -> None:
        """Who has lapsed or is suspended comes back, so that lives do not end in silence."""
        for org in self.orgs:
            if not facts.admitted(self.world, self.now, org) and self.chance(0.7):
                fact = facts.org_renew(self.now, org, self.now + 300 * DAY)
                self.post(replace(fact, not_after=self.now + DAY), REGISTRARS[:2])

    def terms(self) -> None:
        defined = len([fact for fact in self.world if fact.kind == "terms_define"])
        version = defined + self.one([1, 1, 1, 1, 2])
        if self.tell(facts.terms_define(self.now, version, self.now + self.one([0, DAY, 30 * DAY]))):
            self.accept_terms(everybody=True)

    def accept_terms(self, *, everybody: bool = False) -> None:
        versions = [fact.says["version"] for fact in self.world if fact.kind == "terms_define"]
        if not versions:
            return
        for org in self.orgs if everybody else [self.one([*self.orgs, *self.orgs, *self.clients])]:
            if not everybody or self.chance(0.9):
                version = versions[-1] if everybody or self.chance(0.7) else self.one(versions)
                self.tell(facts.terms_accept(self.now, org, version))

    def client(self) -> None:
        known = self.one(self.clients) if self.chance(0.3) else None
        suspended = [one for one in self.clients if facts.suspended(self.world, one)]
        if suspended and self.chance(0.7):
            known = self.one(suspended)
        sponsor = self.one([*self.orgs, *self.orgs, *self.clients, *([self.new_id()] if self.chance(0.1) else [])])
        if known and self.chance(0.7):
            sponsor = facts.sponsor_of(self.world, known)
        subject = self.one(self.orgs) if self.chance(0.05) else known or self.new_id()
        expires = self.now + self.one([DAY, 50 * DAY, 300 * DAY, 300 * DAY, 1_200 * DAY])
        self.tell(facts.client_register(self.now, subject, sponsor, expires))

    def enrol_person(self) -> None:
        org = self.one([*self.orgs, *self.clients])
        roles = self.some(ROLES)
        if org in self.clients and self.chance(0.8):
            roles = ["officer"]
        person = self.one(self.persons) if self.chance(0.03) else self.new_id()
        if self.tell(facts.person_enrol(self.now, org, person, roles, self.some(TOPICS, 0))):
            device = self.new_id()
            if self.tell(facts.device_enrol(self.now, person, device)) and self.chance(0.9):
                self.keyed.add(device)

    def person(self) -> None:
        person = self.one(self.persons)
        if self.chance(0.3):
            self.tell(facts.person_remove(self.now, person))
        else:
            roles = self.some(ROLES) if self.chance(0.7) else ["officer"]
            self.tell(facts.person_change(self.now, person, roles, self.some(TOPICS, 0)))

    def device(self) -> None:
        if self.chance(0.35):
            self.tell(facts.device_revoke(self.now, self.one(self.devices)))
            return
        device = self.one(self.devices) if self.chance(0.03) else self.new_id()
        if self.tell(facts.device_enrol(self.now, self.one(self.persons), device)) and self.chance(0.85):
            self.keyed.add(device)

    def members(self) -> dict[str, list[str]]:
        pools = {"circles": self.circles, "organisations": [*self.orgs, *self.clients], "persons": self.persons}
        drawn = {kind: self.some(pool) for kind, pool in pools.items() if pool and self.chance(0.5)}
        if self.chance(0.03):
            drawn["organisations"] = [self.new_id()]
        return drawn

    def circle(self) -> None:
        """Define a circle, or change one: the members added are drawn from all, those removed from its own."""
        curators = self.some(self.persons)
        if not self.circles or self.chance(0.4):
            circle = self.one(self.circles) if self.circles and self.chance(0.05) else self.new_id()
            self.tell(facts.circle_define(self.now, circle, curators, self.members()))
            return
        circle = self.one(self.circles)
        mine = sorted(facts.circle_members(self.world, circle))
        add = self.members()
        if self.chance(0.7):
            add = {kind: rest for kind, ids in add.items() if (rest := [i for i in ids if (kind, i) not in mine])}
        remove: dict[str, list[str]] = {}
        if mine and self.chance(0.4):
            kind, gone = self.one(mine)
            remove = {kind: [gone]}
        elif self.chance(0.05):
            remove = self.members()
        changed = curators if self.chance(0.2) or not (add or remove) else None
        self.tell(facts.circle_change(self.now, circle, add, remove, changed))

    def adopt(self) -> None:
        self.tell(facts.policy_adopt(self.now, self.policy()))

    def remember(self) -> None:
        """A publisher prepares an alert now, which is accepted later."""
        self.past.append((len(self.world), len(self.journal), self.now))

    # -- alerts ---------------------------------------------------------------------------------------------------

    def audience(self, label: str) -> dict[str, Any] | None:
        if label == "CLEAR" and self.chance(0.95):
            return None
        if label == "RED" and self.chance(0.85):
            return {"persons": self.some(self.persons)}
        if self.chance(0.2):
            return {"everyone": True}
        pools = {
            "areas": AREAS, "circles": self.circles, "organisations": [*self.orgs, *self.clients],
            "persons": self.persons, "sectors": SECTORS, "topics": TOPICS,
        }  # fmt: skip
        drawn: dict[str, Any] = {name: self.some(pool) for name, pool in pools.items() if pool and self.chance(0.33)}
        if self.chance(0.02):
            drawn[self.one(["organisations", "persons", "circles"])] = [self.new_id()]
        return drawn or {"organisations": self.some(self.orgs)}

    def people_for(self, org: str | None) -> tuple[str, list[str]]:
        """An author's device and candidate approvers, mostly proper ones."""
        proper = self.alive(self.devices_of(self.with_role("author", org)) or self.devices_of(self.with_role("author")))
        kinds = (facts.policy_adopted(self.world) or facts.DEFAULT_POLICY)["publish"]
        if self.chance(0.85):
            proper = [one for one in proper if self.kind_of(one) in kinds] or proper
        device = self.one(proper) if proper and self.chance(0.93) else self.one(self.devices)
        home = self.home_of(device)
        approvers = self.with_role("approver", home)
        if self.chance(0.1):
            approvers = self.persons
        return device, self.some(approvers, 0, 2) if approvers else []

    def core(self, **said: Any) -> dict[str, Any]:
        """A core whose policy is the object itself; what `said` does not say is drawn."""
        plain = {
            "action": "new", "alert": self.new_id(), "at": self.now, "exercise": self.chance(0.2), "keyless": 0,
            "stanzas": 0, "urgency": self.one(["immediate", "expected", "expected", "expected"]),
            "valid_until": self.now + self.one([60, 6 * DAY, 60 * DAY, 60 * DAY, 60 * DAY]), "version": 1,
        }  # fmt: skip
        return {key: value for key, value in {**plain, **said}.items() if value is not None}

    def publish(self) -> None:
        device, approvers = self.people_for(None)
        policy = facts.policy_adopted(self.world) or facts.DEFAULT_POLICY
        allowed = policy["publish"].get(self.kind_of(device), LABELS)
        label = self.one(allowed if self.chance(0.8) else LABELS)
        core = self.core(
            label=label, audience=self.audience(label), issuer={"device": device}, approvers=approvers, approvals=0
        )
        self.judge(core, None)

    def version(self) -> None:
        """A later version of something released, honest or with one lie."""
        released = [one for one in self.journal if isinstance(one, Release)]
        if not released:
            self.publish()
            return
        chosen = self.one([self.one(range(len(released))), len(released) - 1])
        if released[chosen].core["action"] == "withdraw" and self.chance(0.8):
            chosen = self.one([n for n, one in enumerate(released) if one.core["action"] != "withdraw"], chosen)
        before = grant_oracle.versions_of(self.journal, released[chosen].core["alert"])[-1]
        old = before.core
        actions = ["update", "update", "supersede", "relabel", "relabel", "withdraw", "all-clear"]
        action = self.one(actions)
        label = self.one([one for one in LABELS if one != old["label"]]) if action == "relabel" else old["label"]
        closing = action in policy_oracle.CLOSING
        audience = old.get("audience")
        if (label != old["label"] and "CLEAR" in (label, old["label"])) or (not closing and self.chance(0.5)):
            audience = self.audience(label)
        home = self.home_of(old["issuer"]["device"])
        device, approvers = self.people_for(home)
        if audience and not closing and "everyone" not in audience and self.chance(0.2):
            # Author and candidates come and go in the audience, and are recipients all the same.
            part = {*approvers, facts.person_of(self.world, device)}
            named = set(audience.get("persons", ()))
            persons = sorted(named - part if named & part else named | part)
            audience = {**audience, "persons": persons} if persons else audience
        core = self.core(
            action=action, alert=old["alert"], version=old["version"] + 1, previous=before.statement, label=label,
            audience=audience, exercise=old["exercise"], issuer={"device": device}, approvers=approvers, approvals=0,
            change={"audience": "same", "reason": "correction"},
        )  # fmt: skip
        self.judge(core, before)

    def version_lies(self, core: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        """One field of a later version that is not as it should be."""
        others = self.devices_of(self.with_role("author"))
        lies: list[Callable[[], dict[str, Any]]] = [
            lambda: {"version": core["version"] + 1},
            lambda: {"version": max(2, core["version"] - 1)},
            lambda: {"previous": self.one([one.statement for one in self.journal])},
            lambda: {"previous": self.new_hash()},
            lambda: {"change": {**core["change"], "audience": self.one(["same", "wider", "narrower", "different"])}},
            lambda: {"change": {**core["change"], "audience": self.one(["same", "wider", "narrower", "different"])}},
            lambda: {"exercise": not core["exercise"]},
            lambda: {"label": self.one(LABELS)},
            lambda: {"audience": self.audience(core["label"])},
            lambda: {"action": self.one(["new", "update", "relabel", "withdraw", "all-clear"])},
            lambda: {self.one(["change", "previous"]): None},
            lambda: {"issuer": {"device": self.one(others, core["issuer"]["device"])}, "approvers": [], "approvals": 0},
            lambda: {"approvals": max(0, core["approvals"] - 1)},
            lambda: {"label": old["label"], "audience": old.get("audience"), "approvals": 0},
        ]
        return self.one(lies)()

    def alert_lies(self, core: dict[str, Any]) -> dict[str, Any]:
        """One field of any alert that is not as it should be."""
        author = facts.person_of(self.world, core["issuer"]["device"])
        stranger = self.one(self.with_role("approver") if self.chance(0.5) else self.persons)
        audience = core.get("audience") or {}
        unknown = {self.one(["circles", "organisations", "persons"]): [self.new_id()]}
        lies: list[Callable[[], dict[str, Any]]] = [
            lambda: {"approvals": max(0, core["approvals"] - 1)},
            lambda: {"approvals": max(0, core["approvals"] - 1)},
            lambda: {"approvers": sorted({*core["approvers"][:2], stranger})},
            lambda: {"approvers": sorted({*core["approvers"][:2], author})},
            lambda: {"audience": {"persons": core["approvers"] or [author]}} if audience else {},
            lambda: {"audience": unknown if "everyone" in audience else {**audience, **unknown}} if audience else {},
            lambda: {"policy": dict(core["policy"], red_persons=4)},
            lambda: {"stanzas": core["stanzas"] + 1},
            lambda: {"keyless": core["keyless"] + 1},
        ]
        return self.one(lies)()

    def count(self, core: dict[str, Any], world: Sequence[Fact], lineage: Mapping[str, Any] | None) -> dict[str, bool]:
        """Give the core the numbers of its leaves."""
        cut = policy_oracle.leaves(world, core["at"], core, self.keyed, lineage)
        core["stanzas"], core["keyless"] = sum(cut.values()), len(cut) - sum(cut.values())
        return cut

    def honest(self, core: dict[str, Any], world: Sequence[Fact], lineage: Mapping[str, Any] | None) -> None:
        """Candidates, approvals, numbers and the change of the audience as they should be."""
        author = facts.person_of(world, core["issuer"]["device"])
        home = facts.organisation_of(world, author)
        proper = [one for one in self.with_role("approver", home) if one != author]
        for most in (len(core["approvers"]), 3):
            if most == 3:
                core["approvers"] = sorted(proper)[:3]
            self.count(core, world, lineage)
            needed = policy_oracle.required_approvals(core["policy"], core)
            if lineage is not None:
                needed = max(needed, self.approvals_needed(core["policy"], core, lineage))
            if needed <= len(core["approvers"]):
                break
        core["approvals"] = min(needed, len(core["approvers"]))
        if self.chance(0.15):
            core["approvals"] = len(core["approvers"])
        if lineage is not None and core["action"] not in policy_oracle.CLOSING:
            change = policy_oracle.audience_change(world, core["at"], core, lineage["core"])
            core["change"] = dict(core["change"], audience=change)

    def judge(self, core: dict[str, Any], before: Release | None) -> None:
        """Both sides about one alert, honest or with one lie: every person's answer, the leaves and the alert's own."""
        length, seen, at = len(self.world), len(self.journal), self.now
        if self.past and self.chance(0.25):
            length, seen, at = self.one(self.past)
        world = self.world[:length]
        if facts.person_of(world, core["issuer"]["device"]) is None or at >= core["valid_until"]:
            return
        core |= {"at": at, "policy": facts.policy_adopted(world)}
        lineage = None
        if before is not None:
            lineage = grant_oracle.lineage_of(self.world, self.journal, core, seen)
        self.honest(core, world, lineage)
        lied: dict[str, Any] = {}
        if self.chance(0.45):
            later = before is not None and self.chance(0.65)
            lied = self.version_lies(core, before.core) if later and before is not None else self.alert_lies(core)
            core = {key: value for key, value in {**core, **lied}.items() if value is not None}
            if core["version"] > 1 and before is not None:
                lineage = grant_oracle.lineage_of(self.world, self.journal, core, seen)
        cut = self.count(core, world, lineage)
        if {"stanzas", "keyless"} & set(lied):
            core |= lied
        given = core["approvers"][: core["approvals"]]
        if not lied and self.chance(0.2) and self.persons:
            author = facts.person_of(world, core["issuer"]["device"]) or ""
            swapped = [self.one([author, self.one(self.persons)]), *given[1:]] if given else [author]
            given = self.one([given[:-1], given[:1] * max(2, len(given)), swapped])
        accepted = None if self.chance(0.25) else self.now + self.one([0, 0, 0, 60, 5 * DAY])
        usable = frozenset(self.keyed)
        case = AlertCase(core, length, at, tuple(given), usable, lineage, accepted, tuple(self.journal), seen)
        state = self.compare(case, world)
        if state == "released" and accepted is not None:
            statement = self.new_hash()
            self.journal.append(Release(statement, core, cut))
            self.lineages[statement] = lineage
            self.now = accepted

    def approvals_needed(self, policy: Mapping[str, Any], core: Mapping[str, Any], lineage: Mapping[str, Any]) -> int:
        """What an honest author of a later version asks for."""
        old, new = lineage["core"]["label"], core["label"]
        if core["action"] in policy_oracle.CLOSING:
            return int(lineage["approvals"])
        if policy_oracle.ASCENDING.index(new) < policy_oracle.ASCENDING.index(old):
            return max(1, policy["approvals"].get(old, 0), policy["approvals"].get(new, 0))
        return 0

    def compare(self, case: AlertCase, world: Sequence[Fact]) -> str:
        core = case.core
        device = core["issuer"]["device"]
        accepting = None if case.t_accept is None else self.world
        state, rules = policy_oracle.alert_verdict(
            world, case.t, accepting, case.t_accept, core, device, case.given, case.usable, case.lineage
        )
        judged = self.side.judge(case)
        if judged.rule == SCHEMA and judged.state == state == "refused":
            self.tally.agreed["alert schema"] += 1
            return state
        expected = policy_oracle.person_answers(world, case.t, core, case.lineage)
        for person, (yes, why) in expected.items():
            said = judged.people.get(person)
            if said is None or said.yes != yes or said.rule not in why:
                raise Disagreement(f"person {person}: {said}, the oracle {yes} {set(why)}; {case}")
            self.tally.agreed[f"person {yes} {said.rule}"] += 1
        leaves = frozenset(policy_oracle.leaves(world, case.t, core, case.usable, case.lineage))
        if judged.leaves is not None and judged.leaves != leaves:
            raise Disagreement(f"leaves {judged.leaves ^ leaves}; {case}")
        behind = frozenset(policy_oracle.left_behind(world, case.t, core, case.lineage))
        if judged.left_behind is not None and judged.left_behind != behind:
            raise Disagreement(f"left behind {judged.left_behind}, the oracle {behind}; {case}")
        if judged.state != state or not (state != "refused" or judged.rule in rules):
            raise Disagreement(f"alert: {judged.state} {judged.rule}, the oracle {state} {set(rules)}; {case}")
        kind = core["action"] if state != "refused" else judged.rule
        self.tally.agreed[f"alert {state} {kind}"] += 1
        return state

    # -- grants ---------------------------------------------------------------------------------------------------

    def released(self) -> Release | None:
        """Mostly the newest version of something that may be given at all."""
        found = [one for one in self.journal if isinstance(one, Release)]
        if self.chance(0.75):
            found = [one for one in found if one.core["label"] not in ("RED", "CLEAR")] or found
        if self.chance(0.8):
            found = [one for one in found if grant_oracle.newest_and_no_withdrawal(self.journal, one)] or found
        return self.one(found)

    def answer(self) -> None:
        """An ask and its answer, which a later grant may name."""
        release = self.released()
        if release is not None:
            permits = frozenset(self.some(self.persons, 1, 4))
            asker = self.one([facts.person_of(self.world, one) for one in release.leaves] or self.persons)
            self.journal.append(Answer(self.new_hash(), release.statement, asker, self.chance(0.8), permits))

    def grant(self) -> None:
        """A grant as it comes, or, mostly, the first of a few that may be."""
        release = self.released()
        if release is None:
            return
        purpose = self.one(["onward", "onward", "onward", "newcomer", "newcomer", "history", "history"])
        if purpose != "onward" and self.chance(0.6):
            self.late_device(release)
        claim = self.claim(release, purpose)
        for _ in range(5 if self.chance(0.6) else 0):
            lineage, keyed = self.lineages.get(claim.alert), frozenset(self.keyed)
            if grant_oracle.grant_verdict(self.world, self.now, self.journal, claim, keyed, lineage)[0]:
                break
            claim = self.claim(release, purpose)
        self.compare_grant(replace(claim, **self.grant_lies(claim)) if self.chance(0.3) else claim)

    def grant_lies(self, claim: Claim) -> dict[str, Any]:
        """One thing about a grant that is not as it should be."""
        issuer, other = self.one(self.alive(self.devices)), self.one(self.alive(self.devices))
        given = [one.device for one in grant_oracle.grants_of(self.journal, claim.alert)]
        answers = [one.statement for one in self.journal if isinstance(one, Answer)]
        released = [one.statement for one in self.journal if isinstance(one, Release)]
        grants = grant_oracle.grants_of(self.journal, claim.alert)
        granted = self.one([one.statement for one in grants], self.new_hash())
        holder = {one.statement: one.device for one in grants}.get(granted, issuer)
        gone = [one for one in self.devices if not facts.in_force_device(self.world, self.now, one)]
        home, near = self.home_of(claim.issuer), self.home_of(claim.device)
        release = grant_oracle.release_of(self.journal, claim.alert)
        leaves = release.leaves if release else {}
        colleague = self.one([one for one in self.devices if self.home_of(one) == home and one not in leaves], issuer)
        lost = self.one([one for one in gone if self.home_of(one) == home and one in leaves], colleague)
        lies: list[Callable[[], dict[str, Any]]] = [
            lambda: {"issuer": issuer, "leaf": issuer, "via": None},
            lambda: {"issuer": colleague, "leaf": colleague, "via": None},
            lambda: {"issuer": lost, "leaf": lost, "via": None},
            lambda: {"issuer": holder, "leaf": None, "via": granted},
            lambda: {"issuer": colleague, "leaf": claim.leaf},
            lambda: {"device": other},
            lambda: {"device": self.one([one for one in gone if self.home_of(one) == near], other)},
            lambda: {"device": self.one(given, other)},
            lambda: {"alert": self.one(released)},
            lambda: {"permission": self.one(answers)} if claim.purpose == "onward" else {"purpose": "newcomer"},
            lambda: {"permission": None, "purpose": self.one(["onward", "newcomer", "history"])},
        ]
        return self.one(lies)()

    def late_device(self, release: Release) -> None:
        """Somebody who has a leaf, or anybody, gets a further device after the release."""
        served = [one for one in self.devices if one in release.leaves]
        person = facts.person_of(self.world, self.one(self.alive(served or self.devices)))
        if self.chance(0.3):
            person = self.one(self.persons)
        device = self.new_id()
        fact = facts.device_enrol(self.now, person or "", device)
        if self.post(replace(fact, previous=None), REGISTRARS[:2]):
            self.keyed.add(device)

    def claim(self, release: Release, purpose: str) -> Claim:
        """What a grant of this alert could say: grantor, grantee and how it shows its right, mostly sensible."""
        earlier = grant_oracle.grants_of(self.journal, release.statement)
        holders = self.alive([device for device, stanza in release.leaves.items() if stanza])
        given = {grant.device for grant in earlier}
        free = self.alive([one for one in self.devices if not release.leaves.get(one) and one not in given])
        device = self.one(free if free and self.chance(0.9) else self.devices)
        if purpose == "history" and self.chance(0.8):
            served = {facts.person_of(self.world, one) for one in (*release.leaves, *given)}
            device = self.one([one for one in free if facts.person_of(self.world, one) in served], device)
        if purpose == "newcomer" and self.chance(0.8):
            device = self.one(free[-3:], device)
        permission, asker = None, None
        answers = [one for one in self.journal if isinstance(one, Answer)]
        if purpose == "onward" and answers and self.chance(0.4):
            answer = self.one([one for one in answers if one.alert == release.statement] or answers)
            permission = answer.statement if self.chance(0.95) else self.new_hash()
            asker = facts.organisation_of(self.world, answer.asker)
            if self.chance(0.8):
                device = self.one([one for one in free if facts.person_of(self.world, one) in answer.permits], device)
        near = {self.home_of(device), facts.sponsor_of(self.world, self.home_of(device))}
        if purpose == "newcomer":
            near = {self.home_of(release.core["issuer"]["device"])}
        if permission is not None:
            near = {asker}
        sensible = [one for one in holders if self.home_of(one) in near]
        if purpose == "newcomer":
            sensible = [one for one in sensible if one in self.devices_of(self.with_role("author"))]
        issuer = self.one(holders or self.devices) if self.chance(0.93) else self.one(self.devices)
        if self.chance(0.75):
            issuer = self.one(sensible, issuer)
        leaf, via = issuer, None
        if earlier and self.chance(0.4 if purpose == "history" else 0.04):
            chosen = self.one(earlier)
            leaf, via, issuer = None, chosen.statement, chosen.device if self.chance(0.8) else issuer
        elif self.chance(0.03):
            leaf = self.one(list(release.leaves) or self.devices)
        elif self.chance(0.02):
            leaf, via = None, self.new_hash()
        return Claim(
            release.statement if self.chance(0.98) else self.new_hash(),
            issuer, device, purpose, self.now - self.one([0, 0, 60]), leaf=leaf, via=via, permission=permission,
        )  # fmt: skip

    def compare_grant(self, claim: Claim) -> None:
        lineage = self.lineages.get(claim.alert)
        usable = frozenset(self.keyed) if self.chance(0.9) else frozenset(self.some(sorted(self.keyed), 0, 9))
        case = GrantCase(claim, tuple(self.journal), self.now, usable, lineage)
        yes, reasons = grant_oracle.grant_verdict(self.world, self.now, self.journal, claim, usable, lineage)
        said = self.side.grant(case)
        if said is None:
            return
        fits = any(said.rule == rule and code in ("", said.code) for rule, code in reasons)
        if said.yes != yes or not (fits or (not yes and said.rule == SCHEMA)):
            raise Disagreement(f"grant: {said}, the oracle {yes} {grant_oracle.shown(reasons)}; {claim}")
        self.tally.agreed[f"grant {yes} {said.rule} {said.code}"] += 1
        if yes:
            self.journal.append(Grant(self.new_hash(), claim.alert, claim.device))

    # -- living ---------------------------------------------------------------------------------------------------

    STEPS: Final = (
        (time_passes, 4), (admit, 2), (organisation, 4), (renew, 2), (terms, 1), (accept_terms, 2), (client, 3),
        (enrol_person, 4), (person, 3), (device, 5), (circle, 4), (adopt, 1), (remember, 2), (publish, 10),
        (version, 16), (answer, 4), (grant, 20),
    )  # fmt: skip

    NEEDS: Final = {
        "answer": "grants", "circle": "circles", "client": "clients", "grant": "grants", "version": "versions",
    }  # fmt: skip

    def step(self, n: int) -> None:
        self.random = random.Random(f"{self.seed}/{n}")
        kinds, weights = zip(*self.STEPS, strict=True)
        act = self.random.choices(kinds, weights)[0]
        if self.NEEDS.get(act.__name__, "") in {"", *self.side.speaks}:
            act(self)


def live(seed: str, side: Side, steps: int, tally: Tally, without: Collection[int] = ()) -> None:
    """One life of so many steps; raises `Disagreement`."""
    life = Life(seed, side, tally)
    life.begin()
    for n in range(steps):
        if n not in without:
            life.step(n)


def disagrees(seed: str, make: Callable[[], Side], steps: int, without: Collection[int] = ()) -> str | None:
    """The disagreement of a life, or None."""
    try:
        live(seed, make(), steps, Tally(), without)
    except Disagreement as difference:
        return str(difference)
    return None


def shortest(seed: str, make: Callable[[], Side], steps: int) -> tuple[list[int], str]:
    """The steps that a failing life can do without none of, and what then differs."""
    without: set[int] = set()
    for n in reversed(range(steps)):
        if disagrees(seed, make, steps, without | {n}):
            without.add(n)
    return sorted(set(range(steps)) - without), disagrees(seed, make, steps, without) or ""
