"""The words around alerts, audits and error codes: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
ALERTS: dict[str, tuple[str, str]] = {
    # -- alerts --------------------------------------------------------------------------------------------------------
    "banner_exercise": ("ÜBUNG – ÜBUNG – ÜBUNG", "EXERCISE – EXERCISE – EXERCISE"),
    "exercise": ("ÜBUNG", "EXERCISE"),
    "field_number": ("Nummer", "number"),
    "field_kind": ("Art", "kind"),
    "field_from": ("von", "from"),
    "field_approved": ("freigegeben von", "approved by"),
    "field_published": ("veröffentlicht", "published"),
    "field_valid": ("gültig bis", "valid until"),
    "field_acknowledge": ("bestätigen bis", "acknowledge by"),
    "field_cap": ("Einschätzung", "assessment"),
    "field_audience": ("Empfängerkreis", "audience"),
    "field_recipients": ("Empfängergeräte", "recipients' devices"),
    "field_why": ("warum Sie", "why you"),
    "field_place": ("Ort", "place"),
    "field_contact": ("Kontakt", "contact"),
    "field_attachments": ("Anlagen", "attachments"),
    "field_title": ("Titel", "title"),
    "field_label": ("TLP", "TLP"),
    "field_id": ("Kennung", "id"),
    "verified_by": (
        "geprüft: Absender, Freigabe, Empfängerkreis und Protokoll",
        "verified: sender, approval, audience and log"),
    "none_expired": ("abgelaufen", "expired"),
    "audience_everyone": ("alle", "everyone"),
    "audience_organisations": ("Organisationen", "organisations"),
    "audience_circles": ("Arbeitskreise", "circles"),
    "audience_sectors": ("Branchen", "sectors"),
    "audience_areas": ("Gebiete", "areas"),
    "audience_topics": ("Themen", "topics"),
    "audience_persons": ("Personen", "persons"),
    "audience_public": ("öffentlich", "public"),
    "count_of": (
        "Sie haben {have} von {all} an Sie gerichteten Meldungen",
        "you have {have} of {all} alerts addressed to you"),
    "count_keyless": (
        "{number} Meldungen kamen, als dieses Gerät keinen gültigen Schlüssel hatte, und bleiben verschlossen",
        "{number} alerts came while this device had no usable key, and stay sealed"),
    "count_unread": ("ungelesen: {unread}", "unread: {unread}"),
    "count_failed": ("{number} Meldungen konnten nicht geprüft werden:", "{number} alerts could not be verified:"),
    "checked_at": (
        "zuletzt geprüft: {at}, Journal {journal}, Teilnehmerliste {registry}",
        "last checked: {at}, journal {journal}, registry {registry}"),
    "resting": (
        "die Börse liefert nichts Neues: {reason} [{code}]; was schon empfangen ist, bleibt lesbar",
        "the exchange hands out nothing new: {reason} [{code}]; what was received stays readable"),
    "offline": (
        "ohne Verbindung: gezeigt wird der Stand der letzten Prüfung",
        "offline: this is the state of the last check"),
    "inbox_empty": ("keine Meldungen", "no alerts"),
    "alert_unknown": ("es gibt keine Meldung {id}", "there is no alert {id}"),
    "alert_ambiguous": ("mehrere Meldungen passen zu {id}", "several alerts match {id}"),
    "hint_alert_id": (
        "Nummer, oder der Anfang der Kennung aus exchange inbox",
        "the number, or the beginning of the id from exchange inbox"),
    "read_tells": (
        "die absendende Organisation erfährt: {organisation} hat gelesen{person}; der Betreiber sieht: dieses Gerät, "
        "diese Meldung, die Uhrzeit",
        "the sender learns: {organisation} has read it{person}; the operator sees: this device, this alert, the time"),
    "read_tells_person": (" ({name} persönlich, weil TLP:RED)", " ({name} in person, because of TLP:RED)"),
    "ack_done": ("Lesebestätigung gesendet: {title}", "read receipt sent: {title}"),
    "ack_later": (
        "die Lesebestätigung folgt mit der nächsten Verbindung: {title}",
        "the read receipt follows with the next connection: {title}"),
    "ack_already": ("schon bestätigt: {title}", "confirmed before: {title}"),
    "ack_public": ("TLP:CLEAR wird nicht bestätigt", "TLP:CLEAR takes no receipt"),
    "saved": ("gespeichert: {file}", "saved: {file}"),
    "watching": ("warte auf Meldungen; Strg-C beendet", "waiting for alerts; Ctrl-C ends"),
    "new_alert": ("Neue Meldung", "new alert"),

    # -- publishing ----------------------------------------------------------------------------------------------------
    "preview_receives": (
        "erhalten die Meldung: {persons} Personen mit {devices} Geräten",
        "receive the alert: {persons} persons with {devices} devices"),
    "preview_left_out": ("erhalten sie nicht: {persons} Personen", "do not receive it: {persons} persons"),
    "preview_keyless": (
        "ohne gültigen Schlüssel, erhalten nur den Hinweis, dass es die Meldung gibt:",
        "without a usable key; they only learn that the alert exists:"),
    "preview_ending": ("Schlüssel enden in weniger als 8 Wochen:", "keys end within 8 weeks:"),
    "preview_without_device": (
        "ohne eingetragenes Gerät, werden nicht erreicht:",
        "without any device; they are not reached:"),
    "preview_nameless": ("ohne Namen in der Teilnehmerliste:", "without a name in the registry:"),
    "preview_approvals": (
        "nötige Freigaben: {number}; vorgelegt wird sie: {names}",
        "approvals needed: {number}; asked are: {names}"),
    "preview_no_approval": (
        "keine Freigabe nötig: die Meldung geht sofort hinaus",
        "no approval needed: the alert goes out at once"),
    "preview_allowed": ("die Meldung darf so veröffentlicht werden", "the alert may be published as it is"),
    "preview_public": (
        "TLP:CLEAR: die Meldung wird öffentlich und steht unverschlüsselt im Netz",
        "TLP:CLEAR: the alert becomes public and is not sealed"),
    "preview_refused": (
        "die Meldung darf so nicht veröffentlicht werden ({rule}): {reason}",
        "the alert may not be published as it is ({rule}): {reason}"),
    "head_who": ("Person", "person"),
    "head_organisation": ("Organisation", "organisation"),
    "head_devices": ("Geräte", "devices"),
    "head_why": ("warum", "why"),
    "head_rule": ("Regel", "rule"),
    "publish_released": ("veröffentlicht: {id}", "published: {id}"),
    "publish_proposed": ("zur Freigabe vorgelegt: {id}", "proposed for approval: {id}"),
    "publish_unserved": (
        "inzwischen nicht mehr berechtigt und nicht erreicht: {names}",
        "lost their place meanwhile and were not served: {names}"),
    "changed_now": ("seit der Vorschau geändert – {field}: {values}", "changed since the preview – {field}: {values}"),
    "changed_persons-added": ("neu im Empfängerkreis", "new in the audience"),
    "changed_persons-lost": ("nicht mehr im Empfängerkreis", "no longer in the audience"),
    "changed_devices": ("Geräte", "devices"),
    "changed_core": ("Angaben der Meldung", "fields of the alert"),
    "changed_decision": ("Entscheidung", "decision"),
    "nameless_refused": (
        "{number} Empfänger sind namenlos; bei TLP:RED wird dann nicht veröffentlicht",
        "{number} recipients have no name; with TLP:RED this is not published"),
    "nameless_confirm": (
        "{number} Empfänger sind namenlos; --confirm-nameless nimmt sie in Kauf",
        "{number} recipients have no name; --confirm-nameless accepts that"),
    "hint_approve": ("exchange approve, von: {names}", "exchange approve, by: {names}"),
    "progress_seal": ("verschlüsseln und hochladen", "sealing and uploading"),
    "not_author": ("dafür braucht es die Rolle author", "this takes the role author"),
    "not_approver": ("dafür braucht es die Rolle approver", "this takes the role approver"),
    "hint_preview_again": ("exchange preview zeigt den neuen Stand", "exchange preview shows the new state"),
    "field_release_by": ("freizugeben bis", "approve by"),
    "approve_none": ("keine Meldung wartet auf Ihre Freigabe", "no alert waits for your approval"),
    "approve_list": ("warten auf Ihre Freigabe: {number}", "waiting for your approval: {number}"),
    "approve_released": ("freigegeben und veröffentlicht: {id}", "approved and published: {id}"),
    "approve_more": ("freigegeben, weitere Freigaben fehlen: {id}", "approved, further approvals are missing: {id}"),
    "approve_rejected": ("abgelehnt: {id}", "rejected: {id}"),
    "hint_approve_one": ("exchange approve KENNUNG zeigt sie und fragt", "exchange approve ID shows it and asks"),
    "bad_reject_reason": (
        "ein Grund ist content, label, audience oder other",
        "a reason is content, label, audience or other"),

    # -- audit
    "progress_export": ("Protokolle ausleiten", "exporting the logs"),
    "progress_verify": ("Protokolle prüfen", "verifying the logs"),
    "audit_exported": (
        "ausgeleitet: {statements} Erklärungen, Teilnehmerliste {registry}, Journal {journal}",
        "exported: {statements} statements, registry {registry}, journal {journal}"),
    "hint_audit_verify": (
        "exchange audit verify {out} --exchange {exchange}",
        "exchange audit verify {out} --exchange {exchange}"),
    "hint_audit_exchange": (
        "die Kennung der Austauschplattform vergleichen, oder mit --exchange angeben",
        "compare the exchange id with one that you know, or give it with --exchange"),
    "audit_verified": ("geprüft und in Ordnung: {exchange}", "verified: {exchange}"),
    "audit_refused": ("nicht in Ordnung: {exchange}", "not verified: {exchange}"),
    "audit_ok": ("in Ordnung", "ok"),
    "audit_step_refused": ("nicht in Ordnung", "refused"),
    "audit_incomplete": ("nicht zu Ende geprüft", "not judged to the end"),
    "audit_notice": ("Hinweis", "notice"),
    "head_step": ("Schritt", "step"),
    "head_what": ("was", "what"),
    "head_result": ("Ergebnis", "result"),
    "head_checked": ("geprüft", "checked"),
    "head_notices": ("Hinweise", "notices"),
    "head_where": ("wo", "where"),
    "head_code": ("Code", "code"),

    # -- errors by code
    "code_unreachable": ("die Austauschplattform ist nicht erreichbar", "the exchange cannot be reached"),
    "code_timeout": ("die Austauschplattform hat nicht rechtzeitig geantwortet", "the exchange did not answer in time"),
    "code_plain-http": (
        "http ohne Verschlüsselung geht nur auf diesem Rechner; bitte https",
        "plain http is for this machine only; use https"),
    "code_body-too-large": (
        "die Antwort ist länger als erlaubt und wurde abgeschnitten",
        "the answer is longer than allowed and was cut"),
    "code_wrong-passphrase": (
        "die Passphrase ist falsch, oder die Schlüsseldatei wurde verändert",
        "the passphrase is wrong, or the key file was altered"),
    "code_bad-passphrase": ("eine Passphrase hat 8 bis 1024 Zeichen", "a passphrase has 8 to 1024 characters"),
    "code_no-home": ("hier ist noch kein Gerät eingerichtet", "this is not the home of a device"),
    "code_other-exchange": (
        "das ist nicht die genannte Austauschplattform: ihre Gründung hat eine andere Kennung",
        "this is not the exchange that was named: its founding has another id"),
    "code_fork": (
        "die Protokolle widersprechen dem, was früher gezeigt wurde",
        "the logs contradict what was shown before"),
    "code_withheld": ("eine Meldung wird vorenthalten", "an alert is withheld"),
    "code_epoch-withheld": ("Wochenschlüssel werden vorenthalten", "a bundle of weekly keys is withheld"),
    "code_roster-partial": (
        "den Empfängerkreis kann nur berechnen, wer die ganze Teilnehmerliste sieht",
        "only a member who is shown the whole registry can compute recipients"),
    "code_not-an-auditor": (
        "ausleiten kann nur, wer die ganze Teilnehmerliste sieht",
        "only who is shown the whole registry can export it"),
    "code_proposal-closed": (
        "die Meldung wurde inzwischen freigegeben oder abgelehnt",
        "the proposal was released or rejected meanwhile"),
    "code_preview-changed": (
        "was unterschrieben würde, ist nicht mehr, was gezeigt wurde; nichts wurde unterschrieben",
        "what would be signed is not what was shown any more; nothing was signed"),
    "code_rate-limited": ("zu viele Anfragen; bitte kurz warten", "too many requests; wait a moment"),
    "code_busy": ("die Austauschplattform ist ausgelastet; bitte erneut versuchen", "the exchange is busy; try again"),
    "code_writing-stopped": (
        "die Austauschplattform nimmt wegen eines Speicherfehlers nichts mehr an",
        "the exchange stopped accepting after a storage error"),

    # -- kinds and CAP -------------------------------------------------------------------------------------------------
    "kind_incident.physical": ("Vorfall (physisch)", "incident (physical)"),
    "kind_incident.it": ("Vorfall (IT)", "incident (IT)"),
    "kind_vulnerability": ("Schwachstelle", "vulnerability"),
    "kind_threat": ("Bedrohung oder Vorgehen", "threat or way of working"),
    "kind_wanted": ("Fahndung nach einer Sache", "wanted object"),
    "kind_event": ("Veranstaltung oder Lage", "event"),
    "kind_situation": ("Lagebericht", "situation report"),
    "kind_request": ("Bitte um Einschätzung", "request for assessment"),
    "kind_all-clear": ("Entwarnung", "all-clear"),
    "urgency_immediate": ("sofort handeln", "act immediately"),
    "urgency_expected": ("bald handeln", "act soon"),
    "urgency_future": ("später handeln", "act later"),
    "urgency_past": ("vorbei", "past"),
    "urgency_unknown": ("Dringlichkeit unbekannt", "urgency unknown"),
    "severity_extreme": ("extreme Gefahr", "extreme severity"),
    "severity_severe": ("schwere Gefahr", "severe"),
    "severity_moderate": ("mittlere Gefahr", "moderate"),
    "severity_minor": ("geringe Gefahr", "minor"),
    "severity_unknown": ("Schwere unbekannt", "severity unknown"),
    "certainty_observed": ("beobachtet", "observed"),
    "certainty_likely": ("wahrscheinlich", "likely"),
    "certainty_possible": ("möglich", "possible"),
    "certainty_unlikely": ("unwahrscheinlich", "unlikely"),
    "certainty_unknown": ("Gewissheit unbekannt", "certainty unknown"),
}
"""Text key to (German, English)."""
# fmt: on
