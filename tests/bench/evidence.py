"""The evidence pack of one alert in a long log: its bytes, and how long anybody needs to verify it.

Author and approver were enrolled by two administrators, as in practice, so that three or four persons' chains are needed; two
witnesses are named and cosigned both checkpoints; ten officers received the alert and confirmed it. The rest of the log are
entries that the pack does not need: they make every proof as long as it would be.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from exchange.audit.bundle import BundleWriter
from exchange.audit.evidence_make import PLAIN, Choices, make_evidence, write_evidence
from exchange.audit.evidence_verify import verify_evidence
from exchange.model.entry import Entry
from exchange.model.statements import Statement
from keys.note import Note
from tests.bench.measure import Report, median, text, timed
from tests.support.journal import LoggedWorld
from tests.support.witnesses import WitnessKey
from tests.support.world import Member

ENTRIES = 100_000
OFFICERS = 10
WITNESSES = 2
ROUNDS = 9
SIZE_BOUND = 200 * 1024
"""Bytes."""
TIME_BOUND = 1.0
"""Seconds."""


class LongWorld(LoggedWorld):
    """A small partnership in a journal of ``ENTRIES`` entries."""

    def build(self) -> tuple[Statement, Statement]:
        """Two alerts: as most are, and one with an approval."""
        self.found()
        self.witnesses = [WitnessKey.generate(f"w{n}.example", self.random) for n in range(WITNESSES)]
        cards = [key.card() for key in self.witnesses]
        self.accept(self.by_registrars("witness.name", quorum=2, witnesses=cards))
        authority = self.named_organisation("Polizei", areas=["05"], kind="authority", sectors=["security"])
        first, second = (self.person(authority, "administrator") for _ in range(2))
        author, approver = (self.by_administrators(authority, first, second, role) for role in ("author", "approver"))
        hospital = self.named_organisation("Klinikum", sectors=["health"])
        officers = [self.person(hospital, "officer") for _ in range(OFFICERS)]
        for member in (author, approver, *officers):
            self.publish_epochs(member)
        self.fill(ENTRIES // 2)
        usual = self.alert(author, "AMBER", {"sectors": ["health"]})
        self.log(usual)
        alert = self.alert(author, "AMBER", {"sectors": ["health"]}, approvals=1, approvers=[approver.person])
        self.log(alert)
        approved = self.approve(alert, approver)
        self.log(approved)
        for officer in officers:
            for confirmed in (usual, approved):
                self.log(self.receipt(officer, confirmed))
        self.fill(ENTRIES - self.size("journal"))
        return usual, approved

    def by_administrators(self, organisation: str, first: Member, second: Member, role: str) -> Member:
        """A person whom two administrators enrolled, with one device."""
        member = Member(self.random.id(), organisation, (role,))
        commitment = sha256(member.person.encode()).hexdigest()
        fields = {"commitments": {"name": commitment}, "organisation": organisation, "person": member.person}
        self.accept(self.by_device("person.enrol", first, second.signer, **fields, roles=[role], topics=[]))
        device, signer, scan_secret = self.device_fields(member)
        self.accept(self.by_device("device.enrol", first, second.signer, **device))
        self.keep_device(member, device, signer, scan_secret)
        return member

    def fill(self, count: int) -> None:
        """Entries about other things."""
        statement = self.logs["journal"][0][1]
        head = self.head("registry")
        for _ in range(count):
            name = sha256(b"%d" % self.size("journal")).hexdigest()
            entry = Entry(at=self.now, kind="access.read", registry=head, signatures=name, statement=name)
            self.append("journal", entry, statement)

    def bundle(self, out: Path) -> Path:
        """The bundle, without the statements of the entries that only fill."""
        with BundleWriter(out, self.logs["registry"][0][1]) as writer:
            for log, logged in self.logs.items():
                note = Note.parse(self.note(log))
                lines = [line for key in self.witnesses for line in key.lines(note.text, self.now)]
                cosigned = Note(note.text, (*note.lines, *lines)).encode()
                writer.log(log, cosigned, (entry.encode() for entry, _ in logged))
                known = {entry.statement: statement for entry, statement in logged if entry.statement == statement.id}
                for statement in known.values():
                    writer.statement(statement.envelope)
            for statement_id, leaves in self.leaf_lists.items():
                writer.leaves(statement_id, leaves)
            return writer.finish()


def measure(report: Report, kept: Path) -> None:
    """Add the lines."""
    with TemporaryDirectory(prefix="evidence-", dir=kept) as folder:
        world = LongWorld("bench evidence")
        usual, approved = world.build()
        bundle = world.bundle(Path(folder) / "audit")
        for what, alert, choices, bound in (
            ("", usual, PLAIN, SIZE_BOUND),
            (", with an approval", approved, PLAIN, SIZE_BOUND),
            (", with an approval and the enrolments of ten readers", approved, Choices(readers=True), None),
        ):
            files = make_evidence(bundle, alert.id, choices)
            out = Path(folder) / f"pack{len(what)}"
            write_evidence(out, files, world.exchange)
            making = timed(lambda alert=alert, choices=choices: make_evidence(bundle, alert.id, choices))
            seconds = median([timed(lambda out=out: verify_evidence(out, world.exchange)) for _ in range(ROUNDS)])
            size = sum(map(len, files.values()))
            report.add(
                f"evidence pack of one alert, {ENTRIES:,} entries{what}",
                f"{size:,} bytes",
                f"made in {text(making)}",
                f"< {bound:,} bytes" if bound else "",
                size < bound if bound else None,
            )
            report.add(f"verify that pack{what}", text(seconds), "", f"< {text(TIME_BOUND)}", seconds < TIME_BOUND)
