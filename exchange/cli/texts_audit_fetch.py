"""The words of ``audit fetch`` and of exports from the copy: German and English (see ``texts``)."""

# fmt: off
AUDIT_FETCH: dict[str, tuple[str, str]] = {
    "progress_fetch": ("Protokolle holen", "fetching the logs"),
    "audit_fetched": (
        "geholt: Teilnehmerliste {registry}, Journal {journal}; neu {statements} Erklärungen, {leaves} Empfängerlisten",
        "fetched: registry {registry}, journal {journal}; new: {statements} statements, {leaves} leaf lists"),
    "hint_audit_offline": (
        "exchange audit export --offline --out ORDNER schreibt daraus ein Prüfpaket",
        "exchange audit export --offline --out DIR writes a bundle from it"),
    "code_not-fetched": (
        "es wurde noch nichts zu Ende geholt; bitte zuerst exchange audit fetch",
        "nothing was fetched to its end yet; run exchange audit fetch first"),
    "code_copy-damaged": (
        "die eigene Kopie auf diesem Rechner wurde verändert; exchange audit fetch holt, was fehlt ({detail})",
        "the own copy on this machine was changed; exchange audit fetch brings what is missing ({detail})"),
}
"""Text key to (German, English)."""

HELP_AUDIT_FETCH: dict[str, tuple[str, str]] = {
    "audit_fetch": (
        "Protokolle und Erklärungen in die eigene Kopie holen; nur was fehlt",
        "bring logs and statements into the own copy; only what is missing"),
    "opt_audit_offline": (
        "ohne Netz, aus dem zuletzt Geholten",
        "without the network, from what was fetched last"),
}
"""The same of the help texts."""
# fmt: on
