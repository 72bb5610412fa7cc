"""The table of texts: complete, used, and alike in both languages."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.cli.failure import HINTS, report_failure
from exchange.cli.terminal import Terminal
from exchange.cli.texts import HELPS, TEXTS
from exchange.model.alert import AlertKind, Certainty, Severity, Urgency
from exchange.policy.explain import SENTENCES
from keys.errors import KeyFileError, KeysError, SigningFileError
from keys.language import Language, language_of, process_language
from keys.texts import SENTENCES as SENTENCES_OF_KEYS

CLI = Path(__file__).parents[2] / "exchange" / "cli"
TALKERS = {"say", "hint", "text", "fail", "confirm", "progress", "CommandError"}
COMPOSED = re.compile(
    r"(action|audience|certainty|changed|circle|code|column|decided|fate|field|head|kind|metadata|organisation|reaction|"
    r"severity|standing|state|urgency)_"
)


def _strings(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def _used() -> tuple[set[str], set[str]]:
    """(text keys, help keys) that the commands name."""
    keys: set[str] = set(HINTS.values())
    helps: set[str] = set()
    for path in CLI.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in TALKERS and node.args:
                first = node.args[0]
                choices = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
                keys |= {c.value for c in choices if isinstance(c, ast.Constant) and isinstance(c.value, str)}
                for keyword in node.keywords:
                    if keyword.arg == "hints":
                        keys |= set(_strings(keyword.value))
            if name == "help_text" and node.args and isinstance(node.args[0], ast.Constant):
                helps.add(str(node.args[0].value))
    return keys, helps


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_that_a_command_uses_is_in_the_table() -> None:
    keys, helps = _used()
    assert not {key for key in keys if key not in TEXTS}
    assert not helps - HELPS.keys()


def test_every_text_in_the_table_is_used() -> None:
    keys, helps = _used()
    named = {text for path in CLI.glob("*.py") for text in _strings(ast.parse(path.read_text(encoding="utf-8")))}
    table = {key for key in TEXTS if not COMPOSED.match(key)}
    whole = "\n".join(p.read_text(encoding="utf-8") for p in CLI.glob("*.py") if not p.name.startswith("texts"))
    assert not {key for key in table - keys if f'"{key}"' not in whole}
    assert not {key for key in HELPS.keys() - helps if key not in named and f'"{key}"' not in whole}


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_both_languages_take_the_same_values(key: str) -> None:
    german, english = TEXTS[key]
    if english != "{detail}":  # the error's own words, which the German may leave out
        assert _fields(german) == _fields(english)
    assert _fields(german) <= _fields(english)
    assert not german.endswith(".") and not english.endswith(".")


@pytest.mark.parametrize("values", [AlertKind, Urgency, Severity, Certainty])
def test_every_value_of_a_core_has_its_words(values: type) -> None:
    prefix = {"AlertKind": "kind"}.get(values.__name__, values.__name__.lower())
    assert all(f"{prefix}_{value}" in TEXTS for value in values)  # type: ignore[attr-defined]


def test_tlp_labels_are_never_translated() -> None:
    for german, english in TEXTS.values():
        assert re.findall(r"TLP:[A-Z+]+", german) == re.findall(r"TLP:[A-Z+]+", english)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "de"),
        ({"LANG": "C.UTF-8"}, "de"),
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_german_is_first_and_another_locale_reads_english(environ: dict[str, str], language: str) -> None:
    assert language_of(environ=environ) == language


def test_the_language_asked_for_wins_over_the_locale() -> None:
    assert process_language(["inbox", "--lang", "en"]) == "en"
    assert process_language(["inbox", "--lang=de"]) == "de"


def test_the_registrars_own_command_says_the_same_in_german() -> None:
    # These mean an alert, an answer and the logs here, a statement and a file there; `failure` tells them apart by the class.
    known = {
        code: TEXTS[f"code_{code}"][0].removesuffix(" ({detail})")
        for code in SENTENCES_OF_KEYS
        if f"code_{code}" in TEXTS
    }
    known |= {code: SENTENCES[code][0] for code in SENTENCES_OF_KEYS if code in SENTENCES}
    assert {code for code in known if known[code] != SENTENCES_OF_KEYS[code]} == {
        "expired",
        "body-too-large",
        "changed-meanwhile",
    }
    assert TEXTS["passphrases_differ"][0] == SENTENCES_OF_KEYS["passphrases-differ"]


@pytest.mark.parametrize(
    ("error", "language", "said"),
    [
        (SigningFileError("expired", "it ran out"), "de", "eine Erklärung kann nicht mehr angenommen werden"),
        (SigningFileError("expired", "it ran out"), "en", "it ran out [expired]"),
        (KeyFileError("permissions-loose", "readable"), "de", "eine geheime Datei ist für andere lesbar"),
        (KeyFileError("permissions-loose", "readable"), "en", "readable [permissions-loose]"),
        (KeyFileError("wrong-passphrase", "wrong"), "de", "die Passphrase ist falsch"),
    ],
)
def test_an_error_of_a_key_or_a_signing_file_is_said_in_the_language_of_the_run(
    error: KeysError, language: Language, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report_failure(Terminal(language), error)
    assert said in capsys.readouterr().err
