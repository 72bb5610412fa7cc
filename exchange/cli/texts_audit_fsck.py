"""The words of ``audit fsck``: German and English (see ``texts``)."""

# fmt: off
AUDIT_FSCK: dict[str, tuple[str, str]] = {
    "progress_fsck": ("Daten des Servers prüfen", "checking the server's data"),
    "fsck_rebuild": ("Tabellen aus den Protokollen neu bauen", "rebuilding the tables from the logs"),
    "fsck_ok": ("Daten in Ordnung: {exchange}", "data in order: {exchange}"),
    "fsck_wrong": ("Daten nicht in Ordnung: {exchange}", "data not in order: {exchange}"),
    "fsck_no_head": (
        "die Kopfdatei wurde nicht verglichen; --config oder --head-file nennt sie",
        "the head file was not compared; --config or --head-file names it"),
    "fsck_incomplete": (
        "die Tabellen wurden nicht verglichen: die Protokolle lassen sich nicht zu Ende nachvollziehen",
        "the tables were not compared: the logs cannot be replayed to their end"),
    "head_table": ("Tabelle", "table"),
    "head_rows": ("Zeilen", "rows"),
    "head_key": ("Schlüssel", "key"),
    "code_projection-missing": ("eine Zeile fehlt, die aus den Protokollen folgt", "a row that follows from the logs is missing"),
    "code_projection-extra": ("eine Zeile folgt nicht aus den Protokollen", "a row does not follow from the logs"),
    "code_projection-differs": ("eine Zeile ist anders, als die Protokolle sagen", "a row is other than the logs have it"),
    "code_projection-unbuildable": (
        "ab diesem Eintrag lassen sich die Tabellen nicht neu bauen",
        "from this entry on the tables cannot be rebuilt"),
    "code_blob-differs": ("ein Datenblock hat einen anderen Inhalt", "a blob has other content"),
    "code_head-ahead": (
        "die Kopfdatei ist weiter als die Daten: eine alte Sicherung",
        "the head file is ahead of the data: an old backup"),
    "code_head-missing": ("die Kopfdatei fehlt", "the head file is missing"),
    "code_head-unreadable": ("die Kopfdatei ist nicht lesbar", "the head file cannot be read"),
    "code_store-missing": ("hier liegen keine Daten eines Servers", "there is no server's data here"),
    "code_store-foreign": ("das ist nicht die Datenbank dieses Programms", "this is not this program's database"),
    "code_store-newer": ("die Daten sind von einer neueren Version", "the data is of a newer version"),
}
"""Text key to (German, English)."""

HELP_AUDIT_FSCK: dict[str, tuple[str, str]] = {
    "audit_fsck": (
        "die eigenen Daten des Servers prüfen: Protokolle, Tabellen, Datenblöcke; liest nur",
        "check the server's own data: logs, tables, blobs; reads only"),
    "arg_data": ("Datenordner des Servers; ohne: der Konfiguration", "the server's data folder; without it: the configuration's"),
    "opt_head_file": ("Kopfdatei; ohne: die der Konfiguration", "head file; without it: the configuration's"),
}
"""The same of the help texts."""
# fmt: on
