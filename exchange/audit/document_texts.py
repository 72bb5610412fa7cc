"""The words of the auditor's report in German and English, German first (formal ``Sie``).

Text only.  Labels, roles, rule numbers, commands and codes are never translated. A value is put in with ``str.format``; what comes
from others is made harmless before, and escaped by the template. A test holds the template against this table.
"""

from __future__ import annotations

from typing import Any, Literal

Language = Literal["de", "en"]

# fmt: off
TEXTS: dict[str, tuple[str, str]] = {
    # -- head ----------------------------------------------------------------------------------------------------------
    "title": ("Prüfbericht", "Audit report"),
    "subtitle": (
        "Austauschplattform {origin}: Prüfung der Protokolle",
        "Exchange {origin}: verification of the logs"),
    "page": ("Seite", "Page"),
    "of": ("von", "of"),
    "skip": ("Zum Ergebnis", "Skip to the verdict"),
    "contents": ("Inhalt", "Contents"),
    "made": ("Erstellt am {made}", "Made on {made}"),
    "period": ("Zeitraum: {first} bis {last}", "Period: {first} to {last}"),
    "no_period": ("Zeitraum: unbekannt, kein Eintrag konnte geprüft werden",
        "Period: unknown, no entry could be checked"),
    "no_text": (
        "Dieser Bericht enthält keinen Meldungstext. Er nennt Teilnehmer und sagt, wann gewarnt wurde: Geben Sie ihn nur "
        "an Berechtigte weiter.",
        "This report holds no text of any alert. It names members and says when warnings were sent: hand it only to those "
        "entitled."),
    # -- verdict -------------------------------------------------------------------------------------------------------
    "verdict": ("Ergebnis", "Verdict"),
    "verdict_word_yes": ("Prüfung bestanden", "Verified"),
    "verdict_word_no": ("Prüfung nicht bestanden", "Not verified"),
    "verdict_yes": (
        "Das Protokoll ist vollständig und unverändert, und jede Entscheidung darin folgte den Regeln, die damals galten.",
        "The log is complete and unchanged, and every decision in it followed the rules that were in force then."),
    "verdict_notices": (
        "Es gab {number}, die die Regeln zulassen; sie stehen im Abschnitt „Ausnahmen“.",
        "There were {number} that the rules allow; they stand in the section “Exceptions”."),
    "verdict_no": (
        "Das Protokoll besteht die Prüfung nicht: {what}.",
        "The log does not pass: {what}."),
    "verdict_first": (
        "Die erste Stelle, die nicht stimmt:",
        "The first place that fails:"),
    "verdict_step": ("Prüfschritt {step}", "step {step}"),
    "verdict_wording": ("Wortlaut der Prüfung", "Wording of the verification"),
    "verdict_open": (
        "Deshalb konnten diese Prüfschritte nicht zu Ende geführt werden: {steps}. Über sie sagt dieser Bericht nichts "
        "Abschließendes.",
        "So these steps could not be judged to their end: {steps}. Of them this report says nothing final."),
    "verdict_reach": (
        "Geprüft und hier berücksichtigt: {registry} von {registry_all} Einträgen der Teilnehmerliste, {journal} von "
        "{journal_all} Einträgen des Journals.",
        "Judged and counted here: {registry} of {registry_all} entries of the registry, {journal} of {journal_all} "
        "entries of the journal."),
    "verdict_do": (
        "Bewahren Sie das Prüfpaket unverändert auf und unterrichten Sie die Partnerschaft auf einem anderen Weg als über "
        "die Austauschplattform.",
        "Keep the bundle as it is, and tell the partnership by another channel than the exchange."),
    "exceptions_one": ("eine Ausnahme", "one exception"),
    "exceptions_many": ("{number} Ausnahmen", "{number} exceptions"),
    # -- answers -------------------------------------------------------------------------------------------------------
    "answers": ("Die Antworten auf einen Blick", "The answers at a glance"),
    "question": ("Frage", "Question"),
    "answer": ("Antwort", "Answer"),
    "step_column": ("Schritt", "Step"),
    "state_yes": ("ja", "yes"),
    "state_no": ("nein", "no"),
    "state_none": ("nein", "no"),
    "state_open": ("nicht geprüft", "not judged"),
    "state_note": ("beachten", "note"),
    "a_open": (
        "Das konnte nicht zu Ende geprüft werden, weil ein anderer Prüfschritt nicht bestanden wurde.",
        "This could not be judged to the end, because another step failed."),
    "q_complete": ("Ist das Protokoll vollständig und unverändert?", "Is the log complete and unchanged?"),
    "a_complete_yes": (
        "Alle Einträge sind da: {registry} in der Teilnehmerliste, {journal} im Journal. Aus ihnen allein ergeben sich die "
        "unterschriebenen Prüfpunkte.",
        "All entries are there: {registry} in the registry, {journal} in the journal. They alone lead to the signed "
        "checkpoints."),
    "a_complete_no": (
        "Einträge und unterschriebener Prüfpunkt stimmen nicht überein, oder es fehlt etwas.",
        "Entries and signed checkpoint do not agree, or something is missing."),
    "q_unforked": ("Passt es zu allem, was früher gezeigt wurde?", "Does it agree with what was shown before?"),
    "a_unforked_yes": (
        "Verglichene Prüfpunkte: {number}. Das Protokoll ist die Fortsetzung eines jeden davon.",
        "Checkpoints compared: {number}. The log continues each of them."),
    "a_unforked_no": (
        "Ein früher unterschriebener Stand passt nicht: Das Protokoll wurde gespalten, gekürzt oder umgeschrieben, oder "
        "ein Prüfpunkt ist nicht echt.",
        "A state that was signed before does not agree: the log was forked, cut or rewritten, or a checkpoint is not "
        "genuine."),
    "q_witnessed": ("Haben unabhängige Zeugen dasselbe gesehen?", "Did independent witnesses see the same?"),
    "a_witness_none": (
        "Kein Zeuge ist benannt. Dass allen dasselbe Protokoll gezeigt wurde, lässt sich nur durch Vergleich mit Prüfpunkten "
        "anderer Mitglieder feststellen.",
        "No witness is named. That everybody was shown the same log can only be found by comparing checkpoints with other "
        "members."),
    "a_witness_yes": (
        "Benannte Zeugen, die beide Prüfpunkte gegengezeichnet haben: {number} von {all}; verlangt: {quorum}.",
        "Named witnesses who cosigned both checkpoints: {number} of {all}; required: {quorum}."),
    "a_witness_few": (
        "Zu wenige: Benannte Zeugen, die beide Prüfpunkte gegengezeichnet haben: {number} von {all}; verlangt: {quorum}.",
        "Too few: named witnesses who cosigned both checkpoints: {number} of {all}; required: {quorum}."),
    "q_signed": (
        "Ist jeder Eintrag unterschrieben, von jemandem, der es durfte?",
        "Is every entry signed, by someone who was allowed to?"),
    "a_signed_yes": (
        "Zu jedem Eintrag liegt die Erklärung vor, und jede Unterschrift stimmt. Die Teilnehmerliste wurde Schritt für "
        "Schritt nachvollzogen.",
        "Every entry has its statement and every signature holds. The registry was replayed step by step."),
    "a_signed_no": (
        "Eine Erklärung, eine Unterschrift oder ein Schritt der Teilnehmerliste stimmt nicht.",
        "A statement, a signature or a step of the registry does not hold."),
    "q_rules": (
        "Bekam jede Meldung genau den Empfängerkreis, den die Regeln vorsehen?",
        "Did every alert go to exactly those whom the rules name?"),
    "a_rules_yes": (
        "Freigegebene Meldungen, neu entschieden mit den Regeln und der Teilnehmerliste von damals: {number}. Bei keiner war ein "
        "Empfängergerät zu viel oder zu wenig.",
        "Released alerts, decided again with the rules and the registry of that time: {number}. None had one recipient device "
        "too many or too few."),
    "a_rules_none": ("Es wurde noch keine Meldung freigegeben.", "No alert has been released yet."),
    "a_rules_no": (
        "Mindestens eine Meldung, Freigabe oder Ablehnung folgte den Regeln nicht.",
        "At least one alert, approval or rejection did not follow the rules."),
    "q_four_eyes": ("Wurde das Vier-Augen-Prinzip eingehalten?", "Were four eyes kept?"),
    "a_eyes_yes": (
        "Belegte Freigaben durch andere Personen als die verfassende: {number}. Keine Meldung ging ohne die vorgeschriebenen "
        "Freigaben hinaus.",
        "Approvals by persons other than the author, on record: {number}. No alert went out without the approvals demanded."),
    "a_eyes_emergency": (
        "Belegte Freigaben durch andere Personen: {number}. Eilfreigaben mit einer einzigen Unterschrift, die die Regeln zulassen: "
        "{emergencies}, davon nachträglich von einer zweiten Person geprüft: {reviewed}.",
        "Approvals by other persons, on record: {number}. Emergency releases with a single signature, which the rules allow: "
        "{emergencies}, of these reviewed by a second person afterwards: {reviewed}."),
    "q_receipts": (
        "Passen Bestätigungen und Angaben des Servers zum Protokoll?",
        "Do receipts and the server's claims fit the log?"),
    "a_receipts_yes": (
        "Jede Bestätigung kommt von einem Gerät, dem die Meldung verschlüsselt oder weitergegeben wurde. Zustellungen sind "
        "Angaben des Servers und widersprechen dem Protokoll nicht.",
        "Every receipt is by a device to which the alert was sealed or given. Deliveries are the server's claims, and do not "
        "contradict the log."),
    "a_receipts_no": (
        "Eine Bestätigung, eine Weitergabe oder eine Angabe des Servers passt nicht zum Protokoll.",
        "A receipt, a grant or a claim of the server does not fit the log."),
    "q_late": ("Kam etwas zu spät?", "Was anything late?"),
    "a_late_no": ("Nein, soweit das Protokoll es zeigt.", "No, as far as the log shows."),
    "a_late_yes": ("Ja: {number}, siehe „Zeiten“.", "Yes: {number}, see “Times”."),
    "late_one": ("eine Stelle", "one place"),
    "late_many": ("{number} Stellen", "{number} places"),
    "q_erased": ("Wurden Angaben gelöscht?", "Was anything erased?"),
    "a_erased_no": ("Nein. Kein Name und kein Kontakt wurde gelöscht.", "No. No name and no contact was erased."),
    "a_erased_yes": (
        "Ja. Gelöschte Angaben (Namen, Kontakte, Bezeichnungen): {number}. Alle Beweise gelten weiter; an die Stelle des Namens "
        "tritt ein Pseudonym.",
        "Yes. Erased fields (names, contacts, labels): {number}. All proofs still hold; a pseudonym stands in the place of the "
        "name."),
    # -- reading aid ---------------------------------------------------------------------------------------------------
    "reading": ("So lesen Sie diesen Bericht", "How to read this report"),
    "reading_logs": (
        "Die Austauschplattform führt zwei Protokolle, an die nur angehängt werden kann: die Teilnehmerliste (wer darf was) und "
        "das Journal (was geschah). „T 5“ ist der Eintrag 5 der Teilnehmerliste, „J 12“ der Eintrag 12 des Journals; gezählt "
        "wird von 0 an. Jede dieser Angaben führt zum Wortlaut des Eintrags im Anhang.",
        "The exchange keeps two logs to which one can only append: the registry (who may do what) and the journal (what "
        "happened). “R 5” is entry 5 of the registry, “J 12” entry 12 of the journal, counted from 0. Each of them leads to "
        "the entry's wording in the appendix."),
    "reading_checkpoint": (
        "Ein Prüfpunkt ist ein unterschriebener Fingerabdruck eines ganzen Protokolls. Ändert jemand einen alten Eintrag, "
        "passt der Fingerabdruck nicht mehr.",
        "A checkpoint is a signed fingerprint of a whole log. Whoever changes an old entry breaks the fingerprint."),
    "reading_names": (
        "Namen stammen aus Angaben, die der prüfenden Person ausgehändigt wurden; jede wurde mit der unterschriebenen "
        "Zusage in der Teilnehmerliste verglichen. Fehlt eine, weil sie gelöscht oder nicht ausgehändigt wurde, steht dort ein "
        "Pseudonym: die ersten acht Zeichen der Kennung. Es ist in jedem Bericht dasselbe.",
        "Names come from openings that were handed to the auditor; each was compared with the signed commitment in the "
        "registry. Where one is missing, because it was erased or not handed out, a pseudonym stands: the first eight "
        "characters of the id. It is the same in every report."),
    "reading_devices": (
        "Empfänger ist immer ein Gerät. Eine Person kann mehrere haben.",
        "A recipient is always a device. A person may have several."),
    "reading_times": (
        "Alle Zeiten sind die Uhr des Servers, angezeigt in Berliner Zeit.",
        "All times are the server's clock, shown in Berlin time."),
    # -- alerts --------------------------------------------------------------------------------------------------------
    "alerts": ("Meldungen", "Alerts"),
    "alerts_none": ("Es gibt keine geprüfte Meldung.", "There is no alert that was judged."),
    "alerts_sum": (
        "Freigegebene Meldungen: {released}, darunter Übungen: {exercises}. Empfängergeräte: {recipients}, davon ohne gültigen "
        "Schlüssel: {keyless}. Entwürfe, die auf Freigabe warteten: {proposals}, abgelehnt: {rejections}. Weitergaben: {grants}.",
        "Released alerts: {released}, exercises among them: {exercises}. Recipient devices: {recipients}, without a usable key: "
        "{keyless}. Proposals that waited for approval: {proposals}, rejected: {rejections}. Grants: {grants}."),
    "chart_labels": ("Freigegebene Meldungen nach Kennzeichnung", "Released alerts by label"),
    "chart_months": ("Freigegebene Meldungen nach Kennzeichnung und Zeit", "Released alerts by label and time"),
    "chart_entries": ("Einträge der Protokolle nach Zeit", "Entries of the logs by time"),
    "chart_timeline": ("Was wann geschah", "What happened when"),
    "chart_delays": (
        "Geräte, die nach der Freigabe erreicht wurden, nach Zeitabstand",
        "Devices reached after the release, by delay"),
    "lane_constitution": ("Registrare, Regeln, Zeugen", "registrars, policy, witnesses"),
    "lane_members": ("Organisationen", "organisations"),
    "lane_people": ("Personen und Geräte", "persons and devices"),
    "lane_erasures": ("Löschungen", "erasures"),
    "series_registry": ("Teilnehmerliste", "registry"),
    "series_journal": ("Journal", "journal"),
    "col_entry": ("Eintrag", "Entry"),
    "col_label": ("Kennzeichnung", "Label"),
    "col_what": ("Was", "What"),
    "col_source": ("Absender", "Source"),
    "col_devices": ("Emp\u00adfänger\u00adgeräte", "Re\u00adcip\u00adi\u00adent devices"),
    "col_approved": ("Freigabe", "Approval"),
    "col_reached": ("Zu\u00adge\u00adstellt / be\u00adstä\u00adtigt / gelesen", "De\u00adliv\u00adered / re\u00adceived / read"),
    "col_remarks": ("Bemerkungen", "Remarks"),
    "col_who": ("Wer", "Who"),
    "col_number": ("Anzahl", "Number"),
    "col_until": ("Zuletzt", "Last"),
    "col_signed": ("Unterschriften", "Signatures"),
    "col_result": ("Ergebnis", "Result"),
    "col_checked": ("Geprüft", "Checked"),
    "col_notices": ("Hinweise", "Notices"),
    "listed_alerts": (
        "Aufgeführt sind {listed} von {all} Meldungen: alle mit Bemerkung, dann die neuesten. Gezählt sind alle.",
        "{listed} of {all} alerts are listed: all with remarks, then the newest. All are counted."),
    "listed_some": (
        "Aufgeführt sind {listed} von {all}. Gezählt sind alle.",
        "{listed} of {all} are listed. All are counted."),
    "col_version": ("Fassung {number}", "version {number}"),
    "action_new": ("neu", "new"),
    "action_update": ("Ergänzung", "update"),
    "action_supersede": ("Ersetzung", "superseding"),
    "action_relabel": ("neue Kennzeichnung", "relabelling"),
    "action_withdraw": ("Rücknahme", "withdrawal"),
    "action_all-clear": ("Entwarnung", "all-clear"),
    "kind_incident.physical": ("Vorfall (physisch)", "incident (physical)"),
    "kind_incident.it": ("Vorfall (IT)", "incident (IT)"),
    "kind_vulnerability": ("Schwachstelle", "vulnerability"),
    "kind_threat": ("Bedrohung oder Vorgehen", "threat or way of working"),
    "kind_wanted": ("Fahndung nach einer Sache", "wanted object"),
    "kind_event": ("Veranstaltung", "event"),
    "kind_situation": ("Lagebericht", "situation report"),
    "kind_request": ("Bitte um Einschätzung", "request for assessment"),
    "kind_all-clear": ("Entwarnung", "all-clear"),
    "public": ("öffentlich", "public"),
    "not_needed": ("keine nötig", "none needed"),
    "approvals_of": ("{given} von {wanted}", "{given} of {wanted}"),
    "remark_exercise": ("Übung", "exercise"),
    "remark_refused": ("nicht in Ordnung", "refused"),
    "remark_proposed": ("nicht freigegeben", "not released"),
    "remark_rejected": ("abgelehnt von {who}", "rejected by {who}"),
    "remark_emergency": ("Eilfreigabe", "emergency release"),
    "remark_reviewed": ("nachgeprüft von {who}: {outcome}", "reviewed by {who}: {outcome}"),
    "remark_unreviewed": ("keine Nachprüfung verzeichnet", "no review on record"),
    "outcome_confirmed": ("bestätigt", "confirmed"),
    "outcome_objected": ("beanstandet", "objected"),
    "remark_keyless": ("{number} Geräte ohne Schlüssel", "{number} devices without a key"),
    "remark_keyless_one": ("ein Gerät ohne Schlüssel", "one device without a key"),
    "remark_grants": ("{number} Weitergaben", "{number} grants"),
    "remark_grants_one": ("eine Weitergabe", "one grant"),
    "remark_witnessed": ("Prüfpunkt der Zeugen war {minutes} min alt", "the witnesses' checkpoint was {minutes} min old"),
    "remark_late": ("spät angenommen", "accepted late"),
    # -- times ---------------------------------------------------------------------------------------------------------
    "times": ("Zeiten", "Times"),
    "times_intro": (
        "Gezählt ist jedes Gerät einmal je Meldung. „Zugestellt“ sagt der Server; „bestätigt“ und „gelesen“ hat das Gerät selbst "
        "unterschrieben.",
        "Each device counts once for an alert. “Delivered” is what the server says; “received” and “read” were signed by the "
        "device itself."),
    "times_none": ("Es ist keine Zustellung und keine Bestätigung verzeichnet.", "No delivery and no receipt is on record."),
    "times_uncounted": (
        "{number} sehr späte Angaben zu alten Meldungen sind hier nicht gezählt.",
        "{number} very late claims about old alerts are not counted here."),
    "level_delivered": ("zugestellt", "delivered"),
    "level_received": ("bestätigt", "received"),
    "level_read": ("gelesen", "read"),
    "bound_60": ("bis 1 min", "≤ 1 min"),
    "bound_300": ("bis 5 min", "≤ 5 min"),
    "bound_900": ("bis 15 min", "≤ 15 min"),
    "bound_3600": ("bis 1 h", "≤ 1 h"),
    "bound_14400": ("bis 4 h", "≤ 4 h"),
    "bound_86400": ("bis 24 h", "≤ 24 h"),
    "bound_more": ("später", "later"),
    "count": ("{number}", "{number}"),
    "median": ("Hälfte nach", "half after"),
    "ninety": ("90 % nach", "90 % after"),
    "devices": ("Geräte", "devices"),
    "late": ("Was zu spät kam", "What was late"),
    "late_none": ("Nichts davon ist verzeichnet.", "Nothing of this is on record."),
    "late_delivered": (
        "Geräte, die die Meldung nach Angabe des Servers erst mehr als 15 Minuten nach der Freigabe erhielten: {number}",
        "devices that, by the server's claim, were given it more than 15 minutes after the release: {number}"),
    "late_acknowledge": (
        "bis zur Frist {until} hatten {number} von {all} Geräten das Lesen bestätigt",
        "by the deadline {until}, {number} of {all} devices had said that it was read"),
    # -- events --------------------------------------------------------------------------------------------------------
    "events": ("Schlüsselereignisse", "Key events"),
    "events_intro": (
        "Änderungen daran, wer mitwirken darf. Alltägliches ist nur gezählt: Aufnahme von Personen und Geräten, die nur lesen, "
        "Verlängerungen, Annahme der Arbeitsordnung.",
        "Changes of who may take part. Everyday business is only counted: enrolments of persons and devices that only read, "
        "renewals, acceptances of the terms."),
    "events_none": ("Keines.", "None."),
    "registrars_sign": ("{number} Registrare", "{number} registrars"),
    "members_sign": ("{number} (vorbereitet von {who})", "{number} (prepared by {who})"),
    "event_exchange.found": ("Gründung der Austauschplattform", "founding of the exchange"),
    "event_registrar.rotate": (
        "Wechsel der Registrare: {a} von {b} müssen unterschreiben",
        "rotation of the registrars: {a} of {b} must sign"),
    "event_policy.adopt": ("Regelwerk beschlossen", "policy adopted"),
    "event_witness.name": ("Zeugen benannt: {b}, verlangt {a}", "witnesses named: {b}, required {a}"),
    "event_terms.define": ("Arbeitsordnung, Fassung {a}", "terms of participation, version {a}"),
    "event_terms.accept": ("Arbeitsordnung angenommen", "terms accepted"),
    "event_organisation.admit": ("Organisation aufgenommen ({a})", "organisation admitted ({a})"),
    "event_organisation.change": ("Organisation geändert ({a})", "organisation changed ({a})"),
    "event_organisation.renew": ("Teilnahme verlängert", "membership renewed"),
    "event_organisation.suspend": ("Organisation ausgesetzt", "organisation suspended"),
    "event_organisation.remove": ("Organisation ausgeschlossen", "organisation removed"),
    "event_person.enrol": ("Person eingetragen: {values}", "person enrolled: {values}"),
    "event_person.change": ("Person geändert: {values}", "person changed: {values}"),
    "event_person.remove": ("Person ausgeschieden", "person removed"),
    "event_device.enrol": ("Gerät eingetragen, für {values}", "device enrolled, for {values}"),
    "event_device.revoke": ("Gerät gesperrt", "device revoked"),
    "event_client.register": ("Mandant eingetragen oder verlängert", "client registered or renewed"),
    "event_circle.define": ("Arbeitskreis eingerichtet", "circle defined"),
    "event_circle.change": ("Arbeitskreis geändert", "circle changed"),
    "event_opening.erase": ("Angaben gelöscht: {values}", "openings erased: {values}"),
    "unchanged_roles": ("Themen oder Angaben", "topics or names"),
    "kind_authority": ("Behörde", "authority"),
    "kind_chamber": ("Kammer", "chamber"),
    "kind_company": ("Unternehmen", "company"),
    "kind_municipality": ("Kommune", "municipality"),
    "kind_client": ("Mandant", "client"),
    "field_name": ("Name", "name"),
    "field_contact": ("Kontakt", "contact"),
    "field_title": ("Funktion", "title"),
    "field_label": ("Gerätebezeichnung", "device label"),
    "field_notice": ("Hinweisadresse", "notice address"),
    "kinds": ("Alle Einträge nach Art", "All entries by kind"),
    # -- witnesses -----------------------------------------------------------------------------------------------------
    "witnesses": ("Prüfpunkte und Zeugen", "Checkpoints and witnesses"),
    "head_line": ("{log}: {size} Einträge", "{log}: {size} entries"),
    "root": ("Wurzel", "root"),
    "witness_line": ("gegengezeichnet am {time}", "cosigned on {time}"),
    "witness_absent": ("keine Gegenzeichnung unter diesem Prüfpunkt", "no cosignature under this checkpoint"),
    "witness_bad": (
        "eine Gegenzeichnung unter diesem Prüfpunkt ist ungültig",
        "a cosignature under this checkpoint is not valid"),
    "quorum_time": (
        "Die verlangten {quorum} Gegenzeichnungen lagen vor am {time}.",
        "The {quorum} cosignatures required were complete on {time}."),
    "quorum_missing": (
        "Die verlangten {quorum} Gegenzeichnungen liegen nicht vor.",
        "The {quorum} cosignatures required are not there."),
    # -- exceptions ----------------------------------------------------------------------------------------------------
    "exceptions": ("Ausnahmen", "Exceptions"),
    "exceptions_intro": (
        "Die Regeln lassen das zu; eine Person sollte es ansehen.",
        "The rules allow these; a person should look at them."),
    "exceptions_none": ("Keine.", "None."),
    "more_exceptions": (
        "{number} weitere Ausnahmen sind nicht aufgeführt.",
        "{number} more exceptions are not listed."),
    "wording": ("Wortlaut der Prüfung (was ablehnt, auf Englisch)", "Wording of the verification"),
    "accesses": ("Zugriffe und Abweisungen", "Accesses and refusals"),
    "accesses_intro": (
        "Was prüfenden Personen und dem Betreiber ausgehändigt wurde, und was der Server abwies: beides sind Angaben des "
        "Servers.",
        "What auditors and the operator were handed, and what the server refused: both are the server's claims."),
    "accesses_head": ("Zugriffe", "Accesses"),
    "accesses_none": ("Kein Zugriff ist verzeichnet.", "No access is on record."),
    "refusals_head": ("Abgewiesene Erklärungen", "Refused statements"),
    "refusals_none": ("Keine Abweisung ist verzeichnet.", "No refusal is on record."),
    "refusals_more": ("Weitere {number} wurden nur gezählt.", "Another {number} were only counted."),
    "unknown_device": ("unbekanntes Gerät", "unknown device"),
    # -- erased --------------------------------------------------------------------------------------------------------
    "erased": ("Löschungen und Pseudonyme", "Erasures and pseudonyms"),
    "erased_sum": (
        "{openings} Angaben lagen der Prüfung vor, {erased} wurden durch eine unterschriebene Erklärung gelöscht, {withheld} "
        "wurden nicht ausgehändigt. Gelöschtes ändert keinen Eintrag: Alle Beweise gelten weiter.",
        "{openings} openings were at hand, {erased} were erased by a signed statement, {withheld} were not handed out. Erasing "
        "changes no entry: all proofs still hold."),
    "erased_who": ("Pseudonym", "Pseudonym"),
    "erased_fields": ("Gelöschte Angaben", "Erased fields"),
    # -- steps ---------------------------------------------------------------------------------------------------------
    "steps": ("Die zehn Prüfschritte", "The ten steps"),
    "result_ok": ("in Ordnung", "ok"),
    "result_refused": ("nicht in Ordnung", "refused"),
    "result_open": ("nicht zu Ende geprüft", "not judged to the end"),
    "findings": ("Was nicht in Ordnung ist", "What was refused"),
    "findings_more": ("{number} weitere sind nicht aufgeführt.", "{number} more are not listed."),
    # -- not proven ----------------------------------------------------------------------------------------------------
    "not_proven": ("Was dies nicht beweist", "What this does not prove"),
    "not_proven_intro": (
        "Auch eine bestandene Prüfung sagt nicht alles. Wer diesen Bericht verwendet, sollte diese Grenzen kennen.",
        "Even a verification that passes does not say everything. Whoever uses this report should know these limits."),
    # -- object and appendix -------------------------------------------------------------------------------------------
    "object": ("Was geprüft wurde", "What was verified"),
    "object_exchange": ("Kennung der Austauschplattform", "Exchange id"),
    "object_compare": (
        "Vergleichen Sie diese Kennung mit der Gründungserklärung oder Ihrer Einladung. Nur dann ist es die richtige "
        "Austauschplattform.",
        "Compare this id with the founding or your invitation. Only then is it the right exchange."),
    "object_tool": ("Geprüft mit", "Verified with"),
    "object_repeat": ("Selbst prüfen, ohne Netz und ohne Schlüssel", "Verify it yourself, offline and without a key"),
    "log_registry": ("Teilnehmerliste", "Registry"),
    "log_journal": ("Journal", "Journal"),
    "appendix": ("Anhang: Wortlaut der Einträge", "Appendix: the entries"),
    "appendix_intro": (
        "Jeder Eintrag, auf den dieser Bericht verweist, so wie er im Protokoll steht. Der Blatt-Hash ist SHA-256 über ein "
        "Nullbyte und diese Bytes. Die Erklärung zum Eintrag liegt im Prüfpaket unter dem genannten Pfad.",
        "Every entry to which this report refers, as it stands in the log. The leaf hash is SHA-256 over a zero byte and these "
        "bytes. The entry's statement is in the bundle under the path named."),
    "appendix_none": ("Dieser Bericht verweist auf keinen Eintrag.", "This report refers to no entry."),
    "appendix_more": (
        "{number} weitere Einträge, auf die verwiesen wird, sind nicht abgedruckt: höchstens {most} stehen hier. Sie sind im "
        "Prüfpaket.",
        "{number} more entries are referred to and not printed: at most {most} stand here. They are in the bundle."),
    "appendix_unproven": (
        "Von den Prüfpunkten nicht bewiesen.",
        "Not proven by the checkpoints."),
    "appendix_unreadable": ("Nicht lesbar: der Eintrag fehlt im Prüfpaket.", "Not readable: the bundle lacks the entry."),
    "leaf": ("Blatt-Hash", "leaf hash"),
    "statement_file": ("Erklärung", "statement"),
    "family_organisation": ("Organisation {id}", "Organisation {id}"),
    "family_person": ("Person {id}", "Person {id}"),
    "family_device": ("Gerät {id}", "Device {id}"),
    "family_circle": ("Arbeitskreis {id}", "Circle {id}"),
    "name_erased": ("{name} (Name gelöscht)", "{name} (name erased)"),
    "unknown_person": ("unbekannt", "unknown"),
}
"""Key to (German, English)."""

