"""What a reader and a publisher are told of witnesses on the command line, from none named to an alarm."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.cli import member as members
from exchange.cli.terminal import Terminal
from exchange.cli.witnesses import Witnessed, span
from exchange.client.api import ExchangeApi
from exchange.client.sync import sync
from exchange.client.transport import HttpTransport, Response
from exchange.model.submission import Submission
from exchange.tlog.checkpoint import Checkpoint, signed_text
from keys import encoding
from keys.sign import add_signature, sign_statement
from tests.cli.flow import Office, Ran, begin, enrol, exchange, found, served
from tests.support.scene import partnership
from tests.support.witnesses import WitnessKey
from tests.support.world import Randomness

pytestmark = pytest.mark.timeout(240)

KEYS = [WitnessKey.generate(f"w{n}.example", Randomness(f"words {n}")) for n in range(3)]
SOURCE = """+++
title = "Gefälschte Kammerbriefe"
language = "de"
number = "{number}"
label = "AMBER"
kind = "incident.it"
urgency = "expected"
severity = "severe"
certainty = "observed"
valid_for = "14d"
[audience]
sectors = ["health"]
+++

Seit heute Morgen gehen gefälschte Schreiben ein.
"""


class Cosigning(HttpTransport):
    """An exchange whose witnesses are quick: their lines stand under every checkpoint that it serves."""

    keys: tuple[WitnessKey, ...] = ()

    async def request(self, method: str, path: str, **options: Any) -> Response:
        answer = await super().request(method, path, **options)
        if not path.endswith("/checkpoint"):
            return answer
        body = answer.body
        for key in self.keys:
            body = key.cosign(body, int(time.time()))
        return Response(answer.status, answer.headers, body)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = found(tmp_path_factory.mktemp("witnesses"))
    with served(office) as url:
        registry = begin(office, url)
        enrol(office, registry, "wirth", "vogt", "brandt", "aydin")
        office.member("wirth", "terms", "accept", "--yes")
        office.member("aydin", "terms", "accept", "--yes")
        for handle in ("vogt", "brandt", "aydin"):
            office.member(handle, "inbox")
        yield office


@pytest.fixture
def cosigned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three witnesses answer; the third is silent."""
    monkeypatch.setattr(Cosigning, "keys", tuple(KEYS[:2]))
    monkeypatch.setitem(members.SCHEMES, "http", Cosigning)


def name_witnesses(office: Office, quorum: int = 2, previous: str | None = None) -> str:
    """The registrars name three witnesses, of whom so many are enough; the statement's id."""

    async def post() -> str:
        now = int(time.time())
        transport = HttpTransport(office.url)
        api = ExchangeApi(transport, clock=lambda: int(time.time()))
        seen = {}
        for log in ("journal", "registry"):
            head = Checkpoint.parse(signed_text(await api.checkpoint(log)))  # type: ignore[arg-type]
            seen[log] = {"root": head.root.hex(), "size": head.size}
        body = {
            "at": now,
            "exchange": office.exchange,
            "issuer": {"registrar": office.registrars[0].public.key_id},
            "nonce": encoding.b64u(bytes(16)),
            "not_after": now + 86_400,
            "quorum": quorum,
            "seen": seen,
            "witnesses": [key.card() for key in KEYS],
        }
        if previous is not None:
            body["previous"] = previous
        envelope = add_signature(sign_statement("witness.name", body, office.registrars[0]), office.registrars[1])
        await api.post([Submission(envelope, ())])
        await transport.close()
        return envelope.statement_id

    return asyncio.run(post())


def source(office: Office, number: str) -> Path:
    path = office.folder / f"{number}.md"
    path.write_text(SOURCE.format(number=number))
    return path


def publish(office: Office, number: str, *options: str, check: bool = True) -> Ran:
    return office.member("brandt", "publish", source(office, number), "--yes", *options, check=check)


def in_german(office: Office, handle: str, *words: str) -> Ran:
    return exchange(*words, "--home", office.home(handle), "--passphrase-file", office.passphrase, lang="de")


def test_as_long_as_no_witness_is_named_that_is_said_and_is_no_alarm(office: Office) -> None:
    told = office.member("aydin", "inbox", "--json")
    assert "no witness is named" in told.err
    assert told.json["witnesses"]["alarm"] is None
    assert told.json["witnesses"]["registry"] == {
        "age": None, "quorum": 0, "seen": False, "size": 0, "time": None, "witnesses": []}  # fmt: skip
    assert publish(office, "K-1", "--json").json["released"]
    shown = office.member("aydin", "read", "K-1", "--json").json
    assert (shown["witnessed"], shown["witnessed_age"]) == (None, None)


def test_a_publisher_is_asked_to_confirm_a_registry_that_no_witness_has_seen(office: Office) -> None:
    (office.folder / "naming").write_text(name_witnesses(office))
    told = office.member("brandt", "preview", source(office, "K-2"))
    assert "silent: w0.example, w1.example, w2.example" in told.out and "never" in told.out
    refused = publish(office, "K-2", check=False)
    assert refused.status == 1 and "[unwitnessed]" in refused.err and "--unwitnessed" in refused.err
    assert publish(office, "K-2", "--unwitnessed", "--json").json["released"]
    shown = office.member("aydin", "read", "K-2")
    assert "not yet witnessed" in shown.out
    assert "on a registry that 2 of 3 witnesses had never seen" in shown.out


