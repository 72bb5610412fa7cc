"""Every reason code of roster, rules, decision, key table and replay has a sentence in German and in English."""

import ast
import re
from pathlib import Path

import pytest

from exchange.policy.explain import SENTENCES, explain, explain_decision
from exchange.policy.rules import Decision

POLICY = Path(__file__).parents[2] / "exchange" / "policy"
MODULES = (
    "circles",
    "decide",
    "epochs",
    "grants",
    "lineage",
    "members",
    "replay",
    "roster",
    "rules",
    "signers",
    "subjects",
)
DECIDERS = {"Decision": 2, "RosterRefusal": 1, "EpochRefusal": 0, "AlertRefusal": 1}
"""Which positional argument is the code."""
KEBAB = re.compile(r"[a-z]+(-[a-z]+)+")
NOT_CODES = {"all-clear", "not-after", "utf-8"}
PREFIXES = ("author-", "approver-", "curator-")
OF_KEYS = {
    "bad-ed25519-key", "bad-epoch-key", "bad-mldsa-key", "bad-scan-key", "bad-signing-key", "signature-extra",
    "signature-invalid", "signature-missing", "signature-order", "signature-wrong-kind",
}  # fmt: skip


def _codes(module: str) -> set[str]:
    """Codes by position in what refuses or decides, and every other hyphenated word that stands alone as a string."""
    found: set[str] = set()
    tree = ast.parse((POLICY / f"{module}.py").read_text(encoding="utf-8"))
    docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DECIDERS:
            place = DECIDERS[node.func.id]
            if len(node.args) > place and isinstance(node.args[place], ast.Constant):
                found.add(str(node.args[place].value))
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id in ("why", "code") for t in node.targets
        ):
            found |= {str(c.value) for c in ast.walk(node.value) if isinstance(c, ast.Constant)}
        lone = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        if isinstance(node, ast.Constant) and lone and KEBAB.fullmatch(str(node.value)):
            found.add(str(node.value))
    return found - NOT_CODES


def _faults() -> set[str]:
    tree = ast.parse((POLICY / "members.py").read_text(encoding="utf-8"))
    returned = {
        n.value.value for n in ast.walk(tree) if isinstance(n, ast.Return) and isinstance(n.value, ast.Constant)
    }
    return {str(value) for value in returned if isinstance(value, str)}


@pytest.mark.parametrize("module", MODULES)
def test_every_code_of_the_policy_has_a_sentence_in_both_languages(module: str) -> None:
    missing = {code for code in _codes(module) if code not in SENTENCES}
    assert not missing


def test_codes_that_are_composed_have_a_sentence_too() -> None:
    assert len(_faults()) >= 9
    assert {prefix + fault for prefix in PREFIXES for fault in _faults()} <= SENTENCES.keys()


def test_codes_that_come_from_keys_have_a_sentence_too() -> None:
    assert SENTENCES.keys() >= OF_KEYS


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_both_languages_use_the_same_values_and_differ(code: str) -> None:
    german, english = SENTENCES[code]
    assert sorted(re.findall(r"{\w+}", german)) == sorted(re.findall(r"{\w+}", english))
    assert german != english
    assert not german.endswith(".") and not english.endswith(".")


def test_a_value_is_never_taken_for_a_format() -> None:
    assert "{0.__class__}" in explain("approver-not-candidate", ["{0.__class__}"], language="en")


def test_a_missing_value_and_an_unknown_code_do_not_stop_an_explanation() -> None:
    assert "?" in explain("label-not-allowed", ["company"], language="de")
    assert explain("from-the-future", language="de") == "from-the-future"


def test_names_stand_in_the_place_of_ids() -> None:
    decision = Decision(False, "R16", "named-person-without-key", ("AAAA",))
    assert "Zeynep Kaya" in explain_decision(decision, language="de", names={"AAAA": "Zeynep Kaya"})