STEP_MEANS: dict[int, tuple[str, str]] = {
    1: ("Die Prüfpunkte sind mit den Schlüsseln unterschrieben, die in der Gründung stehen.",
        "The checkpoints are signed with the keys that the founding names."),
    2: ("Kein Eintrag fehlt, keiner wurde geändert, keiner hinzugefügt.",
        "No entry is missing, changed or added."),
    3: ("Alles, was früher unterschrieben gezeigt wurde, steht unverändert am Anfang.",
        "Whatever was shown signed before still stands at the beginning."),
    4: ("Die Zeit läuft nur vorwärts; niemand konnte zurückdatieren.",
        "Time only runs forward; nobody could backdate."),
    5: ("Zu jedem Eintrag gehört eine unterschriebene Erklärung.",
        "Behind every entry stands a signed statement."),
    6: ("Wer Teilnehmer aufnahm, Rollen gab oder Geräte eintrug, durfte es.",
        "Whoever admitted members, gave roles or enrolled devices was allowed to."),
    7: ("Die Schlüssel, mit denen verschlüsselt wurde, gehören den richtigen Geräten.",
        "The keys that were sealed to belong to the right devices."),
    8: ("Jede Meldung ging an genau die, die die Regeln vorsehen; Freigaben kamen von anderen Personen.",
        "Every alert went to exactly those whom the rules name; approvals came from other persons."),
    9: ("Bestätigungen, Weitergaben und Angaben des Servers passen zu den Empfängern.",
        "Receipts, grants and the server's claims fit the recipients."),
    10: ("Die Summen stimmen; Ausnahmen sind benannt.",
         "The counts agree; exceptions are named."),
}
"""What each step is good for, in one sentence: (German, English)."""

