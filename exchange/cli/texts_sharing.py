"""The words of passing on, history and coming back: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
SHARING: dict[str, tuple[str, str]] = {
    # -- passing on ----------------------------------------------------------------------------------------------------
    "field_given": ("weitergegeben von", "given by"),
    "given_by": ("weitergegeben von {name}", "given by {name}"),
    "given_unknown": ("einem Gerät, das Ihnen nicht gezeigt wird ({device})", "a device that you are not shown ({device})"),
    "share_may": ("Weitergabe möglich an {number} Personen:", "may be given to {number} persons:"),
    "share_may_not": ("nicht an {number} Personen:", "not to {number} persons:"),
    "share_known": (
        "genannt sind die Personen, die Ihnen die Teilnehmerliste zeigt",
        "named are the persons that the registry shows you"),
    "ask_share": (
        "{label}: an {number} Personen mit {devices} Geräten weitergeben?",
        "{label}: give it to {number} persons with {devices} devices?"),
    "share_done": ("weitergegeben an {name}, Gerät {device}", "given to {name}, device {device}"),
    "share_left": ("nicht weitergegeben an Gerät {device}: {reason}", "not given to device {device}: {reason}"),
    "share_nobody": ("es gibt niemanden, dem die Meldung noch fehlt", "there is nobody who lacks the alert"),
    "share_which": (
        "genau eines von --who, --to und --newcomers angeben",
        "give exactly one of --who, --to and --newcomers"),
    "share_refused": (
        "die Meldung darf {name} nicht gegeben werden ({rule}): {reason}",
        "the alert may not be given to {name} ({rule}): {reason}"),
    "hint_share_who": ("exchange share {id} --who zeigt, wem und warum", "exchange share {id} --who shows to whom and why"),
    "share_stays": (
        "die Weitergabe steht mit Ihrer Unterschrift im Journal; zurückholen lässt sie sich nicht",
        "that you gave it stands in the journal with your signature; it cannot be taken back"),
    "code_content-key-missing": (
        "der Schlüssel dieser Meldung liegt auf diesem Gerät nicht mehr",
        "the content key of this alert is not on this device any more"),
    "code_grant-withheld": ("eine Weitergabe an dieses Gerät wird vorenthalten", "a grant for this device is withheld"),
    "code_grant-limit": (
        "dieses Gerät hat heute zu oft weitergegeben; bitte morgen fortsetzen",
        "this device gave on too often today; go on tomorrow"),
    # -- history -------------------------------------------------------------------------------------------------------
    "progress_history": ("Meldungen neu verschlüsseln", "sealing alerts again"),
    "history_done": (
        "{number} Meldungen für {name}, Gerät {device}, neu verschlüsselt",
        "{number} alerts sealed again for {name}, device {device}"),
    "history_left": ("nicht neu verschlüsselt: {number}", "not sealed again: {number}"),
    "ask_history": (
        "{number} Meldungen für {name}, Gerät {device}, neu verschlüsseln?",
        "seal {number} alerts again for {name}, device {device}?"),
    "history_here": ("das ist dieses Gerät selbst", "that is this device itself"),
    # -- coming back ---------------------------------------------------------------------------------------------------
    "returned": (
        "dieses Gerät war zuletzt am {when} hier; neu geöffnet: {got}, verpasst: {missed}, nicht mehr zu öffnen: {closed}",
        "this device was last here on {when}; opened now: {got}, missed: {missed}, can no longer be opened: {closed}"),
    "returned_missed": (
        "verpasst, weil dieses Gerät damals keinen gültigen Schlüssel hatte:",
        "missed, because this device had no usable key at the time:"),
    "returned_closed": (
        "nicht mehr zu öffnen, weil der Schlüssel dieser Woche nicht mehr auf dem Gerät ist:",
        "can no longer be opened, because the key of that week is not on this device any more:"),
    "returned_keys": (
        "neue Wochenschlüssel sind veröffentlicht; Meldungen von jetzt an erreichen dieses Gerät",
        "new weekly keys are published; alerts from now on reach this device"),
    "hint_history": (
        "wer sie in Ihrer Organisation hat, verschlüsselt sie neu: exchange history {device}",
        "whoever in your organisation has them seals them again: exchange history {device}"),
    "hint_new_device": (
        "was für verlorene Schlüssel verschlüsselt ist, erhält nur ein neues Gerät: exchange join, dann exchange history",
        "what is sealed to lost keys only a new device is given: exchange join, then exchange history"),
    "count_closed": (
        "{number} Meldungen sind für Schlüssel verschlossen, die dieses Gerät nicht mehr hat",
        "{number} alerts are sealed to keys that this device has no longer"),
}
"""Text key to (German, English)."""

HELP_SHARING: dict[str, tuple[str, str]] = {
    "share": ("Meldung weitergeben, und zeigen, wem das erlaubt ist", "give an alert on, and show to whom that is allowed"),
    "history": ("Meldungen für ein neues Gerät neu verschlüsseln", "seal alerts again for a new device"),
    "opt_share_who": (
        "nur zeigen, wem sie gegeben werden darf und wem nicht",
        "only show to whom it may be given, and to whom not"),
    "opt_share_to": ("Person; mehrfach", "person; repeat it"),
    "opt_share_newcomers": (
        "allen, die inzwischen zum Empfängerkreis gehören (für Verfasser)",
        "everybody who is in the audience by now (for authors)"),
    "opt_share_permission": ("Kennung der Antwort, die es erlaubt", "id of the answer that permits it"),
}
"""Help key to (German, English)."""
# fmt: on
