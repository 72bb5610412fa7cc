"""E-mail notices against a real SMTP server: opt-in, one fixed text, at most one in an interval, and never in anybody's way."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import ValidationError

from exchange.client.enrol import EnrolError, commit
from exchange.config import ConfigError, parse
from exchange.model.mail import check_mail_address
from exchange.model.statements import Opening
from exchange.service.mail import SUBJECT, TEXT
from exchange.service.notices import ATTEMPTS, RETRY_SECONDS, Notices
from exchange.store import statements as statement_rows
from keys import encoding
from tests.support.web import Partnership, listening
from tests.support.world import Member

SENDER = "hinweis@exchange.example"
INTERVAL = 300


class Mailbox:
    """What the relay took, and whom it refuses."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.refused: dict[str, str] = {}
        self.port = 0
        self.arrived = asyncio.Event()

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert envelope.mail_from == SENDER and isinstance(envelope.content, bytes)
        self.taken += [(recipient, envelope.content) for recipient in envelope.rcpt_tos]
        self.arrived.set()
        return "250 OK"

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _ in self.taken]


@asynccontextmanager
async def relay() -> AsyncIterator[Mailbox]:
    """A real SMTP server on the loopback."""
    mailbox, loop = Mailbox(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, hostname="relay.example", loop=loop), "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with relay() as found:
        yield found


def section(port: int, **changes: Any) -> dict[str, Any]:
    return {"relay": "127.0.0.1", "relay_port": port, "starttls": False, "sender": SENDER, **changes}


@pytest.fixture
async def place(tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[Partnership]:
    async with listening(tmp_path, notice=section(mailbox.port)) as found:
        yield found


async def wants(place: Partnership, member: Member, address: str | None) -> None:
    """A registered change: this person wants notices to an address, or none any more."""
    world = place.world
    fields = {"name": "Name"} if address is None else {"name": "Name", "notice": address}
    made = [world.opening(field, value) for field, value in fields.items()]
    change = world.by_registrars(
        "person.change",
        commitments={opening.field: commitment for opening, commitment in made},
        person=member.person,
        previous=world.previous(f"person/{member.person}"),
        roles=list(member.roles),
        topics=[],
    )
    await world.post(change, openings=[opening for opening, _ in made])


def notices(place: Partnership) -> Notices:
    found = place.world.context.notices
    assert found is not None
    return found


async def work(place: Partnership, after: float = 0.0) -> float | None:
    """Let so many seconds pass, and do what is due."""
    place.world.monotonic += after
    return await notices(place).work()


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)  # type: ignore[return-value]


async def test_who_opted_in_and_has_a_leaf_is_sent_one_mail_and_nobody_else(place: Partnership, mailbox: Mailbox):
    await wants(place, place.officer, "officer@stadtwerke.example")
    await wants(place, place.stranger, "stranger@handel.example")
    await place.release(title="Einbruch in Umspannwerk")
    assert await work(place) is None
    assert mailbox.recipients == ["officer@stadtwerke.example"]
    message = parsed(mailbox.taken[0][1])
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, "officer@stadtwerke.example", SUBJECT)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().replace("\r\n", "\n") == TEXT


async def test_the_mail_is_the_same_whatever_was_published_and_whoever_receives_it(
    place: Partnership, mailbox: Mailbox
):
    """But for the address, and what mail itself demands: Date and Message-ID, which name no alert."""
    await wants(place, place.officer, "officer@stadtwerke.example")
    await wants(place, place.author, "author@polizei.example")
    alert = await place.release(title="Geheim")
    await work(place)
    await place.release("GREEN", title="Weniger geheim")
    await work(place, INTERVAL)
    assert sorted(mailbox.recipients) == sorted(["officer@stadtwerke.example", "author@polizei.example"] * 2)
    bare = set()
    for recipient, raw in mailbox.taken:
        assert not any(
            word in raw for word in (b"TLP", b"AMBER", b"GREEN", b"Geheim", alert.id.encode(), b"Polizei Essen")
        )
        lines = raw.replace(recipient.encode(), b"").splitlines()
        bare.add(tuple(line for line in lines if not line.startswith((b"Date: ", b"Message-ID: "))))
    assert len(bare) == 1


async def test_alerts_within_the_interval_cannot_be_counted_by_mails(place: Partnership, mailbox: Mailbox):
    """Four alerts: the first is told at once, the others together at the end of the interval, and then nothing more."""
    await wants(place, place.officer, "officer@stadtwerke.example")
    await place.release()
    await work(place)
    for _ in range(3):
        await place.release()
        due = await work(place, 10)
    assert len(mailbox.taken) == 1 and due == INTERVAL - 30
    assert await work(place, due) is None
    assert len(mailbox.taken) == 2
    assert await work(place, 10 * INTERVAL) is None
    assert len(mailbox.taken) == 2


