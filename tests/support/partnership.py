"""A small partnership whose logs hold one of everything that an auditor judges: the audit tests' common scene."""

from __future__ import annotations

from exchange.model.statements import Statement
from tests.support.journal import LoggedWorld
from tests.support.world import Member

HOUR = 3600
"""Seconds."""


class Partnership:
    """An authority (author, two approvers), a hospital with two officers and a keyless one, a carrier, an auditor."""

    def __init__(self, seed: str = "audit") -> None:
        self.world = world = LoggedWorld(seed)
        world.found()
        self.authority = world.named_organisation(
            "Polizei Musterstadt", areas=["05"], kind="authority", sectors=["security"]
        )
        self.author = world.person(self.authority, "author")
        self.approver = world.person(self.authority, "approver")
        self.second = world.person(self.authority, "approver")
        self.hospital = world.named_organisation("Klinikum Musterstadt", sectors=["health"])
        self.doctor = world.person(self.hospital, "officer")
        self.porter = world.person(self.hospital, "officer")
        self.keyless = world.person(self.hospital, "officer")
        self.carrier = world.named_organisation("Spedition Muster", areas=["05911000"], sectors=["logistics"])
        self.driver = world.person(self.carrier, "officer")
        self.auditor = world.person(self.authority, "auditor")
        for member in (self.author, self.approver, self.second, self.doctor, self.porter, self.driver):
            world.publish_epochs(member)
        world.keep_checkpoints()
        self.health = {"sectors": ["health"]}

    def approvers(self, *members: Member) -> list[str]:
        return sorted(member.person for member in members)

    def release(self) -> Statement:
        """An AMBER+STRICT alert to the hospital, without approval; accepted."""
        alert = self.world.alert(self.author, "AMBER+STRICT", self.health)
        self.world.log(alert)
        return alert

    def everything(self) -> Partnership:
        """One of everything, an honest exchange's history."""
        world = self.world
        self.amber = self.release()
        world.log(world.delivery((self.amber, self.doctor), (self.amber, self.porter)))
        world.log(world.receipt(self.doctor, self.amber))
        world.now += HOUR
        self.red = world.alert(
            self.author,
            "RED",
            {"persons": [self.doctor.person]},
            approvals=2,
            approvers=self.approvers(self.approver, self.second),
        )
        world.log(self.red)
        once = world.approve(self.red, self.approver)
        world.log(once)
        world.now += 60
        self.released_red = world.approve(once, self.second)
        world.log(self.released_red)
        world.log(world.receipt(self.doctor, self.amber, self.red, level="read"))
        declined = world.alert(
            self.author, "CLEAR", approvals=1, approvers=self.approvers(self.approver), exercise=True
        )
        world.log(declined)
        world.log(world.signed_by_device("alert.reject", self.approver, alert=declined.id, reason="content"))
        self.clear = world.alert(self.author, "CLEAR", approvals=1, approvers=self.approvers(self.approver))
        world.log(self.clear)
        world.log(world.approve(self.clear, self.approver))
        world.now += HOUR
        world.keep_checkpoints()
        self.urgent = world.alert(self.author, "GREEN", {"everyone": True}, urgency="immediate")
        world.log(self.urgent)
        world.log(world.signed_by_device("alert.review", self.second, alert=self.urgent.id, outcome="confirmed"))
        refused = {"at": world.now, "code": "R2-not-author", "device": self.doctor.device, "statement": "0" * 64}
        world.log(world.claim("statement.refuse", refusals=[refused], uncounted=2))
        world.log(world.claim("access.read", count=3, device=self.auditor.device, what="leaf-list"))
        world.accept(
            world.by_registrars(
                "organisation.suspend",
                organisation=self.carrier,
                previous=world.previous(f"organisation/{self.carrier}"),
            )
        )
        world.now += HOUR
        self.late = self.release()
        return self