KIND_WORDS: dict[str, tuple[str, str]] = {
    "access.read": ("Zugriffe, vom Server gemeldet", "accesses, claimed by the server"),
    "alert.answer": ("Antworten auf Fragen", "answers to questions"),
    "alert.ask": ("Fragen an Absender", "questions to sources"),
    "alert.deliver": ("Zustellungen, vom Server gemeldet", "deliveries, claimed by the server"),
    "alert.grant": ("Weitergaben", "grants"),
    "alert.proposed": ("Entwürfe zur Freigabe", "proposals"),
    "alert.receipt": ("Bestätigungen und Rückmeldungen", "receipts and reactions"),
    "alert.rejected": ("Ablehnungen von Entwürfen", "rejections of proposals"),
    "alert.released": ("freigegebene Meldungen", "released alerts"),
    "alert.review": ("Nachprüfungen von Eilfreigaben", "reviews of emergency releases"),
    "circle.change": ("Änderungen von Arbeitskreisen", "changes of circles"),
    "circle.define": ("neue Arbeitskreise", "new circles"),
    "client.register": ("Mandanten eingetragen oder verlängert", "clients registered or renewed"),
    "device.enrol": ("Geräte eingetragen", "devices enrolled"),
    "device.revoke": ("Geräte gesperrt", "devices revoked"),
    "epoch.publish": ("Wochenschlüssel von Geräten", "weekly keys of devices"),
    "exchange.found": ("Gründung", "founding"),
    "opening.erase": ("Löschungen von Angaben", "erasures of openings"),
    "organisation.admit": ("Organisationen aufgenommen", "organisations admitted"),
    "organisation.change": ("Organisationen geändert", "organisations changed"),
    "organisation.remove": ("Organisationen ausgeschlossen", "organisations removed"),
    "organisation.renew": ("Teilnahmen verlängert", "memberships renewed"),
    "organisation.suspend": ("Organisationen ausgesetzt", "organisations suspended"),
    "person.change": ("Personen geändert", "persons changed"),
    "person.enrol": ("Personen eingetragen", "persons enrolled"),
    "person.remove": ("Personen ausgeschieden", "persons removed"),
    "policy.adopt": ("Regelwerke beschlossen", "policies adopted"),
    "registrar.rotate": ("Wechsel der Registrare", "rotations of the registrars"),
    "statement.refuse": ("Abweisungen, vom Server gemeldet", "refusals, claimed by the server"),
    "terms.accept": ("Arbeitsordnung angenommen", "terms accepted"),
    "terms.define": ("Fassungen der Arbeitsordnung", "versions of the terms"),
    "witness.name": ("Zeugen benannt", "witnesses named"),
}
"""What the entries of a kind are, in the plural: (German, English)."""

