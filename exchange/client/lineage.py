"""The earlier versions of an alert as this member knows them: of a reader those that it opened, of a publisher all.

Nothing is believed.  A reader's versions were verified when they were opened; a publisher fetches the statements of the
others and decides each again (``exchange.client.versions``).  Spec: docs/spec/envelope.md, Versions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from exchange.client.replica import Replica, person_of
from exchange.model.alert import Core
from exchange.model.statements import parse_statement
from exchange.policy.grants import addressed
from exchange.policy.lineage import Lineage, Version, lineage_of
from exchange.policy.rules import TAKING_BACK
from keys import encoding
from keys.envelope import Envelope

RECEIVED = frozenset({"opened", "keyless"})
"""What an alert is that had a leaf for this device."""


def granted_persons(replica: Replica, alert: str, journal_size: int) -> Collection[str]:
    """The persons to whose devices a version of this alert was granted by an entry below a journal size, as far as this
    publisher has asked (``exchange.client.versions``)."""
    devices = replica.facts.devices
    return {devices[device].person for device in replica.state.given(alert, journal_size) if device in devices}


def lineage_here(replica: Replica, core: Core) -> Lineage | None:
    """What this device knows of the versions before one: None of version 1, and where it has none of them.

    Its own person is an earlier recipient when one of them had a leaf for this device; of nobody else it knows.
    """
    if core.version == 1:
        return None
    person = replica.person
    earlier: list[Version] = []
    received = False
    for row in replica.state.versions(core.alert):
        if row.version >= core.version:
            continue
        received = received or row.status in RECEIVED
        if row.envelope is not None:
            known = parse_statement(Envelope.decode(row.envelope)).alert.core
            author = replica.facts.persons[person_of(replica.facts, known.issuer.device) or ""]
            earlier.append(Version(row.statement, row.index, known, author.organisation, frozenset()))
    if not earlier and not received:
        return None
    found = lineage_of(core, earlier)
    mine = frozenset({person}) if received and person is not None else None
    return None if found is None else replace(found, recipients=mine)


def earlier_recipients(replica: Replica, core: Core) -> Lineage | None:
    """The lineage of a withdrawal or all-clear with its earlier recipients, as far as this member is shown persons.

    A member who opened every version before it knows the leaves of each exactly, and of the grants those that it gave.  None for
    any other version, and where one before it is not here.
    """
    if core.version == 1 or core.action not in TAKING_BACK:
        return None
    versions: dict[int, Version] = {}
    for row in replica.state.versions(core.alert):
        if row.version < core.version and row.envelope is not None:
            known = parse_statement(Envelope.decode(row.envelope)).alert.core
            named = replica.roster(known.seen.registry.size, known.at)
            author = replica.facts.persons.get(person_of(replica.facts, known.issuer.device) or "")
            if named is None or author is None:
                return None
            usable = replica.epochs.usable(encoding.week_of(known.at), known.seen.journal.size)
            leaves, _ = addressed(named, known, named.facts.persons, usable)
            persons = frozenset(named.facts.devices[device].person for device in leaves)
            versions[row.version] = Version(row.statement, row.index, known, author.organisation, persons)
    if len(versions) < core.version - 1:
        return None
    return lineage_of(core, [*versions.values()], granted_persons(replica, core.alert, core.seen.journal.size))
