"""The command line's own machinery speaks German: every help page, and what is wrong with the arguments."""

from __future__ import annotations

import re

import pytest

from exchange.cli.__main__ import COMMANDS, GROUPS, run

ENGLISH = re.compile(
    r"\b(Usage|Options|Arguments|Commands|Show this message|required|default:|OPTIONS|ARGS|No such|Missing|Possible|unexpected)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("words", ["", *sorted(GROUPS), *COMMANDS])
def test_a_german_help_page_is_german(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--lang", "de", *words.split(), "--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("Aufruf: exchange") and not ENGLISH.search(page), ENGLISH.search(page)


@pytest.mark.parametrize("words", ["", "audit", "inbox", "audit verify"])
def test_an_english_one_is_english_again(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(["inbox", "--help", "--lang", "de"])
    capsys.readouterr()
    assert run(["--lang", "en", *words.split(), "--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("Usage: exchange") and "Optionen" not in page and "Aufruf" not in page


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["inbx"], "diesen Befehl gibt es nicht: 'inbx'. Meinten Sie 'inbox'?"),
        (["inbox", "--offlin"], "diese Option gibt es nicht: --offlin (möglich: --offline)"),
        (["audit", "explain"], "eine Angabe fehlt: 'ALERT'"),
        (["audit", "explain", "a"], "eine Option fehlt: '--bundle'"),
        (["read", "a", "b"], "zu viele Angaben: b"),
        (["inbox", "--home"], "die Option '--home' braucht einen Wert"),
        (["inbox", "--offline=yes"], "die Option '--offline' nimmt keinen Wert"),
        (["drill", "bla"], "diesen Befehl gibt es nicht: 'bla'"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_said_in_german(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"exchange: {line} [usage]"
    assert said[1].startswith("Hinweis: exchange")
