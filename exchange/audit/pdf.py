"""The report's HTML as PDF, set by WeasyPrint (ADR 0017). Import it only where a PDF is wanted: it is an extra of its own.

Nothing is loaded: whatever the HTML referred to, the fetcher refuses.  Importing this module raises ImportError without WeasyPrint
and OSError without Pango, the system's library that it sets text with.
"""

from __future__ import annotations

from typing import Any, NoReturn, cast

import weasyprint  # type: ignore[import-untyped]

PACKAGES = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fonts-dejavu-core")
"""What Debian calls the libraries and the font that it needs."""


def _refuse(url: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError("a report refers to nothing outside itself")


def to_pdf(html: str) -> bytes:
    """The PDF of one report; the same HTML gives the same pages."""
    document = weasyprint.HTML(string=html, url_fetcher=_refuse, base_url=None)
    return cast(bytes, document.write_pdf(uncompressed_pdf=False))
