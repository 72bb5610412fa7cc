"""An oracle for what happens after a release (docs/spec/policy.md, "Grants" and "Inputs"): lineage, R12, R13, reading.

The journal is a list as the world is: every release and every grant that stands in it, in order; a position is an
index. Nothing is kept, everything is looked up again. Bytes, tags, stanzas and paths are not looked at: that a leaf
leads to the audience root is said by the release's own list of leaves.

A refusal is answered with every (rule, code) that refuses; a code is "" where the specification names none.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from oracle_journal import Answer, Claim, Grant, Journal, Release
from oracle_world import (
    Core,
    World,
    in_force_device,
    is_client,
    organisation_of,
    person_of,
    roles_of,
    satisfies_r1,
    sponsor_of,
)
from policy_oracle import Lineage, person_answers

Reasons = frozenset[tuple[str, str]]


# --- What the journal shows ------------------------------------------------------------------------------------------


def release_of(journal: Journal, statement: str) -> Release | None:
    found = [one for one in journal if isinstance(one, Release) and one.statement == statement]
    return found[0] if found else None


def versions_of(journal: Journal, alert: str) -> list[Release]:
    """The released versions of an alert, oldest first."""
    return [one for one in journal if isinstance(one, Release) and one.core["alert"] == alert]


def grants_of(journal: Journal, statement: str) -> list[Grant]:
    return [one for one in journal if isinstance(one, Grant) and one.alert == statement]


def lineage_of(world: World, journal: Journal, core: Core, seen: int) -> Lineage:
    """The context's lineage for a version of an alert whose author saw the journal up to the size `seen`.

    "For a later version its lineage: the previous version's core and statement id, whether its release stands in the
    journal before `core.seen.journal.size`, the organisation of version 1's author, the largest `approvals` of all
    earlier versions, and the earlier recipients: persons with a leaf of an earlier released version, and persons to
    whose devices an earlier version was granted by an entry before `core.seen.journal.size`."
    """
    earlier = [one for one in versions_of(journal, core["alert"]) if one.core["version"] < core["version"]]
    if not earlier:
        raise ValueError("no earlier version was released")
    before = earlier[-1]
    devices = {device for one in earlier for device in one.leaves}
    granted = {grant.device for one in earlier for grant in grants_of(journal[:seen], one.statement)}
    return {
        "core": before.core,
        "statement": before.statement,
        "released": before in journal[:seen],
        "home": organisation_of(world, person_of(world, earlier[0].core["issuer"]["device"])),
        "approvals": max(one.core["approvals"] for one in earlier),
        "earlier": {person for device in devices | granted if (person := person_of(world, device)) is not None},
    }


# --- Grants ----------------------------------------------------------------------------------------------------------


def _grantor_broken(world: World, t: int, journal: Journal, claim: Claim) -> set[tuple[str, str]]:
    """1. "The grantor's device is in force (R1 in full), and is a recipient: its `leaf` leads to the alert's audience
    root and is not empty; or, for `history` only, `via` is an earlier grant of this alert to the grantor's device. Else
    R12 or R13, by purpose."
    """
    release, rule = release_of(journal, claim.alert), _rule_of(claim)
    stands = in_force_device(world, t, claim.issuer) and satisfies_r1(world, t, person_of(world, claim.issuer))
    by_leaf = claim.leaf == claim.issuer and release is not None and release.leaves.get(claim.issuer) is True
    by_grant = claim.purpose == "history" and any(
        grant.statement == claim.via and grant.device == claim.issuer for grant in grants_of(journal, claim.alert)
    )
    return (set() if stands else {("R1", ""), (rule, "")}) | (set() if by_leaf or by_grant else {(rule, "")})


def _grantee_broken(
    world: World, t: int, journal: Journal, claim: Claim, usable: Collection[str]
) -> set[tuple[str, str]]:
    """2. "The grantee's device is in force (R1; a client's person too), its person no auditor. It has no stanza and no
    grant of this alert yet (`already-recipient`; R12 or R13). It has a usable key for the week of `at` (R16)."
    """
    stands = in_force_device(world, t, claim.device) and satisfies_r1(world, t, person_of(world, claim.device))
    keyed = claim.device in usable
    reasons = (set() if stands else {("R1", "")}) | (set() if keyed else {("R16", "")})
    return reasons | ({(_rule_of(claim), "already-recipient")} if has_content(journal, claim) else set())


def has_content(journal: Journal, claim: Claim) -> bool:
    release = release_of(journal, claim.alert)
    stanza = release is not None and release.leaves.get(claim.device) is True
    return stanza or any(grant.device == claim.device for grant in grants_of(journal, claim.alert))


def _rule_of(claim: Claim) -> str:
    return "R13" if claim.purpose == "history" else "R12"


def _label_broken(t: int, core: Core, claim: Claim) -> set[tuple[str, str]]:
    """3. "R15: `valid_until` lies after `at` and after acceptance, else `expired`. CLEAR is not granted (R7, `public`), RED
    never (R12 or R13, `red-never`)."
    """
    reasons = set() if core["valid_until"] > claim.at and core["valid_until"] > t else {("R15", "expired")}
    if core["label"] == "CLEAR":
        reasons |= {("R7", "public")}
    return reasons | ({(_rule_of(claim), "red-never")} if core["label"] == "RED" else set())


def newest_and_no_withdrawal(journal: Journal, release: Release) -> bool:
    """4 and 5: "the alert is the newest version and no withdrawal"."""
    return versions_of(journal, release.core["alert"])[-1] == release and release.core["action"] != "withdraw"


def _onward(world: World, journal: Journal, release: Release, claim: Claim) -> tuple[str, str]:
    """4. The lines a to d, in their order: the line's code, or "" and the code of the refusal if only one can be meant."""
    label = release.core["label"]
    grantor, grantee = person_of(world, claim.issuer), person_of(world, claim.device)
    giving, taking = organisation_of(world, grantor), organisation_of(world, grantee)
    officer = "officer" in roles_of(world, grantee)
    # "the grantor's organisation is no client (`client-passes-on-nothing`)"
    if is_client(world, giving):
        return "", "client-passes-on-nothing"
    permitted = [
        one
        for one in journal
        if isinstance(one, Answer)
        and one.statement == claim.permission
        and one.granted
        and one.alert == claim.alert
        and organisation_of(world, one.asker) == giving
        and grantee in one.permits
    ]
    if claim.permission is not None:
        # "A grant that carries `permission` is decided by (d) alone."
        return ("permitted", "") if permitted and officer else ("", "")
    # (a) "an officer of the grantor's own organisation (GREEN: any person of it)"
    if taking == giving and (officer or label == "GREEN"):
        return "colleague", ""
    # (b) "AMBER, GREEN: an officer of a client whose sponsor is the grantor's organisation"
    if label in ("AMBER", "GREEN") and sponsor_of(world, taking) == giving and officer:
        return "client", ""
    # (c) "GREEN: a person of any member organisation"; a client is none.
    if label == "GREEN" and not is_client(world, taking):
        return "community", ""
    return "", "not-officer" if taking == giving else ""


