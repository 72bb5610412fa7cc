"""``exchange clear-check``: from a file or an address, in both languages, with what is proven, what is not, and exit statuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.cli.__main__ import run
from exchange.model.alert import Content
from exchange.model.scalars import DAY
from tests.support.clear import attachment, encoded, evidence, plain, publish
from tests.support.web import Partnership, listening

PDF = b"%PDF-1.7 Lageplan"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path / "server") as found:
        yield found


@pytest.fixture
async def saved(place: Partnership, tmp_path: Path) -> tuple[str, Path]:
    """The statement id of a public alert, and the file of its evidence."""
    content = Content(
        texts=(plain(advice="Umfahren."), plain("Road closed", "Closed \u001b[2J.", language="en")),
        attachments=(attachment(PDF, "Lageplan.pdf"),),
        number="PP-E-2026-0007",
    )
    alert = await publish(place, content, PDF)
    path = tmp_path / "evidence.json"
    path.write_bytes(encoded(await evidence(place, alert)))
    return alert.id, path


async def called(*arguments: object) -> int:
    """The command on a thread of its own, where it has its own event loop."""
    return await asyncio.to_thread(run, [str(argument) for argument in arguments])


async def test_a_visitor_is_told_what_was_proven_and_what_was_not(
    place: Partnership, saved: tuple[str, Path], capsys: pytest.CaptureFixture[str]
):
    statement, path = saved
    assert await called("clear-check", path, "--exchange", place.world.exchange, "--lang", "de") == 0
    shown = capsys.readouterr()
    for number in (1, 2, 3, 4, 5, 6, 9):
        assert f"V{number}  in Ordnung" in shown.out
    for expected in ("TLP:CLEAR", "Vollsperrung", "Polizei Essen", "PP-E-2026-0007", statement, "Umfahren."):
        assert expected in shown.out, expected
    assert "nicht beweisbar: dass in der Teilnehmerliste" in shown.err and "keine neuere Fassung" in shown.err
    assert "Autorin" not in shown.out + shown.err


async def test_the_output_in_english_is_safe_for_a_terminal(
    place: Partnership, saved: tuple[str, Path], capsys: pytest.CaptureFixture[str]
):
    assert await called("clear-check", saved[1], "--exchange", place.world.exchange, "--lang", "en") == 0
    shown = capsys.readouterr()
    assert "Road closed" in shown.out and "\u001b" not in shown.out and "cannot be proven" in shown.err


async def test_the_address_of_the_page_is_enough(
    place: Partnership, saved: tuple[str, Path], capsys: pytest.CaptureFixture[str]
):
    statement, _ = saved
    base = f"http://127.0.0.1:{place.world.http.port}/clear/{statement}"
    for address in (base, f"{base}?lang=en", f"{base}/evidence"):
        assert await called("clear-check", address, "--exchange", place.world.exchange, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["statement"], found["verified"], found["label"]) == (statement, True, "TLP:CLEAR")
        assert found["organisation_name"] == "Polizei Essen" and len(found["not_proven"]) == 3
        assert list(found["steps"]) == ["V1", "V2", "V3", "V4", "V5", "V6", "V9"]


async def test_a_downloaded_attachment_is_checked(
    place: Partnership, saved: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    right, wrong = tmp_path / "right.pdf", tmp_path / "wrong.pdf"
    right.write_bytes(PDF)
    wrong.write_bytes(PDF[:-1])
    given = ("clear-check", saved[1], "--exchange", place.world.exchange, "--lang", "en", "--attachment")
    assert await called(*given, right) == 0
    assert "attachment 1 is the one that was signed" in capsys.readouterr().err
    assert await called(*given, wrong) == 1
    assert "[attachment-unknown]" in capsys.readouterr().err


async def test_an_expired_alert_is_verified_and_said_to_be_expired(
    place: Partnership, saved: tuple[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    for clock, expired in ((place.world.now, False), (place.world.now + 4 * 366 * DAY, True)):
        monkeypatch.setattr("exchange.cli.connect.now", lambda clock=clock: clock)
        assert await called("clear-check", saved[1], "--exchange", place.world.exchange, "--lang", "en") == 0
        assert ("no longer valid" in capsys.readouterr().err) == expired


async def test_what_does_not_verify_ends_with_1_and_the_step(
    place: Partnership, saved: tuple[str, Path], capsys: pytest.CaptureFixture[str]
):
    assert await called("clear-check", saved[1], "--exchange", "0" * 64, "--lang", "de") == 1
    told = capsys.readouterr()
    assert "V1" in told.err and "[other-exchange]" in told.err and not told.out
    assert "richten Sie sich nicht nach dieser Meldung" in told.err
    saved[1].write_bytes(saved[1].read_bytes().replace(b'"index":', b'"index": ', 1))
    assert await called("clear-check", saved[1], "--exchange", place.world.exchange, "--json") == 1
    assert json.loads(capsys.readouterr().out)["code"] == "evidence-malformed"


@pytest.mark.parametrize(
    "arguments",
    [
        ("clear-check", "evidence.json"),
        ("clear-check", "evidence.json", "--exchange", "ABC"),
        ("clear-check", "https://exchange.example/clear/", "--exchange", "0" * 64),
        ("clear-check", "https://exchange.example/inbox", "--exchange", "0" * 64),
        ("clear-check", "no-such-file", "--exchange", "0" * 64),
    ],
)
def test_a_wrong_call_ends_with_2(arguments: tuple[str, ...]):
    assert run(arguments) == 2


async def test_the_visitors_commands_of_the_documentation_work_as_they_stand(
    place: Partnership, saved: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
):
    """Literally, but for the address, the two ids and the folder in which a visitor sits."""
    page = (Path(__file__).parents[2] / "docs" / "using" / "visitor.md").read_text(encoding="utf-8")
    lines = [line.partition("  #")[0].split() for line in page.splitlines() if line.startswith("exchange clear-check")]
    assert len(lines) == 3
    monkeypatch.chdir(saved[1].parent)
    Path("Lageplan.pdf").write_bytes(PDF)
    for line in lines:
        words = [
            word.replace("https://exchange.example", f"http://127.0.0.1:{place.world.http.port}")
            .replace("STATEMENT", saved[0])
            .replace("ID", place.world.exchange)
            for word in line[1:]
        ]
        assert await called(*words) == 0, line
