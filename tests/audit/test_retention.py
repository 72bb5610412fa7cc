"""Old receipts are erased and every proof stays: server, copy, bundle and fsck say the same, and nobody hides behind it."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exchange.audit.bundle import MANIFEST
from exchange.audit.export import export
from exchange.audit.report import Report
from exchange.audit.verify import verify_bundle
from exchange.cli.__main__ import run
from exchange.cli.stored import check
from exchange.client.errors import VerificationError
from exchange.config import ConfigError, parse
from exchange.model.retention import LEAST_DAYS, erased_before, may_be_erased
from exchange.model.scalars import DAY
from exchange.service import retention
from exchange.store import alerts
from keys import encoding
from tests.audit.test_audit_export import client
from tests.support.messages import react
from tests.support.web import Partnership, listening

DAYS = 400
KEPT = {"retention": {"receipts_days": DAYS}}
"""The configuration's section."""


async def aged(partnership: Partnership) -> tuple[str, str]:
    """A receipt and a reaction that are old, then a receipt that is not; the ids of the old receipt and the young one."""
    world = partnership.world
    alert = await partnership.release()
    old = await _receipt(partnership, alert.id, "received")
    await world.post(react(world, partnership.officer, alert, b"gesehen", partnership.author))
    world.now += 100 * DAY
    young = await _receipt(partnership, alert.id, "read")
    # The young receipt is the newest entry but one, 350 days old.
    world.now += 200 * DAY
    await world.exchange_server.claim(
        "access.read", {"count": 1, "device": partnership.auditor.device, "what": "opening"}
    )
    world.now += 101 * DAY
    for organisation in (partnership.authority, partnership.company, partnership.outside):
        await _renew(partnership, organisation)
    await world.exchange_server.claim(
        "access.read", {"count": 1, "device": partnership.auditor.device, "what": "opening"}
    )
    return old, young


async def _receipt(partnership: Partnership, alert: str, level: str) -> str:
    world = partnership.world
    body = world.common(issuer={"device": partnership.officer.device}, alerts=[alert], level=level)
    statement = world.sign("alert.receipt", {**body, "not_after": world.now + 300}, partnership.officer.signer)
    await world.post(statement)
    return statement.id


async def _renew(partnership: Partnership, organisation: str) -> None:
    world = partnership.world
    previous = world.previous(f"organisation/{organisation}")
    fields = {"expires": world.now + 365 * DAY, "organisation": organisation, "previous": previous}
    await world.post(world.by_registrars("organisation.renew", **fields))


async def erase(partnership: Partnership) -> int:
    return await retention.erase(partnership.world.exchange_server.store, DAYS)


@asynccontextmanager
async def erased(folder: Path) -> AsyncIterator[tuple[Partnership, str, str]]:
    async with listening(folder / "server", **KEPT) as partnership:
        old, young = await aged(partnership)
        assert await erase(partnership) == 2
        yield partnership, old, young


async def test_old_receipts_go_and_every_verification_is_green(tmp_path: Path) -> None:
    async with erased(tmp_path) as (partnership, _, _):
        world = partnership.world
        gone = await _erase_a_person(partnership)
        async with client(partnership, partnership.auditor, tmp_path / "home") as (auditor, between):
            written = await export(auditor, tmp_path / "audit")
            report = verify_bundle(written.path, exchange=world.exchange)
            assert report.verified, report.first
            assert (report.totals.receipts_erased, report.totals.erased) == (2, 1)
            assert (report.totals.received, report.totals.read) == (1, 1)
            assert encoding.decode((written.path / MANIFEST).read_bytes(), max_bytes=65_536)["retention"] == {
                "receipts_days": DAYS
            }
            asked: list[str] = []
            between.change = lambda path, body: asked.append(path) or body  # type: ignore[func-returns-value]
            await export(auditor, tmp_path / "again")
            assert sorted(asked) == ["/journal/checkpoint", "/registry/checkpoint"]
        fsck = check(
            tmp_path / "server" / "data", tmp_path / "server" / "head" / "head", world.now, exchange=world.exchange
        )
        assert fsck.ok, (fsck.report.first, fsck.wrong())
        assert fsck.report.totals.receipts_erased == 2
        assert gone


async def _erase_a_person(partnership: Partnership) -> str:
    world = partnership.world
    gone = await world.enrol("G. Geht", partnership.company, "officer")
    chain = f"person/{gone.person}"
    enrolment = world.previous(chain)
    await world.post(world.by_registrars("person.remove", person=gone.person, previous=enrolment))
    await world.post(world.by_registrars("opening.erase", fields=["name"], statement=enrolment, subject=chain))
    return gone.person