async def test_public_and_proposed_alerts_cause_no_mail(place: Partnership, mailbox: Mailbox):
    for member in (place.officer, place.author, place.approver):
        await wants(place, member, f"{member.roles[0]}@exchange.example")
    await place.publish_clear()
    await place.propose()
    await work(place)
    assert not mailbox.taken


async def test_taking_the_address_back_stops_the_mails(place: Partnership, mailbox: Mailbox):
    await wants(place, place.officer, "officer@stadtwerke.example")
    await wants(place, place.officer, None)
    await place.release()
    await work(place)
    assert not mailbox.taken
    await wants(place, place.officer, "new@stadtwerke.example")
    await place.release()
    await work(place)
    assert mailbox.recipients == ["new@stadtwerke.example"], "and a new address is used, not the old one"


async def test_an_erased_address_is_sent_nothing(place: Partnership, mailbox: Mailbox):
    world = place.world
    await wants(place, place.officer, "officer@stadtwerke.example")
    newest = world.previous(f"person/{place.officer.person}")
    assert newest is not None
    await world.exchange_server.store.write(
        statement_rows.change_openings, [statement_rows.ErasedRow(newest, "notice")]
    )
    await place.release()
    await work(place)
    assert not mailbox.taken


@pytest.mark.parametrize("how", ["removed", "suspended"])
async def test_who_is_not_in_force_when_the_mail_would_go_is_sent_nothing(
    place: Partnership, mailbox: Mailbox, how: str
):
    """The alert was released before: what counts is the moment of sending."""
    world = place.world
    await wants(place, place.officer, "officer@stadtwerke.example")
    await place.release()
    if how == "suspended":
        await place.suspend(place.company)
    else:
        previous = world.previous(f"person/{place.officer.person}")
        await world.post(world.by_registrars("person.remove", person=place.officer.person, previous=previous))
    assert await work(place) is None
    assert not mailbox.taken


async def test_an_address_that_the_relay_refuses_does_not_hold_up_the_others(place: Partnership, mailbox: Mailbox):
    await wants(place, place.officer, "gone@stadtwerke.example")
    await wants(place, place.author, "author@polizei.example")
    mailbox.refused["gone@stadtwerke.example"] = "550 no such mailbox"
    await place.release()
    assert await work(place) is None
    assert mailbox.recipients == ["author@polizei.example"]


async def test_a_temporary_no_is_tried_again_a_few_times_and_no_more(place: Partnership, mailbox: Mailbox):
    address = "busy@stadtwerke.example"
    await wants(place, place.officer, address)
    mailbox.refused[address] = "451 later"
    await place.release()
    pauses = [await work(place)]
    while pauses[-1] is not None:
        pauses.append(await work(place, pauses[-1]))
    assert pauses == [RETRY_SECONDS * n for n in range(1, ATTEMPTS)] + [None]
    mailbox.refused.clear()
    await place.release()
    await work(place, INTERVAL)
    assert mailbox.recipients == [address]


async def test_no_log_line_names_a_person_an_alert_or_an_address(place: Partnership, mailbox: Mailbox):
    await wants(place, place.officer, "officer@stadtwerke.example")
    mailbox.refused["officer@stadtwerke.example"] = "550 no such mailbox officer@stadtwerke.example"
    alert = await place.release()
    await work(place)
    log = place.world.log.getvalue()
    assert '"event": "notices"' in log and '"failed": 1' in log
    for secret in ("stadtwerke", place.officer.person, place.officer.device, alert.id):
        assert secret not in log


async def test_a_relay_that_is_not_there_delays_and_fails_no_publish(tmp_path: Path):
    async with relay() as closed:
        port = closed.port
    async with listening(tmp_path, notice=section(port)) as place:
        await wants(place, place.officer, "officer@stadtwerke.example")
        assert (await place.release()).id
        assert await work(place) == RETRY_SECONDS


