"""What a fresh interpreter really loads.

import-linter reads import statements; it does not see a re-export in a package's `__init__`, nor what is
imported by name at run time. These tests look at `sys.modules` instead (design §7, I1).
"""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HOLDS_SECRETS_OF_MEMBERS = {
    "keys.device",
    "keys.grant",
    "keys.keyfile",
    "keys.message",
    "keys.registrar",
    "keys.rotation",
    "keys.seal",
    "keys.unseal",
    "keys.witness",
    "keys.words",
}
MEMBER_STACK = {"exchange.client", "exchange.audit", "exchange.mirror", "exchange.witness"}
SLOW_TO_LOAD = {"aiohttp", "cryptography", "jinja2", "pydantic", "sqlalchemy"}
FACE = Path("exchange/client")
"""The one package whose names programs import from the package itself (ADR 0013); the server cannot reach it at all."""
BARE_INSTALL = {"_cffi_backend", "_openssl", "_sodium", "cffi", "cryptography", "keys", "nacl"}


def loaded_by(statement: str) -> set[str]:
    """The names in `sys.modules` after `statement` ran in an interpreter of its own."""
    program = (
        f"import json, sys\nbefore = set(sys.modules)\n{statement}\nprint(json.dumps([*(set(sys.modules) - before)]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


def test_i1_the_server_loads_no_module_that_decrypts_or_holds_a_members_key():
    loaded = loaded_by("import exchange.web.app")
    assert "exchange.web.app" in loaded
    assert not loaded & HOLDS_SECRETS_OF_MEMBERS


def test_the_server_loads_nothing_of_the_members_side():
    loaded = loaded_by("import exchange.web.app")
    assert not {name for name in loaded if ".".join(name.split(".")[:2]) in MEMBER_STACK}


def test_the_command_line_starts_without_loading_what_is_slow():
    loaded = loaded_by("import exchange.cli.__main__")
    assert not {name.partition(".")[0] for name in loaded} & SLOW_TO_LOAD


def test_the_offline_registrar_loads_nothing_beyond_the_bare_install():
    loaded = {name.partition(".")[0] for name in loaded_by("import keys.__main__")}
    foreign = {name for name in loaded if name not in sys.stdlib_module_names and not name.startswith("_cython")}
    assert foreign <= BARE_INSTALL


def test_importing_the_keys_package_alone_loads_none_of_its_modules():
    assert {name for name in loaded_by("import keys") if name.startswith("keys")} == {"keys"}


@pytest.mark.parametrize(
    "init",
    [
        path.relative_to(ROOT).as_posix()
        for top in ("keys", "exchange")
        for path in ROOT.glob(f"{top}/**/__init__.py")
        if path != ROOT / FACE / "__init__.py"
    ],
)
def test_a_packages_init_holds_its_docstring_and_re_exports_nothing(init: str):
    tree = ast.parse((ROOT / init).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) and len(tree.body) == 1


def test_the_clients_face_loads_nothing_before_a_name_is_asked_for():
    package = FACE.as_posix().replace("/", ".")
    assert {name for name in loaded_by(f"import {package}") if name.startswith("exchange.")} == {package}
    errors = {name for name in loaded_by(f"from {package} import Refused") if name.startswith(f"{package}.")}
    assert errors == {f"{package}.errors"}


def test_the_clients_face_names_what_its_table_names():
    program = (
        "import exchange.client as f; assert sorted(f._HOME) == f.__all__ and all(getattr(f, n) for n in f.__all__)"
    )
    loaded_by(program)


def test_every_room_of_the_house_is_named_in_the_import_contracts():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = " ".join(layer for contract in contracts for layer in contract.get("layers", []))
    rooms = {f"exchange.{path.parent.name}" for path in (ROOT / "exchange").glob("*/__init__.py")}
    rooms |= {f"exchange.{path.stem}" for path in (ROOT / "exchange").glob("[!_]*.py")}
    assert rooms <= set(layers.translate(str.maketrans("()|:", "    ")).split())
