"""What a person sees of an attack: the commands over a lying exchange, in both languages, with a home on the disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from exchange.cli.__main__ import run
from exchange.cli.connect import SCHEMES
from exchange.client.home import Invited, Membership, create
from exchange.client.state import MemberState
from exchange.client.transport import HttpTransport, Response
from exchange.policy.exhibits import check_contradiction
from exchange.tlog.fork import verify_fork_proof
from keys.keyfile import Vault
from keys.stanza import NO_BUNDLE
from tests.attacks.lying import Forgery, LyingExchange, raw, told
from tests.attacks.scene import Scene
from tests.attacks.test_withheld_alerts import forgotten

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEME = "lying"
PASSPHRASE = "richtig lang und geheim"


class Line(HttpTransport):
    """A connection of the command's own loop, through the lies."""

    def __init__(self, base: str, prepare: Callable[[LyingExchange], None]) -> None:
        super().__init__(base)
        self._lying = LyingExchange(_Honest(self))  # type: ignore[arg-type]
        prepare(self._lying)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int,
        timeout: float = 60.0,  # noqa: ASYNC109 - the protocol's
    ) -> Response:
        return await self._lying.request(method, path, headers=headers, body=body, max_bytes=max_bytes, timeout=timeout)


class _Honest:
    def __init__(self, line: Line) -> None:
        self.request = super(Line, line).request


