"""``--report`` and ``--pdf`` of ``exchange audit verify``: the report for people, HTML and PDF (``docs/spec/audit.md``).

What cannot be written is said before the verification begins: a file that is there, a PDF without the program that sets it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.cli.terminal import USAGE, CommandError, Terminal, write_new

if TYPE_CHECKING:
    from exchange.audit.facts import Collector
    from exchange.audit.report import Report
    from exchange.model.tlp import Label

REPORT_MODE = 0o600
"""A report names members: it is for whoever made it."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is to be written, and what gathers it while the bundle is verified (None: nothing is to be written)."""

    html: Path | None
    pdf: Path | None
    label: Label | None
    collector: Collector | None
    to_pdf: Callable[[str], bytes] | None

    def write(self, terminal: Terminal, folder: Path, report: Report) -> None:
        """Write the files; raises CommandError ``file_exists``, ``file_unwritable``."""
        if self.collector is None:
            return
        import time
        from importlib.metadata import PackageNotFoundError, version

        from exchange.audit.bundle import AuditBundle
        from exchange.audit.document import render

        try:
            program = f"tlp-exchange {version('tlp-exchange')}"
        except PackageNotFoundError:
            program = "tlp-exchange"
        text = render(
            report,
            self.collector,
            AuditBundle(folder),
            language=terminal.language,
            made=int(time.time()),
            version=program,
            label=self.label,
        )
        if self.html is not None:
            write_new(self.html, text.encode("utf-8"), mode=REPORT_MODE)
            terminal.say("audit_report_written", file=self.html)
        if self.pdf is not None and self.to_pdf is not None:
            with terminal.progress("progress_pdf"):
                pages = self.to_pdf(text)
            write_new(self.pdf, pages, mode=REPORT_MODE)
            terminal.say("audit_report_written", file=self.pdf)


def prepared(html: Path | None, pdf: Path | None, tlp: str | None) -> Written:
    """What the options ask for; raises CommandError ``file_exists``, ``pdf_unavailable``, ``bad_label``."""
    if html is None and pdf is None:
        if tlp is not None:
            raise CommandError("tlp_without_report", status=USAGE)
        return Written(None, None, None, None, None)
    from exchange.audit.facts import Collector

    for path in (html, pdf):
        if path is not None and path.exists():
            raise CommandError("file_exists", file=path)
    to_pdf: Callable[[str], bytes] | None = None
    if pdf is not None:
        try:
            from exchange.audit import pdf as setting

            to_pdf = setting.to_pdf
        except (ImportError, OSError):
            raise CommandError(
                "pdf_unavailable", hints=("hint_pdf_extra", "hint_pdf_libraries"), status=USAGE
            ) from None
    return Written(html, pdf, _label(tlp), Collector(), to_pdf)


def _label(tlp: str | None) -> Label | None:
    if tlp is None:
        return None
    from exchange.model.tlp import parse_label

    try:
        return parse_label(tlp)
    except ValueError:
        raise CommandError("bad_label", status=USAGE, label=tlp) from None
