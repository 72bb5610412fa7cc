"""The hash-locked requirement files: complete, consistent, and silent about where packages come from."""

import re
import tomllib
from pathlib import Path

import pytest

from exchange.cli.texts_audit_report import AUDIT_REPORT

ROOT = Path(__file__).parents[2]
LOCKS = ("bare", "build", "runtime", "report", "dev")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ;\\]+)", re.MULTILINE)


def text(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")


def pins(lock: str) -> set[tuple[str, str]]:
    """Name and version; a package may be pinned twice, for older and newer Pythons."""
    return {(found["name"], found["version"]) for found in PIN.finditer(text(lock))}


def names(lock: str) -> set[str]:
    return {name for name, _ in pins(lock)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str):
    requirements = re.split(r"\n(?=[a-z0-9])", "\n" + re.sub(r"^ *#.*\n", "", text(lock), flags=re.MULTILINE))
    blocks = [block for block in requirements if block.strip()]
    assert blocks
    for block in blocks:
        assert PIN.match(block.lstrip()) and "--hash=sha256:" in block, block


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_file_names_a_host_or_a_path_of_a_machine(lock: str):
    assert not re.search(r"https?:|file:|@ |index-url|find-links|(^|\s)/", text(lock), re.MULTILINE)


@pytest.mark.parametrize(("smaller", "larger"), [("bare", "runtime"), ("runtime", "report"), ("report", "dev")])
def test_a_larger_install_pins_the_same_versions(smaller: str, larger: str):
    assert pins(smaller) <= pins(larger)


def test_the_bare_install_is_cryptography_and_pynacl_and_what_they_need():
    assert names("bare") == {"cffi", "cryptography", "pycparser", "pynacl"}


def test_every_direct_dependency_of_the_product_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        re.split(r"[\[<>=; ]", requirement)[0].lower()
        for requirement in project["dependencies"] + extras["server"] + extras["member"]
    }
    assert wanted <= names("runtime")


def test_the_extra_for_reports_is_locked_and_no_other_install_has_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[<>=]", one)[0] for one in project["optional-dependencies"]["report"]}
    assert wanted == {"weasyprint"}
    assert wanted <= names("report") and not wanted & names("runtime")


def test_no_licence_that_the_project_refuses_is_locked():
    assert not {"psycopg", "jwcrypto", "fpdf2", "pygal"} & names("dev")


def test_the_list_of_licences_names_every_locked_package_with_its_version():
    rows = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8").splitlines()
    listed = {tuple(cell.strip() for cell in row.split("|")[1:3]) for row in rows if row.startswith("| ")}
    locked = set().union(*(pins(lock) for lock in LOCKS))
    assert locked == {row for row in listed if row[0] != "package"}


def test_the_packages_of_debian_that_a_pdf_needs_are_those_that_the_command_names():
    lines = (ROOT / "tests" / "packages.debian").read_text(encoding="utf-8").splitlines()
    listed = {line.split("#")[0].strip() for line in lines} - {""}
    hint = AUDIT_REPORT["hint_pdf_libraries"][1]
    assert set(hint.partition("apt install ")[2].split()) <= listed
    assert all(line.count("#") == 1 for line in lines)