class Desk:
    """One officer's home, and the commands called on it."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        world, person = scene.world, scene.doctor
        device = person.devices[0]
        self.home, self.lies = folder / "home", list[Callable[[LyingExchange], None]]()
        self.asked: list[str] = []
        invited = Invited(
            exchange=world.exchange,
            name="D. Doktor",
            organisation=scene.hospital,
            person=person.person,
            roles=("officer",),
            url=f"{SCHEME}://exchange",
        )
        membership = Membership(invited, scene.founding.envelope, device, "Laptop")
        create(self.home, membership, world.identities[device], PASSPHRASE, {})
        self.passphrase = folder / "passphrase"
        self.passphrase.touch(mode=0o600)
        self.passphrase.write_text(PASSPHRASE)

    def line(self, base: str) -> Line:
        def prepare(lying: LyingExchange) -> None:
            lying.asked = self.asked
            for lie in self.lies:
                lie(lying)

        return Line(base, prepare)

    async def call(self, *arguments: object) -> int:
        """A command of this home on a thread of its own, where it has its own loop."""
        given = [*map(str, arguments), "--home", str(self.home), "--passphrase-file", str(self.passphrase)]
        return await asyncio.to_thread(run, given)


@pytest.fixture
def desk(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = Desk(scene, tmp_path)
    base = scene.honest._base
    monkeypatch.setitem(SCHEMES, SCHEME, lambda url: made.line(str(base)))
    for place in ("exchange.cli.connect.now", "exchange.cli.member.now"):
        monkeypatch.setattr(place, lambda: scene.world.now)
    yield made


async def test_withheld_alert_is_named_to_the_officer_until_it_comes(
    scene: Scene, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = told({"code": "not-entitled", "detail": "not yours"}, 403)
    desk.lies.append(lambda lying: lying.say("GET", f"/v1/alerts/{scene.alert.id}", denied))
    assert await desk.call("inbox", "--lang", "de") == 1
    shown = capsys.readouterr().err
    core = scene.alert.alert.core
    assert "zurückgehalten 1" in shown and f"zurückgehalten: Meldung {core.alert}, Fassung 1" in shown
    assert "Kennzeichnung unbekannt" in shown and "Beleg: " in shown and "V7 withheld" in shown
    assert await desk.call("inbox", "--json") == 1
    value = json.loads(capsys.readouterr().out)
    (missing,) = value["kept_back"]
    assert (value["withheld"], value["all"], value["have"]) == (1, 1, 0)
    assert (missing["alert"], missing["cleared"], missing["statement"]) == (core.alert, False, scene.alert.id)
    # Anybody checks the file.
    arguments = ["audit", "check-withheld", missing["file"], "--exchange", scene.world.exchange]
    assert await asyncio.to_thread(run, [*arguments, "--lang", "en"]) == 0
    assert "proven: alert" in (said := capsys.readouterr().err) and "the word of the device" in said
    assert await asyncio.to_thread(run, [*arguments[:-1], "00" * 32, "--lang", "en"]) == 1
    assert "[exhibit-foreign]" in capsys.readouterr().err
    desk.lies.clear()
    assert await desk.call("inbox", "--lang", "en") == 0
    shown = capsys.readouterr().err
    assert (
        "you have 1 of 1 alerts" in shown
        and "kept back 0" in shown
        and "kept back before and handed out since: 1" in shown
    )


async def test_fork_stops_every_command_but_reading_offline(
    scene: Scene, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await desk.call("inbox") == 0
    assert await desk.call("inbox", "--json") == 0
    capsys.readouterr()
    forgery = await Forgery.of(scene.world)
    forgery.rewrite("journal", 0, at=forgery.entry("journal", 0).at - 1)
    note = forgery.note("journal")
    desk.lies.append(lambda lying: lying.say("GET", "/journal/checkpoint", raw(note)))
    assert await desk.call("inbox", "--lang", "de") == 1
    first = capsys.readouterr().err
    (proof,) = (desk.home / "evidence").glob("*.fork.json")
    assert verify_fork_proof(proof.read_bytes(), scene.world.exchange).log == "journal"
    for expected in ("zwei Verläufe", str(proof), "anderes Mitglied", "nichts über die Austauschplattform", "[fork]"):
        assert expected in first, expected
    desk.lies.clear()
    desk.asked.clear()
    for command in (
        ["inbox"],
        ["devices"],
        ["watch", "--count", "1"],
        ["share", "abcd", "--who"],
        ["audit", "export", "--out", "x"],
    ):
        assert await desk.call(*command, "--lang", "en") == 1, command
        again = capsys.readouterr().err
        assert "two histories" in again and str(proof) in again and "[forked]" in again
    assert desk.asked == []
    assert await desk.call("inbox", "--offline", "--lang", "en") in (0, 1)
    assert "caution" in (shown := capsys.readouterr()).err and scene.alert.id[:10] in shown.out
    assert await desk.call("read", scene.alert.id[:10], "--offline", "--no-receipt") == 0
    capsys.readouterr()
    assert await desk.call("fork", "show", "--json") == 1
    value = json.loads(capsys.readouterr().out)["fork"]
    assert (value["log"], value["file"]) == ("journal", str(proof))
    assert value["first"]["size"] == value["second"]["size"] and value["first"]["root"] != value["second"]["root"]
    assert await desk.call("fork", "show", "--lang", "de") == 1
    assert str(proof) in capsys.readouterr().out
    assert await desk.call("fork", "forget") == 2  # nobody confirms
    assert await desk.call("inbox") == 1
    assert await desk.call("fork", "forget", "--yes", "--lang", "de") == 0
    assert proof.exists()
    assert await desk.call("fork", "show") == 0
    assert await desk.call("inbox") == 0


async def test_statement_of_another_history_is_shown_until_somebody_has_looked_into_it(
    scene: Scene, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """The alarm of ``test_gossip``, on the terminal; raised here by a statement that the honest exchange never took."""
    assert await desk.call("inbox") == 0
    statement = scene.alert.id  # any: what is shown is what was kept
    with MemberState(desk.home / "state.sqlite", Vault(scene.world.identities[scene.doctor.device].vault_key)) as state:
        evidence = {"log": "journal", "size": "7", "statement": "AA=="}
        with state.transaction():
            state.fail(statement, 4, "seen-differs", "said", "", evidence, scene.world.now)
    assert await desk.call("inbox", "--lang", "en") == 1
    capsys.readouterr()
    assert await desk.call("fork", "show", "--lang", "de") == 1
    assert "anderen Verlauf" in (said := capsys.readouterr().err) and statement in said
    assert await desk.call("fork", "show", "--json") == 1
    value = json.loads(capsys.readouterr().out)
    assert value["fork"] is None and value["alarms"][0]["statement"] == statement
    assert await desk.call("fork", "forget", "--yes", "--lang", "en") == 0
    assert "settled: 1" in capsys.readouterr().err
    assert await desk.call("fork", "show") == 0
    assert await desk.call("inbox") == 0


async def test_contradiction_is_checked_by_anybody(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = await scene.informed("doctor")
    alert = await forgotten(scene, await victim.forge(), NO_BUNDLE)
    await victim.sync()
    (path,) = (victim.path.parent / "evidence").glob("contradiction-*")
    check_contradiction(path.read_bytes(), scene.world.exchange)
    arguments = ["audit", "check-contradiction", str(path), "--exchange", scene.world.exchange]
    assert await asyncio.to_thread(run, [*arguments, "--lang", "de"]) == 0
    assert "Widerspruch ist bewiesen" in (said := capsys.readouterr().err) and alert.id in said
    assert await asyncio.to_thread(run, [*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["device"] == victim.member.device
    path = tmp_path / "broken.json"
    path.write_bytes(b"{}")
    assert await asyncio.to_thread(run, ["audit", "check-contradiction", str(path), *arguments[3:]]) == 1
    assert "[exhibit-malformed]" in capsys.readouterr().err
