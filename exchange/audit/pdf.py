"""The report's HTML as PDF, set by WeasyPrint (ADR 0017). Import it only where a PDF is wanted: it is an extra of its own.

Nothing is loaded: whatever the HTML referred to, the fetcher refuses.  Importing this module raises ImportError without WeasyPrint
and OSError without Pango, the system's library that it sets text with.
"""

from __future__ import annotations

from typing import NoReturn, cast

import weasyprint  # type: ignore[import-untyped]
from weasyprint.urls import URLFetcher  # type: ignore[import-untyped]


class _Nothing(URLFetcher):  # type: ignore[misc]  # untyped
    """Fetches nothing: a report refers to nothing outside itself."""

    def fetch(self, url: str, headers: object = None) -> NoReturn:
        """Refuse."""
        raise ValueError("a report refers to nothing outside itself")


def to_pdf(html: str) -> bytes:
    """The PDF of one report; the same HTML gives the same pages."""
    return cast(bytes, weasyprint.HTML(string=html, url_fetcher=_Nothing()).write_pdf())
