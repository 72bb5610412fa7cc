"""The pages say what the code does: codes, commands, options, routes and files that they name exist, and none is left out."""

import re
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from exchange.cli.__main__ import build
from exchange.policy.explain import SENTENCES
from exchange.web.routes import ROUTES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# A decision record says what was so then.
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "adr")
PAGES += [ROOT / "README.md", ROOT / "keys" / "README.md", ROOT / "deploy" / "README.md"]
OWN_FILE = re.compile(r"`((?:exchange|tests|deploy|docs)/[\w./-]*|keys/(?:\w+\.(?:py|md))?)`")
"""A file or folder of this project, named in a text; ``keys/`` is a folder of an auditor's bundle as well."""
ROUTE = re.compile(r"`(DELETE|GET|HEAD|PATCH|POST|PUT) (/[^`?]*)[^`]*`")


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def using() -> str:
    """All pages of the users, one after another."""
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted((DOCS / "using").glob("*.md")))


@cache
def commands() -> dict[str, set[str]]:
    """Every command by its words, with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        children = getattr(command, "commands", None)
        if children:
            for name, child in children.items():
                walk(child, (*words, name))
        else:
            found[" ".join(words)] = {option for parameter in command.params for option in parameter.opts}

    walk(get_command(build()), ())
    return found


def calls() -> list[tuple[str, str]]:
    """Each call of `exchange` in the code blocks of docs/using: (command's words, the whole line without its comment)."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```", using(), flags=re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("exchange "):
                call = re.split(r"\s+#\s|\s>\s", line)[0].strip().removeprefix("exchange ")
                words = call.split()
                grouped = " ".join(words[:2])
                found.append((grouped if grouped in commands() else words[0], call))
    return found


def test_reason_codes_page_is_the_table_of_the_code() -> None:
    page = runpy.run_path(str(DOCS / "tools" / "reason_codes.py"))["page"]()
    assert read("reason-codes.md") == page, "run: make reasons"
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, flags=re.MULTILINE)) == SENTENCES.keys()


def test_every_command_has_a_place_in_using() -> None:
    assert {command for command, _ in calls()} == commands().keys()


def test_using_gives_commands_no_option_that_they_do_not_have() -> None:
    for command, call in calls():
        assert set(re.findall(r"(?<!\S)--[a-z-]+", call)) <= commands()[command], call


def test_every_code_that_using_explains_is_given_somewhere() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "exchange").rglob("*.py")))
    for code in re.findall(r"`\[([a-z-]+)\]`", using()):
        assert f'"{code}"' in sources or f'"{code.replace("-", "_")}"' in sources, code


def test_interface_names_every_route_and_no_other() -> None:
    def plain(path: str) -> str:
        return re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", path)

    table = [line for line in read("spec/interface.md").splitlines() if line.startswith("| `")]
    said = {route for line in table for route in ROUTE.findall(line.split(" | ")[0])}
    assert said == {(route.method, plain(route.path)) for route in ROUTES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    missing = [name for name in OWN_FILE.findall(page.read_text(encoding="utf-8")) if not (ROOT / name).exists()]
    assert not missing
