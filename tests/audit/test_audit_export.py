"""An auditor's export from a listening server: it verifies, and an exchange that shows something else is caught."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exchange.audit.bundle import BundleError
from exchange.audit.export import export
from exchange.audit.verify import verify_bundle
from exchange.client.errors import ClientError, VerificationError
from exchange.client.member import Member, open_member
from exchange.client.state import MemberState
from exchange.client.transport import Event, HttpTransport, Response
from exchange.model.statements import parse_statement
from keys import encoding
from keys.keyfile import Vault
from keys.sign import sign_statement
from tests.support.web import Partnership, listening
from tests.support.witnesses import WitnessKey
from tests.support.world import Member as Enrolled

Change = Callable[[str, bytes], bytes]


class Between:
    """A transport in whose answers a test may change the bytes."""

    def __init__(self, inner: HttpTransport) -> None:
        self._inner = inner
        self.change: Change = lambda path, body: body

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int,
        timeout: float = 60.0,  # noqa: ASYNC109 - handed through
    ) -> Response:
        answer = await self._inner.request(
            method, path, headers=headers, body=body, max_bytes=max_bytes, timeout=timeout
        )
        return Response(answer.status, answer.headers, self.change(path, answer.body))

    def stream(self, path: str, *, headers: Mapping[str, str]) -> AsyncIterator[Event]:
        return self._inner.stream(path, headers=headers)


@asynccontextmanager
async def client(partnership: Partnership, who: Enrolled, folder: Path) -> AsyncIterator[tuple[Member, Between]]:
    """A member's own client of the listening server."""
    world = partnership.world
    identity = world.identities[who.device]
    transport = HttpTransport(f"http://127.0.0.1:{world.http.port}")
    founding = world.exchange_server.state.founding
    assert founding is not None
    folder.mkdir()
    between = Between(transport)
    try:
        with MemberState(folder / "state.sqlite", Vault(identity.vault_key)) as state:
            yield open_member(between, state, identity, founding.envelope, clock=lambda: world.now), between
    finally:
        await transport.close()


async def history(partnership: Partnership) -> None:
    """Alerts with and without approval, a receipt, a refusal's and a delivery's claim."""
    world = partnership.world
    alert = await partnership.release()
    body = world.common(issuer={"device": partnership.officer.device}, alerts=[alert.id], level="read")
    await world.post(world.sign("alert.receipt", body, partnership.officer.signer))
    await world.get(f"/v1/alerts/{alert.id}", await world.session(partnership.officer))
    await partnership.publish_clear()
    await partnership.propose()
    await world.context.claims.flush()


async def test_an_export_verifies_and_is_reproduced_byte_by_byte(tmp_path: Path) -> None:
    async with listening(tmp_path / "server") as partnership:
        await history(partnership)
        async with client(partnership, partnership.auditor, tmp_path / "home") as (auditor, _):
            told: list[tuple[int, int, int]] = []
            written = await export(auditor, tmp_path / "audit", progress=lambda *step: told.append(step))
            assert told[-1] == (5, written.journal, written.journal)
            report = verify_bundle(written.path, exchange=partnership.world.exchange)
            assert report.verified, report.first
            assert report.totals.alerts == {"AMBER": 1, "CLEAR": 1}
            assert (report.totals.read, report.totals.proposals, report.totals.approvals) == (1, 2, 1)
            assert report.totals.deliveries == 1
            assert report.totals.openings
            assert {path.name for path in (tmp_path / "audit").iterdir()} == {
                "MANIFEST.json",
                "checkpoints",
                "journal",
                "keys",
                "leaves",
                "openings.json",
                "registry",
                "statements",
                "witness-policy",
            }
            assert await _again(auditor, tmp_path, written.path)


async def _again(auditor: Member, folder: Path, first: Path) -> bool:
    """Exported again to another place: the bytes are the same as long as the logs are."""
    second = (await export(auditor, folder / "second")).path
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    return all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


async def test_a_later_export_does_not_overwrite_and_keeps_the_older_checkpoints(tmp_path: Path) -> None:
    async with (
        listening(tmp_path / "server") as partnership,
        client(partnership, partnership.auditor, tmp_path / "home") as (auditor, _),
    ):
        await export(auditor, tmp_path / "audit")
        await partnership.release()
        with pytest.raises(BundleError) as error:
            await export(auditor, tmp_path / "audit")
        assert error.value.code == "bundle-exists"
        later = await export(auditor, tmp_path / "later")
        assert len(list((later.path / "checkpoints").glob("journal-*"))) == 2
        report = verify_bundle(later.path)
        assert report.verified
        assert report.step(3).checked >= 3
        assert not list(tmp_path.glob(".*"))


async def test_who_is_not_shown_the_registry_cannot_export(tmp_path: Path) -> None:
    async with (
        listening(tmp_path / "server") as partnership,
        client(partnership, partnership.officer, tmp_path / "home") as (officer, _),
    ):
        with pytest.raises(ClientError) as error:
            await export(officer, tmp_path / "audit")
        assert error.value.code == "not-an-auditor"
        assert not (tmp_path / "audit").exists()