NOTICE_MEANS: dict[str, tuple[str, str]] = {
    "accepted-late": (
        "Zwischen Fertigstellung und Annahme lagen mehr als 15 Minuten. Wer inzwischen hinzukam, gehört nicht zum "
        "Empfängerkreis.",
        "More than 15 minutes passed between preparing and accepting. Who came in meanwhile is no recipient."),
    "devices-without-key": (
        "Diese Geräte hatten für die Woche keinen Schlüssel hinterlegt. Ihnen konnte nichts verschlüsselt werden; im Protokoll "
        "stehen sie trotzdem als Empfänger.",
        "These devices had published no key for the week. Nothing could be sealed to them; the log names them as recipients all "
        "the same."),
    "emergency-unreviewed": (
        "Die Meldung ging bei höchster Dringlichkeit ohne zweite Unterschrift hinaus. Die Nachprüfung durch eine andere Person "
        "innerhalb von 24 Stunden fehlt.",
        "The alert went out at the highest urgency without a second signature. The review by another person within 24 hours is "
        "missing."),
    "opening-kept": (
        "Eine Angabe wurde gelöscht und liegt diesem Prüfpaket trotzdem bei: Jemand hat sie aufbewahrt.",
        "A field was erased and is in this bundle all the same: somebody kept it."),
    "persons-without-device": (
        "Diese Personen gehören zum Empfängerkreis, haben aber kein Gerät.",
        "These persons are recipients and have no device."),
    "recipients-lost": (
        "Diese Geräte verloren ihren Platz, bevor die Meldung angenommen wurde, und bekamen sie nicht.",
        "These devices lost their place before the alert was accepted, and were not served."),
    "recipients-unreached": (
        "Frühere Empfänger sind nicht mehr zugelassen. Rücknahme oder Entwarnung erreichte sie nicht.",
        "Earlier recipients are not in force any more. The withdrawal or all-clear did not reach them."),
    "not-witnessed": (
        "Den letzten Stand dieses Protokolls haben noch nicht genug Zeugen gegengezeichnet. Was danach kam, hat bisher nur der "
        "Server bestätigt.",
        "Not enough witnesses have cosigned this log's last state yet. What came since only the server has confirmed."),
    "registry-unwitnessed": (
        "Die Meldung wurde auf einem Stand der Teilnehmerliste vorbereitet, den die Zeugen länger nicht gesehen hatten. Die "
        "verfassende Person hat das ausdrücklich bestätigt.",
        "The alert was prepared on a registry that the witnesses had not seen lately. Its author confirmed that explicitly."),
    "witnesses-none": (
        "Die Registrare haben keinen Zeugen benannt. Niemand außer dem Server bestätigt, dass alle dasselbe Protokoll sehen.",
        "The registrars have named no witness. Nobody but the server confirms that all see the same log."),
    "statements-refused": (
        "Der Server gibt an, Erklärungen abgewiesen zu haben; Einzelheiten unter „Zugriffe und Abweisungen“.",
        "The server claims to have refused statements; details under “Accesses and refusals”."),
}
"""What an exception means for a reader who is no engineer: code to (German, English)."""

