"""The words of ``exchange retention``: German and English (see ``texts``)."""

# fmt: off
RETENTION: dict[str, tuple[str, str]] = {
    "retention_off": (
        "Empfangsbestätigungen werden unbegrenzt aufbewahrt ([retention] receipts_days = 0)",
        "receipts are kept for ever ([retention] receipts_days = 0)"),
    "retention_due": (
        "{count} Erklärungen über Empfang sind älter als {days} Tage; ihre Einträge bleiben, was sie besagten, auch",
        "{count} statements of receipts are older than {days} days; their entries stay, and what they said"),
    "retention_done": (
        "{count} Erklärungen über Empfang gelöscht, älter als {days} Tage",
        "{count} statements of receipts erased, older than {days} days"),
    "retention_confirm": ("jetzt löschen", "erase them now"),
    "hint_retention": (
        "der laufende Server löscht sie beim Start und einmal am Tag selbst",
        "the running server erases them by itself, at its start and once a day"),
    "code_store-in-use": (
        "der Server läuft auf diesen Daten; er löscht selbst, --dry-run zählt nur",
        "the server runs on this data; it erases by itself, --dry-run only counts"),
    "code_statement-erased": (
        "diese Erklärung wurde nach Ablauf der Aufbewahrung gelöscht; ihr Eintrag bleibt",
        "this statement was erased by retention; its entry stays"),
}
"""Text key to (German, English)."""

HELP_RETENTION: dict[str, tuple[str, str]] = {
    "retention": (
        "alte Empfangsbestätigungen löschen, oder zählen, was zu löschen ist",
        "erase old receipts, or count what would go"),
    "opt_dry_run": ("nur zählen, nichts löschen", "count only, erase nothing"),
}
"""The same of the help texts."""
# fmt: on
