"""The small exchange in which the oracle's own cases play: five organisations, eleven persons, a device each."""

from __future__ import annotations

from oracle_world import DEFAULT_POLICY, Fact, Signer, device_enrol, found, org_admit, person_enrol

FAR = 50_000_000  # every organisation's expiry, seconds
T = 10_000  # core.at of every alert
R1, R2, R3 = ("registrar", "R1"), ("registrar", "R2"), ("registrar", "R3")
REGISTRARS: list[Signer] = [R1, R2]

ORGANISATIONS = [
    org_admit(101, "police", "authority", FAR, ["public"], ["05113000"]),
    org_admit(101, "chamber", "chamber", FAR, ["trade"], ["051"]),
    org_admit(101, "city", "municipality", FAR, ["public"], ["05113000"]),
    org_admit(101, "water", "company", FAR, ["utility"], ["05113000"]),
    org_admit(101, "shop", "company", FAR, ["trade"], ["05111000"]),
]
PERSONS = [
    person_enrol(102, "police", "anna", ["author"]),
    person_enrol(102, "police", "ben", ["approver"]),
    person_enrol(102, "police", "bert", ["administrator"]),
    person_enrol(102, "police", "bea", ["administrator", "approver"]),
    person_enrol(102, "police", "otto", ["auditor"], ["fraud"]),
    person_enrol(102, "chamber", "cara", ["author", "officer"], ["fraud"]),
    person_enrol(102, "city", "carl", ["author"]),
    person_enrol(102, "water", "wim", ["officer"], ["drones", "fraud"]),
    person_enrol(102, "water", "wanda", ["officer"]),
    person_enrol(102, "water", "willi", ["administrator"]),
    person_enrol(102, "shop", "sam", ["officer", "author"], ["fraud"]),
]
NAMES = [fact.subject for fact in PERSONS]
WORLD: list[Fact] = [
    found(100, ["R1", "R2", "R3"], 2, DEFAULT_POLICY),
    *ORGANISATIONS,
    *PERSONS,
    *[device_enrol(103, name, f"{name}-1") for name in NAMES],
]
USABLE = {f"{name}-1" for name in NAMES} | {f"{name}-2" for name in NAMES}
