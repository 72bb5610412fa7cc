"""Sphinx configuration: MyST Markdown, furo; version from pyproject.toml. Built by `make docs`, where a warning fails."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "tlp-exchange"
author = "the tlp-exchange authors"
copyright = "2026 the tlp-exchange authors; Apache License 2.0"
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser"]
myst_heading_anchors = 3

# Example warnings are input of the demo, not pages.
exclude_patterns = ["examples", "tools"]

html_theme = "furo"
html_title = f"tlp-exchange {version}"
html_show_sphinx = False
html_copy_source = False
