"""The public pages' words in German and English, and their dates. TLP labels are never translated."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LANGUAGES: Final = ("de", "en")
"""German first."""

TEXTS: Final[dict[str, dict[str, str]]] = {
    "de": {
        "advice": "Was ist zu tun",
        "all": "Alle öffentlichen Meldungen",
        "all_clear": "Entwarnung: Die Lage, vor der diese Meldung warnte, ist vorbei.",
        "attachments": "Anlagen",
        "certainty": "Gewissheit",
        "changed": "Geändert",
        "contact": "Kontakt",
        "empty": "Zurzeit gibt es keine öffentlichen Meldungen.",
        "evidence": (
            "Nachweis (JSON): unterschriebene Meldung, Journaleintrag, Einschlussbeweis, Prüfpunkte und die "
            "Einträge der Teilnehmerliste zu Verfasser und Freigebenden"
        ),
        "evidence_short": "Nachweis",
        "exercise": "ÜBUNG – keine echte Meldung",
        "exchange": "Austauschplattform",
        "feeds": "Feeds",
        "expired": "Die Gültigkeit dieser Meldung ist abgelaufen.",
        "heading": "Öffentliche Meldungen",
        "index": "Eintrag im Journal",
        "issuer": "Herausgegeben von",
        "kind": "Art",
        "language": "Sprache",
        "newest": "Zur neuesten Fassung",
        "newest_hidden": "Die neueste ist nicht öffentlich.",
        "number": "Nummer",
        "older": "Ältere Meldungen",
        "organisation": "Organisation",
        "other": "English",
        "outdated": "Dies ist eine ältere Fassung.",
        "place": "Ort",
        "published": "Erstellt",
        "severity": "Schwere",
        "size": "Byte",
        "skip": "Zum Inhalt",
        "statement": "Kennung der Meldung",
        "unreadable": "Meldung ohne lesbaren Inhalt",
        "urgency": "Dringlichkeit",
        "valid_until": "Gültig bis",
        "version": "Fassung",
        "verify": "So prüfen Sie diese Meldung",
        "verify_text": (
            "Diese Seite selbst beweist nichts. Der folgende Befehl prüft auf Ihrem Rechner die Unterschriften (Ed25519 und "
            "ML-DSA-65), den Journaleintrag, den Weg von ihm zum Prüfpunkt und die Einträge der Teilnehmerliste, nach denen "
            "Verfasser und Freigebende zugelassen waren. Die Kennung der Austauschplattform sollten Sie von anderer Stelle kennen."
        ),
        "verify_limit": (
            "Nicht beweisbar ist für Besucher, dass in der Teilnehmerliste kein späterer Eintrag steht, zum Beispiel die Sperrung "
            "eines Geräts vor der Meldung, und dass es keine neuere Fassung der Meldung gibt: Das prüfen die Mitglieder."
        ),
        "withdrawn": "Diese Meldung wurde zurückgezogen und gilt nicht mehr.",
    },
    "en": {
        "advice": "What to do",
        "all": "All public alerts",
        "all_clear": "All-clear: what this alert warned of is over.",
        "attachments": "Attachments",
        "certainty": "Certainty",
        "changed": "Changed",
        "contact": "Contact",
        "empty": "There are no public alerts at present.",
        "evidence": (
            "Evidence (JSON): signed alert, journal entry, inclusion proof, checkpoints, and the registry statements about "
            "author and approvers"
        ),
        "evidence_short": "Evidence",
        "exercise": "EXERCISE – not a real alert",
        "exchange": "Exchange",
        "feeds": "Feeds",
        "expired": "This alert is no longer valid.",
        "heading": "Public alerts",
        "index": "Entry in the journal",
        "issuer": "Issued by",
        "kind": "Kind",
        "language": "Language",
        "newest": "To the newest version",
        "newest_hidden": "The newest one is not public.",
        "number": "Number",
        "older": "Older alerts",
        "organisation": "Organisation",
        "other": "Deutsch",
        "outdated": "This is an older version.",
        "place": "Place",
        "published": "Prepared",
        "severity": "Severity",
        "size": "bytes",
        "skip": "Skip to content",
        "statement": "Statement id",
        "unreadable": "Alert without readable content",
        "urgency": "Urgency",
        "valid_until": "Valid until",
        "version": "Version",
        "verify": "How to verify this alert",
        "verify_text": (
            "This page by itself proves nothing. The following command checks on your own computer the signatures (Ed25519 "
            "and ML-DSA-65), the journal entry, the path from it to the checkpoint, and the registry statements by which "
            "author and approvers were admitted. You should know the exchange's id from somewhere else."
        ),
        "verify_limit": (
            "What a visitor cannot prove: that the registry holds no later statement, for example that a device was revoked "
            "before the alert, and that there is no newer version of the alert. Members check that."
        ),
        "withdrawn": "This alert was withdrawn and no longer holds.",
    },
}

_WORDS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "kind": {
        "all-clear": ("Entwarnung", "All-clear"),
        "event": ("Veranstaltung", "Event"),
        "incident.it": ("Vorfall (IT)", "Incident (IT)"),
        "incident.physical": ("Vorfall (vor Ort)", "Incident (physical)"),
        "request": ("Ersuchen", "Request"),
        "situation": ("Lage", "Situation report"),
        "threat": ("Bedrohung oder Vorgehensweise", "Threat or way of working"),
        "vulnerability": ("Schwachstelle", "Vulnerability"),
        "wanted": ("Gesucht", "Wanted"),
    },
    "urgency": {
        "expected": ("demnächst", "expected"),
        "future": ("künftig", "future"),
        "immediate": ("sofort", "immediate"),
        "past": ("vorbei", "past"),
        "unknown": ("unbekannt", "unknown"),
    },
    "severity": {
        "extreme": ("äußerst schwer", "extreme"),
        "minor": ("gering", "minor"),
        "moderate": ("mittel", "moderate"),
        "severe": ("schwer", "severe"),
        "unknown": ("unbekannt", "unknown"),
    },
    "certainty": {
        "likely": ("wahrscheinlich", "likely"),
        "observed": ("beobachtet", "observed"),
        "possible": ("möglich", "possible"),
        "unknown": ("unbekannt", "unknown"),
        "unlikely": ("unwahrscheinlich", "unlikely"),
    },
}

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def _zone() -> tzinfo:
    """The partnership's time; UTC, and named so, on a system without time zones."""
    try:
        return ZoneInfo("Europe/Berlin")
    except ZoneInfoNotFoundError:
        return UTC


_ZONE: Final = _zone()
LAST_DATE: Final = 253_370_764_800
"""Seconds; 1 January 9999. Times may lie beyond what calendars of the standard library hold."""


def word(language: str, field: str, value: str) -> str:
    """A field's value for people."""
    return _WORDS[field][value][LANGUAGES.index(language)]


def date_time(language: str, seconds: int) -> str:
    """A time for people: ``22.11.2026, 17:00 Uhr`` or ``22 November 2026, 17:00 CET``."""
    moment = datetime.fromtimestamp(min(seconds, LAST_DATE), _ZONE)
    if language == "de":
        return moment.strftime("%d.%m.%Y, %H:%M Uhr") + (" (UTC)" if _ZONE is UTC else "")
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M} {moment.tzname()}"
