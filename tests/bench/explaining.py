"""``audit explain`` on a log of 100,000 entries: the alert with everybody grouped, and one person.

What it reads is real: registry, the alert, its leaf list, everybody's weekly keys.  The rest of the journal is there to be
searched: entries of receipts without statements, for nobody asks for them.  The person asked about published its keys at the
very beginning, so that the search through all publications goes to the end.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from exchange.audit.bundle import AuditBundle, BundleWriter
from exchange.audit.explain import explain
from exchange.model.entry import Entry
from exchange.tlog.checkpoint import LOGS
from keys import encoding
from tests.bench.measure import Report, alternately, median, text
from tests.support.partnership import Partnership

ENTRIES = 100_000
"""Of both logs together."""
MEMBERS = 300
"""Officers beside those of the scene, five of an organisation: three registry entries in five each."""
EPOCHS = 9_000
"""Publications of weekly keys, as many as the demo's mix has in such a log."""
ROUNDS = 5
BOUND = 1.0
"""Seconds."""


def measure(report: Report, folder: Path) -> None:
    """Add the lines; the bundle is written into ``folder``."""
    scene, index = _grown()
    bundle = AuditBundle(_written(scene, folder / "explain"))
    person = scene.doctor.person
    found = explain(bundle, str(index), person)
    assert found.about is not None and found.about.outcome == "received" and not found.faults
    times = alternately(
        ROUNDS, alert=lambda: explain(bundle, str(index)), person=lambda: explain(bundle, str(index), person)
    )
    size = sum(scene.world.size(log) for log in LOGS)
    for name, what in (("alert", "everybody, grouped"), ("person", "one person")):
        taken = median(times[name])
        report.add(f"`audit explain`, {size:,} entries: {what}", text(taken), "", f"< {text(BOUND)}", taken < BOUND)


def _grown() -> tuple[Partnership, int]:
    """The history, and the journal index of the alert at its end."""
    scene = Partnership("explaining")
    world = scene.world
    devices = []
    for number in range(MEMBERS):
        if number % 5 == 0:
            organisation = world.organisation(sectors=("energy",) if number % 2 else ("health",))
        devices.append(world.person(organisation, "officer").device)
    first = scene.release()
    receipt = world.receipt(scene.doctor, first)
    world.log(receipt)
    head, week = world.head("registry"), encoding.week_of(world.now)
    for number in range(ENTRIES - world.size("registry") - world.size("journal") - 1):
        if number % (ENTRIES // EPOCHS) == 0:
            fields = {
                "bundle": {"length": 1216, "sha256": "0" * 64},
                "issuer": {"device": devices[number % len(devices)]},
            }
            keys = [{"hash": sha256(b"%d" % number).hexdigest(), "week": week}]
            published = world.sign("epoch.publish", world.common(keys=keys, **fields), scene.doctor.signer)
            kind, statement, named = "epoch.publish", published, published.id
        else:
            kind, statement, named = "alert.receipt", receipt, sha256(b"receipt %d" % number).hexdigest()
        signatures = statement.envelope.signatures_hash
        entry = Entry(at=world.now, kind=kind, registry=head, signatures=signatures, statement=named)
        world.append("journal", entry, statement)
    return scene, world.log(world.alert(scene.author, "AMBER+STRICT", scene.health))


def _written(scene: Partnership, out: Path) -> Path:
    """The bundle, with the statements of the entries that have one."""
    world = scene.world
    with BundleWriter(out, world.logs["registry"][0][1]) as writer:
        for log in LOGS:
            writer.log(log, world.note(log), (entry.encode() for entry, _ in world.logs[log]))
            for entry, statement in world.logs[log]:
                if entry.statement == statement.id:
                    writer.statement(statement.envelope)
        for alert, leaves in world.leaf_lists.items():
            writer.leaves(alert, leaves)
        for named, openings in world.openings.items():
            writer.openings(named, openings)
        return writer.finish()
