"""The mutants that `make mutants` asks about: each a small change that still parses, none where no answer depends on it."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.mutants import mutants_of
from tests.mutation.suite import MODULES, ROOT, explained

MODULE = '''"""A sentence."""
import os

LIMIT = 4  # bytes


@decorate(frozen=True)
class Key:
    """Two words."""

    raw: bytes = b""

    def check(self, others: list["Key"], extra: int = 1) -> bool:
        """Says so."""
        if not self.raw or len(self.raw) > LIMIT:
            raise Bad("bad-key", "a key has 4 bytes")
        for other in others:
            verify(other)
        try:
            self.size += extra
        except (KeyError, ValueError):
            return False
        return any(other.raw == self.raw for other in others)
'''


def names(source: str = MODULE) -> list[str]:
    return [mutant.name for mutant in mutants_of("a.py", source)]


@pytest.mark.parametrize(
    "name",
    [
        "module: 4 → 5",
        "Key: b\"\" → b'X'",
        "Key.check: 1 → 2",
        "Key.check: not self.raw or len(self.raw) > LIMIT → False",
        "Key.check: not self.raw or len(self.raw) > LIMIT → (not self.raw and len(self.raw) > LIMIT)",
        "Key.check: not self.raw or len(self.raw) > LIMIT → (not self.raw)",
        "Key.check: not self.raw → (self.raw)",
        "Key.check: len(self.raw) > LIMIT → (len(self.raw) >= LIMIT)",
        "Key.check: len(self.raw) > LIMIT → (len(self.raw) <= LIMIT)",
        "Key.check: \"bad-key\" → 'bad-keyX'",
        "Key.check: for other in others: → pass",
        "Key.check: verify(other) → pass",
        "Key.check: self.size += extra → self.size -= extra",
        "Key.check: self.size += extra → pass",
        "Key.check: (KeyError, ValueError) → ((KeyError,))",
        "Key.check: False → True",
        "Key.check: any → all",
        "Key.check: other.raw == self.raw → (other.raw != self.raw)",
        "Key.check: return any(other.raw == self.raw for other in others) → return None",
    ],
)
def test_a_change_that_a_test_should_notice_is_made(name: str) -> None:
    assert name in names()


def test_sentences_annotations_imports_and_decorators_are_left_alone() -> None:
    for name in names():
        before = name.partition(": ")[2].partition(" → ")[0]
        assert "decorate" not in before and "import" not in before and before != "True"
        assert before not in ('"a key has 4 bytes"', '"Key"') and "words" not in before


def test_a_field_s_annotation_is_left_alone_and_its_default_is_not() -> None:
    made = mutants_of("a.py", "class Case:\n    first: int | None\n    second: int | None = 1\n")
    assert [mutant.name for mutant in made] == ["Case: 1 → 2"]


def test_every_mutant_parses_differs_and_keeps_its_key() -> None:
    made = mutants_of("a.py", MODULE)
    assert len({mutant.key for mutant in made}) == len(made)
    for mutant in made:
        assert ast.dump(ast.parse(mutant.text)) != ast.dump(ast.parse(MODULE))
    assert [mutant.key for mutant in mutants_of("a.py", MODULE)] == [mutant.key for mutant in made]
    assert not {mutant.key for mutant in mutants_of("b.py", MODULE)} & {mutant.key for mutant in made}


def test_a_change_after_signs_that_are_not_ascii_stands_where_it_belongs() -> None:
    (mutant,) = (one for one in mutants_of("a.py", 'x = ("§ ‖", 1)\n') if one.operator == "constant")
    assert mutant.text == 'x = ("§ ‖", 2)\n'


def test_our_own_modules_have_mutants_that_parse() -> None:
    path = "keys/verify.py"
    for mutant in mutants_of(path, (ROOT / path).read_text(encoding="utf-8")):
        ast.parse(mutant.text)


def test_the_page_explains_mutants_that_exist() -> None:
    for path, name in explained():
        assert path in MODULES
        assert name in {mutant.name for mutant in mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))}, name


def test_modules_and_their_tests_exist() -> None:
    for path, tests in MODULES.items():
        assert all((ROOT / one).exists() for one in (path, *tests)), path