async def test_the_states_of_receipts_stay_and_the_statement_is_answered_as_erased(tmp_path: Path) -> None:
    async with erased(tmp_path) as (partnership, old, young):
        world = partnership.world
        for reader in (partnership.auditor, partnership.officer):
            answer = await world.get(f"/v1/statements/{old}", await world.session(reader))
            assert (answer.status, answer.code) == (410, "statement-erased")
        token = await world.session(partnership.auditor)
        assert (await world.get(f"/v1/statements/{young}", token)).status == 200
        [alert] = {row.alert for row in await world.exchange_server.store.read(_receipts)}
        page = (await world.get(f"/v1/alerts/{alert}/receipts", token)).json["statements"]
        assert len(page) == 1
        assert (await world.get(f"/v1/alerts/{alert}/reactions", token)).json["statements"] == []
        levels = {row.level for row in await world.exchange_server.store.read(alerts.receipts, alert)}
        assert levels == {"received", "read", "reacted"}


def _receipts(connection):  # type: ignore[no-untyped-def]
    return alerts.receipts(connection, alerts.in_state(connection, "released", 0, 1)[0].statement)


async def test_the_same_receipt_sent_again_gets_the_same_answer_after_it_was_erased(tmp_path: Path) -> None:
    async with listening(tmp_path, **KEPT) as partnership:
        world = partnership.world
        alert = await partnership.release()
        body = world.common(issuer={"device": partnership.officer.device}, alerts=[alert.id], level="received")
        statement = world.sign("alert.receipt", {**body, "not_after": world.now + 300}, partnership.officer.signer)
        first = await world.post(statement)
        world.now += (DAYS + 1) * DAY
        await world.exchange_server.claim(
            "access.read", {"count": 1, "device": partnership.auditor.device, "what": "opening"}
        )
        assert await erase(partnership) == 1
        await world.stop()
        await world.start()
        again = await world.post(statement)
        assert [result.index for result in again.results] == [result.index for result in first.results]


async def test_what_an_auditor_fetched_before_stays_in_its_copy(tmp_path: Path) -> None:
    async with listening(tmp_path / "server", **KEPT) as partnership:
        await aged(partnership)
        async with client(partnership, partnership.auditor, tmp_path / "home") as (auditor, _):
            await export(auditor, tmp_path / "before")
            await erase(partnership)
            written = await export(auditor, tmp_path / "after")
            report = verify_bundle(written.path, exchange=partnership.world.exchange)
            assert report.verified and report.totals.receipts_erased == 0


async def test_erased_words_are_not_left_in_the_file(tmp_path: Path) -> None:
    async with erased(tmp_path):
        pass
    database = sqlite3.connect(tmp_path / "server" / "data" / "exchange.db")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = database.execute("SELECT envelope FROM statement WHERE kind='alert.receipt'").fetchall()
    database.close()
    assert sorted(bool(row[0]) for row in kept) == [False, False, True]
    assert (tmp_path / "server" / "data" / "exchange.db").read_bytes().count(b'"level":"reacted"') == 0


# -- who hides behind it ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with two receipts erased."""
    folder = tmp_path_factory.mktemp("erased")

    async def run() -> Path:
        async with (
            erased(folder) as (partnership, _, _),
            client(partnership, partnership.auditor, folder / "home") as (auditor, _),
        ):
            return (await export(auditor, folder / "audit")).path

    return asyncio.run(run())


def judged(bundle: Path, folder: Path, retention: object, *kinds: str) -> Report:
    """The bundle with another retention stated, and without the first statement of these kinds."""
    copy = folder / "copy"
    shutil.copytree(bundle, copy)
    for kind in kinds:
        marker = f"application/vnd.tlp-exchange.{kind}.v1+json".encode()
        path = next(p for p in sorted(copy.glob("statements/*/*.json")) if marker in p.read_bytes())
        path.unlink()
    manifest = encoding.decode((copy / MANIFEST).read_bytes(), max_bytes=65_536)
    manifest.pop("retention")
    if retention is not None:
        manifest["retention"] = retention
    (copy / MANIFEST).write_bytes(encoding.encode(manifest))
    return verify_bundle(copy)


def test_a_missing_receipt_without_a_stated_retention_is_refused(bundle: Path, tmp_path: Path) -> None:
    report = judged(bundle, tmp_path, None)
    assert report.first is not None and report.first.code == "statement-missing"


