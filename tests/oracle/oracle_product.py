"""The product as a side of the comparison: its public functions, asked in the oracle's words.

Statements are parsed and applied as the product does it, with stand-in signatures of the right lines and lengths (the
roster takes its verifier as an argument); keys are made once for all lives. The oracle's ids are the product's ids.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from nacl.bindings import crypto_scalarmult_base

from exchange.model.alert import Core
from exchange.model.entry import Entry
from exchange.model.journal import AlertGrant
from exchange.model.problems import Malformed
from exchange.model.statements import Statement, chain_of, parse_statement
from exchange.policy import decide as product
from exchange.policy import lineage
from exchange.policy.grants import RULE, GrantContext, Holders, Permission, decide_grant
from exchange.policy.members import Facts, Roster
from exchange.policy.roster import RosterRefusal, TrustedRoster
from exchange.serverkeys import generate
from keys import encoding
from keys.envelope import Envelope, Signature
from keys.sign import SoftwareSigner
from keys.verify import possession_message
from tests.support.world import EMPTY_HEAD, Randomness

sys.path.insert(0, str(Path(__file__).parent))
from adapter import ALL, SCHEMA, AlertCase, GrantCase, Judged, Said
from oracle_journal import Answer, Claim, Grant, Journal, Release
from oracle_world import NEWEST, Fact, Signer

NAME: Final = {"name": "0" * 64}
ZEROS: Final = "0" * 64
WINDOW: Final = 604_800  # seconds


@cache
def _registrars() -> tuple[SoftwareSigner, ...]:
    random = Randomness("registrars")
    return tuple(sorted((SoftwareSigner.generate(random) for _ in range(3)), key=lambda one: one.public.key_id))


@cache
def _server() -> Any:
    return generate("exchange.example", Randomness("server"))


@cache
def _device_keys(n: int) -> tuple[SoftwareSigner, bytes]:
    """Signing keys and scan key of the n-th device that any life enrols."""
    random = Randomness(f"device {n}")
    return SoftwareSigner.generate(random), crypto_scalarmult_base(random(32))


class Product:
    """One exchange: the roster after each statement, and the policy's functions over it."""

    def __init__(self) -> None:
        self.roster = TrustedRoster(verify=lambda envelope, signers: None)
        self.states: list[Facts] = []
        self.ids: list[str] = []
        self.terms: dict[int, str] = {}
        self.keys: dict[str, str] = {}
        self.exchange = ""
        self.random = Randomness("nonces")

    speaks = ALL

    # -- statements -----------------------------------------------------------------------------------------------

    def apply(self, fact: Fact, signers: Sequence[Signer]) -> Said:
        try:
            statement = self._statement(fact, signers)
            entry = Entry(
                at=fact.at,
                kind=statement.kind.name,
                signatures=statement.envelope.signatures_hash,
                statement=statement.id,
                subject=chain_of(statement),
            )
            self.roster.apply(entry, statement)
        except Malformed:
            return Said(False, SCHEMA)
        except RosterRefusal as refusal:
            return Said(False, refusal.rule, refusal.code)
        self.states.append(self.roster.facts)
        self.ids.append(statement.id)
        if fact.kind == "found":
            self.exchange = statement.id
        if fact.kind == "terms_define":
            self.terms[fact.says["version"]] = statement.id
        return Said(True)

    def _statement(self, fact: Fact, signers: Sequence[Signer]) -> Statement:
        named = {f"R{n}": one.public.key_id for n, one in enumerate(_registrars())}
        kind, fields = self._fields(fact)
        sort, who = signers[0]
        at = fact.at if fact.prepared is None else fact.prepared
        body = {
            "at": at,
            "issuer": {"registrar": named[who]} if sort == "registrar" else {"device": who},
            "nonce": self.random.id(),
            "not_after": at + WINDOW if fact.not_after is None else fact.not_after,
            **fields,
        }
        if kind != "exchange.found":
            body |= {"exchange": self.exchange, "seen": {"journal": EMPTY_HEAD, "registry": EMPTY_HEAD}}
        if fact.previous == NEWEST:
            body["previous"] = self.roster.facts.chains[self._chain(kind, fact)]
        elif fact.previous is not None:
            body["previous"] = self.ids[fact.previous]
        key_ids = [named[name] if sort == "registrar" else self.keys[name] for sort, name in signers]
        lines = [
            Signature(f"{key_id}:{half}", bytes(size))
            for key_id in key_ids
            for half, size in (("ed25519", 64), ("mldsa65", 3309))
        ]
        ordered = tuple(sorted(lines, key=lambda line: line.keyid))
        return parse_statement(Envelope(kind, encoding.encode(body), ordered))

    @staticmethod
    def _chain(kind: str, fact: Fact) -> str:
        if kind == "terms.accept":
            return f"acceptance/{fact.subject}"
        family = "organisation" if kind == "client.register" else kind.split(".")[0]
        return f"{family}/{fact.subject}" if fact.subject else family

    def _fields(self, fact: Fact) -> tuple[str, dict[str, Any]]:
        """The kind's name in the specification, and the fields that are its own."""
        says, subject = fact.says, fact.subject
        lists = {
            name: sorted(says[name]) for name in ("sectors", "areas", "roles", "topics", "curators") if says.get(name)
        }
        match fact.kind:
            case "found":
                return "exchange.found", {
                    "origin": _server().origin,
                    "registrars": [one.public.to_json() for one in _registrars()],
                    "threshold": says["threshold"],
                    **_server().public_json(),
                }
            case "policy_adopt":
                return "policy.adopt", {"policy": dict(says["policy"])}
            case "terms_define":
                document = {"length": 1, "sha256": ZEROS}
                return "terms.define", {
                    "accept_by": says["accept_by"],
                    "document": document,
                    "version": says["version"],
                }
            case "terms_accept":
                return "terms.accept", {"organisation": subject, "terms": self.terms.get(says["version"], ZEROS)}
            case "org_admit" | "org_change":
                fields = {"organisation": subject, "kind": says["kind"], "sectors": [], **lists}
                if fact.kind == "org_change":
                    return "organisation.change", fields
                return "organisation.admit", {**fields, "expires": says["expires"], "commitments": NAME}
            case "org_renew":
                return "organisation.renew", {"organisation": subject, "expires": says["expires"]}
            case "org_suspend" | "org_remove":
                return f"organisation.{fact.kind[4:]}", {"organisation": subject}
            case "client_register":
                fields = {"organisation": subject, "sponsor": says["sponsor"], "expires": says["expires"]}
                return "client.register", {**fields, "commitments": NAME}
            case "person_enrol":
                fields = {"organisation": says["org"], "person": subject, "topics": [], **lists}
                return "person.enrol", {**fields, "commitments": NAME}
            case "person_change":
                return "person.change", {"person": subject, "topics": [], **lists}
            case "person_remove":
                return "person.remove", {"person": subject}
            case "device_enrol":
                signer, scan = _device_keys(len(self.keys))
                self.keys.setdefault(subject, signer.public.key_id)
                fields = {
                    "device": subject,
                    "person": says["person"],
                    "possession": self._possession(fact, signer, scan),
                }
                return "device.enrol", {**fields, "scan": encoding.b64u(scan), "signing": signer.public.to_json()}
            case "device_revoke":
                return "device.revoke", {"device": subject}
            case "circle_define":
                members = _members(says["add"])
                fields = {"circle": subject, **lists, "commitments": NAME}
                return "circle.define", {**fields, **({"members": members} if members else {})}
            case "circle_change":
                changes = {name: _members(says[name]) for name in ("add", "remove")}
                return "circle.change", {
                    "circle": subject,
                    **{name: change for name, change in changes.items() if change},
                    **lists,
                }
        raise AssertionError(fact.kind)

    def _possession(self, fact: Fact, signer: SoftwareSigner, scan: bytes) -> dict[str, str]:
        """The one signature that the roster verifies by itself."""
        person = self.roster.facts.persons.get(fact.says["person"])
        message = possession_message(
            exchange=self.exchange,
            organisation=encoding.unb64u(person.organisation) if person else bytes(16),
            person=encoding.unb64u(fact.says["person"]),
            device=encoding.unb64u(fact.subject),
            signing=signer.public,
            scan=scan,
        )
        ed25519, mldsa65 = signer.sign_hybrid(message)
        return {"ed25519": encoding.b64u(ed25519), "mldsa65": encoding.b64u(mldsa65)}

    # -- decisions ------------------------------------------------------------------------------------------------

    def _core(self, core: Mapping[str, Any], facts: Facts, seen: int) -> Core:
        adopted = facts.policy is not None and core["policy"] == facts.policy.to_json()
        plain = {
            "certainty": "observed", "exchange": self.exchange, "nonce": self.random.id(), "severity": "moderate",
            "kind": "all-clear" if core["action"] == "all-clear" else "threat", "release_by": core["at"] + WINDOW,
            "seen": {"journal": {**EMPTY_HEAD, "size": seen}, "registry": EMPTY_HEAD}, "suite": "x1",
        }  # fmt: skip
        return Core.model_validate({**plain, **core, "policy": facts.policy_id if adopted else ZEROS})

    def judge(self, case: AlertCase) -> Judged:
        facts = self.states[case.named - 1]
        named, policy = Roster(facts, case.t), facts.policy
        assert policy is not None
        try:
            core = self._core(case.core, facts, case.seen)
        except ValueError:
            return Judged("refused", SCHEMA)
        earlier = self._lineage(core, case)
        acceptance = None if case.t_accept is None else self.roster.at(case.t_accept)
        verdict = product.decide(named, policy, core, case.given, product.Context(acceptance, case.usable, earlier))
        # A refused alert is not asked about its people; here they are compared all the same.
        asked = product.decide_people(named, policy, core, earlier)
        leaves = frozenset(one.device for one in product.expand(named, asked, case.usable)[0])
        people = {person: Said(one.allowed, one.rule, one.code) for person, one in asked.items()}
        state = verdict.alert.code if verdict.alert.allowed else "refused"
        behind = frozenset(verdict.unreached) if state != "refused" else None
        return Judged(state, verdict.alert.rule, people, leaves, behind)

    def _lineage(self, core: Core, case: AlertCase) -> Any:
        """What a server that has seen this journal gives to the decision."""
        versions, grantees = [], set()
        for index, one in enumerate(case.journal):
            if isinstance(one, Release) and one.core["alert"] == core.alert:
                recipients = frozenset(self._person(device) for device in one.leaves)
                organisation = self._organisation(one.core["issuer"]["device"])
                earlier = self._core(one.core, self.roster.facts, 0)
                versions.append(lineage.Version(one.statement, index, earlier, organisation, recipients))
        known = {one.statement for one in versions if one.core.version < core.version}
        for one in case.journal[: case.seen]:
            if isinstance(one, Grant) and one.alert in known:
                grantees.add(self._person(one.device))
        return lineage.lineage_of(core, versions, grantees)

    def _person(self, device: str) -> str:
        return self.roster.facts.devices[device].person

    def _organisation(self, device: str) -> str:
        return self.roster.facts.persons[self._person(device)].organisation

    def grant(self, case: GrantCase) -> Said:
        """Whether a leaf is the grantor's own is seen in the bytes, by another function, which is asked before."""
        claim, journal = case.claim, case.journal
        releases = [one for one in journal if isinstance(one, Release)]
        release = next((one for one in releases if one.statement == claim.alert), None)
        try:
            grant = AlertGrant.model_validate(self._grant(claim))
        except ValueError:
            return Said(False, SCHEMA)
        if claim.leaf not in (None, claim.issuer):
            return Said(False, RULE[claim.purpose], "leaf-place")
        shown = release or releases[-1]
        core = self._core(shown.core, self.roster.facts, 0)
        grants = {one.statement: (one.alert, one.device) for one in journal if isinstance(one, Grant)}
        context = GrantContext(
            released=release is not None,
            newest=not any(one.core["alert"] == core.alert and one.core["version"] > core.version for one in releases),
            holders=Holders(
                leaves=frozenset(shown.leaves),
                stanzas=frozenset(device for device, stanza in shown.leaves.items() if stanza),
                granted=frozenset(device for alert, device in grants.values() if alert == claim.alert),
            ),
            usable=case.usable,
            permission=self._permission(claim, journal),
            via=grants.get(claim.via or ""),
            lineage=self._given_lineage(case.lineage),
        )
        found = decide_grant(self.roster.at(case.t), core, grant, context)
        return Said(found.allowed, found.rule, found.code)

    def _grant(self, claim: Claim) -> dict[str, Any]:
        """The statement's fields; what is sealed is not looked at here."""
        leaf = {"index": 0, "path": [], "stanza": ZEROS, "tag": encoding.b64u(bytes(8))}
        entitled = {"leaf": leaf if claim.leaf else None, "permission": claim.permission, "via": claim.via}
        return {
            "alert": claim.alert, "at": claim.at, "device": claim.device, "ephemeral": encoding.b64u(bytes(32)),
            "exchange": self.exchange, "issuer": {"device": claim.issuer}, "nonce": self.random.id(),
            "not_after": claim.at + 300, "purpose": claim.purpose, "stanza": encoding.b64u(bytes(1168)),
            "seen": {"journal": EMPTY_HEAD, "registry": EMPTY_HEAD}, "tag": encoding.b64u(bytes(8)),
            **{name: value for name, value in entitled.items() if value is not None},
        }  # fmt: skip

    def _permission(self, claim: Claim, journal: Journal) -> Permission | None:
        for one in journal:
            if isinstance(one, Answer) and one.statement == claim.permission:
                organisation = self.roster.facts.persons[one.asker].organisation
                return Permission(one.alert, organisation, one.permits if one.granted else frozenset())
        return None

    def _given_lineage(self, said: Mapping[str, Any] | None) -> Any:
        """The lineage under which the alert itself was judged."""
        if said is None:
            return None
        core, recipients = self._core(said["core"], self.roster.facts, 0), frozenset(said["earlier"])
        return lineage.Lineage(core, said["statement"], said["released"], said["home"], said["approvals"], recipients)


def _members(members: Mapping[str, Any]) -> dict[str, list[str]]:
    return {kind: sorted(ids) for kind, ids in members.items() if ids}
