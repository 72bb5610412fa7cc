"""Domain separation: code and specification hold the same table."""

import re
from pathlib import Path

import pytest

from keys.labels import Use, ds

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "encoding.md"


def test_uses_are_those_of_the_specification() -> None:
    section = SPEC.read_text(encoding="utf-8").split("## Domain separation")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, flags=re.MULTILINE) == [use.value for use in Use]


def test_no_label_is_the_beginning_of_another() -> None:
    labels = [ds(use) for use in Use]
    assert len(set(labels)) == len(labels)
    assert not any(a != b and b.startswith(a) for a in labels for b in labels)


def test_a_use_that_is_not_in_the_table_has_no_label() -> None:
    with pytest.raises(ValueError, match="sealing"):
        ds("sealing")
