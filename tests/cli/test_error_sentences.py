"""Every code that is raised has a sentence in German."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.cli.failure import sentence
from exchange.cli.terminal import Terminal
from exchange.cli.texts import TEXTS

EXCHANGE = Path(__file__).parents[2] / "exchange"
CODE = re.compile(r"[a-z]+(-[a-z0-9]+)+|rejected|expired|interrupted|timeout")


def _raised() -> Iterator[str]:
    """The constants that look like a code among the first three arguments of what is raised."""
    for path in EXCHANGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
                continue
            for argument in node.exc.args[:3]:
                if isinstance(argument, ast.Constant) and CODE.fullmatch(str(argument.value)):
                    yield str(argument.value)


RAISED = sorted(set(_raised()))


def test_the_codes_are_found() -> None:
    assert {"not-here", "source-value", "not-evidence", "rejected"} <= set(RAISED)


@pytest.mark.parametrize("code", RAISED)
def test_every_code_that_is_raised_has_its_sentence_in_german(code: str) -> None:
    assert sentence(Terminal("de"), code, "DETAIL") not in ("DETAIL", "", code)


def test_what_a_person_needs_of_the_detail_stays_in_german() -> None:
    assert sentence(Terminal("de"), "source-missing", "title is missing").endswith("(title is missing)")
    assert sentence(Terminal("de"), "not-a-bundle", "").endswith("kein Prüfpaket")
    assert sentence(Terminal("de"), "not-a-bundle", "no MANIFEST.json").endswith("kein Prüfpaket (no MANIFEST.json)")


@pytest.mark.parametrize("code", sorted(key.removeprefix("code_") for key in TEXTS if key.startswith("code_")))
def test_no_sentence_says_its_detail_twice(code: str) -> None:
    assert all(sentence(Terminal(language), code, "DETAIL").count("DETAIL") <= 1 for language in ("de", "en"))