@pytest.mark.parametrize(
    "said", [{"receipts_days": 1}, {"receipts_days": 399}, {"receipts_days": "400"}, [], {"receipts_days": 10**9}]
)
def test_a_retention_shorter_than_may_be_is_refused(bundle: Path, tmp_path: Path, said: object) -> None:
    report = judged(bundle, tmp_path, said)
    assert {finding.code for finding in report.step(5).findings} == {"retention-short", "statement-missing"}


@pytest.mark.parametrize("kind", ["alert.receipt", "access.read", "alert", "epoch.publish", "person.enrol"])
def test_what_is_young_or_no_receipt_is_never_taken_for_erased(bundle: Path, tmp_path: Path, kind: str) -> None:
    report = judged(bundle, tmp_path, {"receipts_days": DAYS}, kind)
    assert not report.verified
    assert "statement-missing" in {finding.code for finding in report.step(5).findings}


async def test_an_exchange_that_calls_a_young_receipt_or_an_alert_erased_is_caught(tmp_path: Path) -> None:
    async with listening(tmp_path / "server", **KEPT) as partnership:
        _, young = await aged(partnership)
        world = partnership.world
        database = sqlite3.connect(tmp_path / "server" / "data" / "exchange.db")
        with database:
            database.execute("UPDATE statement SET envelope=x'' WHERE statement=?", (young,))
        database.close()
        async with client(partnership, partnership.auditor, tmp_path / "home") as (auditor, _):
            with pytest.raises(VerificationError) as error:
                await export(auditor, tmp_path / "audit")
            assert error.value.code == "statement-withheld"
        fsck = check(tmp_path / "server" / "data", None, world.now)
        assert fsck.report.first is not None and fsck.report.first.code == "statement-missing"


# -- the rule, the configuration, the command ------------------------------------------------------------------------------


def test_the_rule_counts_from_the_newest_entry_and_knows_one_kind() -> None:
    newest = 1_000 * DAY
    assert erased_before(newest, DAYS) == 600 * DAY
    assert [erased_before(newest, days) for days in (0, LEAST_DAYS - 1, -1, 10**9)] == [0, 0, 0, 0]
    assert may_be_erased("alert.receipt", 600 * DAY - 1, newest, DAYS)
    assert not may_be_erased("alert.receipt", 600 * DAY, newest, DAYS)
    assert not may_be_erased("alert.released", 1, newest, DAYS)


@pytest.mark.parametrize("days", [1, 399, -1, 36_501])
def test_a_retention_that_is_too_short_stops_the_start(days: int) -> None:
    with pytest.raises(ConfigError):
        parse({"retention": {"receipts_days": days}}, "test")


async def test_the_running_server_erases_by_itself_and_says_how_many(tmp_path: Path) -> None:
    async with listening(tmp_path, **KEPT) as partnership:
        await aged(partnership)
        world = partnership.world
        task = asyncio.create_task(world.context.erase_receipts())
        while not (said := [line for line in world.logged() if line["event"] == "receipts-erased"]):  # noqa: ASYNC110
            await asyncio.sleep(0)
        task.cancel()
        assert [line["count"] for line in said] == [2]


async def test_nothing_is_erased_while_receipts_are_kept_for_ever(tmp_path: Path) -> None:
    async with listening(tmp_path) as partnership:
        await aged(partnership)
        store = partnership.world.exchange_server.store
        assert await retention.erase(store, 0) == 0
        assert (await store.read(retention.due, 0)).statements == 0
        answer = (await partnership.world.get("/v1/exchange")).json
        assert "retention" not in answer


async def test_the_command_counts_then_erases_on_a_stopped_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with listening(tmp_path / "server", **KEPT) as partnership:
        await aged(partnership)
    config = tmp_path / "config.toml"
    config.write_text("[retention]\nreceipts_days = 400\n")
    call = ["retention", str(tmp_path / "server" / "data"), "--config", str(config)]

    async def told(*more: str) -> dict[str, int]:
        assert await asyncio.to_thread(run, [*call, "--json", *more]) == 0
        return json.loads(capsys.readouterr().out)

    assert (await told("--dry-run"))["due"] == 2
    assert ((await told("--dry-run"))["erased"], (await told("--yes"))["erased"]) == (0, 2)
    assert (await told("--yes"))["due"] == 0
    assert await asyncio.to_thread(run, [*call[:2], "--lang", "de"]) == 0
    assert "unbegrenzt" in capsys.readouterr().err