async def test_a_relay_that_never_answers_is_not_waited_for_by_anybody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It takes the connection and says nothing. Statements are accepted meanwhile, and the attempt ends by its deadline."""
    monkeypatch.setattr("exchange.service.mail.DELIVERY_SECONDS", 0.2)
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    try:
        async with listening(tmp_path, notice=section(server.sockets[0].getsockname()[1])) as place:
            await wants(place, place.officer, "officer@stadtwerke.example")
            await place.release()
            attempt = asyncio.create_task(notices(place).work())
            await connected.wait()
            assert (await place.release()).id and not attempt.done()
            assert await attempt is not None
    finally:
        server.close()


async def test_mail_is_not_sent_in_the_clear_when_tls_is_demanded(tmp_path: Path, mailbox: Mailbox):
    """The default; this relay offers no STARTTLS, as one would that somebody sits in front of."""
    demanded = section(mailbox.port)
    del demanded["starttls"]
    async with listening(tmp_path, notice=demanded) as place:
        await wants(place, place.officer, "officer@stadtwerke.example")
        await place.release()
        assert await work(place) == RETRY_SECONDS
        assert not mailbox.taken


async def test_what_waits_is_bounded_and_what_is_lost_is_counted(
    place: Partnership, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("exchange.service.notices.MAX_ALERTS", 1)
    await wants(place, place.officer, "officer@stadtwerke.example")
    for _ in range(3):
        await place.release()
    await work(place)
    assert len(mailbox.taken) == 1 and '"count": 2' in place.world.log.getvalue()


async def test_the_loop_works_as_soon_as_something_is_released(place: Partnership, mailbox: Mailbox):
    running = asyncio.create_task(notices(place).run())
    try:
        await wants(place, place.officer, "officer@stadtwerke.example")
        await place.release()
        async with asyncio.timeout(20):
            await mailbox.arrived.wait()
        assert mailbox.recipients == ["officer@stadtwerke.example"]
    finally:
        running.cancel()


async def test_without_a_relay_there_are_no_notices(tmp_path: Path):
    async with listening(tmp_path) as place:
        assert place.world.context.notices is None


async def test_only_the_person_and_its_administrators_are_handed_the_address(place: Partnership):
    """Not to publishers, not to auditors, not to colleagues: it is for the mail, and for whoever changes it."""
    world = place.world
    administrator = await world.enrol("I. Verwaltung", place.company, "administrator")
    colleague = await world.enrol("J. Kollegin", place.company, "officer")
    await wants(place, place.officer, "officer@stadtwerke.example")
    readers = {
        "officer": place.officer,
        "administrator": administrator,
        "colleague": colleague,
        "author": place.author,
        "registry office": place.administrator,
        "auditor": place.auditor,
        "stranger": place.stranger,
    }
    handed = set()
    for name, member in readers.items():
        token, start = await world.session(member), 0
        while start is not None:
            page = (await world.get(f"/v1/registry/statements?start={start}&limit=256", token)).json
            if any(o["field"] == "notice" for s in page["statements"] for o in s["openings"]):
                handed.add(name)
            start = page.get("next")
    assert handed == {"officer", "administrator"}


# -- the form of an address ---------------------------------------------------------------------------------------------

GOOD = ["a@b.de", "erika.muster+tlp@stadtwerke.example", "x@xn--strae-oqa.de", f"{'a' * 64}@b.de", "o'neil@b.example"]
BAD = [
    "",
    "erika",
    "erika@stadtwerke",
    "erika@@b.de",
    "erika@b.de, zweite@b.de",
    "Erika <erika@b.de>",
    "<erika@b.de>",
    "erika@b.de\r\nBcc: alle@b.de",
    "erika@b.de\n",
    "erika @b.de",
    '"erika muster"@b.de',
    ".erika@b.de",
    "erika..muster@b.de",
    "erika@-b.de",
    "erika@b-.de",
    "erika@b..de",
    "erika@b.de.",
    "erika@[192.0.2.1]",
    "jörg@b.de",
    "erika@straße.de",
    "erika@b.dе",
    f"{'a' * 65}@b.de",
    f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.de",
    "erika@b.de\u202e",
]


@pytest.mark.parametrize("address", GOOD)
def test_an_address_is_taken_as_it_is(address: str):
    assert check_mail_address(address) == address
    assert commit(bytes, name="N", notice=address)[1][1].value == address


@pytest.mark.parametrize("address", BAD)
def test_what_is_no_address_is_refused_by_client_and_server(address: str):
    """More than one recipient, a header, a command, a name in front, another alphabet that looks like this one."""
    with pytest.raises(ValueError):
        check_mail_address(address)
    with pytest.raises(ValidationError):
        Opening(field="notice", salt=encoding.b64u(bytes(32)), value=address)
    if address.strip() == address:  # a person's own spaces around it are taken off
        with pytest.raises(EnrolError) as refused:
            commit(bytes, name="N", notice=address)
        assert refused.value.code == "bad-notice"


@pytest.mark.parametrize(
    "changes", [{"sender": ""}, {"sender": "a@b.de\nX: y"}, {"relay": "relay example"}, {"relay_port": 0}]
)
def test_a_relay_without_a_usable_sender_stops_the_start(changes: dict[str, Any]):
    with pytest.raises(ConfigError) as refused:
        parse({"notice": section(25, **changes)}, "test")
    assert refused.value.code == "config-value"