NOT_PROVEN: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = (
    (("Was in den Meldungen steht", "What the alerts say"),
     ("Im Prüfpaket ist kein Meldungstext. Ob eine Warnung richtig war, lässt sich daraus nicht ablesen.",
      "The bundle holds no text of any alert. Whether a warning was right cannot be read from it.")),
    (("Was sich in den verschlüsselten Umschlägen öffnet", "What a stanza opens to"),
     ("Dass jedem Empfängergerät ein Umschlag verschlüsselt wurde, ist bewiesen; dass er sich zum selben Text öffnet, kann nur "
      "das Gerät selbst feststellen. Dasselbe gilt für Weitergaben.",
      "That a stanza was sealed to every recipient device is proven; that it opens to the same text only the device itself "
      "can tell. The same holds for grants.")),
    (("Dass zugestellt wurde", "That anything was delivered"),
     ("„Zugestellt“, „abgewiesen“ und „ausgehändigt“ sind Angaben des Servers. „Bestätigt“ und „gelesen“ hat ein Gerät "
      "unterschrieben; ob ein Mensch hinsah, sagt niemand.",
      "“Delivered”, “refused” and “handed out” are the server's claims. “Received” and “read” were signed by a device; "
      "whether a human looked, nobody says.")),
    (("Dass der Server nichts verschweigt", "That the server kept nothing back"),
     ("Was nie angenommen wurde, steht in keinem Protokoll. Der Server kann eigene Angaben weglassen: Zustellungen, Abweisungen, "
      "Zugriffe.",
      "What was never accepted stands in no log. The server can leave out its own claims: deliveries, refusals, accesses.")),
    (("Dass alle dasselbe sahen", "That everybody saw the same"),
     ("Ohne Zeugen kann es neben dieser Geschichte eine andere geben, die anderen gezeigt wurde. Vergleichen Sie Prüfpunkte mit "
      "anderen Mitgliedern; benannte Zeugen tun das laufend.",
      "Without witnesses there may be another history that others were shown. Compare checkpoints with other members; named "
      "witnesses do so all the time.")),
    (("Wann ein Zeuge hinsah", "When a witness looked"),
     ("Die Zeit einer Gegenzeichnung ist die Uhr des Zeugen. Wie alt der Prüfpunkt der Zeugen beim Erstellen einer Meldung war, "
      "sagt das Programm der absendenden Stelle.",
      "A cosignature's time is the witness's clock. How old the witnesses' checkpoint was when an alert was made is what the "
      "publisher's program says.")),
    (("Wer hinter einem Schlüssel steht", "Who stands behind a key"),
     ("Unterschriften zeigen, welcher Schlüssel unterschrieb. Dass er in den richtigen Händen war, dafür stehen die Registrare "
      "und die Verwaltungen der Organisationen ein.",
      "Signatures show which key signed. That it was in the right hands is what the registrars and the organisations' "
      "administrators vouch for.")),
    (("Die genaue Uhrzeit", "The exact time"),
     ("Zeiten sind die Uhr des Servers. Sie laufen nie rückwärts und müssen zu den Zeiten der Unterzeichnenden passen (5 Minuten "
      "bei einer Unterschrift, bis zu 7 Tage bei mehreren); sie sind keine beglaubigte Zeit.",
      "Times are the server's clock. They never run backwards and must fit the signers' times (5 minutes for one signature, "
      "up to 7 days for several); they are not certified time.")),
    (("Was Empfänger danach taten", "What recipients did next"),
     ("Wer eine Meldung lesen kann, kann sie weitersagen. Eine Rücknahme löscht nichts auf fremden Geräten.",
      "Whoever can read an alert can pass it on. A withdrawal deletes nothing on the devices of others.")),
    (("Eignung für Verschlusssachen", "Fitness for classified information"),
     ("TLP ist kein Geheimschutz. Die Austauschplattform ist nicht für Verschlusssachen bestimmt, auch nicht für VS-NfD, und ist "
      "von niemandem zugelassen oder zertifiziert.",
      "TLP is not a classification scheme. The exchange is not for Verschlusssachen (German classified information), not even "
      "VS-NfD, and is approved or certified by nobody.")),
    (("Dass das Verfahren fehlerfrei ist", "That the construction has no flaw"),
     ("Die Bausteine sind Standards; ihre Zusammensetzung und dieses Programm hat noch niemand von außen geprüft.",
      "The building blocks are standards; their composition and this program have not been reviewed by an outsider yet.")),
)
"""Limits, as (title, text), each (German, English); ``docs/spec/audit.md`` has the same list."""
# fmt: on


def text(key: str, language: Language, /, **values: Any) -> str:
    """A text with its values. Raises KeyError for a key that the table does not have."""
    found = TEXTS[key][0 if language == "de" else 1]
    return found.format(**values) if values else found


def pick(both: tuple[str, str], language: Language) -> str:
    """The German or the English one."""
    return both[0 if language == "de" else 1]
