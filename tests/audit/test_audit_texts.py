"""The auditor's texts: every step and every code has its words in German and English."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import exchange.audit.texts
from exchange.audit.report import STEPS, Totals
from exchange.audit.texts import CODES, TOLD, TOTALS, code_text, step_title, told
from exchange.policy import explain

PACKAGE = Path(exchange.audit.texts.__file__).parent
SPEC = Path(__file__).parents[2] / "docs" / "spec" / "audit.md"
SAYS_A_CODE = {"refuse", "notice", "AlertRefusal", "BundleError", "no"}
CODE = re.compile(r"[a-z]+(-[a-z]+)+|rejected")


def used_codes() -> set[str]:
    """Codes that stand as constants in the package's calls."""
    found: set[str] = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                for argument in node.args[:2] if name in SAYS_A_CODE else ():
                    if isinstance(argument, ast.Constant) and CODE.fullmatch(str(argument.value)):
                        found.add(str(argument.value))
    return found


def test_every_step_has_its_title_in_both_languages() -> None:
    for number in STEPS:
        assert step_title(number, "de") != step_title(number, "en")


def test_the_specification_has_the_same_ten_steps() -> None:
    numbers = re.findall(r"^(\d+)\. \*\*", SPEC.read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number in numbers] == list(STEPS)


def test_every_code_has_words_in_both_languages() -> None:
    codes = used_codes()
    assert {"tile-differs", "receipt-without-leaf", "emergency-unreviewed"} <= codes | set(CODES)
    explained = Path(explain.__file__).read_text("utf-8")
    missing = {code for code in codes if code not in CODES and f'"{code}"' not in explained}
    assert not missing
    assert all(code_text(code, "de") and code_text(code, "en") for code in CODES)
    assert code_text("no-such-code", "de") is None


def test_every_total_has_a_name_in_both_languages() -> None:
    assert TOTALS.keys() == set(Totals.__slots__)
    assert all(german and english for german, english in TOTALS.values())


def test_what_a_finding_tells_takes_the_same_values_in_both_languages() -> None:
    for form, (german, english) in TOLD.items():
        names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (german, english)]
        assert names[0] == names[1] - {"log"}, form
        assert told(form, [(name, "7") for name in names[1]], "de") != told(
            form, [(name, "7") for name in names[1]], "en"
        )


def test_every_notice_of_the_audit_is_told_in_both_languages() -> None:
    source = "\n".join(file.read_text("utf-8") for file in PACKAGE.glob("*.py"))
    noticed = set(re.findall(r'(?:notice|tell)\(\s*(?:\d+, )?"([a-z-]+)"', source))
    assert noticed and noticed <= TOLD.keys()
    forms = {form.removesuffix("-never").removesuffix("-since") for form in TOLD}
    assert forms == noticed
