"""A mutant put into a running program is seen by everybody who holds the function already, or it is said that it cannot be."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.swap import swap

SOURCE = '''
from dataclasses import dataclass
from functools import cached_property, lru_cache

LIMIT = 4


def plain(value, most=LIMIT):
    """Words."""
    return value < most


@lru_cache(maxsize=8)
def kept(value):
    return value + 1


def outer(values):
    def inner(value):
        return value * 2

    return [inner(value) for value in values if value > 0]


@dataclass(frozen=True, slots=True)
class Record:
    value: int

    def less(self, other):
        return self.value < other

    @property
    def double(self):
        return self.value * 2

    @classmethod
    def of(cls, value):
        return cls(value + 1)

    @staticmethod
    def word():
        return "word"


class Slow:
    @cached_property
    def answer(self):
        return 40 + 2
'''
NUMBER = itertools.count()


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    name = f"swapped_{next(NUMBER)}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize(
    ("before", "after", "asked", "answer"),
    [
        ("value < most", "value <= most", "plain(4)", True),
        ("value + 1\n\n\ndef outer", "value - 1\n\n\ndef outer", "kept(5)", 4),
        ("value * 2\n\n    return [inner", "value * 3\n\n    return [inner", "outer([1])", [3]),
        ("if value > 0", "if value >= 0", "outer([0])", [0]),
        ("self.value < other", "self.value > other", "Record(1).less(2)", False),
        ("self.value * 2", "self.value", "Record(3).double", 3),
        ("cls(value + 1)", "cls(value)", "Record.of(3).value", 3),
        ('"word"', '"wordX"', "Record.word()", "wordX"),
        ("40 + 2", "40 - 2", "Slow().answer", 38),
    ],
)
def test_who_holds_a_function_already_runs_the_mutant(
    module: ModuleType, before: str, after: str, asked: str, answer: object
) -> None:
    held = dict(vars(module))  # as an import elsewhere holds it
    assert eval(asked, held) != answer
    if hasattr(held["kept"], "cache_clear"):
        held["kept"].cache_clear()
    assert SOURCE.count(before) == 1 and swap(module, SOURCE.replace(before, after))
    assert eval(asked, held) == answer


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("LIMIT = 4", "LIMIT = 5"),
        ("most=LIMIT", "most=3"),
        ("maxsize=8", "maxsize=9"),
        ("frozen=True", "frozen=False"),
        ("return value < most", "return value < most\n"),
        ('"""Words."""', '"""Other words."""'),
    ],
)
def test_what_runs_while_the_module_is_loaded_is_left_to_a_new_process(
    module: ModuleType, before: str, after: str
) -> None:
    assert not swap(module, SOURCE.replace(before, after)) or before == '"""Words."""'
    assert module.plain(3) and not module.plain(4)
