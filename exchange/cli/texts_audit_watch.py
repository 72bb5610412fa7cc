"""The words of the monitor, ``exchange audit watch``: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
AUDIT_WATCH: dict[str, tuple[str, str]] = {
    "monitoring": (
        "die Protokolle werden überwacht; Ctrl-C beendet",
        "the logs are being watched; Ctrl-C ends"),
    "monitor_high": ("ALARM", "ALARM"),
    "monitor_medium": ("Hinweis", "notice"),
    "hook_failed": (
        "{program} hat den Alarm {code} nicht angenommen ({reason}); es wird höchstens dreimal versucht",
        "{program} did not take the alarm {code} ({reason}); it is tried three times at most"),
}

HELP_AUDIT_WATCH: dict[str, tuple[str, str]] = {
    "audit_watch": (
        "Protokolle überwachen und Alarme melden, auch als JSON und an ein Programm",
        "watch the logs and tell alarms, also as JSON and to a program"),
    "opt_monitor_once": (
        "einmal nachsehen und enden: Status 0 nichts Neues, 3 Alarme, 1 Prüfung gescheitert oder nicht erreichbar",
        "look once and end: status 0 nothing new, 3 alarms, 1 not verified or not reachable"),
    "opt_hook": (
        "Programm, das jeden Alarm als eine Zeile JSON auf der Standardeingabe bekommt, ohne Shell und ohne Argumente",
        "program that gets each alarm as one line of JSON on its standard input, without a shell and without arguments"),
    "opt_hook_seconds": ("so lange darf es für einen Alarm brauchen", "how long it may take for one alarm"),
    "opt_silence": (
        "so lange dürfen Zeugen schweigen, zum Beispiel 15m",
        "how long witnesses may be silent, for example 15m"),
    "opt_grown": (
        "Alarm, wenn in 24 Stunden mehr Personen oder Geräte dazukamen",
        "alarm when more persons or devices than this came within 24 hours"),
    "opt_grown_percent": (
        "dasselbe in Prozent; zählt ab 6 Neuen",
        "the same per cent; counts from 6 newcomers on"),
}
