"""The words of ``exchange audit verify --report`` and ``--pdf`` (see ``texts``)."""

from __future__ import annotations

# fmt: off
AUDIT_REPORT: dict[str, tuple[str, str]] = {
    "audit_report_written": ("Bericht geschrieben: {file}", "report written: {file}"),
    "progress_pdf": ("PDF wird gesetzt", "setting the PDF"),
    "pdf_unavailable": (
        "für ein PDF fehlt WeasyPrint oder eine Bibliothek des Systems; --report geht ohne",
        "a PDF needs WeasyPrint and libraries of the system; --report works without"),
    "hint_pdf_extra": ("pip install tlp-exchange[report]", "pip install tlp-exchange[report]"),
    "hint_pdf_libraries": (
        "auf Debian: apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core",
        "on Debian: apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"),
    "tlp_without_report": ("--tlp gehört zu --report oder --pdf", "--tlp belongs to --report or --pdf"),
}
"""Text key to (German, English)."""

HELP_AUDIT_REPORT: dict[str, tuple[str, str]] = {
    "opt_report": ("Bericht für Menschen, HTML, wird angelegt", "report for people, HTML, to create"),
    "opt_pdf": ("derselbe Bericht als PDF, wird angelegt", "the same report as PDF, to create"),
    "opt_report_tlp": (
        "Kennzeichnung des Berichts selbst, auf jeder Seite; ohne: keine",
        "label of the report itself, on every page; without it: none"),
}
"""Help key to (German, English)."""
# fmt: on