def test_with_the_quorum_nothing_is_asked_and_a_reader_is_told_who_saw_it(office: Office, cosigned: None) -> None:
    preview = office.member("brandt", "preview", source(office, "K-3"), "--json").json
    assert not preview["unwitnessed"] and preview["witnessed"] < 300
    assert publish(office, "K-3", "--json").json["released"]
    told = office.member("aydin", "inbox", "--json")
    assert "witnessed by at least 2 of 3 witnesses" in told.err
    registry = told.json["witnesses"]["registry"]
    assert registry["seen"] and [one["silent"] for one in registry["witnesses"]] == [False, False, True]
    assert {one["number"]: one["witnessed"] for one in _numbered(told)} == {"K-1": True, "K-2": True, "K-3": True}
    shown = office.member("aydin", "read", "K-3").out
    assert "not yet witnessed" not in shown
    assert "on a registry that 2 of 3 witnesses had seen" in shown and "seconds before" in shown


def test_after_a_quarter_of_an_hour_the_missing_quorum_is_an_alarm_and_reading_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "now", lambda: int(time.time()) + 16 * 60)
    told = office.member("aydin", "inbox", "--offline", "--json")
    assert told.json["witnesses"]["alarm"] == "not-witnessed"
    assert "ALARM" in told.err and "[not-witnessed]" in told.err
    german = in_german(office, "aydin", "inbox", "--offline")
    assert "ALARM: seit über 15 Minuten" in german.err
    assert "es schweigen: w0.example, w1.example, w2.example" in german.err
    assert office.member("aydin", "read", "K-3", "--offline", "--no-receipt").status == 0


def test_the_monitor_tells_each_alarm_once_also_to_a_program(office: Office, cosigned: None) -> None:
    hook, told = office.folder / "hook", office.folder / "told"
    hook.write_text(f"#!{sys.executable}\nimport sys\nopen({str(told)!r}, 'a').write(sys.stdin.read())\n")
    hook.chmod(0o700)
    first = office.member("brandt", "audit", "watch", "--once")
    assert (first.status, first.out) == (0, "")
    name_witnesses(office, 1, (office.folder / "naming").read_text())
    watch = ("audit", "watch", "--once", "--json", "--hook", str(hook))
    ran = office.member("brandt", *watch, check=False)
    assert ran.status == 3, ran
    assert (ran.json["code"], ran.json["severity"], ran.json["exchange"]) == (
        "witnesses-changed",
        "high",
        office.exchange,
    )
    assert told.read_text() == ran.out
    assert office.member("brandt", *watch).out == ""


def test_the_monitor_tells_its_alarms_though_the_exchange_cannot_be_reached(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(members.SCHEMES, "http", lambda url: HttpTransport("http://127.0.0.1:1"))
    monkeypatch.setattr(members, "now", lambda: int(time.time()) + 16 * 60)
    ran = office.member("brandt", "audit", "watch", "--once", "--hook", str(office.folder / "missing"), check=False)
    assert ran.status == 1 and "[unreachable]" in ran.err
    assert ran.out.count("checkpoint-old") == 2 and "ALARM" in ran.out
    assert ran.err.count("did not take the alarm checkpoint-old") == 2


async def test_a_program_that_waits_asks_for_cosignatures_and_tells_the_alarm_and_its_end_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = partnership(tmp_path)
    sim = scene.sim
    scene.scene.registrars("witness.name", quorum=2, witnesses=[key.card() for key in KEYS])
    client = scene.scene.member(scene.officer)
    await sync(client, quiet=True)
    waiting = Witnessed(Terminal("en"), members.Member(Terminal("en"), None, client))  # type: ignore[arg-type]
    await waiting.ask()
    sim.now += 901
    await waiting.ask()
    await waiting.ask()
    told = capsys.readouterr().err
    assert told.count("ALARM") == 1 and told.count("\n") == 1

    def answer(_: object, __: Response) -> Response:
        logs = {}
        for log in ("registry", "journal"):
            note = sim.logs[log].note(sim.now)  # type: ignore[index]
            for key in KEYS[:2]:
                note = key.cosign(note, sim.now)
            logs[log] = {"note": note.decode(), "quorum": 2, "witnesses": []}
        return Response(200, {}, json.dumps(logs).encode())

    sim.lie("/v1/witnesses", answer)
    sim.now += 60
    await waiting.ask()
    await waiting.ask()
    assert capsys.readouterr().err.startswith("witnessed by at least 2 of 3 witnesses")
    scene.scene.close()


def _numbered(told: Ran) -> list[dict[str, Any]]:
    return [{"number": one["content"]["number"], "witnessed": one["witnessed"]} for one in told.json["alerts"]]


@pytest.mark.parametrize(
    ("seconds", "german", "english"),
    [
        (0, "0 Sekunden", "0 seconds"),
        (119, "119 Sekunden", "119 seconds"),
        (180, "3 Minuten", "3 minutes"),
        (7_199, "119 Minuten", "119 minutes"),
        (90_000, "25 Stunden", "25 hours"),
        (5 * 86_400, "5 Tage", "5 days"),
    ],
)
def test_ages_are_in_the_largest_unit_that_says_enough(seconds: int, german: str, english: str) -> None:
    assert (span(seconds, "de"), span(seconds, "en")) == (german, english)