@pytest.mark.parametrize(("path", "step"), [("/leaves", 7), ("/v1/statements/", 2)])
async def test_an_exchange_that_shows_an_auditor_something_else_is_caught(tmp_path: Path, path: str, step: int) -> None:
    async with listening(tmp_path / "server") as partnership:
        await history(partnership)
        async with client(partnership, partnership.auditor, tmp_path / "home") as (auditor, between):

            def change(asked: str, body: bytes) -> bytes:
                if path not in asked:
                    return body
                if path == "/leaves":
                    return body[:40] + bytes(32) + body[72:]
                at = body.index(b'"sig":"') + 12
                return body[:at] + (b"A" if body[at : at + 1] != b"A" else b"B") + body[at + 1 :]

            between.change = change
            with pytest.raises(VerificationError) as error:
                await export(auditor, tmp_path / "audit")
            assert error.value.step == step
            assert [failure.subject for failure in auditor.state.failures()] == ["audit"]
            assert not (tmp_path / "audit").exists()


async def _signed_again(partnership: Partnership) -> None:
    """A proposal of one signature set, then a second one that does not hold the first: the author signed once more."""
    world = partnership.world
    second = await world.enrol("G. Zweite", partnership.authority, "approver")
    approvers = sorted([partnership.approver.person, second.person])
    proposal = await partnership.propose(core={"approvals": 2, "approvers": approvers})
    envelope = proposal.envelope
    again = sign_statement("alert", encoding.decode(envelope.body, max_bytes=65_536), partnership.author.signer)
    assert again.statement_id == envelope.statement_id and again.signatures_hash != envelope.signatures_hash
    half = world.approve(parse_statement(again), partnership.approver)
    await world.post(half)
    await world.post(world.approve(half, second))


async def test_every_signature_set_of_a_proposal_is_exported_even_when_none_holds_another(tmp_path: Path) -> None:
    async with listening(tmp_path / "server") as partnership:
        await _signed_again(partnership)
        async with client(partnership, partnership.auditor, tmp_path / "home") as (auditor, _):
            written = await export(auditor, tmp_path / "audit")
            report = verify_bundle(written.path, exchange=partnership.world.exchange)
            assert report.verified, report.first
            assert (report.totals.proposals, report.totals.approvals) == (1, 2)
            names = sorted(path.name[64:] for path in written.path.glob("statements/*/*.[12].json"))
            assert names == [".1.json", ".2.json"]


async def test_an_approval_that_comes_while_exporting_accuses_nobody(tmp_path: Path) -> None:
    async with listening(tmp_path / "server") as partnership:
        world = partnership.world
        proposal = await partnership.propose(label="CLEAR")
        async with client(partnership, partnership.auditor, tmp_path / "home") as (auditor, between):
            newest = world.approve(proposal, partnership.approver).envelope

            def change(asked: str, body: bytes) -> bytes:
                if not asked.endswith(f"/v1/statements/{proposal.id}"):
                    return body
                return encoding.encode({**json.loads(body), "envelope": newest.to_json()})

            between.change = change
            written = await export(auditor, tmp_path / "audit")
            assert verify_bundle(written.path).verified


async def test_an_exchange_that_withholds_an_earlier_signature_set_is_caught(tmp_path: Path) -> None:
    async with listening(tmp_path / "server") as partnership:
        await _signed_again(partnership)
        async with client(partnership, partnership.auditor, tmp_path / "home") as (auditor, between):
            newest: list[bytes] = []

            def change(asked: str, body: bytes) -> bytes:
                if "?signers=" in asked:
                    return newest[-1]
                if "/v1/statements/" in asked:
                    newest.append(body)
                return body

            between.change = change
            with pytest.raises(VerificationError) as error:
                await export(auditor, tmp_path / "audit")
            assert (error.value.step, error.value.code) == (2, "entry-mismatch")
            assert not (tmp_path / "audit").exists()


async def test_the_lines_of_named_witnesses_come_along_and_those_of_strangers_do_not(tmp_path: Path) -> None:
    async with listening(tmp_path / "server") as partnership:
        world = partnership.world
        keys = [WitnessKey.generate(f"w{n}.example", world.random) for n in range(3)]
        naming = {"quorum": 2, "witnesses": [key.card() for key in keys[:2]]}
        await world.post(world.by_registrars("witness.name", **naming))
        async with client(partnership, partnership.auditor, tmp_path / "home") as (auditor, between):

            def cosign(path: str, body: bytes) -> bytes:
                for key in keys if path.endswith("/checkpoint") else ():
                    body = key.cosign(body, world.now)
                return body

            between.change = cosign
            written = await export(auditor, tmp_path / "audit")
            report = verify_bundle(written.path, require_quorum=True)
            assert report.verified, report.first
            assert report.witnessed["registry"].times == dict.fromkeys(("w0.example", "w1.example"), world.now)