def _newcomer(world: World, t: int, journal: Journal, release: Release, claim: Claim, lineage: Lineage | None) -> bool:
    """5. "The grantor's person is the author or has role author in the author's organisation, and `decide_one` at this
    roster makes the grantee's person a recipient, or it has a leaf already, by another device or by this one without a
    key."
    """
    grantor, grantee = person_of(world, claim.issuer), person_of(world, claim.device)
    author = person_of(world, release.core["issuer"]["device"])
    colleague = organisation_of(world, grantor) == organisation_of(world, author) and "author" in roles_of(
        world, grantor
    )
    has_leaf = grantee in {person_of(world, device) for device in release.leaves}
    answers = person_answers(world, t, release.core, lineage)
    return (grantor == author or colleague) and (has_leaf or answers[grantee or ""][0])


def _history(world: World, journal: Journal, release: Release, claim: Claim) -> set[tuple[str, str]]:
    """6. "Another device of the grantee's person, revoked or not, has a leaf or a grant of the alert, or this one
    has a leaf without a stanza, and the grantor is of the same organisation (a client's: or of its sponsor); else
    `other-organisation` or `not-recipient`."
    """
    grantor, grantee = person_of(world, claim.issuer), person_of(world, claim.device)
    granted = {grant.device for grant in grants_of(journal, claim.alert)} - {claim.device}
    others = granted | {device for device, stanza in release.leaves.items() if device != claim.device or not stanza}
    home = organisation_of(world, grantee)
    near = organisation_of(world, grantor) in {home, sponsor_of(world, home)} - {None}
    reasons = set() if near else {("R13", "other-organisation")}
    return reasons | (set() if grantee in {person_of(world, one) for one in others} else {("R13", "not-recipient")})


def grant_verdict(
    world: World, t: int, journal: Journal, claim: Claim, usable: Collection[str], lineage: Lineage | None = None
) -> tuple[bool, Reasons]:
    """May this device be given the alert? Yes with the one reason, or no with every reason that refuses.

    `world` and `t` are the roster and the time of acceptance, `journal` what stands in it before the grant, `usable` the
    devices with a key for the week of the grant's `at`, `lineage` that of the alert when it is a later version.
    """
    release, rule = release_of(journal, claim.alert), _rule_of(claim)
    if release is None:
        return False, frozenset({(rule, "")})
    broken = _grantor_broken(world, t, journal, claim) | _grantee_broken(world, t, journal, claim, usable)
    broken |= _label_broken(t, release.core, claim)
    if person_of(world, claim.device) is None:
        return False, frozenset(broken | {(rule, "")})
    allowed = {"history": "", "newcomer": "newcomer"}.get(claim.purpose, "")
    if claim.purpose == "history":
        broken |= _history(world, journal, release, claim)
    else:
        broken |= set() if newest_and_no_withdrawal(journal, release) else {(rule, "")}
    if claim.purpose == "newcomer":
        broken |= set() if _newcomer(world, t, journal, release, claim, lineage) else {(rule, "")}
    if claim.purpose == "onward":
        allowed, code = _onward(world, journal, release, claim)
        broken |= set() if allowed else {(rule, code)}
    return (False, frozenset(broken)) if broken else (True, frozenset({(rule, allowed)}))


def may_read(world: World, t: int, journal: Journal, statement: str, device: str) -> bool:
    """Reading, later: "its device has a leaf with a stanza or a grant, and is in force now." """
    release = release_of(journal, statement)
    held = release is not None and release.leaves.get(device) is True
    given = any(grant.device == device for grant in grants_of(journal, statement))
    standing = in_force_device(world, t, device) and satisfies_r1(world, t, person_of(world, device))
    return (held or given) and standing


def shown(value: Any) -> str:
    """A reason as it is printed in a disagreement."""
    return ", ".join(sorted(f"{rule} {code}".strip() for rule, code in value))
